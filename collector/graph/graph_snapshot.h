/*
 * collector/graph/graph_snapshot.h - EVENT_SNAPSHOT: the moment of a heap
 * snapshot in the stream. What is taken of the graph then: graph.h, graph_heap_*.
 *
 * The event forces what waits for another thread of its process (repair.c):
 * that process stands still, and all that it did has been folded. Run by the
 * folding thread.
 */
#ifndef OWNSCOPE_GRAPH_SNAPSHOT_H
#define OWNSCOPE_GRAPH_SNAPSHOT_H

#include "graph/graph_state.h"

void snapshots_fold(struct graph *g, struct process *p, const struct event *e);
/* The image that snapshots were taken of is no more: none of them is of this process now. */
void snapshots_image_ended(struct graph *g, struct process *p);

#endif
