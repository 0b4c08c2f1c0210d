/*
 * preload/hooks_lock.c - mutexes, read-write locks and spin locks of POSIX.
 *
 * See lock.h for their shape. A lock is first tried for: free and busy are the
 * same to the try and to the function called, and whatever else comes of it is
 * left to that function to say. Where libc looks at its arguments first (the
 * clock, a read-write lock's time) so do we. Robust mutexes and those with
 * priorities of their own are only looked at: glibc's try leaves one that is
 * lost for good locked.
 */
#include "preload/lock.h"

/* ---- mutexes ---- */

static inline __attribute__((always_inline)) int mutex_took(const struct hook_frame *site, unsigned flag, pthread_mutex_t *m, int r)
{
    if (likely(!r))
        lock_got(site, LOCK_KIND(ACQUIRE, MUTEX) | flag, m, lock_mutex_type(m));
    else if (r == EOWNERDEAD)
        lock_got(site, LOCK_KIND(ACQUIRE, MUTEX) | flag, m, lock_mutex_type(m) | WIRE_LOCK_TYPE_OWNER_DIED);
    else
        lock_note(site, LOCK_KIND(WAIT_END, MUTEX) | flag, m, (unsigned)r);
    return r;
}

static bool mutex_is_held(const pthread_mutex_t *m)
{
    enum { CEILING = 0xfff80000u };
    unsigned word = (unsigned)__atomic_load_n(&m->__data.__lock, __ATOMIC_RELAXED);
    return (m->__data.__kind & MUTEX_PROTECT ? word & ~CEILING : word & MUTEX_OWNER) != 0;
}

/* Locked again by its owner, who need not wait. */
static bool mutex_is_again(const pthread_mutex_t *m)
{
    return (m->__data.__kind & MUTEX_TYPES) == MUTEX_RECURSIVE &&
           (uint32_t)__atomic_load_n(&m->__data.__owner, __ATOMIC_RELAXED) == context.writer.slot->tid;
}

/* Apart: inlined it would cost every lock registers. */
static __attribute__((noinline)) int mutex_look(const pthread_mutex_t *m)
{
    return mutex_is_held(m) && !mutex_is_again(m) ? EBUSY : -1;
}

/* 0: it is got. EBUSY: somebody has it. -1: it seems free. */
static inline __attribute__((always_inline)) int mutex_try(pthread_mutex_t *m)
{
    if (unlikely(m->__data.__kind & (MUTEX_ROBUST | MUTEX_INHERIT | MUTEX_PROTECT)))
        return mutex_look(m);
    return real.pthread_mutex_trylock(m);
}

#define MUTEX_LOCK(hook, off, name, arguments, names, valid, flag)             \
    hook                                                                       \
    {                                                                          \
        int r;                                                                 \
        off                                                                    \
        if (unlikely(!(valid) || !lock_room(HOOK_SITE)))                       \
            return real.name names;                                            \
        r = mutex_try(m);                                                      \
        if (unlikely(r)) {                                                     \
            if (r == EBUSY)                                                    \
                lock_wait(HOOK_SITE, LOCK_KIND(WAIT, MUTEX) | (flag), m);      \
            r = real.name names;                                               \
        }                                                                      \
        return mutex_took(HOOK_SITE, 0, m, r);                                 \
    }

MUTEX_LOCK(LOCK_HOT(pthread_mutex_lock, (pthread_mutex_t *m)), LOCK_EARLY(pthread_mutex_lock, 0), pthread_mutex_lock,
           (pthread_mutex_t *m), (m), true, 0)
MUTEX_LOCK(EXPORT int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *until), LOCK_OFF(pthread_mutex_timedlock, (m, until), 0),
           pthread_mutex_timedlock, (pthread_mutex_t *m, const struct timespec *until), (m, until), true, LOCK_FLAG)
MUTEX_LOCK(EXPORT int pthread_mutex_clocklock(pthread_mutex_t *m, clockid_t clock, const struct timespec *until),
           LOCK_OFF(pthread_mutex_clocklock, (m, clock, until), 0), pthread_mutex_clocklock,
           (pthread_mutex_t *m, clockid_t clock, const struct timespec *until), (m, clock, until), lock_clock_valid(clock), LOCK_FLAG)

LOCK_HOT(pthread_mutex_trylock, (pthread_mutex_t *m))
{
    LOCK_EARLY(pthread_mutex_trylock, 0)
    if (unlikely(!lock_room(HOOK_SITE)))
        return real.pthread_mutex_trylock(m);
    return mutex_took(HOOK_SITE, LOCK_FLAG, m, real.pthread_mutex_trylock(m));
}

LOCK_HOT(pthread_mutex_unlock, (pthread_mutex_t *m))
{
    LOCK_EARLY(pthread_mutex_unlock, 0)
    lock_note(HOOK_SITE, LOCK_KIND(RELEASE, MUTEX), m, 0);
    return real.pthread_mutex_unlock(m);
}

EXPORT int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attributes)
{
    int r, shared = PTHREAD_PROCESS_PRIVATE;
    LOCK_OFF(pthread_mutex_init, (m, attributes), (memset(m, 0, sizeof *m), 0))
    r = real.pthread_mutex_init(m, attributes);
    if (!r && attributes)
        pthread_mutexattr_getpshared(attributes, &shared);
    if (!r)
        lock_note(HOOK_SITE, LOCK_KIND(LOCK_INIT, MUTEX), m,
                  lock_mutex_type(m) | lock_shared(shared == PTHREAD_PROCESS_SHARED));
    return r;
}

EXPORT int pthread_mutex_destroy(pthread_mutex_t *m)
{
    LOCK_OFF(pthread_mutex_destroy, (m), 0)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, MUTEX), m, 0);
    return real.pthread_mutex_destroy(m);
}

EXPORT int pthread_mutex_consistent(pthread_mutex_t *m)
{
    int r;
    LOCK_OFF(pthread_mutex_consistent, (m), 0)
    r = real.pthread_mutex_consistent(m);
    if (!r)
        lock_note(HOOK_SITE, LOCK_KIND(LOCK_CONSISTENT, MUTEX), m, 0);
    return r;
}

/* libc's own names for them, which old programs and libraries call. */
#define ALSO(name) HOOK_ALIAS(__##name, name)
ALSO(pthread_mutex_init)
ALSO(pthread_mutex_destroy)

/* ---- read-write locks ---- */

static inline __attribute__((always_inline)) int rwlock_took(const struct hook_frame *site, unsigned family, pthread_rwlock_t *l, int r)
{
    if (likely(!r))
        lock_got(site, WIRE_ACQUIRE | family << 8, l, lock_shared(l->__data.__shared));
    else
        lock_note(site, WIRE_WAIT_END | family << 8, l, (unsigned)r);
    return r;
}

#define RWLOCK(hook, off, name, try_name, arguments, names, family, valid, flag) \
    hook                                                                       \
    {                                                                          \
        int r;                                                                 \
        off                                                                    \
        if (unlikely(!(valid) || !lock_room(HOOK_SITE)))                       \
            return real.name names;                                            \
        r = real.try_name(l);                                                  \
        if (unlikely(r)) {                                                     \
            if (r == EBUSY)                                                    \
                lock_wait(HOOK_SITE, WIRE_WAIT | (family) << 8 | (flag), l);   \
            r = real.name names;                                               \
        }                                                                      \
        return rwlock_took(HOOK_SITE, family, l, r);                           \
    }
#define RWLOCK_TIMED(name, try_name, arguments, names, family, valid) \
    RWLOCK(EXPORT int name arguments, LOCK_OFF(name, names, 0), name, try_name, arguments, names, family, valid, LOCK_FLAG)
#define RWLOCKS(kind, family)                                                                                                  \
    RWLOCK(LOCK_HOT(pthread_rwlock_##kind, (pthread_rwlock_t *l)), LOCK_EARLY(pthread_rwlock_##kind, 0), pthread_rwlock_##kind, \
           pthread_rwlock_try##kind, (pthread_rwlock_t *l), (l), family, true, 0)                                              \
    RWLOCK_TIMED(pthread_rwlock_timed##kind, pthread_rwlock_try##kind, (pthread_rwlock_t *l, const struct timespec *until),    \
                 (l, until), family, lock_time_valid(until))                                                                   \
    RWLOCK_TIMED(pthread_rwlock_clock##kind, pthread_rwlock_try##kind,                                                         \
                 (pthread_rwlock_t *l, clockid_t clock, const struct timespec *until), (l, clock, until), family,              \
                 lock_clock_valid(clock) && lock_time_valid(until))                                                            \
    LOCK_HOT(pthread_rwlock_try##kind, (pthread_rwlock_t *l))                                                                  \
    {                                                                                                                          \
        LOCK_EARLY(pthread_rwlock_try##kind, 0)                                                                                \
        if (unlikely(!lock_room(HOOK_SITE)))                                                                                   \
            return real.pthread_rwlock_try##kind(l);                                                                           \
        return rwlock_took(HOOK_SITE, (family) | WIRE_LOCK_FLAG, l, real.pthread_rwlock_try##kind(l));                         \
    }

RWLOCKS(rdlock, WIRE_LOCK_RWLOCK_SHARED)
RWLOCKS(wrlock, WIRE_LOCK_RWLOCK)

LOCK_HOT(pthread_rwlock_unlock, (pthread_rwlock_t *l))
{
    LOCK_EARLY(pthread_rwlock_unlock, 0)
    lock_note(HOOK_SITE, l->__data.__cur_writer ? LOCK_KIND(RELEASE, RWLOCK) : LOCK_KIND(RELEASE, RWLOCK_SHARED), l, 0);
    return real.pthread_rwlock_unlock(l);
}

EXPORT int pthread_rwlock_init(pthread_rwlock_t *l, const pthread_rwlockattr_t *attributes)
{
    int r;
    LOCK_OFF(pthread_rwlock_init, (l, attributes), (memset(l, 0, sizeof *l), 0))
    r = real.pthread_rwlock_init(l, attributes);
    if (!r)
        lock_note(HOOK_SITE, LOCK_KIND(LOCK_INIT, RWLOCK), l, lock_shared(l->__data.__shared));
    return r;
}

EXPORT int pthread_rwlock_destroy(pthread_rwlock_t *l)
{
    LOCK_OFF(pthread_rwlock_destroy, (l), 0)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, RWLOCK), l, 0);
    return real.pthread_rwlock_destroy(l);
}

ALSO(pthread_rwlock_init)
ALSO(pthread_rwlock_destroy)

/* ---- spin locks ---- */

LOCK_HOT(pthread_spin_lock, (pthread_spinlock_t *l))
{
    int r;
    LOCK_EARLY(pthread_spin_lock, 0)
    if (unlikely(!lock_room(HOOK_SITE)))
        return real.pthread_spin_lock(l);
    r = real.pthread_spin_trylock(l);
    if (unlikely(r)) {
        lock_wait(HOOK_SITE, LOCK_KIND(WAIT, SPIN), l);
        r = real.pthread_spin_lock(l);
    }
    lock_got(HOOK_SITE, LOCK_KIND(ACQUIRE, SPIN), l, 0);
    return r;
}

LOCK_HOT(pthread_spin_trylock, (pthread_spinlock_t *l))
{
    int r;
    LOCK_EARLY(pthread_spin_trylock, 0)
    if (unlikely(!lock_room(HOOK_SITE)))
        return real.pthread_spin_trylock(l);
    r = real.pthread_spin_trylock(l);
    if (!r)
        lock_got(HOOK_SITE, LOCK_KIND(ACQUIRE, SPIN) | LOCK_FLAG, l, 0);
    else
        lock_note(HOOK_SITE, LOCK_KIND(WAIT_END, SPIN) | LOCK_FLAG, l, (unsigned)r);
    return r;
}

LOCK_HOT(pthread_spin_unlock, (pthread_spinlock_t *l))
{
    LOCK_EARLY(pthread_spin_unlock, 0)
    lock_note(HOOK_SITE, LOCK_KIND(RELEASE, SPIN), l, 0);
    return real.pthread_spin_unlock(l);
}

EXPORT int pthread_spin_init(pthread_spinlock_t *l, int shared)
{
    int r;
    LOCK_OFF(pthread_spin_init, (l, shared), (*l = 0, 0))
    r = real.pthread_spin_init(l, shared);
    if (!r)
        lock_note(HOOK_SITE, LOCK_KIND(LOCK_INIT, SPIN), l, lock_shared(shared == PTHREAD_PROCESS_SHARED));
    return r;
}

EXPORT int pthread_spin_destroy(pthread_spinlock_t *l)
{
    LOCK_OFF(pthread_spin_destroy, (l), 0)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, SPIN), l, 0);
    return real.pthread_spin_destroy(l);
}
