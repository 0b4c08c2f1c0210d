/*
 * preload/hooks_sem.c - semaphores, barriers, and what is done once.
 *
 * A semaphore's wait and post are an acquisition and a release; so are a
 * barrier's leaving and arriving (the WAIT stands for the arrival), and a once's
 * return and the end of its routine (a C++ static variable's making too). sem_wait and sem_timedwait act on a
 * pending cancellation before they look at the semaphore, and so do the hooks;
 * sem_clockwait does not.
 */
#include "preload/lock.h"
#include "preload/system.h"

/* ---- semaphores ---- */

static int sem_took(const struct hook_frame *site, unsigned flag, sem_t *s, int r)
{
    if (likely(!r))
        lock_got(site, LOCK_KIND(ACQUIRE, SEM) | flag, s, 0);
    else
        lock_note(site, LOCK_KIND(WAIT_END, SEM) | flag, s, (unsigned)errno);
    return r;
}

/* Only EAGAIN says that it is not free; errno is then what it was. */
static bool sem_is_free(sem_t *s, bool cancels, int *r)
{
    int saved = errno;
    if (cancels)
        pthread_testcancel();
    *r = real.sem_trywait(s);
    if (likely(!*r) || errno != EAGAIN)
        return true;
    errno = saved;
    return false;
}

/* `cancels`: also where it need not wait. */
#define SEM_WAIT(hook, off, name, arguments, names, valid, flag, cancels)      \
    LOCK_BLOCKS(name, int, arguments, names)                                   \
    hook                                                                       \
    {                                                                          \
        struct lock_within w;                                                  \
        int r;                                                                 \
        off                                                                    \
        if (unlikely(!(valid) || !lock_room(HOOK_SITE)))                       \
            return real.name names;                                            \
        if (unlikely(!sem_is_free(s, cancels, &r))) {                          \
            lock_wait(HOOK_SITE, LOCK_KIND(WAIT, SEM) | (flag), s);            \
            w.mutex = NULL;                                                    \
            w.routine = NULL;                                                  \
            lock_enter(&w, HOOK_SITE, WIRE_LOCK_SEM, s);                       \
            r = name##_blocks names;                                           \
            lock_leave(&w);                                                    \
        }                                                                      \
        return sem_took(HOOK_SITE, 0, s, r);                                   \
    }

#define SEM_TIMED(name, arguments, names, valid, cancels) \
    SEM_WAIT(EXPORT int name arguments, LOCK_OFF(name, names, 0), name, arguments, names, valid, LOCK_FLAG, cancels)

SEM_WAIT(LOCK_HOT(sem_wait, (sem_t *s)), LOCK_EARLY(sem_wait, 0), sem_wait, (sem_t *s), (s), true, 0, true)
SEM_TIMED(sem_timedwait, (sem_t *s, const struct timespec *until), (s, until), lock_time_valid(until), true)
SEM_TIMED(sem_clockwait, (sem_t *s, clockid_t clock, const struct timespec *until), (s, clock, until),
          lock_clock_valid(clock) && lock_time_valid(until), false)

LOCK_HOT(sem_trywait, (sem_t *s))
{
    LOCK_EARLY(sem_trywait, 0)
    if (unlikely(!lock_room(HOOK_SITE)))
        return real.sem_trywait(s);
    return sem_took(HOOK_SITE, LOCK_FLAG, s, real.sem_trywait(s));
}

LOCK_HOT(sem_post, (sem_t *s))
{
    LOCK_EARLY(sem_post, 0)
    lock_post(HOOK_SITE, LOCK_KIND(RELEASE, SEM), s);
    return real.sem_post(s);
}

EXPORT int sem_init(sem_t *s, int shared, unsigned value)
{
    int r;
    LOCK_OFF(sem_init, (s, shared, value), 0)
    r = real.sem_init(s, shared, value);
    if (!r)
        lock_note_word(HOOK_SITE, LOCK_KIND(LOCK_INIT, SEM), s, lock_shared(shared), value);
    return r;
}

EXPORT int sem_destroy(sem_t *s)
{
    LOCK_OFF(sem_destroy, (s), 0)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, SEM), s, 0);
    return real.sem_destroy(s);
}

/* ---- barriers ---- */

EXPORT int pthread_barrier_wait(pthread_barrier_t *b)
{
    int r;
    LOCK_OFF(pthread_barrier_wait, (b), 0)
    lock_wait(HOOK_SITE, LOCK_KIND(WAIT, BARRIER), b);
    r = real.pthread_barrier_wait(b);
    if (!r || r == PTHREAD_BARRIER_SERIAL_THREAD)
        lock_got(HOOK_SITE, LOCK_KIND(ACQUIRE, BARRIER), b, 0);
    else
        lock_note(HOOK_SITE, LOCK_KIND(WAIT_END, BARRIER), b, (unsigned)r);
    return r;
}

EXPORT int pthread_barrier_init(pthread_barrier_t *b, const pthread_barrierattr_t *attributes, unsigned threads)
{
    int r, shared = PTHREAD_PROCESS_PRIVATE;
    LOCK_OFF(pthread_barrier_init, (b, attributes, threads), 0)
    r = real.pthread_barrier_init(b, attributes, threads);
    if (!r && attributes)
        pthread_barrierattr_getpshared(attributes, &shared);
    if (!r)
        lock_note_word(HOOK_SITE, LOCK_KIND(LOCK_INIT, BARRIER), b, lock_shared(shared == PTHREAD_PROCESS_SHARED), threads);
    return r;
}

EXPORT int pthread_barrier_destroy(pthread_barrier_t *b)
{
    LOCK_OFF(pthread_barrier_destroy, (b), 0)
    lock_note(HOOK_SITE, LOCK_KIND(LOCK_DESTROY, BARRIER), b, 0);
    return real.pthread_barrier_destroy(b);
}

/* ---- once ---- */

/* The routine in its turn: it may throw, jump away or do other things once. */
static void once_run(void)
{
    struct lock_within *w = context.within;
    w->routine();
    lock_note(w->site, LOCK_KIND(RELEASE, ONCE), w->lock, 0);
}

/* Too early for anything else: the routine, and whoever comes later finds it done. */
static int once_early(volatile int *control, void (*routine)(void))
{
    enum { DONE = 2 };
    if (!(*control & DONE)) {
        routine();
        *control = DONE;
    }
    return 0;
}

#define ONCE_BEGIN(w, control, f)                              \
    struct lock_within w = {.routine = (f)};                   \
    lock_enter(&w, HOOK_SITE, WIRE_LOCK_ONCE, (control));
#define ONCE_END(w, control)                                   \
    lock_leave(&w);                                            \
    lock_note(HOOK_SITE, LOCK_KIND(ACQUIRE, ONCE), (control), 0);

LOCK_BLOCKS(pthread_once, int, (pthread_once_t *control, void (*routine)(void)), (control, routine))
LOCK_BLOCKS(call_once, void, (once_flag *flag, void (*routine)(void)), (flag, routine))

EXPORT int pthread_once(pthread_once_t *control, void (*routine)(void))
{
    int r;
    LOCK_OFF(pthread_once, (control, routine), once_early(control, routine))
    if (unlikely(!lock_room(HOOK_SITE)))
        return real.pthread_once(control, routine);
    ONCE_BEGIN(w, control, routine)
    r = pthread_once_blocks(control, once_run);
    ONCE_END(w, control)
    return r;
}
HOOK_ALIAS(__pthread_once, pthread_once)

static void call_once_early(once_flag *flag, void (*routine)(void)) { once_early((volatile int *)flag, routine); }

EXPORT void call_once(once_flag *flag, void (*routine)(void))
{
    if (unlikely(!gate_open_early(WIRE_GATE_LOCKS)) && !real.call_once)
        process_begin();
    if (unlikely(!gate_open_early(WIRE_GATE_LOCKS) || !lock_room(HOOK_SITE))) {
        (real.call_once ? real.call_once : call_once_early)(flag, routine);
        return;
    }
    ONCE_BEGIN(w, flag, routine)
    call_once_blocks(flag, once_run);
    ONCE_END(w, flag)
}

/* A C++ function's static variable is made. Who comes later sees that without a
 * call: to all of them this is a once's routine that is done. A C++ library that
 * was opened for somebody alone is not looked up: that takes the loader's lock,
 * whose holder may be waiting for this very variable (or the library has the
 * name from nobody but us). libstdc++'s way is done here instead, byte for byte:
 * libc++abi marks what is under way with another number. */
EXPORT void __cxa_guard_release(uint64_t *guard)
{
    enum { MADE = 1, UNDER_WAY = 0x100, AWAITED = 0x10000 };
    __typeof__(__cxa_guard_release) *f = real.__cxa_guard_release;
    uint32_t *word = (uint32_t *)guard;
    if (likely(gate_open_early(WIRE_GATE_LOCKS)) && likely(lock_room(HOOK_SITE)))
        lock_note(HOOK_SITE, LOCK_KIND(RELEASE, ONCE), guard, 0);
    if (unlikely(!f) && (__atomic_load_n(word, __ATOMIC_RELAXED) & 0xffff) == UNDER_WAY) {
        if (__atomic_exchange_n(word, MADE, __ATOMIC_ACQ_REL) & AWAITED)
            system_futex_wake(word); /* not the private kind: libstdc++'s wait is none */
        return;
    }
    if (unlikely(!f))
        f = REAL_LATER(__cxa_guard_release);
    if (likely(f != NULL))
        f(guard);
}
