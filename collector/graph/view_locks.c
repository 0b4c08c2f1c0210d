/*
 * collector/graph/view_locks.c - locks, their classes and sites, who has and
 * who waits for what, at one moment.
 *
 * Rows stand in order of ids (locks, holds, waits, guards) or of first use
 * (classes, sites), so the same events give the same view. Run by the folding
 * thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

enum { VIEW_LOCKS_MAX = 1 << 14 };

struct view_lock view_lock_of(const struct graph *g, const struct lock *lock, uint64_t ended_ns)
{
    return (struct view_lock){
        .id = lock->id, .process = process_at(g, lock->process)->serial, .class = lock->class, .family = lock->family,
        .type = lock->type, .where = lock->where, .init_stack = lock->init_stack, .born_ns = lock->born_ns,
        .ended_ns = ended_ns, .acquisitions = lock->acquisitions, .shared_acquisitions = lock->shared_acquisitions,
        .contended = lock->contended, .wait = times_view(&lock->wait), .hold = times_view(&lock->hold),
        .named = lock->flags & LOCK_NAMED };
}

/* What is named first; then by wait, then by use. */
static int compare_interest(const void *a, const void *b)
{
    const struct view_lock *x = a, *y = b;
    if (x->named != y->named)
        return x->named ? -1 : 1;
    if (x->wait.total_ns != y->wait.total_ns)
        return x->wait.total_ns < y->wait.total_ns ? 1 : -1;
    if (x->acquisitions != y->acquisitions)
        return x->acquisitions < y->acquisitions ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

static int compare_locks(const void *a, const void *b)
{
    uint64_t x = ((const struct view_lock *)a)->id, y = ((const struct view_lock *)b)->id;
    return (x > y) - (x < y);
}

static void row_name(struct view *v, uint64_t lock)
{
    struct view_lock key = { .id = lock }, *row = bsearch(&key, v->locks, v->n_locks, sizeof *v->locks, compare_locks);
    if (row)
        row->named = true;
}

/* Too many: first those that other rows speak of. */
static void rows_choose(struct view *v)
{
    for (size_t i = 0; i < v->n_holds; i++)
        row_name(v, v->holds[i].lock);
    for (size_t i = 0; i < v->n_waits; i++)
        row_name(v, v->waits[i].lock);
    for (size_t i = 0; i < v->n_order_edges; i++) {
        row_name(v, v->order_edges[i].held);
        row_name(v, v->order_edges[i].taken);
    }
    qsort(v->locks, v->n_locks, sizeof *v->locks, compare_interest);
    v->n_locks = VIEW_LOCKS_MAX;
    qsort(v->locks, v->n_locks, sizeof *v->locks, compare_locks);
}

static void view_lock_rows(const struct graph *g, struct view *v)
{
    const struct locks *l = g->locks;
    v->locks = xcalloc((size_t)l->live + l->n_kept + 1, sizeof *v->locks);
    for (size_t i = 0; i < l->n_kept; i++)
        v->locks[v->n_locks++] = l->ended[i];
    for (uint32_t place = 1; place < l->next; place++)
        if (lock_at(l, place)->id)
            v->locks[v->n_locks++] = view_lock_of(g, lock_at(l, place), 0);
    if (v->n_locks)
        qsort(v->locks, v->n_locks, sizeof *v->locks, compare_locks);
    if (v->n_locks > VIEW_LOCKS_MAX)
        rows_choose(v);
    v->locks_seen = l->next_id - 1;
    v->locks_left_out = v->locks_seen - v->n_locks + l->unfollowed;
}

static void view_classes(const struct locks *l, struct view *v)
{
    struct { struct times wait, hold; } *times = xcalloc(l->n_classes, sizeof *times);
    v->lock_classes = xcalloc(l->n_classes, sizeof *v->lock_classes);
    v->n_lock_classes = l->n_classes - 1;
    for (size_t i = 1; i < l->n_sites; i++) {
        const struct lock_site *s = &l->sites[i];
        if (!s->class)
            continue;
        struct view_lock_class *to = &v->lock_classes[s->class - 1];
        to->acquisitions += s->acquisitions;
        to->shared_acquisitions += s->shared_acquisitions;
        to->contended += s->contended;
        times_merge(&times[s->class].wait, &s->wait);
        times_merge(&times[s->class].hold, &s->hold);
    }
    for (size_t i = 1; i < l->n_classes; i++) {
        const struct lock_class *c = &l->classes[i];
        struct view_lock_class *to = &v->lock_classes[i - 1];
        to->family = c->family;
        to->init_stack = c->by == CLASS_BY_INIT ? c->init_stack : 0;
        to->where = c->where;
        to->locks = c->locks;
        to->wait = times_view(&times[i].wait);
        to->hold = times_view(&times[i].hold);
        times_clear(&times[i].wait);
        times_clear(&times[i].hold);
    }
    free(times);
}

static void view_lock_sites(const struct locks *l, struct view *v)
{
    v->lock_sites = xcalloc(l->n_sites, sizeof *v->lock_sites);
    for (size_t i = 1; i < l->n_sites; i++) {
        const struct lock_site *s = &l->sites[i];
        v->lock_sites[v->n_lock_sites++] = (struct view_lock_site){
            .class = s->class, .stack = s->stack, .first_lock = s->first_lock, .acquisitions = s->acquisitions,
            .shared_acquisitions = s->shared_acquisitions, .contended = s->contended,
            .wait = times_view(&s->wait), .hold = times_view(&s->hold) };
    }
}

static int compare_holds(const void *a, const void *b)
{
    const struct view_hold *x = a, *y = b;
    if (x->lock != y->lock)
        return x->lock > y->lock ? 1 : -1;
    return (x->thread > y->thread) - (x->thread < y->thread);
}

static int compare_waits(const void *a, const void *b)
{
    const struct view_wait *x = a, *y = b;
    if (x->lock != y->lock)
        return x->lock > y->lock ? 1 : -1;
    return (x->thread > y->thread) - (x->thread < y->thread);
}

static void view_custody(const struct graph *g, struct view *v)
{
    const struct locks *l = g->locks;
    size_t holds = 0, waits = 0;
    for (size_t i = 1; i < g->n_threads; i++) {
        const struct thread *t = g->threads[i];
        for (uint32_t at = t->holds; at; at = l->holds[at].next_of_thread) {
            const struct hold *h = &l->holds[at];
            v->holds = xgrow(v->holds, &holds, v->n_holds + 1, sizeof *v->holds);
            v->holds[v->n_holds++] = (struct view_hold){ .lock = lock_at(l, h->lock)->id, .thread = t->serial,
                                                         .stack = h->stack, .since_ns = h->since_ns, .shared = h->shared };
        }
        if (!lock_waited(g, t))
            continue;
        v->waits = xgrow(v->waits, &waits, v->n_waits + 1, sizeof *v->waits);
        v->waits[v->n_waits++] = (struct view_wait){ .lock = t->wait.id, .thread = t->serial, .stack = t->wait.stack,
                                                     .since_ns = t->wait.since_ns, .timed = t->wait.timed };
    }
    if (v->n_holds)
        qsort(v->holds, v->n_holds, sizeof *v->holds, compare_holds);
    if (v->n_waits)
        qsort(v->waits, v->n_waits, sizeof *v->waits, compare_waits);
}

static int compare_guards(const void *a, const void *b)
{
    const struct guard *x = a, *y = b;
    if (x->lock != y->lock)
        return x->lock > y->lock ? 1 : -1;
    return (x->site > y->site) - (x->site < y->site);
}

static void view_guards(const struct graph *g, struct view *v)
{
    const struct locks *l = g->locks;
    struct guard *sorted = xmalloc((l->n_guards + 1) * sizeof *sorted);
    for (size_t i = 0; i < l->n_guards; i++)
        sorted[i] = l->guards[i];
    qsort(sorted, l->n_guards, sizeof *sorted, compare_guards);
    v->guards = xcalloc(l->n_guards + 1, sizeof *v->guards);
    for (size_t i = 0; i < l->n_guards; i++)
        v->guards[v->n_guards++] = (struct view_guard){ .lock = sorted[i].lock, .site_stack = g->site_stacks[sorted[i].site],
                                                        .touches = sorted[i].touches, .blocks = sorted[i].blocks };
    free(sorted);
}

void view_locks(struct graph *g, struct view *v)
{
    if (!g->locks)
        return;
    view_classes(g->locks, v);
    view_lock_sites(g->locks, v);
    view_custody(g, v);
    view_guards(g, v);
    view_lock_order(g, v);
    view_deadlocks(g, v);
    view_lock_rows(g, v);
}
