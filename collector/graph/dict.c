/*
 * collector/graph/dict.c - see dict.h.
 */
#include "graph/dict.h"

#include <stdlib.h>

#include "event/xalloc.h"

enum { DICT_FIRST = 16 };

static void dict_grow(struct dict *d)
{
    struct dict old = *d;
    d->capacity = old.capacity ? old.capacity * 2 : DICT_FIRST;
    d->entries = xcalloc(d->capacity, sizeof *d->entries);
    for (uint32_t i = 0; i < old.capacity; i++) {
        if (!old.entries[i].value)
            continue;
        uint32_t to = dict_home(d, old.entries[i].key);
        while (d->entries[to].value)
            to = (to + 1) & (d->capacity - 1);
        d->entries[to] = old.entries[i];
    }
    free(old.entries);
}

void dict_set(struct dict *d, uint64_t key, uint32_t value)
{
    if (3 * ((uint64_t)d->used + 1) > 2 * (uint64_t)d->capacity)
        dict_grow(d);
    uint32_t i = dict_home(d, key);
    while (d->entries[i].value && d->entries[i].key != key)
        i = (i + 1) & (d->capacity - 1);
    d->used += !d->entries[i].value;
    d->entries[i] = (struct dict_entry){ key, value };
}

void dict_remove(struct dict *d, uint64_t key)
{
    if (!d->capacity)
        return;
    uint32_t mask = d->capacity - 1, i = dict_home(d, key);
    while (d->entries[i].value && d->entries[i].key != key)
        i = (i + 1) & mask;
    if (!d->entries[i].value)
        return;
    for (uint32_t j = (i + 1) & mask; d->entries[j].value; j = (j + 1) & mask) {
        uint32_t home = dict_home(d, d->entries[j].key);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            d->entries[i] = d->entries[j];
            i = j;
        }
    }
    d->entries[i].value = 0;
    d->used--;
}

void dict_clear(struct dict *d)
{
    free(d->entries);
    *d = (struct dict){ 0 };
}
