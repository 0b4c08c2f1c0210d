/*
 * tests/unit/test_snapshots.c - the live collector takes snapshots: of a process
 * that holds, when asked while events pour in, at marks; who asks in vain is
 * told so. The traced processes are children with memory of their own.
 * Also built with SAN=thread.
 */
#include <pthread.h>
#include <signal.h>

#include "collector_fixture.h"
#include "serve/backlog.h"
#include "suite.h"

enum { MANY = 300000, LIVE = 120000, ASKERS = 3 };

static atomic_u32 over, taken, wrong;
static int first_taken[2];   /* a pipe: closed when it was */

static void setup(void)
{
    folder_make();
    store_relaxed(&over, 0);
    store_relaxed(&taken, 0);
    store_relaxed(&wrong, 0);
    open_collector((struct collector_options){
        .session = {.wait_ms = 20000, .snapshots = WIRE_SNAPSHOT_AT_EXIT | WIRE_SNAPSHOT_AT_MARK}});
}

/* ---- the traced side ---- */

static struct fake_writer writer;
static void **root;

/* As the shim does; false: its bound ended it. */
static bool child_hold(unsigned why)
{
    atomic_u32 *holding = &writer.ring.slot->holding;
    struct timespec t = {50, 0};
    uint64_t tid = (uint64_t)syscall(SYS_gettid);
    store_relaxed(holding, WIRE_HOLDING_HOLDS);
    fake_put(&writer, &(struct fake_record){.type = WIRE_HOLD, .address = (uintptr_t)__builtin_frame_address(0), .size = why,
                                            .extra = &tid, .extras = 1});
    while (load_acquire(holding) == WIRE_HOLDING_HOLDS)
        if (syscall(SYS_futex, holding, FUTEX_WAIT, WIRE_HOLDING_HOLDS, &t, NULL, 0) && errno == ETIMEDOUT)
            return false;
    return exchange_acq_rel(holding, (uint32_t)WIRE_HOLDING_NOT) == WIRE_HOLDING_GO;
}

/* A block of 100 that a static variable holds, and one of 50 that its second word does. */
static void child_chain(void)
{
    root = malloc(100);
    root[0] = NULL;
    root[1] = malloc(50);
    memset(root[1], 0, 50);
    fake_new(&writer, (uintptr_t)root, 100);
    fake_new(&writer, (uintptr_t)root[1], 50);
}

static size_t block_of_size(const struct snapshot *s, uint64_t size)
{
    size_t i = 0;
    while (i < s->n_blocks && s->size[i] != size)
        i++;
    ck_assert_uint_lt(i, s->n_blocks);
    return i;
}

static void chain_check(const struct snapshot *s)
{
    size_t outer = block_of_size(s, 100), inner = block_of_size(s, 50);
    bool held = false;
    ck_assert(snapshot_sound(s));
    ck_assert_ptr_null(s->refused);
    ck_assert_uint_eq(s->how, SNAPSHOT_COPIED);
    ck_assert_uint_eq(s->first[outer + 1] - s->first[outer], 1);
    ck_assert_uint_eq(s->to[s->first[outer]], inner);
    ck_assert_uint_eq(s->at[s->first[outer]], 1);
    for (size_t i = s->first[s->n_blocks]; i < s->n_edges; i++)
        held |= (s->to[i] & EDGE_TARGET) == outer;
    ck_assert(held);
}

/* ---- holds ---- */

/* An exit and a mark are looked at, and on record; other holds go on at once. */
START_TEST(test_holds)
{
    const struct trace_snapshot *list;
    struct trace *t;
    struct snapshot *s;
    struct view *v;
    child = fork();
    if (!child) {
        child_begin(&writer, session_segment_path(collector_session(collector)));
        child_chain();
        fake_text(&writer, WIRE_MARK, 0, NULL, 0, "here", 4);
        if (!child_hold(WIRE_HOLD_MARK) || !child_hold(WIRE_HOLD_FORK))
            _exit(91);
        fake_drop(&writer, (uintptr_t)root[1]);
        root[1] = NULL;
        _exit(child_hold(WIRE_HOLD_EXIT) ? 0 : 92);
    }
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    v = collector_last_view(collector);
    ck_assert_uint_eq(v->n_snapshots, 1); /* the newest */
    ck_assert_uint_eq(v->snapshots[0]->n_blocks, 1);
    ck_assert_uint_eq(v->snapshots[0]->why, SNAPSHOT_EXIT);
    view_free(v);
    collector_close(collector, true);
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), 2);
    ck_assert_uint_eq(list[0].why, SNAPSHOT_MARK);
    ck_assert_uint_eq(list[0].number, 1);
    ck_assert_uint_eq(list[1].number, 2);
    ck_assert_int_eq(trace_snapshot_read(t, 0, &s), 0);
    ck_assert_str_eq(s->mark, "here");
    ck_assert_int_eq(s->pid, child);
    chain_check(s);
    snapshot_free(s);
    trace_close(t);
}
END_TEST

/* A thread that holds again the moment it was let go is not let go for the time before. */
START_TEST(test_every_hold)
{
    enum { HOLDS = 60 };
    const struct trace_snapshot *list;
    struct trace *t;
    child = fork();
    if (!child) {
        child_begin(&writer, session_segment_path(collector_session(collector)));
        child_chain();
        for (int i = 0; i < HOLDS; i++)
            if (!child_hold(WIRE_HOLD_MARK))
                _exit(92);
        _exit(0);
    }
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    collector_close(collector, true);
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    ck_assert_uint_eq(trace_snapshots(t, &list), HOLDS);
    trace_close(t);
}
END_TEST

/* Pages that the collector, its parent, has in memory. */
static long parent_pages(void)
{
    char path[64];
    long pages = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)getppid());
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1)
        _exit(94);
    fclose(f);
    return pages;
}

/* As if the bound of a hold ended while room is made. False: the answer came first. */
static bool child_gives_up(void)
{
    atomic_u32 *holding = &writer.ring.slot->holding;
    uint64_t tid = (uint64_t)syscall(SYS_gettid);
    uint32_t held = WIRE_HOLDING_HOLDS;
    long before = parent_pages();
    store_relaxed(holding, WIRE_HOLDING_HOLDS);
    fake_put(&writer, &(struct fake_record){.type = WIRE_HOLD, .address = (uintptr_t)__builtin_frame_address(0),
                                            .size = WIRE_HOLD_MARK, .extra = &tid, .extras = 1});
    while (load_acquire(holding) == held && parent_pages() < before + 4096)
        usleep(100);
    return exchange_acq_rel(holding, (uint32_t)WIRE_HOLDING_NOT) == held;
}

/* One that gives up waiting while room is made for it is not read as if it stood. */
START_TEST(test_gives_up)
{
    enum { BYTES = 512 << 20, TRIES = 50 };
    size_t n, refused = 0;
    const struct trace_snapshot *list;
    struct snapshot *s;
    struct trace *t;
    child = fork();
    if (!child) {
        child_begin(&writer, session_segment_path(collector_session(collector)));
        child_chain();
        memset(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, BYTES);
        for (int i = 0; i < TRIES && !child_gives_up(); i++)
            ;
        _exit(child_hold(WIRE_HOLD_EXIT) ? 0 : 92);
    }
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    collector_close(collector, true);
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    n = trace_snapshots(t, &list);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(trace_snapshot_read(t, i, &s), 0);
        ck_assert_msg(!s->refused || strstr(s->refused, "--wait-ms (20000 ms)"), "%s", s->refused);
        refused += s->refused != NULL;
        snapshot_free(s);
    }
    ck_assert_uint_eq(refused, 1);
    trace_close(t);
}
END_TEST

/* A process that is killed while it holds, or before it is read, costs its snapshot alone. */
START_TEST(test_killed)
{
    child = fork();
    if (!child) {
        child_begin(&writer, session_segment_path(collector_session(collector)));
        child_chain();
        fake_put(&writer, &(struct fake_record){.type = WIRE_HOLD, .size = WIRE_HOLD_EXIT});
        store_release(&writer.ring.slot->holding, WIRE_HOLDING_HOLDS);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    session_reaped(collector_session(collector), child, SIGKILL);
    pid_t dead = child;
    child = fork();
    if (!child) {
        child_begin(&writer, session_segment_path(collector_session(collector)));
        child_chain();
        _exit(child_hold(WIRE_HOLD_EXIT) ? 0 : 92);
    }
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    collector_finish(collector);
    struct view *v = collector_last_view(collector);
    for (size_t i = 0; i < v->n_snapshots; i++)
        ck_assert(v->snapshots[i]->pid != (uint32_t)dead || v->snapshots[i]->refused);
    ck_assert_uint_ge(v->n_snapshots, 1);
    view_free(v);
    collector_close(collector, true);
}
END_TEST

/* ---- when asked ---- */

static void *ask(void *unused)
{
    const struct snapshot *s, *list[8];
    while (!load_acquire(&over)) {
        int e = collector_snapshot_of(collector, child, &s);
        if (e) {
            if (e != -ESRCH && e != -ECANCELED)
                add_relaxed(&wrong, 1);
            usleep(1000);
            continue;
        }
        /* of its own blocks, and no others */
        if (!snapshot_sound(s) || s->pid != (uint32_t)child || s->n_blocks > LIVE)
            add_relaxed(&wrong, 1);
        for (size_t i = 0; i < s->n_blocks; i++)
            if (s->size[i] != 10)
                add_relaxed(&wrong, 1);
        collector_snapshot_put(collector, s);
        for (size_t n = collector_snapshots(collector, list, 8); n-- > 0;)
            collector_snapshot_put(collector, list[n]);
        if (!add_relaxed(&taken, 1))
            close(first_taken[1]);
        struct view *v = collector_view_get(collector, COLLECTOR_SNAPSHOTS);
        if (v && (v->n_snapshots != 1 || v->totals.live_blocks > LIVE))
            add_relaxed(&wrong, 1);
        if (v)
            collector_view_put(collector, v);
    }
    return unused;
}

/* Asked by several while the process is at work: nothing of it is lost, nothing is
 * folded that a snapshot must not see. */
START_TEST(test_asked_at_work)
{
    pthread_t askers[ASKERS];
    uint64_t last = 0, snapshots = 0, i = 0;
    struct trace *t;
    struct event e;
    struct view *v;
    ck_assert_int_eq(pipe(first_taken), 0);
    child = fork();
    if (!child) {
        char c;
        close(first_taken[1]);
        child_begin(&writer, session_segment_path(collector_session(collector)));
        for (i = 0; i < MANY; i++)
            if ((i == MANY / 2 && read(first_taken[0], &c, 1)) || fake_new(&writer, 0x10000000 + 64 * i, 10) || (i >= LIVE - 1 && fake_drop(&writer, 0x10000000 + 64 * (i - LIVE + 1))))
                _exit(93);
        _exit(0);
    }
    for (i = 0; i < ASKERS; i++)
        ck_assert_int_eq(pthread_create(&askers[i], NULL, ask, NULL), 0);
    ck_assert_int_eq(collector_run(collector, child_ended, NULL), 0);
    store_release(&over, 1);
    collector_finish(collector);
    for (i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    v = collector_last_view(collector);
    ck_assert_uint_eq(v->totals.allocations, MANY);
    ck_assert_uint_eq(v->totals.live_blocks, LIVE - 1);
    view_free(v);
    collector_close(collector, true);
    ck_assert_uint_gt(load_relaxed(&taken), 0);
    ck_assert_uint_eq(load_relaxed(&wrong), 0);
    ck_assert_int_eq(trace_open(&t, trace_path), 0);
    for (i = 0; trace_next(t, &e) == 1;)
        if (e.type == EVENT_NEW)
            ck_assert_uint_eq(e.address, 0x10000000 + 64 * i++);
        else if (e.type == EVENT_SNAPSHOT) {
            ck_assert_uint_gt(e.address, last);
            last = e.address;
            snapshots++;
        }
    ck_assert_uint_eq(i, MANY);
    ck_assert_uint_ge(snapshots, load_relaxed(&taken));
    trace_close(t);
}
END_TEST

static void *ask_in_vain(void *unused)
{
    const struct snapshot *s;
    char longer[300];
    memset(longer, 'x', sizeof longer);
    longer[299] = 0;
    if (collector_snapshot(collector, 0, &s) != -ESRCH || collector_snapshot(collector, 77, &s) != -ESRCH ||
        collector_snapshot_of(collector, getpid(), &s) != -ESRCH || collector_snapshots(collector, &s, 1) ||
        collector_mark(collector, "") != -EINVAL || collector_mark(collector, longer) != -EINVAL ||
        collector_mark(collector, "half way"))
        add_relaxed(&wrong, 1);
    store_release(&over, 1);
    return unused;
}

static bool is_over(void *unused) { return load_acquire(&over); }

/* Who asks for what is not there is told so; nobody waits for a collector that is ending. */
START_TEST(test_in_vain)
{
    const struct snapshot *s;
    pthread_t asker;
    ck_assert_int_eq(pthread_create(&asker, NULL, ask_in_vain, NULL), 0);
    ck_assert_int_eq(collector_run(collector, is_over, NULL), 0);
    collector_finish(collector);
    pthread_join(asker, NULL);
    ck_assert_uint_eq(load_relaxed(&wrong), 0);
    ck_assert_int_eq(collector_snapshot(collector, 0, &s), -ECANCELED);
    ck_assert_int_eq(collector_mark(collector, "late"), -ECANCELED);
    struct view *v = collector_last_view(collector);
    ck_assert_uint_eq(v->by_fact[FACT_MARK], 1);
    view_free(v);
    collector_close(collector, true);
}
END_TEST

/* ---- events that wait ---- */

START_TEST(test_backlog)
{
    struct backlog b = {0};
    struct code *code = code_new();
    struct graph *g = graph_new(code);
    char text[] = "/bin/x\0x";
    struct event start = {.type = EVENT_PROCESS_START, .process = 1, .thread = 1, .ns = 4, .text = text, .text_bytes = sizeof text};
    backlog_add(&b, &start, 1);
    memset(text, 'y', sizeof text); /* the text was copied */
    for (uint64_t i = 1; i <= 1000; i++)
        backlog_add(&b, &(struct event){.type = EVENT_NEW, .process = 1, .thread = 1, .ns = 4 + 4 * i, .address = 64 * i, .size = 1,
                                        .family = WIRE_MALLOC}, 1);
    backlog_fold(&b, g, 501);
    ck_assert(!backlog_empty(&b));
    ck_assert_uint_eq(graph_events(g), 501);
    backlog_fold(&b, g, 1000);
    ck_assert(backlog_empty(&b));
    ck_assert_uint_eq(graph_events(g), 1001);
    struct view *v = graph_view_make(g, code, 0);
    ck_assert_uint_eq(v->totals.live_blocks, 1000);
    ck_assert_str_eq(v->processes[0].exe, "/bin/x");
    view_free(v);
    backlog_add(&b, &start, 1);
    backlog_clear(&b);
    ck_assert(backlog_empty(&b));
    graph_free(g);
    code_free(code);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snapshots");
    TCase *c = tcase_create("live"), *parts = tcase_create("parts");
    tcase_add_checked_fixture(c, setup, folder_remove);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_holds);
    tcase_add_test(c, test_every_hold);
    tcase_add_test(c, test_gives_up);
    tcase_add_test(c, test_killed);
    tcase_add_test(c, test_asked_at_work);
    tcase_add_test(c, test_in_vain);
    tcase_add_test(parts, test_backlog);
    suite_add_tcase(s, c);
    suite_add_tcase(s, parts);
    return suite_run(s);
}
