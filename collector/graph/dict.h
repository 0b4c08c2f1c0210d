/*
 * collector/graph/dict.h - a small open-addressed table from a 64-bit key to
 * a non-zero 32-bit value: serials to nodes, pthread_t to threads, stacks to
 * sites, blocks to their side notes.
 *
 * Private to the thread that folds. Linear probing, at most two thirds full,
 * removal by shifting back, so no tombstones pile up. Its memory follows the
 * number of entries, never the size of a key. A zeroed struct is empty.
 */
#ifndef OWNSCOPE_DICT_H
#define OWNSCOPE_DICT_H

#include <stdint.h>

struct dict_entry { uint64_t key; uint32_t value; };   /* value 0: empty */
struct dict {
    struct dict_entry *entries;
    uint32_t capacity;   /* power of two, or 0 */
    uint32_t used;
};

void dict_set(struct dict *d, uint64_t key, uint32_t value);
void dict_remove(struct dict *d, uint64_t key);
void dict_clear(struct dict *d);   /* and frees its memory */

static inline uint32_t dict_home(const struct dict *d, uint64_t key)
{
    key ^= key >> 32;
    return (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & (d->capacity - 1);
}

/* The value of a key, 0 for none. */
static inline uint32_t dict_get(const struct dict *d, uint64_t key)
{
    if (!d->capacity)
        return 0;
    for (uint32_t i = dict_home(d, key);; i = (i + 1) & (d->capacity - 1)) {
        const struct dict_entry *e = &d->entries[i];
        if (!e->value || e->key == key)
            return e->value;
    }
}

#endif
