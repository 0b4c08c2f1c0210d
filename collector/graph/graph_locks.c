/*
 * collector/graph/graph_locks.c - see graph_locks.h.
 */
#include "graph/graph_locks.h"

bool locks_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e) { return true; }
void locks_block_gone(struct graph *g, struct process *p, const struct event *e, uint32_t place, const struct block *b) {}
void locks_range_gone(struct graph *g, struct process *p, const struct event *e, uint64_t address, uint64_t bytes) {}
void locks_thread_ended(struct graph *g, struct process *p, struct thread *t, const struct event *e) {}
void locks_process_ended(struct graph *g, struct process *p, const struct event *e) {}
void locks_touched(struct graph *g, struct thread *t, const struct block *b, uint32_t place) {}
void locks_clear(struct graph *g) {}
void view_locks(struct graph *g, struct view *v) {}
