/*
 * collector/graph/graph_custody.c - see graph_custody.h.
 */
#include "graph/graph_custody.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_facts.h"
#include "graph/graph_forks.h"
#include "graph/graph_heap.h"
#include "graph/graph_maps.h"

enum { OWNED_FIRST = 16 };

/* Sweeps a thread's list: what is left is owned by it, each block once. */
static void custody_sweep(struct graph *g, struct thread *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_owned; i++) {
        struct block *b = pool_at(&g->pool, t->owned[i]);
        if (!b->id || (b->flags & BLOCK_SEEN) || block_owner(g, t->owned[i], b) != t->place)
            continue;
        b->flags |= BLOCK_SEEN;
        t->owned[n++] = t->owned[i];
    }
    t->n_owned = n;
    for (size_t i = 0; i < n; i++)
        pool_at(&g->pool, t->owned[i])->flags &= ~BLOCK_SEEN;
}

void custody_list(struct graph *g, struct thread *t, uint32_t place)
{
    if (t->n_owned == t->owned_capacity) {
        custody_sweep(g, t);
        if (2 * t->n_owned >= t->owned_capacity) { /* twice what it owns: 8 bytes a block */
            t->owned_capacity = 2 * t->n_owned + OWNED_FIRST;
            t->owned = xrealloc(t->owned, t->owned_capacity * sizeof *t->owned);
        }
    }
    t->owned[t->n_owned++] = place;
}

void custody_give(struct graph *g, uint32_t place, uint32_t to, enum owned_by by, uint64_t ns)
{
    struct block *b = pool_at(&g->pool, place);
    struct thread *heir = thread_at(g, to);
    custody_ended(g, place, b);
    struct note *note = pool_note(&g->pool, place);
    note->owner = to;
    note->owned_by = (uint8_t)by;
    note->owned_since_ns = ns;
    custody_made(g, heir, place, b);
}

/* When the owner is a thread that ended while its process lives on, the block
 * was the process's already. */
static uint32_t custody_outlive_one(struct graph *g, const struct process *p, const struct event *e,
                                    const struct block *b, uint32_t owner)
{
    const struct thread *x = thread_at(g, owner);
    if (!owner || p->ended || !(x->exited || x->ended))
        return owner;
    struct event by_nobody = *e;
    by_nobody.thread = 0;
    by_nobody.stack = 0;
    fact_move(g, &by_nobody, b, MOVE_OUTLIVED, x->exited ? x->exit_ns : x->ended_ns, owner, 0);
    return 0;
}

void custody_receive_slow(struct graph *g, const struct process *p, struct thread *t, const struct event *e,
                          uint32_t place, bool keep)
{
    const struct block *b = pool_at(&g->pool, place);
    uint32_t owner = block_owner(g, place, b);
    if (!t->place)
        return;
    if (t->arg.id == b->id) {
        fact_move(g, e, b, MOVE_THREAD_ARG, t->arg_ns, owner, t->place);
        t->arg.id = 0;
        t->arg_open = false;
        if (keep)
            custody_give(g, place, t->place, OWNED_THREAD_ARG, t->arg_ns);
        return;
    }
    owner = custody_outlive_one(g, p, e, b, owner);
    fact_move(g, e, b, MOVE_TAKEN, e->ns, owner, t->place);
    if (keep)
        custody_give(g, place, t->place, OWNED_TAKEN, e->ns);
}

void custody_forget(struct thread *t)
{
    free(t->owned);
    t->owned = NULL;
    t->n_owned = t->owned_capacity = 0;
    t->tracked = false;
}

/* The first thread of an image keeps no list: makes it. */
static void custody_track(struct graph *g, struct thread *x)
{
    const struct process *p = process_at(g, x->process);
    x->tracked = true;
    for (uint32_t i = 0; i < table_slots(&p->heap); i++) {
        uint32_t place = table_place(&p->heap, i);
        if (place && block_owner(g, place, pool_at(&g->pool, place)) == x->place)
            custody_list(g, x, place);
    }
    for (uint32_t i = 1; i < p->maps.next; i++) {
        uint32_t place = p->maps.nodes[i].block;
        if (place && block_owner(g, place, pool_at(&g->pool, place)) == x->place)
            custody_list(g, x, place);
    }
}

static _Thread_local const struct pool *sorted_pool;

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = pool_at(sorted_pool, *(const uint32_t *)a)->id, y = pool_at(sorted_pool, *(const uint32_t *)b)->id;
    return (x > y) - (x < y);
}

void custody_sort(const struct graph *g, uint32_t *places, size_t n)
{
    sorted_pool = &g->pool;
    if (n)
        qsort(places, n, sizeof *places, compare_ids);
}

void custody_outlive(struct graph *g, const struct event *e, struct thread *x, struct held_block but)
{
    if (!x->tracked)
        custody_track(g, x);
    custody_sweep(g, x);
    if (!x->n_owned)
        return;
    custody_sort(g, x->owned, x->n_owned);
    struct event by_nobody = *e;
    by_nobody.thread = 0;
    by_nobody.stack = 0;
    uint64_t ns = x->exited ? x->exit_ns : x->ended_ns;
    uint32_t kept = 0;
    for (size_t i = 0; i < x->n_owned; i++) {
        uint32_t place = x->owned[i];
        const struct block *b = pool_at(&g->pool, place);
        if (b->id == but.id) {
            kept = place;
            continue;
        }
        fact_move(g, &by_nobody, b, MOVE_OUTLIVED, ns, x->place, 0);
        custody_give(g, place, 0, OWNED_OUTLIVED, ns);
    }
    free(x->owned);
    x->owned = NULL;
    x->n_owned = x->owned_capacity = 0;
    if (kept)
        custody_list(g, x, kept);
}
