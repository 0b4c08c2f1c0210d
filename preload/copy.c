/*
 * preload/copy.c - see copy.h.
 *
 * Recorded before the real call: what it does may be the last that the program
 * does. Strings are measured no further than it takes to know that they are too
 * short to tell, unless they are to be told. What glibc would refuse is told
 * whatever its size: it aborts the program then.
 */
#include "preload/copy.h"

#include "preload/record.h"
#include "preload/rules.h"

/* Before the real functions are known. */
#define EARLY(call)                                        \
    if (unlikely(!load_acquire(&process.copies_min)))      \
        return call;

enum { CHECKED = WIRE_COPY_CHECKED };

/* libc's own are content with a stack that is not aligned; what comes from here on is not. */
#if defined(__x86_64__)
#define ON_ANY_STACK __attribute__((noinline, force_align_arg_pointer))
#else
#define ON_ANY_STACK __attribute__((noinline))
#endif

/* So many bytes were to be written, so many read. */
static ON_ANY_STACK void copied(const struct hook_frame *site, unsigned family, const void *to, size_t written,
                                             const void *from, size_t read)
{
    struct context *c;
    if (load_relaxed(&process.copies_min) == UINT64_MAX || !(c = hook_enter((uintptr_t)site, site->pc, CONTEXT_RECORD, false)))
        return;
    if (!from)
        record_put(c, site, WIRE_COPY | family << 8, (uintptr_t)to, written);
    else if (read == written)
        record_put_word(c, site, WIRE_COPY | family << 8, (uintptr_t)to, written, (uintptr_t)from);
    else
        record_copy_padded(c, site, WIRE_COPY | family << 8, to, written, from, read);
    hook_leave(c);
}

#define COPIES(name, early, family, type, parameters, arguments, to, from)         \
    type copy_##name parameters                                                    \
    {                                                                              \
        EARLY(early)                                                               \
        copied(HOOK_SITE, family, to, n, from, n);                                 \
        return real.name arguments;                                                \
    }
#define ROOM , size_t room

COPIES(memcpy, plain_memmove(to, from, n), WIRE_COPY_MEMCPY, void *, (void *to, const void *from, size_t n), (to, from, n), to, from)
COPIES(memcpy_then, plain_memmove(to, from, n), WIRE_COPY_MEMMOVE, void *, (void *to, const void *from, size_t n), (to, from, n), to, from)
COPIES(memmove, plain_memmove(to, from, n), WIRE_COPY_MEMMOVE, void *, (void *to, const void *from, size_t n), (to, from, n), to, from)
COPIES(mempcpy, (char *)plain_memmove(to, from, n) + n, WIRE_COPY_MEMPCPY, void *, (void *to, const void *from, size_t n), (to, from, n), to, from)
COPIES(memset, plain_memset(to, byte, n), WIRE_COPY_MEMSET, void *, (void *to, int byte, size_t n), (to, byte, n), to, NULL)
COPIES(bcopy, (void)plain_memmove(to, from, n), WIRE_COPY_BCOPY, void, (const void *from, void *to, size_t n), (from, to, n), to, from)
COPIES(bzero, (void)plain_memset(to, 0, n), WIRE_COPY_BZERO, void, (void *to, size_t n), (to, n), to, NULL)
COPIES(explicit_bzero, (void)plain_memset(to, 0, n), WIRE_COPY_BZERO, void, (void *to, size_t n), (to, n), to, NULL)
COPIES(__memcpy_chk, plain_memmove(to, from, n), WIRE_COPY_MEMCPY | CHECKED, void *, (void *to, const void *from, size_t n ROOM), (to, from, n, room), to, from)
COPIES(__memmove_chk, plain_memmove(to, from, n), WIRE_COPY_MEMMOVE | CHECKED, void *, (void *to, const void *from, size_t n ROOM), (to, from, n, room), to, from)
COPIES(__mempcpy_chk, (char *)plain_memmove(to, from, n) + n, WIRE_COPY_MEMPCPY | CHECKED, void *, (void *to, const void *from, size_t n ROOM), (to, from, n, room), to, from)
COPIES(__memset_chk, plain_memset(to, byte, n), WIRE_COPY_MEMSET | CHECKED, void *, (void *to, int byte, size_t n ROOM), (to, byte, n, room), to, NULL)
COPIES(__explicit_bzero_chk, (void)plain_memset(to, 0, n), WIRE_COPY_BZERO | CHECKED, void, (void *to, size_t n ROOM), (to, n, room), to, NULL)

/* ---- strings ---- */

static inline size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

/* A string's door did not know whether it is long enough to tell; it is. */
static ON_ANY_STACK void string_told(const struct hook_frame *site, unsigned family, const void *to, size_t written, const void *from, size_t read)
{
    uint32_t gate = gate_now();
    if (!(gate & WIRE_GATE_FILTERED) || !rules_door_copy(gate))
        copied(site, family, to, written, from, read);
}

/* `from`, of which at most `n` bytes are taken, goes to `to` with a \0 behind it,
 * where `left` bytes are. Told when it is long enough, or too long. */
static inline __attribute__((always_inline)) void string_copied(const struct hook_frame *site, unsigned family, const char *to,
                                                                const char *from, size_t n, size_t left)
{
    size_t tells = least_of(load_relaxed(&process.copies_min) - 1, left), length = strnlen(from, least_of(n, tells));
    if (likely(length < tells))
        return;
    length += n == SIZE_MAX ? strlen(from + length) : strnlen(from + length, n - length);
    string_told(site, family, to, length + 1, from, length == n ? length : length + 1);
}

/* `n` bytes are written, those behind the string's end are \0. */
static inline __attribute__((always_inline)) void string_padded(const struct hook_frame *site, unsigned family, const char *to,
                                                                const char *from, size_t n)
{
    copied(site, family, to, n, from, least_of(strnlen(from, n) + 1, n));
}

#define STRINGS(name, early, type, parameters, arguments, told)   \
    type copy_##name parameters                                   \
    {                                                             \
        EARLY(early)                                              \
        told;                                                     \
        return real.name arguments;                               \
    }
#define TELL(family, n, left) string_copied(HOOK_SITE, family, to, from, n, left)
#define TELL_PADDED(family) string_padded(HOOK_SITE, family, to, from, n)
/* strcat's writing begins at the end of what is there: looked for only if it tells. */
#define TELL_BEHIND(family, n)                                                                          \
    if (unlikely(strnlen(from, least_of(n, load_relaxed(&process.copies_min) - 1)) + 1 >= load_relaxed(&process.copies_min))) \
        string_copied(HOOK_SITE, family, to + strlen(to), from, n, SIZE_MAX)
#define TELL_BEHIND_IN(family, n)                                              \
    do {                                                                       \
        size_t there = strnlen(to, room);                                      \
        string_copied(HOOK_SITE, family, to + there, from, n, room - there);   \
    } while (0)

STRINGS(strcpy, (plain_stpcpy(to, from), to), char *, (char *to, const char *from), (to, from), TELL(WIRE_COPY_STRCPY, SIZE_MAX, SIZE_MAX))
STRINGS(stpcpy, plain_stpcpy(to, from), char *, (char *to, const char *from), (to, from), TELL(WIRE_COPY_STPCPY, SIZE_MAX, SIZE_MAX))
STRINGS(strncpy, (plain_stpncpy(to, from, n), to), char *, (char *to, const char *from, size_t n), (to, from, n), TELL_PADDED(WIRE_COPY_STRNCPY))
STRINGS(stpncpy, plain_stpncpy(to, from, n), char *, (char *to, const char *from, size_t n), (to, from, n), TELL_PADDED(WIRE_COPY_STPNCPY))
STRINGS(strcat, plain_strcat(to, from), char *, (char *to, const char *from), (to, from), TELL_BEHIND(WIRE_COPY_STRCAT, SIZE_MAX))
STRINGS(strncat, plain_strncat(to, from, n), char *, (char *to, const char *from, size_t n), (to, from, n), TELL_BEHIND(WIRE_COPY_STRNCAT, n))
STRINGS(__strcpy_chk, (plain_stpcpy(to, from), to), char *, (char *to, const char *from ROOM), (to, from, room), TELL(WIRE_COPY_STRCPY | CHECKED, SIZE_MAX, room))
STRINGS(__stpcpy_chk, plain_stpcpy(to, from), char *, (char *to, const char *from ROOM), (to, from, room), TELL(WIRE_COPY_STPCPY | CHECKED, SIZE_MAX, room))
STRINGS(__strncpy_chk, (plain_stpncpy(to, from, n), to), char *, (char *to, const char *from, size_t n ROOM), (to, from, n, room), TELL_PADDED(WIRE_COPY_STRNCPY | CHECKED))
STRINGS(__stpncpy_chk, plain_stpncpy(to, from, n), char *, (char *to, const char *from, size_t n ROOM), (to, from, n, room), TELL_PADDED(WIRE_COPY_STPNCPY | CHECKED))
STRINGS(__strcat_chk, plain_strcat(to, from), char *, (char *to, const char *from ROOM), (to, from, room), TELL_BEHIND_IN(WIRE_COPY_STRCAT | CHECKED, SIZE_MAX))
STRINGS(__strncat_chk, plain_strncat(to, from, n), char *, (char *to, const char *from, size_t n ROOM), (to, from, n, room), TELL_BEHIND_IN(WIRE_COPY_STRNCAT | CHECKED, n))
