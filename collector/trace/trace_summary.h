/*
 * collector/trace/trace_summary.h - what is in a group of events, told in a
 * few kilobytes, so that a reader can pass the group over.
 *
 * A group goes from a chunk at which the models start afresh to the next one.
 * While its events are encoded (trace_encode.c), what the models did not
 * foresee is gathered here: what they foresaw was there before, in the same
 * group. So most events cost nothing but their count and, when they gain
 * memory, one bit. Never may a summary say no to what is there.
 *
 * Gathered and packed on the ingest thread; read by trace_summary_read.c.
 */
#ifndef OWNSCOPE_TRACE_SUMMARY_H
#define OWNSCOPE_TRACE_SUMMARY_H

#include "event/event.h"
#include "trace/trace_column.h"
#include "trace/trace_extent.h"
#include "trace/trace_sketch.h"

/* Groups with less events have no summary: they are read as fast. */
enum { SUMMARY_LEAST_EVENTS = 16384 };

struct summary {
    uint64_t counts[EVENT_TYPES];
    uint64_t least_bytes, most_bytes;
    uint64_t runs;              /* of addresses that the next summary may tell */
    struct sketch threads, processes, stacks, addresses;
};

/* `s` is all zero. */
void summary_init(struct summary *s);
void summary_free(struct summary *s);
void summary_reset(struct summary *s);

/* Of every event: */
static inline void summary_count(struct summary *s, const struct event *e) { s->counts[e->type]++; }

/* Of what was not foreseen: a run of events of one thread, a step, a size. */
void summary_run(struct summary *s, const struct event *e);
void summary_step(struct summary *s, const struct event *e);
void summary_size(struct summary *s, uint64_t bytes);

/* A block: trace_extent_of, of an address that is none of 0. */
static inline void summary_block(struct summary *s, uint64_t address, uint64_t bytes)
{
    struct trace_extent x = trace_extent_of(address, bytes);
    sketch_add(&s->addresses, x.first, x.last);
}

/* All that the event names. */
static inline __attribute__((always_inline)) void summary_extents(struct summary *s, const struct event *e)
{
    struct trace_extent of[2];
    trace_extents(e, of);
    for (unsigned i = 0; i < 2; i++)
        if (of[i].first <= of[i].last)
            sketch_add(&s->addresses, of[i].first, of[i].last);
}

/* The same for a type from EVENT_WAIT on; `seen`: its address and its extra0 were told as those of events before. As a
 * number may be seen again as an address, extra0 is put in whatever it is. */
static inline __attribute__((always_inline)) void summary_spots(struct summary *s, const struct event *e, bool seen)
{
    if (!seen && e->address)
        sketch_add(&s->addresses, e->address, e->address);
    if (!seen && e->extra[0])
        sketch_add(&s->addresses, e->extra[0], e->extra[0]);
    if (e->size || e->type == EVENT_COPY)   /* a copy of nothing may have read something */
        summary_extents(s, e);
}

/* The whole chunk, but for its place in the file; `frame` has the group's count and stamps. */
struct trace_column summary_pack(struct summary *s, struct trace_frame frame);

#endif
