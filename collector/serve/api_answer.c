/*
 * collector/serve/api_answer.c - the API's documents. What asks for now is made
 * of a view that the ingest thread publishes; what asks for a moment, for
 * single blocks or for events is read from the trace file after a flush, which
 * is a reading command's own way.
 *
 * Runs in the threads of connections. Symbols of the live documents are shared
 * and kept (opening debug data costs more than a document), under a lock that
 * no writer to a socket ever holds: such answers are finished trees.
 */
#include "serve/api_answer.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/states.h"

static pthread_mutex_t symbols_lock = PTHREAD_MUTEX_INITIALIZER;
static struct symbols *live_symbols;

/* ---- finished trees ------------------------------------------------------- */

static int tree_write(void *state, FILE *out)
{
    return json_dumpf(state, out, JSON_COMPACT) || putc('\n', out) == EOF ? -EIO : 0;
}

static void tree_free(void *state) { json_decref(state); }

void api_answer_tree(struct api_answer *a, json_t *doc)
{
    *a = (struct api_answer){ .write = tree_write, .free = tree_free, .state = doc };
}

/* ---- the trace file ------------------------------------------------------- */

struct reader {
    struct source source;
    struct query_range range;                /* of events */
    struct query_export export;
    char *of;                                /* of the export: a request's words end with it */
    int (*run)(struct reader *r, doc_sink sink, void *context);
};

static void refuse_source(struct api_answer *a, int error)
{
    if (error == -ENOENT)
        api_refuse(a, 404, "no such moment or mark yet");
    else if (error == -EINVAL)
        api_refuse(a, 400, "%s", query_error());
    else if (error == -ERANGE)
        api_refuse(a, 404, "%s", replay_error());
    else if (error == -ENODATA)
        api_refuse(a, 500, "%s", replay_error());
    else if (error == -EBADMSG)
        api_refuse(a, 500, "the trace cannot be read: %s", query_error());
    else
        api_refuse(a, 500, "the trace cannot be read: %s", strerror(-error));
}

/* NULL: there is no file yet. */
static const char *trace_shown(const struct collector *c)
{
    return collector_records(c) && !collector_recorded(c) ? NULL : collector_trace_path(c);
}

/* Everything so far is in the file, and the file is open. 0, or the refusal. */
static int trace_of(struct collector *c, const struct query *q, enum query_need need, struct source *s, struct api_answer *a)
{
    int error = collector_trace_flush(c);
    if (error) {
        api_refuse(a, 503, "the trace cannot be flushed: %s", strerror(-error));
        return error;
    }
    char *path;
    error = collector_trace_get(c, &path);
    if (error) {
        api_refuse(a, 503, "the trace in memory cannot be read: %s", strerror(-error));
        return error;
    }
    error = query_open(s, path, q, need, NULL, NULL);
    collector_trace_put(c, path);   /* it is open */
    if (error) {
        refuse_source(a, error);
        return error;
    }
    s->doc.trace_path = trace_shown(c);
    s->doc.live = true;
    s->doc.duration_ns = collector_now_ns(c);
    s->doc.torn_bytes = 0;  /* a chunk that is being written behind the flushed ones */
    return 0;
}

static int replay_write(void *state, FILE *out)
{
    struct reader *r = state;
    return r->run(r, doc_sink_file, out);
}

static void replay_free(void *state)
{
    struct reader *r = state;
    source_close(&r->source);
    free(r->of);
    free(r);
}

/* The trace, open and ready to be streamed; NULL: refused. */
static struct reader *replay_open(struct collector *c, const struct query *q, enum query_need need, struct api_answer *a)
{
    struct reader *r = xcalloc(1, sizeof *r);
    if (trace_of(c, q, need, &r->source, a)) {
        free(r);
        return NULL;
    }
    *a = (struct api_answer){ .write = replay_write, .free = replay_free, .state = r };
    return r;
}

/* ---- documents of a view -------------------------------------------------- */

typedef json_t *(*make_document)(const struct view *v, const struct doc_context *c, const struct doc_options *o);

static struct doc_context live_context(struct collector *c, const struct view *v)
{
    return (struct doc_context){ .meta = collector_meta(c), .trace_path = trace_shown(c), .live = true,
                                 .duration_ns = collector_now_ns(c), .unwritten_events = collector_trace_dropped(c) };
}

static void answer_made(struct collector *c, const struct query *q, struct api_answer *a, enum query_need need,
                        make_document make, const struct doc_options *o)
{
    json_t *doc;
    if (q->at || q->changes) {
        struct source s;
        if (trace_of(c, q, need, &s, a))
            return;
        doc = make(s.view, &s.doc, o);
        source_close(&s);
    } else {
        unsigned flags = need == QUERY_BLOCKS ? VIEW_BLOCKS | COLLECTOR_SNAPSHOTS : need == QUERY_HEAP ? COLLECTOR_SNAPSHOTS : 0;
        struct view *v = collector_view_get(c, flags);
        if (!v) {
            api_refuse(a, 503, "the session is ending; read its trace file");
            return;
        }
        struct doc_context context = live_context(c, v);
        pthread_mutex_lock(&symbols_lock);
        if (!live_symbols)
            live_symbols = symbols_new();
        context.symbols = live_symbols;
        doc = make(v, &context, o);
        pthread_mutex_unlock(&symbols_lock);
        collector_view_put(c, v);
    }
    api_answer_tree(a, doc);
}

static void answer_with(struct collector *c, const struct query *q, struct api_answer *a, enum query_need need,
                        make_document make, struct doc_options o)
{
    struct suppressions *s;
    if (query_suppressions(q, &s, &a->error)) {
        a->status = 400;
        return;
    }
    o.suppressions = s;
    answer_made(c, q, a, need, make, &o);
    suppressions_free(s);
}

/* With `since` the document tells what happened since. */
static void answer_changes(struct collector *c, const struct query *q, struct api_answer *a, enum query_need need, make_document make)
{
    struct query changes = *q;
    changes.changes = q->since != NULL;
    answer_with(c, &changes, a, need, make, query_doc_options(q));
}

static void answer_report(struct collector *c, const struct query *q, struct api_answer *a)
{
    answer_changes(c, q, a, QUERY_HEAP, doc_report);
}

static void answer_sites(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct doc_options o = query_doc_options(q);
    answer_made(c, q, a, QUERY_VIEW, doc_sites, &o);
}

static void answer_threads(struct collector *c, const struct query *q, struct api_answer *a)
{
    answer_changes(c, q, a, QUERY_VIEW, doc_threads);
}

static void answer_locks(struct collector *c, const struct query *q, struct api_answer *a)
{
    answer_changes(c, q, a, QUERY_VIEW, doc_locks);
}

static void answer_copies(struct collector *c, const struct query *q, struct api_answer *a)
{
    answer_changes(c, q, a, QUERY_VIEW, doc_copies);
}

static void answer_findings(struct collector *c, const struct query *q, struct api_answer *a)
{
    answer_changes(c, q, a, QUERY_HEAP, doc_findings);
}

/* o->since_ns of the trace so far. 0, or turned down. */
static int since_of(struct collector *c, const struct query *q, struct doc_options *o, struct api_answer *a)
{
    struct source s;
    int error = q->since ? trace_of(c, q, QUERY_TRACE, &s, a) : 0;
    if (error || !q->since)
        return error;
    error = query_since(&s, q, o);
    source_close(&s);
    if (error)
        refuse_source(a, error);
    return error;
}

/* Of an earlier moment: the question, with the process of the PID that was asked for. */
struct pid_query { struct query q; char process[16]; };

static const struct query *query_of_pid(struct collector *c, const struct query *q, struct pid_query *one)
{
    struct view *v = q->at && q->pid && !q->process ? collector_view_get(c, 0) : NULL;
    one->q = *q;
    for (size_t i = 0; v && i < v->n_processes; i++)
        if (v->processes[i].pid == q->pid) {
            snprintf(one->process, sizeof one->process, "p%u", v->processes[i].id);
            one->q.process = one->process;
        }
    if (v)
        collector_view_put(c, v);
    return &one->q;
}

/* Of now: a snapshot is taken, and told of alone. */
static void answer_leaks(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct pid_query one;
    q = query_of_pid(c, q, &one);
    struct doc_options o = query_doc_options(q);
    if (since_of(c, q, &o, a) || (!q->at && !(o.process = api_snapshot(c, q, a))))
        return;
    answer_with(c, q, a, QUERY_HEAP, doc_leaks, o);
}

static void answer_graph(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct pid_query one;
    q = query_of_pid(c, q, &one);
    struct doc_options o = query_doc_options(q);
    if (since_of(c, q, &o, a) || (!q->at && !(o.process = api_snapshot(c, q, a))))
        return;
    answer_with(c, q, a, q->of ? QUERY_BLOCKS : QUERY_HEAP, doc_graph, o);
}

/* The trace so far, read twice. */
static void answer_diff(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct doc_options o = query_doc_options(q);
    struct query first = *q;
    struct source before, after;
    if (!q->since) {
        api_refuse(a, 400, "the parameter since is missing");
        return;
    }
    first.at = q->since;
    if (trace_of(c, &first, QUERY_HEAP, &before, a))
        return;
    if (!trace_of(c, q, QUERY_HEAP, &after, a)) {
        api_answer_tree(a, doc_diff(before.view, &before.doc, after.view, &after.doc, &o));
        source_close(&after);
    }
    source_close(&before);
}

static void answer_list(struct collector *c, const struct query *q, struct api_answer *a)
{
    json_t *doc = control_list(collector_control(c));
    if (doc)
        api_answer_tree(a, doc);
    else
        api_refuse(a, 503, "the session is ending; read its trace file");
}

static void answer_status(struct collector *c, const struct query *q, struct api_answer *a)
{
    json_t *orders = control_list(collector_control(c));
    struct view *v = orders ? collector_view_get(c, 0) : NULL;
    const struct trace_meta *m = collector_meta(c);
    size_t alive = 0;
    if (!v) {
        json_decref(orders);
        api_refuse(a, 503, "the session is ending; read its trace file");
        return;
    }
    for (size_t i = 0; i < v->n_processes; i++)
        alive += !v->processes[i].ended;
    api_answer_tree(a, json_pack("{s:i, s:s*, s:i, s:s*, s:s*, s:I, s:I, s:I, s:I, s:I}",
        "ownscope", 1, "session", m->session, "collector", (int)getpid(), "trace", trace_shown(c),
        "command", m->command, "at_ns", (json_int_t)v->at_ns, "events", (json_int_t)v->events,
        "processes_alive", (json_int_t)alive, "live_blocks", (json_int_t)v->totals.live_blocks,
        "live_bytes", (json_int_t)v->totals.live_bytes));
    collector_view_put(c, v);
    json_object_del(orders, "ownscope");
    json_object_del(orders, "log");
    if (a->state)
        json_object_update(a->state, orders);
    json_decref(orders);
    if (!a->state)
        api_refuse(a, 500, "the session's name or command is no UTF-8");
}

static void answer_states(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct states_query asked = { .thread = query_serial(q->thread, 't'), .process = query_serial(q->process, 'p'), .pid = (pid_t)q->pid, .stacks = q->stacks };
    json_t *doc = NULL;
    int error = states_document(c, &asked, &live_symbols, &symbols_lock, &doc);
    if (error == -ENOENT)
        api_refuse(a, 404, "no such thread runs in this session");
    else if (error == -EBUSY)
        api_refuse(a, 400, "more than %d threads: say of which one the stack is wanted, with thread=", STATES_STACKS_MAX);
    else if (error)
        api_refuse(a, 503, "the session is ending; read its trace file");
    else
        api_answer_tree(a, doc);
}

/* ---- documents of the trace ----------------------------------------------- */

static void answer_history(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct source s;
    json_t *doc = NULL;
    if (!q->id) {
        api_refuse(a, 400, "the parameter id is missing");
        return;
    }
    if (trace_of(c, q, QUERY_TRACE, &s, a))
        return;
    int error = query_history(&s, q, &doc);
    if (error == -ENOENT)
        api_refuse(a, 404, "there is no block or lock %s%s%s", q->id, q->at ? " at " : "", q->at ? q->at : "");
    else if (error)
        refuse_source(a, error);
    else
        api_answer_tree(a, doc);
    source_close(&s);
}

static int run_events(struct reader *r, doc_sink sink, void *context)
{
    return query_events(&r->source, &r->range, sink, context);
}

static void answer_events(struct collector *c, const struct query *q, struct api_answer *a)
{
    struct reader *r = replay_open(c, q, QUERY_TRACE, a);
    if (!r)
        return;
    int error = query_range(&r->source, q, &r->range);
    if (error)
        refuse_source(a, error);
    r->run = run_events;
    a->type = "application/jsonl";
}

static int run_export(struct reader *r, doc_sink sink, void *context)
{
    return query_export(&r->source, &r->export, sink, context);
}

static void answer_export(struct collector *c, const struct query *q, struct api_answer *a)
{
    bool heap = q->format && strcmp(q->format, "json") != 0;
    struct query changes = *q;
    changes.changes = q->since != NULL;
    if (heap && !q->at && !api_snapshot(c, q, a))
        return;
    struct reader *r = replay_open(c, &changes, QUERY_BLOCKS, a);
    if (!r)
        return;
    r->export = query_export_of(&r->source, q);
    char *absent = query_export_absent(&r->source, &r->export);
    if (absent)
        api_refuse(a, 404, "there is no heap to export: %s", absent);
    free(absent);
    r->export.graph.of = r->of = q->of ? xstrdup(q->of) : NULL;
    r->run = run_export;
}

const struct api_route api_routes[] = {
    { "/v1/status", 0, answer_status },
    { "/v1/list", API_LIGHT, answer_list },
    { "/v1/states", API_THREAD | API_PROCESS | API_PID | API_STACKS, answer_states },
    { "/v1/report", API_TOP | API_AT | API_SINCE | API_SUPPRESSIONS | API_DEFAULT_SUPPRESSIONS, answer_report },
    { "/v1/sites", API_TOP | API_AT, answer_sites },
    { "/v1/threads", API_TOP | API_AT | API_SINCE, answer_threads },
    { "/v1/locks", API_TOP | API_AT | API_SINCE, answer_locks },
    { "/v1/copies", API_TOP | API_AT | API_SINCE, answer_copies },
    { "/v1/findings", API_TOP | API_AT | API_SINCE | API_SUPPRESSIONS | API_DEFAULT_SUPPRESSIONS | API_BLOCKS, answer_findings },
    { "/v1/graph", API_TOP | API_AT | API_SINCE | API_OF | API_BY | API_DEPTH | API_PID | API_PROCESS, answer_graph },
    { "/v1/leaks", API_TOP | API_AT | API_SINCE | API_SUPPRESSIONS | API_DEFAULT_SUPPRESSIONS | API_BLOCKS | API_CLASS | API_PID | API_PROCESS,
      answer_leaks },
    { "/v1/diff", API_TOP | API_AT | API_SINCE, answer_diff },
    { "/v1/history", API_ID | API_AT | API_SINCE, answer_history },
    { "/v1/events", API_TOP | API_AT | API_SINCE | API_TYPE | API_THREAD | API_PROCESS | API_SITE | API_SIZE | API_ADDRESS | API_FRAMES, answer_events },
    { "/v1/export", API_FORMAT | API_EVENTS | API_ALL | API_AT | API_SINCE | API_OF | API_PID | API_PROCESS, answer_export },
    { NULL, 0, NULL }
};
