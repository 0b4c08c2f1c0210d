/*
 * tests/unit/test_collector.c - the live collector: one thread ingests while
 * others ask for views and flushes; a writer in a child process feeds it.
 * Also built with SAN=thread.
 */
#include <pthread.h>

#include "collector_fixture.h"
#include "suite.h"

enum { NEWS = 200000, ASKERS = 3 };

static atomic_u32 over, views, flushes, backwards;

static void setup(void)
{
    folder_make();
    store_relaxed(&over, 0);
    store_relaxed(&views, 0);
    store_relaxed(&flushes, 0);
    store_relaxed(&backwards, 0);
    open_collector((struct collector_options){.session.wait_ms = 5000});
}

/* A process that makes `news` blocks and drops every other one. */
static pid_t start_writer(uint64_t news)
{
    const char *path = session_segment_path(collector_session(collector));
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {0};
        child_begin(&w, path);
        for (uint64_t i = 0; i < news; i++)
            if (fake_new(&w, 0x1000 + 64 * i, 10) || (i % 2 && fake_drop(&w, 0x1000 + 64 * i)))
                _exit(2);
        _exit(0);
    }
    return pid;
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

    child = start_writer(NEWS);
    for (int i = 0; i < ASKERS; i++)
        ck_assert_int_eq(pthread_create(&askers[i], NULL, ask, NULL), 0);
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
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
    tcase_add_checked_fixture(c, setup, folder_remove);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, views_while_it_folds);
    suite_add_tcase(s, c);
    return suite_run(s);
}
