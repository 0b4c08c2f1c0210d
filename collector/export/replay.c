/*
 * collector/export/replay.c - see replay.h.
 */
#include "export/replay.h"

int replay_run(const struct replay *r)
{
    enum { ASK_EVERY = 1024 };
    struct event e;
    uint64_t n = 0;
    int got = 0;
    trace_rewind(r->trace);
    struct graph *g = graph_new(trace_code(r->trace));
    if (!trace_has_locks(r->trace))
        graph_without_locks(g);
    graph_observe(g, r->observer, r->context);
    while ((!r->last_event || n < r->last_event) && (got = trace_next(r->trace, &e)) > 0) {
        graph_fold(g, &e);
        if (++n % ASK_EVERY == 0 && r->stop && r->stop(r->context))
            break;
    }
    graph_settle(g, UINT64_MAX);
    if (r->view)
        *r->view = graph_view_make(g, trace_code(r->trace), 0);
    graph_free(g);
    return got < 0 ? got : 0;
}
