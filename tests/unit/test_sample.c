/* Samples: every chance is held against what it must be, by bounds that a right
 * sampler passes all but once in some ten million runs (5.4 standard deviations a
 * check). Seeds are new in every run, and said when one fails. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "preload/sample.h"
#include "suite.h"

static uint64_t seed, state;

static void seeded(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = state = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid();
}

/* `hits` of n, each with chance p. */
static void expect_chance(uint64_t hits, uint64_t n, double p, const char *what, double with)
{
    double deviation = sqrt((double)n * p * (1 - p)), off = (double)hits - (double)n * p;
    ck_assert_msg(fabs(off) <= 5.4 * deviation + 1, "%s %g: %lu of %lu, expected %g +- %g (seed %lu)", what, with, (unsigned long)hits,
                  (unsigned long)n, (double)n * p, deviation, (unsigned long)seed);
}

START_TEST(logarithm)
{
    for (double x = 1e-300; x < 1e300; x *= 1.000731)
        ck_assert_double_le(fabs(sample_minus_ln(x) + log(x)), 1e-15 * fabs(log(x)) + 4e-16);
    for (int i = 1; i < 100000; i++)
        ck_assert_double_le(fabs(sample_minus_ln(i / 1e5) + log(i / 1e5)), 1e-15 * fabs(log(i / 1e5)) + 4e-16);
}
END_TEST

/* Blocks of one size. */
START_TEST(chance_by_size)
{
    static const struct { uint64_t mean, size; } t[] = {{1, 1}, {1, 0}, {2, 1}, {16, 16}, {64, 1}, {1000, 24}, {1000, 1000},
                                                        {1000, 4000}, {524288, 64}, {524288, 65536}, {524288, 3000000}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        uint64_t left = 0, hits = 0, n = 400000, bytes = t[i].size ? t[i].size : 1;
        for (uint64_t k = 0; k < n; k++)
            hits += sample_draws(&state, &left, t[i].mean, t[i].size);
        expect_chance(hits, n, 1 - exp(-(double)bytes / (double)t[i].mean), "blocks of bytes", (double)t[i].size);
    }
}
END_TEST

/* Sizes in any order do not disturb each other, and an estimate is unbiased. */
START_TEST(chance_in_a_mixture)
{
    enum { SIZES = 6, N = 1200000 };
    static const uint64_t size[SIZES] = {1, 24, 200, 4096, 100000, 1500};
    uint64_t left = 0, made[SIZES] = {0}, hits[SIZES] = {0};
    double mean = 4096, truth = 0, estimate = 0, variance = 0;
    for (int k = 0; k < N; k++) {
        unsigned i = (unsigned)(sample_random(&state) % SIZES);
        double p = 1 - exp(-(double)size[i] / mean), s = (double)size[i];
        bool drawn = sample_draws(&state, &left, (uint64_t)mean, size[i]);
        made[i]++;
        hits[i] += drawn;
        truth += s;
        estimate += drawn ? s / p : 0;
        variance += s * s * (1 - p) / p;
    }
    for (int i = 0; i < SIZES; i++)
        expect_chance(hits[i], made[i], 1 - exp(-(double)size[i] / mean), "mixed, of bytes", (double)size[i]);
    ck_assert_msg(fabs(estimate - truth) <= 5.4 * sqrt(variance), "%g for %g (seed %lu)", estimate, truth, (unsigned long)seed);
}
END_TEST

/* Byte by byte, the gaps are geometric: chi-square over classes of equal chance. */
START_TEST(gaps)
{
    enum { CLASSES = 20, N = 200000 };
    const double mean = 5000;
    uint64_t counts[CLASSES] = {0};
    double chi = 0;
    for (int k = 0; k < N; k++) {
        uint64_t gap = sample_next(&state, (uint64_t)mean);
        double below = 1 - exp(-((double)gap - 0.5) / mean);
        ck_assert_uint_ge(gap, 1);
        counts[(int)(below * CLASSES)]++;
    }
    for (int i = 0; i < CLASSES; i++) {
        double first = 0, last = 0, want;
        /* whole gaps g whose (g - 0.5) lies in the class: [a, b) */
        double a = -mean * log(1 - (double)i / CLASSES) + 0.5, b = i + 1 < CLASSES ? -mean * log(1 - (double)(i + 1) / CLASSES) + 0.5 : INFINITY;
        first = exp(-(ceil(a) - 1) / mean);
        last = i + 1 < CLASSES ? exp(-(ceil(b) - 1) / mean) : 0;
        want = N * (i ? first - last : 1 - last);
        chi += ((double)counts[i] - want) * ((double)counts[i] - want) / want;
    }
    ck_assert_msg(chi < 71, "chi-square %g with 19 degrees of freedom (seed %lu)", chi, (unsigned long)seed); /* 1 in 1e7 */
}
END_TEST

/* A block that grows step by step is in the sample with the chance of its last size. */
START_TEST(grown)
{
    static const uint64_t steps[] = {40, 300, 301, 2000, 9000};
    uint64_t left = 0, n = 300000, in = 0;
    for (uint64_t k = 0; k < n; k++) {
        bool drawn = false;
        uint64_t had = 0;
        for (size_t i = 0; i < sizeof steps / sizeof *steps && !drawn; had = steps[i++])
            drawn = sample_draws(&state, &left, 10000, steps[i] - had);
        in += drawn;
    }
    expect_chance(in, n, 1 - exp(-0.9), "grown to", 9000);
}
END_TEST

START_TEST(one_in)
{
    static const uint32_t every[] = {2, 3, 10, 100, 4096};
    uint64_t left = 0;
    ck_assert(sample_one_in(&state, &left, 0) && sample_one_in(&state, &left, 1) && !left);
    for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
        uint64_t n = 1000000, hits = 0, pairs = 0;
        bool before = false;
        left = 0;
        for (uint64_t k = 0; k < n; k++) {
            bool drawn = sample_one_in(&state, &left, every[i]);
            hits += drawn;
            pairs += drawn && before;
            before = drawn;
        }
        expect_chance(hits, n, 1.0 / every[i], "one in", every[i]);
        expect_chance(pairs, n, 1.0 / every[i] / every[i], "twice in a row, one in", every[i]);
    }
}
END_TEST

START_TEST(extremes)
{
    uint64_t left = 0;
    ck_assert(sample_draws(&state, &left, 0, 0) && sample_draws(&state, &left, 0, 5) && !left);
    for (int i = 0; i < 1000; i++) {
        ck_assert_uint_le(sample_next(&state, UINT64_MAX), 1ull << 62);
        left = 0;
        ck_assert(sample_draws(&state, &left, 1, UINT64_MAX));
        ck_assert(!sample_draws(&state, &left, 1ull << 60, 0) || left);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sample");
    TCase *t = tcase_create("sample");
    tcase_add_checked_fixture(t, seeded, NULL);
    tcase_add_test(t, logarithm);
    tcase_add_test(t, chance_by_size);
    tcase_add_test(t, chance_in_a_mixture);
    tcase_add_test(t, gaps);
    tcase_add_test(t, grown);
    tcase_add_test(t, one_in);
    tcase_add_test(t, extremes);
    suite_add_tcase(s, t);
    return suite_run(s);
}
