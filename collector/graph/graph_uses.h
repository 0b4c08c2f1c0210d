/*
 * collector/graph/graph_uses.h - the uses of blocks that a later one could
 * clash with.
 *
 * Only of heap blocks (what lies in a mapping is mostly somebody's own
 * allocator), and only once a process has threads: what its first did alone
 * comes before all. A block keeps at most USES_A_BLOCK; a use goes when a later
 * one that is ordered behind it covers it (whoever clashes with the one then
 * clashes with the other), the oldest of a full block, and the oldest of all
 * past USES_MAX. 48 bytes a use, 4 bytes a place of the pool. Run by the
 * folding thread.
 */
#ifndef OWNSCOPE_GRAPH_USES_H
#define OWNSCOPE_GRAPH_USES_H

#include <stddef.h>
#include <stdint.h>

enum { USES_A_BLOCK = 8, USES_MAX = 1 << 21 };

struct past_use {
    uint64_t ns, offset, end;   /* bytes [offset, end) */
    uint32_t thread;            /* place; 0: free */
    uint32_t stack;
    uint32_t block;             /* place */
    uint32_t next;              /* of the block, or free */
    uint8_t use;                /* enum clocks_use */
    uint8_t family;
};

struct uses {
    uint32_t *first_of; size_t capacity;    /* place of a block -> its newest use */
    struct past_use *uses; size_t uses_capacity; /* place 0 unused */
    uint32_t next, free, hand;
};

void uses_clear(struct uses *u);

#endif
