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

int replay_reaches(const struct trace *t, uint64_t event)
{
    uint64_t before = trace_events_before(t);
    if (event >= before)
        return 0;
    snprintf(last_error, sizeof last_error, "the file begins behind event %llu: look for that moment in an earlier file of the session",
             (unsigned long long)before);
    return -ERANGE;
}

/* ---- a state that is kept ---- */

/* Of one trace, in this thread. */
static _Thread_local struct { const struct trace *trace; uint64_t event, next_block; struct archive state; } kept;

void replay_forget(void)
{
    if (kept.trace)
        archive_free(&kept.state);
    kept.trace = NULL;
}

void replay_keep(const struct trace *t, struct graph *g)
{
    struct archive again;
    struct archive_replay replay;
    replay_forget();
    archive_write_begin(&kept.state);
    graph_save(g, &kept.state);
    archive_write_end(&kept.state);
    archive_read_again(&again, &replay, &kept.state);
    kept.next_block = graph_peek_next_block(&again);
    archive_free(&again);
    kept.trace = t;
    kept.event = graph_events(g);
}

uint64_t replay_kept_event(const struct trace *t, uint64_t block)
{
    return kept.trace == t && kept.next_block && kept.next_block <= block ? kept.event : 0;
}

/* What is kept, when it lies between a checkpoint and the event. NULL: nothing such is. */
static struct graph *kept_load(struct trace *t, uint64_t from, uint64_t event)
{
    struct archive a;
    struct archive_replay replay;
    if (kept.trace != t || kept.event <= from || kept.event > event || trace_seek(t, kept.event))
        return NULL;
    archive_read_again(&a, &replay, &kept.state);
    struct graph *g = graph_load(trace_code(t), &a);
    archive_free(&a);
    if (g && !trace_has_locks(t))
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
    if (replay_reaches(t, event))
        return -ERANGE;
    while (n && list[n - 1].event > event)
        n--;
    *g = kept_load(t, n ? list[n - 1].event : before, event);
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

/* The last event of the stretch that may pass one of the filters, as far as groups tell; 0: none may. */
static uint64_t reach_of(const struct trace *t, const struct trace_filter *filters, size_t n_filters, const struct replay_stretch *s)
{
    const struct trace_group *groups;
    size_t n = trace_groups(t, &groups);
    uint64_t reach = n ? 0 : s->to, behind = n ? groups[n - 1].first_event + groups[n - 1].events : 0;
    if (behind && behind <= s->to && behind <= trace_events(t))
        return s->to;           /* what no group tells of may be anything */
    for (size_t i = n; i-- && groups[i].first_event + groups[i].events - 1 > s->from && reach < groups[i].first_event + groups[i].events - 1;) {
        uint64_t end = groups[i].first_event + groups[i].events - 1;
        for (size_t k = 0; k < n_filters && groups[i].first_event <= s->to; k++) {
            uint64_t last = filters[k].last_event && filters[k].last_event < end ? filters[k].last_event : end;
            if (last > s->from && last > reach && filters[k].first_event <= s->to && trace_group_may(t, i, &filters[k]))
                reach = last;
        }
    }
    return reach < s->to ? reach : s->to;
}

bool replay_stretch_next(const struct trace *t, const struct trace_filter *filters, size_t n_filters, struct replay_stretch *s,
                         uint64_t last)
{
    const struct trace_checkpoint *list;
    size_t n = n_filters ? trace_checkpoints(t, &list) : 0, i = 0;
    for (uint64_t at = s->to; at < last; at = s->to) {
        while (i < n && list[i].event <= at)
            i++;
        *s = (struct replay_stretch){ .from = at, .to = i < n && list[i].event < last ? list[i].event : last };
        uint64_t reach = n_filters ? reach_of(t, filters, n_filters, s) : s->to;
        if (reach > s->from) {
            s->to = reach;
            return true;
        }
    }
    return false;
}

/* Folds a stretch; events that wait for a partner are seen out. 1: goes on, 0: enough, or an error. */
static int fold_stretch(const struct replay *r, struct graph *g, struct replay_stretch *s, uint64_t last)
{
    uint64_t rounds = 0;
    int got = 1;
    while (got > 0 && graph_events(g) < last && (graph_events(g) < s->to || graph_waiting(g))) {
        got = replay_some(r->trace, g, graph_events(g) < s->to ? s->to : graph_events(g) + 1);
        if (++rounds % 16 == 0 && r->stop && r->stop(r->context))
            return 0;
    }
    s->to = graph_events(g) > s->to ? graph_events(g) : s->to;
    return got;
}

int replay_run(const struct replay *r)
{
    struct graph *g = NULL;
    uint64_t last = r->last_event ? r->last_event : UINT64_MAX, from = trace_events_before(r->trace);
    if (r->first_event > from)
        from = r->first_event - 1;
    struct replay_stretch s = { .to = from < last ? from : last };
    int got = 1, error = 0;
    while (got > 0 && !error && replay_stretch_next(r->trace, r->filters, r->n_filters, &s, last)) {
        if (g && graph_events(g) < s.from) {
            graph_free(g);
            g = NULL;
        }
        if (!g)
            error = replay_to(r->trace, s.from, &g, NULL);
        if (error)
            break;
        graph_observe(g, r->first_event > 1 ? fact_late : r->observer, r->first_event > 1 ? (void *)r : r->context);
        got = fold_stretch(r, g, &s, last);
    }
    if (!g && !error && r->view)
        error = replay_to(r->trace, s.to, &g, NULL);
    if (!g)
        return error;
    graph_settle(g, UINT64_MAX);
    if (r->view)
        *r->view = graph_view_make(g, trace_code(r->trace), 0);
    graph_free(g);
    return error ? error : got < 0 ? got : 0;
}
