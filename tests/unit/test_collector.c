/*
 * tests/unit/test_collector.c - the live collector: one thread ingests while
 * others ask for views and flushes; a writer in a child process feeds it.
 * Also built with SAN=thread.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "fake_writer.h"
#include "serve/collector.h"

enum { NEWS = 200000, ASKERS = 3 };

static char dir[] = "/tmp/ownscope-test-XXXXXX";
static char trace_path[128];
static struct collector *collector;
static pid_t writer;
static atomic_u32 over, views, flushes, backwards;

static void setup(void)
{
    enum collector_step step;
    struct collector_options o = {.session = {.preload_path = "/nowhere.so", .stacks = WIRE_STACKS_FULL, .wait_ms = 5000},
                                  .trace_path = trace_path, .command = "fake"};
    strcpy(dir, "/tmp/ownscope-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    setenv("OWNSCOPE_DIR", dir, 1);
    snprintf(trace_path, sizeof trace_path, "%s.own", dir);
    store_relaxed(&over, 0);
    store_relaxed(&views, 0);
    store_relaxed(&flushes, 0);
    store_relaxed(&backwards, 0);
    ck_assert_int_eq(collector_open(&collector, &o, &step), 0);
}

static void teardown(void)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s %s", dir, trace_path);
    ck_assert_int_eq(system(command), 0);
}

/* A process that makes `news` blocks and drops every other one. */
static pid_t start_writer(uint64_t news)
{
    const char *path = session_segment_path(collector_session(collector));
    pid_t pid = fork();
    if (!pid) {
        struct wire_segment s;
        struct fake_writer w = {0};
        uint64_t i;
        if (fake_map(&s, path) || fake_claim(&w, &s, fake_process(&s)) || fake_birth(&w, 0, WIRE_BORN_EXEC))
            _exit(1);
        for (i = 0; i < news; i++)
            if (fake_new(&w, 0x1000 + 64 * i, 10) || (i % 2 && fake_drop(&w, 0x1000 + 64 * i)))
                _exit(2);
        _exit(0);
    }
    return pid;
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

static void *ask(void *unused)
{
    uint64_t last = 0;
    struct view *v;
    while (!load_acquire(&over)) {
        v = collector_view_get(collector, VIEW_BLOCKS);
        if (!v)
            break;
        if (v->totals.allocations < last || v->totals.live_blocks != v->n_blocks)
            add_relaxed(&backwards, 1);
        last = v->totals.allocations;
        collector_view_put(collector, v);
        add_relaxed(&views, 1);
        if (!collector_trace_flush(collector))
            add_relaxed(&flushes, 1);
    }
    return unused;
}

START_TEST(views_while_it_folds)
{
    pthread_t askers[ASKERS];
    struct trace *t;
    struct event e;
    struct view *v;
    uint64_t news = 0;

    writer = start_writer(NEWS);
    for (int i = 0; i < ASKERS; i++)
        ck_assert_int_eq(pthread_create(&askers[i], NULL, ask, NULL), 0);
    ck_assert_int_eq(collector_run(collector, writer_ended, NULL), 0);
    store_release(&over, 1);
    collector_finish(collector);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, NEWS);
    ck_assert_uint_eq(v->totals.live_blocks, NEWS / 2);
    view_free(v);
    ck_assert_int_eq(collector_trace_error(collector), 0);
    collector_close(collector, true);
    ck_assert_uint_gt(load_relaxed(&views), 0);
    ck_assert_uint_gt(load_relaxed(&flushes), 0);
    ck_assert_uint_eq(load_relaxed(&backwards), 0);
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    while (trace_next(t, &e) == 1) {
        news += e.type == EVENT_NEW;
        ck_assert_uint_eq(e.ns % EVENT_TICK_NS, 0);
    }
    ck_assert_uint_eq(news, NEWS);
    ck_assert(trace_end(t)->present);
    trace_close(t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("collector");
    TCase *c = tcase_create("live");
    SRunner *r = srunner_create(s);
    int failed;
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, views_while_it_folds);
    suite_add_tcase(s, c);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
