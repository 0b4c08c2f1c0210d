/*
 * collector/sql/sql_feed.c - see sql_feed.h.
 */
#include "sql/sql_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/replay.h"

enum { BATCH = 64, ASK_EVERY = 4096,
       LATE = 4096              /* events that are folded past the last wanted one: those of inversions come late (graph/repair.h) */ };

struct feed {
    struct sql *sql;
    struct feed_options o;
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
    uint64_t before = trace_events_before(f->trace);
    if (f->o.first_event > before + 1)
        before = f->o.first_event - 1;
    int error = replay_to(f->trace, before, &f->graph, &f->number);
    s->cost.passes++;
    if (error == -EBADMSG)
        sql_damaged(s, f->trace);
    f->over = error != 0;
    if (!f->graph) {
        sql_fail(s, error, "cannot read %s: %s", s->path, *replay_error() ? replay_error() : strerror(-error));
        feed_close(f);
        return NULL;
    }
    graph_observe(f->graph, take, f);
    return f;
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

struct graph *feed_graph(struct feed *f) { return f->graph; }
struct trace *feed_trace(struct feed *f) { return f->trace; }

/* Up to a batch, that ends with an event that has text: the next one takes its place. */
static size_t batch_read(struct feed *f, struct event *events)
{
    size_t n = 0;
    uint64_t end = f->o.enough_event + LATE < f->o.last_event ? f->o.enough_event + LATE : f->o.last_event;
    while (n < BATCH && f->number + n < end) {
        int got = trace_next(f->trace, &events[n]);
        if (got < 0)
            sql_damaged(f->sql, f->trace);
        if (got <= 0)
            break;
        f->ns[n] = events[n].ns;
        if (events[n++].text_bytes)
            return n;
    }
    f->over = n < BATCH;
    return n;
}

static void batch_fold(struct feed *f)
{
    struct event events[BATCH];
    f->at = f->n = f->text_bytes = 0;
    f->batch_first = f->number + 1;
    size_t n = batch_read(f, events);
    graph_fold_batch(f->graph, events, n);
    f->number += n;
    f->sql->cost.decoded += n;
    if (f->over)
        graph_settle(f->graph, UINT64_MAX);
    texts_settle(f);
}

const struct feed_row *feed_next(struct feed *f, int *rc)
{
    *rc = SQLITE_OK;
    while (f->at == f->n) {
        if (f->over)
            return NULL;
        batch_fold(f);
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
