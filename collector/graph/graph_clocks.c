/*
 * collector/graph/graph_clocks.c - see graph_clocks.h.
 */
#include "graph/graph_clocks.h"

void clocks_release(struct graph *g, struct thread *t, uint64_t ns, clock_id *clock, bool join) {}
void clocks_acquire(struct graph *g, struct thread *t, clock_id clock) {}
void clocks_forget(struct graph *g, clock_id *clock) {}
void clocks_created(struct graph *g, struct thread *creator, struct thread *child, uint64_t ns) {}
void clocks_joined(struct graph *g, struct thread *joiner, struct thread *child) {}
void clocks_unseen(struct graph *g, struct thread *t) {}
void clocks_use(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place,
                enum clocks_use use, uint64_t offset, uint64_t length) {}
void clocks_block_gone(struct graph *g, uint32_t place) {}
void clocks_clear(struct graph *g) {}
void view_clocks(const struct graph *g, struct view *v) {}
