/*
 * collector/graph/graph_deadlock.c - threads that wait for each other now.
 *
 * A thread that waits without a time limit for a lock goes on when all that
 * have it (and are in its way) have given it up. So when one of them waits in
 * the same manner, and so on until the first, none ever goes on. Looked for
 * when a thread begins to wait, which is when the last edge comes. Run by the
 * folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

enum { DEADLOCK_THREADS_MAX = 24, STEPS_MAX = 4096 };

/* A thread of the cycle, and what of its own the one before waits for. */
struct blocked { uint32_t thread, hold; };
struct search { struct blocked path[DEADLOCK_THREADS_MAX]; uint32_t n, steps, first; };

/* The lock that a thread will never get while its holders keep it; 0: none. */
static uint32_t blocked_for(const struct graph *g, const struct thread *t)
{
    uint32_t place = t->wait.lock && !t->wait.timed && !t->ended ? lock_waited(g, t) : 0;
    return place && lock_has_holder(lock_at(g->locks, place)->family) ? place : 0;
}

/* libc sees that the waiter has it itself, and refuses. */
static bool refuses(const struct lock *lock, const struct hold *h)
{
    return lock->type & WIRE_LOCK_TYPE_ERRORCHECK || (lock->family == WIRE_LOCK_RWLOCK && !h->shared);
}

static bool follow(struct graph *g, struct search *s, struct thread *t)
{
    struct locks *l = g->locks;
    uint32_t place = blocked_for(g, t);
    if (!place || s->n == DEADLOCK_THREADS_MAX)
        return false;
    t->wait.visit = l->visit;
    const struct lock *lock = lock_at(l, place);
    for (uint32_t at = lock->holds; at; at = l->holds[at].next_of_lock) {
        const struct hold *h = &l->holds[at];
        struct thread *holder = thread_at(g, h->thread);
        if (++s->steps > STEPS_MAX)
            return false;
        if ((t->wait.shared && h->shared) || lock->flags & LOCK_UNSEEN || (holder == t && refuses(lock, h)))
            continue;
        s->path[s->n++] = (struct blocked){ h->thread, at };
        if (h->thread == s->first || (holder->wait.visit != l->visit && follow(g, s, holder)))
            return true;
        s->n--;
    }
    return false;
}

/* The cycle that t stands in; its threads in order of who waits for whom, t last. */
static bool cycle_of(struct graph *g, struct search *s, struct thread *t)
{
    *s = (struct search){ .first = t->place };
    g->locks->visit++;
    return follow(g, s, t);
}

static void deadlock_finding(struct graph *g, const struct event *e, const struct search *s)
{
    struct locks *l = g->locks;
    struct view_evidence evidence[2 * DEADLOCK_THREADS_MAX];
    size_t n = 0;
    struct view_finding f = { .rule = RULE_DEADLOCK, .family = (uint8_t)lock_family(e->family) };
    for (uint32_t i = 0; i < s->n; i++) {
        const struct blocked *b = &s->path[(i + s->n - 1) % s->n];   /* who closed it first */
        const struct thread *t = thread_at(g, b->thread);
        const struct hold *h = &l->holds[b->hold];
        evidence[n++] = evidence_held(g, h);
        evidence[n++] = (struct view_evidence){ .role = EVIDENCE_WAITED, .stack = t->wait.stack, .thread = t->serial,
                                                .ns = t->wait.since_ns, .lock = t->wait.id };
        f.doubt |= hold_certain(g, h) ? 0 : DOUBT_LOST;
        f.lock = f.lock ? f.lock : t->wait.id;
        lock_at(l, h->lock)->flags |= LOCK_NAMED;
    }
    finding_note(g, e, f, evidence, n);
}

void deadlock_waits(struct graph *g, struct thread *t, const struct event *e)
{
    struct search s;
    if (!cycle_of(g, &s, t))
        return;
    g->locks->deadlocks++;
    if (s.n > 1)   /* alone it is a relock, which is told */
        deadlock_finding(g, e, &s);
}

uint64_t graph_deadlocks(const struct graph *g)
{
    return g->locks ? g->locks->deadlocks : 0;
}

/* ---- view ---------------------------------------------------------------------------- */

static void deadlock_row(const struct graph *g, struct view *v, const struct search *s, size_t *edges, size_t *rows)
{
    const struct locks *l = g->locks;
    v->deadlocks = xgrow(v->deadlocks, rows, v->n_deadlocks + 1, sizeof *v->deadlocks);
    v->deadlocks[v->n_deadlocks++] = (struct view_cycle){ .first = (uint32_t)v->n_deadlock_edges, .n = s->n };
    v->deadlock_edges = xgrow(v->deadlock_edges, edges, v->n_deadlock_edges + s->n, sizeof *v->deadlock_edges);
    for (uint32_t i = 0; i < s->n; i++) {
        const struct blocked *b = &s->path[(i + s->n - 1) % s->n];
        const struct thread *t = thread_at(g, b->thread);
        const struct hold *h = &l->holds[b->hold];
        const struct lock *held = lock_at(l, h->lock), *taken = lock_at(l, t->wait.lock);
        v->deadlock_edges[v->n_deadlock_edges++] = (struct view_order_edge){
            .held = held->id, .taken = taken->id, .held_class = held->class, .taken_class = taken->class,
            .thread = t->serial, .stack_held = h->stack, .stack_taken = t->wait.stack, .count = 1,
            .first_ns = t->wait.since_ns };
    }
}

void view_deadlocks(struct graph *g, struct view *v)
{
    size_t edges = 0, rows = 0;
    bool *told = NULL;
    struct search s;
    for (size_t i = 1; i < g->n_threads; i++) {
        if (!blocked_for(g, g->threads[i]) || (told && told[i]) || !cycle_of(g, &s, g->threads[i]))
            continue;
        if (!told)
            told = xcalloc(g->n_threads, sizeof *told);
        for (uint32_t j = 0; j < s.n; j++)
            told[s.path[j].thread] = true;
        deadlock_row(g, v, &s, &edges, &rows);
    }
    free(told);
}
