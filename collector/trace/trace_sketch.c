/*
 * collector/trace/trace_sketch.c - see trace_sketch.h.
 */
#include "trace/trace_sketch.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

void sketch_init(struct sketch *k, unsigned unit_bits)
{
    *k = (struct sketch){ .unit_bits = unit_bits, .granule_bits = unit_bits };
    memset(k->last, 0xff, sizeof k->last);
}

void sketch_reset(struct sketch *k)
{
    for (size_t i = 0; i < SKETCH_SLOTS; i++)
        if (k->slots[i].region) {
            memset(k->slots[i].words, 0, SKETCH_REGION_WORDS * sizeof(uint64_t));
            k->spare[k->spares++] = k->slots[i].words;
        }
    memset(k->slots, 0, sizeof k->slots);
    memset(k->last, 0xff, sizeof k->last);
    k->regions = k->n_ranges = 0;
    k->granule_bits = k->unit_bits;
}

void sketch_free(struct sketch *k)
{
    sketch_reset(k);
    while (k->spares)
        free(k->spare[--k->spares]);
    free(k->ranges);
}

/* ---- regions ---- */

/* Every two bits as one. */
static uint32_t squeeze(uint64_t w)
{
    w = (w | w >> 1) & 0x5555555555555555u;
    w = (w | w >> 1) & 0x3333333333333333u;
    w = (w | w >> 2) & 0x0f0f0f0f0f0f0f0fu;
    w = (w | w >> 4) & 0x00ff00ff00ff00ffu;
    w = (w | w >> 8) & 0x0000ffff0000ffffu;
    return (uint32_t)(w | w >> 16);
}

static struct sketch_slot *slot_of(struct sketch *k, uint64_t region)
{
    uint32_t at = sketch_slot(region);
    while (k->slots[at].region && k->slots[at].region != region + 1)
        at = (at + 1) % SKETCH_SLOTS;
    return &k->slots[at];
}

static uint64_t *region_make(struct sketch *k, struct sketch_slot *slot, uint64_t region)
{
    slot->region = region + 1;
    slot->words = k->spares ? k->spare[--k->spares] : xcalloc(SKETCH_REGION_WORDS, sizeof(uint64_t));
    k->regions++;
    return slot->words;
}

/* The granule doubles: two regions become one. */
static void coarsen(struct sketch *k)
{
    struct sketch_slot *old = xmalloc(sizeof k->slots);
    memcpy(old, k->slots, sizeof k->slots);
    memset(k->slots, 0, sizeof k->slots);
    k->granule_bits++;
    k->regions = 0;
    for (size_t i = 0; i < SKETCH_SLOTS; i++) {
        if (!old[i].region)
            continue;
        uint64_t region = old[i].region - 1;
        struct sketch_slot *slot = slot_of(k, region / 2);
        uint64_t half[SKETCH_REGION_WORDS / 2];
        for (size_t w = 0; w < SKETCH_REGION_WORDS / 2; w++)
            half[w] = squeeze(old[i].words[2 * w]) | (uint64_t)squeeze(old[i].words[2 * w + 1]) << 32;
        memset(old[i].words, 0, SKETCH_REGION_WORDS * sizeof(uint64_t));
        k->spare[k->spares++] = old[i].words;
        uint64_t *words = slot->region ? slot->words : region_make(k, slot, region / 2);
        for (size_t w = 0; w < SKETCH_REGION_WORDS / 2; w++)
            words[w + (region & 1) * (SKETCH_REGION_WORDS / 2)] |= half[w];
    }
    free(old);
}

/* ---- ranges ---- */

static int range_compare(const void *a, const void *b)
{
    const struct sketch_range *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted, and each behind the one before it, with units between them. */
static void ranges_tidy(struct sketch *k)
{
    size_t n = 0;
    if (k->n_ranges)
        qsort(k->ranges, k->n_ranges, sizeof *k->ranges, range_compare);
    for (size_t i = 0; i < k->n_ranges; i++) {
        struct sketch_range r = k->ranges[i];
        if (n && r.first <= k->ranges[n - 1].last + 1)
            k->ranges[n - 1].last = r.last > k->ranges[n - 1].last ? r.last : k->ranges[n - 1].last;
        else
            k->ranges[n++] = r;
    }
    k->n_ranges = n;
}

/* Closes gaps, small ones first, until half of the room is free. */
static void ranges_thin(struct sketch *k)
{
    ranges_tidy(k);
    for (unsigned bits = 1; k->n_ranges > SKETCH_RANGES / 2; bits++) {
        for (size_t i = 0; i + 1 < k->n_ranges; i++)
            if ((k->ranges[i + 1].first - k->ranges[i].last) >> bits == 0)
                k->ranges[i].last = k->ranges[i + 1].first - 1;
        ranges_tidy(k);
    }
}

static void range_add(struct sketch *k, struct sketch_range r)
{
    struct sketch_range *last = &k->last[(r.first ^ r.last) % SKETCH_LAST];
    if (last->first == r.first && last->last == r.last)
        return;
    *last = r;
    if (!k->ranges)
        k->ranges = xmalloc(SKETCH_RANGES * sizeof *k->ranges);
    if (k->n_ranges == SKETCH_RANGES)
        ranges_thin(k);
    k->ranges[k->n_ranges++] = r;
}

/* ---- adding ---- */

/* [from, to] granules of one region. */
static void region_add(struct sketch *k, uint64_t from, uint64_t to)
{
    uint64_t region = from >> SKETCH_REGION_BITS;
    struct sketch_slot *slot = slot_of(k, region);
    uint64_t *words = slot->region ? slot->words : region_make(k, slot, region);
    size_t w = from >> 6 & (SKETCH_REGION_WORDS - 1), end = to >> 6 & (SKETCH_REGION_WORDS - 1);
    uint64_t low = ~0ull << (from & 63), high = ~0ull >> (63 - (to & 63));
    if (w == end) {
        words[w] |= low & high;
        return;
    }
    words[w] |= low;
    memset(&words[w + 1], 0xff, (end - w - 1) * sizeof *words);
    words[end] |= high;
}

void sketch_add_slow(struct sketch *k, uint64_t first, uint64_t last)
{
    while (k->regions > SKETCH_REGIONS - 2)
        coarsen(k);
    uint64_t from = first >> k->granule_bits, to = last >> k->granule_bits;
    if ((to - from) >> SKETCH_LARGE_BITS) {
        range_add(k, (struct sketch_range){ first >> k->unit_bits, last >> k->unit_bits });
        return;
    }
    uint64_t border = (from | ((1u << SKETCH_REGION_BITS) - 1));
    if (to > border) {
        region_add(k, border + 1, to);
        to = border;
    }
    region_add(k, from, to);
}

/* ---- walking ---- */

static int slot_compare(const void *a, const void *b)
{
    const struct sketch_slot *x = *(const struct sketch_slot *const *)a, *y = *(const struct sketch_slot *const *)b;
    return x->region < y->region ? -1 : 1;
}

/* A run that begins at bit `from` of w->word: its last bit in the region; w goes behind it. */
static uint32_t walk_run(struct sketch_walk *w, const uint64_t *words, unsigned from)
{
    uint64_t zeros = ~w->word >> from;
    unsigned end = zeros ? from + (unsigned)__builtin_ctzll(zeros) : 64;
    while (end == 64 && w->at + 1 < SKETCH_REGION_WORDS) {
        w->word = words[++w->at];
        end = ~w->word ? (unsigned)__builtin_ctzll(~w->word) : 64;
    }
    uint32_t last = w->at * 64 + end - 1;
    w->word &= end == 64 ? 0 : ~0ull << end;
    return last;
}

/* The bitmap's next run into w->next. */
static void walk_bits(struct sketch_walk *w)
{
    unsigned up = w->k->granule_bits - w->k->unit_bits;
    while (w->region < w->k->regions) {
        const struct sketch_slot *slot = w->order[w->region];
        while (!w->word && w->at + 1 < SKETCH_REGION_WORDS)
            w->word = slot->words[++w->at];
        if (w->word) {
            uint64_t base = (slot->region - 1) << SKETCH_REGION_BITS;
            unsigned from = (unsigned)__builtin_ctzll(w->word);
            w->next.first = (base | (w->at * 64 + from)) << up;
            w->next.last = ((base | walk_run(w, slot->words, from)) << up) | ((1ull << up) - 1);
            return;
        }
        w->region++;
        w->at = UINT32_MAX;
    }
    w->next = (struct sketch_range){ 1, 0 };
}

void sketch_walk_begin(struct sketch_walk *w, struct sketch *k)
{
    ranges_tidy(k);
    *w = (struct sketch_walk){ .k = k, .order = xmalloc(SKETCH_REGIONS * sizeof *w->order), .at = UINT32_MAX };
    size_t n = 0;
    for (size_t i = 0; i < SKETCH_SLOTS; i++)
        if (k->slots[i].region)
            w->order[n++] = &k->slots[i];
    if (n)
        qsort(w->order, n, sizeof *w->order, slot_compare);
    walk_bits(w);
}

bool sketch_walk_next(struct sketch_walk *w, struct sketch_range *run)
{
    bool bits = w->next.first <= w->next.last, ranges = w->range < w->k->n_ranges;
    if (bits && (!ranges || w->next.first <= w->k->ranges[w->range].first)) {
        *run = w->next;
        walk_bits(w);
        return true;
    }
    if (ranges)
        *run = w->k->ranges[w->range++];
    return ranges;
}

void sketch_walk_end(struct sketch_walk *w) { free(w->order); }
