/*
 * preload/hooks_thread.c - threads are created, named, ended, joined.
 *
 * A new thread begins in a routine of ours, so that its first and last event
 * are known exactly; what it needs comes through a pool of fixed size (no heap
 * of the program's). Where the pool is used up the thread begins unwrapped,
 * and is known by its first event. The create is recorded before it happens
 * (it lends the argument), its outcome after it.
 */
#include <errno.h>
#include <string.h>

#include "preload/hook.h"
#include "preload/record.h"
#include "preload/system.h"

struct start {
    union {
        void *(*pthread)(void *);
        thrd_start_t thrd;
        void *any;
    } routine;
    void *argument;
    uint32_t serial;
    uint32_t next;      /* free list: index + 1 */
    atomic_u32 phase;   /* enum start_phase */
    atomic_u32 holders; /* creator and thread: the last gives it back */
};

/* The creator may look at the pthread_t that it was given only before the
 * routine begins, which may free what it lies in; afterwards the thread itself
 * has told it. */
enum start_phase { START_MADE = 0, START_LOOKING, START_LOOKED, START_BEGUN };

enum { STARTS = 4096, LOOKS_YIELDING = 50, LOOKS_MAX = 250 };
static struct start starts[STARTS];
static atomic_u32 starts_used;      /* entries ever taken from the array */
static atomic_u64 starts_free;      /* count << 32 | index + 1: the count defeats reuse in between */

static struct start *start_take(void)
{
    uint64_t top = load_acquire(&starts_free);
    uint32_t i;
    while ((uint32_t)top) {
        struct start *s = &starts[(uint32_t)top - 1];
        uint64_t next = ((top >> 32) + 1) << 32 | __atomic_load_n(&s->next, __ATOMIC_RELAXED);
        if (cas_acq_rel(&starts_free, top, next))
            return s;
        top = load_acquire(&starts_free);
    }
    i = add_relaxed(&starts_used, 1);
    if (i < STARTS)
        return &starts[i];
    store_relaxed(&starts_used, STARTS);
    return NULL;
}

static void start_give(struct start *s)
{
    uint64_t top;
    do {
        top = load_relaxed(&starts_free);
        __atomic_store_n(&s->next, (uint32_t)top, __ATOMIC_RELAXED);
    } while (!cas_acq_rel(&starts_free, top, ((top >> 32) + 1) << 32 | (uint32_t)(s - starts + 1)));
}

static void thread_ended(void *value)
{
    struct context *c;
    if (context.ended)
        return;
    c = HOOK_ENTER_IF(WIRE_GATE_LIFE, CONTEXT_REAL, true);
    if (!c)
        return;
    record_life(c, NULL, WIRE_THREAD_EXIT, (uintptr_t)value, 0, NULL, 0);
    c->ended = true;
    hook_leave(c);
}

static void start_release(struct start *s)
{
    fence_full();
    if (add_relaxed(&s->holders, (uint32_t)-1) == 1)
        start_give(s);
}

static struct start *start_fill(struct start *s, uint32_t serial, void *argument)
{
    s->argument = argument;
    s->serial = serial;
    store_relaxed(&s->phase, START_MADE);
    store_relaxed(&s->holders, 2);
    return s;
}

/* In the thread, which has told its name: from here on its routine may run.
 * The creator looks for a few instructions, unless it is interrupted there. */
static void start_begins(struct start *s)
{
    if (!cas_acq_rel(&s->phase, (uint32_t)START_MADE, (uint32_t)START_BEGUN))
        for (unsigned n = 0; n < LOOKS_MAX && load_acquire(&s->phase) == START_LOOKING; n++) {
            if (n < LOOKS_YIELDING)
                system_yield();
            else /* it lost its processor there; nobody wakes us */
                system_futex_wait(&s->phase, START_LOOKING, 1000000);
        }
    start_release(s);
}

/* In the creator, after the create. */
static uint64_t start_pthread(struct start *s, const pthread_t *to)
{
    uint64_t thread = WIRE_PTHREAD_IN_START;
    if (cas_acq_rel(&s->phase, (uint32_t)START_MADE, (uint32_t)START_LOOKING)) {
        thread = (uintptr_t)*to;
        store_release(&s->phase, (uint32_t)START_LOOKED);
    }
    start_release(s);
    return thread;
}

/* All frames of the thread but its first are gone: so is what their guard meant. */
static void thread_cancelled(void *unused)
{
    if (unlikely(context.guard) && context.guard != CONTEXT_SANDBOXED)
        context_abandon(&context);
    thread_ended(PTHREAD_CANCELED);
}

static void *begin_pthread(void *given)
{
    struct start *s = given;
    void *(*routine)(void *) = s->routine.pthread, *argument = s->argument, *value;
    context_attach(s->serial, s->routine.any);
    start_begins(s);
    pthread_cleanup_push(thread_cancelled, NULL);
    value = routine(argument);
    pthread_cleanup_pop(0);
    thread_ended(value);
    return value;
}

static int begin_thrd(void *given)
{
    struct start *s = given;
    thrd_start_t routine = s->routine.thrd;
    void *argument = s->argument;
    int value;
    context_attach(s->serial, s->routine.any);
    start_begins(s);
    value = routine(argument);
    thread_ended((void *)(intptr_t)value);
    return value;
}

/* Takes a serial for the thread to be and records that it is about to be
 * created. 0: not traced. */
static uint32_t create_begins(const struct hook_frame *site, uintptr_t frame, void *routine, void *argument)
{
    struct context *c = hook_enter_life(frame, site->pc, CONTEXT_REAL);
    uint64_t extra[1] = {(uintptr_t)routine};
    uint32_t serial;
    if (!c)
        return 0;
    serial = add_relaxed(&wire_claims_of(&process.segment)->thread_serial, 1) + 1;
    record_life(c, site, WIRE_THREAD_CREATE, (uintptr_t)argument, serial, extra, 1);
    hook_leave(c);
    return serial;
}

static void create_ended(const struct hook_frame *site, uintptr_t frame, uint32_t serial, uint64_t thread)
{
    struct context *c = serial ? hook_enter_life(frame, site->pc, CONTEXT_REAL) : NULL;
    if (!c)
        return;
    record_life(c, site, WIRE_THREAD_CREATED, thread, serial, NULL, 0);
    hook_leave(c);
}

EXPORT int pthread_create(pthread_t *to, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument)
{
    const struct hook_frame *site = HOOK_SITE;
    uint32_t serial = create_begins(site, HOOK_FRAME, (void *)routine, argument);
    struct start *s = serial ? start_take() : NULL;
    uint64_t thread = 0;
    int r;
    if (s) {
        s->routine.pthread = routine;
        r = real.pthread_create(to, attributes, begin_pthread, start_fill(s, serial, argument));
        if (r)
            start_give(s);
        else
            thread = start_pthread(s, to);
    } else {
        r = real.pthread_create(to, attributes, routine, argument);
        thread = r ? 0 : WIRE_PTHREAD_IN_START;
    }
    create_ended(site, HOOK_FRAME, serial, thread);
    return r;
}

EXPORT int thrd_create(thrd_t *to, thrd_start_t routine, void *argument)
{
    const struct hook_frame *site = HOOK_SITE;
    uint32_t serial = create_begins(site, HOOK_FRAME, (void *)routine, argument);
    struct start *s = serial ? start_take() : NULL;
    uint64_t thread = 0;
    int r;
    if (s) {
        s->routine.thrd = routine;
        r = real.thrd_create(to, begin_thrd, start_fill(s, serial, argument));
        if (r != thrd_success)
            start_give(s);
        else
            thread = start_pthread(s, to);
    } else {
        r = real.thrd_create(to, routine, argument);
        thread = r != thrd_success ? 0 : WIRE_PTHREAD_IN_START;
    }
    create_ended(site, HOOK_FRAME, serial, thread);
    return r;
}

/* A join that succeeded: the joiner gets what the thread returned. */
static void joined(const struct hook_frame *site, uintptr_t frame, pthread_t thread, void *value)
{
    struct context *c = hook_enter_life(frame, site->pc, CONTEXT_REAL);
    uint64_t extra[1] = {(uintptr_t)value};
    if (!c)
        return;
    record_life(c, site, WIRE_THREAD_JOIN, (uintptr_t)thread, 0, extra, 1);
    hook_leave(c);
}

#define JOIN(name, arguments, names)                            \
    EXPORT int name arguments                                   \
    {                                                           \
        void *value = NULL, **to = result ? result : &value;    \
        int r;                                                  \
        names_known();                                          \
        r = real.name names;                                    \
        if (!r)                                                 \
            joined(HOOK_SITE, HOOK_FRAME, thread, *to);        \
        return r;                                               \
    }

JOIN(pthread_join, (pthread_t thread, void **result), (thread, to))
JOIN(pthread_tryjoin_np, (pthread_t thread, void **result), (thread, to))
JOIN(pthread_timedjoin_np, (pthread_t thread, void **result, const struct timespec *until), (thread, to, until))

EXPORT int pthread_clockjoin_np(pthread_t thread, void **result, clockid_t clock, const struct timespec *until)
{
    void *value = NULL, **to = result ? result : &value;
    __typeof__(pthread_clockjoin_np) *f = REAL_LATER(pthread_clockjoin_np);
    int r = f ? f(thread, to, clock, until) : ENOSYS;
    if (!r)
        joined(HOOK_SITE, HOOK_FRAME, thread, *to);
    return r;
}

EXPORT int thrd_join(thrd_t thread, int *result)
{
    int value = 0, r;
    names_known();
    r = real.thrd_join(thread, &value);
    if (r == thrd_success) {
        if (result)
            *result = value;
        joined(HOOK_SITE, HOOK_FRAME, thread, NULL);
    }
    return r;
}

static void detached(const struct hook_frame *site, uintptr_t frame, pthread_t thread)
{
    struct context *c = hook_enter_life(frame, site->pc, CONTEXT_REAL);
    if (!c)
        return;
    record_life(c, site, WIRE_THREAD_DETACH, (uintptr_t)thread, 0, NULL, 0);
    hook_leave(c);
}

EXPORT int pthread_detach(pthread_t thread)
{
    int r;
    names_known();
    detached(HOOK_SITE, HOOK_FRAME, thread); /* before: afterwards its name may be another thread's */
    r = real.pthread_detach(thread);
    return r;
}

EXPORT int thrd_detach(thrd_t thread)
{
    int r;
    names_known();
    detached(HOOK_SITE, HOOK_FRAME, thread);
    r = real.thrd_detach(thread);
    return r;
}

EXPORT void pthread_exit(void *value)
{
    names_known();
    thread_ended(value);
    real.pthread_exit(value);
    __builtin_unreachable();
}

EXPORT void thrd_exit(int value)
{
    names_known();
    thread_ended((void *)(intptr_t)value);
    real.thrd_exit(value);
    __builtin_unreachable();
}

EXPORT int pthread_setname_np(pthread_t thread, const char *name)
{
    struct context *c;
    int r;
    names_known();
    r = real.pthread_setname_np(thread, name);
    if (!r && (c = HOOK_ENTER_IF(WIRE_GATE_LIFE, CONTEXT_REAL, true))) {
        uint64_t extra[1] = {(uintptr_t)thread};
        record_text(c, WIRE_THREAD_NAME, 0, extra, 1, name, strlen(name));
        hook_leave(c);
    }
    return r;
}
