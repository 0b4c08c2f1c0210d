/*
 * collector/graph/graph_uses.h - the uses of blocks that a later one could
 * clash with.
 *
 * Only of heap blocks (what lies in a mapping is mostly somebody's own
 * allocator), and only once a process has threads: what its first did alone
 * comes before all. A block keeps at most USES_A_BLOCK; a use goes when a later
 * one that is ordered behind it covers it (whoever clashes with the one then
 * clashes with the other), the oldest of a full block, and the oldest of all
 * past USES_MAX. 48 bytes a use, 8 bytes a place of the pool.
 *
 * What clashes: two uses of common bytes, one of which changes them. A drop
 * clashes with what changed the block, not with who read it; nor does it when
 * its thread did not make the block, and used it before, or drops it by a
 * delete, or drops what a thread changed that did not make it either: then it
 * may be one of several owners, who count themselves by atomics (shared_ptr,
 * Arc), and the last one drops. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_USES_H
#define OWNSCOPE_GRAPH_USES_H

#include <stddef.h>
#include <stdint.h>

enum { USES_A_BLOCK = 8, USES_MAX = 1 << 21, USERS = 31 };
#define USES_CLASHED (1u << USERS)     /* of a block's users: some clashed, so turns are watched */

struct past_use {
    uint64_t ns, offset, end;   /* bytes [offset, end) */
    uint32_t thread;            /* place; 0: free */
    uint32_t stack;
    uint32_t block;             /* place */
    uint32_t next;              /* of the block, or free */
    uint8_t use;                /* enum clocks_use */
    uint8_t family;
};

/* Of a place in the pool. */
struct block_uses {
    uint32_t newest;            /* use; 0: none */
    uint32_t users;             /* a bit for each thread that used it: its place modulo USERS; and USES_CLASHED */
};

struct uses {
    struct block_uses *of; size_t capacity;
    struct past_use *uses; size_t uses_capacity; /* place 0 unused */
    uint32_t next, free, hand;
};

void uses_clear(struct uses *u);

#endif
