/*
 * collector/heap/heap_tree.h - the dominator tree of a snapshot: who retains
 * what.
 *
 * Under one top (HEAP_TOP) hang all roots, loose mappings, and what is lost (each
 * definite block under the node HEAP_LOST). A block's holder is its immediate
 * dominator: drop it, and the block has no path left. Retained bytes of a node:
 * its own and those of all that it dominates. Semi-NCA.
 *
 * Roots may be split first (heap_tree_split): a module's data by variable, a
 * stack by frame; then the parts are the nodes.
 *
 * Nodes: blocks 0 … n-1, then roots (or their parts) n …, then HEAP_LOST and HEAP_TOP, as heap_tree says.
 */
#ifndef OWNSCOPE_HEAP_TREE_H
#define OWNSCOPE_HEAP_TREE_H

#include "heap/heap_reach.h"

/* A part of a root: words [first_word, last_word) of it. Parts are sorted by (root, first_word). */
struct heap_part { uint32_t root; uint32_t first_word, last_word; uint32_t label; /* the caller's */ };

struct heap_tree {
    uint32_t n_blocks, n_parts, lost, top, n_nodes; /* lost, top: node numbers */
    const struct heap_part *parts;
    uint32_t *holder;           /* immediate dominator of each node; top's is itself */
    uint64_t *retained_bytes, *retained_blocks;
    uint32_t *child_first;      /* n_nodes + 1: children of node i are child[child_first[i] …), those that retain most first */
    uint32_t *child;
};

typedef void (*heap_progress)(void *context, const char *step, uint64_t done, uint64_t total);
/* `parts` (NULL: each root is one) must outlive the tree. NULL result: no edges known. */
struct heap_tree *heap_tree_new(const struct snapshot *s, const struct heap_reach *r,
                                const struct heap_part *parts, size_t n_parts, heap_progress progress, void *context);
void heap_tree_free(struct heap_tree *t);

/* A path from a root's part to a block: nodes and the edges between them. */
struct heap_step { uint32_t node; uint32_t at; /* word in it that points on */ uint32_t flags; /* EDGE_INTERIOR, EDGE_GOOD */ };
/* The shortest; with `strong` the shortest among those with the fewest interior
 * pointers. Returns how many steps, the last is the block itself; 0: none leads
 * there. *steps is malloc'ed. A lost block's path begins at its leader. */
size_t heap_path(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t,
                 uint32_t block, bool strong, struct heap_step **steps);
/* Nodes (blocks, parts) that point to a block, at most `max`. */
size_t heap_holders(const struct snapshot *s, const struct heap_tree *t, uint32_t block, struct heap_step *steps, size_t max);

#endif
