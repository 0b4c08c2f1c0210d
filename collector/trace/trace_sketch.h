/*
 * collector/trace/trace_sketch.h - a set of addresses (or of serials, or of
 * ids) that says no for sure, and yes with few mistakes.
 *
 * A bitmap of granules, in regions that are made where something was named, so
 * that an address costs a look into a small table and one store. When there
 * are too many regions the granule doubles; large extents are kept as ranges.
 * So its memory is bounded (8 MiB), whatever is put in.
 *
 * Used by trace_summary.c, on the ingest thread. A unit is 1 << unit_bits: what
 * is told of the set is in units.
 */
#ifndef OWNSCOPE_TRACE_SKETCH_H
#define OWNSCOPE_TRACE_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SKETCH_REGION_BITS = 16,    /* granules of a region */
    SKETCH_REGION_WORDS = 1 << (SKETCH_REGION_BITS - 6),
    SKETCH_REGIONS = 1024,      /* at most */
    SKETCH_SLOT_BITS = 11,
    SKETCH_SLOTS = 1 << SKETCH_SLOT_BITS,
    SKETCH_LARGE_BITS = 13,     /* an extent of so many granules is a range */
    SKETCH_RANGES = 8192,       /* at most */
    SKETCH_LAST = 64            /* ranges that need not be kept again */
};

struct sketch_slot {
    uint64_t region;            /* 1 + its number; 0: free */
    uint64_t *words;
};

/* First and last unit. */
struct sketch_range { uint64_t first, last; };

struct sketch {
    unsigned unit_bits, granule_bits;   /* granule_bits >= unit_bits */
    size_t regions;
    struct sketch_slot slots[SKETCH_SLOTS];
    uint64_t *spare[SKETCH_REGIONS];    /* all zero */
    size_t spares;
    struct sketch_range *ranges; size_t n_ranges;
    struct sketch_range last[SKETCH_LAST];
};

void sketch_init(struct sketch *k, unsigned unit_bits);
void sketch_free(struct sketch *k);
/* The empty set. */
void sketch_reset(struct sketch *k);

static inline uint32_t sketch_slot(uint64_t region)
{
    return (uint32_t)((region + 1) * 0x9e3779b97f4a7c15u >> (64 - SKETCH_SLOT_BITS));
}

/* [first, last], in any case. */
void sketch_add_slow(struct sketch *k, uint64_t first, uint64_t last);

/* Puts [first, last] in; mostly in one word of a region that is there. */
static inline void sketch_add(struct sketch *k, uint64_t first, uint64_t last)
{
    uint64_t from = first >> k->granule_bits, to = last >> k->granule_bits, region = from >> SKETCH_REGION_BITS;
    const struct sketch_slot *slot = &k->slots[sketch_slot(region)];
    if (__builtin_expect(slot->region == region + 1 && from >> 6 == to >> 6, 1))
        slot->words[from >> 6 & (SKETCH_REGION_WORDS - 1)] |= ~0ull >> (63 - (to & 63)) & ~0ull << (from & 63);
    else
        sketch_add_slow(k, first, last);
}

/* The set as runs of units, by rising address, none empty. Runs may overlap or touch. */
struct sketch_walk {
    const struct sketch *k;
    const struct sketch_slot **order;   /* regions by number */
    size_t region, range;
    uint32_t at;                        /* word of the region */
    uint64_t word;                      /* what is left of it */
    struct sketch_range next;           /* of the bitmap; first > last: none left */
};
void sketch_walk_begin(struct sketch_walk *w, struct sketch *k);
bool sketch_walk_next(struct sketch_walk *w, struct sketch_range *run);
void sketch_walk_end(struct sketch_walk *w);

#endif
