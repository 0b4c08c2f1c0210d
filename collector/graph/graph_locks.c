/*
 * collector/graph/graph_locks.c - see graph_locks.h: events of locks in,
 * custody out. What is broken on the way is graph_lock_rules.c's to say.
 */
#include "graph/graph_locks.h"

#include <errno.h>
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_facts.h"
#include "graph/graph_lock_state.h"

/* ---- holds ----------------------------------------------------------------------- */

static inline uint32_t hold_take(struct locks *l)
{
    uint32_t place = l->free_hold;
    if (place) {
        l->free_hold = l->holds[place].next_of_thread;
        return place;
    }
    if (l->next_hold >= LOCK_HOLDS_MAX)
        return 0;
    l->holds = xgrow(l->holds, &l->holds_capacity, (size_t)l->next_hold + 1, sizeof *l->holds);
    return l->next_hold++;
}

struct hold *hold_of(const struct graph *g, const struct lock *lock, const struct thread *t)
{
    struct hold *holds = g->locks->holds;
    if (graph_likely(lock->n_holds <= 1))
        return lock->n_holds && holds[lock->holds].thread == t->place ? &holds[lock->holds] : NULL;
    /* The shorter list: a reader has few locks, a lock may have many readers. */
    if (t->n_holds < lock->n_holds) {
        for (uint32_t at = t->holds; at; at = holds[at].next_of_thread)
            if (lock_at(g->locks, holds[at].lock) == lock)
                return &holds[at];
        return NULL;
    }
    for (uint32_t at = lock->holds; at; at = holds[at].next_of_lock)
        if (holds[at].thread == t->place)
            return &holds[at];
    return NULL;
}

static inline void hold_begin(struct graph *g, struct thread *t, const struct event *e,
                       uint32_t lock_place, uint32_t site, bool shared)
{
    struct locks *l = g->locks;
    struct lock *lock = lock_at(l, lock_place);
    uint32_t place = hold_take(l);
    if (graph_unlikely(!place)) {   /* too many at once: what is held is not known any more */
        lock->flags |= LOCK_UNSEEN;
        return;
    }
    l->holds[place] = (struct hold){ .since_ns = e->ns, .lock = lock_place, .thread = t->place, .stack = e->stack,
                                     .site = site, .depth = 1, .every = t->locks_every, .shared = shared,
                                     .next_of_thread = t->holds, .next_of_lock = lock->holds };
    if (t->holds)
        l->holds[t->holds].prev_of_thread = place;
    if (lock->holds)
        l->holds[lock->holds].prev_of_lock = place;
    t->holds = lock->holds = place;
    t->n_holds++;
    lock->n_holds++;
}

void hold_end(struct graph *g, uint32_t place, uint64_t ns)
{
    struct locks *l = g->locks;
    struct hold *h = &l->holds[place];
    struct lock *lock = lock_at(l, h->lock);
    struct thread *t = thread_at(g, h->thread);
    uint64_t held_ns = ns > h->since_ns ? ns - h->since_ns : 0;
    unsigned bucket = times_bucket(held_ns);
    times_add_many(&lock->hold, held_ns, bucket, h->every);
    times_add_many(&l->sites[h->site].hold, held_ns, bucket, h->every);
    if (h->next_of_thread)
        l->holds[h->next_of_thread].prev_of_thread = h->prev_of_thread;
    *(h->prev_of_thread ? &l->holds[h->prev_of_thread].next_of_thread : &t->holds) = h->next_of_thread;
    if (h->next_of_lock)
        l->holds[h->next_of_lock].prev_of_lock = h->prev_of_lock;
    *(h->prev_of_lock ? &l->holds[h->prev_of_lock].next_of_lock : &lock->holds) = h->next_of_lock;
    t->n_holds--;
    lock->n_holds--;
    h->next_of_thread = l->free_hold;
    l->free_hold = place;
}

/* ---- waits --------------------------------------------------------------------------- */

static uint64_t wait_take_slow(struct graph *g, struct thread *t, const struct event *e, uint32_t place)
{
    if (lock_waited(g, t) != place)
        return UINT64_MAX;
    t->wait.lock = 0;
    return e->ns > t->wait.since_ns ? e->ns - t->wait.since_ns : 0;
}

/* What the thread waits for is this lock: no more, and since when? UINT64_MAX: it did not. */
static inline uint64_t wait_take(struct graph *g, struct thread *t, const struct event *e, uint32_t place)
{
    return graph_likely(!t->wait.lock) ? UINT64_MAX : wait_take_slow(g, t, e, place);
}

static void count_wait(struct locks *l, struct lock *lock, uint32_t site, uint64_t wait_ns, uint32_t every)
{
    unsigned bucket = times_bucket(wait_ns);
    times_add_many(&lock->wait, wait_ns, bucket, every);
    times_add_many(&l->sites[site].wait, wait_ns, bucket, every);
}

/* It was got, by whoever: what lock and site count of it, which stands for `every` (0: for itself). wait_ns UINT64_MAX:
 * it was free. Returns the site. */
static inline uint32_t count_acquired(struct locks *l, struct lock *lock, uint32_t stack, uint64_t wait_ns, bool shared, uint32_t every)
{
    uint32_t times = every ? every : 1;
    uint32_t site = lock_site(l, lock, stack);
    struct lock_site *s = &l->sites[site];
    lock->acquisitions += times;
    s->acquisitions += times;
    if (shared) {
        lock->shared_acquisitions += times;
        s->shared_acquisitions += times;
    }
    if (graph_unlikely(wait_ns != UINT64_MAX)) {
        lock->contended += times;
        s->contended += times;
        count_wait(l, lock, site, wait_ns, every);
    }
    return site;
}

static bool is_shared(const struct event *e)
{
    return (e->family & ~(unsigned)WIRE_LOCK_FLAG) == WIRE_LOCK_RWLOCK_SHARED;
}

static bool locks_wait(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t place = lock_get(g, p, e, e->address, lock_family(e->family));
    if (!place)
        return true;
    struct lock *lock = lock_at(g->locks, place);
    t->wait = (struct waiting){ .id = lock->id, .since_ns = e->ns, .lock = place, .stack = e->stack,
                                .timed = (e->family & WIRE_LOCK_FLAG) != 0, .shared = is_shared(e) };
    fact_custody(g, FACT_WAIT, e, lock, NULL, 0, t->wait.shared);
    if (lock->family == WIRE_LOCK_BARRIER)
        clocks_release(g, t, e->ns, &lock->clock, true);
    if (!lock_has_holder(lock->family))
        return true;
    const struct hold *mine = hold_of(g, lock, t);
    if (mine && !(lock->type & WIRE_LOCK_TYPE_RECURSIVE) && !(mine->shared && t->wait.shared)) {
        t->wait.told = true;
        rule_relock(g, e, place, mine);
    }
    order_taken(g, p, t, e, place, t->wait.shared);
    if (!t->wait.timed)
        deadlock_waits(g, t, e);
    return true;
}

static bool locks_wait_end(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t place = lock_get(g, p, e, e->address, lock_family(e->family));
    if (!place)
        return true;
    struct lock *lock = lock_at(g->locks, place);
    bool told = lock_waited(g, t) == place && t->wait.told;
    uint64_t wait_ns = wait_take(g, t, e, place);
    if (wait_ns != UINT64_MAX)
        count_wait(g->locks, lock, lock_site(g->locks, lock, e->stack), wait_ns, t->locks_every);
    fact_custody(g, FACT_WAIT_END, e, lock, NULL, wait_ns == UINT64_MAX ? 0 : wait_ns, is_shared(e));
    if (e->size == EDEADLK && !told && lock_has_holder(lock->family))
        rule_relock(g, e, place, hold_of(g, lock, t));
    return true;
}

/* ---- acquire ---------------------------------------------------------------------------- */

/* Whether another thread that may still give it up has it. */
static bool taken_by_living(const struct graph *g, const struct lock *lock, const struct thread *t)
{
    const struct hold *holds = g->locks->holds;
    for (uint32_t at = lock->holds; at; at = holds[at].next_of_lock)
        if (holds[at].thread != t->place && !thread_at(g, holds[at].thread)->ended)
            return true;
    return false;
}

static inline bool in_the_way(const struct graph *g, const struct lock *lock, bool shared)
{
    return lock->n_holds && !(shared && g->locks->holds[lock->holds].shared);
}

/* t has what others have, says its event: they gave it up, or died. What they
 * did until now counts as ordered before it. */
static const char *holds_unseen(struct graph *g, struct lock *lock, const struct event *e)
{
    bool died = e->type == EVENT_ACQUIRE && e->size & WIRE_LOCK_TYPE_OWNER_DIED;
    while (lock->holds) {
        clocks_release(g, thread_at(g, g->locks->holds[lock->holds].thread), e->ns, &lock->clock, true);
        hold_end(g, lock->holds, e->ns);
    }
    lock->flags |= died ? 0 : LOCK_UNSEEN;
    return died ? "owner-died" : "unseen";
}

/* t has got a lock that has holders. False: it must wait for a release. */
static bool locks_take(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place,
                       bool shared, const char *by)
{
    struct locks *l = g->locks;
    struct lock *lock = lock_at(l, place);
    struct hold *mine = lock->n_holds ? hold_of(g, lock, t) : NULL;
    uint64_t wait_ns = wait_take(g, t, e, place);
    bool again = mine && (shared ? mine->shared : !mine->shared && lock->type & WIRE_LOCK_TYPE_RECURSIVE);
    if (!again && graph_unlikely(in_the_way(g, lock, shared)))
        by = holds_unseen(g, lock, e);
    uint32_t site = count_acquired(l, lock, e->stack, wait_ns, shared, t->locks_every);
    clocks_acquire(g, t, lock->clock);
    fact_custody(g, FACT_ACQUIRE, e, lock, by, wait_ns == UINT64_MAX ? 0 : wait_ns, shared);
    if (again) {
        mine->depth++;
        return true;
    }
    bool tried = e->type == EVENT_ACQUIRE && e->family & WIRE_LOCK_FLAG;
    if (t->n_holds && wait_ns == UINT64_MAX && !tried)
        order_taken(g, p, t, e, place, shared);
    hold_begin(g, t, e, place, site, shared);
    return true;
}

static inline bool must_wait(const struct graph *g, const struct process *p, const struct thread *t,
                             uint32_t place, bool shared)
{
    const struct lock *lock = lock_at(g->locks, place);
    return in_the_way(g, lock, shared) && may_wait(g, p, t) && taken_by_living(g, lock, t);
}

static bool locks_acquire(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    unsigned family = lock_family(e->family);
    bool shared = is_shared(e);
    uint32_t place = lock_get(g, p, e, e->address, family);   /* one that is made here nobody has: nothing waits */
    if (!place)
        return true;
    struct lock *lock = lock_at(g->locks, place);
    if (must_wait(g, p, t, place, shared) && !(e->size & WIRE_LOCK_TYPE_OWNER_DIED))
        return false;
    const char *by = e->size & WIRE_LOCK_TYPE_OWNER_DIED ? "owner-died" : e->family & WIRE_LOCK_FLAG ? "try" : NULL;
    lock->type |= (uint8_t)(e->size & (WIRE_LOCK_TYPE_OWNER_DIED - 1));
    if (lock_has_holder(family))
        return locks_take(g, p, t, e, place, shared, by);
    uint64_t wait_ns = wait_take(g, t, e, place);
    count_acquired(g->locks, lock, e->stack, wait_ns, false, t->locks_every);
    clocks_acquire(g, t, lock->clock);
    fact_custody(g, FACT_ACQUIRE, e, lock, by, wait_ns == UINT64_MAX ? 0 : wait_ns, false);
    return true;
}

/* ---- release -------------------------------------------------------------------------------- */

/* A thread that does not have it gives it up. */
static void release_strange(struct graph *g, struct process *p, const struct event *e, struct lock *lock)
{
    enum { REFUSES = WIRE_LOCK_TYPE_ERRORCHECK | WIRE_LOCK_TYPE_RECURSIVE | WIRE_LOCK_TYPE_ROBUST };
    rule_stranger(g, p, e, lock);
    if (!lock->holds || lock->type & REFUSES)
        return;
    uint32_t oldest = lock->holds;
    while (g->locks->holds[oldest].next_of_lock)
        oldest = g->locks->holds[oldest].next_of_lock;
    hold_end(g, oldest, e->ns);
}

static void locks_give_up(struct graph *g, struct process *p, struct thread *t, const struct event *e,
                          struct lock *lock, const char *by)
{
    struct hold *h = hold_of(g, lock, t);
    bool shared = h && h->shared;
    fact_custody(g, FACT_RELEASE, e, lock, by, 0, shared);
    if (h && h->depth > 1) {
        h->depth--;
        return;
    }
    if (graph_likely(h != NULL))
        hold_end(g, (uint32_t)(h - g->locks->holds), e->ns);
    else
        release_strange(g, p, e, lock);
    clocks_release(g, t, e->ns, &lock->clock, shared || !h);
}

static bool locks_release(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    unsigned family = lock_family(e->family);
    uint32_t place = lock_get(g, p, e, e->address, family);
    if (!place)
        return true;
    struct lock *lock = lock_at(g->locks, place);
    if (lock_has_holder(family)) {
        locks_give_up(g, p, t, e, lock, NULL);
        return true;
    }
    clocks_release(g, t, e->ns, &lock->clock, true);
    if (family == WIRE_LOCK_ONCE)
        clocks_publish(g, p, t);
    fact_custody(g, FACT_RELEASE, e, lock, NULL, 0, false);
    return true;
}

/* ---- conditions -------------------------------------------------------------------------------- */

/* What a mutex beside a condition is: as it is known, else by the condition. */
static unsigned mutex_family(const struct graph *g, const struct process *p, const struct event *e)
{
    uint32_t place = lock_find(p, e->extra[0]);
    unsigned family = place ? lock_at(g->locks, place)->family : 0;
    if (family == WIRE_LOCK_MUTEX || family == WIRE_LOCK_MTX)
        return family;
    return lock_family(e->family) == WIRE_LOCK_CND ? WIRE_LOCK_MTX : WIRE_LOCK_MUTEX;
}

static bool cond_wait(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t mutex = e->extra[0] ? lock_get(g, p, e, e->extra[0], mutex_family(g, p, e)) : 0;
    if (mutex)
        locks_give_up(g, p, t, e, lock_at(g->locks, mutex), "cond-wait");
    uint32_t place = lock_get(g, p, e, e->address, lock_family(e->family));
    if (!place)
        return true;
    struct lock *cond = lock_at(g->locks, place);
    t->wait = (struct waiting){ .id = cond->id, .since_ns = e->ns, .lock = place, .stack = e->stack,
                                .timed = (e->family & WIRE_LOCK_FLAG) != 0 };
    fact_custody(g, FACT_WAIT, e, cond, NULL, 0, false);
    return true;
}

static bool cond_woken(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t mutex = lock_find(p, e->extra[0]), place = lock_find(p, e->address);
    if (mutex && must_wait(g, p, t, mutex, false))
        return false;
    if (place && lock_at(g->locks, place)->family == lock_family(e->family)) {
        struct lock *cond = lock_at(g->locks, place);
        uint64_t wait_ns = wait_take(g, t, e, place);
        if (!e->size)
            count_acquired(g->locks, cond, e->stack, wait_ns, false, t->locks_every);
        else if (wait_ns != UINT64_MAX)
            count_wait(g->locks, cond, lock_site(g->locks, cond, e->stack), wait_ns, t->locks_every);
        if (!e->size)
            clocks_acquire(g, t, cond->clock);
        fact_custody(g, FACT_WAIT_END, e, cond, NULL, wait_ns == UINT64_MAX ? 0 : wait_ns, false);
    }
    mutex = e->extra[0] ? lock_get(g, p, e, e->extra[0], mutex_family(g, p, e)) : 0;
    return mutex ? locks_take(g, p, t, e, mutex, false, "cond-wait") : true;
}

static bool locks_signal(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t place = lock_get(g, p, e, e->address, lock_family(e->family));
    if (place)
        clocks_release(g, t, e->ns, &lock_at(g->locks, place)->clock, true);
    return true;
}

/* ---- lives -------------------------------------------------------------------------------------- */

static bool locks_destroy(struct graph *g, struct process *p, const struct event *e)
{
    uint32_t place = lock_get(g, p, e, e->address, lock_family(e->family));
    if (!place)
        return true;
    struct lock *lock = lock_at(g->locks, place);
    if (!lock->n_holds) {
        lock_end(g, e, place, "destroy");
        return true;
    }
    rule_destroyed(g, e, lock);   /* libc refuses, and it lives on */
    fact_lock(g, FACT_LOCK, e, lock, "destroy");
    return true;
}

static bool locks_consistent(struct graph *g, struct process *p, const struct event *e)
{
    uint32_t place = lock_find(p, e->address);
    if (place)
        fact_lock(g, FACT_LOCK, e, lock_at(g->locks, place), "consistent");
    return true;
}

void locks_thread_ended(struct graph *g, struct thread *t, const struct event *e)
{
    t->wait.lock = 0;
    if (t->exit_told)
        return;
    t->exit_told = true;
    for (uint32_t at = t->holds; at; at = g->locks->holds[at].next_of_thread)
        rule_exited(g, e, t, &g->locks->holds[at]);
}

bool locks_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    unsigned family = lock_family(e->family);
    if (!p->place || !t->place || !family || family >= WIRE_LOCKS)
        return true;
    switch (e->type) {
    case EVENT_WAIT: return locks_wait(g, p, t, e);
    case EVENT_ACQUIRE: return locks_acquire(g, p, t, e);
    case EVENT_RELEASE: return locks_release(g, p, t, e);
    case EVENT_WAIT_END: return locks_wait_end(g, p, t, e);
    case EVENT_COND_WAIT: return cond_wait(g, p, t, e);
    case EVENT_COND_WOKEN: return cond_woken(g, p, t, e);
    case EVENT_SIGNAL: return locks_signal(g, p, t, e);
    case EVENT_LOCK_INIT: lock_init(g, p, e); return true;
    case EVENT_LOCK_DESTROY: return locks_destroy(g, p, e);
    default: return locks_consistent(g, p, e);
    }
}

void locks_clear(struct graph *g)
{
    struct locks *l = g->locks;
    if (!l)
        return;
    for (uint32_t place = 1; place < l->next; place++) {
        times_clear(&lock_at(l, place)->wait);
        times_clear(&lock_at(l, place)->hold);
    }
    for (size_t i = 0; i < l->n_sites; i++) {
        times_clear(&l->sites[i].wait);
        times_clear(&l->sites[i].hold);
    }
    for (size_t i = 0; i < l->n_chunks; i++)
        free(l->chunks[i]);
    order_clear(&l->order);
    dict_clear(&l->class_of);
    dict_clear(&l->site_of);
    dict_clear(&l->near_block);
    dict_clear(&l->guard_of);
    free(l->chunks);
    free(l->holds);
    free(l->classes);
    free(l->sites);
    free(l->ended);
    free(l->guards);
    free(l);
    g->locks = NULL;
}
