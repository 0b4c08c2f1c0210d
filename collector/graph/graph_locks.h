/*
 * collector/graph/graph_locks.h - who holds, shares and waits for each lock.
 */
#ifndef OWNSCOPE_GRAPH_LOCKS_H
#define OWNSCOPE_GRAPH_LOCKS_H

#include "graph/graph_state.h"

/* Folds EVENT_WAIT to EVENT_LOCK_CONSISTENT. False: it waits for another
 * thread's release (repair.c), and nothing was changed. */
bool locks_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e);
/* A block with BLOCK_LOCKS is dropped, or moved by realloc. */
void locks_block_gone(struct graph *g, struct process *p, const struct event *e, uint32_t place, const struct block *b);
/* A mapping is unmapped; a module took its place. */
void locks_range_gone(struct graph *g, struct process *p, const struct event *e, uint64_t address, uint64_t bytes);
/* A thread ended (at t->exit_ns or t->ended_ns); an image was replaced, a process ended. */
void locks_thread_ended(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void locks_process_ended(struct graph *g, struct process *p, const struct event *e);
/* A block was copied to or from, or dropped: who guards it? */
void locks_touched(struct graph *g, struct thread *t, const struct block *b, uint32_t place);

void locks_clear(struct graph *g);
void view_locks(struct graph *g, struct view *v);

#endif
