/*
 * collector/graph/graph_starts.c - see graph_starts.h. Run by the folding
 * thread.
 *
 * Invariants: a region exists == its summary is not 0 == it holds a start;
 * `order` holds at least the keys of all regions unless `stale`.
 */
#include "graph/graph_starts.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/dict.h"

enum { GRANULE_BITS = 3, WORD_BITS = 6, REGION_BITS = GRANULE_BITS + 2 * WORD_BITS };

struct region {
    uint64_t summary;   /* bit w: bits[w] != 0 */
    uint64_t bits[64];
    uint32_t next_free;
};

struct starts {
    struct dict regions;        /* address >> REGION_BITS -> place */
    struct region *pool;        /* place 0 unused */
    size_t pool_capacity;
    uint32_t pool_next, pool_free;
    uint64_t *order;            /* keys, rising; may name regions that are gone */
    size_t n_order, order_capacity;
    bool stale;
};

struct starts *starts_new(void)
{
    struct starts *s = xcalloc(1, sizeof *s);
    s->pool_next = 1;
    return s;
}

void starts_free(struct starts *s)
{
    if (!s)
        return;
    dict_clear(&s->regions);
    free(s->pool);
    free(s->order);
    free(s);
}

static struct region *region_make(struct starts *s, uint64_t key)
{
    uint32_t place = s->pool_free;
    if (place) {
        s->pool_free = s->pool[place].next_free;
    } else {
        place = s->pool_next++;
        s->pool = xgrow(s->pool, &s->pool_capacity, (size_t)place + 1, sizeof *s->pool);
    }
    s->pool[place] = (struct region){ 0 };
    dict_set(&s->regions, key, place);
    s->stale = true;
    return &s->pool[place];
}

void starts_add(struct starts *s, uint64_t address)
{
    if (address & ((1u << GRANULE_BITS) - 1))
        return;
    uint32_t place = dict_get(&s->regions, address >> REGION_BITS);
    struct region *r = place ? &s->pool[place] : region_make(s, address >> REGION_BITS);
    unsigned word = address >> (GRANULE_BITS + WORD_BITS) & 63;
    r->bits[word] |= 1ull << (address >> GRANULE_BITS & 63);
    r->summary |= 1ull << word;
}

void starts_remove(struct starts *s, uint64_t address)
{
    if (address & ((1u << GRANULE_BITS) - 1))
        return;
    uint32_t place = dict_get(&s->regions, address >> REGION_BITS);
    if (!place)
        return;
    struct region *r = &s->pool[place];
    unsigned word = address >> (GRANULE_BITS + WORD_BITS) & 63;
    r->bits[word] &= ~(1ull << (address >> GRANULE_BITS & 63));
    if (r->bits[word])
        return;
    r->summary &= ~(1ull << word);
    if (r->summary)
        return;
    dict_remove(&s->regions, address >> REGION_BITS);
    r->next_free = s->pool_free;
    s->pool_free = place;
}

/* The highest start of a region at or below (word, bit). */
static bool region_below(const struct region *r, uint64_t key, unsigned word, unsigned bit, uint64_t *start)
{
    uint64_t here = r->bits[word] & (~0ull >> (63 - bit));
    if (!here) {
        uint64_t lower = r->summary & ((1ull << word) - 1);
        if (!lower)
            return false;
        word = 63 - (unsigned)__builtin_clzll(lower);
        here = r->bits[word];
    }
    bit = 63 - (unsigned)__builtin_clzll(here);
    *start = key << REGION_BITS | (uint64_t)word << (GRANULE_BITS + WORD_BITS) | (uint64_t)bit << GRANULE_BITS;
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void order_refresh(struct starts *s)
{
    if (!s->stale)
        return;
    s->order = xgrow(s->order, &s->order_capacity, s->regions.used, sizeof *s->order);
    s->n_order = 0;
    for (uint32_t i = 0; i < s->regions.capacity; i++)
        if (s->regions.entries[i].value)
            s->order[s->n_order++] = s->regions.entries[i].key;
    if (s->n_order)
        qsort(s->order, s->n_order, sizeof *s->order, compare_keys);
    s->stale = false;
}

bool starts_below(struct starts *s, uint64_t address, uint64_t *start)
{
    uint64_t key = address >> REGION_BITS;
    uint32_t place = dict_get(&s->regions, key);
    if (place && region_below(&s->pool[place], key, address >> (GRANULE_BITS + WORD_BITS) & 63,
                              address >> GRANULE_BITS & 63, start))
        return true;
    order_refresh(s);
    size_t low = 0, high = s->n_order;   /* the first key not below ours */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->order[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    while (low--) {
        place = dict_get(&s->regions, s->order[low]);
        if (place)
            return region_below(&s->pool[place], s->order[low], 63, 63, start);
    }
    return false;
}
