/*
 * collector/export/event_reach.h - where in a trace the facts of a kind can come from, as filters that the groups' summaries
 * can be asked (replay.h): too much perhaps, never too little.
 *
 * One thread, the trace's; its reading begins at the first event again.
 *
 * Facts about memory come of events that name its bytes. The rest is known: a thread's end ends what it borrows and gives up
 * what it owns, an exec or the end of a process drops blocks, a child makes its parent's mappings its own with whatever it
 * does first. How far the blocks go that lie in a range of addresses tells what was made there.
 */
#ifndef OWNSCOPE_EVENT_REACH_H
#define OWNSCOPE_EVENT_REACH_H

#include "export/doc.h"

enum { EVENT_FILTERS_MAX = 48 };

struct event_reach {
    const struct doc_events_options *o; /* its site, sizes and numbers of events are not looked at */
    uint64_t block;                     /* id; 0: any */
    uint32_t stack;                     /* of trace_code; 0: any */
    uint64_t until;                     /* nothing behind that event has happened */
};
/* How many of `filters` there are; 0: such facts may come from anywhere. */
size_t event_reach(struct trace *t, const struct event_reach *r, struct trace_filter filters[EVENT_FILTERS_MAX]);
/* The last event before which no block with this id or a later one was; 0: it is not known. */
uint64_t event_before_block(struct trace *t, uint64_t block, uint64_t until);

#endif
