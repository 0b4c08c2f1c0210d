/*
 * collector/graph/graph_blocks.c - pool and tables of blocks; see
 * graph_blocks.h for layout, cost and invariants. Run by the folding thread.
 */
#include "graph/graph_blocks.h"

#include <stdlib.h>

#include "event/xalloc.h"

enum { TABLE_FIRST = 64 };

uint32_t pool_take_slow(struct pool *pool)
{
    if (!pool->next)
        pool->next = 1;
    size_t chunk = pool->next >> POOL_CHUNK_BITS;
    if (chunk == pool->n_chunks) {
        pool->chunks = xgrow(pool->chunks, &pool->chunks_capacity, chunk + 1, sizeof *pool->chunks);
        pool->chunks[chunk] = xcalloc(POOL_CHUNK, sizeof(struct block));
        pool->n_chunks++;
    }
    pool->live++;
    return pool->next++;
}

struct note *pool_note(struct pool *pool, uint32_t place)
{
    struct block *b = pool_at(pool, place);
    if (b->flags & BLOCK_NOTED)
        return &pool->notes[dict_get(&pool->note_of, place)];
    uint32_t at = pool->notes_free;
    if (at) {
        pool->notes_free = pool->notes[at].owner;
    } else {
        at = pool->notes_next ? pool->notes_next : 1;
        pool->notes_next = at + 1;
        pool->notes = xgrow(pool->notes, &pool->notes_capacity, (size_t)at + 1, sizeof *pool->notes);
    }
    pool->notes[at] = (struct note){ .owned_since_ns = b->born_ns, .owner = b->maker };
    dict_set(&pool->note_of, place, at);
    b->flags |= BLOCK_NOTED;
    return &pool->notes[at];
}

void pool_forget_note(struct pool *pool, uint32_t place)
{
    uint32_t at = dict_get(&pool->note_of, place);
    dict_remove(&pool->note_of, place);
    pool->notes[at].owner = pool->notes_free;
    pool->notes_free = at;
    pool_at(pool, place)->flags &= ~BLOCK_NOTED;
}

void pool_clear(struct pool *pool)
{
    for (size_t i = 0; i < pool->n_chunks; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    free(pool->notes);
    dict_clear(&pool->note_of);
    *pool = (struct pool){ 0 };
}

/* By half, not by two: the memory promised a block in graph_blocks.h. Homes
 * rise with the hash, so the old table is read and the new one filled nearly
 * in order. */
void table_grow(struct table *t)
{
    struct table old = *t;
    t->capacity = old.capacity ? old.capacity + old.capacity / 2 : TABLE_FIRST;
    t->slots = xcalloc(t->capacity, sizeof *t->slots);
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (!old.slots[i])
            continue;
        uint32_t to = table_home(t, (uint32_t)old.slots[i]);
        while (t->slots[to])
            to = table_after(t, to);
        t->slots[to] = old.slots[i];
    }
    free(old.slots);
}

/* How far slot i lies behind home, around the end. */
static inline uint32_t distance(const struct table *t, uint32_t home, uint32_t i)
{
    return i >= home ? i - home : i + t->capacity - home;
}

void table_cut(struct table *t, uint32_t slot)
{
    uint32_t hole = slot;
    for (uint32_t i = table_after(t, hole); t->slots[i]; i = table_after(t, i)) {
        uint32_t home = table_home(t, (uint32_t)t->slots[i]);
        if (distance(t, home, i) >= distance(t, hole, i)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = 0;
    t->used--;
}

void table_clear(struct table *t)
{
    free(t->slots);
    *t = (struct table){ 0 };
}
