/*
 * tests/unit/test_rotation.c - a trace in several files, of a collector whose state
 * is large, so that each next file is begun aside while events come: every file goes
 * on where the one before it ended, all joined are the whole trace, and the last alone
 * has the state of all. Files of a series: numbers, and which go.
 */
#include <unistd.h>

#include "collector_fixture.h"
#include "export/replay.h"
#include "serve/series.h"
#include "state_save.h"
#include "suite.h"

enum { NEWS = 1200000, KEPT = 52000, ROTATE_BYTES = 100000 };

static void touch(const char *name)
{
    char whole[256];
    snprintf(whole, sizeof whole, "%s/%s", dir, name);
    FILE *f = fopen(whole, "w");
    ck_assert_ptr_nonnull(f);
    fputs(name, f);
    fclose(f);
}

static bool has(const char *name, const char *content)
{
    char whole[256], text[64] = "";
    snprintf(whole, sizeof whole, "%s/%s", dir, name);
    FILE *f = fopen(whole, "r");
    if (!f)
        return false;
    if (!fgets(text, sizeof text, f))
        text[0] = 0;
    fclose(f);
    return !strcmp(text, content);
}

START_TEST(series)
{
    ck_assert_uint_eq(series_last(trace_path), 0);
    ck_assert_int_eq(series_shift(trace_path), 0);        /* there is none */
    touch("t.own");
    touch("t.9.own");
    touch("t.10.own");
    touch("t.010.own");     /* none of these */
    touch("t.10x.own");
    touch("t.11.own.new");
    touch("tt.12.own");
    touch("t.x.13.own");
    ck_assert_uint_eq(series_last(trace_path), 10);
    ck_assert_int_eq(series_shift(trace_path), 0);
    ck_assert(has("t.11.own", "t.own") && !has("t.own", "t.own"));
    touch("t.own");
    touch("t.12.own");
    ck_assert_int_eq(series_swap(trace_path, 12), 0);
    ck_assert(has("t.own", "t.12.own") && has("t.12.own", "t.own"));
    ck_assert_int_eq(series_trim(trace_path, 3), 0);
    ck_assert(!has("t.9.own", "t.9.own") && !has("t.10.own", "t.10.own"));
    ck_assert(has("t.11.own", "t.own") && has("t.12.own", "t.own") && has("t.own", "t.12.own"));
    ck_assert(has("t.010.own", "t.010.own") && has("t.10x.own", "t.10x.own") && has("tt.12.own", "tt.12.own"));
    ck_assert_int_eq(series_trim(trace_path, 1), 0);
    ck_assert(!has("t.12.own", "t.own") && has("t.own", "t.12.own"));
}
END_TEST

/* Blocks of which the first KEPT stay. */
static void start_writer(void)
{
    const char *segment = session_segment_path(collector_session(collector));
    struct fake_writer w = {0};
    child = fork();
    if (child)
        return;
    child_begin(&w, segment);
    for (uint64_t i = 0; i < NEWS; i++)
        if (fake_new(&w, 0x100000 + 64 * (i * 7919 % 2000003), 10 + (i * 2654435761u >> 7) % 3000) ||
            (i >= KEPT && fake_drop(&w, 0x100000 + 64 * (i * 7919 % 2000003))))
            _exit(2);
    _exit(0);
}

static void record(unsigned keep)
{
    struct collector_news news;
    open_collector((struct collector_options){.session.wait_ms = 20000, .rotation = {.bytes = ROTATE_BYTES, .keep = keep}});
    start_writer();
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    ck_assert_int_eq(collector_trace_error(collector), 0);
    ck_assert(!collector_news(collector, &news));
    struct view *v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, NEWS);
    ck_assert_uint_eq(v->totals.live_blocks, KEPT);
    view_free(v);
    collector_close(collector, true);
}

START_TEST(row)
{
    char *parts[64] = {0}, joined[160];
    size_t n = 0;
    uint64_t events = 0, news = 0;
    struct trace *t, *last;
    struct event e;
    struct graph *g, *end;
    record(64);
    uint64_t numbered = series_last(trace_path);
    ck_assert_uint_ge(numbered, 2);
    ck_assert_uint_lt(numbered, 63);
    for (uint64_t i = 1; i <= numbered; i++)
        parts[n++] = series_path(trace_path, i);
    parts[n++] = strdup(trace_path);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(trace_open(&t, parts[i]), 0);
        ck_assert_uint_eq(trace_torn_bytes(t), 0);
        ck_assert(trace_end(t)->present);
        ck_assert_uint_eq(trace_events_before(t), events);
        for (; trace_next(t, &e) == 1; events++)
            news += e.type == EVENT_NEW;
        ck_assert_uint_eq(trace_events(t), events);
        trace_close(t);
    }
    ck_assert_uint_eq(news, NEWS);

    /* all in one, folded from its first event, and the last file alone */
    snprintf(joined, sizeof joined, "%s/joined.own", dir);
    ck_assert_int_eq(trace_join(joined, (const char *const *)parts, n), 0);
    ck_assert_int_eq(trace_open(&t, joined), 0);
    g = graph_new(trace_code(t));
    if (!trace_has_locks(t))
        graph_without_locks(g);
    while (trace_next(t, &e) == 1)
        graph_fold(g, &e);
    ck_assert_uint_eq(graph_events(g), events);
    ck_assert_int_eq(trace_open(&last, trace_path), 0);
    ck_assert_int_eq(replay_to(last, UINT64_MAX, &end, NULL), 0);
    graphs_check(g, end);
    graph_free(g);
    graph_free(end);
    trace_close(t);
    trace_close(last);
    for (size_t i = 0; i < n; i++)
        free(parts[i]);
}
END_TEST

START_TEST(bounded)
{
    struct trace *t;
    record(2);
    uint64_t number = series_last(trace_path);
    char *older = series_path(trace_path, number), *oldest = series_path(trace_path, number - 1);
    ck_assert_uint_ge(number, 2);
    ck_assert_int_eq(access(older, F_OK), 0);
    ck_assert_int_ne(access(oldest, F_OK), 0);
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    ck_assert_uint_gt(trace_events_before(t), 0);
    trace_close(t);
    free(older);
    free(oldest);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rotation");
    TCase *c = tcase_create("rotation");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, series);
    tcase_add_test(c, row);
    tcase_add_test(c, bounded);
    suite_add_tcase(s, c);
    return suite_run(s);
}
