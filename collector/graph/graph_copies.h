/*
 * collector/graph/graph_copies.h - what flows where: copies between blocks, and
 * the rules that they break: out of bounds, overlapping, after the drop.
 *
 * Only heap blocks have bounds that are known; what lies in a mapping, on a
 * stack or in a module is counted and no more. Run by the folding thread.
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
