/*
 * collector/graph/graph_lock_cycles.c - locks taken in both orders: searched
 * for when the order shows something new.
 *
 * A cycle is a row of witnesses in which what one took the next had, each by a
 * thread that could be there at the same time as all others: no two had a lock
 * of the rest in common, save both as readers, and no lock of the cycle is
 * shared at both of its ends. Threads that differ are preferred. Where no row
 * of locks closes, one of classes may: found as a doubt, and only among classes
 * that are known by where their locks are made. Run by the folding thread.
 *
 * Short cycles are looked for first: a search that goes deep may come to its
 * bound of steps before it has looked beside its first ways.
 */
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

enum { STEPS_MAX = 512, SHORT_LOCKS = 3 };

struct path {
    const struct locks *l;
    const struct order_edge *edges[CYCLE_LOCKS_MAX];
    const struct witness *w[CYCLE_LOCKS_MAX];
    uint32_t n, steps, most;
    bool by_class;
    bool deep;              /* a way was left at `most` */
    bool distinct;          /* every thread but once */
};

/* ---- what goes together ------------------------------------------------------------ */

static bool excludes(const struct path *q, const struct other *a, const struct other *b)
{
    bool same = a->lock == b->lock || (q->by_class && a->class == b->class && a->class);
    return same && !(a->shared && b->shared);
}

/* Both had a lock that only one thread can have. */
static bool guarded(const struct path *q, const struct order_edge *ea, const struct witness *a,
                    const struct order_edge *eb, const struct witness *b)
{
    struct other held_a = { a->held, ea->from, a->held_shared }, held_b = { b->held, eb->from, b->held_shared };
    if (a->many || b->many)
        return true;
    for (unsigned i = 0; i < a->n_others; i++) {
        if (excludes(q, &a->others[i], &held_b))
            return true;
        for (unsigned j = 0; j < b->n_others; j++)
            if (excludes(q, &a->others[i], &b->others[j]))
                return true;
    }
    for (unsigned j = 0; j < b->n_others; j++)
        if (excludes(q, &held_a, &b->others[j]))
            return true;
    return false;
}

/* The lock is one for as long as its id says. What nobody initialised lives at
 * its address in no block and no module for nobody knows how long: as mutexes
 * of C++ on a stack, of which the next call has another. */
static bool lasts(const struct locks *l, uint64_t id, uint32_t place, uint32_t class)
{
    const struct lock *lock = lock_at(l, place);
    if (lock->id != id)
        return l->classes[class].by != CLASS_BY_ADDRESS;
    return lock->where.kind != VIEW_WHERE_ADDRESS || lock->init_ns;
}

static bool both_last(const struct locks *l, const struct order_edge *edge, const struct witness *w)
{
    return lasts(l, w->held, w->held_place, edge->from) && lasts(l, w->taken, w->taken_place, edge->to);
}

static bool fits(const struct path *q, const struct order_edge *edge, const struct witness *w)
{
    const struct witness *last = q->w[q->n - 1];
    if (!both_last(q->l, edge, w))
        return false;
    if ((!q->by_class && w->held != last->taken) || (last->taken_shared && w->held_shared))
        return false;
    for (uint32_t i = 0; i < q->n; i++) {
        if (q->w[i] == w || (q->distinct && q->w[i]->thread == w->thread))
            return false;
        if (i && (q->by_class ? q->edges[i]->from == edge->to : q->w[i]->held == w->taken))
            return false;
        if (guarded(q, q->edges[i], q->w[i], edge, w))
            return false;
    }
    return true;
}

static bool closed(const struct path *q)
{
    const struct witness *last = q->w[q->n - 1], *first = q->w[0];
    bool meets = q->by_class ? q->edges[q->n - 1]->to == q->edges[0]->from : last->taken == first->held;
    return q->n > 1 && meets && !(last->taken_shared && first->held_shared);
}

/* ---- search ---------------------------------------------------------------------------- */

static bool extend(struct path *q);

static bool try_edge(struct path *q, const struct order_edge *edge)
{
    for (unsigned i = 0; i < edge->n; i++) {
        if (++q->steps > STEPS_MAX)
            return false;
        if (!fits(q, edge, &edge->w[i]))
            continue;
        q->edges[q->n] = edge;
        q->w[q->n++] = &edge->w[i];
        if (closed(q) || extend(q))
            return true;
        q->n--;
    }
    return false;
}

/* Known by where its locks are made, and they last: what lies on a stack lives for one call. */
static bool class_known(const struct locks *l, uint32_t class)
{
    const struct lock_class *c = &l->classes[class];
    return (c->by == CLASS_BY_INIT || c->by == CLASS_BY_BLOCK) && c->where.kind != VIEW_WHERE_ADDRESS;
}

/* Goes on from what the last witness took, until it comes back. */
static bool extend(struct path *q)
{
    const struct order *o = &q->l->order;
    const struct order_edge *last = q->edges[q->n - 1];
    const struct witness *w = q->w[q->n - 1];
    if (q->n == q->most) {
        q->deep = true;
        return false;
    }
    for (uint32_t at = dict_get(&o->first_of, (uint64_t)last->image << 32 | last->to); at && q->steps <= STEPS_MAX;
         at = o->edges[at].next) {
        if (q->by_class && !class_known(q->l, o->edges[at].to))
            q->steps++;
        else if (try_edge(q, &o->edges[at]))
            return true;
    }
    const struct lock *taken = lock_at(q->l, w->taken_place);
    if (q->by_class || taken->id != w->taken)
        return false;
    for (uint32_t at = taken->inner_edges; at && q->steps <= STEPS_MAX; at = o->inner[at].next)
        if (try_edge(q, &o->inner[at]))
            return true;
    return false;
}

static bool search(struct path *q, const struct order_edge *edge, const struct witness *w, bool by_class, bool distinct)
{
    *q = (struct path){ .l = q->l, .edges = { edge }, .w = { w }, .n = 1, .most = SHORT_LOCKS, .by_class = by_class,
                        .distinct = distinct };
    if (extend(q))
        return true;
    if (!q->deep)
        return false;
    q->most = CYCLE_LOCKS_MAX;
    q->steps = 0;
    return extend(q);
}

/* ---- what was found ------------------------------------------------------------------------ */

static uint64_t hash_of(const struct path *q, uint32_t i, bool stacks)
{
    uint64_t hash = lock_mix(lock_mix(lock_mix(1, q->edges[i]->image), q->edges[i]->from), q->edges[i]->to);
    return stacks ? lock_mix(lock_mix(hash, q->w[i]->stack_held), q->w[i]->stack_taken) : hash;
}

/* The same wherever the cycle begins. */
static uint64_t cycle_key(const struct path *q, bool stacks)
{
    uint64_t key = q->n;
    for (uint32_t i = 0; i < q->n; i++)
        key += hash_of(q, i, stacks);
    return key;
}

/* Begins the cycle at an end that does not depend on which edge was found last. */
static void cycle_turn(struct path *q)
{
    struct path was = *q;
    uint32_t first = 0;
    for (uint32_t i = 1; i < q->n; i++)
        if (hash_of(q, i, true) < hash_of(q, first, true))
            first = i;
    for (uint32_t i = 0; i < q->n; i++) {
        q->edges[i] = was.edges[(first + i) % q->n];
        q->w[i] = was.w[(first + i) % q->n];
    }
}

static void lock_name_row(struct locks *l, uint64_t id, uint32_t place)
{
    if (lock_at(l, place)->id == id) {
        lock_at(l, place)->flags |= LOCK_NAMED;
        return;
    }
    for (size_t i = 0; i < l->n_kept; i++)
        if (l->ended[i].id == id)
            l->ended[i].named = true;
}

static struct cycle_edge cycle_edge_of(const struct graph *g, const struct path *q, uint32_t i)
{
    const struct order_edge *edge = q->edges[i];
    const struct witness *w = q->w[i];
    struct view_order_edge row = { .held = w->held, .taken = w->taken, .held_class = edge->from, .taken_class = edge->to,
                                   .thread = thread_at(g, w->thread)->serial, .stack_held = w->stack_held,
                                   .stack_taken = w->stack_taken, .count = edge->count, .first_ns = edge->first_ns };
    return (struct cycle_edge){ .row = row, .key = order_key(edge), .inner = edge->inner };
}

/* A row of the view: in place of one by class, where there is one (true). */
static bool cycle_row(struct graph *g, const struct path *q, uint64_t class_key)
{
    struct order *o = &g->locks->order;
    uint32_t row = dict_get(&o->class_cycle_of, class_key);
    bool instead = row && o->cycles[row - 1].by_class && o->cycles[row - 1].n == q->n;
    if (!instead) {
        o->cycle_edges = xgrow(o->cycle_edges, &o->cycle_edges_capacity, o->n_cycle_edges + q->n, sizeof *o->cycle_edges);
        o->cycles = xgrow(o->cycles, &o->cycles_capacity, o->n_cycles + 1, sizeof *o->cycles);
        o->cycles[o->n_cycles++] = (struct view_cycle){ .first = (uint32_t)o->n_cycle_edges, .n = q->n };
        o->n_cycle_edges += q->n;
        row = (uint32_t)o->n_cycles;
        dict_set(&o->class_cycle_of, class_key, row);
    }
    o->cycles[row - 1].by_class = q->by_class;
    for (uint32_t i = 0; i < q->n; i++)
        o->cycle_edges[o->cycles[row - 1].first + i] = cycle_edge_of(g, q, i);
    return instead;
}

static uint32_t cycle_finding(struct graph *g, const struct event *e, const struct path *q)
{
    struct locks *l = g->locks;
    struct view_evidence evidence[2 * CYCLE_LOCKS_MAX];
    size_t n = 0;
    struct view_finding f = { .rule = RULE_LOCK_ORDER, .doubt = q->by_class ? DOUBT_BY_CLASS : 0, .lock = q->w[0]->held,
                              .family = l->classes[q->edges[0]->from].family };
    for (uint32_t i = 0; i < q->n; i++) {
        const struct witness *w = q->w[i];
        uint32_t thread = thread_at(g, w->thread)->serial;
        evidence[n++] = (struct view_evidence){ .role = EVIDENCE_HELD, .stack = w->stack_held, .thread = thread,
                                                .ns = w->ns, .lock = w->held };
        evidence[n++] = (struct view_evidence){ .role = EVIDENCE_TAKEN, .stack = w->stack_taken, .thread = thread,
                                                .ns = w->ns, .lock = w->taken };
        f.doubt |= !w->lost ? 0 : lost_ns(g, process_at(g, thread_at(g, w->thread)->process)) ? DOUBT_LOST : DOUBT_PARTIAL;
        lock_name_row(l, w->held, w->held_place);
        lock_name_row(l, w->taken, w->taken_place);
    }
    return finding_note(g, e, f, evidence, n);
}

static void cycle_found(struct graph *g, const struct event *e, struct path *q)
{
    struct order *o = &g->locks->order;
    uint64_t key = cycle_key(q, true), class_key = cycle_key(q, false);
    if (q->by_class ? dict_get(&o->class_cycle_of, class_key) != 0 : dict_get(&o->cycle_of, key) != 0)
        return;
    if (o->n_cycles >= LOCK_CYCLES_MAX)
        return;
    cycle_turn(q);
    bool instead = cycle_row(g, q, class_key);
    if (!q->by_class)
        dict_set(&o->cycle_of, key, (uint32_t)o->n_cycles);
    uint32_t finding = cycle_finding(g, e, q), doubted = instead ? dict_get(&o->class_finding_of, class_key) : 0;
    if (doubted)   /* what it said is said better now */
        finding_withdraw(g, doubted, 1);
    if (q->by_class && finding)
        dict_set(&o->class_finding_of, class_key, finding);
}

void cycles_search(struct graph *g, const struct event *e, const struct order_edge *edge, const struct witness *w)
{
    struct path q = { .l = g->locks };
    if (w->many || !both_last(g->locks, edge, w))
        return;
    if (search(&q, edge, w, false, true) || search(&q, edge, w, false, false)) {
        cycle_found(g, e, &q);
        return;
    }
    if (!edge->inner && class_known(g->locks, edge->from) && class_known(g->locks, edge->to) &&
        (search(&q, edge, w, true, true) || search(&q, edge, w, true, false)))
        cycle_found(g, e, &q);
}

/* ---- view ------------------------------------------------------------------------------------ */

void view_lock_order(const struct graph *g, struct view *v)
{
    const struct order *o = &g->locks->order;
    v->order_edges = xcalloc(o->n_cycle_edges + 1, sizeof *v->order_edges);
    v->cycles = xcalloc(o->n_cycles + 1, sizeof *v->cycles);
    v->n_order_edges = o->n_cycle_edges;
    v->n_cycles = o->n_cycles;
    for (size_t i = 0; i < o->n_cycle_edges; i++) {
        const struct cycle_edge *c = &o->cycle_edges[i];
        const struct order_edge *edge = order_find(o, c->key, c->inner, c->row.held, c->row.taken);
        v->order_edges[i] = c->row;
        if (edge)
            v->order_edges[i].count = edge->count;
    }
    if (o->n_cycles)
        memcpy(v->cycles, o->cycles, o->n_cycles * sizeof *v->cycles);
}
