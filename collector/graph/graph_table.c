/*
 * collector/graph/graph_table.c - see graph_table.h.
 */
#include "graph/graph_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "event/xalloc.h"

enum { BUCKETS_FIRST = 8 };

uint64_t table_key;

void table_key_make(void)
{
    if (!table_key && getrandom(&table_key, sizeof table_key, GRND_NONBLOCK) != sizeof table_key)
        table_key = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
}

/* Two thirds full. */
static uint64_t table_most(uint32_t n_buckets) { return (uint64_t)n_buckets * BUCKET_SLOTS * 2 / 3; }
static uint32_t table_larger(uint32_t n_buckets) { return n_buckets + n_buckets / 3; }

static void table_begin(struct table *t, uint32_t n_buckets)
{
    size_t bytes = n_buckets * sizeof *t->buckets;
    *t = (struct table){ .buckets = xmalloc_lines(bytes), .n_buckets = n_buckets,
                         .most = (uint32_t)table_most(n_buckets) };
    memset(t->buckets, 0, bytes);
}

/* Fills an empty table. Homes rise with the hash, so the old one is read and
 * this one filled nearly in order: what the last bucket holds is known without
 * a look at it. */
static void table_add_all(struct table *t, const struct table *from)
{
    uint32_t last = 0;
    unsigned filled = 0;
    for (uint32_t i = 0; i < from->n_buckets; i++) {
        const struct bucket *b = &from->buckets[i];
        for (unsigned full = 255 & ~bucket_match(b->place, 0); full; full &= full - 1) {
            unsigned slot = (unsigned)__builtin_ctz(full);
            uint32_t at = table_home(t, b->hash[slot]);
            while (at != last || filled == BUCKET_SLOTS) {
                filled = (unsigned)__builtin_ctz(bucket_match(t->buckets[at].place, 0) | 1u << BUCKET_SLOTS);
                last = at;
                if (filled == BUCKET_SLOTS)
                    at = table_after(t, at);
            }
            t->buckets[at].hash[filled] = b->hash[slot];
            t->buckets[at].place[filled++] = b->place[slot];
        }
    }
    t->used = from->used;
}

/* By a third, not by two: the memory promised a block in graph_pool.h. */
void table_grow(struct table *t)
{
    struct table old = *t;
    table_begin(t, old.n_buckets ? table_larger(old.n_buckets) : BUCKETS_FIRST);
    table_add_all(t, &old);
    table_clear(&old);
}

/* Of so many blocks: a table that need not grow for them. */
static uint32_t table_buckets(uint64_t blocks)
{
    uint32_t n = BUCKETS_FIRST;
    while (table_most(n) < blocks)
        n = table_larger(n);
    return n;
}

void table_make(struct table *t, uint32_t blocks) { table_begin(t, table_buckets(blocks)); }

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
        uint32_t *place = &old.buckets[slot / BUCKET_SLOTS].place[slot % BUCKET_SLOTS];
        if (*place && !keep(context, *place)) {
            *place = 0;
            old.used--;
        }
    }
    if (old.used) {
        table_make(t, old.used);
        table_add_all(t, &old);
    }
    table_clear(&old);
}

void table_clear(struct table *t)
{
    free(t->buckets);
    *t = (struct table){ 0 };
}
