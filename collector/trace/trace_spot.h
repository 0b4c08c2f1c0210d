/*
 * collector/trace/trace_spot.h - where a lock, a copy's destination or its
 * source lies: the addresses of events from EVENT_WAIT on.
 *
 * Part of the format, as trace_model.h is. A spot is what is known of an
 * address of one step in one thread (its first: the event's address; its
 * second: extra0): where it lay the last times, and how far from what the
 * thread did lately. Each way to guess it has a number; the way that was right
 * the last time is told by 0, another by 1 + its number.
 *
 * Used by trace_encode.c and trace_decode.c, which pass through the same steps.
 */
#ifndef OWNSCOPE_TRACE_SPOT_H
#define OWNSCOPE_TRACE_SPOT_H

#include "trace/trace_column.h"
#include "trace/trace_model.h"

/* How an address is told. */
enum {
    SPOT_SAME,          /* as the last time */
    SPOT_STRIDE,        /* as far from there as that was from the time before */
    SPOT_BEHIND,        /* behind the bytes of the last time */
    SPOT_GAIN,          /* as far from the last gain as the last time */
    SPOT_COPY,          /* as far from the thread's last copy's destination */
    SPOT_COPY_END,      /* behind what that copy wrote */
    SPOT_LOCK,          /* the lock that the thread waits for, or had last */
    SPOT_GUESSES,
    SPOT_INSIDE = SPOT_GUESSES, /* a gain, by its age; as far inside as this spot last lay in the last gain */
    SPOT_START,         /* a gain, by its age */
    SPOT_SLOT,          /* an address seen before, by its hash */
    SPOT_FAR,           /* a turned difference to the last time */
    SPOT_WAYS
};

/* The event's address, or its extra0, into columns; `step` as trace_model.h has
 * it. `finder`: hash of an address -> its last gain, or MODEL_FINDER_GIVE and give.
 * True: an event since the models last started afresh named this very address. */
bool spot_encode(struct trace_model *m, struct trace_column *columns, const uint32_t *finder, const struct event *e,
                 uint64_t step, bool second);
/* The same out of columns, into *e. */
void spot_decode(struct trace_model *m, struct trace_columns *s, struct event *e, uint64_t step, bool second);
/* The extra1 that this step last had in this thread. */
uint64_t *spot_extra1(struct trace_model *m, const struct event *e, uint64_t step);
/* After all of the event is known. */
void spot_learn(struct trace_model *m, const struct event *e);

#endif
