/*
 * collector/graph/graph_deadlock.c - threads that wait for each other now.
 *
 * A thread that waits without a time limit for a lock goes on when all that
 * have it (and are in its way) have given it up. So when one of them waits in
 * the same manner, and so on until the first, none ever goes on. Looked for
 * when a thread begins to wait, which is when the last edge comes.
 *
 * The threads of a circle that was told are stuck. Whoever waits for one of
 * them may close a circle more with it, but no deadlock more: that one is only
 * told when no thread of it was stuck without it. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

enum { DEADLOCK_THREADS_MAX = 4096, STEPS_MAX = 2 * DEADLOCK_THREADS_MAX };

/* A thread of the cycle, and what of its own the one before waits for. */
struct blocked { uint32_t thread, hold; };
enum among { AMONG_ALL, AMONG_FREE, AMONG_STUCK };
struct search { struct blocked *path; size_t capacity; uint32_t n, steps, first; enum among among; };

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

static bool is_stuck(const struct graph *g, const struct thread *t)
{
    return t->wait.stuck && blocked_for(g, t);
}

static bool passes(const struct graph *g, const struct search *s, const struct thread *t)
{
    return s->among == AMONG_ALL || is_stuck(g, t) == (s->among == AMONG_STUCK);
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
        if ((t->wait.shared && h->shared) || lock->flags & LOCK_UNSEEN || (holder == t && refuses(lock, h)) ||
            !passes(g, s, holder))
            continue;
        s->path = xgrow(s->path, &s->capacity, s->n + 1, sizeof *s->path);
        s->path[s->n++] = (struct blocked){ h->thread, at };
        if (h->thread == s->first || (holder->wait.visit != l->visit && follow(g, s, holder)))
            return true;
        s->n--;
    }
    return false;
}

/* The cycle that t stands in; its threads in order of who waits for whom, t last. */
static bool cycle_of(struct graph *g, struct search *s, const struct thread *t, enum among among)
{
    s->first = t->place;
    s->n = 0;
    s->among = among;
    g->locks->visit++;
    return follow(g, s, thread_at(g, t->place));
}

/* Whether a thread of the cycle stands in one that was told. */
static bool was_told(struct graph *g, const struct search *cycle)
{
    struct search s = { 0 };
    bool told = false;
    for (uint32_t i = 0; i < cycle->n && !told && s.steps <= STEPS_MAX; i++) {
        const struct thread *t = thread_at(g, cycle->path[i].thread);
        told = is_stuck(g, t) && cycle_of(g, &s, t, AMONG_STUCK);
    }
    free(s.path);
    return told;
}

/* ---- what was found ------------------------------------------------------------------ */

static uint64_t hash_of(const struct graph *g, const struct blocked *b)
{
    return lock_mix(lock_mix(1, g->locks->holds[b->hold].stack), thread_at(g, b->thread)->wait.stack);
}

/* Where the cycle begins, whoever closed it. */
static uint32_t cycle_start(const struct graph *g, const struct search *s)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < s->n; i++)
        if (hash_of(g, &s->path[i]) < hash_of(g, &s->path[first]))
            first = i;
    return first;
}

static void deadlock_finding(struct graph *g, const struct event *e, const struct search *s)
{
    struct locks *l = g->locks;
    struct view_evidence evidence[FINDING_EVIDENCE_MAX];
    size_t n = 0;
    uint32_t start = cycle_start(g, s);
    struct view_finding f = { .rule = RULE_DEADLOCK, .family = (uint8_t)lock_family(e->family),
                              .lock = thread_at(g, s->first)->wait.id };
    for (uint32_t i = 0; i < s->n; i++) {
        const struct blocked *b = &s->path[(start + i) % s->n];
        const struct thread *t = thread_at(g, b->thread);
        const struct hold *h = &l->holds[b->hold];
        if (h->since_ns <= cover_locks_gap(g)) {    /* it may have been given up unseen */
            g->cover->withheld++;
            return;
        }
        f.doubt |= hold_certain(g, h) ? 0 : DOUBT_LOST;
        lock_at(l, h->lock)->flags |= LOCK_NAMED;
        if (n + 2 > FINDING_EVIDENCE_MAX)
            continue;
        evidence[n++] = evidence_held(g, h);
        evidence[n++] = (struct view_evidence){ .role = EVIDENCE_WAITED, .stack = t->wait.stack, .thread = t->serial,
                                                .ns = t->wait.since_ns, .lock = t->wait.id };
    }
    finding_note(g, e, f, evidence, n);
}

void deadlock_waits(struct graph *g, struct thread *t, const struct event *e)
{
    struct search s = { 0 };
    bool found = cycle_of(g, &s, t, AMONG_FREE);
    if (!found) {
        s.steps = 0;
        found = cycle_of(g, &s, t, AMONG_ALL) && !was_told(g, &s);
    }
    if (found) {
        g->locks->deadlocks++;
        for (uint32_t i = 0; i < s.n; i++)
            thread_at(g, s.path[i].thread)->wait.stuck = true;
        if (s.n > 1)   /* alone it is a relock, which is told */
            deadlock_finding(g, e, &s);
    }
    free(s.path);
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
    struct search s = { 0 };
    for (size_t i = 1; i < g->n_threads; i++) {
        s.steps = 0;
        if (!is_stuck(g, g->threads[i]) || (told && told[i]) || !cycle_of(g, &s, g->threads[i], AMONG_STUCK))
            continue;
        if (!told)
            told = xcalloc(g->n_threads, sizeof *told);
        for (uint32_t j = 0; j < s.n; j++)
            told[s.path[j].thread] = true;
        deadlock_row(g, v, &s, &edges, &rows);
    }
    free(s.path);
    free(told);
}
