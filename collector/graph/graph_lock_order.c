/*
 * collector/graph/graph_lock_order.c - in what order locks are taken.
 *
 * An edge goes from what a thread has to what it waits for, or gets by a call
 * that may block. It is between classes, so that order is learned once a
 * class; inside one class it is between the two locks, so that locks of one
 * kind that are taken by address, or from list head to tail, close nothing.
 * An edge keeps a few times that it was seen, its witnesses: such that tell
 * most (other locks, fewer guards, another thread). Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

enum { HELD_MAX = 32 };   /* of one thread, the newest, from which edges go */

uint64_t order_key(const struct order_edge *edge)
{
    if (edge->inner)
        return edge->w[0].held << 32 | (uint32_t)edge->w[0].taken;
    return (uint64_t)edge->image << 36 | (uint64_t)edge->from << 18 | edge->to;
}

struct order_edge *order_find(const struct order *o, uint64_t key, bool inner, uint64_t held, uint64_t taken)
{
    uint32_t at = dict_get(inner ? &o->inner_of : &o->edge_of, key);
    if (!at || !inner)
        return at ? &o->edges[at] : NULL;
    struct order_edge *edge = &o->inner[at];   /* the key has half of each id */
    return edge->w[0].held == held && edge->w[0].taken == taken ? edge : NULL;
}

/* ---- edges ---------------------------------------------------------------------- */

static struct order_edge *edge_make(struct order *o, const struct order_edge *like, uint64_t key)
{
    uint64_t of = (uint64_t)like->image << 32 | like->from;
    if (o->n_edges >= LOCK_EDGES_MAX)
        return NULL;
    o->edges = xgrow(o->edges, &o->edges_capacity, o->n_edges + 2, sizeof *o->edges);
    uint32_t place = (uint32_t)++o->n_edges;
    o->edges[place] = *like;
    o->edges[place].next = dict_get(&o->first_of, of);
    dict_set(&o->first_of, of, place);
    dict_set(&o->edge_of, key, place);
    return &o->edges[place];
}

static void inner_free(struct order *o, uint32_t place)
{
    struct order_edge *edge = &o->inner[place];
    uint64_t key = order_key(edge);
    if (dict_get(&o->inner_of, key) == place)
        dict_remove(&o->inner_of, key);
    edge->n = 0;
    edge->next = o->inner_free;
    o->inner_free = place;
}

/* Lets go of edges to locks that have ended. */
static void inner_sweep(struct locks *l)
{
    struct order *o = &l->order;
    o->inner_swept = l->n_ended;
    for (uint32_t place = 1; place < l->next; place++) {
        struct lock *lock = lock_at(l, place);
        if (!lock->id)
            continue;
        for (uint32_t *at = &lock->inner_edges; *at;) {
            struct order_edge *edge = &o->inner[*at];
            uint32_t this = *at;
            if (lock_at(l, edge->w[0].taken_place)->id == edge->w[0].taken) {
                at = &edge->next;
                continue;
            }
            *at = edge->next;
            inner_free(o, this);
        }
    }
}

static struct order_edge *inner_make(struct locks *l, const struct order_edge *like, uint64_t key, struct lock *held)
{
    struct order *o = &l->order;
    if (!o->inner_free && o->n_inner >= LOCK_EDGES_MAX && l->n_ended - o->inner_swept > LOCK_EDGES_MAX / 8)
        inner_sweep(l);
    uint32_t place = o->inner_free;
    if (place) {
        o->inner_free = o->inner[place].next;
    } else if (o->n_inner >= LOCK_EDGES_MAX) {
        return NULL;
    } else {
        o->inner = xgrow(o->inner, &o->inner_capacity, o->n_inner + 2, sizeof *o->inner);
        place = (uint32_t)++o->n_inner;
    }
    o->inner[place] = *like;
    o->inner[place].next = held->inner_edges;
    held->inner_edges = place;
    dict_set(&o->inner_of, key, place);
    return &o->inner[place];
}

void order_lock_ended(struct locks *l, struct lock *lock)
{
    for (uint32_t at = lock->inner_edges, next; at; at = next) {
        next = l->order.inner[at].next;
        inner_free(&l->order, at);
    }
    lock->inner_edges = 0;
}

/* ---- witnesses ----------------------------------------------------------------------- */

static void witness_others(const struct graph *g, struct witness *w, const struct thread *t)
{
    const struct locks *l = g->locks;
    for (uint32_t at = t->holds; at; at = l->holds[at].next_of_thread) {
        const struct hold *h = &l->holds[at];
        if (h->lock == w->held_place || h->lock == w->taken_place)
            continue;
        if (w->n_others == OTHERS_MAX) {
            w->many = true;
            return;
        }
        const struct lock *lock = lock_at(l, h->lock);
        w->others[w->n_others++] = (struct other){ .lock = lock->id, .class = lock->class, .shared = h->shared };
    }
}

static bool has_other(const struct witness *w, const struct other *o)
{
    for (unsigned i = 0; i < w->n_others; i++)
        if (w->others[i].lock == o->lock && w->others[i].shared <= o->shared)
            return true;
    return false;
}

/* Whatever cycle `less` can stand in, w can: no guard more, nothing shared that is not there. */
static bool witness_covers(const struct witness *w, const struct witness *less)
{
    if (w->held != less->held || w->taken != less->taken || w->held_shared > less->held_shared ||
        w->taken_shared > less->taken_shared || w->lost > less->lost || (w->many && !less->many))
        return false;
    for (unsigned i = 0; i < w->n_others; i++)
        if (!less->many && !has_other(less, &w->others[i]))
            return false;
    return true;
}

/* Where a witness that tells something new may stand; NULL: it tells nothing, or too little. */
static struct witness *witness_slot(struct order_edge *edge, const struct witness *new)
{
    struct witness *worse = NULL, *twin = NULL;
    bool pair_known = false;
    for (unsigned i = 0; i < edge->n; i++) {
        struct witness *w = &edge->w[i];
        if (witness_covers(w, new) && (w->thread == new->thread || edge->n == WITNESSES_MAX))
            return NULL;
        if (witness_covers(new, w) && !witness_covers(w, new))
            worse = w;
        pair_known |= w->held == new->held && w->taken == new->taken;
        for (unsigned j = 0; j < i; j++)
            if (edge->w[j].held == w->held && edge->w[j].taken == w->taken)
                twin = w;
    }
    if (worse)
        return worse;
    if (edge->n < WITNESSES_MAX)
        return &edge->w[edge->n++];
    return pair_known ? NULL : twin;
}

/* ---- what happens ---------------------------------------------------------------------- */

/* The edge that this witness shows, made when it is new (then it has it). */
static struct order_edge *edge_get(struct locks *l, uint32_t image, const struct witness *w, bool *made)
{
    struct order *o = &l->order;
    struct lock *held = lock_at(l, w->held_place);
    struct order_edge like = { .image = image, .from = held->class, .to = lock_at(l, w->taken_place)->class,
                               .first_ns = w->ns, .n = 1 };
    like.inner = like.from == like.to;
    like.w[0] = *w;
    uint64_t key = order_key(&like);
    struct order_edge *edge = order_find(o, key, like.inner, w->held, w->taken);
    if (edge)
        return edge;
    *made = true;
    return like.inner ? inner_make(l, &like, key, held) : edge_make(o, &like, key);
}

static void order_edge_seen(struct graph *g, struct process *p, struct thread *t, const struct event *e,
                            const struct hold *h, uint32_t taken_place, bool shared)
{
    struct locks *l = g->locks;
    const struct lock *held = lock_at(l, h->lock), *taken = lock_at(l, taken_place);
    struct witness w = { .held = held->id, .taken = taken->id, .ns = e->ns, .held_place = h->lock, .taken_place = taken_place,
                         .thread = t->place, .stack_held = h->stack, .stack_taken = e->stack, .held_shared = h->shared,
                         .taken_shared = shared, .lost = lost_ns(g, p) || cover_locks_gap(g) };
    bool made = false;
    if (t->n_holds > 1)
        witness_others(g, &w, t);
    struct order_edge *edge = edge_get(l, p->lock_image, &w, &made);
    if (!edge)
        return;
    edge->count++;
    struct witness *slot = made ? &edge->w[0] : witness_slot(edge, &w);
    if (!slot)
        return;
    *slot = w;
    cycles_search(g, e, edge, slot);
}

void order_taken(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place, bool shared)
{
    struct locks *l = g->locks;
    const struct lock *taken = lock_at(l, place);
    int n = 0;
    if (!p->threaded)   /* alone: whoever comes later comes behind this */
        return;
    if (!taken->class || hold_of(g, taken, t))
        return;
    for (uint32_t at = t->holds; at && n < HELD_MAX; at = l->holds[at].next_of_thread, n++) {
        const struct hold *h = &l->holds[at];
        if (lock_at(l, h->lock)->class && hold_certain(g, h))
            order_edge_seen(g, p, t, e, h, place, shared);
    }
}

void order_clear(struct order *o)
{
    free(o->edges);
    free(o->inner);
    free(o->cycle_edges);
    free(o->cycles);
    dict_clear(&o->edge_of);
    dict_clear(&o->inner_of);
    dict_clear(&o->first_of);
    dict_clear(&o->cycle_of);
    dict_clear(&o->class_cycle_of);
    dict_clear(&o->class_finding_of);
}
