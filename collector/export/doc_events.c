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
#include "export/event_json.h"
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

struct lines {
    const struct doc_events_options *o;
    struct frames *frames;
    struct json_writer writer;
    uint64_t count;
};

static bool wanted(const struct doc_events_options *o, const struct fact *f)
{
    return (!o->types || (o->types & 1u << f->type)) && (!o->thread || o->thread == f->thread) &&
           (!o->process || o->process == f->process) && f->event >= o->first_event &&
           (!o->last_event || f->event <= o->last_event);
}

static void line(void *context, const struct fact *f)
{
    struct lines *l = context;
    if (!wanted(l->o, f))
        return;
    jw_object(&l->writer);
    event_json_members(&l->writer, f);
    if (event_json_has_stack(f)) {
        uint32_t stack = frames_code_stack(l->frames, f->stack);
        JW_KEY(&l->writer, "stack");
        if (l->o->frames)
            frames_write_telling(l->frames, &l->writer, stack, l->o->frames);
        else
            frames_write(l->frames, &l->writer, stack);
    }
    jw_end(&l->writer);
    jw_newline(&l->writer);
    l->count++;
}

static bool line_stop(void *context)
{
    struct lines *l = context;
    return l->writer.error != 0;
}

int doc_events(struct trace *t, const struct doc_context *c, const struct doc_events_options *o,
               doc_sink sink, void *sink_context, uint64_t *count)
{
    struct lines *l = xcalloc(1, sizeof *l);
    trace_rewind(t);
    l->o = o;
    l->frames = frames_new(c->symbols, NULL, trace_code(t));
    jw_init(&l->writer, sink, sink_context);
    struct replay replay = { .trace = t, .last_event = o->last_event, .observer = line, .stop = line_stop, .context = l };
    int error = replay_run(&replay);
    int written = jw_finish(&l->writer);
    if (count)
        *count = l->count;
    frames_free(l->frames);
    free(l);
    return written ? written : error;
}
