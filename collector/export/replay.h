/*
 * collector/export/replay.h - folding a trace again: to a moment, or through a
 * range of events for whoever wants its facts one by one.
 *
 * One thread. A replay begins at the newest checkpoint that lies before what is
 * wanted, and at the first event where there is none (or it is damaged, or of a
 * version unknown here): the answer is the same, only later.
 */
#ifndef OWNSCOPE_REPLAY_H
#define OWNSCOPE_REPLAY_H

#include "graph/graph.h"
#include "graph/view.h"
#include "trace/trace.h"

/* The graph as it was after `event` events (of a file that begins later: from there on), and the trace standing behind
 * them. 0; -EBADMSG at a damaged chunk: *g is then what lies before it. `reached` (may be NULL): events folded. */
int replay_to(struct trace *t, uint64_t event, struct graph **g, uint64_t *reached);

struct replay {
    struct trace *trace;
    uint64_t first_event;     /* facts of earlier events are not wanted; 0: all */
    uint64_t last_event;      /* 0: to the end */
    graph_observer observer;
    bool (*stop)(void *);     /* asked now and then; NULL: never */
    void *context;            /* of both */
    struct view **view;       /* receives the state at the end; NULL: not wanted */
};
/* 0, or -EBADMSG at a damaged chunk, after the facts before it. */
int replay_run(const struct replay *r);

#endif
