/*
 * collector/graph/graph_blocks.h - blocks, and where they live.
 *
 * A block is 40 bytes in a pool of chunks (pointers stay valid, freed places
 * are used again). A process finds its heap blocks by address in a private
 * open-addressed table of 8-byte slots: place in the pool, and 32 bits of the
 * address's hash, so that probing, growing and removing touch no block but the
 * one that is meant. Load stays between 1/2 and 3/4: 11 to 16 bytes a block.
 * With the list that a thread keeps of what it owns (graph_custody.c; at most
 * 8 bytes, none for a process's first thread) a live block costs at most
 * 40 + 16 + 8 = 64 bytes.
 *
 * What few blocks have (an owner that is not the maker, an origin in a fork)
 * stands apart in `notes`.
 *
 * Invariants: id 0 == the place is free; BLOCK_NOTED == notes has an entry.
 * A heap block is in exactly one process's table, or BLOCK_PARKED (between the
 * two halves of a realloc); a mapped one in that process's ranges, or parked.
 */
#ifndef OWNSCOPE_GRAPH_BLOCKS_H
#define OWNSCOPE_GRAPH_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/dict.h"

enum {
    BLOCK_MAP = 1,      /* of a map family */
    BLOCK_CLONE = 2,    /* came to its process by fork: outside of sites, threads and totals (but frees) */
    BLOCK_NOTED = 4,
    BLOCK_PARKED = 8,   /* given up by a realloc that has not ended yet */
    BLOCK_SEEN = 16     /* used inside one pass over a list, else clear */
};

struct block {
    uint64_t address;
    uint64_t size;
    uint64_t born_ns;
    uint64_t id : 48, family : 8, flags : 8;
    uint32_t site;      /* place in the graph's sites */
    uint32_t maker;     /* place in the graph's threads, 0: unknown */
};
_Static_assert(sizeof(struct block) == 40, "a block is five words");

enum { POOL_CHUNK_BITS = 12, POOL_CHUNK = 1 << POOL_CHUNK_BITS };

struct note {
    uint64_t owned_since_ns;
    uint64_t cloned_from;
    uint32_t owner;     /* place in the graph's threads, 0: the process */
    uint8_t owned_by;   /* enum owned_by of graph_state.h */
};

struct pool {
    struct block **chunks;
    size_t n_chunks, chunks_capacity;
    uint32_t next;      /* first place never used; place 0 is never given out */
    uint32_t free;      /* list through maker, 0: none */
    uint32_t live;
    struct dict note_of;            /* place of a block -> place in notes */
    struct note *notes;
    size_t notes_capacity;
    uint32_t notes_next, notes_free; /* list through owner */
};

/* Heap blocks of one process by address. */
struct table {
    uint64_t *slots;    /* place << 32 | hash, 0: empty */
    uint32_t capacity;
    uint32_t used;
};

static inline struct block *pool_at(const struct pool *pool, uint32_t place)
{
    return &pool->chunks[place >> POOL_CHUNK_BITS][place & (POOL_CHUNK - 1)];
}

uint32_t pool_take_slow(struct pool *pool);
/* A free place; its block is to be filled by the caller, id first of all. */
static inline uint32_t pool_take(struct pool *pool)
{
    uint32_t place = pool->free;
    if (!place)
        return pool_take_slow(pool);
    pool->free = pool_at(pool, place)->maker;
    pool->live++;
    return place;
}
void pool_forget_note(struct pool *pool, uint32_t place);
static inline void pool_give(struct pool *pool, uint32_t place)
{
    struct block *b = pool_at(pool, place);
    if (b->flags & BLOCK_NOTED)
        pool_forget_note(pool, place);
    b->id = 0;
    b->maker = pool->free;
    pool->free = place;
    pool->live--;
}
void pool_clear(struct pool *pool);

/* The note of a block, made when it has none (owner: the maker, by New). */
struct note *pool_note(struct pool *pool, uint32_t place);

static inline uint32_t table_hash(uint64_t address)
{
    address ^= address >> 29;
    return (uint32_t)((address * 0x9e3779b97f4a7c15ull) >> 32);
}
static inline uint32_t table_home(const struct table *t, uint32_t hash)
{
    return (uint32_t)((uint64_t)hash * t->capacity >> 32);
}
static inline uint32_t table_after(const struct table *t, uint32_t i)
{
    return i + 1 == t->capacity ? 0 : i + 1;
}

void table_grow(struct table *t);
/* Where the address's slot is (*place != 0), or where it may be put (0). The
 * table has room for one more afterwards. */
static inline uint32_t table_probe(struct table *t, const struct pool *pool, uint64_t address, uint32_t *place)
{
    if (4 * ((uint64_t)t->used + 1) > 3 * (uint64_t)t->capacity)
        table_grow(t);
    uint32_t hash = table_hash(address);
    for (uint32_t i = table_home(t, hash);; i = table_after(t, i)) {
        uint64_t slot = t->slots[i];
        *place = (uint32_t)(slot >> 32);
        if (!slot || ((uint32_t)slot == hash && pool_at(pool, *place)->address == address))
            return i;
    }
}
static inline void table_put(struct table *t, uint32_t slot, uint64_t address, uint32_t place)
{
    t->slots[slot] = (uint64_t)place << 32 | table_hash(address);
    t->used++;
}
/* Empties slot i and shifts back what was pushed behind it. */
void table_cut(struct table *t, uint32_t slot);
void table_clear(struct table *t);

#endif
