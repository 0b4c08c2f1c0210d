/*
 * collector/graph/graph_table.c - see graph_table.h.
 */
#include "graph/graph_table.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { BUCKETS_FIRST = 8 };

static void table_begin(struct table *t, uint32_t n_buckets)
{
    size_t bytes = n_buckets * sizeof *t->buckets;
    *t = (struct table){ .buckets = xmalloc_lines(bytes), .n_buckets = n_buckets,
                         .most = n_buckets * (BUCKET_SLOTS / 4 * 3) };
    memset(t->buckets, 0, bytes);
}

/* What is known not to be in it. */
static void table_add(struct table *t, uint32_t hash, uint32_t place)
{
    uint32_t at = table_home(t, hash);
    unsigned empty;
    while (!(empty = bucket_match(t->buckets[at].place, 0)))
        at = table_after(t, at);
    unsigned i = (unsigned)__builtin_ctz(empty);
    t->buckets[at].hash[i] = hash;
    t->buckets[at].place[i] = place;
    t->used++;
}

static void table_add_all(struct table *t, const struct table *from)
{
    for (uint32_t slot = 0; slot < table_slots(from); slot++)
        if (table_place(from, slot))
            table_add(t, from->buckets[slot / BUCKET_SLOTS].hash[slot % BUCKET_SLOTS], table_place(from, slot));
}

/* By half, not by two: the memory promised a block in graph_pool.h. Homes rise
 * with the hash, so the old table is read and the new one filled nearly in
 * order. */
void table_grow(struct table *t)
{
    struct table old = *t;
    table_begin(t, old.n_buckets ? old.n_buckets + old.n_buckets / 2 : BUCKETS_FIRST);
    table_add_all(t, &old);
    table_clear(&old);
}

/* The slots of bucket `at` whose blocks had to pass bucket `hole`, a bit each. */
static unsigned table_passers(const struct table *t, uint32_t at, uint32_t hole)
{
    const struct bucket *b = &t->buckets[at];
    uint32_t way = at - hole + (at < hole ? t->n_buckets : 0);
    unsigned bits = 0;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
        uint32_t home = table_home(t, b->hash[i]);
        bits |= (unsigned)(at - home + (at < home ? t->n_buckets : 0) >= way) << i;
    }
    return bits & ~bucket_match(b->place, 0);
}

/* A bucket that was full has room: the invariant is put right. */
void table_refill(struct table *t, uint32_t bucket)
{
    uint32_t hole = bucket;
    for (uint32_t at = table_after(t, hole); at != hole; at = table_after(t, at)) {
        struct bucket *b = &t->buckets[at], *to = &t->buckets[hole];
        unsigned passers = table_passers(t, at, hole);
        bool full = !bucket_match(b->place, 0);
        if (passers) {
            unsigned i = (unsigned)__builtin_ctz(passers), into = (unsigned)__builtin_ctz(bucket_match(to->place, 0));
            to->hash[into] = b->hash[i];
            to->place[into] = b->place[i];
            b->hash[i] = b->place[i] = 0;
            hole = at;
        }
        if (!full)
            return;
    }
}

void table_copy(struct table *copy, const struct table *t)
{
    *copy = (struct table){ 0 };
    if (!t->n_buckets)
        return;
    table_begin(copy, t->n_buckets);
    memcpy(copy->buckets, t->buckets, t->n_buckets * sizeof *t->buckets);
    copy->used = t->used;
}

void table_filter(struct table *t, bool (*keep)(void *context, uint32_t place), void *context)
{
    struct table old = *t;
    *t = (struct table){ 0 };
    for (uint32_t slot = 0; slot < table_slots(&old); slot++) {
        uint32_t place = table_place(&old, slot);
        if (place && keep(context, place))
            t->used++;
        else
            old.buckets[slot / BUCKET_SLOTS].place[slot % BUCKET_SLOTS] = 0;
    }
    uint32_t kept = t->used, n = BUCKETS_FIRST;
    while (n * (uint64_t)(BUCKET_SLOTS / 4 * 3) < kept)
        n += n / 2;
    if (kept) {
        table_begin(t, n);
        table_add_all(t, &old);
    }
    table_clear(&old);
}

void table_clear(struct table *t)
{
    free(t->buckets);
    *t = (struct table){ 0 };
}
