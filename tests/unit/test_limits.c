/*
 * tests/unit/test_limits.c - limits in words, what each does when it is reached,
 * and the breaker's states, in simulated time.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>

#include "limits_play.h"
#include "serve/breaker.h"
#include "suite.h"

/* ---- words ---- */

START_TEST(test_words)
{
    static const struct { const char *words, *text; } t[] = {
        {"", ""}, {"cpu=3%", "cpu=3%"}, {"cpu=2.5%:trip", "cpu=2.5%:trip"}, {"cpu=3%:coarser", "cpu=3%"},
        {"events=1M", "events=1M"}, {"events=1500", "events=1500"}, {"events=1.5k:stop", "events=1500:stop"},
        {"events/s=100k", "events/s=100k"}, {"events/s=100k:trip", "events/s=100k"}, {"events/s=100K:pause", "events/s=100k:pause"},
        {"bytes=1G rss=512MiB:coarser", "bytes=1G rss=512M:coarser"}, {"time=10m", "time=10m"}, {"cooldown=250ms", "cooldown=250ms"},
        {"cpu=3%,events/s=1k cooldown=5s", "cpu=3% events/s=1k"}, {"cpu=3% cpu=off", ""}, {"events=5 events=7:trip", "events=7:trip"},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct limits_spec spec, again;
        char *error = NULL, *text;
        limits_default(&spec);
        limits_default(&again);
        ck_assert_msg(limits_parse(&spec, t[i].words, &error) == 0, "%s: %s", t[i].words, error);
        text = limits_text(&spec);
        ck_assert_str_eq(text, t[i].text);
        ck_assert_int_eq(limits_parse(&again, text, &error), 0);
        for (unsigned k = 0; k < LIMITS; k++) {
            ck_assert_int_eq(again.limit[k].set, spec.limit[k].set);
            ck_assert(!spec.limit[k].set || (again.limit[k].most == spec.limit[k].most && again.limit[k].action == spec.limit[k].action));
        }
        free(text);
    }
}
END_TEST

START_TEST(test_words_refused)
{
    static const char *const bad[] = {"cpu", "cpu=", "cpu=3", "cpu=0%", "cpu=-1%", "cpu=3%:", "cpu=3%:sleep", "cpu=nan%", "cpu=1e3%", "cpu=0x3%",
        "cpu=2000%", "events=0", "events=1x", "events=.5", "events/s=", "bytes=0", "bytes=1Q", "rss=-1", "time=10", "time=0s", "cooldown=1ms",
        "cooldown=off", "cooldown=5s:trip", "heat=5", "=5", "events=99999999999999999999999999",
        "events=111111111111111111111111111111111111111111111111111111111111111111111"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct limits_spec spec;
        char *error = NULL, words[128], *text;
        limits_default(&spec);
        snprintf(words, sizeof words, "rss=1G %s", bad[i]);
        ck_assert_msg(limits_parse(&spec, words, &error) == -EINVAL, "%s", bad[i]);
        ck_assert_msg(error && strncmp(error, "limits: '", 9) == 0 && !strchr(error, '\n'), "%s", bad[i]);
        free(error);
        text = limits_text(&spec);
        ck_assert_str_eq(text, ""); /* all of the words or none */
        free(text);
    }
}
END_TEST

/* ---- the breaker ---- */

START_TEST(test_breaker)
{
    struct breaker b = {0};
    ck_assert(!breaker_tick(&b, 1000));
    ck_assert_uint_eq(breaker_trip(&b, 100, 1000), 100);
    ck_assert(!breaker_tick(&b, 1099));
    ck_assert(breaker_tick(&b, 1100));
    ck_assert_int_eq(b.state, BREAKER_HALF_OPEN);
    ck_assert_uint_eq(breaker_trip(&b, 100, 1150), 200); /* on trial: doubles */
    ck_assert(!breaker_tick(&b, 1349) && breaker_tick(&b, 1350));
    ck_assert(!breaker_tick(&b, 1549) && breaker_tick(&b, 1550)); /* a trial lasts as long */
    ck_assert_int_eq(b.state, BREAKER_CLOSED);
    ck_assert_uint_eq(breaker_trip(&b, 100, 2000), 100); /* and a passed one puts it back */
    for (unsigned i = 0; i < 10; i++) {
        ck_assert(breaker_tick(&b, b.since_ns + b.cooling_ns));
        breaker_trip(&b, 100, b.since_ns + 1);
    }
    ck_assert_uint_eq(b.cooling_ns, 1600);
}
END_TEST

/* What is counted is looked at as soon as it is reached. */
START_TEST(test_due)
{
    struct play p;
    play_begin(&p, "events=1000 bytes=64K:coarser rss=1 time=1s");
    ck_assert(!limits_due(p.limits, p.in.now_ns, 999, 1u << 30));
    ck_assert(limits_due(p.limits, p.in.now_ns, 1000, 0));
    play_set(&p, "bytes=64K:stop");
    ck_assert(!limits_due(p.limits, p.in.now_ns, 0, 65535));
    ck_assert(limits_due(p.limits, p.in.now_ns, 0, 65536));
    p.in.events = 1000;
    limits_tick(p.limits, &p.in, &p.last);
    ck_assert_int_eq(p.last.what, LIMITS_DO_PAUSE);
    ck_assert(!limits_due(p.limits, p.in.now_ns, 5000, 0)); /* it is paused */
    limits_started(p.limits, &p.in);
    ck_assert(!limits_due(p.limits, p.in.now_ns, 1999, 0));
    ck_assert(limits_due(p.limits, p.in.now_ns, 2000, 0));
    play_set(&p, "events=1000:trip bytes=off");
    ck_assert(limits_due(p.limits, p.in.now_ns, 2000, 1u << 30));
    p.in.events = 2000;
    limits_tick(p.limits, &p.in, &p.last);
    ck_assert_int_eq(p.last.what, LIMITS_DO_TRIP);
    ck_assert(!limits_due(p.limits, p.in.now_ns, 5000, 0));
    play_set(&p, "events=off events/s=100:pause");
    limits_started(p.limits, &p.in);
    ck_assert(!limits_due(p.limits, p.in.now_ns + 1000, 2100, 0));
    ck_assert(limits_due(p.limits, p.in.now_ns + 1000, 2101, 0));
    ck_assert(!limits_due(p.limits, p.in.now_ns + 2000000000, 2101, 0)); /* in two seconds */
    play_set(&p, "events/s=off");
    ck_assert(!limits_due(p.limits, p.in.now_ns, 1u << 30, 1u << 30));
    play_end(&p);
}
END_TEST

/* ---- each limit ---- */

static const struct play_load usual = {.calls = 1e5, .mean_bytes = 64, .cpu = 1, .record_ns = 100, .event_ns = 100, .passed_ns = 3};

START_TEST(test_each)
{
    static const struct { const char *words; int what; double after_s; const char *why; } t[] = {
        {"events=250k", LIMITS_DO_PAUSE, 2.5, "events=250k: 250k: paused until start"},
        {"bytes=1M", LIMITS_DO_PAUSE, 5.3, "bytes=1M: 1.01MiB: paused until start"},
        {"time=3s", LIMITS_DO_PAUSE, 3, "time=3s: 3.0s: paused until start"},
        {"time=3s:stop", LIMITS_DO_STOP, 3, "time=3s: 3.0s: stopped, hooks only forward until start or reset"},
        {"events/s=50k", LIMITS_DO_TRIP, 0.6, "events/s=50k: 60.0k in a second: tripped, again in 5s"},
        {"events/s=50k:pause", LIMITS_DO_PAUSE, 0.6, "events/s=50k: 60.0k in a second: paused until start"},
        {"events=200k:trip cooldown=1s", LIMITS_DO_TRIP, 2, "events=200k: 200k: tripped, again in 1s"},
        {"cpu=1%:trip", LIMITS_DO_TRIP, 1, "cpu=1%: 2.0%: tripped, again in 5s"},
        {"events/s=200k cpu=5%:pause rss=1G time=1h bytes=1G events=100M", LIMITS_NOTHING, 9.9, ""},
    };
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct play p;
        double s = 0;
        play_begin(&p, t[i].words);
        do
            play_for(&p, &usual, 0.1), s += 0.1;
        while (p.last.what == LIMITS_NOTHING && s < 9.85);
        ck_assert_msg((int)p.last.what == t[i].what, "%s: %d %s", t[i].words, p.last.what, p.last.why);
        ck_assert_msg(fabs(s - t[i].after_s) < 0.01, "%s: after %.1f s", t[i].words, s);
        ck_assert_str_eq(p.last.why, t[i].why);
        play_end(&p);
    }
}
END_TEST

START_TEST(test_next_collector)
{
    struct play p, q;
    bool open = false;
    play_begin(&p, "events/s=50k cooldown=2s");
    char *text = limits_breaker_text(p.limits);
    ck_assert_str_eq(text, "");
    free(text);
    while (p.recording)
        play_for(&p, &usual, 0.1);
    text = limits_breaker_text(p.limits);
    ck_assert_str_eq(text, "open events/s 2000000000");
    play_begin(&q, "events/s=50k cooldown=2s events=1M");
    static const char *const bad[] = {"", "open", "open events/s", "open events/s 0", "shut events/s 5", "open heat 5", "open events 5", "open time 5",
                                      "closed events/s 5", "open events/s 99999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!limits_breaker_take(q.limits, bad[i], &q.in, &open), "%s", bad[i]);
    ck_assert(limits_breaker_take(q.limits, text, &q.in, &open) && open);
    free(text);
    q.recording = false;
    play_for(&q, &usual, 1.9);
    ck_assert(!q.recording);
    play_for(&q, &usual, 0.2);
    ck_assert(q.recording && q.counts[LIMITS_DO_TRY] == 1);
    text = limits_breaker_text(q.limits);
    ck_assert_str_eq(text, "half-open events/s 2000000000");
    ck_assert(limits_breaker_take(p.limits, text, &p.in, &open) && !open);
    free(text);
    play_end(&p);
    play_end(&q);
}
END_TEST

START_TEST(test_rss)
{
    struct play p;
    play_begin(&p, "rss=1G");
    p.in.rss_bytes = 1ull << 30;
    play_for(&p, &usual, 1);
    ck_assert(p.recording);
    p.in.rss_bytes += 1;
    play_for(&p, &usual, 0.1);
    ck_assert_int_eq(p.last.what, LIMITS_DO_PAUSE);
    play_end(&p);
}
END_TEST

/* The hardest action wins. */
START_TEST(test_hardest)
{
    struct play p;
    play_begin(&p, "events/s=10k time=100ms events=1k:stop");
    play_for(&p, &usual, 0.1);
    ck_assert_int_eq(p.last.what, LIMITS_DO_STOP);
    play_end(&p);
}
END_TEST

START_TEST(test_recovers)
{
    struct play p;
    struct play_load heavy = usual, light = usual;
    heavy.calls = 2e5;
    light.calls = 1e4;
    play_begin(&p, "events/s=100k cooldown=2s");
    play_for(&p, &heavy, 0.6);
    ck_assert(!p.recording);
    play_for(&p, &heavy, 2);      /* tried again, and tripped: 4 s from now on */
    play_for(&p, &heavy, 0.6);
    ck_assert_uint_eq(p.counts[LIMITS_DO_TRY], 1);
    ck_assert_uint_eq(p.counts[LIMITS_DO_TRIP], 2);
    ck_assert(strstr(p.log[2], "on trial: tripped, again in 4s"));
    play_for(&p, &light, 3.9);
    ck_assert_uint_eq(p.counts[LIMITS_DO_TRY], 1);
    play_for(&p, &light, 0.1);
    ck_assert_uint_eq(p.counts[LIMITS_DO_TRY], 2);
    ck_assert_str_eq(p.last.why, "events/s: on trial for 4s");
    play_for(&p, &light, 4);
    ck_assert_int_eq(p.last.what, LIMITS_DO_CLOSE);
    ck_assert_str_eq(p.last.why, "events/s: kept for 4s on trial: closed");
    ck_assert(p.recording);
    play_end(&p);
}
END_TEST

/* What a `start`, a reset, another limit, and a new trial do to counts. */
START_TEST(test_counts)
{
    struct play p;
    play_begin(&p, "events=100k");
    play_for(&p, &usual, 1);
    ck_assert_int_eq(p.last.what, LIMITS_DO_PAUSE);
    play_for(&p, &usual, 5);
    ck_assert_uint_eq(p.counts[LIMITS_DO_PAUSE], 1); /* said once */
    limits_started(p.limits, &p.in);
    p.recording = true;
    play_for(&p, &usual, 0.9);
    ck_assert(p.recording);
    play_for(&p, &usual, 0.1);
    ck_assert(!p.recording); /* another 100k */
    limits_reset(p.limits, &p.in);
    p.recording = true;
    play_for(&p, &usual, 0.5);
    play_set(&p, "time=1h"); /* leaves the count of events alone */
    play_for(&p, &usual, 0.5);
    ck_assert(!p.recording);
    limits_started(p.limits, &p.in);
    p.recording = true;
    play_for(&p, &usual, 0.5);
    play_set(&p, "events=60k"); /* counts from now */
    play_for(&p, &usual, 0.5);
    ck_assert(p.recording);
    play_for(&p, &usual, 0.1);
    ck_assert(!p.recording);
    play_end(&p);
}
END_TEST

/* A reset under a limit on CPU begins coarse, by way of no moment that records everything; what is said is what holds. */
START_TEST(test_reset_under_cpu)
{
    static const struct play_load quiet = {.calls = 1e3, .mean_bytes = 64, .cpu = 1, .record_ns = 100, .event_ns = 100, .passed_ns = 3};
    struct play p;
    uint64_t sample_bytes, before;
    uint32_t every;
    play_begin(&p, "cpu=3%");
    play_for(&p, &quiet, 20);
    limits_rates(p.limits, &before, &every);
    ck_assert_uint_lt(before, 65536);
    limits_reset(p.limits, &p.in);
    limits_rates(p.limits, &sample_bytes, &every);
    ck_assert_uint_eq(sample_bytes, before);
    play_for(&p, &quiet, 0.1);
    limits_rates(p.limits, &sample_bytes, &every);
    ck_assert(sample_bytes == 65536 && every == 1024 && p.last.sample_bytes == sample_bytes);
    ck_assert_msg(strstr(p.last.why, "cpu=3%: it begins coarse: memory ") && strstr(p.last.why, "-> 64.0KiB"), "%s", p.last.why);
    play_end(&p);
    play_begin(&p, "events/s=50k:coarser");
    play_for(&p, &usual, 5);
    limits_reset(p.limits, &p.in);
    limits_rates(p.limits, &sample_bytes, &every);
    ck_assert(!sample_bytes && !every); /* and no limit but CPU asks for that */
    play_end(&p);
}
END_TEST

/* A step, and another each time the count has doubled. */
START_TEST(test_coarser)
{
    struct play p;
    play_begin(&p, "time=1s:coarser");
    play_for(&p, &usual, 1);
    ck_assert_int_eq(p.last.what, LIMITS_RATES);
    ck_assert_str_eq(p.last.why, "time=1s: 1.0s: memory each -> 1.00KiB, locks and copies 1/1 -> 1/16");
    play_for(&p, &usual, 1);
    ck_assert_uint_eq(p.last.sample_bytes, 4096);
    play_for(&p, &usual, 1);
    ck_assert_uint_eq(p.changes, 2);
    play_for(&p, &usual, 1);
    ck_assert_uint_eq(p.last.sample_bytes, 16384);
    play_set(&p, "time=off");
    play_for(&p, &usual, 0.1);
    ck_assert_int_eq(p.last.what, LIMITS_RATES);
    ck_assert_uint_eq(p.last.sample_bytes, 0);
    play_end(&p);
}
END_TEST

/* ---- what must hold whatever comes ---- */

/* Loads at random, orders at random: nothing is recorded while it is open, verdicts alternate, and it ends closed once the load is light. */
START_TEST(test_any)
{
    static const struct play_load light = {.calls = 100, .mean_bytes = 64, .cpu = 1};
    srand((unsigned)_i + 1);
    struct play p;
    play_begin(&p, _i % 2 ? "events/s=100k cooldown=300ms" : "events/s=50k cpu=5%:trip cooldown=700ms");
    for (int step = 0; step < 400; step++) {
        struct play_load w = usual;
        uint64_t before = p.in.events;
        unsigned tries = p.counts[LIMITS_DO_TRY];
        bool open;
        w.calls = pow(10, rand() % 7);
        w.noise = 0.3;
        json_t *doc = limits_json(p.limits);
        open = strcmp(json_string_value(json_object_get(doc, "breaker")), "open") == 0;
        json_decref(doc);
        ck_assert_int_eq(open, !p.recording);
        play_for(&p, &w, 0.1);
        if (open && p.counts[LIMITS_DO_TRY] == tries)
            ck_assert_uint_eq(p.in.events, before);
        ck_assert_uint_le(p.counts[LIMITS_DO_TRY], p.counts[LIMITS_DO_TRIP]);
        ck_assert(p.counts[LIMITS_DO_TRIP] <= p.counts[LIMITS_DO_TRY] + p.counts[LIMITS_DO_CLOSE] + 1);
    }
    play_for(&p, &light, 2 * 16 * 0.7 + 3);
    json_t *doc = limits_json(p.limits);
    ck_assert_str_eq(json_string_value(json_object_get(doc, "breaker")), "closed");
    json_decref(doc);
    ck_assert(p.recording);
    play_end(&p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("limits");
    TCase *t = tcase_create("limits");
    tcase_add_test(t, test_words);
    tcase_add_test(t, test_words_refused);
    tcase_add_test(t, test_breaker);
    tcase_add_test(t, test_due);
    tcase_add_test(t, test_each);
    tcase_add_test(t, test_next_collector);
    tcase_add_test(t, test_rss);
    tcase_add_test(t, test_hardest);
    tcase_add_test(t, test_recovers);
    tcase_add_test(t, test_counts);
    tcase_add_test(t, test_reset_under_cpu);
    tcase_add_test(t, test_coarser);
    tcase_add_loop_test(t, test_any, 0, 40);
    suite_add_tcase(s, t);
    return suite_run(s);
}
