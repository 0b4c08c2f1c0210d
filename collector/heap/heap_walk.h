/*
 * collector/heap/heap_walk.h - every word of blocks and roots, once: the edges.
 *
 * Two passes over a batch: words that may point into a block are picked out, then
 * all of them are looked up together (heap_find_many), so that the memory they
 * need is on its way while others are picked.
 *
 * A block that lies in another is not walked as part of that one. Memory made by
 * mmap that an allocator hands out in blocks is not walked itself: what is between
 * the blocks is free, or the allocator's.
 */
#ifndef OWNSCOPE_HEAP_WALK_H
#define OWNSCOPE_HEAP_WALK_H

#include "heap/heap_find.h"
#include "heap/heap_scan.h"
#include "heap/heap_types.h"

/* An edge that points into a block behind its first byte. */
struct heap_inner { uint64_t edge, word; };

struct heap_inners { struct heap_inner *at; size_t n, room; };

/* Fills in first, to, at, n_edges and words of a snapshot whose blocks and roots are there; what points inside goes
 * into `inners`, and what blocks begin with that may be a vtable's address to `types`. */
void heap_walk(struct snapshot *s, const struct heap_scan_input *in, const struct heap_find *find,
               struct heap_types *types, struct heap_inners *inners);

#endif
