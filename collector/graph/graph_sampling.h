/*
 * collector/graph/graph_sampling.h - what samples stand for.
 *
 * A block of s bytes that a thread of rate R makes is told with the
 * probability p = 1 - exp(-s' / R), R being the mean of bytes between two samples and s' what the allocator
 * lets it use (wire_drawn_bytes); one that is reallocated, with that of the most bytes it has had. So each that is told counts for
 * 1 / p blocks and s / p bytes in all sums (Horvitz and Thompson): sums of totals, sites and threads
 * are estimates without bias, and the sums of what is not sampled stay exact in the same places.
 * Sums are whole numbers: a count is rounded at random, by the block's id, so that
 * what a block added is what it takes away.
 *
 * How far an estimate may be off is kept beside it: the variance, sum of x^2 (1 - p) / p^2, and
 * what an unseen sample might have added (export/interval.h makes an interval of both).
 *
 * What is mapped is not sampled. Locks and copies are sampled one in N, each counts for N.
 *
 * Nothing of this exists until a rate is told. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_SAMPLING_H
#define OWNSCOPE_GRAPH_SAMPLING_H

#include "graph/graph_state.h"

enum { RATES_MAX = 255 };

struct sampling {
    uint64_t rates[RATES_MAX + 1];      /* place 0: none. Past the bound the nearest one is taken */
    size_t n_rates;                     /* place 0 too */
    struct view_estimate all;
    struct view_estimate *sites; size_t sites_capacity;    /* by the place of the site; may be shorter than they are */
    uint64_t locks_every, copies_every; /* the coarsest there was */
    uint64_t copy_largest;              /* bytes of the largest copy that was a sample */
    uint64_t changes;                   /* rates told */
};

/* EVENT_RATE. */
void sampling_rate(struct graph *g, struct thread *t, const struct event *e);

/* `place` 0: a block that is in no pool, or nearly so. */
struct view_count sampling_weight(const struct graph *g, uint32_t place, const struct block *b);
/* The rate of a sample and the most bytes that it had; 0: it is none. */
uint64_t sampling_rate_of(const struct graph *g, const struct block *b);
uint64_t sampling_drawn_of(const struct graph *g, uint32_t place, const struct block *b);
/* The rate at which its present size would have its chance: for who knows no more than both. */
uint64_t sampling_rate_by_size(const struct graph *g, uint32_t place, const struct block *b);
/* What a block counts for in sums. */
static inline struct view_count block_counted(const struct graph *g, uint32_t place, const struct block *b)
{
    if (graph_likely(!b->rate))
        return (struct view_count){ .blocks = 1, .bytes = b->size };
    return sampling_weight(g, place, b);
}

/* A sample was made, is about to end. */
void sampling_made(struct graph *g, struct process *p, uint32_t place);
void sampling_ended(struct graph *g, struct process *p, uint32_t place);
/* A sample is about to have `bytes`. Returns what its sums of bytes ever asked for grow by. */
uint64_t sampling_resize(struct graph *g, uint32_t place, uint64_t bytes);

void sampling_clear(struct graph *g);
struct archive;
void sampling_archive(struct archive *a, struct graph *g);

#endif
