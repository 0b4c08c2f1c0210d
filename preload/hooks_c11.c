/*
 * preload/hooks_c11.c - locks and conditions of C11 threads.
 *
 * libc's functions do not pass by the POSIX ones' names. They say only that
 * something failed: as an errno that is told as EINVAL. A mtx_t is a mutex.
 */
#include "preload/lock.h"

static unsigned as_errno(int r)
{
    return r == thrd_success ? 0 : r == thrd_busy ? EBUSY : r == thrd_timedout ? ETIMEDOUT : r == thrd_nomem ? ENOMEM : EINVAL;
}

static unsigned mtx_type(const mtx_t *m) { return lock_mutex_type((const pthread_mutex_t *)m); }

static int mtx_took(const struct hook_frame *site, unsigned flag, mtx_t *m, int r)
{
    if (likely(r == thrd_success))
        lock_got(site, LOCK_KIND(ACQUIRE, MTX) | flag, m, mtx_type(m));
    else
        lock_note(site, LOCK_KIND(WAIT_END, MTX) | flag, m, as_errno(r));
    return r;
}

#define MTX_LOCK(name, arguments, names, flag)                                 \
    EXPORT int name arguments                                                  \
    {                                                                          \
        int r;                                                                 \
        LOCK_OFF(name, names, thrd_success)                                    \
        if (unlikely(!lock_room(HOOK_SITE)))                                   \
            return real.name names;                                            \
        r = real.mtx_trylock(m);                                               \
        if (unlikely(r != thrd_success)) {                                     \
            if (r == thrd_busy)                                                \
                lock_wait(HOOK_SITE, LOCK_KIND(WAIT, MTX) | (flag), m);        \
            r = real.name names;                                               \
        }                                                                      \
        return mtx_took(HOOK_SITE, 0, m, r);                                   \
    }

MTX_LOCK(mtx_lock, (mtx_t *m), (m), 0)
MTX_LOCK(mtx_timedlock, (mtx_t *restrict m, const struct timespec *restrict until), (m, until), LOCK_FLAG)

EXPORT int mtx_trylock(mtx_t *m)
{
    LOCK_OFF(mtx_trylock, (m), thrd_success)
    if (unlikely(!lock_room(HOOK_SITE)))
        return real.mtx_trylock(m);
    return mtx_took(HOOK_SITE, LOCK_FLAG, m, real.mtx_trylock(m));
}

EXPORT int mtx_unlock(mtx_t *m)
{
    LOCK_OFF(mtx_unlock, (m), thrd_success)
    lock_note(HOOK_SITE, LOCK_KIND(RELEASE, MTX), m, 0);
    return real.mtx_unlock(m);
}

EXPORT int mtx_init(mtx_t *m, int type)
{
    int r;
    LOCK_OFF(mtx_init, (m, type), (memset(m, 0, sizeof *m), thrd_success))
    r = real.mtx_init(m, type);
    if (r == thrd_success)
        lock_note(HOOK_SITE, LOCK_KIND(LOCK_INIT, MTX), m, mtx_type(m));
    return r;
}

#define NOTHING ((void)0)

EXPORT void mtx_destroy(mtx_t *m)
{
    LOCK_OFF(mtx_destroy, (m), NOTHING)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, MTX), m, 0);
    real.mtx_destroy(m);
}

#define CND_WAIT(name, arguments, names, valid, flag)                                               \
    LOCK_BLOCKS(name, int, arguments, names)                                                        \
    EXPORT int name arguments                                                                       \
    {                                                                                               \
        struct lock_within w;                                                                       \
        int r;                                                                                      \
        LOCK_OFF(name, names, thrd_success)                                                         \
        if (unlikely(!(valid) || !lock_cond_wait(&w, HOOK_SITE, WIRE_LOCK_CND | (flag), c, m)))     \
            return real.name names;                                                                 \
        r = name##_blocks names;                                                                    \
        lock_cond_woken(&w, as_errno(r));                                                           \
        return r;                                                                                   \
    }

CND_WAIT(cnd_wait, (cnd_t *c, mtx_t *m), (c, m), true, 0)
CND_WAIT(cnd_timedwait, (cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until), (c, m, until),
         lock_time_valid(until), WIRE_LOCK_FLAG)

#define CND_TELL(name, kind)                         \
    EXPORT int name(cnd_t *c)                        \
    {                                                \
        LOCK_OFF(name, (c), thrd_success)            \
        lock_note(HOOK_SITE, kind, c, 0);            \
        return real.name(c);                         \
    }

CND_TELL(cnd_signal, LOCK_KIND(SIGNAL, CND))
CND_TELL(cnd_broadcast, LOCK_KIND(SIGNAL, CND) | LOCK_FLAG)

EXPORT int cnd_init(cnd_t *c)
{
    int r;
    LOCK_OFF(cnd_init, (c), (memset(c, 0, sizeof *c), thrd_success))
    r = real.cnd_init(c);
    if (r == thrd_success)
        lock_note(HOOK_SITE, LOCK_KIND(LOCK_INIT, CND), c, 0);
    return r;
}

EXPORT void cnd_destroy(cnd_t *c)
{
    LOCK_OFF(cnd_destroy, (c), NOTHING)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, CND), c, 0);
    real.cnd_destroy(c);
}
