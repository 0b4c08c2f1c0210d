/*
 * collector/heap/heap_dominators.h - immediate dominators of a snapshot's nodes:
 * semi-NCA (Georgiadis), without recursion, in near linear time.
 */
#ifndef OWNSCOPE_HEAP_DOMINATORS_H
#define OWNSCOPE_HEAP_DOMINATORS_H

#include "heap/heap_tree.h"

/* Nodes in the order of a depth-first walk from top: holders come before what they hold. */
struct heap_dominators {
    uint32_t *node;             /* n_nodes */
    uint32_t *holder;           /* of node[i]: its place in this order; of place 0, top, 0 */
};

/* Of the tree: n_blocks, n_parts, lost, top, n_nodes and part_edge. */
struct heap_dominators heap_dominators_find(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t,
                                            heap_progress progress, void *context);
void heap_dominators_free(struct heap_dominators *d);

#endif
