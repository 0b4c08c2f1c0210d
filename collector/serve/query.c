/*
 * collector/serve/query.c - answers a question from a trace. One thread a
 * source; keeps nothing.
 */
#include "serve/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"
#include "export/event_filter.h"

uint32_t query_serial(const char *id, char letter)
{
    uint64_t n;
    return !id || parse_count(id + (*id == letter), &n) || n > UINT32_MAX ? 0 : (uint32_t)n;
}

/* enum export_format, or -1. */
static int format_find(const char *name)
{
    static const char *const names[EXPORT_FORMATS] = { "json", "dot", "heapsnapshot" };
    for (int i = 0; i < EXPORT_FORMATS; i++)
        if (!strcmp(name, names[i]))
            return i;
    return -1;
}

int query_check(const struct query *q, char **error)
{
    static const char moments[] = "a moment is 12.5s, 350ms, event:N, mark:NAME, peak or end";
    struct doc_target target;
    struct source_at at;
    uint32_t number;
    unsigned kinds;
    uint64_t low, high;
    char *wrong = NULL;
    *error = NULL;
    if (q->at && source_at_parse(&at, q->at))
        *error = xasprintf("%s, not '%s'", moments, q->at);
    else if (q->since && source_at_parse(&at, q->since))
        *error = xasprintf("%s, not '%s'", moments, q->since);
    else if (q->id && doc_target_parse(&target, q->id))
        *error = xasprintf("'%s' is no ID of a block (b12) or lock (l3) and no address (0x7f12...)", q->id);
    else if (q->type && doc_event_types_parse(&number, q->type))
        *error = xasprintf("'%s' is no list of event types (new,drop,move,borrow,acquire,...)", q->type);
    else if (q->site && event_site_check(q->site, &wrong))
        *error = xasprintf("'%s' is no regular expression: %s", q->site, wrong);
    else if (q->size && parse_sizes(q->size, &low, &high))
        *error = xasprintf("'%s' is no range of sizes (4096, 4K..1M, 64K.., ..16)", q->size);
    else if (q->address && event_addresses_parse(q->address, &low, &high))
        *error = xasprintf("'%s' is no range of addresses (0x7f12..., 0x7f0000..0x7fffff)", q->address);
    else if (q->thread && !query_serial(q->thread, 't'))
        *error = xasprintf("'%s' is no thread's ID (t3)", q->thread);
    else if (q->process && !query_serial(q->process, 'p'))
        *error = xasprintf("'%s' is no process's ID (p1)", q->process);
    else if (q->format && format_find(q->format) < 0)
        *error = xasprintf("format '%s' is not known; there are json, dot and heapsnapshot", q->format);
    else if (q->of && !doc_graph_of_known(q->of))
        *error = xasprintf("'%s' is no ID of a block (b12), root (r3) or lock (l1) and no address (0x7f12...)", q->of);
    else if (q->by && !doc_graph_by_known(q->by))
        *error = xasprintf("'%s' is nothing to group by; there are type, site, module, thread and root", q->by);
    else if (q->since && q->format && format_find(q->format) > EXPORT_JSON)
        *error = xasprintf("--since is for -f json; a snapshot, which -f %s draws, is of one moment", q->format);
    else if (q->of && q->by)
        *error = xstrdup("--of shows one node and --by shows groups; ask for one of them");
    else if (q->leak_class && (leak_kinds_parse(&kinds, q->leak_class, &wrong) || !kinds))
        *error = xasprintf("'%s' is no leak class (definite, possible, indirect, reachable, all)", wrong ? wrong : q->leak_class);
    free(wrong);
    return *error ? -EINVAL : 0;
}

int query_add_suppressions(struct query *q, const char *path)
{
    if (q->n_suppressions == QUERY_SUPPRESSIONS_MAX)
        return -E2BIG;
    q->suppressions[q->n_suppressions++] = path;
    return 0;
}

int query_suppressions(const struct query *q, struct suppressions **s, char **error)
{
    int failed = 0;
    *s = q->n_suppressions || !q->no_default_suppressions ? suppressions_new() : NULL;
    for (size_t i = 0; !failed && i < q->n_suppressions; i++)
        failed = suppressions_read(*s, q->suppressions[i], error);
    if (!failed && !q->no_default_suppressions)
        failed = suppressions_add_default(*s, error);
    if (failed) {
        suppressions_free(*s);
        *s = NULL;
    }
    return failed;
}

struct doc_options query_doc_options(const struct query *q)
{
    size_t n = !q->top_given ? 0 : q->top ? q->top : UINT32_MAX;
    struct doc_options o = { .sites = n, .handoffs = n, .top = n, .blocks = q->blocks };
    char *wrong;
    o.of = q->of;
    o.by = q->by;
    o.depth = (unsigned)q->depth;
    if (q->leak_class)
        leak_kinds_parse(&o.leak_kinds, q->leak_class, &wrong);
    o.process = query_serial(q->process, 'p');
    return o;
}

/* ---- opening -------------------------------------------------------------- */

static _Thread_local char last_error[512];

const char *query_error(void) { return last_error; }

static int open_trace(struct source *s, const char *path)
{
    memset(s, 0, sizeof *s);
    int error = trace_open(&s->trace, path);
    if (error) {
        snprintf(last_error, sizeof last_error, "%s", trace_error_text(NULL));
        return error;
    }
    s->symbols = symbols_new();
    s->path = xstrdup(path);
    s->doc = (struct doc_context){ .meta = trace_meta(s->trace), .symbols = s->symbols, .trace_path = s->path,
                                   .torn_bytes = trace_torn_bytes(s->trace), .complete = trace_end(s->trace)->present };
    if (s->doc.complete)
        s->doc.duration_ns = trace_end(s->trace)->end_ns;
    return 0;
}

int query_open(struct source *s, const char *path, const struct query *q, enum query_need need,
               source_progress progress, void *progress_context)
{
    struct source_options o = { .flags = need == QUERY_BLOCKS ? VIEW_BLOCKS : 0,
                                .heaps = need == QUERY_HEAP || need == QUERY_BLOCKS, .progress = progress, .progress_context = progress_context };
    if (o.heaps)
        o.heap_process = query_serial(q->process, 'p');
    if (need == QUERY_TRACE)
        return open_trace(s, path);
    if (q->at)
        source_at_parse(&o.at, q->at);
    struct source_at since;
    if (q->since && q->changes) {
        source_at_parse(&since, q->since);
        o.since = &since;
        o.heaps &= need != QUERY_BLOCKS;    /* who points to whom is of one moment */
    }
    int error = source_open(s, path, &o);
    if (error)
        snprintf(last_error, sizeof last_error, "%s", source_error());
    return error;
}

/* ---- answers -------------------------------------------------------------- */

/* Number of the last event at TIME; 0: none yet. NULL text: `absent`. */
static int moment_event(struct source *s, const char *text, uint64_t absent, uint64_t *event)
{
    struct source_at at;
    *event = absent;
    if (!text)
        return 0;
    source_at_parse(&at, text);
    return source_event_at(s, &at, event);
}

const char *query_mark_absent(struct source *s, const struct query *q)
{
    const char *words[] = { q->at, q->since };
    for (size_t i = 0; i < 2; i++) {
        struct source_at at;
        uint64_t event;
        if (!words[i] || source_at_parse(&at, words[i]) || at.kind != SOURCE_MARK)
            continue;
        if (moment_find(s->trace, &at, NULL, NULL, &event) == -ENOENT)
            return at.mark;
    }
    return NULL;
}

int query_since(struct source *s, const struct query *q, struct doc_options *o)
{
    struct source_at at;
    if (!q->since || q->changes)
        return 0;
    source_at_parse(&at, q->since);
    return source_ns_at(s, &at, &o->since_ns);
}

int query_history(struct source *s, const struct query *q, json_t **doc)
{
    struct doc_target target;
    struct doc_history_options o = { .since = q->since != NULL };
    struct source_at since;
    doc_target_parse(&target, q->id);
    int error = moment_event(s, q->at, 0, &o.until_event);
    if (!error && q->at && o.until_event == 0)
        error = -ENOENT;
    if (!error && q->since) {
        source_at_parse(&since, q->since);
        error = source_event_at(s, &since, &o.since_event);
        if (!error)
            error = source_ns_at(s, &since, &o.since_ns);
    }
    return error ? error : doc_history(s->trace, &s->doc, &target, &o, doc);
}

int query_range(struct source *s, const struct query *q, struct query_range *range)
{
    *range = (struct query_range){ .top = q->top };
    struct doc_events_options *o = &range->events;
    o->frames = (unsigned)q->frames;
    if (q->type)
        doc_event_types_parse(&o->types, q->type);
    o->thread = query_serial(q->thread, 't');
    o->process = query_serial(q->process, 'p');
    o->site = q->site;
    o->sizes = q->size && !parse_sizes(q->size, &o->low_bytes, &o->high_bytes);
    o->addresses = q->address && !event_addresses_parse(q->address, &o->low_address, &o->high_address);
    int error = moment_event(s, q->at, 0, &o->last_event);
    if (!error)
        error = moment_event(s, q->since, 0, &o->first_event);
    range->empty = q->at && o->last_event == 0;
    o->first_event += q->since != NULL;
    return error;
}

/* Lets `left` lines through, then ends the stream with -ECANCELED. */
struct limit { doc_sink sink; void *context; uint64_t left; };

static int limit_sink(void *context, const char *bytes, size_t n)
{
    struct limit *l = context;
    const char *p = bytes, *end = bytes + n;
    while (l->left && p < end) {
        const char *line = memchr(p, '\n', (size_t)(end - p));
        p = line ? line + 1 : end;
        l->left -= line != NULL;
    }
    int error = p > bytes ? l->sink(l->context, bytes, (size_t)(p - bytes)) : 0;
    return error ? error : l->left ? 0 : -ECANCELED;
}

int query_events(struct source *s, const struct query_range *range, doc_sink sink, void *context)
{
    struct limit limit = { .sink = sink, .context = context, .left = range->top };
    if (range->empty)
        return 0;
    if (!range->top)
        return doc_events(s->trace, &s->doc, &range->events, sink, context, NULL);
    int error = doc_events(s->trace, &s->doc, &range->events, limit_sink, &limit, NULL);
    return error == -ECANCELED && !limit.left ? 0 : error;
}

/* The same for facts. */
struct limit_facts { doc_event_take take; void *context; uint64_t left; };

static int limit_take(void *context, const struct fact *f, struct frames *frames, uint32_t stack)
{
    struct limit_facts *l = context;
    int error = l->take(l->context, f, frames, stack);
    return error ? error : --l->left ? 0 : -ECANCELED;
}

int query_events_each(struct source *s, const struct query_range *range, doc_event_take take, void *context)
{
    struct limit_facts limit = { .take = take, .context = context, .left = range->top };
    if (range->empty)
        return 0;
    if (!range->top)
        return doc_events_each(s->trace, &s->doc, &range->events, take, context);
    int error = doc_events_each(s->trace, &s->doc, &range->events, limit_take, &limit);
    return error == -ECANCELED && !limit.left ? 0 : error;
}

struct query_export query_export_of(const struct source *s, const struct query *q)
{
    bool some = s->whole || s->events > 0;  /* until_event 0 means the end */
    int format = q->format ? format_find(q->format) : EXPORT_JSON;
    return (struct query_export){ .format = (enum export_format)format, .graph = query_doc_options(q),
                                  .json = { .events = q->events && some, .all = q->all && some, .until_event = s->whole ? 0 : s->events } };
}

char *query_export_absent(const struct source *s, const struct query_export *e)
{
    const char *why = "no snapshot of the heap was taken up to that moment";
    if (e->format == EXPORT_JSON)
        return NULL;
    for (size_t i = 0; i < s->view->n_snapshots; i++) {
        if (s->view->snapshots[i]->first)
            return NULL;
        if (s->view->snapshots[i]->refused)
            why = s->view->snapshots[i]->refused;
    }
    return xstrdup(why);
}

int query_export(struct source *s, const struct query_export *e, doc_sink sink, void *context)
{
    switch (e->format) {
    case EXPORT_DOT: return doc_export_dot(s->view, &s->doc, &e->graph, sink, context);
    case EXPORT_HEAPSNAPSHOT: return doc_export_heapsnapshot(s->view, &s->doc, sink, context);
    default: return doc_export_json(s->view, s->trace, &s->doc, &e->json, sink, context);
    }
}
