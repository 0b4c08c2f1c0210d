/*
 * collector/cli/table_group.c - see table_group.h.
 */
#include "cli/table_group.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"

static uint64_t shown_hash(const json_t *stack, size_t frames, uint64_t hash)
{
    struct shown shown = shown_frames(stack, NULL, frames);
    hash = hash * 31 + shown.count + json_is_array(stack);
    for (size_t i = 0; i < shown.count; i++) {
        char *text = frame_text(json_array_get(stack, shown.index[i]), UINT16_MAX, true);
        hash = XXH3_64bits_withSeed(text, strlen(text), hash);
        free(text);
    }
    return hash;
}

static int by_value(const void *a, const void *b)
{
    const struct site_group *x = a, *y = b;
    return x->value[0] < y->value[0] ? 1 : x->value[0] > y->value[0] ? -1 : 0;
}

struct site_group *site_groups(const json_t *sites, const char *const *stacks, size_t frames, site_values values, size_t *n)
{
    size_t all = json_array_size(sites), slots = 64;
    struct site_group *groups = xcalloc(all + 1, sizeof *groups);
    while (slots < all * 2)
        slots *= 2;
    uint32_t *index = xcalloc(slots, sizeof *index);    /* open addressing: position + 1 */
    *n = 0;
    for (size_t i = 0; i < all; i++) {
        const json_t *site = json_array_get(sites, i);
        uint64_t hash = 0, value[2] = { 0, 0 };
        for (size_t k = 0; stacks[k]; k++)
            hash = shown_hash(get(site, stacks[k]), frames, hash);
        size_t at = hash & (slots - 1);
        while (index[at] && groups[index[at] - 1].hash != hash)
            at = (at + 1) & (slots - 1);
        if (!index[at]) {
            groups[*n] = (struct site_group){ .site = site, .hash = hash };
            index[at] = (uint32_t)++*n;
        }
        struct site_group *g = &groups[index[at] - 1];
        values(site, value);
        g->value[0] += value[0];
        g->value[1] += value[1];
    }
    free(index);
    if (*n)
        qsort(groups, *n, sizeof *groups, by_value);
    return groups;
}
