/*
 * collector/graph/graph_locks.h - who holds, shares and waits for each lock,
 * for how long, in what order, and which rules that breaks.
 *
 * A lock never is in two hands: who acquires one that another thread has
 * waits (repair.c) for that thread's release; when none comes within the
 * window, it was given up where nobody saw (FACT_ACQUIRE by "unseen"). After
 * lost events nothing that rests on a hold from before is a finding.
 */
#ifndef OWNSCOPE_GRAPH_LOCKS_H
#define OWNSCOPE_GRAPH_LOCKS_H

#include "graph/graph_state.h"

/* Folds EVENT_WAIT to EVENT_LOCK_CONSISTENT. False: it waits for another
 * thread's release (repair.c), and nothing was changed. */
bool locks_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e);

/* A block with BLOCK_LOCKS is dropped, or moved by realloc, by the event's thread; … */
void locks_block_gone(struct graph *g, const struct event *e, uint32_t place);
/* … or was, where nobody saw. */
void locks_block_unseen(struct graph *g, const struct event *e, uint32_t place);
/* Bytes of a block with BLOCK_LOCKS go: unmapped, or cut off by realloc. */
void locks_part_gone(struct graph *g, const struct event *e, uint32_t place, uint64_t address, uint64_t bytes);
/* What lies in `part` now was in block `from`. */
void locks_block_split(struct graph *g, uint32_t from, uint32_t part);
/* Another module took its place. */
void locks_range_gone(struct graph *g, struct process *p, const struct event *e, uint64_t address, uint64_t bytes);

/* A thread ended (at t->exit_ns or t->ended_ns) and its process lives on. */
void locks_thread_ended(struct graph *g, struct thread *t, const struct event *e);
/* An image was replaced, a process ended. */
void locks_process_ended(struct graph *g, struct process *p, const struct event *e);

void locks_touched_slow(struct graph *g, const struct thread *t, const struct block *b);
/* A block was copied to or from, or is dropped: who guards it? */
static inline void locks_touched(struct graph *g, const struct thread *t, const struct block *b)
{
    if (graph_unlikely(t->n_holds))
        locks_touched_slow(g, t, b);
}

void locks_clear(struct graph *g);
void view_locks(struct graph *g, struct view *v);

#endif
