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
    char *text = limits_breaker_text(p.limits), said[80];
    ck_assert_str_eq(text, "");
    free(text);
    while (p.recording)
        play_for(&p, &usual, 0.1);
    snprintf(said, sizeof said, "open events/s 2000000000 %llu", (unsigned long long)p.in.now_ns);
    text = limits_breaker_text(p.limits);
    ck_assert_str_eq(text, said);
    play_begin(&q, "events/s=50k cooldown=2s events=1M");
    q.in.now_ns = p.in.now_ns + 500000000; /* nobody was there for half a second of it */
    static const char *const bad[] = {"", "open", "open events/s", "open events/s 0 0", "shut events/s 5 0", "open heat 5 0", "open events 5 0",
                                      "open time 5 0", "closed events/s 5 0", "open events/s 99999999999999 0", "open events/s 5"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!limits_breaker_take(q.limits, bad[i], &q.in, &open), "%s", bad[i]);
    ck_assert(limits_breaker_take(q.limits, text, &q.in, &open) && open);
    free(text);
    q.recording = false;
    play_for(&q, &usual, 1.4);
    ck_assert(!q.recording);
    play_for(&q, &usual, 0.2);
    ck_assert(q.recording && q.counts[LIMITS_DO_TRY] == 1);
    text = limits_breaker_text(q.limits);
    ck_assert_int_eq(strncmp(text, "half-open events/s 2000000000 ", 30), 0);
    ck_assert(limits_breaker_take(p.limits, text, &p.in, &open) && !open);
    free(text);
    play_end(&p);
    play_end(&q);
}
END_TEST

/* The next collector: other limits, which go on as these were. `again`: from what it measures on. */
static void hand_over(struct play *p, const char *words, const struct limits_input *again)
{
    char *text = limits_counts_text(p->limits), *rest = text, *line;
    struct limits_spec spec = *limits_spec_of(p->limits);
    limits_free(p->limits);
    p->limits = limits_new();
    p->in = *again;
    limits_set(p->limits, &spec, &p->in);
    while ((line = strsep(&rest, "\n")))
        ck_assert_msg(!*line || limits_counts_take(p->limits, line, &p->in), "%s", line);
    free(text);
    text = limits_text(limits_spec_of(p->limits));
    ck_assert_str_eq(text, words);
    free(text);
}

/* What was counted goes on; also where the next collector knows less of it than was counted. */
START_TEST(test_counts_go_on)
{
    static const struct { const char *words; double s, after_s; } t[] = {{"events=100k", 0.6, 0.4}, {"bytes=100K:trip", 0.3, 0.3}, {"time=1.5s:stop", 0.5, 1}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (int less = 0; less < 2; less++) {
            struct play p;
            struct limits_input again;
            play_begin(&p, "time=1h");
            play_for(&p, &usual, 0.5); /* the limit counts from here */
            play_set(&p, "time=off");
            play_set(&p, t[i].words);
            char *words = limits_text(limits_spec_of(p.limits));
            play_for(&p, &usual, t[i].s);
            ck_assert(p.recording);
            again = p.in;
            if (less)
                again.events = again.trace_bytes = again.recorded_ns = 0;
            hand_over(&p, words, &again);
            free(words);
            play_for(&p, &usual, t[i].after_s - 0.1);
            ck_assert_msg(p.recording, "%s", t[i].words);
            play_for(&p, &usual, 0.1);
            ck_assert_msg(!p.recording, "%s", t[i].words);
            play_end(&p);
        }
}
END_TEST

/* So do a pause by a limit, which is counted anew from a start, and the rates. */
START_TEST(test_what_holds_goes_on)
{
    struct play p;
    struct limits_input again;
    play_begin(&p, "events=100k");
    play_for(&p, &usual, 1);
    ck_assert(!p.recording);
    again = p.in;
    hand_over(&p, "events=100k", &again);
    play_for(&p, &usual, 1);
    ck_assert_uint_eq(p.counts[LIMITS_DO_PAUSE], 1); /* it is paused, and does nothing more */
    ck_assert(limits_held(p.limits));
    limits_started(p.limits, &p.in);
    p.recording = true;
    play_for(&p, &usual, 0.9);
    ck_assert(p.recording);
    play_for(&p, &usual, 0.1);
    ck_assert(!p.recording);
    play_end(&p);

    uint64_t sample_bytes, went_on;
    uint32_t every;
    play_begin(&p, "events=10k:coarser");
    play_for(&p, &usual, 2);
    unsigned changes = p.changes;
    ck_assert_uint_gt(changes, 1);
    limits_rates(p.limits, &sample_bytes, &every);
    again = p.in;
    hand_over(&p, "events=10k:coarser", &again);
    limits_rates(p.limits, &went_on, &every);
    ck_assert_uint_eq(went_on, sample_bytes);
    play_for(&p, &usual, 0.1);
    ck_assert_uint_eq(p.changes, changes); /* the next step is as far as it was */
    play_end(&p);

    play_begin(&p, "events=100k");
    static const char *const bad[] = {"", "counted", "counted events", "counted heat 1 100000 1", "counted time 1 100000 1", "counted events 1 nan 1",
                                      "counted events 1 100000 -5", "counted events 1 99999 1", "counted events nan 100000 1", "counted events 1 100000 inf",
                                      "held", "held time", "level", "level 5", "level 99 0", "level 3 4", "level -1 -1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!limits_counts_take(p.limits, bad[i], &p.in), "%s", bad[i]);
    ck_assert(!limits_held(p.limits));
    play_end(&p);
}
END_TEST

/* When a limit that acts will be reached is known before it is. */
START_TEST(test_reach)
{
    struct play p;
    uint64_t events, ns;
    play_begin(&p, "rss=1G events=100k:coarser");
    limits_reach(p.limits, &events, &ns);
    ck_assert(events == UINT64_MAX && ns == UINT64_MAX);
    p.in.events = 77;
    play_set(&p, "events=100k time=2s:trip");
    limits_reach(p.limits, &events, &ns);
    ck_assert_uint_eq(events, 100077);
    ck_assert_uint_eq(ns, 2000000000);
    play_for(&p, &usual, 1);
    ck_assert(!p.recording);
    limits_reach(p.limits, &events, &ns);
    ck_assert(events == UINT64_MAX && ns == UINT64_MAX); /* it is paused */
    play_end(&p);
}
END_TEST

/* Behind a start the mean is of what there is, and never nothing. */
START_TEST(test_mean_behind_a_start)
{
    struct play p;
    struct play_load load = usual;
    load.cpu = 0.8;
    play_begin(&p, "cpu=3%");
    play_for(&p, &load, 20);
    limits_started(p.limits, &p.in); /* behind an emergency stop */
    for (int i = 0; i < 12; i++) {
        json_t *doc = limits_json(p.limits), *cpu = json_object_get(doc, "cpu");
        double mean = json_number_value(json_object_get(cpu, "mean"));
        ck_assert_msg(mean > 0.005 && mean < 0.06, "%d: %f", i, mean);
        json_decref(doc);
        play_for(&p, &load, 0.1);
    }
    play_end(&p);
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
    tcase_add_test(t, test_counts_go_on);
    tcase_add_test(t, test_what_holds_goes_on);
    tcase_add_test(t, test_reach);
    tcase_add_test(t, test_mean_behind_a_start);
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
