/*
 * collector/export/interval.c - see interval.h.
 */
#include "export/interval.h"

#include <math.h>

#include "export/doc_parts.h"

/* What is stated is that of 100 runs at least 95 hold the truth. 1.96 deviations hold it in 95 of 100 on average, and so in fewer in
 * every third hundred; these in 98.2, and so in fewer than 95 in one hundred of a hundred. */
static const double z = 2.37;

double interval_stands_for(uint64_t drawn, uint64_t rate)
{
    return rate ? -1 / expm1(-(double)wire_drawn_bytes(drawn) / (double)rate) : 1;
}

void interval_add(struct interval_sum *sum, uint64_t bytes, uint64_t drawn, uint64_t rate)
{
    double weight = interval_stands_for(drawn, rate), part = weight * (weight - 1);
    sum->blocks += weight;
    sum->bytes += (double)bytes * weight;
    sum->samples += rate != 0;
    sum->blocks_variance += part;
    sum->bytes_variance += (double)bytes * (double)bytes * part;
    sum->heaviest = rate ? fmax(sum->heaviest, weight) : sum->heaviest;
    sum->rate = rate > sum->rate ? rate : sum->rate;
}

void interval_sum_add(struct interval_sum *sum, const struct interval_sum *more)
{
    sum->blocks += more->blocks;
    sum->bytes += more->bytes;
    sum->samples += more->samples;
    sum->blocks_variance += more->blocks_variance;
    sum->bytes_variance += more->bytes_variance;
    sum->heaviest = fmax(sum->heaviest, more->heaviest);
    sum->rate = more->rate > sum->rate ? more->rate : sum->rate;
}

struct view_count interval_sum_count(const struct interval_sum *sum)
{
    return (struct view_count){ .blocks = (uint64_t)(sum->blocks + 0.5), .bytes = (uint64_t)(sum->bytes + 0.5) };
}

json_t *interval_sum_json(const struct interval_sum *sum)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "blocks", doc_number(interval_sum_count(sum).blocks), "bytes", doc_number(interval_sum_count(sum).bytes),
                     "error_blocks", doc_number(interval_half(sum->blocks_variance, sum->heaviest)),
                     "error_bytes", doc_number(interval_half(sum->bytes_variance, (double)sum->rate)), "samples", doc_number(sum->samples));
}

/* A sample seen is counted whole: half of one is left to chance. */
uint64_t interval_half(double variance, double unit)
{
    double half = z * sqrt(variance + z * z / 4 * unit * unit) + (z * z / 2 + 0.5) * unit;
    return half < 9e18 ? (uint64_t)ceil(half) : (uint64_t)9e18;
}

/* Of all blocks, the smallest ones may be those that were not drawn. */
static double heaviest_of(const struct view *v)
{
    enum { SMALLEST_BYTES = 24 };
    return fmax(v->estimate.heaviest, (double)v->estimate.coarsest / SMALLEST_BYTES);
}

uint64_t interval_bytes(const struct view *v, uint64_t bytes)
{
    double unit = (double)v->estimate.coarsest;
    return v->sampled ? interval_half((double)bytes * unit, unit) : 0;
}

uint64_t interval_blocks(const struct view *v, uint64_t blocks)
{
    double unit = heaviest_of(v);
    return v->sampled ? interval_half((double)blocks * unit, unit) : 0;
}

uint64_t interval_every(uint64_t every, uint64_t value, uint64_t largest)
{
    double unit = (double)every * (double)largest;
    return every > 1 ? interval_half((double)value * unit, unit) : 0;
}

static void put(json_t *j, const char *key, uint64_t half) { json_object_set_new(j, key, doc_number(half)); }

void interval_totals(json_t *totals, const struct view *v)
{
    const struct view_estimate *m = &v->estimate;
    const struct view_totals *t = &v->totals;
    double bytes = (double)m->coarsest, blocks = heaviest_of(v);
    if (!v->sampled)
        return;
    json_t *j = json_object();
    put(j, "allocations", v->is_since ? interval_blocks(v, t->allocations) : interval_half(m->allocations, blocks));
    put(j, "frees", v->is_since ? interval_blocks(v, t->frees) : interval_half(m->frees, blocks));
    put(j, "bytes_allocated", v->is_since ? interval_bytes(v, t->bytes_allocated) : interval_half(m->bytes, bytes));
    put(j, "peak_bytes", interval_half(m->peak_bytes, bytes));
    put(j, "live_blocks", interval_half(m->live_blocks, blocks));
    put(j, "live_bytes", interval_half(m->live_bytes, bytes));
    json_object_set_new(totals, "estimated", json_true());
    json_object_set_new(totals, "samples", doc_number(m->samples));
    json_object_set_new(totals, "error", j);
}

struct interval_site_errors interval_site_errors(const struct view *v, const struct view_site *s)
{
    if (!s->estimate)
        return (struct interval_site_errors){ 0 };
    const struct view_estimate *m = &v->estimates[s->estimate - 1];
    double bytes = (double)m->coarsest, blocks = m->heaviest;
    return (struct interval_site_errors){
        .samples = m->samples,
        .allocations = v->is_since ? interval_half((double)s->allocations * blocks, blocks) : interval_half(m->allocations, blocks),
        .bytes = v->is_since ? interval_half((double)s->bytes * bytes, bytes) : interval_half(m->bytes, bytes),
        .live_blocks = interval_half(m->live_blocks, blocks), .live_bytes = interval_half(m->live_bytes, bytes),
        .peak_bytes = interval_half((double)s->peak_bytes * bytes, bytes) };
}

void interval_site(json_t *site, const struct view *v, const struct view_site *s)
{
    struct interval_site_errors e = interval_site_errors(v, s);
    if (!s->estimate)
        return;
    json_t *j = json_object();
    put(j, "allocations", e.allocations);
    put(j, "bytes", e.bytes);
    put(j, "live_blocks", e.live_blocks);
    put(j, "live_bytes", e.live_bytes);
    put(j, "peak_bytes", e.peak_bytes);
    json_object_set_new(site, "samples", doc_number(e.samples));
    json_object_set_new(site, "error", j);
}

void interval_sums(json_t *j, const struct view *v, const char *const *bytes, const char *const *blocks)
{
    if (!v->sampled)
        return;
    json_t *error = json_object();
    for (; *bytes; bytes++)
        put(error, *bytes, interval_bytes(v, (uint64_t)json_integer_value(json_object_get(j, *bytes))));
    for (; *blocks; blocks++)
        put(error, *blocks, interval_blocks(v, (uint64_t)json_integer_value(json_object_get(j, *blocks))));
    json_object_set_new(j, "error", error);
}

void interval_count(json_t *j, const struct view *v)
{
    if (!v->sampled)
        return;
    put(j, "error_blocks", interval_blocks(v, (uint64_t)json_integer_value(json_object_get(j, "blocks"))));
    put(j, "error_bytes", interval_bytes(v, (uint64_t)json_integer_value(json_object_get(j, "bytes"))));
}
