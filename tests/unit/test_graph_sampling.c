/*
 * tests/unit/test_graph_sampling.c - what samples count for in the sums: of
 * blocks, reallocs, threads, sites; of locks and copies one in N.
 */
#include <math.h>

#include "event/snapshot.h"
#include "export/block_life.h"
#include "export/interval.h"
#include "graph_play.h"
#include "suite.h"

static void setup(void)
{
    play_start();
    process_start(100, 0, WIRE_BORN_EXEC);
    hush();
}
static void teardown(void) { play_stop(); }

static void rate(unsigned of, uint64_t every) { put((struct event){ .type = EVENT_RATE, .family = (uint8_t)of, .address = every }); }
static double chance(uint64_t size, double r) { return -expm1(-(double)wire_drawn_bytes(size) / r); }
static struct view *view(void) { return graph_view_make(play, NULL, 0); }

START_TEST(a_sample_stands_for_others_until_its_drop)
{
    make(0x1000, 100);
    rate(WIRE_RATE_MEMORY, 4096);
    make(0x2000, 100);
    rate(WIRE_RATE_MEMORY, 0);
    make(0x3000, 50);
    double bytes = 100 / chance(100, 4096), blocks = 1 / chance(100, 4096);
    struct view *v = view();
    ck_assert(v->sampled);
    ck_assert_uint_eq(v->estimate.samples, 1);
    ck_assert(fabs((double)v->totals.bytes_allocated - 150 - bytes) <= 1);
    ck_assert(fabs((double)v->totals.allocations - 2 - blocks) <= 1);
    ck_assert_uint_eq(v->totals.live_bytes, v->totals.bytes_allocated);
    ck_assert_uint_eq(v->processes[0].live_bytes, v->totals.live_bytes);
    ck_assert_uint_eq(v->threads[0].made.blocks, v->totals.allocations);
    ck_assert_uint_eq(v->threads[0].owns.bytes, v->totals.live_bytes);
    ck_assert(v->estimate.live_bytes > bytes * bytes * 0.9);
    check_view(v, false);
    view_free(v);
    drop(0x2000);
    v = view();
    ck_assert_uint_eq(v->totals.live_bytes, 150);
    ck_assert_uint_eq(v->totals.live_blocks, 2);
    ck_assert_uint_eq(v->totals.allocations, v->totals.frees + 2);
    ck_assert(v->estimate.live_bytes == 0 && v->estimate.bytes > 0);
    view_free(v);
    drop(0x1000);
    drop(0x3000);
    v = view();
    ck_assert_uint_eq(v->totals.live_bytes, 0);
    ck_assert_uint_eq(v->processes[0].live_blocks, 0);
    check_view(v, false);
    view_free(v);
}
END_TEST

START_TEST(a_realloc_goes_by_the_most_bytes_it_had)
{
    rate(WIRE_RATE_MEMORY, 1000);
    make(0x1000, 100);
    begin(0x1000, 500); end(0x1000, 0x2000, 500);
    struct view *v = view();
    ck_assert(fabs((double)v->totals.live_bytes - 500 / chance(500, 1000)) <= 1);
    ck_assert(fabs((double)v->totals.bytes_allocated - 500 / chance(500, 1000)) <= 2);
    check_view(v, false);
    view_free(v);
    begin(0x2000, 50); end(0x2000, 0x3000, 50);
    v = view();
    ck_assert(fabs((double)v->totals.live_bytes - 50 / chance(500, 1000)) <= 1);
    view_free(v);
    begin(0x3000, 80); end(0x3000, 0x3000, 80);     /* grows, and was larger once */
    v = view();
    ck_assert(fabs((double)v->totals.live_bytes - 80 / chance(500, 1000)) <= 1);
    check_view(v, false);
    view_free(v);
    drop(0x3000);
    v = view();
    ck_assert_uint_eq(v->totals.live_bytes, 0);
    ck_assert_uint_eq(v->totals.live_blocks, 0);
    ck_assert_uint_eq(v->totals.allocations, v->totals.frees);
    view_free(v);
}
END_TEST

START_TEST(locks_and_copies_count_for_so_many)
{
    two_threads();
    rate(WIRE_RATE_LOCKS, 10);
    rate(WIRE_RATE_COPIES, 4);
    put((struct event){ .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .address = 0x8000 });
    rate(WIRE_RATE_LOCKS, 0);
    put((struct event){ .type = EVENT_RELEASE, .family = WIRE_LOCK_MUTEX, .address = 0x8000 });
    put((struct event){ .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .address = 0x8000 });
    put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMCPY, .address = 0x7f00000000, .size = 100, .extra = { 0x7e00000000 } });
    struct view *v = view();
    ck_assert_uint_eq(v->locks[0].acquisitions, 11);
    ck_assert_uint_eq(v->locks[0].hold.count, 10);
    ck_assert_uint_eq(v->locks[0].hold.total_ns, 10 * 20000);
    ck_assert_uint_eq(v->copies, 4);
    ck_assert_uint_eq(v->copy_bytes, 400);
    ck_assert_uint_eq(v->locks_every, 10);
    ck_assert_uint_eq(v->copy_largest, 100);
    ck_assert(!v->sampled);
    view_free(v);
}
END_TEST

START_TEST(rates_past_the_bound_are_the_nearest)
{
    for (uint64_t i = 1; i <= 400; i++)
        rate(WIRE_RATE_MEMORY, i * 100);
    make(0x1000, 10);
    struct view *v = view();
    ck_assert_uint_eq(v->n_rates, 255);
    ck_assert_uint_eq(v->estimate.coarsest, 40000);
    ck_assert(fabs((double)v->totals.bytes_allocated - 10 / chance(10, 25500)) <= 1);
    view_free(v);
}
END_TEST

static void fold_life(void *context, const struct fact *f)
{
    if (f->block)
        block_life_fold(context, f);
}

/* Whoever looks at one block: by its view, its facts, a snapshot of its process. */
START_TEST(a_block_says_what_it_stands_for)
{
    struct block_life told = { .owned_by = "new" };
    make(0x9000, 10);
    drop(0x9000);
    graph_observe(play, fold_life, &told);
    rate(WIRE_RATE_MEMORY, 1000);
    make(0x1000, 500);
    begin(0x1000, 50); end(0x1000, 0x1000, 50);
    double weight = 1 / chance(500, 1000);
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_blocks, 1);
    struct block_life seen = block_life_of(&v->blocks[0]);
    ck_assert(seen.rate == 1000 && seen.drawn == 500 && fabs(block_life_stands_for(&seen) - weight) < 1e-9);
    ck_assert(told.rate == 1000 && told.drawn == 500 && fabs(block_life_stands_for(&told) - weight) < 1e-9);
    struct snapshot *s = snapshot_new();
    ck_assert_int_eq(graph_heap_take(play, v->processes[0].id, true, s), 0);
    ck_assert_uint_eq(s->n_blocks, 1);
    ck_assert(s->rate && fabs(interval_stands_for(s->size[0], s->rate[0]) - weight) < 0.01 * weight);
    snapshot_free(s);
    view_free(v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph sampling");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_sample_stands_for_others_until_its_drop);
    tcase_add_test(c, a_block_says_what_it_stands_for);
    tcase_add_test(c, a_realloc_goes_by_the_most_bytes_it_had);
    tcase_add_test(c, locks_and_copies_count_for_so_many);
    tcase_add_test(c, rates_past_the_bound_are_the_nearest);
    suite_add_tcase(s, c);
    return suite_run(s);
}
