/*
 * tests/unit/test_rotation.c - a trace in several files, of a collector whose state
 * is large, so that each next file is begun aside while events come: every file goes
 * on where the one before it ended, all joined are the whole trace, and the last alone
 * has the state of all. Files of a series: numbers, and which go.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "export/replay.h"
#include "fake_writer.h"
#include "serve/collector.h"
#include "serve/series.h"

enum { NEWS = 1200000, KEPT = 52000, ROTATE_BYTES = 100000 };

static char dir[] = "/tmp/ownscope-test-XXXXXX";
static char path[128];
static struct collector *collector;
static pid_t writer;

static void setup(void)
{
    strcpy(dir, "/tmp/ownscope-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("OWNSCOPE_DIR", dir, 1);
    snprintf(path, sizeof path, "%s/t.own", dir);
}

static void teardown(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

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
    ck_assert_uint_eq(series_last(path), 0);
    ck_assert_int_eq(series_shift(path), 0);        /* there is none */
    touch("t.own");
    touch("t.9.own");
    touch("t.10.own");
    touch("t.010.own");     /* none of these */
    touch("t.10x.own");
    touch("t.11.own.new");
    touch("tt.12.own");
    touch("t.x.13.own");
    ck_assert_uint_eq(series_last(path), 10);
    ck_assert_int_eq(series_shift(path), 0);
    ck_assert(has("t.11.own", "t.own") && !has("t.own", "t.own"));
    touch("t.own");
    touch("t.12.own");
    ck_assert_int_eq(series_swap(path, 12), 0);
    ck_assert(has("t.own", "t.12.own") && has("t.12.own", "t.own"));
    ck_assert_int_eq(series_trim(path, 3), 0);
    ck_assert(!has("t.9.own", "t.9.own") && !has("t.10.own", "t.10.own"));
    ck_assert(has("t.11.own", "t.own") && has("t.12.own", "t.own") && has("t.own", "t.12.own"));
    ck_assert(has("t.010.own", "t.010.own") && has("t.10x.own", "t.10x.own") && has("tt.12.own", "tt.12.own"));
    ck_assert_int_eq(series_trim(path, 1), 0);
    ck_assert(!has("t.12.own", "t.own") && has("t.own", "t.12.own"));
}
END_TEST

/* Blocks of which the first KEPT stay. */
static void start_writer(void)
{
    const char *segment = session_segment_path(collector_session(collector));
    struct wire_segment s;
    struct fake_writer w = {0};
    writer = fork();
    if (writer)
        return;
    if (fake_map(&s, segment) || fake_claim(&w, &s, fake_process(&s)) || fake_birth(&w, 0, WIRE_BORN_EXEC))
        _exit(1);
    for (uint64_t i = 0; i < NEWS; i++)
        if (fake_new(&w, 0x100000 + 64 * (i * 7919 % 2000003), 10 + (i * 2654435761u >> 7) % 3000) ||
            (i >= KEPT && fake_drop(&w, 0x100000 + 64 * (i * 7919 % 2000003))))
            _exit(2);
    _exit(0);
}

static bool writer_ended(void *unused)
{
    int status;
    if (waitpid(writer, &status, WNOHANG) != writer)
        return false;
    ck_assert_int_eq(status, 0);
    session_reaped(collector_session(collector), writer, status);
    return true;
}

static void record(unsigned keep)
{
    enum collector_step step;
    struct collector_news news;
    struct collector_options o = {.session = {.preload_path = "/nowhere.so", .stacks = WIRE_STACKS_FULL, .wait_ms = 20000},
                                  .trace_path = path, .command = "fake", .rotation = {.bytes = ROTATE_BYTES, .keep = keep}};
    ck_assert_int_eq(collector_open(&collector, &o, &step), 0);
    start_writer();
    ck_assert_int_eq(collector_run(collector, writer_ended, NULL), 0);
    collector_finish(collector);
    ck_assert_int_eq(collector_trace_error(collector), 0);
    ck_assert(!collector_news(collector, &news));
    struct view *v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, NEWS);
    ck_assert_uint_eq(v->totals.live_blocks, KEPT);
    view_free(v);
    collector_close(collector, true);
}

/* What a graph is, as bytes. */
static void bytes_of(struct graph *g, struct archive *a)
{
    archive_write_begin(a);
    graph_save(g, a);
    archive_write_end(a);
}

static void check_same(struct graph *a, struct graph *b)
{
    struct archive x, y;
    bytes_of(a, &x);
    bytes_of(b, &y);
    ck_assert_uint_eq(archive_bytes_written(&x), archive_bytes_written(&y));
    for (size_t i = 0; i < x.n_parts; i++)
        ck_assert_mem_eq(x.parts[i].data, y.parts[i].data, x.parts[i].bytes);
    archive_free(&x);
    archive_free(&y);
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
    uint64_t numbered = series_last(path);
    ck_assert_uint_ge(numbered, 2);
    ck_assert_uint_lt(numbered, 63);
    for (uint64_t i = 1; i <= numbered; i++)
        parts[n++] = series_path(path, i);
    parts[n++] = strdup(path);
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
    ck_assert_int_eq(trace_open(&last, path), 0);
    ck_assert_int_eq(replay_to(last, UINT64_MAX, &end, NULL), 0);
    check_same(g, end);
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
    uint64_t number = series_last(path);
    char *older = series_path(path, number), *oldest = series_path(path, number - 1);
    ck_assert_uint_ge(number, 2);
    ck_assert_int_eq(access(older, F_OK), 0);
    ck_assert_int_ne(access(oldest, F_OK), 0);
    ck_assert_int_eq(trace_open(&t, path), 0);
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
    SRunner *r = srunner_create(s);
    int failed;
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, series);
    tcase_add_test(c, row);
    tcase_add_test(c, bounded);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
