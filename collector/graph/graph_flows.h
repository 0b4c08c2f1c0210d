/*
 * collector/graph/graph_flows.h - sums of copies: by the stack that copies,
 * from blocks of one site to blocks of another, from block to block.
 *
 * Bounded. Past the bounds copies are counted in the rows of no stack; of
 * block-to-block flows those are kept that were seen last. Run by the folding
 * thread.
 */
#ifndef OWNSCOPE_GRAPH_FLOWS_H
#define OWNSCOPE_GRAPH_FLOWS_H

#include "graph/graph_state.h"

/* A copy of the event: its ends as places of heap blocks, 0: elsewhere. */
void flows_count(struct graph *g, const struct thread *t, const struct event *e, uint32_t from, uint32_t to);
void flows_clear(struct graph *g);
/* Largest first. */
void view_flows(const struct graph *g, struct view *v, unsigned flags);

/* Of sums that are kept of copies. */
size_t flows_rows(const struct graph *g);

#endif
