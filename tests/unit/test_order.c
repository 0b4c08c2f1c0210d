/*
 * tests/unit/test_order.c - the heap of ring heads, and the clock's map.
 */
#include <check.h>
#include <stdlib.h>

#include "session/clock.h"
#include "session/order.h"
#include "suite.h"
#include "wire/record.h"

/* Many sources, each rising: what comes out is sorted, nothing missing. */
START_TEST(test_merge)
{
    enum { SOURCES = 37, EACH = 500 };
    struct order o = {0};
    uint64_t next[SOURCES] = {0}, last = 0, stamps[SOURCES][EACH];
    unsigned i, k, out = 0;
    srand(7);
    for (i = 0; i < SOURCES; i++) {
        uint64_t at = 1 + (unsigned)rand() % 50;
        for (k = 0; k < EACH; k++)
            stamps[i][k] = at += (unsigned)rand() % 20;
        order_push(&o, (struct order_head){stamps[i][0], WIRE_NEW, i});
    }
    while (o.count) {
        struct order_head top = o.heads[0], second = order_second(&o);
        ck_assert(top.stamp >= last);
        ck_assert(!order_before(&second, &top));
        last = top.stamp;
        out++;
        if (++next[top.source] < EACH)
            order_replace_top(&o, (struct order_head){stamps[top.source][next[top.source]], WIRE_NEW, top.source});
        else
            order_pop(&o);
    }
    ck_assert_uint_eq(out, SOURCES * EACH);
    order_free(&o);
}
END_TEST

START_TEST(test_release_first)
{
    struct order o = {0};
    order_push(&o, (struct order_head){10, WIRE_NEW, 0});
    order_push(&o, (struct order_head){10, WIRE_DROP, 1});
    order_push(&o, (struct order_head){10, WIRE_REALLOC_END, 2});
    order_push(&o, (struct order_head){10, WIRE_REALLOC_BEGIN, 3});
    ck_assert_uint_eq(o.heads[0].source, 1);
    order_pop(&o);
    ck_assert_uint_eq(o.heads[0].source, 3);
    order_pop(&o);
    ck_assert_uint_eq(o.heads[0].source, 0);
    order_pop(&o);
    ck_assert_uint_eq(o.heads[0].source, 2);
    ck_assert_uint_eq(order_second(&o).stamp, UINT64_MAX);
    order_free(&o);
}
END_TEST

/* A lock is free before it is had again, and all have arrived before the first goes on. */
START_TEST(test_what_gives_up_first)
{
    static const unsigned first[] = {WIRE_DROP, WIRE_REALLOC_BEGIN, WIRE_RELEASE, WIRE_COND_WAIT, WIRE_SIGNAL,
                                     WIRE_WAIT, WIRE_LOCK_DESTROY};
    static const unsigned then[] = {WIRE_NEW, WIRE_ACQUIRE, WIRE_COND_WOKEN, WIRE_LOCK_INIT, WIRE_COPY, WIRE_WAIT_END,
                                    WIRE_THREAD_JOIN, WIRE_TYPES + 7};
    for (unsigned i = 0; i < sizeof first / sizeof *first; i++)
        for (unsigned k = 0; k < sizeof then / sizeof *then; k++) {
            struct order_head a = {10, first[i], 5}, b = {10, then[k], 1}, earlier = {9, then[k], 9};
            ck_assert(order_before(&a, &b) && !order_before(&b, &a));
            ck_assert(order_before(&earlier, &a) && !order_before(&a, &earlier));
        }
}
END_TEST

/* A rate that was estimated wrong is corrected without a step back, and ends right. */
START_TEST(test_clock_corrects)
{
    const uint64_t hz = 3000000000, start = 1ull << 50, mono = 77000000000;
    struct clock c = {.kind = WIRE_CLOCK_COUNTER, .start_stamp = start, .start_mono_ns = mono};
    uint64_t ns, last = 0, t, error = 0;
    c.now = c.before = (struct clock_line){start, 0, ((1000000000ull << 32) / hz) * 1001 / 1000}; /* 0.1 % fast */
    for (t = 1; t < 4000; t++) { /* milliseconds */
        uint64_t stamp = start + t * (hz / 1000);
        ns = clock_ns(&c, stamp);
        ck_assert(ns > last);
        last = ns;
        if (t == 5 || t == 10 || t == 20 || t == 40 || t == 80 || t == 160 || t == 320 || t == 640 || t % 1000 == 0) {
            struct clock_sample sample = {stamp, mono + t * 1000000};
            clock_correct(&c, &sample);
            ck_assert_uint_eq(clock_ns(&c, stamp), ns);
            ck_assert_uint_le(clock_ns(&c, stamp - 1), ns); /* the past keeps its map */
        }
        error = ns > t * 1000000 ? ns - t * 1000000 : t * 1000000 - ns;
    }
    ck_assert_uint_lt(error, 2000);
    ck_assert_uint_eq(clock_ns(&c, 0), 0);
}
END_TEST

START_TEST(test_clock_here)
{
    struct clock c;
    uint32_t kind = clock_choose(0);
    struct clock_sample a = clock_sample(kind), b;
    uint64_t hz = clock_estimate_hz(kind, &a), ns;
    clock_begin(&c, kind, hz, a.stamp, a.mono_ns);
    do
        b = clock_sample(kind);
    while (b.mono_ns - a.mono_ns < 20000000);
    ns = clock_ns(&c, b.stamp);
    ck_assert_uint_gt(ns, (b.mono_ns - a.mono_ns) / 100 * 98);
    ck_assert_uint_lt(ns, (b.mono_ns - a.mono_ns) / 100 * 102);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("order");
    TCase *t = tcase_create("order");
    tcase_add_test(t, test_merge);
    tcase_add_test(t, test_release_first);
    tcase_add_test(t, test_what_gives_up_first);
    tcase_add_test(t, test_clock_corrects);
    tcase_add_test(t, test_clock_here);
    suite_add_tcase(s, t);
    return suite_run(s);
}
