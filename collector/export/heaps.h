/*
 * collector/export/heaps.h - the heaps of a trace at one moment: of each process
 * the newest snapshot, or why there is none.
 *
 * A process without one still has its blocks: they are handed over as a snapshot
 * that was not taken (number 0, SNAPSHOT_UNREAD) whose `refused` says what is
 * known of the reason. So whoever reads sees every live block, and why
 * nothing is known of who holds it. One thread, the trace's.
 */
#ifndef OWNSCOPE_HEAPS_H
#define OWNSCOPE_HEAPS_H

#include "graph/graph.h"
#include "trace/trace.h"

struct heaps_options {
    uint64_t events;        /* read so far: snapshots begun later are of another moment */
    bool earlier;           /* the moment lies before the end */
    uint32_t process;       /* serial: only this one; 0: all */
};
/* In the order of processes; malloc'ed, as are they. Ids are those of trace_code.
 * A snapshot that is damaged counts as not taken. */
size_t heaps_read(struct trace *t, struct graph *g, const struct heaps_options *o, struct snapshot ***snapshots);

#endif
