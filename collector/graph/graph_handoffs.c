/*
 * collector/graph/graph_handoffs.c - see graph_handoffs.h.
 */
#include "graph/graph_handoffs.h"

#include <stdlib.h>

#include "event/xalloc.h"

enum { HANDOFF_SLOTS_FIRST = 64 };

static uint32_t handoff_hash(const struct view_handoff *r)
{
    uint64_t a = (uint64_t)r->from << 32 | r->to, b = (uint64_t)r->stack_new << 32 | r->stack_drop;
    a = (a ^ a >> 31) * 0x9e3779b97f4a7c15ull + b;
    a = (a ^ a >> 29) * 0xbf58476d1ce4e5b9ull;
    return (uint32_t)(a >> 32);
}

static bool handoff_same(const struct view_handoff *a, const struct view_handoff *b)
{
    return a->from == b->from && a->to == b->to && a->stack_new == b->stack_new && a->stack_drop == b->stack_drop;
}

/* Slots for all rows, and some to come. */
void handoffs_index(struct graph *g)
{
    uint32_t slots = HANDOFF_SLOTS_FIRST;
    while (3 * (g->n_handoffs + 1) > 2 * (size_t)slots)
        slots *= 2;
    free(g->handoff_slots);
    g->handoff_slots = xcalloc(slots, sizeof *g->handoff_slots);
    g->handoff_mask = slots - 1;
    for (size_t row = 0; row < g->n_handoffs; row++) {
        uint32_t i = handoff_hash(&g->handoffs[row]) & g->handoff_mask;
        while (g->handoff_slots[i])
            i = (i + 1) & g->handoff_mask;
        g->handoff_slots[i] = (uint32_t)row + 1;
    }
}

/* The row of a key; NULL: there is none, and no more than `most` may be made. */
static struct view_handoff *handoff_row(struct graph *g, const struct view_handoff *key, size_t most)
{
    if (!g->handoff_slots || 3 * (g->n_handoffs + 1) > 2 * ((size_t)g->handoff_mask + 1))
        handoffs_index(g);
    uint32_t i = handoff_hash(key) & g->handoff_mask;
    for (; g->handoff_slots[i]; i = (i + 1) & g->handoff_mask)
        if (handoff_same(&g->handoffs[g->handoff_slots[i] - 1], key))
            return &g->handoffs[g->handoff_slots[i] - 1];
    if (g->n_handoffs >= most)
        return NULL;
    g->handoffs = xgrow(g->handoffs, &g->handoffs_capacity, g->n_handoffs + 1, sizeof *g->handoffs);
    g->handoffs[g->n_handoffs] = *key;
    g->handoff_slots[i] = (uint32_t)++g->n_handoffs;
    return &g->handoffs[g->n_handoffs - 1];
}

void handoff_count(struct graph *g, const struct thread *from, const struct thread *to,
                   uint32_t stack_new, uint32_t stack_drop, struct view_count n, uint64_t flight_ns)
{
    struct view_handoff key = { .from = from->serial, .to = to->serial,
                                .stack_new = stack_new, .stack_drop = stack_drop };
    struct view_handoff *r = handoff_row(g, &key, HANDOFFS_MAX);
    if (!r) {
        key.stack_new = key.stack_drop = 0;
        r = handoff_row(g, &key, 2 * HANDOFFS_MAX);
    }
    if (!r) {
        key.from = key.to = 0;
        r = handoff_row(g, &key, SIZE_MAX);
    }
    r->blocks += n.blocks;
    r->bytes += n.bytes;
    r->flight_ns += flight_ns * n.blocks;
}
