/*
 * collector/graph/graph_starts.h - which heap block does an address inside of
 * one belong to, and did one ever lie there?
 *
 * Asked of arguments and results of threads and of copies. So a process has
 * this index from its first such question on (NULL before: New and Drop of a
 * program that never asks pay one predictable branch), built then from its
 * table and kept up to date after.
 *
 * One bit for each 8 bytes at which a block starts, in regions of 32 KiB, these
 * in zones of 4 MiB that are found by a small direct-mapped cache: New and Drop
 * write two words. Blocks of 128 KiB and more lie apart, by their ranges; so a
 * block that holds an address starts in its region or in one of the four
 * below. A region in which a block lay once stays: most addresses that no block
 * holds (stacks, static memory) lie in none, and are told from that alone.
 *
 * What does not start at a multiple of 8, or lies past the bounds, is found by
 * its start alone (starts_loose). Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_STARTS_H
#define OWNSCOPE_GRAPH_STARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/dict.h"
#include "graph/graph_ranges.h"

enum {
    STARTS_GRANULE = 8, REGION_BITS = 15, REGION_WORDS = 64, ZONE_REGION_BITS = 7,
    STARTS_ZONE_BITS = REGION_BITS + ZONE_REGION_BITS,
    STARTS_NEAR = 64,
    STARTS_LARGE = 128 << 10
};

struct region {
    uint64_t summary;       /* bit w: bits[w] != 0 */
    uint64_t *bits;         /* NULL: no block ever began here */
};

enum { ZONE_WORDS = (1 << ZONE_REGION_BITS) / 64 };

struct zone {
    struct region regions[1 << ZONE_REGION_BITS];
    uint64_t touched[ZONE_WORDS];   /* a bit for each region in which a block ever lay */
};

struct starts {
    struct { uint64_t key; struct zone *zone; /* NULL: there is none */ } near[STARTS_NEAR];
    struct dict zone_of;            /* address >> STARTS_ZONE_BITS -> place in zones + 1 */
    struct zone **zones;
    size_t n_zones, zones_capacity, n_regions;
    struct ranges large;
    struct dict large_of;           /* start -> place in large */
    uint64_t large_low, large_high; /* between them all large ones ever lay */
    bool loose;
};

struct starts *starts_new(void);
void starts_free(struct starts *s);

/* Some blocks are not in it: what it does not know may be. */
static inline bool starts_loose(const struct starts *s) { return s->loose; }

struct zone *starts_zone_slow(struct starts *s, uint64_t key);
static inline struct zone *starts_zone(struct starts *s, uint64_t address)
{
    uint64_t key = address >> STARTS_ZONE_BITS;
    return s->near[key % STARTS_NEAR].key == key ? s->near[key % STARTS_NEAR].zone : starts_zone_slow(s, key);
}
static inline unsigned zone_region(uint64_t address) { return address >> REGION_BITS & ((1u << ZONE_REGION_BITS) - 1); }
static inline struct region *starts_region(struct starts *s, uint64_t address)
{
    struct zone *z = starts_zone(s, address);
    return z ? &z->regions[zone_region(address)] : NULL;
}
static inline bool zone_touched(const struct zone *z, uint64_t address)
{
    unsigned region = zone_region(address);
    return z->touched[region / 64] >> region % 64 & 1;
}
static inline unsigned starts_word(uint64_t address) { return address / STARTS_GRANULE / 64 % REGION_WORDS; }
static inline uint64_t starts_bit(uint64_t address) { return 1ull << (address / STARTS_GRANULE % 64); }

/* Large, odd, the first of its region, or reaching into the next. */
void starts_add_slow(struct starts *s, uint64_t address, uint64_t size);
void starts_remove_slow(struct starts *s, uint64_t address, uint64_t size);

static inline void starts_add(struct starts *s, uint64_t address, uint64_t size)
{
    struct region *r = starts_region(s, address);
    if (__builtin_expect(!r || !r->bits || address % STARTS_GRANULE ||
                         size > (1u << REGION_BITS) - address % (1u << REGION_BITS), 0)) {
        starts_add_slow(s, address, size);
        return;
    }
    r->bits[starts_word(address)] |= starts_bit(address);
    r->summary |= 1ull << starts_word(address);
}

/* With the size that it was added with. */
static inline void starts_remove(struct starts *s, uint64_t address, uint64_t size)
{
    struct region *r = starts_region(s, address);
    if (__builtin_expect(!r || !r->bits || address % STARTS_GRANULE || size >= STARTS_LARGE, 0)) {
        starts_remove_slow(s, address, size);
        return;
    }
    uint64_t *bits = &r->bits[starts_word(address)];
    *bits &= ~starts_bit(address);
    r->summary &= ~((uint64_t)!*bits << starts_word(address));
}

/* Fetches what add and remove will write, where it is known without a search. */
static inline void starts_fetch(const struct starts *s, uint64_t address)
{
    uint64_t key = address >> STARTS_ZONE_BITS;
    const struct zone *z = s->near[key % STARTS_NEAR].zone;
    if (!z || s->near[key % STARTS_NEAR].key != key)
        return;
    const struct region *r = &z->regions[zone_region(address)];
    if (r->bits)
        __builtin_prefetch(&r->bits[starts_word(address)], 1);
}

/* A block lay there before there was an index. */
void starts_touch(struct starts *s, uint64_t address, uint64_t size);
/* A small block may have lain there once. */
static inline bool starts_touched(struct starts *s, uint64_t address)
{
    const struct zone *z = starts_zone(s, address);
    return (z && zone_touched(z, address)) || s->loose;
}

struct archive;
/* In a checkpoint: all but the blocks, which who loads adds again. */
void starts_archive(struct archive *a, struct starts *s);
void starts_archive_add(struct archive *a, struct starts *s, uint64_t address, uint64_t size);

/* The start of the one block that may hold an address: true and *start, or false: none does. */
bool starts_below(struct starts *s, uint64_t address, uint64_t *start);
/* The lowest start in [from, to). */
bool starts_between(struct starts *s, uint64_t from, uint64_t to, uint64_t *start);

#endif
