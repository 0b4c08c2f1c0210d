/*
 * collector/trace/trace_summary_read.c - the groups of an open trace, and what
 * their summaries say.
 *
 * Groups are found in the map when the trace is opened; a summary is read when
 * it is asked, and the last one is kept. One that is missing, damaged or makes
 * no sense says nothing: then anything may be in its group.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "trace/trace_reader.h"

enum { ADDRESS_UNIT_BITS = 4 };

struct trace_summaries {
    struct trace_group *groups; size_t n;
    struct trace_group_span *spans;
    size_t *entries;                /* of each group's SUMMARY; 0: none */
    struct chunk_opener opener;
    struct trace_columns columns;   /* of the summary read last */
    size_t read;                    /* 1 + its group */
};

/* ---- groups ---- */

static void group_grow(struct trace_summaries *s, size_t entry, const struct map_entry *e)
{
    struct trace_group *g = &s->groups[s->n - 1];
    g->low_ns = !g->events || e->low_ns < g->low_ns ? e->low_ns : g->low_ns;
    g->high_ns = !g->events || e->high_ns > g->high_ns ? e->high_ns : g->high_ns;
    g->events += e->count;
    s->spans[s->n - 1].end = entry + 1;
}

void trace_find_groups(struct trace *t)
{
    struct trace_summaries *s = t->summaries = xcalloc(1, sizeof *s);
    size_t room = 0, span_room = 0, entry_room = 0;
    for (size_t i = 0; i < t->map.count; i++) {
        const struct map_entry *e = &t->map.entries[i];
        if (e->type == TRACE_CHUNK_EVENTS) {
            if (!s->n || e->flags & TRACE_CHUNK_RESET) {
                s->groups = xgrow(s->groups, &room, s->n + 1, sizeof *s->groups);
                s->spans = xgrow(s->spans, &span_room, s->n + 1, sizeof *s->spans);
                s->entries = xgrow(s->entries, &entry_room, s->n + 1, sizeof *s->entries);
                s->groups[s->n] = (struct trace_group){ .first_event = e->first_event + 1 };
                s->spans[s->n] = (struct trace_group_span){ i, i };
                s->entries[s->n++] = 0;
            }
            group_grow(s, i, e);
        } else if (e->type == TRACE_CHUNK_SUMMARY && s->n && e->count == s->groups[s->n - 1].events) {
            s->entries[s->n - 1] = i;
        }
    }
}

void trace_groups_free(struct trace *t)
{
    struct trace_summaries *s = t->summaries;
    if (!s)
        return;
    chunk_opener_free(&s->opener);
    free(s->groups);
    free(s->spans);
    free(s->entries);
    free(s);
}

size_t trace_groups(const struct trace *t, const struct trace_group **list)
{
    *list = t->summaries->groups;
    return t->summaries->n;
}

struct trace_group_span trace_group_span(const struct trace *t, size_t group) { return t->summaries->spans[group]; }

bool trace_span_may(const struct trace_filter *f, uint64_t first, uint64_t events, uint64_t low_ns, uint64_t high_ns)
{
    if (!events || f->first_event > first + events - 1 || (f->last_event && f->last_event < first))
        return false;
    return high_ns >= f->low_ns && (!f->high_ns || low_ns <= f->high_ns);
}

/* ---- summaries ---- */

/* True: some of [low, high] is in the set, or its runs make no sense. */
static bool runs_meet(struct trace_columns *s, unsigned gaps, unsigned lengths, uint64_t low, uint64_t high)
{
    for (uint64_t end = 0; cursor_left(s, gaps);) {
        uint64_t first = end + cursor_varint(s, gaps), last = first + cursor_varint(s, lengths);
        if (s->bad || first < end || last < first)
            return true;
        if (last >= low)
            return first <= high;
        end = last + 1;
    }
    return false;
}

static bool id_may(struct trace_columns *s, unsigned column, uint32_t id)
{
    return !id || runs_meet(s, column, column, id, id);
}

static bool types_may(struct trace_columns *s, const struct trace_filter *f, uint64_t events)
{
    uint64_t sum = 0, types = 0;
    for (unsigned type = 1; type < 64 && cursor_left(s, SUMMARY_TYPES); type++) {
        uint64_t n = cursor_varint(s, SUMMARY_TYPES);
        sum += n;
        types |= n ? 1ull << type : 0;
    }
    return sum != events || !f->types || types & f->types;
}

static bool sizes_may(struct trace_columns *s, const struct trace_filter *f)
{
    uint64_t least = cursor_varint(s, SUMMARY_SIZES), most = cursor_varint(s, SUMMARY_SIZES);
    return s->bad || (most >= f->least_bytes && (!f->most_bytes || least <= f->most_bytes));
}

static bool addresses_may(struct trace_columns *s, const struct trace_filter *f)
{
    if (!f->high_address)
        return true;
    if (f->low_address >= f->high_address)
        return false;
    return runs_meet(s, SUMMARY_GAPS, SUMMARY_LENGTHS, f->low_address >> ADDRESS_UNIT_BITS,
                     (f->high_address - 1) >> ADDRESS_UNIT_BITS);
}

/* The group's summary into s->columns. */
static bool summary_read(const struct trace *t, struct trace_summaries *s, size_t group)
{
    const char *flaw;
    if (s->read == group + 1)
        return true;
    s->read = 0;
    if (!s->entries[group])
        return false;
    if (map_read_chunk(t->fd, &t->map.entries[s->entries[group]], &s->opener, &s->columns, &flaw)) {
        s->entries[group] = 0;
        return false;
    }
    s->read = group + 1;
    return true;
}

bool trace_group_may(const struct trace *t, size_t group, const struct trace_filter *f)
{
    struct trace_summaries *s = t->summaries;
    const struct trace_group *g = &s->groups[group];
    if (!trace_span_may(f, g->first_event, g->events, g->low_ns, g->high_ns))
        return false;
    bool asked = f->types || f->thread || f->process || f->stack || f->high_address || f->least_bytes || f->most_bytes;
    if (!asked || !summary_read(t, s, group))
        return true;
    struct trace_columns columns = s->columns;
    return types_may(&columns, f, g->events) && sizes_may(&columns, f) && id_may(&columns, SUMMARY_THREADS, f->thread) &&
           id_may(&columns, SUMMARY_PROCESSES, f->process) && id_may(&columns, SUMMARY_STACKS, f->stack) &&
           addresses_may(&columns, f);
}
