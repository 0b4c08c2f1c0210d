/*
 * collector/export/replay.c - see replay.h.
 */
#include "export/replay.h"

#include <errno.h>
#include <stdio.h>

enum { BATCH = 64, TELL_EVERY = 1 << 17 };

static _Thread_local char last_error[256];

const char *replay_error(void) { return last_error; }

/* ---- where to begin ---- */

static struct graph *graph_of(struct trace *t)
{
    struct graph *g = graph_new(trace_code(t));
    if (!trace_has_locks(t))
        graph_without_locks(g);
    return g;
}

/* The state of checkpoint `i`, and the trace standing behind its event. NULL: it is of no use. */
static struct graph *checkpoint_load(struct trace *t, size_t i, uint64_t event)
{
    struct archive a;
    if (trace_checkpoint_begin(t, i, &a))
        return NULL;
    struct graph *g = graph_load(trace_code(t), &a);
    bool whole = !trace_checkpoint_end(t, &a) && g && graph_events(g) == event && !trace_seek(t, event);
    if (!whole) {
        graph_free(g);
        return NULL;
    }
    if (!trace_has_locks(t))
        graph_without_locks(g);
    return g;
}

/* From the newest checkpoint up to `event`, else from the first event. 0 and *g, or an error. */
static int begin(struct trace *t, uint64_t event, struct graph **g)
{
    const struct trace_checkpoint *list;
    uint64_t before = trace_events_before(t);
    size_t n = trace_checkpoints(t, &list);
    *g = NULL;
    if (event < before) {
        snprintf(last_error, sizeof last_error, "the file begins behind event %llu: look for that moment in an earlier file of the session",
                 (unsigned long long)before);
        return -ERANGE;
    }
    while (n && !*g) {
        n--;
        if (list[n].event <= event && list[n].event >= before)
            *g = checkpoint_load(t, n, list[n].event);
    }
    if (*g)
        return 0;
    if (before) {
        snprintf(last_error, sizeof last_error, "the file begins behind event %llu, and the checkpoint that leads to this moment is lost",
                 (unsigned long long)before);
        return -ENODATA;
    }
    trace_rewind(t);
    *g = graph_of(t);
    return 0;
}

/* ---- and on ---- */

/* An event with text is folded before the next one is read. */
int replay_some(struct trace *t, struct graph *g, uint64_t last)
{
    struct event e[BATCH];
    size_t n = 0;
    int got = 1;
    for (uint64_t left = last - graph_events(g); n < BATCH && n < left;) {
        got = trace_next(t, &e[n]);
        if (got <= 0)
            break;
        if (e[n++].text_bytes)
            break;
    }
    graph_fold_batch(g, e, n);
    return got;
}

int replay_to_telling(struct trace *t, uint64_t event, struct graph **g, replay_progress progress, void *context)
{
    int got = begin(t, event, g);
    if (got)
        return got;
    uint64_t told = graph_events(*g), last = event == UINT64_MAX ? trace_events(t) : event;
    for (got = 1; got > 0 && graph_events(*g) < event;) {
        got = replay_some(t, *g, event);
        if (progress && graph_events(*g) - told >= TELL_EVERY)
            progress(context, told = graph_events(*g), last);
    }
    return got < 0 ? got : 0;
}

int replay_to(struct trace *t, uint64_t event, struct graph **g, uint64_t *reached)
{
    int error = replay_to_telling(t, event, g, NULL, NULL);
    if (reached)
        *reached = *g ? graph_events(*g) : 0;
    return error;
}

/* A fact may come later than its event (graph/repair.c): those of earlier events are told apart one by one. */
static void fact_late(void *context, const struct fact *f)
{
    const struct replay *r = context;
    if (f->event >= r->first_event)
        r->observer(r->context, f);
}

int replay_run(const struct replay *r)
{
    struct graph *g;
    uint64_t last = r->last_event ? r->last_event : UINT64_MAX, rounds = 0;
    uint64_t from = trace_events_before(r->trace);
    if (r->first_event > from)
        from = r->first_event - 1;
    int got = replay_to(r->trace, from < last ? from : last, &g, NULL);
    if (!got) {
        if (r->first_event > 1)
            graph_observe(g, fact_late, (void *)r);
        else
            graph_observe(g, r->observer, r->context);
    }
    for (got = got ? got : 1; got > 0 && graph_events(g) < last;) {
        got = replay_some(r->trace, g, last);
        if (++rounds % 16 == 0 && r->stop && r->stop(r->context))
            break;
    }
    if (!g)
        return got;
    graph_settle(g, UINT64_MAX);
    if (r->view)
        *r->view = graph_view_make(g, trace_code(r->trace), 0);
    graph_free(g);
    return got < 0 ? got : 0;
}
