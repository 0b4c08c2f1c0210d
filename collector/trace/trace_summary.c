/*
 * collector/trace/trace_summary.c - a group's summary into columns.
 *
 * A set is told as runs: how much lies before each, and how long it is. Where
 * there are more runs than the group's events pay for, the smallest gaps
 * between them are closed, which makes the set larger, never smaller.
 */
#include "trace/trace_summary.h"

enum {
    ADDRESS_UNIT_BITS = 4,
    RUNS_LEAST = 64,            /* so many runs are always told */
    ADDRESS_RUN_EVENTS = 64,    /* events that pay for a run of addresses */
    ID_RUN_EVENTS = 256,        /* for one of threads, processes, stacks */
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

/* The least class of gaps of which there are no more than `most`, with all above it. */
static unsigned gap_least(struct sketch *k, uint64_t most)
{
    uint32_t gaps[GAP_CLASSES] = { 0 };
    struct sketch_walk w;
    struct sketch_range run, last;
    sketch_walk_begin(&w, k);
    bool any = sketch_walk_next(&w, &last);
    while (any && sketch_walk_next(&w, &run)) {
        if (run.first > last.last)
            gaps[gap_class(run.first - last.last - 1)]++;
        last = run.last > last.last ? run : last;
    }
    sketch_walk_end(&w);
    unsigned class = GAP_CLASSES;
    for (uint64_t n = 0; class > 1 && n + gaps[class - 1] <= most; class--)
        n += gaps[class - 1];
    return class;
}

static void run_put(const struct sketch_range *run, uint64_t *end, struct trace_column *gaps, struct trace_column *lengths)
{
    column_varint(gaps, run->first - *end);
    column_varint(lengths, run->last - run->first);
    *end = run->last + 1;
}

/* Gaps and lengths may be one column, in turns. */
static void runs_pack(struct sketch *k, uint64_t most, struct trace_column *gaps, struct trace_column *lengths)
{
    unsigned least = gap_least(k, most);
    struct sketch_walk w;
    struct sketch_range run, open;
    uint64_t end = 0;
    column_reserve(gaps, (size_t)(most + 1) * 20);
    column_reserve(lengths, (size_t)(most + 1) * 20);
    sketch_walk_begin(&w, k);
    bool any = sketch_walk_next(&w, &open);
    while (any && sketch_walk_next(&w, &run)) {
        if (run.first <= open.last || gap_class(run.first - open.last - 1) < least) {
            open.last = run.last > open.last ? run.last : open.last;
        } else {
            run_put(&open, &end, gaps, lengths);
            open = run;
        }
    }
    if (any)
        run_put(&open, &end, gaps, lengths);
    sketch_walk_end(&w);
}

void summary_pack(struct summary *s, uint64_t events, struct trace_column *columns)
{
    uint64_t ids = RUNS_LEAST + events / ID_RUN_EVENTS;
    column_reserve(&columns[SUMMARY_TYPES], EVENT_TYPES * 10);
    for (unsigned type = 1; type < EVENT_TYPES; type++)
        column_varint(&columns[SUMMARY_TYPES], s->counts[type]);
    column_reserve(&columns[SUMMARY_SIZES], 20);
    column_varint(&columns[SUMMARY_SIZES], s->least_bytes);
    column_varint(&columns[SUMMARY_SIZES], s->most_bytes);
    runs_pack(&s->threads, ids, &columns[SUMMARY_THREADS], &columns[SUMMARY_THREADS]);
    runs_pack(&s->processes, ids, &columns[SUMMARY_PROCESSES], &columns[SUMMARY_PROCESSES]);
    runs_pack(&s->stacks, ids, &columns[SUMMARY_STACKS], &columns[SUMMARY_STACKS]);
    runs_pack(&s->addresses, RUNS_LEAST + events / ADDRESS_RUN_EVENTS, &columns[SUMMARY_GAPS], &columns[SUMMARY_LENGTHS]);
}
