/*
 * preload/hooks_cond.c - condition variables of POSIX.
 *
 * The mutex is given up and taken again inside libc, unseen: the wait's two
 * records stand for both. x86-64's libc has two kinds of conditions, the older
 * one for programs linked before 2.3.2; each function goes on to its own kind.
 */
#include "preload/lock.h"
#include "preload/rules.h"

#define COND_WAIT(name, version, arguments, names, valid, flag)                                     \
    LOCK_BLOCKS(name##version, int, arguments, names)                                               \
    int HOOKED(name, version) arguments;                                                            \
    EXPORT int HOOKED(name, version) arguments                                                      \
    {                                                                                               \
        struct lock_within w;                                                                       \
        int r;                                                                                      \
        LOCK_OFF(name##version, names, 0)                                                           \
        if (unlikely(!(valid) || !lock_cond_wait(&w, HOOK_SITE, WIRE_LOCK_COND | (flag), c, m)))    \
            return real.name##version names;                                                        \
        r = name##version##_blocks names;                                                           \
        lock_cond_woken(&w, (unsigned)r);                                                           \
        return r;                                                                                   \
    }

#define COND_TELL(name, version, kind)                            \
    int HOOKED(name, version)(pthread_cond_t *c);                  \
    EXPORT int HOOKED(name, version)(pthread_cond_t *c)            \
    {                                                             \
        LOCK_OFF(name##version, (c), 0)                           \
        if (((kind) & 255) == WIRE_SIGNAL && gate_now() & WIRE_GATE_FILTERED && rules_door_lock(gate_now())) \
            return real.name##version(c);                         \
        lock_note(HOOK_SITE, kind, c, 0);                         \
        return real.name##version(c);                             \
    }

#define COND_INIT(name, version, bytes)                                                              \
    int HOOKED(name, version)(pthread_cond_t *c, const pthread_condattr_t *attributes);        \
    EXPORT int HOOKED(name, version)(pthread_cond_t *c, const pthread_condattr_t *attributes)  \
    {                                                                                         \
        int r, shared = PTHREAD_PROCESS_PRIVATE;                                              \
        LOCK_OFF(name##version, (c, attributes), (memset(c, 0, bytes), 0))                    \
        r = real.name##version(c, attributes);                                                \
        if (!r && attributes)                                                                 \
            pthread_condattr_getpshared(attributes, &shared);                                 \
        if (!r)                                                                               \
            lock_note(HOOK_SITE, LOCK_KIND(LOCK_INIT, COND), c, lock_shared(shared == PTHREAD_PROCESS_SHARED)); \
        return r;                                                                             \
    }

#define CONDITIONS(version, bytes)                                                                                          \
    COND_INIT(pthread_cond_init, version, bytes)                                                                        \
    COND_TELL(pthread_cond_destroy, version, LOCK_KIND(LOCK_DESTROY, COND))                                          \
    COND_TELL(pthread_cond_signal, version, LOCK_KIND(SIGNAL, COND))                                                 \
    COND_TELL(pthread_cond_broadcast, version, LOCK_KIND(SIGNAL, COND) | LOCK_FLAG)                                  \
    COND_WAIT(pthread_cond_wait, version, (pthread_cond_t *c, pthread_mutex_t *m), (c, m), true, 0)                  \
    COND_WAIT(pthread_cond_timedwait, version, (pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until), \
              (c, m, until), lock_time_valid(until), WIRE_LOCK_FLAG)


CONDITIONS(, sizeof *c)
LOCK_BLOCKS(pthread_cond_clockwait, int, (pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until),
            (c, m, clock, until))

EXPORT int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock, const struct timespec *until)
{
    struct lock_within w;
    int r;
    LOCK_OFF(pthread_cond_clockwait, (c, m, clock, until), 0)
    if (unlikely(!lock_clock_valid(clock) || !lock_time_valid(until) ||
                 !lock_cond_wait(&w, HOOK_SITE, WIRE_LOCK_COND | WIRE_LOCK_FLAG, c, m)))
        return real.pthread_cond_clockwait(c, m, clock, until);
    r = pthread_cond_clockwait_blocks(c, m, clock, until);
    lock_cond_woken(&w, (unsigned)r);
    return r;
}

#ifdef REAL_VERSIONS
CONDITIONS(_then, sizeof(void *))
HOOKED_TWICE(pthread_cond_init, GLIBC_2.3.2, GLIBC_2.2.5)
HOOKED_TWICE(pthread_cond_destroy, GLIBC_2.3.2, GLIBC_2.2.5)
HOOKED_TWICE(pthread_cond_wait, GLIBC_2.3.2, GLIBC_2.2.5)
HOOKED_TWICE(pthread_cond_timedwait, GLIBC_2.3.2, GLIBC_2.2.5)
HOOKED_TWICE(pthread_cond_signal, GLIBC_2.3.2, GLIBC_2.2.5)
HOOKED_TWICE(pthread_cond_broadcast, GLIBC_2.3.2, GLIBC_2.2.5)
#endif
