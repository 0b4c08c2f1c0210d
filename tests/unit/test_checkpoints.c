/*
 * tests/unit/test_checkpoints.c - when the collector saves the fold's state, that
 * it is what a replay of the file has, and that a successor goes on from it.
 *
 * Who judges: a graph that folds the same events from the first on, saved at the
 * same event: the bytes are equal. Also built with SAN=thread.
 */
#include <pthread.h>
#include <sched.h>

#include "collector_fixture.h"
#include "event/xalloc.h"
#include "state_save.h"
#include "suite.h"

/* ---- the module alone ----------------------------------------------------- */

struct bench {
    struct session *session;
    struct code *code;
    struct graph *graph;
    struct checkpoints *checkpoints;
    uint64_t made;              /* events */
    bool lacks;                 /* the file does not have them all */
    unsigned lent, returned;
    struct { uint64_t event, ns; struct archive state; } written[16];
    unsigned n_written;
    uint64_t trace_bytes, state_bytes;
};

static void lend(void *context, bool lent, enum checkpoint_place place)
{
    struct bench *b = context;
    ck_assert_uint_eq(b->lent, b->returned + !lent);    /* never twice */
    *(lent ? &b->lent : &b->returned) += 1;
}

static uint64_t cut(void *context)
{
    struct bench *b = context;
    return b->made - b->lacks;
}

static void keep(void *context, enum checkpoint_place place, uint64_t event, uint64_t ns, struct archive *state)
{
    struct bench *b = context;
    ck_assert_uint_eq(b->lent, b->returned);    /* the graph is back */
    ck_assert_uint_lt(b->n_written, 16);
    b->written[b->n_written].event = event;
    b->written[b->n_written].ns = ns;
    b->written[b->n_written++].state = *state;
}

static uint64_t sizes(void *context, uint64_t *state_bytes)
{
    const struct bench *b = context;
    *state_bytes = b->state_bytes;
    return b->trace_bytes;
}

static struct bench bench_new(void)
{
    struct session_options s = {.preload_path = "/nowhere.so", .wait_ms = 100};
    struct bench b = {.code = code_new()};
    ck_assert_int_eq(session_create(&b.session, &s), 0);
    b.graph = graph_new(b.code);
    return b;
}

static void bench_begin(struct bench *b, const struct checkpoints_options *o)
{
    struct checkpoints_host h = {.session = b->session, .graph = b->graph, .lend = lend, .cut = cut, .sizes = sizes, .write = keep, .context = b};
    b->checkpoints = checkpoints_new(&h, o, 0);
}

static void bench_free(struct bench *b)
{
    checkpoints_free(b->checkpoints);
    for (unsigned i = 0; i < b->n_written; i++)
        archive_free(&b->written[i].state);
    graph_free(b->graph);
    code_free(b->code);
    session_close(b->session, true);
}

static struct event event_number(uint64_t i)
{
    return (struct event){.type = EVENT_NEW, .ns = 100 * i, .thread = 1, .process = 1, .address = 0x10000 + 64 * i, .size = 40 + i % 7};
}

static void fold(struct bench *b, unsigned n)
{
    for (; n; n--) {
        struct event e = event_number(++b->made);
        graph_fold(b->graph, &e);
    }
}

/* Drops of what is not there: events that leave no rows. */
static void fold_nothing(struct bench *b, unsigned n)
{
    for (; n; n--) {
        struct event e = {.type = EVENT_DROP, .ns = 100 * b->made++, .thread = 1, .process = 1, .address = 1};
        graph_fold(b->graph, &e);
    }
}

/* The bytes of a graph that folded the first `n` events alone. */
static void check_state(const struct archive *saved, uint64_t n)
{
    struct code *code = code_new();
    struct graph *g = graph_new(code);
    struct archive a;
    for (uint64_t i = 1; i <= n; i++) {
        struct event e = event_number(i);
        graph_fold(g, &e);
    }
    state_save(g, &a);
    ck_assert(states_equal(&a, saved));
    archive_free(&a);
    graph_free(g);
    code_free(code);
}

START_TEST(due)
{
    const struct checkpoints_options o = {.given = true, .every = 1000};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    fold(&b, 999);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 0);
    fold(&b, 1);
    checkpoints_round(b.checkpoints, false);    /* somebody needs the graph */
    ck_assert_uint_eq(b.n_written, 0);
    fold(&b, 5);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 1);
    ck_assert_uint_eq(b.written[0].event, 1005);
    ck_assert_uint_eq(b.written[0].ns, 100500);
    check_state(&b.written[0].state, 1005);
    fold(&b, 999);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 1);
    fold(&b, 1);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 2);
    ck_assert_uint_eq(b.written[1].event, 2005);
    check_state(&b.written[1].state, 2005);
    ck_assert_uint_eq(b.lent, 0);               /* small ones are saved here */
    fold(&b, 249);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 2);
    fold(&b, 1);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 3);
    ck_assert_uint_eq(b.written[2].event, 2255);
    bench_free(&b);
}
END_TEST

/* Where nobody said how often: seldom, and the more seldom the more is alive. */
START_TEST(due_by_itself)
{
    const struct checkpoints_options o = {0};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    b.trace_bytes = 1 << 30;
    fold(&b, 300000);
    checkpoints_round(b.checkpoints, true);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 0);
    fold_nothing(&b, CHECKPOINT_EVENTS / 4);    /* all are alive: the end has none either */
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 0);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 1);
    bench_free(&b);
}
END_TEST

/* It waits until the trace has grown by eight times what it will take: as much a row as the last one, three bytes before. */
START_TEST(due_by_size)
{
    const struct checkpoints_options o = {0};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    fold(&b, 1000);
    fold_nothing(&b, CHECKPOINT_EVENTS);
    uint64_t rows = graph_rows(b.graph);
    b.trace_bytes = 8 * 3 * rows - 1;
    checkpoints_round(b.checkpoints, true);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 0);
    b.trace_bytes++;
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 1);
    b.state_bytes = 10 * rows;
    fold_nothing(&b, CHECKPOINT_EVENTS);
    ck_assert_uint_eq(graph_rows(b.graph), rows);
    b.trace_bytes += 8 * 10 * rows - 1;
    checkpoints_round(b.checkpoints, true);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 1);
    b.trace_bytes++;
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 2);
    bench_free(&b);
}
END_TEST

/* But not for ever: the more there is to fold, the less its size counts. */
START_TEST(due_by_waiting)
{
    const struct checkpoints_options o = {0};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    fold(&b, 1000);
    fold_nothing(&b, CHECKPOINT_EVENTS + CHECKPOINT_WAIT_EVENTS - 1001);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 0);
    fold_nothing(&b, 1);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.n_written, 1);
    ck_assert_uint_eq(b.written[0].event, CHECKPOINT_EVENTS + CHECKPOINT_WAIT_EVENTS);
    bench_free(&b);
}
END_TEST

START_TEST(none_wanted)
{
    const struct checkpoints_options o = {.given = true};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    fold(&b, 5000);
    checkpoints_round(b.checkpoints, true);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 0);
    bench_free(&b);
}
END_TEST

/* What the file lacks no replay of it can have. */
START_TEST(none_of_an_incomplete_file)
{
    const struct checkpoints_options o = {.given = true, .every = 10};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    fold(&b, 10);
    b.lacks = true;
    checkpoints_round(b.checkpoints, true);
    b.lacks = false;
    fold(&b, 100);
    checkpoints_round(b.checkpoints, true);
    checkpoints_finish(b.checkpoints);
    ck_assert_uint_eq(b.n_written, 0);
    bench_free(&b);
}
END_TEST

/* A large state is saved beside; the graph is nobody's else until it is back. */
START_TEST(lent)
{
    const struct checkpoints_options o = {.given = true, .every = 1000, .aside_rows = 1000};
    struct bench b = bench_new();
    bench_begin(&b, &o);
    fold(&b, 60000);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.lent, 1);
    ck_assert_uint_eq(b.n_written, 0);
    checkpoints_wait(b.checkpoints);
    ck_assert_uint_eq(b.returned, 1);
    ck_assert_uint_eq(b.n_written, 1);
    ck_assert_uint_eq(b.written[0].event, 60000);
    check_state(&b.written[0].state, 60000);
    fold(&b, 1000);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.lent, 2);
    checkpoints_finish(b.checkpoints);          /* waits for it, and has nothing to add */
    ck_assert_uint_eq(b.n_written, 2);
    check_state(&b.written[1].state, 61000);
    fold(&b, 1000);
    checkpoints_round(b.checkpoints, true);
    ck_assert_uint_eq(b.lent, 3);
    bench_free(&b);                             /* in the middle of one */
}
END_TEST

/* ---- in a collector ------------------------------------------------------- */

/* A process that makes blocks and drops every other one: half of them once it is told where the segment is, the other
 * half when it is told to go on. It was forked before there was a segment, whose lock its collector has alone. */
static int tell[2];

static void news(struct fake_writer *w, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        if (fake_new(w, 0x1000 + 64 * i, 10) || (i % 2 && fake_drop(w, 0x1000 + 64 * i)))
            _exit(2);
}

static void start_writer(uint64_t n)
{
    ck_assert_int_eq(pipe(tell), 0);
    child = fork();
    if (child)
        return;
    struct fake_writer w = {0};
    char path[4096], byte;
    if (read(tell[0], path, sizeof path) != sizeof path)
        _exit(1);
    child_begin(&w, path);
    news(&w, 0, n / 2);
    if (read(tell[0], &byte, 1) != 1)
        _exit(3);
    news(&w, n / 2, n);
    _exit(0);
}

static void tell_segment(void)
{
    char path[4096] = "";
    snprintf(path, sizeof path, "%s", session_segment_path(collector_session(collector)));
    ck_assert_int_eq(write(tell[1], path, sizeof path), sizeof path);
}

static void tell_to_go_on(void) { ck_assert_int_eq(write(tell[1], "", 1), 1); }

static void record(const struct checkpoints_options *k, const char *attach)
{
    open_collector((struct collector_options){.session.wait_ms = 5000, .attach = attach, .checkpoints = *k});
}

/* Each checkpoint of the file holds what a graph has that folds from the first event. */
static size_t check_file(void)
{
    const struct trace_checkpoint *list;
    struct trace *t, *from_start;
    struct event e;
    uint64_t folded = 0;
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    ck_assert_int_eq(trace_open(&from_start, trace_path), 0);
    ck_assert_uint_eq(trace_torn_bytes(t), 0);
    size_t n = trace_checkpoints(t, &list);
    struct graph *g = graph_new(trace_code(from_start));
    if (!trace_has_locks(t))
        graph_without_locks(g);
    for (size_t i = 0; i < n; i++) {
        struct archive in;
        for (; folded < list[i].event; folded++) {
            ck_assert_int_eq(trace_next(from_start, &e), 1);
            graph_fold(g, &e);
        }
        ck_assert_uint_eq(list[i].ns, graph_now_ns(g));
        ck_assert_int_eq(trace_checkpoint_begin(t, i, &in), 0);
        struct graph *loaded = graph_load(trace_code(t), &in);
        ck_assert_msg(loaded, "%s", in.flaw);
        ck_assert_int_eq(trace_checkpoint_end(t, &in), 0);
        graphs_check(loaded, g);
        graph_free(loaded);
    }
    graph_free(g);
    trace_close(t);
    trace_close(from_start);
    return n;
}

enum { NEWS = 100000, NEWS_BEFORE = 300 };

START_TEST(in_the_trace)
{
    const struct checkpoints_options k = {.given = true, .every = 20000};
    start_writer(2 * NEWS);
    record(&k, NULL);
    tell_segment();
    tell_to_go_on();
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    struct view *v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, 2 * NEWS);
    view_free(v);
    ck_assert_int_eq(collector_trace_error(collector), 0);
    collector_close(collector, true);
    ck_assert_uint_gt(check_file(), 0);     /* as many as there were rounds, on a slow machine */
}
END_TEST

/* The writer waits, and all it said is taken. */
static bool half_done(void *unused)
{
    struct session_counts n;
    session_counts(collector_session(collector), &n);
    return n.events >= NEWS + NEWS / 2;
}

START_TEST(gone_on_with)
{
    const struct checkpoints_options k = {.given = true, .every = 20000};
    char name[SESSION_NAME_MAX + 1];
    start_writer(2 * NEWS);
    record(&k, NULL);
    tell_segment();
    ck_assert_int_eq(collector_run(collector, half_done, NULL), 0);
    snprintf(name, sizeof name, "%s", session_name(collector_session(collector)));
    collector_close(collector, false);      /* without an end */
    size_t before = check_file();
    ck_assert_uint_gt(before, 0);
    record(&k, name);
    tell_to_go_on();
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    struct view *v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, 2 * NEWS);
    ck_assert_uint_eq(v->totals.live_blocks, NEWS);
    ck_assert_uint_eq(v->lost[WIRE_LOST_COLLECTOR_DIED], 0);
    view_free(v);
    collector_close(collector, true);
    ck_assert_uint_gt(check_file(), before);
}
END_TEST

/* Two threads: one takes an address that the other has not given up. The fold waits for that, and by
 * the clock nobody comes any more: who looks sees it made, but the file does not say so, and no checkpoint does. */
static atomic_u32 other_tid;

static void *other_thread(void *unused)
{
    store_release(&other_tid, (uint32_t)syscall(SYS_gettid));
    pause();
    return unused;
}

static void start_waiting_writer(void)
{
    ck_assert_int_eq(pipe(tell), 0);
    child = fork();
    if (child)
        return;
    struct wire_segment s;
    struct fake_writer first = {0}, second = {0};
    char path[4096], byte;
    pthread_t other;
    uint32_t process;
    if (pthread_create(&other, NULL, other_thread, NULL))
        _exit(1);
    while (!load_acquire(&other_tid))
        sched_yield();
    if (read(tell[0], path, sizeof path) != sizeof path || fake_map(&s, path))
        _exit(1);
    process = fake_process(&s);
    if (fake_claim(&first, &s, process) || fake_birth(&first, 0, WIRE_BORN_EXEC) || fake_claim_as(&second, &s, process, (uint32_t)getpid(), load_relaxed(&other_tid)) ||
        fake_new(&second, 0x900000, 10))
        _exit(1);
    for (uint64_t i = 1; i < NEWS_BEFORE; i++)
        if (fake_new(&first, 0x1000 + 64 * i, 10))
            _exit(2);
    if (fake_new(&second, 0x1000 + 64, 10) || read(tell[0], &byte, 1) != 1)
        _exit(3);
    _exit(0);
}

static atomic_u32 seen;

static void *look(void *unused)
{
    while (!load_acquire(&seen)) {
        struct view *v = collector_view_get(collector, 0);
        if (!v)
            break;
        if (v->totals.allocations == NEWS_BEFORE + 1)
            store_release(&seen, 1);
        collector_view_put(collector, v);
    }
    return unused;
}

static bool was_seen(void *unused) { return load_acquire(&seen); }

START_TEST(looked_at)
{
    const struct checkpoints_options k = {.given = true, .every = 1000};
    pthread_t looker;
    int status;
    store_relaxed(&seen, 0);
    start_waiting_writer();
    record(&k, NULL);
    tell_segment();
    ck_assert_int_eq(pthread_create(&looker, NULL, look, NULL), 0);
    ck_assert_int_eq(collector_run(collector, was_seen, NULL), 0);
    collector_finish(collector);
    pthread_join(looker, NULL);
    struct view *v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, NEWS_BEFORE + 1);
    view_free(v);
    collector_close(collector, true);
    ck_assert_uint_eq(check_file(), 1);
    tell_to_go_on();
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("checkpoints");
    TCase *c = tcase_create("checkpoints");
    tcase_add_checked_fixture(c, folder_make, folder_remove);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, due);
    tcase_add_test(c, due_by_itself);
    tcase_add_test(c, due_by_size);
    tcase_add_test(c, due_by_waiting);
    tcase_add_test(c, none_wanted);
    tcase_add_test(c, none_of_an_incomplete_file);
    tcase_add_test(c, lent);
    tcase_add_test(c, in_the_trace);
    tcase_add_test(c, gone_on_with);
    tcase_add_test(c, looked_at);
    suite_add_tcase(s, c);
    return suite_run(s);
}
