/*
 * tests/unit/test_budget.c - the adaptive rate in simulated time: it holds what is
 * allowed, comes to rest, takes back what rings and load demand, and says what it cannot do.
 */
#include <check.h>

#include "limits_play.h"
#include "serve/budget.h"
#include "suite.h"

START_TEST(test_grid)
{
    ck_assert_uint_eq(budget_sample_bytes(0), 0);
    ck_assert_uint_eq(budget_sample_bytes(1), 64);
    ck_assert_uint_eq(budget_sample_bytes(BUDGET_LEVEL_START), 65536);
    ck_assert_uint_eq(budget_sample_bytes(BUDGET_LEVELS), 1ull << 30);
    ck_assert_uint_eq(budget_every(0), 0);
    ck_assert_uint_eq(budget_every(BUDGET_LEVEL_START), 1024);
    for (unsigned i = 1; i < BUDGET_LEVELS; i++)
        ck_assert(budget_sample_bytes(i + 1) > budget_sample_bytes(i) && budget_every(i + 1) >= budget_every(i));
}
END_TEST

/* Programs of many kinds: the mean over a minute, from its first second on, lies within 1% of the 3% allowed, or below where all is
 * recorded for less, and the rate is changed a few times only. */
static const struct { const char *name; struct play_load load; double least, most; unsigned changes; } programs[] = {
    {"json", {5e6, 70, 1, 60, 40, 2, 0.002, 0.1, 0.1}, 0.02, 0.04, 12},
    {"cold records", {5e6, 70, 1, 900, 400, 2, 0.002, 0.1, 0.1}, 0.02, 0.04, 12},
    {"large blocks", {2e5, 8000, 1, 200, 100, 3, 0.002, 0.1, 0.1}, 0.02, 0.04, 16},
    {"two processors", {4e6, 40, 2, 150, 100, 2, 0.003, 0.1, 0.1}, 0.02, 0.04, 12},
    {"noisy", {3e6, 100, 1, 100, 100, 2, 0.002, 0.4, 0.1}, 0.02, 0.04, 20},
    {"little", {1e4, 100, 1, 100, 100, 2, 0.001, 0.1, 0.1}, 0.002, 0.006, 8},
    {"fits", {1e5, 100, 1, 100, 100, 2, 0.002, 0.1, 0.1}, 0.005, 0.03, 10},
    {"a tenth of a processor", {5e5, 70, 0.1, 60, 40, 2, 0.0005, 0.1, 0.1}, 0.02, 0.04, 12},
};

START_TEST(test_holds)
{
    struct play p;
    double cost;
    srand(3);
    play_begin(&p, "cpu=3%");
    play_for(&p, &programs[_i].load, 60);
    cost = play_cost(&p);
    ck_assert_msg(cost >= programs[_i].least && cost <= programs[_i].most, "%s: %.2f%%", programs[_i].name, cost * 100);
    ck_assert_msg(p.changes <= programs[_i].changes, "%s: %u changes", programs[_i].name, p.changes);
    for (unsigned i = 0; i < p.lines; i++) /* each says what led to it */
        ck_assert_msg(strncmp(p.log[i], "cpu=3%: ", 8) == 0 && strstr(p.log[i], "memory ") && strstr(p.log[i], " -> "), "%s", p.log[i]);
    play_for(&p, &programs[_i].load, 60);
    ck_assert_msg(play_cost(&p) <= programs[_i].most, "%s: the second minute", programs[_i].name);
    play_end(&p);
}
END_TEST

/* Set while all is recorded, at a load that no rate of its grid meets at once. */
START_TEST(test_set_later)
{
    struct play p;
    play_begin(&p, "time=1h");
    play_for(&p, &programs[0].load, 5);
    ck_assert_uint_eq(p.changes, 0);
    play_set(&p, "cpu=3%");
    play_for(&p, &programs[0].load, 0.4);
    ck_assert_uint_eq(p.changes, 1);
    play_for(&p, &programs[0].load, 5);
    play_cost(&p);
    play_for(&p, &programs[0].load, 60);
    double cost = play_cost(&p);
    ck_assert_msg(cost > 0.02 && cost < 0.04, "%.2f%%", cost * 100);
    play_set(&p, "cpu=off");
    play_for(&p, &programs[0].load, 0.1);
    ck_assert_int_eq(p.last.what, LIMITS_RATES);
    ck_assert_uint_eq(p.last.sample_bytes, 0);
    play_end(&p);
}
END_TEST

/* The load changes: it follows within a second and a half, and comes to rest. */
START_TEST(test_follows)
{
    struct play p;
    struct play_load w = programs[0].load;
    play_begin(&p, "cpu=3%");
    play_for(&p, &w, 20);
    for (int i = 0; i < 6; i++) {
        w.calls = i % 2 ? 5e5 : 8e6;
        play_for(&p, &w, 8);
        play_cost(&p);
        unsigned before = p.changes;
        play_for(&p, &w, 8);
        double cost = play_cost(&p);
        ck_assert_msg(cost > 0.015 && cost < 0.04, "%d: %.2f%%", i, cost * 100);
        ck_assert_msg(p.changes - before <= 2, "%d: %u changes", i, p.changes - before);
    }
    play_end(&p);
}
END_TEST

START_TEST(test_rings)
{
    struct play p;
    struct play_load w = programs[6].load;
    play_begin(&p, "cpu=3%");
    play_for(&p, &w, 20);
    uint64_t before = p.last.sample_bytes;
    w.ring_fill = 0.8;
    play_for(&p, &w, 0.1);
    ck_assert_int_eq(p.last.what, LIMITS_RATES);
    ck_assert_msg(strncmp(p.last.why, "a ring is 80% full: memory ", 27) == 0, "%s", p.last.why);
    ck_assert(p.last.sample_bytes > before);
    play_end(&p);
}
END_TEST

/* What looking at calls costs alone is more than is allowed: it says so, once a minute, and keeps its samples. */
START_TEST(test_cannot)
{
    static const struct play_load calls = {2e7, 70, 1, 60, 40, 2.5, 0.001, 0.05, 0.1}, waits = {1e4, 70, 1, 60, 40, 2, 0.06, 0.05, 0.1};
    for (unsigned i = 0; i < 2; i++) {
        struct play p;
        unsigned said = 0;
        play_begin(&p, "cpu=3%");
        play_for(&p, i ? &waits : &calls, 90);
        for (unsigned k = 0; k < p.lines; k++)
            said += strstr(p.log[k], "it cannot be held") != NULL;
        ck_assert_msg(said >= 1 && said <= 2, "%u: %u", i, said);
        ck_assert_uint_le(p.last.sample_bytes, 64 << 20);
        ck_assert_msg(p.changes <= 10, "%u changes", p.changes);
        play_end(&p);
    }
}
END_TEST

/* A program that sleeps: its collector costs more than it does, and no rate would change that. */
START_TEST(test_idle)
{
    static const struct play_load idle = {100, 70, 0.001, 60, 40, 2, 0.0005, 0.05, 0};
    struct play p;
    play_begin(&p, "cpu=3%");
    play_for(&p, &idle, 60);
    ck_assert_uint_le(p.lines, 4);
    play_end(&p);
}
END_TEST

/* Back to everything after calm seconds, and not to and fro. */
START_TEST(test_all)
{
    static const struct play_load little = {1e4, 100, 1, 100, 100, 2, 0.001, 0.1, 0}, borders = {1e5, 100, 1, 200, 100, 1, 0, 0.02, 0};
    struct play p;
    play_begin(&p, "cpu=3%");
    play_for(&p, &little, 20);
    ck_assert_uint_eq(p.last.sample_bytes, 0);
    play_end(&p);
    play_begin(&p, "cpu=3%"); /* everything costs exactly 3% */
    play_for(&p, &borders, 120);
    ck_assert_uint_ne(p.last.sample_bytes, 0);
    ck_assert_uint_le(p.changes, 10);
    play_end(&p);
}
END_TEST

/* Events a second, both ways. */
START_TEST(test_events)
{
    struct play p;
    struct play_load w = programs[6].load;
    w.calls = 1e6;
    w.noise = 0;
    play_begin(&p, "events/s=20k:coarser");
    play_for(&p, &w, 10);
    uint64_t before = p.in.events;
    play_for(&p, &w, 10);
    ck_assert_uint_lt(p.in.events - before, 230000);
    ck_assert_uint_gt(p.in.events - before, 120000);
    ck_assert(strncmp(p.log[0], "events/s=20k: 1.00M in a second: memory each -> ", 40) == 0);
    play_end(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("budget");
    TCase *t = tcase_create("budget");
    tcase_add_test(t, test_grid);
    tcase_add_loop_test(t, test_holds, 0, sizeof programs / sizeof *programs);
    tcase_add_test(t, test_set_later);
    tcase_add_test(t, test_follows);
    tcase_add_test(t, test_rings);
    tcase_add_test(t, test_cannot);
    tcase_add_test(t, test_idle);
    tcase_add_test(t, test_all);
    tcase_add_test(t, test_events);
    suite_add_tcase(s, t);
    return suite_run(s);
}
