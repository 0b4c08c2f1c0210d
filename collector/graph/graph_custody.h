/*
 * collector/graph/graph_custody.h - who holds a block: rules 1 to 5.
 *
 * A block's owner is its maker until a note says otherwise. A thread that is
 * not the first of its image also lists the blocks that came to it (places;
 * entries go stale silently and are swept when the list is full), so that its
 * end costs what it owns and not what its process has. Run by the folding
 * thread.
 */
#ifndef OWNSCOPE_GRAPH_CUSTODY_H
#define OWNSCOPE_GRAPH_CUSTODY_H

#include "graph/graph_sampling.h"
#include "graph/graph_state.h"

void custody_list(struct graph *g, struct thread *t, uint32_t place);
/* The thread is the first of an image that owns nothing yet: it keeps no list. */
void custody_forget(struct thread *t);
/* A block that its maker owns has come to be; a clone counts for nobody. */
static inline void custody_made(struct graph *g, struct thread *t, uint32_t place, const struct block *b)
{
    if (block_counts(b)) {
        struct view_count n = block_counted(g, place, b);
        t->owns.blocks += n.blocks;
        t->owns.bytes += n.bytes;
    }
    if (t->tracked)
        custody_list(g, t, place);
}
/* A block is about to end. */
static inline void custody_ended(struct graph *g, uint32_t place, const struct block *b)
{
    if (!block_counts(b))
        return;
    struct thread *owner = thread_at(g, block_owner(g, place, b));
    struct view_count n = block_counted(g, place, b);
    owner->owns.blocks -= n.blocks;
    owner->owns.bytes -= n.bytes;
}
/* It counts for so much more (modulo 2^64: or less) of what its owner holds. */
static inline void custody_resized(struct graph *g, uint32_t place, const struct block *b, uint64_t blocks, uint64_t bytes)
{
    if (!block_counts(b))
        return;
    struct thread *owner = thread_at(g, block_owner(g, place, b));
    owner->owns.blocks += blocks;
    owner->owns.bytes += bytes;
}

void custody_give(struct graph *g, uint32_t place, uint32_t to, enum owned_by by, uint64_t ns);

void custody_receive_slow(struct graph *g, const struct process *p, struct thread *t, const struct event *e,
                          uint32_t place, bool keep);
/* Rules 2, 3 and 5 for a thread that is about to drop (keep: reallocate) a block. */
static inline void custody_receive(struct graph *g, const struct process *p, struct thread *t, const struct event *e,
                                   uint32_t place, const struct block *b, bool keep)
{
    if (graph_unlikely(block_owner(g, place, b) != t->place))
        custody_receive_slow(g, p, t, e, place, keep);
}

/* Rule 5: what x still owns goes to its process, `but` one block (id 0: none). */
void custody_outlive(struct graph *g, const struct event *e, struct thread *x, struct held_block but);

/* Puts places in order of their blocks' ids. */
void custody_sort(const struct graph *g, uint32_t *places, size_t n);

#endif
