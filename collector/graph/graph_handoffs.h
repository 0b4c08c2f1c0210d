/*
 * collector/graph/graph_handoffs.h - blocks made by one thread and dropped by
 * another, summed by both threads and both stacks. Run by the folding thread.
 *
 * Bounded: past HANDOFFS_MAX rows, new combinations are summed without
 * stacks, and past twice that, in one row of nobody.
 */
#ifndef OWNSCOPE_GRAPH_HANDOFFS_H
#define OWNSCOPE_GRAPH_HANDOFFS_H

#include "graph/graph_state.h"

void handoff_count(struct graph *g, const struct thread *from, const struct thread *to,
                   uint32_t stack_new, uint32_t stack_drop, struct view_count n, uint64_t flight_ns);
/* Makes the rows known that were put there. */
void handoffs_index(struct graph *g);

#endif
