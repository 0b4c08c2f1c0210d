/*
 * collector/graph/graph_pool.c - see graph_pool.h for layout, cost and
 * invariants. Run by the folding thread.
 */
#include "graph/graph_pool.h"

#include <stdlib.h>

#include "event/xalloc.h"

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
    pool_number_end(pool);
    for (size_t i = 0; i < pool->n_chunks; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    free(pool->notes);
    dict_clear(&pool->note_of);
    *pool = (struct pool){ 0 };
}
