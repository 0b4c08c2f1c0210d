/*
 * preload/sample.h - which events a sample has.
 *
 * Memory, by bytes: a Poisson process runs through the bytes that a thread asks for,
 * with a mean of `mean` from one point to the next, and a block is drawn when a point
 * falls in it: a block of s bytes with probability 1 - exp(-s / mean), exactly. The
 * thread keeps the count of bytes to the next point. A count that was not reached
 * goes on, since the process has no memory; one that was is drawn anew behind the
 * block, whose further points are thereby one; whoever changes the mean draws anew.
 * Locks and copies are drawn by the event, from the same kind of count: so the many that
 * are not drawn cost a step down each, and no number at random.
 *
 * Pure: state is the caller's.
 */
#ifndef PRELOAD_SAMPLE_H
#define PRELOAD_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/atomic.h"

/* 64 bits at random. Any state is a good one, not the same in two threads. */
static inline uint64_t sample_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Bytes to the next point, 1 and more. */
uint64_t sample_next(uint64_t *state, uint64_t mean);
/* -ln(x) of an x above 0; here, for the shim links no libm. */
double sample_minus_ln(double x);

/* Whether a block of so many bytes is drawn. *left: bytes to the next point, 0: not drawn yet. */
static inline bool sample_draws(uint64_t *state, uint64_t *left, uint64_t mean, uint64_t bytes)
{
    if (!mean)
        return true;
    if (unlikely(!*left))
        *left = sample_next(state, mean);
    bytes += !bytes; /* a block of no bytes counts as one of 1 */
    if (likely(bytes < *left)) {
        *left -= bytes;
        return false;
    }
    *left = sample_next(state, mean);
    return true;
}

/* Events to the next that is drawn, 1 and more, where each is by itself with a chance of one in `every` (2 and more). */
uint64_t sample_next_event(uint64_t *state, uint32_t every);

/* One in `every`, each by itself. *left: events to the next, 0: not drawn yet. */
static inline bool sample_one_in(uint64_t *state, uint64_t *left, uint32_t every)
{
    if (every <= 1)
        return true;
    if (!*left)
        *left = sample_next_event(state, every);
    return --*left == 0;
}

#endif
