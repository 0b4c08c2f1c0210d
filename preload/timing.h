/*
 * preload/timing.h - what a record costs while events are filtered, told in the
 * thread's home page for the collector's budget (struct wire_home).
 *
 * One in WIRE_TIMED_EACH is timed: from where the policy is asked to the record's own stamp, which is taken when all
 * but a few stores is done. That stamp is read where it stands, in the ring, when the thread comes by again: so
 * what is recorded without a filter, and the way of a record itself, are left as they are. Records that were
 * interrupted (WIRE_TIMED_MOST_STAMPS) are left out. Runs in the traced thread, within a record.
 */
#ifndef PRELOAD_TIMING_H
#define PRELOAD_TIMING_H

#include "preload/rules.h"

static inline void timing_add(struct context *c, uint64_t from, uint64_t to)
{
    struct wire_home *home = rules_home(c);
    if (to - from > WIRE_TIMED_MOST_STAMPS) /* backwards is far */
        return;
    count_up(&home->timed_stamps, to - from);
    count_up(&home->timed, 1);
}

/* The record before, if that was timed and still stands where it was made. */
static inline void timing_settle(struct context *c)
{
    struct rules_own *own = rules_own(c);
    const struct ring_writer *w = &c->writer;
    const uint8_t *at = own->timed_at;
    own->timed_at = NULL;
    if (at >= w->data && at + sizeof(struct wire_record) <= w->to && w->to <= w->data + w->size_bytes)
        timing_add(c, own->timed_from, *(const uint64_t *)at);
}

/* An event may be recorded. When it began; 0: it is not timed. */
static inline uint64_t timing_begin(struct context *c)
{
    struct wire_home *home = rules_home(c);
    uint64_t tries = load_relaxed(&home->tries);
    if (unlikely(rules_own(c)->timed_at != NULL))
        timing_settle(c);
    store_relaxed(&home->tries, tries + 1);
    return unlikely(tries % WIRE_TIMED_EACH == 0) ? wire_clock_stamp(process.clock) : 0;
}

/* It was asked whether it is recorded. */
static inline void timing_end(struct context *c, uint64_t from, bool wanted)
{
    struct rules_own *own = rules_own(c);
    if (likely(!from))
        return;
    own->timed_from = from;
    own->timed_at = wanted ? c->writer.to : NULL;
    if (!wanted)
        timing_add(c, from, wire_clock_stamp(process.clock));
}

#endif
