/*
 * collector/graph/graph_moves.h - custody that changed hands, summed by
 * process, giver, taker and evidence. Run by the folding thread.
 *
 * Bounded: past MOVES_MAX rows what is new is summed by evidence alone.
 * Invariant: for each evidence but realloc (nothing changes hands), the sum of
 * the rows' blocks is the graph's moves_by.
 */
#ifndef OWNSCOPE_GRAPH_MOVES_H
#define OWNSCOPE_GRAPH_MOVES_H

#include "graph/graph_state.h"

/* from, to: places of threads. */
void move_count(struct graph *g, const struct process *p, uint32_t from, uint32_t to, enum move_by by,
                struct view_count n, uint64_t ns);
/* Makes a row known that was put there; false: it names nobody, or what another does. */
bool move_index(struct graph *g, size_t row);

#endif
