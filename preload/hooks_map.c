/*
 * preload/hooks_map.c - mapped memory: mmap, munmap, mremap.
 *
 * What libc and the allocator map for themselves does not pass here (they
 * call their own names); what the program and its libraries map does. Only
 * calls that may hold memory of the program's are recorded: anonymous and
 * file mappings alike, with the family saying which.
 */
#include <errno.h>
#include <stdarg.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/hook.h"
#include "preload/record.h"
#include "preload/system.h"

/* Before the real names are known: straight to the kernel, errno as libc. */
static long as_libc(long r)
{
    if (r >= 0 || r < -4095)
        return r;
    errno = (int)-r;
    return -1;
}

static void *map_early(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return (void *)as_libc(system_call(SYS_mmap, (long)at, (long)length, protection, flags, fd, offset));
}

#define MAP(name, offset_type)                                                                    \
    EXPORT void *name(void *at, size_t length, int protection, int flags, int fd, offset_type offset) \
    {                                                                                             \
        struct context *c = HOOK_ENTER_IF(WIRE_GATE_MEMORY, CONTEXT_REAL, false);                                      \
        void *p;                                                                                  \
        if (unlikely(!c))                                                                         \
            return real.name ? real.name(at, length, protection, flags, fd, offset)               \
                             : map_early(at, length, protection, flags, fd, offset);              \
        p = real.name(at, length, protection, flags, fd, offset);                                 \
        if (p != MAP_FAILED)                                                                      \
            record_new(c, HOOK_SITE, flags & MAP_ANONYMOUS ? WIRE_MMAP_ANON : WIRE_MMAP_FILE, p, length, 0); \
        hook_leave(c);                                                                            \
        return p;                                                                                 \
    }

MAP(mmap, off_t)
MAP(mmap64, off64_t)

/* The kernel refuses what reaches beyond, and what does not begin a page. */
#define USER_END ((uintptr_t)1 << 47)

EXPORT int munmap(void *p, size_t length)
{
    bool valid;
    struct context *c = HOOK_ENTER_IF(WIRE_GATE_MEMORY, CONTEXT_REAL, true);
    int r;
    if (unlikely(!c))
        return real.munmap ? real.munmap(p, length) : (int)as_libc(system_call(SYS_munmap, (long)p, (long)length, 0, 0, 0, 0));
    valid = length && !((uintptr_t)p & 4095) && (uintptr_t)p < USER_END && length <= USER_END - (uintptr_t)p;
    if (valid)
        record_drop(c, HOOK_SITE, WIRE_MUNMAP, p, length);
    r = real.munmap(p, length);
    if (unlikely(r && valid)) /* too many mappings for a hole, or sealed: it is there still */
        record_new(c, HOOK_SITE, WIRE_MMAP_ANON, p, length, 0);
    hook_leave(c);
    return r;
}

EXPORT void *mremap(void *p, size_t old_length, size_t length, int flags, ...)
{
    struct context *c;
    void *at, *q;
    bool moves;
    va_list more;
    va_start(more, flags); /* which flags have it is for the real function to say */
    at = va_arg(more, void *);
    va_end(more);
    c = HOOK_ENTER_IF(WIRE_GATE_MEMORY, CONTEXT_REAL, true);
    if (unlikely(!c))
        return real.mremap ? real.mremap(p, old_length, length, flags, at)
                           : (void *)as_libc(system_call(SYS_mremap, (long)p, (long)old_length, (long)length, flags, (long)at, 0));
    moves = old_length && !(flags & MREMAP_DONTUNMAP); /* else the old mapping stays */
    if (moves)
        record_realloc_begin(c, HOOK_SITE, WIRE_MREMAP, p, length, old_length);
    q = real.mremap(p, old_length, length, flags, at);
    if (moves)
        record_realloc_end(c, HOOK_SITE, WIRE_MREMAP, q == MAP_FAILED ? NULL : q, length, p, old_length);
    else if (q != MAP_FAILED)
        record_new(c, HOOK_SITE, WIRE_MREMAP, q, length, 0);
    hook_leave(c);
    return q;
}
