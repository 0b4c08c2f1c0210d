/*
 * collector/graph/graph_clocks.h - happens-before: vector clocks of threads and
 * of what they synchronise by, and uses of blocks held against them.
 */
#ifndef OWNSCOPE_GRAPH_CLOCKS_H
#define OWNSCOPE_GRAPH_CLOCKS_H

#include "graph/graph_state.h"

/* What a sync object keeps: a clock, 0: none yet. */
typedef uint32_t clock_id;

/* t publishes all that it did so far through *clock (made when 0). `join`: what
 * others published there stays (semaphores, read locks, barriers, conditions),
 * else it is replaced (t has acquired it before: mutexes). */
void clocks_release(struct graph *g, struct thread *t, uint64_t ns, clock_id *clock, bool join);
/* t comes behind everything published there. */
void clocks_acquire(struct graph *g, struct thread *t, clock_id clock);
void clocks_forget(struct graph *g, clock_id *clock);

/* Threads: the creator before its child, a thread's end before its joiner. */
void clocks_created(struct graph *g, struct thread *creator, struct thread *child, uint64_t ns);
void clocks_joined(struct graph *g, struct thread *joiner, struct thread *child);
/* t calls futex itself: it synchronises by means that nobody sees. */
void clocks_unseen(struct graph *g, struct thread *t);

enum clocks_use { CLOCKS_READ, CLOCKS_WRITE, CLOCKS_MOVE, CLOCKS_DROP };
/* t uses bytes of a block: noted (BLOCK_USED), and held against the uses before. */
void clocks_use(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place,
                enum clocks_use use, uint64_t offset, uint64_t length);
/* A block with BLOCK_USED ends: after clocks_use with CLOCKS_DROP. */
void clocks_block_gone(struct graph *g, uint32_t place);

void clocks_clear(struct graph *g);
void view_clocks(const struct graph *g, struct view *v);

#endif
