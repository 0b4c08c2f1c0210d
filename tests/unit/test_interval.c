/*
 * tests/unit/test_interval.c - intervals of estimates against the truth, drawn
 * over and over by the rule that hooks draw by, through the fold itself.
 *
 * 10,000 runs over sizes as real programs have them (TORTURE=1: 10,000 of each), from
 * nothing drawn at all to hundreds of samples: the stated interval holds what is true in 95 of 100.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "export/interval.h"
#include "graph/graph.h"
#include "suite.h"

static uint64_t seed;

static double random_part(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

enum { MOST = 4096 };

/* What a program allocates: sizes, and every how manyth block lives to the end. */
struct program { const char *name; unsigned blocks, stay; uint64_t rate; uint64_t size[MOST]; };

static uint64_t log_between(double low, double high) { return (uint64_t)(low * pow(high / low, random_part())); }

static void program_make(struct program *p, int which)
{
    static const struct { const char *name; unsigned blocks, stay; uint64_t rate; } all[] = {
        { "small objects of an interpreter", 4000, 5, 4096 },
        { "strings of a parser", 3000, 2, 8192 },
        { "long tail of a compressor", 600, 3, 32768 },
        { "few large arenas", 40, 2, 262144 },
        { "hardly anything", 20, 2, 65536 },
        { "pages of a data base", 500, 4, 16384 },
        { "about as large as the rate", 200, 2, 1024 },
        { "one huge block among crumbs", 2000, 3, 65536 },
    };
    p->name = all[which].name;
    p->blocks = all[which].blocks;
    p->stay = all[which].stay;
    p->rate = all[which].rate;
    for (unsigned i = 0; i < p->blocks; i++)
        switch (which) {
        case 0: p->size[i] = 16 + 16 * (uint64_t)(6 * random_part() * random_part()); break;
        case 1: p->size[i] = 1 + (uint64_t)(200 * random_part() * random_part()); break;
        case 2: p->size[i] = log_between(8, 1 << 20); break;
        case 3: p->size[i] = i % 4 ? 64 << 10 : 256 << 10; break;
        case 4: p->size[i] = log_between(16, 4096); break;
        case 5: p->size[i] = i % 3 ? 4096 : 1080; break;
        case 6: p->size[i] = log_between(512, 8192); break;
        default: p->size[i] = i ? 24 : 1 << 20; break;
        }
}
enum { PROGRAMS = 8 };

static void fold(struct graph *g, struct event e)
{
    static uint64_t ns;
    e.ns = ns += 1000;
    e.thread = e.process = 1;
    graph_fold(g, &e);
}

/* One run: what is drawn is told, and what of it does not stay is dropped. */
static struct view *run(const struct program *p, const double *chance)
{
    struct graph *g = graph_new(NULL);
    fold(g, (struct event){ .type = EVENT_RATE, .family = WIRE_RATE_MEMORY, .address = p->rate });
    for (unsigned i = 0; i < p->blocks; i++) {
        if (random_part() >= chance[i])
            continue;
        uint64_t at = 0x10000 + 0x1000000 * (uint64_t)i;
        fold(g, (struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .address = at, .size = p->size[i], .stack = 1 });
        if (i % p->stay)
            fold(g, (struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .address = at });
    }
    struct view *v = graph_view_make(g, NULL, 0);
    graph_free(g);
    return v;
}

struct hits { unsigned bytes, live_bytes, allocations, live_blocks, sites, site_bytes; double sum; };

static bool holds(double value, double truth, uint64_t half) { return fabs(value - truth) <= (double)half; }

static uint64_t error_in(const json_t *j, const char *key) { return (uint64_t)json_integer_value(json_object_get(json_object_get(j, "error"), key)); }

static void run_count(const struct view *v, struct hits *h, const double truth[4])
{
    json_t *j = json_object(), *site = json_object();
    const struct view_totals *t = &v->totals;
    h->sum += (double)t->bytes_allocated;
    interval_totals(j, v);
    h->bytes += holds((double)t->bytes_allocated, truth[0], error_in(j, "bytes_allocated"));
    h->live_bytes += holds((double)t->live_bytes, truth[1], error_in(j, "live_bytes"));
    h->allocations += holds((double)t->allocations, truth[2], error_in(j, "allocations"));
    h->live_blocks += holds((double)t->live_blocks, truth[3], error_in(j, "live_blocks"));
    if (v->n_sites) {       /* of a site that is not there nothing is stated */
        interval_site(site, v, &v->sites[0]);
        h->sites++;
        h->site_bytes += holds((double)v->sites[0].bytes, truth[0], error_in(site, "bytes"));
    }
    json_decref(j);
    json_decref(site);
}

START_TEST(the_truth_lies_in_95_of_100)
{
    static struct program p;
    static double chance[MOST];
    unsigned runs = getenv("TORTURE") ? 10000 : 10000 / PROGRAMS;
    double truth[4] = { 0 }, variance = 0;
    struct hits h = { 0 };
    seed = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    program_make(&p, _i);
    for (unsigned i = 0; i < p.blocks; i++) {
        chance[i] = -expm1(-(double)wire_drawn_bytes(p.size[i]) / (double)p.rate);
        truth[0] += (double)p.size[i];
        truth[2]++;
        variance += (double)p.size[i] * (double)p.size[i] * (1 - chance[i]) / chance[i];
        if (!(i % p.stay)) {
            truth[1] += (double)p.size[i];
            truth[3]++;
        }
    }
    for (unsigned i = 0; i < runs; i++) {
        struct view *v = run(&p, chance);
        run_count(v, &h, truth);
        view_free(v);
    }
    double mean = h.sum / runs / truth[0];
    unsigned least = runs * 95 / 100;
    ck_assert_msg(fabs(mean - 1) < 5 * sqrt(variance / runs) / truth[0], "%s: the estimates' mean is %.4f of the truth", p.name, mean);
    ck_assert_msg(h.bytes >= least && h.live_bytes >= least && h.allocations >= least && h.live_blocks >= least && h.site_bytes >= h.sites * 95 / 100,
                  "%s: of %u runs %u hold bytes, %u live bytes, %u blocks, %u live blocks, %u of %u a site's bytes", p.name, runs, h.bytes,
                  h.live_bytes, h.allocations, h.live_blocks, h.site_bytes, h.sites);
}
END_TEST

START_TEST(intervals_are_not_wider_than_they_must_be)
{
    /* 400 samples of one rate: 2.37 x 20 samples, and a few. */
    uint64_t half = interval_half(400.0 * 1000 * 1000, 1000);
    ck_assert_uint_ge(half, 47400);
    ck_assert_uint_le(half, 51000);
    ck_assert_uint_eq(interval_half(0, 0), 0);
    ck_assert_uint_eq(interval_every(1, 500, 1), 0);
    ck_assert_uint_ge(interval_every(10, 1000, 1), 196);
}
END_TEST

/* Blocks one by one make the sums that their chances say; what is no sample adds no doubt. */
START_TEST(sums_of_blocks)
{
    struct interval_sum sum = { 0 }, more = { 0 }, all = { 0 };
    interval_add(&sum, 70, 70, 0);
    ck_assert(sum.samples == 0 && sum.blocks == 1 && sum.bytes == 70 && sum.bytes_variance == 0);
    interval_add(&more, 100, 400, 4096);
    double p = -expm1(-(double)wire_drawn_bytes(400) / 4096);
    ck_assert(fabs(more.blocks - 1 / p) < 1e-9 && fabs(more.bytes - 100 / p) < 1e-6);
    ck_assert(fabs(more.bytes_variance - 100 * 100 * (1 - p) / (p * p)) < 1e-3 * more.bytes_variance);
    interval_sum_add(&all, &sum);
    interval_sum_add(&all, &more);
    ck_assert(all.samples == 1 && all.rate == 4096 && fabs(all.blocks - 1 - 1 / p) < 1e-9 && all.bytes_variance == more.bytes_variance);
    ck_assert_uint_eq(interval_sum_count(&all).bytes, (uint64_t)(70 + 100 / p + 0.5));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("interval");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, the_truth_lies_in_95_of_100, 0, PROGRAMS);
    tcase_add_test(c, intervals_are_not_wider_than_they_must_be);
    tcase_add_test(c, sums_of_blocks);
    suite_add_tcase(s, c);
    return suite_run(s);
}
