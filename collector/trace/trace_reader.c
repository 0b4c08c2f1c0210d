/*
 * collector/trace/trace_reader.c - the events of an open trace, in order.
 *
 * One thread. Chunks are read one at a time as the events need them. Damage is
 * sticky until trace_rewind or trace_seek: events before it are good, what is
 * behind it can be read from the next cut on, by who seeks it.
 */
#include "trace/trace_reader.h"

#include <errno.h>

#include "trace/trace_tables.h"

static int load_table(struct trace *t, struct code *code, const struct map_entry *e)
{
    const char *flaw;
    struct trace_columns columns;
    int error = map_read_chunk(t->fd, e, &t->table_opener, &columns, &flaw);
    if (!error) {
        error = trace_tables_unpack(&columns, e->count, code);
        flaw = "definitions that make no sense";
    }
    return error ? trace_fail(t, error, e->offset, flaw) : 0;
}

int trace_load_tables(struct trace *t, struct code *code, size_t until)
{
    for (size_t i = 0; i < until; i++) {
        int error = t->map.entries[i].type == TRACE_CHUNK_CODE ? load_table(t, code, &t->map.entries[i]) : 0;
        if (error)
            return error;
    }
    return 0;
}

int trace_read_tables(struct trace *t, size_t until)
{
    for (; t->tables_loaded < until; t->tables_loaded++) {
        const struct map_entry *e = &t->map.entries[t->tables_loaded];
        int error = e->type == TRACE_CHUNK_CODE ? load_table(t, t->code, e) : 0;
        if (error)
            return error;
    }
    return 0;
}

int trace_load_events(struct trace *t, const struct map_entry *e)
{
    const char *flaw;
    int error = map_read_chunk(t->fd, e, &t->opener, &t->decoder.columns, &flaw);
    if (!error) {
        error = trace_decode_begin(&t->decoder, e->count, e->flags & TRACE_CHUNK_RESET);
        t->behind = e->first_event + e->count;
        flaw = "kinds of event unknown here";
    }
    if (!error)
        return 0;
    t->decoder.left = 0;
    t->behind = e->first_event;
    return trace_fail(t, error, e->offset, flaw);
}

/* Goes on to the next chunk with events. 1, 0 at the end, or an error. */
static int next_chunk(struct trace *t)
{
    while (!t->decoder.left) {
        if (t->at == t->map.count)
            return t->map.damaged ? trace_fail(t, -EBADMSG, t->map.whole_bytes, t->map.flaw) : 0;
        const struct map_entry *e = &t->map.entries[t->at];
        int error = 0;
        if (e->type == TRACE_CHUNK_EVENTS)
            error = trace_load_events(t, e);
        else if (e->type == TRACE_CHUNK_CODE && t->at >= t->tables_loaded)
            error = load_table(t, t->code, e);
        else if (e->type == TRACE_CHUNK_END && !t->end.present)
            error = trace_fail(t, -EBADMSG, e->offset, "the end record is damaged");
        if (error)
            return error;
        t->at++;
        if (t->tables_loaded < t->at)
            t->tables_loaded = t->at;
    }
    return 1;
}

int trace_next(struct trace *t, struct event *e)
{
    if (__builtin_expect(t->error, 0))
        return t->error;
    if (t->selection.on)
        return trace_select_next(t, e);
    if (__builtin_expect(!t->decoder.left, 0)) {
        int more = next_chunk(t);
        if (more <= 0)
            return more;
    }
    if (__builtin_expect(trace_decode_event(&t->decoder, e, t->code), 0)) {
        t->behind -= t->decoder.left + 1;
        t->decoder.left = 0;
        return trace_fail(t, -EBADMSG, t->map.entries[t->at - 1].offset, "an event that makes no sense");
    }
    return 1;
}

void trace_rewind(struct trace *t)
{
    t->at = 0;
    t->error = 0;
    t->selection.on = false;
    t->opener.unwanted = 0;
    t->behind = t->map.before;
    trace_decode_reset(&t->decoder);
}

uint64_t trace_event_number(const struct trace *t) { return t->behind - t->decoder.left; }

/* The entry to begin with for event number event + 1: the last EVENTS at or before it whose models are fresh. */
static size_t cut_before(const struct trace_map *m, uint64_t event)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->entries[middle].first_event <= event)
            low = middle + 1;
        else
            high = middle;
    }
    while (low && (m->entries[low - 1].type != TRACE_CHUNK_EVENTS || !(m->entries[low - 1].flags & TRACE_CHUNK_RESET)))
        low--;
    return low ? low - 1 : 0;
}

/* The next EVENTS are those of entry `entry`, with all that is defined before them. */
static int begin_at(struct trace *t, size_t entry)
{
    trace_rewind(t);
    int error = trace_read_tables(t, entry);
    if (error)
        return error;
    t->at = entry;
    t->behind = t->map.entries[entry].first_event;
    return 0;
}

/* Chunks that end before the event are decoded too: what their models learned is needed. */
int trace_seek(struct trace *t, uint64_t event)
{
    if (event > t->map.events)
        event = t->map.events;
    size_t entry = cut_before(&t->map, event);
    bool onward = !t->error && !t->selection.on && t->at > entry && trace_event_number(t) <= event;
    int error = onward ? 0 : begin_at(t, entry);
    while (!error && trace_event_number(t) < event) {
        struct event e;
        int more = trace_next(t, &e);
        error = more > 0 ? 0 : more < 0 ? more : -EBADMSG;
    }
    return error;
}
