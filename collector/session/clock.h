/*
 * collector/session/clock.h - from stamps to nanoseconds since the start.
 *
 * The counter's rate is estimated when the session starts (about 0.2 ms) and
 * refined against CLOCK_MONOTONIC as time goes by. The map is piecewise
 * linear, continuous and rising: a correction is spread over the stretch to
 * come. Stamps from before the last correction keep the map they had. Ingest
 * thread.
 */
#ifndef OWNSCOPE_SESSION_CLOCK_H
#define OWNSCOPE_SESSION_CLOCK_H

#include <stdint.h>

#include "event/event.h"
#include "wire/clock.h"

struct clock_sample { uint64_t stamp, mono_ns; };
struct clock_line { uint64_t stamp, ns, rate; };  /* rate: ns a stamp, 32.32 fixed */

struct clock {
    uint32_t kind;              /* enum wire_clock */
    uint64_t start_stamp, start_mono_ns;
    struct clock_line now, before;
    uint64_t refine_mono_ns;    /* when to refine next */
};

/* COUNTER where the kernel itself keeps time by it, else MONOTONIC. */
uint32_t clock_choose(int strict_order);
/* A pair read as closely as can be. */
struct clock_sample clock_sample(uint32_t kind);
/* Stamps a second, from a sample taken before; waits until 0.2 ms have passed. */
uint64_t clock_estimate_hz(uint32_t kind, const struct clock_sample *since);
/* The map of a session that started at start_*; goes on with it when it is old. */
void clock_begin(struct clock *c, uint32_t kind, uint64_t hz, uint64_t start_stamp, uint64_t start_mono_ns);
/* Corrects the map by a new sample, when it is time. Call it once a round. */
void clock_refine(struct clock *c);
/* The same with a given sample (tests). */
void clock_correct(struct clock *c, const struct clock_sample *sample);

static inline uint64_t clock_scale(uint64_t stamps, uint64_t rate)
{
    return (uint64_t)((unsigned __int128)stamps * rate >> 32);
}

/* Nanoseconds since the start; 0 for stamps before it. */
static inline uint64_t clock_ns(const struct clock *c, uint64_t stamp)
{
    const struct clock_line *l = stamp >= c->now.stamp ? &c->now : &c->before;
    uint64_t back;
    if (__builtin_expect(stamp >= l->stamp, 1))
        return l->ns + clock_scale(stamp - l->stamp, l->rate);
    back = clock_scale(l->stamp - stamp, l->rate);
    return back < l->ns ? l->ns - back : 0;
}

/* The same in steps of EVENT_TICK_NS: what events carry. */
static inline uint64_t clock_event_ns(const struct clock *c, uint64_t stamp)
{
    return clock_ns(c, stamp) & ~(uint64_t)(EVENT_TICK_NS - 1);
}

#endif
