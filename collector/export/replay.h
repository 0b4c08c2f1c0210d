/*
 * collector/export/replay.h - folding a trace again, for whoever wants its
 * facts one by one.
 *
 * One thread. The graph made for it is gone when the call returns.
 */
#ifndef OWNSCOPE_REPLAY_H
#define OWNSCOPE_REPLAY_H

#include "graph/graph.h"
#include "graph/view.h"
#include "trace/trace.h"

struct replay {
    struct trace *trace;
    uint64_t last_event;      /* 0: to the end */
    graph_observer observer;
    bool (*stop)(void *);     /* asked now and then; NULL: never */
    void *context;            /* of both */
    struct view **view;       /* receives the state at the end; NULL: not wanted */
};
/* Rewinds and folds. 0, or -EBADMSG at a damaged chunk, after the facts before it. */
int replay_run(const struct replay *r);

#endif
