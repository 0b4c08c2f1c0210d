/*
 * collector/graph/repair.h - putting right what plain time stamps get wrong.
 *
 * The stamp of a New may lie up to a microsecond before that of the Drop,
 * by another thread, that freed its address. Then the New finds a live block
 * in its place; and an Acquire, likewise, a lock that another has not released.
 * It waits, and with it whatever its thread did afterwards, in
 * order, until that release comes; once the stream is REPAIR_WINDOW_NS
 * further, the old block was dropped where nobody saw (FACT_DROP by
 * "unseen"), and the New takes its place. A process with one thread never
 * waits. What is not waiting folds on, so facts may come a little later than
 * their events.
 *
 * Invariants: g->n_parked == 0 unless somebody waits; thread->parked == an
 * event of that thread is parked. Bounded: at most PARKED_MAX events.
 */
#ifndef OWNSCOPE_REPAIR_H
#define OWNSCOPE_REPAIR_H

#include "graph/graph_state.h"

enum { PARKED_MAX = 512 };

/* The event's own thread must wait (graph_apply said so). */
void repair_park(struct graph *g, const struct event *e);
/* Folds an event while others wait. */
void repair_fold(struct graph *g, const struct event *e);
/* Lets go who can go, and who waits since before now_ns - REPAIR_WINDOW_NS (UINT64_MAX: all). */
void repair_settle(struct graph *g, uint64_t now_ns);
/* Somebody waits since before that. */
bool repair_late(const struct graph *g, uint64_t now_ns);
void repair_clear(struct graph *g);

#endif
