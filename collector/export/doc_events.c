/*
 * collector/export/doc_events.c - the ordered events, one a line (doc.h).
 *
 * The trace is folded again with an observer, so that every line names nodes;
 * memory stays bounded by the live blocks and the code. Filters look at facts:
 * the fold itself always sees everything.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc.h"
#include "export/event_filter.h"
#include "export/event_json.h"
#include "export/event_reach.h"
#include "export/frames.h"
#include "export/replay.h"

int doc_sink_file(void *file, const char *bytes, size_t n)
{
    errno = 0;
    if (fwrite(bytes, 1, n, file) == n)
        return 0;
    return errno ? -errno : -EIO;
}

int doc_event_types_parse(uint32_t *types, const char *text)
{
    uint32_t mask = 0;
    while (*text) {
        size_t n = strcspn(text, ",");
        unsigned type = 1;
        while (type < FACT_TYPES && (strlen(fact_type_name(type)) != n || memcmp(fact_type_name(type), text, n)))
            type++;
        if (type == FACT_TYPES)
            return -EINVAL;
        mask |= 1u << type;
        text += n + (text[n] == ',');
    }
    *types = mask;
    return mask ? 0 : -EINVAL;
}

struct each {
    struct event_filter *filter;
    struct frames *frames;
    doc_event_take take;
    void *context;
    int error;
};

static void each_fact(void *context, const struct fact *f)
{
    struct each *e = context;
    uint32_t stack;
    if (!e->error && event_filter_wants(e->filter, f, &stack))
        e->error = e->take(e->context, f, e->frames, stack);
}

static bool each_stop(void *context)
{
    const struct each *e = context;
    return e->error;
}

int doc_events_each(struct trace *t, const struct doc_context *c, const struct doc_events_options *o, doc_event_take take, void *context)
{
    struct each e = { .take = take, .context = context };
    trace_rewind(t);
    e.frames = frames_new(c->symbols, NULL, trace_code(t));
    e.filter = event_filter_new(o, e.frames);
    struct trace_filter filters[EVENT_FILTERS_MAX];
    const struct event_reach reach = { .o = o, .until = o->last_event ? o->last_event : UINT64_MAX };
    struct replay replay = { .trace = t, .first_event = o->first_event, .last_event = o->last_event,
                             .filters = filters, .n_filters = event_reach(t, &reach, filters), .observer = each_fact, .stop = each_stop, .context = &e };
    int error = replay_run(&replay);
    event_filter_free(e.filter);
    frames_free(e.frames);
    return e.error ? e.error : error;
}

/* ---- as JSON Lines ---- */

struct lines {
    unsigned frames;
    struct json_writer writer;
    uint64_t count;
};

static int line(void *context, const struct fact *f, struct frames *frames, uint32_t stack)
{
    struct lines *l = context;
    jw_object(&l->writer);
    event_json_members(&l->writer, f);
    if (event_json_has_stack(f)) {
        JW_KEY(&l->writer, "stack");
        if (l->frames)
            frames_write_telling(frames, &l->writer, stack, l->frames);
        else
            frames_write(frames, &l->writer, stack);
    }
    jw_end(&l->writer);
    jw_newline(&l->writer);
    l->count++;
    return l->writer.error;
}

int doc_events(struct trace *t, const struct doc_context *c, const struct doc_events_options *o,
               doc_sink sink, void *sink_context, uint64_t *count)
{
    struct lines *l = xcalloc(1, sizeof *l);
    l->frames = o->frames;
    jw_init(&l->writer, sink, sink_context);
    int error = doc_events_each(t, c, o, line, l);
    int written = jw_finish(&l->writer);
    if (count)
        *count = l->count;
    free(l);
    return written ? written : error;
}
