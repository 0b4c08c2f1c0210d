/*
 * collector/export/source.c - see source.h.
 */
#include "export/source.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/heaps.h"

static _Thread_local char last_error[512];

const char *source_error(void) { return last_error; }

/* Decimal seconds with a unit; exact to the nanosecond. */
static int parse_ns(const char *text, uint64_t *ns)
{
    static const struct { const char *unit; uint64_t ns; } units[] = {
        { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 }, { "h", 3600000000000 } };
    uint64_t whole = 0, unit = 0, part = 0, place;
    const char *p = text;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
            return -EINVAL;
    const char *fraction = *p == '.' ? p + 1 : NULL;
    if (fraction)
        for (p++; isdigit((unsigned char)*p);)
            p++;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(p, units[i].unit))
            unit = units[i].ns;
    if (!unit || !isdigit((unsigned char)text[*text == '.']) || __builtin_mul_overflow(whole, unit, &whole))
        return -EINVAL;
    for (place = unit / 10; fraction && place && isdigit((unsigned char)*fraction); fraction++, place /= 10)
        part += (uint64_t)(*fraction - '0') * place;
    return __builtin_add_overflow(whole, part, ns) ? -EINVAL : 0;
}

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
        char *end;
        errno = 0;
        at->kind = SOURCE_EVENT;
        at->value = strtoull(text + 6, &end, 10);
        return errno || *end || !isdigit((unsigned char)text[6]) ? -EINVAL : 0;
    }
    at->kind = SOURCE_NS;
    return parse_ns(text, &at->value);
}

/* ---- reading ---- */

struct reading {
    const struct source_at *at;
    source_progress progress;
    void *progress_context;
    struct graph *graph;        /* NULL: only count */
    uint64_t events, ns;        /* read, and the time of the last of them */
    uint64_t until;             /* past the mark: the event of the snapshot that was taken for it; 0: none is waited for */
    bool reached;               /* the moment lies before the end */
};

static bool is_mark(const struct source_at *at, const struct event *e)
{
    return at->kind == SOURCE_MARK && e->type == EVENT_MARK && strlen(at->mark) == e->text_bytes &&
           !memcmp(at->mark, e->text, e->text_bytes);
}

static bool for_mark(const struct trace_snapshot *s, const struct reading *r)
{
    return s->why == SNAPSHOT_MARK && s->event > r->events;
}

/* The snapshots that a mark asked for are begun a moment after it, of its process
 * (whose thread waits) or, for one that the collector was told to set, of each: the
 * number of the last one's event; 0: there is none. */
static uint64_t mark_snapshot(const struct trace *t, const struct reading *r, const struct event *mark)
{
    const struct trace_snapshot *list;
    size_t n = trace_snapshots(t, &list), i, earlier;
    uint64_t last = 0;
    for (i = 0; i < n; i++) {
        if (!for_mark(&list[i], r) || (mark->process && list[i].process != mark->process))
            continue;
        for (earlier = 0; earlier < i && (list[earlier].process != list[i].process || !for_mark(&list[earlier], r)); earlier++)
            ;
        if (earlier == i && list[i].event > last)
            last = list[i].event;
    }
    return last;
}

/* After an event was read: the mark is reached, with its snapshot, if it has one. */
static bool mark_reached(const struct trace *t, struct reading *r, const struct event *e)
{
    if (!r->until && is_mark(r->at, e))
        return !(r->until = mark_snapshot(t, r, e));
    return r->until && r->events >= r->until;
}

/* Reads up to the moment. 0 or trace_next's error. */
static int read_events(struct trace *t, struct reading *r)
{
    enum { TELL_EVERY = 1 << 17 };
    struct event e;
    int got = 0;
    trace_rewind(t);
    uint64_t total = trace_end(t)->present ? trace_end(t)->events : 0;
    while (!r->reached) {
        if (r->at->kind == SOURCE_EVENT && r->events >= r->at->value) {
            r->reached = true;
            break;
        }
        if ((got = trace_next(t, &e)) <= 0)
            break;
        if (r->at->kind == SOURCE_NS && e.ns > r->at->value) {
            r->reached = true;
            break;
        }
        if (r->until && e.type == EVENT_MARK) { /* the next one: that snapshot is its own */
            r->reached = true;
            break;
        }
        if (r->graph)
            graph_fold(r->graph, &e);
        r->ns = e.ns;
        r->events++;
        r->reached = mark_reached(t, r, &e);
        if (r->events % TELL_EVERY == 0 && r->progress)
            r->progress(r->progress_context, r->events, total);
    }
    if (r->graph)
        graph_settle(r->graph, UINT64_MAX);
    return got < 0 ? got : 0;
}

/* The whole trace's peak as a moment. */
static int find_peak(struct trace *t, struct reading *r, struct source_at *at)
{
    struct source_at end = { 0 };
    struct reading all = *r;
    all.at = &end;
    all.graph = graph_new(trace_code(t));
    int error = read_events(t, &all);
    struct view *v = graph_view_make(all.graph, trace_code(t), 0);
    *at = (struct source_at){ .kind = SOURCE_NS, .value = v->totals.peak_ns };
    view_free(v);
    graph_free(all.graph);
    return error;
}

static void fill_context(struct source *s)
{
    s->doc = (struct doc_context){
        .meta = trace_meta(s->trace), .symbols = s->symbols, .trace_path = s->path,
        .duration_ns = trace_end(s->trace)->present ? trace_end(s->trace)->end_ns : 0,
        .torn_bytes = trace_torn_bytes(s->trace), .damage = s->damage, .earlier = !s->whole,
        .complete = trace_end(s->trace)->present };
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

static int source_read(struct source *s, const struct source_options *o)
{
    struct reading r = { .at = &o->at, .progress = o->progress, .progress_context = o->progress_context };
    struct source_at peak;
    if (o->at.kind == SOURCE_PEAK) {
        find_peak(s->trace, &r, &peak);
        r.at = &peak;
    }
    r.graph = graph_new(trace_code(s->trace));
    if (!trace_has_locks(s->trace))
        graph_without_locks(r.graph);
    int error = read_events(s->trace, &r);
    s->events = r.events;
    s->whole = !r.reached;
    if (error && r.events) {
        s->damage = xstrdup(trace_error_text(s->trace));
        error = 0;
    } else if (error) {
        snprintf(last_error, sizeof last_error, "%s", trace_error_text(s->trace));
    } else if (o->at.kind == SOURCE_MARK && !r.reached) {
        snprintf(last_error, sizeof last_error, "no mark of that name in the trace");
        error = -ENOENT;
    }
    if (!error)
        s->view = view_make(s, r.graph, o);
    graph_free(r.graph);
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
    *s = (struct source){ 0 };
}

/* Reads as far as the moment, folding nothing. 0; -ENOENT: no such mark. */
static int read_to(struct source *s, const struct source_at *at, struct reading *r)
{
    struct source_at peak;
    *r = (struct reading){ .at = at };
    if (at->kind == SOURCE_PEAK) {
        find_peak(s->trace, r, &peak);
        r->at = &peak;
    }
    int error = read_events(s->trace, r);
    r->at = at;
    return !error && at->kind == SOURCE_MARK && !r->reached ? -ENOENT : error;
}

int source_event_at(struct source *s, const struct source_at *at, uint64_t *event)
{
    struct reading r;
    int error = read_to(s, at, &r);
    *event = r.events;
    return error;
}

int source_ns_at(struct source *s, const struct source_at *at, uint64_t *ns)
{
    struct reading r;
    if (at->kind == SOURCE_NS) {
        *ns = at->value;
        return 0;
    }
    int error = read_to(s, at, &r);
    *ns = r.ns;
    return error;
}
