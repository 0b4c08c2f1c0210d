/*
 * collector/graph/graph_copies.h - what flows where: copies between blocks.
 */
#ifndef OWNSCOPE_GRAPH_COPIES_H
#define OWNSCOPE_GRAPH_COPIES_H

#include "graph/graph_state.h"

/* EVENT_COPY. */
void copies_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e);
/* EVENT_USABLE: from now on the block's bytes up to size are the program's. */
void copies_usable(struct graph *g, struct process *p, const struct event *e);
void copies_clear(struct graph *g);
void view_copies(struct graph *g, struct view *v, unsigned flags);

#endif
