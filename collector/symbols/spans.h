/*
 * collector/symbols/spans.h - an interval map: from overlapping spans of
 * addresses to disjoint ones, each with the span that wins there.
 *
 * Used for the three indexes (CU ranges, inlined functions, symbols). Filled
 * once, flattened once, then only asked; belongs to whoever holds the struct,
 * one thread.
 *
 * Invariant after spans_flatten: at[i].low < at[i].high <= at[i+1].low.
 */
#ifndef OWNSCOPE_SPANS_H
#define OWNSCOPE_SPANS_H

#include <stddef.h>
#include <stdint.h>

struct span {
    uint64_t low, high;     /* [low, high) */
    uint64_t rank;          /* where spans overlap the lowest rank wins; on a tie the lowest value */
    uint32_t value;
};

struct spans {
    struct span *at;
    size_t n, capacity;
};

enum { SPANS_NONE = UINT32_MAX };

/* Spans that are empty or upside down are left out. */
void spans_add(struct spans *s, uint64_t low, uint64_t high, uint64_t rank, uint32_t value);
void spans_flatten(struct spans *s);
/* The value at an address (after spans_flatten); SPANS_NONE where there is none. */
uint32_t spans_find(const struct spans *s, uint64_t address);
void spans_free(struct spans *s);

#endif
