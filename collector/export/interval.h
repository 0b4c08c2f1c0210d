/*
 * collector/export/interval.h - how far an estimate may be off: half of an
 * interval that holds the truth in at least 95 of 100 runs.
 *
 * 2.37 standard deviations do where many samples were drawn: each hundred runs has its 95, not hundreds on average. Of few, what was not drawn weighs more than what
 * was: nothing may have been drawn at all. So one sample that might have been seen is added (the
 * interval of Wilson's score, made as wide below as above). tests/unit/test_interval.c holds both
 * against drawing over and over.
 *
 * A variance need not be known: of bytes it is at most value x rate, of blocks value x the most blocks that a sample
 * stands for. Any thread.
 */
#ifndef OWNSCOPE_INTERVAL_H
#define OWNSCOPE_INTERVAL_H

#include <jansson.h>

#include "graph/view.h"

/* `unit`: what an unseen sample would have added. 0 with a unit of 0. */
uint64_t interval_half(double variance, double unit);

/* How many blocks a sample counts for that has had `drawn` bytes at most; 1: no sample (rate 0). */
double interval_stands_for(uint64_t drawn, uint64_t rate);

/* Blocks added up one by one, samples and others. */
struct interval_sum {
    uint64_t samples;               /* 0: the sums are exact */
    double blocks, bytes;           /* what they stand for */
    double blocks_variance, bytes_variance;
    double heaviest;                /* the most blocks that one stands for */
    uint64_t rate;                  /* the coarsest */
};
void interval_add(struct interval_sum *sum, uint64_t bytes, uint64_t drawn, uint64_t rate);
/* Sums of different blocks. */
void interval_sum_add(struct interval_sum *sum, const struct interval_sum *more);
/* What they stand for, in whole numbers. */
struct view_count interval_sum_count(const struct interval_sum *sum);
/* {"blocks","bytes","error_blocks","error_bytes","samples"} */
json_t *interval_sum_json(const struct interval_sum *sum);

/* Of a sum of the view that has no variance of its own; 0: it is exact. */
uint64_t interval_bytes(const struct view *v, uint64_t bytes);
uint64_t interval_blocks(const struct view *v, uint64_t blocks);
/* Of sums of acquisitions; of copies (`largest` 1), and of bytes copied (`largest`: the most bytes of one). */
uint64_t interval_every(uint64_t every, uint64_t value, uint64_t largest);

/* Of a site; all 0: its sums are exact. */
struct interval_site_errors { uint64_t samples, allocations, bytes, live_blocks, live_bytes, peak_bytes; };
struct interval_site_errors interval_site_errors(const struct view *v, const struct view_site *s);

/* ---- in documents: nothing where nothing was sampled ---- */

/* "estimated" and "error" of the totals. */
void interval_totals(json_t *totals, const struct view *v);
/* "samples" and "error" of a site. */
void interval_site(json_t *site, const struct view *v, const struct view_site *s);
/* "error" of any sums: names of members that are bytes, and that are blocks, each list ended by NULL. */
void interval_sums(json_t *j, const struct view *v, const char *const *bytes, const char *const *blocks);
/* "error_blocks" and "error_bytes" beside "blocks" and "bytes". */
void interval_count(json_t *j, const struct view *v);

#endif
