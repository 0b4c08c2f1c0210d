/*
 * collector/graph/graph_pool.h - blocks, and where they live.
 *
 * A block is 40 bytes in a pool of chunks (pointers stay valid, freed places
 * are used again); a process finds its heap blocks by address
 * (graph_table.h, at most 16 bytes a block). With the list that a thread keeps
 * of what it owns (graph_custody.c; at most 8 bytes, none for the first thread
 * of an image) a live block costs at most 40 + 16 + 8 = 64 bytes.
 *
 * What few blocks have (an owner that is not the maker, an origin in a fork)
 * stands apart in `notes`.
 *
 * Invariants: id 0 == the place is free; BLOCK_NOTED == notes has an entry.
 * A heap block is in exactly one process's table, or BLOCK_PARKED (between the
 * two halves of a realloc); a mapped one in that process's ranges, or parked.
 */
#ifndef OWNSCOPE_GRAPH_POOL_H
#define OWNSCOPE_GRAPH_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/dict.h"

enum {
    BLOCK_MAP = 1,      /* of a map family */
    BLOCK_CLONE = 2,    /* came to its process by fork: outside of sites, threads and totals (but frees) */
    BLOCK_NOTED = 4,
    BLOCK_PARKED = 8,   /* given up by a realloc that has not ended yet */
    BLOCK_SEEN = 16,    /* used inside one pass over a list, else clear */
    BLOCK_LOCKS = 32,   /* locks lie in it (graph_locks.c) */
    BLOCK_USED = 64,    /* its uses are noted (graph_clocks.c) */
    BLOCK_USABLE = 128  /* the program asked how much of it is usable (graph_copies.c) */
};

struct block {
    uint64_t address;
    uint64_t size;
    uint64_t born_ns;
    uint64_t id : 48, family : 8, flags : 8;
    uint32_t site;      /* place in the graph's sites */
    uint32_t maker : 24; /* place in the graph's threads, 0: unknown */
    uint32_t rate : 8;  /* it is a sample: place in graph_sampling.h's rates; 0: it is not */
};
_Static_assert(sizeof(struct block) == 40, "a block is five words");

enum { POOL_CHUNK_BITS = 12, POOL_CHUNK = 1 << POOL_CHUNK_BITS };

struct note {
    uint64_t owned_since_ns;
    uint64_t cloned_from;
    uint64_t usable;    /* with BLOCK_USABLE: bytes from its start that are the program's; 0: not known */
    uint64_t drawn;     /* of a sample that shrank: the most bytes it had; 0: those it has */
    uint32_t owner;     /* place in the graph's threads, 0: the process */
    uint8_t owned_by;   /* enum owned_by of graph_state.h */
};

struct pool {
    struct block **chunks;
    size_t n_chunks, chunks_capacity;
    uint32_t next;      /* first place never used; place 0 is never given out */
    uint32_t free;      /* list through site, 0: none */
    uint32_t live;
    struct dict note_of;            /* place of a block -> place in notes */
    struct note *notes;
    size_t notes_capacity;
    uint32_t notes_next, notes_free; /* list through owner */
    /* While a checkpoint is made: places by number, numbers by place (graph_archive.h). */
    uint32_t *saved, *number;
    /* And while one is read, too: of all blocks, how many nobody made, are parked, are mapped and not parked. */
    uint32_t unmade, parked, mapped;
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
    pool->free = pool_at(pool, place)->site;
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
    b->site = pool->free;
    pool->free = place;
    pool->live--;
}
void pool_clear(struct pool *pool);
/* Numbers the blocks for a checkpoint, and forgets it. */
void pool_number(struct pool *pool);
void pool_number_end(struct pool *pool);

/* The note of a block, made when it has none (owner: the maker, by New). */
struct note *pool_note(struct pool *pool, uint32_t place);

#endif
