/*
 * collector/graph/graph_lock_times.c - see graph_lock_times.h.
 */
#include "graph/graph_lock_times.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { BUCKET_MASK = (1 << TIMES_BUCKET_BITS) - 1, FIRST_SLOTS = 8,
       BUCKETS = (64 - TIMES_SUB_BITS + 1) << TIMES_SUB_BITS };    /* that there are */

static uint64_t *slot_of(uint64_t *slots, uint32_t mask, unsigned bucket)
{
    for (uint32_t i = bucket & mask;; i = (i + 1) & mask)
        if (!slots[i] || (slots[i] & BUCKET_MASK) == bucket + 1)
            return &slots[i];
}

static void times_grow(struct times *t)
{
    uint32_t slots = t->slots ? 2 * (t->mask + 1) : FIRST_SLOTS;
    uint64_t *to = xcalloc(slots, sizeof *to);
    for (uint32_t i = 0; t->slots && i <= t->mask; i++)
        if (t->slots[i])
            *slot_of(to, slots - 1, (unsigned)(t->slots[i] & BUCKET_MASK) - 1) = t->slots[i];
    free(t->slots);
    t->slots = to;
    t->mask = slots - 1;
}

static void times_count(struct times *t, unsigned bucket, uint64_t samples)
{
    if (!t->slots || 4 * (t->used + 1) > 3 * (t->mask + 1))
        times_grow(t);
    uint64_t *slot = slot_of(t->slots, t->mask, bucket);
    if (!*slot) {
        *slot = bucket + 1;
        t->used++;
    }
    *slot += samples << TIMES_BUCKET_BITS;
}

void times_add_slow(struct times *t, unsigned bucket)
{
    if (!t->slots && (!t->count || bucket == times_bucket(t->max_ns)))
        return;
    if (!t->slots)
        times_count(t, times_bucket(t->max_ns), t->count);
    times_count(t, bucket, 1);
}

void times_add_sample(struct times *t, uint64_t ns, unsigned bucket, uint32_t many)
{
    if (!t->slots && t->count && bucket != times_bucket(t->max_ns))
        times_count(t, times_bucket(t->max_ns), t->count);
    if (t->slots)
        times_count(t, bucket, many);
    t->count += many;
    t->total_ns += ns * many;
    t->max_ns = ns > t->max_ns ? ns : t->max_ns;
}

void times_merge(struct times *t, const struct times *other)
{
    if (!other->count)
        return;
    if (t->count && !t->slots)
        times_count(t, times_bucket(t->max_ns), t->count);
    if (!other->slots)
        times_count(t, times_bucket(other->max_ns), other->count);
    for (uint32_t i = 0; other->slots && i <= other->mask; i++)
        if (other->slots[i])
            times_count(t, (unsigned)(other->slots[i] & BUCKET_MASK) - 1, other->slots[i] >> TIMES_BUCKET_BITS);
    t->count += other->count;
    t->total_ns += other->total_ns;
    if (other->max_ns > t->max_ns)
        t->max_ns = other->max_ns;
}

static int compare_slots(const void *a, const void *b)
{
    unsigned x = *(const uint64_t *)a & BUCKET_MASK, y = *(const uint64_t *)b & BUCKET_MASK;
    return (x > y) - (x < y);
}

/* The middle of a bucket. */
static uint64_t bucket_value(unsigned bucket)
{
    unsigned octave = bucket >> TIMES_SUB_BITS, sub = bucket & ((1u << TIMES_SUB_BITS) - 1);
    if (!octave)
        return sub;
    uint64_t low = (uint64_t)((1u << TIMES_SUB_BITS) + sub) << (octave - 1);
    return low + ((uint64_t)1 << (octave - 1)) / 2;
}

uint64_t times_percentile(const struct times *t, uint64_t part, uint64_t whole)
{
    if (!t->count)
        return 0;
    if (!t->slots)   /* one bucket: its mean is nearer than its middle */
        return t->total_ns / t->count;
    uint64_t *sorted = xmalloc(t->used * sizeof *sorted), seen = 0, value = t->max_ns;
    uint32_t n = 0;
    for (uint32_t i = 0; i <= t->mask; i++)
        if (t->slots[i])
            sorted[n++] = t->slots[i];
    qsort(sorted, n, sizeof *sorted, compare_slots);
    uint64_t wanted = (uint64_t)(((unsigned __int128)t->count * part + whole - 1) / whole);
    for (uint32_t i = 0; i < n; i++) {
        seen += sorted[i] >> TIMES_BUCKET_BITS;
        if (seen >= wanted) {
            value = bucket_value((unsigned)(sorted[i] & BUCKET_MASK) - 1);
            break;
        }
    }
    free(sorted);
    return value < t->max_ns ? value : t->max_ns;
}

struct view_times times_view(const struct times *t)
{
    return (struct view_times){ .count = t->count, .total_ns = t->total_ns, .max_ns = t->max_ns,
                                .p50_ns = times_percentile(t, 50, 100), .p99_ns = times_percentile(t, 99, 100) };
}

void times_clear(struct times *t)
{
    free(t->slots);
    *t = (struct times){ 0 };
}

/* ---- checkpoint ---------------------------------------------------------------- */

struct bucket { uint64_t samples; uint16_t bucket; };

static int compare_buckets(const void *a, const void *b)
{
    return (int)((const struct bucket *)a)->bucket - (int)((const struct bucket *)b)->bucket;
}

static void buckets_take(const struct times *t, struct bucket *to)
{
    uint32_t n = 0;
    for (uint32_t i = 0; t->used && i <= t->mask; i++)
        if (t->slots[i])
            to[n++] = (struct bucket){ t->slots[i] >> TIMES_BUCKET_BITS, (uint16_t)((t->slots[i] & BUCKET_MASK) - 1) };
    if (n)
        qsort(to, n, sizeof *to, compare_buckets);
}

/* Into a table that is as full as it may be. */
static void buckets_give(struct archive *a, struct times *t, const struct bucket *from, uint32_t n)
{
    uint32_t slots = FIRST_SLOTS;
    uint64_t samples = 0;
    for (; 4 * n > 3 * slots; slots *= 2)
        ;
    t->slots = archive_room(a, slots, sizeof *t->slots);
    if (!t->slots)
        return;
    t->mask = slots - 1;
    t->used = n;
    for (uint32_t i = 0; i < n; i++) {
        bool fits = from[i].samples && from[i].samples <= t->count && (!i || from[i - 1].bucket < from[i].bucket);
        if (!archive_need(a, fits, "times of a lock make no sense"))
            return;
        *slot_of(t->slots, t->mask, from[i].bucket) = from[i].samples << TIMES_BUCKET_BITS | (from[i].bucket + 1u);
        samples += from[i].samples;
    }
    archive_need(a, samples == t->count, "times of a lock do not add up");
}

void times_archive(struct archive *a, struct times *const *times, size_t n)
{
    uint32_t *used = archive_scratch(a, n, sizeof *used);
    size_t all = 0, at = 0;
    for (size_t i = 0; i < n && !a->reading; i++)
        all += used[i] = times[i]->used;
    archive_column(a, used, sizeof *used, sizeof *used, n);
    archive_column_below(a, used, sizeof *used, sizeof *used, n, BUCKETS + 1);
    for (size_t i = 0; i < n && a->reading && !archive_bad(a); i++)
        all += used[i];
    struct bucket *rows = archive_scratch(a, all, sizeof *rows);
    all = rows ? all : 0;
    for (size_t i = 0; i < n && !a->reading; i++) {
        if (used[i])
            buckets_take(times[i], rows + at);
        at += used[i];
    }
    ARCHIVE_INDEX(a, rows, all, bucket, BUCKETS);
    ARCHIVE_FIELD(a, rows, all, samples);
    for (size_t i = 0; i < n && a->reading && !archive_bad(a); i++) {
        if (used[i])
            buckets_give(a, times[i], rows + at, used[i]);
        at += used[i];
    }
    free(used);
    free(rows);
}
