/*
 * collector/export/moment.c - see moment.h.
 */
#include "export/moment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"

/* ---- words ---- */

int source_at_parse(struct source_at *at, const char *text)
{
    *at = (struct source_at){ 0 };
    if (!strcmp(text, "end") || !strcmp(text, "now"))
        return 0;
    if (!strcmp(text, "peak")) {
        at->kind = SOURCE_PEAK;
        return 0;
    }
    if (!strncmp(text, "mark:", 5) && text[5]) {
        at->kind = SOURCE_MARK;
        at->mark = text + 5;
        return 0;
    }
    if (!strncmp(text, "event:", 6)) {
        at->kind = SOURCE_EVENT;
        return parse_count(text + 6, &at->value) ? -EINVAL : 0;
    }
    at->kind = SOURCE_NS;
    return parse_time_ns(text, &at->value) ? -EINVAL : 0;
}

/* ---- looking through events ---- */

/* The last event before the first one of a later stamp. */
static int find_ns(struct trace *t, uint64_t ns, uint64_t *event)
{
    const struct trace_checkpoint *list;
    struct trace_filter later = { .low_ns = ns + 1 };
    uint64_t before = trace_events_before(t);
    struct event e;
    *event = UINT64_MAX;
    if (ns == UINT64_MAX)
        return 0;
    int got = trace_select(t, &later, TRACE_TIMES);
    if (!got && (got = trace_next(t, &e)) > 0)
        *event = trace_event_number(t) - 1;
    if (before && *event == before && trace_checkpoints(t, &list) && list[0].event == before && ns < list[0].ns)
        *event = before - 1;    /* not in this file */
    return got == -EBADMSG || got > 0 ? 0 : got;
}

/* ---- marks ---- */

struct mark { uint64_t number; uint32_t process; };

static bool for_mark(const struct trace_snapshot *s, const struct mark *m)
{
    return s->why == SNAPSHOT_MARK && s->event > m->number;
}

/* The snapshots that a mark asked for are begun a moment after it, of its process
 * (whose thread waits) or, for one that the collector was told to set, of each: the
 * number of the last one's event; 0: there is none. */
static uint64_t mark_snapshot(const struct trace *t, const struct mark *m)
{
    const struct trace_snapshot *list;
    size_t n = trace_snapshots(t, &list), i, earlier;
    uint64_t last = 0;
    for (i = 0; i < n; i++) {
        if (!for_mark(&list[i], m) || (m->process && list[i].process != m->process))
            continue;
        for (earlier = 0; earlier < i && (list[earlier].process != list[i].process || !for_mark(&list[earlier], m)); earlier++)
            ;
        if (earlier == i && list[i].event > last)
            last = list[i].event;
    }
    return last;
}

/* The first mark of that name, with its snapshot, if it has one; but no further than the next mark: what comes
 * behind that is its own. */
static int find_mark(struct trace *t, const char *name, uint64_t *event)
{
    struct trace_filter marks = { .types = 1ull << EVENT_MARK };
    struct event e;
    int got = trace_select(t, &marks, TRACE_TIMES | TRACE_REST);
    bool found = false;
    *event = 0;
    while (!found && !got && (got = trace_next(t, &e)) > 0) {
        found = strlen(name) == e.text_bytes && !memcmp(name, e.text, e.text_bytes);
        got = 0;
    }
    if (!found)
        return got == -EBADMSG || !got ? -ENOENT : got;
    *event = trace_event_number(t);
    uint64_t snapshot = mark_snapshot(t, &(struct mark){ trace_event_number(t), e.process });
    if (!snapshot)
        return 0;
    got = trace_next(t, &e);
    *event = got > 0 && trace_event_number(t) <= snapshot ? trace_event_number(t) - 1 : snapshot;
    return 0;
}

/* ---- the fold's ---- */

static int find_peak(struct trace *t, replay_progress progress, void *context, uint64_t *event)
{
    struct graph *g;
    int error = replay_to_telling(t, UINT64_MAX, &g, progress, context);
    *event = 0;
    if (g) {
        graph_settle(g, UINT64_MAX);
        *event = graph_peak_event(g);
    }
    graph_free(g);
    return error;
}

int moment_find(struct trace *t, const struct source_at *at, replay_progress progress, void *context, uint64_t *event)
{
    switch (at->kind) {
    case SOURCE_EVENT: *event = at->value; return 0;
    case SOURCE_NS: return find_ns(t, at->value, event);
    case SOURCE_MARK: return find_mark(t, at->mark, event);
    case SOURCE_PEAK: return find_peak(t, progress, context, event);
    default: *event = UINT64_MAX; return 0;
    }
}

int moment_ns(struct trace *t, uint64_t event, uint64_t *ns)
{
    struct trace_filter one = { .first_event = event, .last_event = event };
    struct event e;
    *ns = 0;
    if (!event)
        return 0;
    if (event > trace_events(t))
        one.first_event = one.last_event = trace_events(t);
    int got = trace_select(t, &one, TRACE_TIMES);
    if (!got && (got = trace_next(t, &e)) > 0)
        *ns = e.ns;
    return got < 0 ? got : 0;
}
