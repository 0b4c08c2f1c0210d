/*
 * collector/graph/graph_lock_times.h - many durations as count, sum, longest
 * and percentiles.
 *
 * A histogram of buckets that are at most 1/64 of their value wide, so a
 * percentile read from a bucket's middle is within 1% of the sample it stands
 * for. Buckets live in a small open-addressed table that has only those that
 * were used: no memory for the first sample (and its equals), 64 bytes for
 * the next, at most 32 KiB for any stream. A zeroed struct is empty. Run by
 * the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_LOCK_TIMES_H
#define OWNSCOPE_GRAPH_LOCK_TIMES_H

#include <stddef.h>
#include <stdint.h>

#include "event/archive.h"
#include "graph/view.h"

enum { TIMES_BUCKET_BITS = 12, TIMES_SUB_BITS = 6 };

struct times {
    uint64_t count, total_ns, max_ns;
    uint64_t *slots;        /* count << TIMES_BUCKET_BITS | bucket + 1; 0: empty. NULL: all samples are in max_ns's bucket */
    uint32_t used, mask;
};

/* 0 to 63 one by one, then 64 to an octave. */
static inline unsigned times_bucket(uint64_t ns)
{
    if (ns < 1u << TIMES_SUB_BITS)
        return (unsigned)ns;
    unsigned octave = 63u - (unsigned)__builtin_clzll(ns) - TIMES_SUB_BITS;
    return ((octave + 1) << TIMES_SUB_BITS) + (unsigned)(ns >> octave & ((1u << TIMES_SUB_BITS) - 1));
}

/* A first sample, one of another bucket than the first, one whose bucket is not at home. */
void times_add_slow(struct times *t, unsigned bucket);
/* `bucket`: times_bucket(ns), for who adds one time to many. */
static inline void times_add(struct times *t, uint64_t ns, unsigned bucket)
{
    uint64_t *slot = t->slots ? &t->slots[bucket & t->mask] : NULL;
    if (__builtin_expect(slot && (*slot & ((1u << TIMES_BUCKET_BITS) - 1)) == bucket + 1, 1))
        *slot += 1u << TIMES_BUCKET_BITS;
    else
        times_add_slow(t, bucket);
    t->count++;
    t->total_ns += ns;
    if (__builtin_expect(ns > t->max_ns, 0))
        t->max_ns = ns;
}
/* One that stands for `many` (0: for itself). */
void times_add_sample(struct times *t, uint64_t ns, unsigned bucket, uint32_t many);
static inline void times_add_many(struct times *t, uint64_t ns, unsigned bucket, uint32_t many)
{
    if (__builtin_expect(!many, 1))
        times_add(t, ns, bucket);
    else
        times_add_sample(t, ns, bucket, many);
}
/* Adds all of another. */
void times_merge(struct times *t, const struct times *other);

/* The value that `part` of `whole` samples do not pass. */
uint64_t times_percentile(const struct times *t, uint64_t part, uint64_t whole);
struct view_times times_view(const struct times *t);
void times_clear(struct times *t);

/* Buckets of many, whose count and max_ns are known when loading. */
void times_archive(struct archive *a, struct times *const *times, size_t n);

#endif
