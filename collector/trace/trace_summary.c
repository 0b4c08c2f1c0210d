/*
 * collector/trace/trace_summary.c - a group's summary as a chunk.
 *
 * A set is told as runs: how much lies before each, and how long it is. Where
 * they take more bytes than the group's events pay for, the smallest gaps
 * between them are closed, which makes the set larger, never smaller.
 */
#include "trace/trace_summary.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "trace/trace_chunk.h"

enum {
    ADDRESS_UNIT_BITS = 4,
    BYTE_EVENTS = 32,           /* events that pay for a byte of a summary */
    SUMMARY_LEAST_BYTES = 256,
    RUNS_LEAST = 64,            /* so many runs are always told */
    ADDRESS_RUN_EVENTS = 16,    /* events that pay for a run of addresses, if it is short */
    ID_RUN_EVENTS = 256,        /* for one of threads, processes, stacks */
    RUNS_MOST = 1 << 18,        /* gathered at a time */
    GAP_EXACT = 64,
    GAP_CLASSES = GAP_EXACT + 58 * 8
};

void summary_init(struct summary *s)
{
    sketch_init(&s->threads, 0);
    sketch_init(&s->processes, 0);
    sketch_init(&s->stacks, 0);
    sketch_init(&s->addresses, ADDRESS_UNIT_BITS);
    summary_reset(s);
}

void summary_free(struct summary *s)
{
    sketch_free(&s->threads);
    sketch_free(&s->processes);
    sketch_free(&s->stacks);
    sketch_free(&s->addresses);
}

void summary_reset(struct summary *s)
{
    memset(s->counts, 0, sizeof s->counts);
    s->least_bytes = UINT64_MAX;
    s->most_bytes = 0;
    sketch_reset(&s->threads);
    sketch_reset(&s->processes);
    sketch_reset(&s->stacks);
    sketch_reset(&s->addresses);
}

void summary_run(struct summary *s, const struct event *e)
{
    sketch_add(&s->threads, e->thread, e->thread);
    sketch_add(&s->processes, e->process, e->process);
}

void summary_size(struct summary *s, uint64_t bytes)
{
    s->least_bytes = bytes < s->least_bytes ? bytes : s->least_bytes;
    s->most_bytes = bytes > s->most_bytes ? bytes : s->most_bytes;
}

/* Its size is gathered with the field, but none is no field. */
void summary_step(struct summary *s, const struct event *e)
{
    sketch_add(&s->stacks, e->stack, e->stack);
    if (!e->size)
        summary_size(s, 0);
}

/* Gaps by size: exact below 64, then eight classes an octave. */
static unsigned gap_class(uint64_t gap)
{
    if (gap < GAP_EXACT)
        return (unsigned)gap;
    unsigned octave = 63 - (unsigned)__builtin_clzll(gap);
    return GAP_EXACT + (octave - 6) * 8 + (unsigned)(gap >> (octave - 3) & 7);
}

/* A set's runs, by rising number, with units between them. */
struct runs {
    struct sketch_range *list;
    size_t n, capacity;
};

/* The least class of gaps of which there are no more than `most`, with all above it. */
static unsigned gap_least(const struct runs *r, uint64_t most)
{
    uint32_t gaps[GAP_CLASSES] = { 0 };
    unsigned class = GAP_CLASSES;
    for (size_t i = 1; i < r->n; i++)
        gaps[gap_class(r->list[i].first - r->list[i - 1].last - 1)]++;
    for (uint64_t n = 0; class > 1 && n + gaps[class - 1] <= most; class--)
        n += gaps[class - 1];
    return class;
}

/* One behind the others, or into the last of them when the gap's class is below `least`. */
static void runs_add(struct runs *r, struct sketch_range run, unsigned least)
{
    struct sketch_range *last = r->n ? &r->list[r->n - 1] : NULL;
    if (last && (run.first <= last->last || gap_class(run.first - last->last - 1) < least))
        last->last = run.last > last->last ? run.last : last->last;
    else
        r->list[r->n++] = run;
}

/* Closes gaps, small ones first, until there are no more than `most` and one. */
static unsigned runs_thin(struct runs *r, uint64_t most)
{
    size_t n = r->n;
    if (n <= most)
        return 1;
    unsigned least = gap_least(r, most);
    r->n = 0;
    for (size_t i = 0; i < n; i++)
        runs_add(r, r->list[i], least);
    return least;
}

static void runs_gather(struct runs *r, struct sketch *k)
{
    struct sketch_walk w;
    struct sketch_range run;
    unsigned least = 1;
    sketch_walk_begin(&w, k);
    while (sketch_walk_next(&w, &run)) {
        if (r->n == RUNS_MOST) {
            unsigned closed = runs_thin(r, RUNS_MOST / 2);
            least = closed > least ? closed : least;
        }
        r->list = xgrow(r->list, &r->capacity, r->n + 1, sizeof *r->list);
        runs_add(r, run, least);
    }
    sketch_walk_end(&w);
}

/* Gaps and lengths may be one column, in turns. */
static void runs_pack(const struct runs *r, struct trace_column *gaps, struct trace_column *lengths)
{
    uint64_t end = 0;
    column_reserve(gaps, r->n * 20);
    column_reserve(lengths, r->n * 20);
    for (size_t i = 0; i < r->n; i++) {
        column_varint(gaps, r->list[i].first - end);
        column_varint(lengths, r->list[i].last - r->list[i].first);
        end = r->list[i].last + 1;
    }
}

static void ids_pack(struct sketch *k, uint64_t most, struct trace_column *column)
{
    struct runs r = { 0 };
    runs_gather(&r, k);
    runs_thin(&r, most);
    runs_pack(&r, column, column);
    free(r.list);
}

static void sets_pack(struct summary *s, uint64_t events, struct trace_column *columns)
{
    uint64_t ids = RUNS_LEAST + events / ID_RUN_EVENTS;
    column_reserve(&columns[SUMMARY_TYPES], EVENT_TYPES * 10);
    for (unsigned type = 1; type < EVENT_TYPES; type++)
        column_varint(&columns[SUMMARY_TYPES], s->counts[type]);
    column_reserve(&columns[SUMMARY_SIZES], 20);
    column_varint(&columns[SUMMARY_SIZES], s->least_bytes);
    column_varint(&columns[SUMMARY_SIZES], s->most_bytes);
    ids_pack(&s->threads, ids, &columns[SUMMARY_THREADS]);
    ids_pack(&s->processes, ids, &columns[SUMMARY_PROCESSES]);
    ids_pack(&s->stacks, ids, &columns[SUMMARY_STACKS]);
}

/* How well runs compress shows when they are; the next group is likely to be as this one. */
struct trace_column summary_pack(struct summary *s, struct trace_frame frame)
{
    struct trace_column columns[SUMMARY_LENGTHS + 1] = { { 0 } };
    struct chunk_builder b = { 0 };
    uint64_t most = RUNS_LEAST + frame.count / ADDRESS_RUN_EVENTS, bytes = SUMMARY_LEAST_BYTES + frame.count / BYTE_EVENTS;
    if (s->runs && s->runs < most)
        most = s->runs;
    struct runs r = { 0 };
    sets_pack(s, frame.count, columns);
    runs_gather(&r, &s->addresses);
    for (;;) {
        runs_thin(&r, most);
        columns[SUMMARY_GAPS].bytes = columns[SUMMARY_LENGTHS].bytes = 0;
        runs_pack(&r, &columns[SUMMARY_GAPS], &columns[SUMMARY_LENGTHS]);
        chunk_begin(&b);
        for (unsigned id = 1; id <= SUMMARY_LENGTHS; id++)
            chunk_column(&b, id, columns[id].data, columns[id].bytes, CHUNK_PATTERNS);
        if (b.out.bytes <= bytes || most <= RUNS_LEAST)
            break;
        most = most * bytes / b.out.bytes * 15 / 16;
    }
    s->runs = 2 * most;
    free(r.list);
    frame.type = TRACE_CHUNK_SUMMARY;
    chunk_finish(&b, &frame);
    for (unsigned id = 1; id <= SUMMARY_LENGTHS; id++)
        column_free(&columns[id]);
    struct trace_column chunk = b.out;
    b.out = (struct trace_column){ 0 };
    chunk_builder_free(&b);
    return chunk;
}
