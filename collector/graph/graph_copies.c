/*
 * collector/graph/graph_copies.c - see graph_copies.h.
 */
#include "graph/graph_copies.h"

void copies_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e) {}
void copies_usable(struct graph *g, struct process *p, const struct event *e) {}
void copies_clear(struct graph *g) {}
void view_copies(struct graph *g, struct view *v, unsigned flags) {}
