/*
 * collector/heap/heap_tree.h - the dominator tree of a snapshot: who retains
 * what.
 *
 * Under one top hang all roots, loose mappings, and what is lost (each definite
 * block under one node for all of them). A block's holder is its immediate
 * dominator: drop it, and the block has no path left. Pointers out of lost
 * blocks keep nothing else: only what is lost is held by what is lost.
 * Retained bytes of a node: those of all blocks that it dominates, itself too;
 * a root's own memory is no block and counts for nothing. Semi-NCA.
 *
 * Roots may be split first: a module's data by variable, a stack by frame; then
 * the parts are the nodes.
 *
 * Nodes: blocks 0 … n_blocks-1, then roots (or their parts), then lost and top.
 */
#ifndef OWNSCOPE_HEAP_TREE_H
#define OWNSCOPE_HEAP_TREE_H

#include "heap/heap_reach.h"

/* A part of a root: words [first_word, last_word) of it. Parts are sorted by (root, first_word);
 * each root has one at least, and they leave no gap. */
struct heap_part { uint32_t root; uint32_t first_word, last_word; uint32_t label; /* the caller's */ };

struct heap_tree {
    uint32_t n_blocks, n_parts, lost, top, n_nodes; /* lost, top: node numbers */
    uint64_t *part_edge;        /* n_parts + 1: edges of part i are [part_edge[i], part_edge[i + 1]) of the snapshot */
    uint32_t *holder;           /* immediate dominator of each node; top's is itself */
    uint64_t *retained_bytes, *retained_blocks;
    uint32_t *child_first;      /* n_nodes + 1: children of node i are child[child_first[i] …), those that retain most first */
    uint32_t *child;
};

/* Steps: "walk", "dominators", "children". NULL: nobody asks. */
typedef void (*heap_progress)(void *context, const char *step, uint64_t done, uint64_t total);
/* `parts` NULL: each root is one. NULL result: no edges known. */
struct heap_tree *heap_tree_new(const struct snapshot *s, const struct heap_reach *r,
                                const struct heap_part *parts, size_t n_parts, heap_progress progress, void *context);
void heap_tree_free(struct heap_tree *t);
/* From now on only blocks that were made since count: what is retained, and the
 * order of children. Who holds what stays. */
void heap_tree_since(struct heap_tree *t, const struct snapshot *s, uint64_t since_ns);

/* A path from a root's part to a block: nodes and the edges between them. */
struct heap_step {
    uint32_t node;
    uint32_t at;                /* the word in it (in the root, of a part) that points on; as snapshot's */
    uint32_t flags;             /* EDGE_INTERIOR, EDGE_GOOD */
};
/* The shortest; with `strong` the shortest among those with the fewest interior
 * pointers. Returns how many steps, the last is the block itself; 0: none leads
 * there. *steps is malloc'ed. A lost block's path begins at its leader. */
size_t heap_path(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t,
                 uint32_t block, bool strong, struct heap_step **steps);
/* Words that point to a block (a node may stand there several times): the first `max`; returns how many there are. */
size_t heap_holders(const struct snapshot *s, const struct heap_tree *t, uint32_t block, struct heap_step *steps, size_t max);

#endif
