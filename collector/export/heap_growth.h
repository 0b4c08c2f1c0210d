/*
 * collector/export/heap_growth.h - what became of the heap between two moments:
 * by the place that made the blocks and by type.
 *
 * From the snapshots of two views, also those that have blocks alone (heaps.h).
 * Of one session blocks are told apart by their ids, so what was made since and
 * not dropped is known exactly, not only what sums differ by; of two, places and
 * types are joined by name. Types are those that memory or the allocating function
 * tells (block_type.h), not places. Mapped blocks are left out. One thread.
 */
#ifndef OWNSCOPE_HEAP_GROWTH_H
#define OWNSCOPE_HEAP_GROWTH_H

#include "export/block_type.h"
#include "export/frames.h"
#include "export/interval.h"
#include "graph/dict.h"

enum { GROWTH_BEFORE = 0, GROWTH_AFTER = 1 };

/* A moment. They outlive what is made of them. */
struct growth_side { const struct view *view; struct frames *frames; struct block_types *types; /* NULL: not wanted */ };

struct growth_row {
    struct view_count at[2];    /* alive at the one, at the other */
    struct view_count made;     /* alive at the other and not at the one: it came and was not dropped */
    struct view_count dropped;  /* alive at the one and not at the other */
    struct interval_sum at_sum[2], made_sum, dropped_sum;   /* the same, added up: where there are samples, they are made of these */
    uint64_t key;               /* growth_site_key */
    uint64_t fingerprint;       /* of a place */
    uint32_t stack;             /* of a place: id of `side`'s view */
    uint8_t side;
    struct block_type type;     /* of a type: as `side`'s block_types have it */
};
struct growth_rows { struct growth_row *list; size_t n; };

struct heap_growth {
    bool by_id;                 /* made and dropped are known */
    struct growth_rows sites, types;
    struct growth_row total;
    struct dict site_numbers;   /* key -> place in sites + 1 */
};

/* `by_id`: both views are of one session. */
struct heap_growth *heap_growth_new(const struct growth_side sides[2], bool by_id);
void heap_growth_free(struct heap_growth *g);

/* The same for the same place, also of two builds: what a fingerprint keeps of a
 * stack; code without names is told apart by where it lies. */
uint64_t growth_site_key(struct frames *f, uint32_t view_stack, uint64_t *fingerprint);
/* The row of a place; NULL: none of its blocks was alive. */
const struct growth_row *heap_growth_site(const struct heap_growth *g, uint64_t key);

#endif
