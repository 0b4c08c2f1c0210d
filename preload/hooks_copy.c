/*
 * preload/hooks_copy.c - memcpy, memset, strcpy and their kin, with their
 * fortified forms.
 *
 * The calls that programs make most. One comparison sends those of fewer bytes
 * than the plan's on to the real function, by a jump; the others jump to copy.c,
 * and so do all while the real functions are not known, from the first
 * instruction of the process on: a least size of 0 says so, and nothing here
 * needs a relocation to see it. Of strings only the length tells, so all of
 * them go there while copies are recorded at all.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/copy.h"
#include "preload/rules.h"

static inline uint64_t least_bytes(void) { return load_acquire(&process.copies_min); }
/* Copies are not recorded now, or this one is not (of those that all tell): the session's gate, which is not looked at before the
 * real functions are known. */
static inline bool is_passed(bool tells)
{
    uint32_t gate;
    if (!least_bytes())
        return false;
    gate = gate_now();
    return !(gate & WIRE_GATE_COPIES) || (unlikely(gate & WIRE_GATE_FILTERED) && tells && rules_door_copy(gate));
}

#define COPY(...) COPY_AS(__VA_ARGS__)
#define COPY_AS(hook, name, type, parameters, arguments, passes, tells)                          \
    type hook parameters;                                                                        \
    EXPORT type hook parameters                                                                  \
    {                                                                                            \
        if (likely(passes) || unlikely(is_passed(tells)))                                         \
            return real.name arguments;                                                          \
        return copy_##name arguments;                                                            \
    }
/* When it is passed on, and whether the others are all long enough to tell. */
#define BY_SIZE (n < least_bytes()), true
#define BY_SIZE_IN_ROOM (n < least_bytes() && n <= room), (n <= room)
#define BY_LENGTH (least_bytes() == UINT64_MAX), false

COPY(HOOKED(memcpy, ), memcpy, void *, (void *to, const void *from, size_t n), (to, from, n), BY_SIZE)
COPY(memmove, memmove, void *, (void *to, const void *from, size_t n), (to, from, n), BY_SIZE)
COPY(mempcpy, mempcpy, void *, (void *to, const void *from, size_t n), (to, from, n), BY_SIZE)
COPY(memset, memset, void *, (void *to, int byte, size_t n), (to, byte, n), BY_SIZE)
COPY(bcopy, bcopy, void, (const void *from, void *to, size_t n), (from, to, n), BY_SIZE)
COPY(bzero, bzero, void, (void *to, size_t n), (to, n), BY_SIZE)
COPY(explicit_bzero, explicit_bzero, void, (void *to, size_t n), (to, n), BY_SIZE)
COPY(strcpy, strcpy, char *, (char *to, const char *from), (to, from), BY_LENGTH)
COPY(stpcpy, stpcpy, char *, (char *to, const char *from), (to, from), BY_LENGTH)
COPY(strncpy, strncpy, char *, (char *to, const char *from, size_t n), (to, from, n), BY_SIZE)
COPY(stpncpy, stpncpy, char *, (char *to, const char *from, size_t n), (to, from, n), BY_SIZE)
COPY(strcat, strcat, char *, (char *to, const char *from), (to, from), BY_LENGTH)
COPY(strncat, strncat, char *, (char *to, const char *from, size_t n), (to, from, n), BY_LENGTH)

COPY(__memcpy_chk, __memcpy_chk, void *, (void *to, const void *from, size_t n, size_t room), (to, from, n, room), BY_SIZE_IN_ROOM)
COPY(__memmove_chk, __memmove_chk, void *, (void *to, const void *from, size_t n, size_t room), (to, from, n, room), BY_SIZE_IN_ROOM)
COPY(__mempcpy_chk, __mempcpy_chk, void *, (void *to, const void *from, size_t n, size_t room), (to, from, n, room), BY_SIZE_IN_ROOM)
COPY(__memset_chk, __memset_chk, void *, (void *to, int byte, size_t n, size_t room), (to, byte, n, room), BY_SIZE_IN_ROOM)
COPY(__explicit_bzero_chk, __explicit_bzero_chk, void, (void *to, size_t n, size_t room), (to, n, room), BY_SIZE_IN_ROOM)
COPY(__strcpy_chk, __strcpy_chk, char *, (char *to, const char *from, size_t room), (to, from, room), BY_LENGTH)
COPY(__stpcpy_chk, __stpcpy_chk, char *, (char *to, const char *from, size_t room), (to, from, room), BY_LENGTH)
COPY(__strncpy_chk, __strncpy_chk, char *, (char *to, const char *from, size_t n, size_t room), (to, from, n, room), BY_SIZE_IN_ROOM)
COPY(__stpncpy_chk, __stpncpy_chk, char *, (char *to, const char *from, size_t n, size_t room), (to, from, n, room), BY_SIZE_IN_ROOM)
COPY(__strcat_chk, __strcat_chk, char *, (char *to, const char *from, size_t room), (to, from, room), BY_LENGTH)
COPY(__strncat_chk, __strncat_chk, char *, (char *to, const char *from, size_t n, size_t room), (to, from, n, room), BY_LENGTH)

#ifdef REAL_VERSIONS
COPY(memcpy_hook_then, memcpy_then, void *, (void *to, const void *from, size_t n), (to, from, n), BY_SIZE)
HOOKED_TWICE(memcpy, GLIBC_2.14, GLIBC_2.2.5)
#endif

HOOK_ALIAS(__mempcpy, mempcpy)
HOOK_ALIAS(__stpcpy, stpcpy)
HOOK_ALIAS(__stpncpy, stpncpy)
HOOK_ALIAS(__bzero, bzero)
