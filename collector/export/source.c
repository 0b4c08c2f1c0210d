/*
 * collector/export/source.c - see source.h.
 */
#include "export/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/heaps.h"
#include "graph/view_since.h"

static _Thread_local char last_error[512];

const char *source_error(void) { return last_error; }

/* When a file begins that goes on for an earlier one: with its state. */
static uint64_t begins_ns(const struct trace *t)
{
    const struct trace_checkpoint *list;
    size_t n = trace_events_before(t) ? trace_checkpoints(t, &list) : 0;
    return n ? list[0].ns : 0;
}

/* What a recorder wrote the file for: the last of its marks; malloc'ed. Of other files nothing is read. */
static char *trigger_find(struct trace *t)
{
    enum { NEAR_EVENTS = 1 << 16 };
    static const char head[] = "trigger: ";
    const size_t head_bytes = sizeof head - 1;
    uint64_t last = trace_events(t), before = trace_events_before(t);
    const struct trace_filter marks = { .types = 1ull << EVENT_MARK, .first_event = last > NEAR_EVENTS ? last - NEAR_EVENTS : 0 };
    struct event e;
    char *found = NULL;
    if (!strstr(trace_meta(t)->options, "--ring-only"))
        return NULL;
    if (trace_select(t, &marks, TRACE_REST) && trace_seek(t, marks.first_event > before ? marks.first_event : before))
        return NULL;
    while (trace_next(t, &e) > 0)
        if (e.type == EVENT_MARK && !e.process && e.text_bytes > head_bytes && !memcmp(e.text, head, head_bytes)) {
            free(found);
            found = strndup(e.text + head_bytes, e.text_bytes - head_bytes);
        }
    trace_rewind(t);
    return found;
}

/* Where the trace ends; one without an end, with its last event that can be read. */
static uint64_t duration_ns(struct trace *t)
{
    uint64_t ns = 0;
    return trace_end(t)->present ? trace_end(t)->end_ns : moment_ns(t, trace_events(t), &ns) ? 0 : ns;
}

static void fill_context(struct source *s)
{
    s->trigger = trigger_find(s->trace);
    s->doc = (struct doc_context){
        .meta = trace_meta(s->trace), .symbols = s->symbols, .trace_path = s->path,
        .duration_ns = duration_ns(s->trace),
        .torn_bytes = trace_torn_bytes(s->trace), .damage = s->damage, .earlier = !s->whole,
        .complete = trace_end(s->trace)->present, .events_before = trace_events_before(s->trace),
        .begins_ns = begins_ns(s->trace), .trigger = s->trigger };
    s->doc.n_snapshots = trace_snapshots(s->trace, &s->doc.snapshots);
}

static struct view *view_make(struct source *s, struct graph *g, const struct source_options *o)
{
    struct heaps_options heaps = { .events = s->events, .earlier = !s->whole, .process = o->heap_process };
    struct snapshot **snapshots = NULL;
    size_t n = o->heaps ? heaps_read(s->trace, g, &heaps, &snapshots) : 0;
    struct view *v = graph_view_make_with(g, trace_code(s->trace), o->flags, snapshots, n);
    v->snapshots_of = o->heap_process;
    free(snapshots);
    return v;
}

/* Past what the trace has seen. */
static bool is_past(const struct trace *t, const struct source_at *at, const struct graph *g)
{
    uint64_t end_ns = trace_end(t)->present ? trace_end(t)->end_ns : 0;
    if (graph_events(g) < trace_events(t))
        return false;
    if (end_ns < graph_now_ns(g))
        end_ns = graph_now_ns(g);
    return (at->kind == SOURCE_EVENT && at->value > graph_events(g)) || (at->kind == SOURCE_NS && at->value > end_ns);
}

static int fail(const struct source *s, int error)
{
    const char *text = error == -ENOENT ? "no mark of that name in the trace" :
                       error == -ERANGE || error == -ENODATA ? replay_error() : trace_error_text(s->trace);
    snprintf(last_error, sizeof last_error, "%s", text);
    return error;
}

static void damaged(struct source *s)
{
    free(s->damage);
    s->damage = xstrdup(trace_error_text(s->trace));
}

/* The state at a moment; damage behind it is noted, and damage that hides where it is. */
static int graph_at(struct source *s, const struct source_at *at, const struct source_options *o, struct graph **g)
{
    uint64_t event;
    *g = NULL;
    int error = moment_find(s->trace, at, o->progress, o->progress_context, &event);
    if (error == -EBADMSG && event) {
        damaged(s);
        error = 0;
    }
    if (!error)
        error = replay_to_telling(s->trace, event, g, o->progress, o->progress_context);
    if (error == -EBADMSG && *g && graph_events(*g)) {
        damaged(s);
        error = 0;
    }
    if (error) {
        graph_free(*g);
        return fail(s, error);
    }
    graph_settle(*g, UINT64_MAX);
    return 0;
}

/* The view as it was then, to be taken from the one of now. */
static int view_before(struct source *s, const struct source_options *o, struct view **before)
{
    struct graph *g;
    int error = graph_at(s, o->since, o, &g);
    *before = NULL;
    if (error)
        return error;
    *before = graph_view_make(g, trace_code(s->trace), o->flags);
    graph_free(g);
    if ((*before)->events <= s->events)
        return 0;
    snprintf(last_error, sizeof last_error, "the moment since which is asked lies behind the one that is looked at; --since takes an earlier one than --at");
    view_free(*before);
    *before = NULL;
    return -EINVAL;
}

static int source_read(struct source *s, const struct source_options *o)
{
    struct graph *g;
    struct view *before = NULL;
    int error = graph_at(s, &o->at, o, &g);
    if (error)
        return error;
    s->events = graph_events(g);
    s->whole = (s->damage && o->at.kind != SOURCE_PEAK) || s->events >= trace_events(s->trace);
    s->past = !s->damage && is_past(s->trace, &o->at, g);
    s->view = view_make(s, g, o);
    graph_free(g);
    if (o->since)
        error = view_before(s, o, &before);
    if (before)
        view_since(s->view, before);
    if (before && o->since->kind == SOURCE_NS)
        s->view->since_ns = o->since->value;
    view_free(before);
    return error;
}

int source_open(struct source *s, const char *path, const struct source_options *o)
{
    *s = (struct source){ 0 };
    last_error[0] = 0;
    int error = trace_open(&s->trace, path);
    if (error) {
        snprintf(last_error, sizeof last_error, "%s", trace_error_text(NULL));
        s->trace = NULL;
        return error;
    }
    s->path = xstrdup(path);
    error = source_read(s, o);
    if (error) {
        source_close(s);
        return error;
    }
    s->symbols = symbols_new();
    fill_context(s);
    return 0;
}

void source_close(struct source *s)
{
    if (s->view)
        view_free(s->view);
    if (s->symbols)
        symbols_free(s->symbols);
    if (s->trace)
        trace_close(s->trace);
    free(s->path);
    free(s->damage);
    free(s->trigger);
    *s = (struct source){ 0 };
}

int source_event_at(struct source *s, const struct source_at *at, uint64_t *event)
{
    int error = moment_find(s->trace, at, NULL, NULL, event);
    if (*event > trace_events(s->trace))
        *event = trace_events(s->trace);
    if (!error)
        error = replay_reaches(s->trace, *event);
    return error ? fail(s, error) : 0;
}

int source_ns_at(struct source *s, const struct source_at *at, uint64_t *ns)
{
    uint64_t event;
    if (at->kind == SOURCE_NS) {
        *ns = at->value;
        return 0;
    }
    int error = source_event_at(s, at, &event);
    return error ? error : moment_ns(s->trace, event, ns);
}
