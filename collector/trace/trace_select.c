/*
 * collector/trace/trace_select.c - only the events that pass a filter, and no
 * more read for them than needed.
 *
 * Groups are passed over by what their summaries say. In a group, chunks are
 * decoded from its first one, whose models the others need, to the last one
 * that can hold a wanted event. Definitions are read of all that comes before.
 */
#include <errno.h>

#include "trace/trace_reader.h"

int trace_select(struct trace *t, const struct trace_filter *f, unsigned columns)
{
    trace_rewind(t);
    if (!f)
        return 0;
    trace_decode_want(&t->selection.want, f, columns);
    t->opener.unwanted = t->selection.want.unwanted;
    t->selection.group = t->selection.end = 0;
    t->selection.on = true;
    return 0;
}

/* The entry behind the last chunk of the group that can hold a wanted event; 0: none can. */
static size_t wanted_end(const struct trace *t, struct trace_group_span span)
{
    const struct trace_filter *f = &t->selection.want.filter;
    for (size_t i = span.end; i-- > span.first;) {
        const struct map_entry *e = &t->map.entries[i];
        if (e->type == TRACE_CHUNK_EVENTS && trace_span_may(f, e->first_event + 1, e->count, e->low_ns, e->high_ns))
            return i + 1;
    }
    return 0;
}

/* The next group that may hold one. False: there is none. */
static bool next_group(struct trace *t)
{
    const struct trace_group *list;
    struct trace_selection *s = &t->selection;
    size_t n = trace_groups(t, &list);
    while (s->group < n) {
        size_t group = s->group++;
        if (!trace_group_may(t, group, &s->want.filter))
            continue;
        struct trace_group_span span = trace_group_span(t, group);
        s->end = wanted_end(t, span);
        t->at = span.first;
        if (s->end)
            return true;
    }
    s->end = t->at;
    return false;
}

/* What was lost in the middle of the file may have held a wanted event. */
static int selection_end(struct trace *t)
{
    uint64_t last = t->selection.want.filter.last_event;
    bool whole = !t->map.damaged || (last && last <= t->map.events);
    return whole ? 0 : trace_fail(t, -EBADMSG, t->map.whole_bytes, t->map.flaw);
}

/* Goes on to the next chunk to be decoded. 1, 0 at the end, or an error. */
static int next_chunk(struct trace *t)
{
    for (;;) {
        if (t->at >= t->selection.end && !next_group(t))
            return selection_end(t);
        const struct map_entry *e = &t->map.entries[t->at++];
        if (e->type != TRACE_CHUNK_EVENTS)
            continue;
        int error = trace_read_tables(t, t->at - 1);
        if (!error)
            error = trace_load_events(t, e);
        return error ? error : 1;
    }
}

int trace_select_next(struct trace *t, struct event *e)
{
    for (;;) {
        int found = trace_decode_find(&t->decoder, e, t->code, &t->selection.want, t->behind);
        if (found > 0)
            return 1;
        if (found < 0) {
            t->behind -= t->decoder.left + 1;
            t->decoder.left = 0;
            return trace_fail(t, found, t->map.entries[t->at - 1].offset, "an event that makes no sense");
        }
        int more = next_chunk(t);
        if (more <= 0)
            return more;
    }
}
