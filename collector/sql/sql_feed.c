/*
 * collector/sql/sql_feed.c - see sql_feed.h.
 */
#include "sql/sql_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/replay.h"

enum { BATCH = 64, ASK_EVERY = 4096, FILTERS = 64 };

struct feed {
    struct sql *sql;
    struct feed_options o;
    struct trace_filter filters[FILTERS];
    struct replay_stretch stretch;
    struct trace *trace;
    struct graph *graph;
    struct feed_row *rows; size_t at, n, capacity;
    char *texts; size_t text_bytes, text_capacity;  /* of the rows; offsets until the batch is folded */
    uint64_t number;            /* of the last event folded */
    uint64_t ns[BATCH];         /* of the events of the present batch */
    uint64_t batch_first;
    uint64_t nth_event; uint32_t nth;
    uint64_t asked;
    bool over;
};

/* What no group tells of may have any time. */
void feed_narrow(struct sql *s, const struct sql_bound *ns, uint64_t *first, uint64_t *last)
{
    const struct trace *t = s->source.trace;
    const struct trace_group *g;
    size_t n = trace_groups(t, &g), from = 0, to = n;
    if (!n || !ns->given || g[0].first_event > trace_events_before(t) + 1)
        return;
    uint64_t behind = g[n - 1].first_event + g[n - 1].events;
    while (from < n && ns->has_low && ns->low > 0 && g[from].high_ns < (uint64_t)ns->low)
        from++;
    while (to > from && ns->has_high && (ns->high < 0 || g[to - 1].low_ns > (uint64_t)ns->high))
        to--;
    s->cost.groups_passed += n - (to - from);
    uint64_t low = from < n ? g[from].first_event : behind;
    uint64_t high = behind <= trace_events(t) ? *last : to > from ? g[to - 1].first_event + g[to - 1].events - 1 : 0;
    *first = low > *first ? low : *first;
    *last = high < *last ? high : *last;
}

static uint64_t event_ns(const struct feed *f, const struct fact *fact)
{
    uint64_t i = fact->event - f->batch_first;
    return i < BATCH ? f->ns[i] : fact->ns;
}

static void take(void *context, const struct fact *fact)
{
    struct feed *f = context;
    f->nth = fact->event == f->nth_event ? f->nth + 1 : 0;
    f->nth_event = fact->event;
    if (fact->event < f->o.first_event || fact->event > f->o.enough_event)
        return;
    uint64_t ns = event_ns(f, fact);
    if (f->o.wanted && !f->o.wanted(f->o.context, fact, ns))
        return;
    f->rows = xgrow(f->rows, &f->capacity, f->n + 1, sizeof *f->rows);
    struct feed_row *row = &f->rows[f->n++];
    *row = (struct feed_row){ .fact = *fact, .event_ns = ns, .nth = f->nth };
    if (!fact->text || !fact->text_bytes)
        return;
    f->texts = xgrow(f->texts, &f->text_capacity, f->text_bytes + fact->text_bytes, 1);
    memcpy(f->texts + f->text_bytes, fact->text, fact->text_bytes);
    row->fact.text = (const char *)(uintptr_t)f->text_bytes;   /* an offset for now */
    f->text_bytes += fact->text_bytes;
}

static void texts_settle(struct feed *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->rows[i].fact.text_bytes)
            f->rows[i].fact.text = f->texts + (uintptr_t)f->rows[i].fact.text;
}

/* The graph where the next stretch begins: 1; 0, there is none; -1, it cannot be had. */
static int stretch_begin(struct feed *f)
{
    uint64_t from = f->number;
    f->over = !replay_stretch_next(f->trace, f->filters, f->o.n_filters, &f->stretch, f->o.enough_event);
    if (f->over || (f->graph && f->number >= f->stretch.from))
        return !f->over;
    if (f->graph)
        graph_free(f->graph);
    int error = replay_to(f->trace, f->stretch.from, &f->graph, &f->number);
    if (error == -EBADMSG)
        sql_damaged(f->sql, f->trace);
    f->over = error != 0;
    if (!f->graph) {
        sql_fail(f->sql, error, "cannot read %s: %s", f->sql->path, *replay_error() ? replay_error() : strerror(-error));
        return -1;
    }
    sql_folded(f->sql, f->trace, from, f->number);
    graph_observe(f->graph, take, f);
    return !f->over;
}

struct feed *feed_open(struct sql *s, const struct feed_options *o)
{
    struct feed *f = xcalloc(1, sizeof *f);
    f->sql = s;
    f->o = *o;
    if (!f->o.enough_event || f->o.enough_event > f->o.last_event)
        f->o.enough_event = f->o.last_event;
    f->trace = sql_reader(s);
    if (!f->trace) {
        free(f);
        return NULL;
    }
    if (o->n_filters > FILTERS)
        f->o.n_filters = 0;
    for (size_t i = 0; i < f->o.n_filters; i++)
        f->filters[i] = o->filters[i];
    f->number = trace_events_before(f->trace);
    if (f->o.first_event > f->number + 1)
        f->number = f->o.first_event - 1;
    f->stretch.to = f->number;
    s->cost.passes++;
    if (stretch_begin(f) >= 0)
        return f;
    feed_close(f);
    return NULL;
}

void feed_close(struct feed *f)
{
    if (!f)
        return;
    if (f->graph)
        graph_free(f->graph);
    if (f->trace)
        trace_close(f->trace);
    free(f->rows);
    free(f->texts);
    free(f);
}

/* Up to a batch, that ends with an event that has text: the next one takes its place. */
static size_t batch_read(struct feed *f, struct event *events, uint64_t end)
{
    size_t n = 0;
    while (n < BATCH && f->number + n < end) {
        int got = trace_next(f->trace, &events[n]);
        if (got < 0)
            sql_damaged(f->sql, f->trace);
        f->over = got <= 0;
        if (f->over)
            break;
        f->ns[n] = events[n].ns;
        if (events[n++].text_bytes)
            break;
    }
    return n;
}

/* Behind a stretch one after the other, until no fact of it is still to come (graph/repair.h). */
static void batch_fold(struct feed *f)
{
    struct event events[BATCH];
    bool late = f->number >= f->stretch.to;
    f->batch_first = f->number + 1;
    size_t n = batch_read(f, events, late ? f->number + 1 : f->stretch.to);
    graph_fold_batch(f->graph, events, n);
    f->number += n;
    f->sql->cost.decoded += n;
}

/* Some more. False: it cannot go on. */
static bool feed_more(struct feed *f)
{
    int begun = 1;
    f->at = f->n = f->text_bytes = 0;
    if (f->number < f->stretch.to || (graph_waiting(f->graph) && f->number < f->o.last_event))
        batch_fold(f);
    else
        begun = stretch_begin(f);
    if (f->over && f->graph)
        graph_settle(f->graph, UINT64_MAX);
    texts_settle(f);
    return begun >= 0;
}

const struct feed_row *feed_next(struct feed *f, int *rc)
{
    *rc = SQLITE_OK;
    while (f->at == f->n) {
        if (f->over)
            return NULL;
        if (!feed_more(f)) {
            *rc = SQLITE_ERROR;
            return NULL;
        }
        if ((f->asked += BATCH) >= ASK_EVERY) {
            f->asked = 0;
            if (sql_stopped(f->sql)) {
                *rc = SQLITE_INTERRUPT;
                return NULL;
            }
        }
    }
    return &f->rows[f->at++];
}
