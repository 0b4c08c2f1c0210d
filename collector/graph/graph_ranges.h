/*
 * collector/graph/graph_ranges.h - the mapped memory of one process: ranges
 * of addresses that never overlap, in order.
 *
 * A treap in one array, without recursion, so that no order of mappings can
 * exhaust the stack. Private to the folding thread. Places stay the same as
 * long as a range lives; pointers do not survive an insertion.
 */
#ifndef OWNSCOPE_GRAPH_RANGES_H
#define OWNSCOPE_GRAPH_RANGES_H

#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t start, end;  /* [start, end) */
    uint32_t block;       /* place in the pool, 0: this place is free */
    uint32_t priority;
    uint32_t left, right;
};

struct ranges {
    struct range *nodes;  /* place 0 unused */
    size_t capacity;
    uint32_t next, free, root, used;
    uint32_t seed;
};

/* The lowest range that overlaps [start, end); 0: none. */
uint32_t ranges_overlap(const struct ranges *r, uint64_t start, uint64_t end);
/* The one with the highest start at or below an address; with the lowest at or above it; 0: none. Their answers are sure
 * though ranges overlap, if no two have one start. */
uint32_t ranges_below(const struct ranges *r, uint64_t address);
uint32_t ranges_above(const struct ranges *r, uint64_t address);
/* Must not overlap another. */
uint32_t ranges_insert(struct ranges *r, uint64_t start, uint64_t end, uint32_t block);
void ranges_remove(struct ranges *r, uint32_t place);
void ranges_clear(struct ranges *r);

#endif
