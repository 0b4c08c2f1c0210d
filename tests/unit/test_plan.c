/* plan_solve against every choice there is, and what plan_rules makes of a report. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/plan.h"
#include "session/rules.h"
#include "suite.h"

static uint64_t seed = 88172645463325252ull;
static double draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed % 1000) / 10;
}

/* The most value of all choices that fit; -1: none does. */
static double best_of(const struct plan_item *items, size_t n, double budget)
{
    double most = -1;
    if (!n)
        return budget >= 0 ? 0 : -1;
    for (unsigned o = 0; o < items->n; o++) {
        double rest = best_of(items + 1, n - 1, budget - items->options[o].cost);
        if (rest >= 0 && rest + items->options[o].value > most)
            most = rest + items->options[o].value;
    }
    return most;
}

START_TEST(against_all)
{
    for (unsigned round = 0; round < 400; round++) {
        struct plan_item items[7] = { 0 };
        size_t n = 1 + round % 7;
        double step = 0, value, bound, budget = 10 + draw() * (double)n / 3, used = 0, sum = 0;
        for (size_t i = 0; i < n; i++) {
            items[i].n = 1 + (unsigned)draw() % PLAN_OPTIONS;
            for (unsigned o = 0; o < items[i].n; o++) {
                items[i].options[o] = (struct plan_option){ draw(), draw() };
                step = items[i].options[o].value > step ? items[i].options[o].value : step;
            }
        }
        double best = best_of(items, n, budget);
        bool fits = plan_solve(items, n, budget, &value, &bound);
        for (size_t i = 0; i < n; i++) {
            used += items[i].options[items[i].chosen].cost;
            sum += items[i].options[items[i].chosen].value;
        }
        ck_assert_int_eq(fits, best >= 0);
        if (!fits)
            continue;
        ck_assert_double_le(used, budget + 1e-9);
        ck_assert_double_eq_tol(sum, value, 1e-9);
        ck_assert_double_le(value, best + 1e-9);
        ck_assert_double_ge(bound, best - 1e-9);
        ck_assert_double_ge(value, best - step - 1e-9);    /* at most one step is lost */
    }
}
END_TEST

START_TEST(takes_what_pays)
{
    struct plan_item items[2] = { { .n = 2, .options = { { 0, 0 }, { 10, 100 } } }, { .n = 2, .options = { { 0, 0 }, { 10, 1 } } } };
    double value, bound;
    ck_assert(plan_solve(items, 2, 10, &value, &bound));
    ck_assert_uint_eq(items[0].chosen, 1);
    ck_assert_uint_eq(items[1].chosen, 0);
    ck_assert(!plan_solve(items, 2, -1, &value, &bound));
}
END_TEST

static json_t *report(void)
{
    return json_pack("{s:{s:I},s:{s:i},s:[{s:[{s:s}],s:i,s:i,s:i,s:i},{s:[{s:s}],s:i,s:i,s:i,s:i},{s:[{s:s,s:b},{s:s}],s:i,s:i,s:i,s:i}]}",
        "metadata", "duration_ns", (json_int_t)1000000000, "events", "acquire", 1000, "sites",
        "stack", "function", "grow(int, char)", "allocations", 100, "bytes", 100000, "live_blocks", 100, "live_bytes", 100000,
        "stack", "function", "hot", "allocations", 1000000, "bytes", 16000000, "live_blocks", 0, "live_bytes", 0,
        "stack", "function", "small", "inlined", 1, "function", "a, b", "allocations", 50, "bytes", 50, "live_blocks", 0, "live_bytes", 0);
}

/* Every line that is not a comment is one of a rules file. */
static void lines_check(const char *text)
{
    char *copy = strdup(text), *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *verb, *words, *error = NULL;
        ck_assert_int_eq(rules_line(line, &verb, &words, &error), 0);
        struct rule r;
        if (verb && !strcmp(verb, "trace")) {
            ck_assert_msg(!rule_parse(&r, words, &error), "%s: %s", line, error);
            rule_clear(&r);
        }
        if (verb) {
            free(verb);
            free(words);
        }
    }
    free(copy);
}

static double promised(const char *text)
{
    const char *at = strstr(text, "\npromise cpu=");
    ck_assert_ptr_nonnull(at);
    return atof(at + strlen("\npromise cpu="));
}

START_TEST(rules_of_a_report)
{
    struct plan_ask ask = { .cpu = 0.03, .usual = { 60, 60, 1, 5, 90, 1e6 }, .most = { 60, 100, 3, 10, 200, 2e6 }, .event_bytes = 2, .source = "x.own" };
    json_t *doc = report();
    char *text = plan_rules(doc, &ask);
    ck_assert_ptr_nonnull(text);
    lines_check(text);
    ck_assert_ptr_nonnull(strstr(text, "# Kept: grow grows."));
    const char *exact = strstr(text, "\ntrace function=");
    ck_assert_ptr_nonnull(exact);
    ck_assert_ptr_nonnull(strstr(exact, "grow"));
    ck_assert(!strstr(exact, "hot"));
    ck_assert_ptr_nonnull(strstr(exact, "a??b"));   /* not what was inlined into it */
    ck_assert_double_le(promised(text), 3);
    ck_assert_double_gt(promised(text), 0.8);       /* two million calls at 3 ns, and the collector's 2 ms */
    free(text);
    ask.program_cpu = 0.2;  /* of which most are the hooks that recorded all: 0.08 are its own, and 3% of that less than rounds and looks cost */
    text = plan_rules(doc, &ask);
    ck_assert_ptr_nonnull(strstr(text, "# It does not fit: with no event at all the collector's rounds cost 1.25% to 2.50%"));
    ck_assert_double_gt(promised(text), 100 * (2000100 * 3.0 + 2e6) / 8e7);
    exact = strstr(text, "\ntrace function=");     /* what grows is whole all the same */
    ck_assert(exact && strstr(exact, "grow"));
    free(text);
    ask.program_cpu = 0;
    ask.cpu = 0.001;    /* less than looking at each call costs */
    text = plan_rules(doc, &ask);
    ck_assert_ptr_nonnull(strstr(text, "# It does not fit"));
    lines_check(text);
    free(text);
    ask.cpu = 10;       /* everything */
    text = plan_rules(doc, &ask);
    ck_assert_ptr_nonnull(strstr(text, "# Recorded whole: 100.0%"));
    free(text);
    json_decref(doc);
    doc = json_pack("{s:{s:i}}", "metadata", "duration_ns", 5);
    ck_assert_ptr_null(plan_rules(doc, &ask));
    json_decref(doc);
}
END_TEST

/* "about N events/s". */
static double events_promised(const char *text)
{
    const char *at = strstr(text, "events/s=");
    ck_assert_ptr_nonnull(at);
    return atof(at + strlen("events/s="));
}

/* Blocks that are recorded whole and samples among each other: each time the one follows the other the rate is told, which is an
 * event. Held against a row that is drawn. */
START_TEST(rates_told_are_counted)
{
    struct plan_ask ask = { .cpu = 0.5, .usual = { 60, 60, 1, 5, 90, 1e6 }, .most = { 0, 100, 0, 10, 0, 2e6 }, .event_bytes = 2, .source = "x.own" };
    enum { GROW = 20000, HOT = 1000000, HOT_BYTES = 100 };
    json_t *doc = json_pack("{s:{s:I},s:[{s:[{s:s}],s:i,s:i,s:i,s:i},{s:[{s:s}],s:i,s:I,s:i,s:i}]}", "metadata", "duration_ns", (json_int_t)1000000000, "sites",
        "stack", "function", "grow", "allocations", GROW, "bytes", 100 * GROW, "live_blocks", GROW, "live_bytes", 100 * GROW,
        "stack", "function", "hot", "allocations", HOT, "bytes", (json_int_t)HOT * HOT_BYTES, "live_blocks", 0, "live_bytes", 0);
    bool mixed = false;
    for (ask.cpu = 0.003; ask.cpu < 0.2; ask.cpu *= 2) {
        char *text = plan_rules(doc, &ask), *at = strstr(text, "sample=");
        double chance = 1 - exp(-HOT_BYTES / atof(at + strlen("sample="))), of[2], events = 0;
        bool whole[2] = { strstr(text, "\ntrace function=hot"), strstr(text, "\ntrace function=grow") }, was = false;
        of[0] = strstr(text, "exclude function=hot") ? 0 : whole[0] ? 1 : chance;
        of[1] = strstr(text, "exclude function=grow") ? 0 : whole[1] ? 1 : chance;
        mixed |= whole[1] && of[0] > 0 && of[0] < 1;
        ck_assert_double_le(promised(text), 100 * ask.cpu + 0.005);
        srand(1);
        for (int i = 0; i < GROW + HOT; i++) {
            bool grows = rand() % (GROW + HOT) < GROW;
            if (rand() / (RAND_MAX + 1.0) >= of[grows])
                continue;
            events += (grows ? 1 : 2) + (whole[grows] != was);
            was = whole[grows];
        }
        ck_assert_msg(fabs(events_promised(text) / events - 1) < 0.05, "%.3f: %.0f promised, %.0f drawn", ask.cpu, events_promised(text), events);
        free(text);
    }
    ck_assert(mixed);
    json_decref(doc);
}
END_TEST

/* What recording cost a busy program is none of its time: it makes so many more without. One that waits is not slowed. */
START_TEST(pace_of_the_program)
{
    struct plan_ask ask = { .cpu = 10, .usual = { 60, 60, 1, 5, 90, 1e6 }, .most = { 100, 100, 3, 10, 150, 2e6 }, .event_bytes = 2, .source = "x.own" };
    json_t *doc = report();
    double all = 2000100 + 1000 - 100 + 50;     /* what stays is not dropped; `small` is */
    char *text = plan_rules(doc, &ask);         /* 2 M events of 250 ns: half of the second */
    double slow = 1 - 2001300 * 250e-9;
    ck_assert_double_eq_tol(events_promised(text), all / slow, 0.001 * all);
    ck_assert_ptr_nonnull(strstr(text, "\n# Recording it cost up to 50% of that time (2001300 events): the program is taken to be 2.00 times as fast without.\n"));
    free(text);
    ask.program_cpu = 0.99;                     /* 0.2 of it were hooks */
    text = plan_rules(doc, &ask);
    ck_assert_double_eq_tol(events_promised(text), all / (1 - 2001300 * 100e-9), 0.001 * all);
    free(text);
    ask.program_cpu = 0.5;
    text = plan_rules(doc, &ask);
    ck_assert_double_eq_tol(events_promised(text), all, 0.001 * all);
    ck_assert_ptr_null(strstr(text, "Recording it cost"));
    free(text);
    json_object_set_new(json_object_get(doc, "events"), "total", json_integer(400000)); /* it was sampled itself */
    ask.program_cpu = 0;
    text = plan_rules(doc, &ask);
    ck_assert_double_eq_tol(events_promised(text), all / 0.9, 0.001 * all);
    free(text);
    json_decref(doc);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plan");
    TCase *c = tcase_create("plan");
    tcase_add_test(c, against_all);
    tcase_add_test(c, takes_what_pays);
    tcase_add_test(c, rules_of_a_report);
    tcase_add_test(c, rates_told_are_counted);
    tcase_add_test(c, pace_of_the_program);
    suite_add_tcase(s, c);
    return suite_run(s);
}
