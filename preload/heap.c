/*
 * preload/heap.c - see heap.h: malloc and its kin, where memory is recorded.
 *
 * Releases are recorded before the real call, acquisitions after it, a
 * realloc on both sides. What a hook cannot record it forwards; before the
 * real functions are known, and for blocks of that time for ever, the arena
 * serves.
 */
#include <errno.h>
#include <string.h>

#include "preload/arena.h"
#include "preload/heap.h"
#include "preload/record.h"

/* Before the real functions are known. */
static void *early(size_t bytes, size_t alignment)
{
    void *p = arena_alloc(bytes, alignment);
    fence_full(); /* A, pairs with B in heap_doors_open: before anybody can have it to release */
    heap_doors_look();
    return p;
}

/* An allocation inside operator new that fails may be followed by an
 * exception: the operator's guard must not stay (see hooks_cxx.c). */
void *heap_inner(void *p)
{
    if (unlikely(!p) && (context.guard & CONTEXT_STATES) == CONTEXT_CXX)
        context.guard = 0;
    return p;
}

void *heap_malloc(size_t size)
{
    struct context *c = HOOK_ENTER(CONTEXT_REAL, false);
    void *p;
    if (unlikely(!c))
        return real.malloc ? heap_inner(real.malloc(size)) : early(size, 16);
    p = real.malloc(size);
    if (likely(p != NULL))
        record_new(c, HOOK_SITE, WIRE_MALLOC, p, size, 0);
    hook_leave(c);
    return p;
}

void heap_free(void *p)
{
    struct context *c;
    if (unlikely(arena_has(p)))
        return;
    c = HOOK_ENTER(CONTEXT_REAL, true);
    if (unlikely(!c)) {
        if (real.free)
            real.free(p);
        return;
    }
    if (p)
        record_drop(c, HOOK_SITE, WIRE_FREE, p, 0);
    real.free(p);
    hook_leave(c);
}

void *heap_calloc(size_t n, size_t size)
{
    struct context *c = HOOK_ENTER(CONTEXT_REAL, false);
    void *p;
    if (unlikely(!c)) {
        size_t bytes;
        if (real.calloc)
            return heap_inner(real.calloc(n, size));
        return __builtin_mul_overflow(n, size, &bytes) ? NULL : early(bytes, 16);
    }
    p = real.calloc(n, size);
    if (likely(p != NULL))
        record_new(c, HOOK_SITE, WIRE_CALLOC, p, n * size, 0);
    hook_leave(c);
    return p;
}

/* A block of the arena moves to the heap; the old one stays where it is. */
static void *realloc_from_arena(void *p, size_t size)
{
    size_t had = arena_size(p);
    void *q = real.malloc ? heap_malloc(size) : early(size, 16);
    if (q)
        memcpy(q, p, had < size ? had : size);
    return q;
}

static void *realloc_record(struct context *c, const struct hook_frame *site, unsigned family,
                            void *p, size_t size, void *(*call)(void *, size_t, size_t), size_t n, size_t each)
{
    void *q;
    if (!p) {
        q = call(p, n, each);
        if (q)
            record_new(c, site, family, q, size, 0);
    } else if (size == 0) { /* glibc frees; another libc may give a block of no bytes */
        record_drop(c, site, WIRE_FREE, p, 0);
        q = call(p, n, each);
        if (q)
            record_new(c, site, family, q, 0, 0);
    } else {
        record_realloc_begin(c, site, family, p, size, 0);
        q = call(p, n, each);
        record_realloc_end(c, site, family, q, size, p, 0);
    }
    return q;
}

static void *call_realloc(void *p, size_t n, size_t each) { return real.realloc(p, n); }
static void *call_reallocarray(void *p, size_t n, size_t each) { return real.reallocarray(p, n, each); }

void *heap_realloc(void *p, size_t size)
{
    struct context *c;
    void *q;
    if (unlikely(arena_has(p)))
        return realloc_from_arena(p, size);
    c = HOOK_ENTER(CONTEXT_REAL, false);
    if (unlikely(!c))
        return real.realloc ? heap_inner(real.realloc(p, size)) : early(size, 16);
    q = realloc_record(c, HOOK_SITE, WIRE_REALLOC, p, size, call_realloc, size, 1);
    hook_leave(c);
    return q;
}

void *heap_reallocarray(void *p, size_t n, size_t each)
{
    struct context *c;
    void *q;
    size_t size;
    if (__builtin_mul_overflow(n, each, &size)) { /* refused: the block stays, nothing to record */
        errno = ENOMEM;
        return NULL;
    }
    if (unlikely(arena_has(p)))
        return realloc_from_arena(p, size);
    c = HOOK_ENTER(CONTEXT_REAL, false);
    if (unlikely(!c))
        return real.reallocarray ? heap_inner(real.reallocarray(p, n, each)) : early(size, 16);
    q = realloc_record(c, HOOK_SITE, WIRE_REALLOCARRAY, p, size, call_reallocarray, n, each);
    hook_leave(c);
    return q;
}

int heap_posix_memalign(void **to, size_t alignment, size_t size)
{
    struct context *c = HOOK_ENTER(CONTEXT_REAL, false);
    int r;
    if (unlikely(!c)) {
        if (!real.posix_memalign) {
            *to = early(size, alignment);
            return *to ? 0 : ENOMEM;
        }
        r = real.posix_memalign(to, alignment, size);
        heap_inner(r ? NULL : *to);
        return r;
    }
    r = real.posix_memalign(to, alignment, size);
    if (!r)
        record_new(c, HOOK_SITE, WIRE_POSIX_MEMALIGN, *to, size, alignment);
    hook_leave(c);
    return r;
}

#define ALIGNED(name, arguments, names, family, size_, alignment_)   \
    void *heap_##name arguments                                      \
    {                                                                \
        struct context *c = HOOK_ENTER(CONTEXT_REAL, false);         \
        void *p;                                                     \
        if (unlikely(!c))                                            \
            return real.name ? heap_inner(real.name names) : early(size_, alignment_); \
        p = real.name names;                                         \
        if (p)                                                       \
            record_new(c, HOOK_SITE, family, p, size_, alignment_); \
        hook_leave(c);                                               \
        return p;                                                    \
    }

ALIGNED(aligned_alloc, (size_t alignment, size_t size), (alignment, size), WIRE_ALIGNED_ALLOC, size, alignment)
ALIGNED(memalign, (size_t alignment, size_t size), (alignment, size), WIRE_MEMALIGN, size, alignment)
ALIGNED(valloc, (size_t size), (size), WIRE_VALLOC, size, 4096)
ALIGNED(pvalloc, (size_t size), (size), WIRE_PVALLOC, size, 4096)

/* What the program may write to, of a copy's bounds. Programs that keep books of
 * their memory ask for every block: it is said once that they do, and no more. */
enum { USABLE_TOLD_MAX = 4096 };
static atomic_u32 usable_told;

static inline bool usable_tells(void)
{
    return load_relaxed(&usable_told) <= USABLE_TOLD_MAX && load_relaxed(&process.copies_min) != UINT64_MAX;
}

size_t heap_malloc_usable_size(void *p)
{
    struct context *c;
    size_t usable;
    if (unlikely(arena_has(p)))
        return arena_size(p);
    if (unlikely(!real.malloc_usable_size))
        process_begin();
    usable = real.malloc_usable_size ? real.malloc_usable_size(p) : 0;
    if (unlikely(p && usable_tells()) && (c = HOOK_ENTER(CONTEXT_REAL, false))) {
        bool last = usable_told == USABLE_TOLD_MAX;
        store_relaxed(&usable_told, load_relaxed(&usable_told) + 1);
        record_put_bare(c, WIRE_USABLE, last ? 0 : (uintptr_t)p, last ? 0 : usable);
        hook_leave(c);
    }
    return usable;
}

/* C23's: of the libc where it has them, else plain free, as C23 allows. */
#define FREE_SIZED(name, arguments, names, family)                 \
    void heap_##name arguments                                     \
    {                                                              \
        struct context *c;                                         \
        __typeof__(name) *f;                                       \
        if (unlikely(arena_has(p)))                                \
            return;                                                \
        c = HOOK_ENTER(CONTEXT_REAL, true);                        \
        f = REAL_LATER(name);                                      \
        if (c && p)                                                \
            record_drop(c, HOOK_SITE, family, p, size);           \
        if (f)                                                     \
            f names;                                               \
        else if (real.free)                                        \
            real.free(p);                                          \
        if (c)                                                     \
            hook_leave(c);                                         \
    }

FREE_SIZED(free_sized, (void *p, size_t size), (p, size), WIRE_FREE_SIZED)
FREE_SIZED(free_aligned_sized, (void *p, size_t alignment, size_t size), (p, alignment, size), WIRE_FREE_ALIGNED_SIZED)
