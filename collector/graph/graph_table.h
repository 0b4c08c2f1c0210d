/*
 * collector/graph/graph_table.h - the heap blocks of one process by address.
 *
 * Open addressing by buckets: eight slots in a cache line, each a block's
 * place in the pool and 32 bits of its address's hash. A block lies in its
 * home bucket or, where that is full, in the next that is not; so one line
 * answers nearly every question, without a branch that cannot be foreseen,
 * and no block is touched but the one that is meant.
 *
 * Load stays between 1/2 and 2/3: 12 to 16 bytes a block.
 *
 * Invariants: place 0 == the slot is empty; all buckets from a block's home to
 * the one before its own are full. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_TABLE_H
#define OWNSCOPE_GRAPH_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "graph/graph_pool.h"

enum { BUCKET_SLOTS = 8 };

struct bucket {
    uint32_t hash[BUCKET_SLOTS];    /* never 0 where there is a block */
    uint32_t place[BUCKET_SLOTS];
};
_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");

struct table {
    struct bucket *buckets;
    uint32_t n_buckets;
    uint32_t used, most;        /* blocks; it grows before there are more */
};

/* The lanes that hold a value, a bit each. */
static inline unsigned bucket_match(const uint32_t lanes[BUCKET_SLOTS], uint32_t value)
{
#if defined(__SSE2__)
    __m128i v = _mm_set1_epi32((int)value);
    __m128i low = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(const void *)lanes), v);
    __m128i high = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)(const void *)(lanes + 4)), v);
    return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(low, high), _mm_setzero_si128()));
#else
    unsigned bits = 0;
    for (unsigned i = 0; i < BUCKET_SLOTS; i++)
        bits |= (unsigned)(lanes[i] == value) << i;
    return bits;
#endif
}

/* A random number of this process: addresses come from traced programs and from
 * files, which must not be able to choose them so that they collide. */
extern uint64_t table_key;
void table_key_make(void);

static inline uint32_t table_hash(uint64_t address)
{
    address ^= table_key;
    address ^= address >> 29;
    return (uint32_t)((address * 0x9e3779b97f4a7c15ull) >> 32) | 1;
}
static inline uint32_t table_home(const struct table *t, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * t->n_buckets >> 32);
}
static inline uint32_t table_after(const struct table *t, uint32_t bucket)
{
    return bucket + 1 == t->n_buckets ? 0 : bucket + 1;
}

/* All slots, for who looks at every block; 0: an empty one. */
static inline uint32_t table_slots(const struct table *t) { return t->n_buckets * BUCKET_SLOTS; }
static inline uint32_t table_place(const struct table *t, uint32_t slot)
{
    return t->buckets[slot / BUCKET_SLOTS].place[slot % BUCKET_SLOTS];
}

void table_grow(struct table *t);
/* Where the address's slot is (*place != 0), or where it may be put (0). The
 * table has room for one more afterwards. */
static inline uint32_t table_probe(struct table *t, const struct pool *pool, uint64_t address, uint32_t *place)
{
    if (t->used == t->most)
        table_grow(t);
    uint32_t hash = table_hash(address);
    for (uint32_t at = table_home(t, hash);; at = table_after(t, at)) {
        const struct bucket *b = &t->buckets[at];
        for (unsigned match = bucket_match(b->hash, hash); match; match &= match - 1) {
            unsigned i = (unsigned)__builtin_ctz(match);
            *place = b->place[i];
            if (pool_at(pool, *place)->address == address)
                return at * BUCKET_SLOTS + i;
        }
        unsigned empty = bucket_match(b->place, 0);
        *place = 0;
        if (empty)
            return at * BUCKET_SLOTS + (unsigned)__builtin_ctz(empty);
    }
}
static inline void table_put(struct table *t, uint32_t slot, uint64_t address, uint32_t place)
{
    struct bucket *b = &t->buckets[slot / BUCKET_SLOTS];
    b->hash[slot % BUCKET_SLOTS] = table_hash(address);
    b->place[slot % BUCKET_SLOTS] = place;
    t->used++;
}

void table_refill(struct table *t, uint32_t bucket);
/* Empties a slot; what had to pass a full bucket comes back to it. */
static inline void table_cut(struct table *t, uint32_t slot)
{
    struct bucket *b = &t->buckets[slot / BUCKET_SLOTS];
    unsigned empty = bucket_match(b->place, 0);
    b->hash[slot % BUCKET_SLOTS] = b->place[slot % BUCKET_SLOTS] = 0;
    t->used--;
    if (__builtin_expect(!empty, 0))
        table_refill(t, slot / BUCKET_SLOTS);
}

/* An empty one for so many blocks. */
void table_make(struct table *t, uint32_t blocks);
/* Makes *copy a table of the same blocks in the same slots. */
void table_copy(struct table *copy, const struct table *t);
/* Keeps the blocks whose places `keep` confirms, in a table of their size. */
void table_filter(struct table *t, bool (*keep)(void *context, uint32_t place), void *context);
void table_clear(struct table *t);

#endif
