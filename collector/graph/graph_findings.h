/*
 * collector/graph/graph_findings.h - rules that were broken: one table of them.
 *
 * Called by whatever folds a broken rule (heap, copies, clocks, locks). A
 * finding is known by its rule and its set of stacks: the first time is kept
 * whole (the first with the least doubt), repeats are counted. A doubt that one
 * time does not have is none. Bounded by FINDINGS_MAX; past it repeats of known
 * ones are still counted, new ones only by rule.
 */
#ifndef OWNSCOPE_GRAPH_FINDINGS_H
#define OWNSCOPE_GRAPH_FINDINGS_H

#include "graph/graph_state.h"

enum { FINDINGS_MAX = 1 << 16 };

/* Notes that the event being applied breaks a rule. What `f` leaves 0 of event,
 * ns, process and thread is filled in from `e`; count, first and n are the
 * table's. `evidence`: n of them, EVIDENCE_USED first where there is one.
 * Returns its row, 0: none (the table is full). */
uint32_t finding_note(struct graph *g, const struct event *e, struct view_finding f,
                      const struct view_evidence *evidence, size_t n);
/* So many of a row's were none; a row without any is not told. */
void finding_withdraw(struct graph *g, uint32_t row, uint64_t times);
/* DOUBT_LOST if events of the process were lost since then, else 0: for what is
 * known since `since_ns` (a block's birth, a drop). */
uint8_t finding_doubt(const struct graph *g, const struct process *p, uint64_t since_ns);
/* What an event does that breaks a rule. */
enum use finding_use(const struct event *e);
/* The evidence that an event is itself. */
struct view_evidence finding_here(const struct event *e, enum evidence role);

void findings_clear(struct graph *g);
void view_findings(const struct graph *g, struct view *v);

#endif
