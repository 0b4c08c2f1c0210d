/*
 * tests/unit/unwind_measure.h - what a stack costs, in nanoseconds an event.
 *
 * For tests/unit/test_unwind_odd.c with UNWIND_MEASURE=1: the unwinder and
 * libunwind's unw_backtrace on the same stacks in the same run, over the same
 * program without stacks.
 */
#ifndef TESTS_UNWIND_MEASURE_H
#define TESTS_UNWIND_MEASURE_H

#include <time.h>

#include "unwind_oracle.h"

static volatile uint64_t measure_sink;

enum measured { MEASURE_NOTHING, MEASURE_FULL, MEASURE_LIBUNWIND, MEASURES };
enum { MEASURE_TIMES = 1000000 };
static enum measured measured;
static double measure_ns[MEASURES];
static uint64_t measure_ring[8192];
static uint32_t measure_at;

static NOINLINE void measure_hook(struct tester *t)
{
    struct unwind_site site = TEST_SITE;
    struct unwind_change change = {0, 0, NULL};
    void *frames[128];
    if (measured == MEASURE_FULL)
        unwind_take(&t->memory, &site, false, t->quick, &change);
    else if (measured == MEASURE_LIBUNWIND)
        measure_sink += (uint64_t)unw_backtrace(frames, 128);
    measure_ring[measure_at++ % 8192] = site.pc;
    for (uint32_t i = 0; i < change.push; i++)
        measure_ring[measure_at++ % 8192] = change.pushed[i];
}

#define MEASURE_TOP(name) static NOINLINE void name(struct tester *t, int depth)
MEASURE_TOP(top_a); MEASURE_TOP(top_b); MEASURE_TOP(top_c); MEASURE_TOP(top_d);
static void (*const tops[])(struct tester *, int) = {top_a, top_b, top_c, top_d};
#define MEASURE_TOP_BODY { if (depth) tops[tester_random(t, 4)](t, depth - 1); else measure_hook(t); measure_sink++; }
MEASURE_TOP(top_a) MEASURE_TOP_BODY
MEASURE_TOP(top_b) MEASURE_TOP_BODY
MEASURE_TOP(top_c) MEASURE_TOP_BODY
MEASURE_TOP(top_d) MEASURE_TOP_BODY

static NOINLINE void measure_at_depth(struct tester *t, int depth, int random)
{
    struct timespec a, b;
    if (depth) {
        measure_at_depth(t, depth - 1, random);
        measure_sink++;
        return;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    for (int i = 0; i < MEASURE_TIMES; i++)
        if (random)
            tops[tester_random(t, 4)](t, 2);
        else
            measure_hook(t);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    measure_ns[measured] = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / MEASURE_TIMES;
}

static void measure(struct tester *tester)
{
    for (int round = 0; round < 3; round++)
        for (int depth = 10; depth <= 64; depth = depth == 10 ? 32 : depth * 2)
            for (int random = 0; random < 2; random++) {
                for (measured = 0; measured < MEASURES; measured++)
                    measure_at_depth(tester, depth - 8 + 3 * !random, random);
                printf("depth %d, %s: ns over no stack: %.1f, libunwind %.1f\n", depth, random ? "top three at random" : "same path",
                       measure_ns[MEASURE_FULL] - measure_ns[MEASURE_NOTHING],
                       measure_ns[MEASURE_LIBUNWIND] - measure_ns[MEASURE_NOTHING]);
            }
}

#endif
