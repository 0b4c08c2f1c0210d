/*
 * collector/graph/graph_lock_order.c - stub
 */
#include "graph/graph_lock_state.h"
void order_taken(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place, bool shared) {}
void order_lock_ended(struct locks *l, struct lock *lock) {}
void order_clear(struct order *o) {}
void deadlock_waits(struct graph *g, struct thread *t, const struct event *e) {}
void view_lock_order(const struct graph *g, struct view *v) {}
void view_deadlocks(const struct graph *g, struct view *v) {}
