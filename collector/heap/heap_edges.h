/*
 * collector/heap/heap_edges.h - the edges that count in a tree: which words of a
 * node point to what it may hold.
 */
#ifndef OWNSCOPE_HEAP_EDGES_H
#define OWNSCOPE_HEAP_EDGES_H

#include "heap/heap_tree.h"

struct heap_range { uint64_t from, to; };

/* Of a block or a part. */
static inline struct heap_range heap_edges_of(const struct snapshot *s, const struct heap_tree *t, uint32_t node)
{
    if (node < t->n_blocks)
        return (struct heap_range){s->first[node], s->first[node + 1]};
    return (struct heap_range){t->part_edge[node - t->n_blocks], t->part_edge[node - t->n_blocks + 1]};
}

static inline bool heap_is_lost(const struct heap_reach *r, uint32_t block)
{
    return r->class[block] == LEAK_INDIRECT || r->class[block] == LEAK_DEFINITE;
}

/* Whether a pointer out of `node` (a block or a part) can hold `block`. */
static inline bool heap_holds(const struct heap_reach *r, const struct heap_tree *t, uint32_t node, uint32_t block)
{
    return node >= t->n_blocks || !heap_is_lost(r, node) || heap_is_lost(r, block);
}

#endif
