/*
 * tests/unit/test_gate_flips.c - the gate from both sides: a victim under the real shim
 * whose sixteen threads do nothing but what hooks see, while this test, its collector,
 * opens and shuts the gate thousands of times.
 *
 * What holds: no ring is torn; what is behind a shut gate is in no stream once it is
 * quiet; an emergency stop is one from the first moment; the victim knows nothing of it.
 */
#include <signal.h>
#include <stdio.h>

#include "session/policy.h"
#include "session_fixture.h"
#include "suite.h"

static pid_t victim;
static char stop_file[64];
static uint64_t forbidden_from, forbidden_until; /* ns of the session: no events of memory, locks, copies; until 0: for ever */
static uint64_t forbidden;
static uint64_t stopped_ns;     /* 0: not stopped */
static unsigned after_stop;     /* records that were made after it, of any kind */
static unsigned threads = 16;

/* Beside the folder that this test was built to. */
static const char *beside(const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 256);
    ck_assert_int_gt(n, 0);
    path[n] = 0;
    for (int up = 0; up < 3; up++)
        *strrchr(path, '/') = 0;
    strcat(strcat(path, "/"), name);
    return path;
}

static void start(void)
{
    char session_path[256], shim[4096], path[4096], count[12];
    snprintf(session_path, sizeof session_path, "%s", session_segment_path(session));
    snprintf(shim, sizeof shim, "%s", beside("libownscope.so"));
    snprintf(path, sizeof path, "%s", beside("tests/victims/gate_hammer"));
    snprintf(count, sizeof count, "%u", threads);
    snprintf(stop_file, sizeof stop_file, "%s/stop", dir);
    victim = fork();
    if (!victim) {
        setenv("LD_PRELOAD", shim, 1);
        setenv("OWNSCOPE_SESSION", session_path, 1);
        freopen("/dev/null", "w", stdout);
        execl(path, path, stop_file, count, (char *)NULL);
        _exit(99);
    }
}

static bool is_of_life(const struct event *e)
{
    switch (e->type) {
    case EVENT_NEW: case EVENT_DROP: case EVENT_REALLOC_BEGIN: case EVENT_REALLOC_END: case EVENT_USABLE: case EVENT_COPY:
    case EVENT_WAIT: case EVENT_ACQUIRE: case EVENT_RELEASE: case EVENT_WAIT_END: case EVENT_COND_WAIT: case EVENT_COND_WOKEN:
    case EVENT_SIGNAL:
        return false;
    default:
        return true;
    }
}

static void look(void *context, const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct event *e = &events[i];
        by_type[e->type]++;
        seen++;
        if (e->type == EVENT_LOST) {
            lost_events[e->address] += e->size;
            continue;
        }
        if (stopped_ns && e->ns > stopped_ns && e->type != EVENT_THREAD_GONE && e->type != EVENT_PROCESS_GONE)
            after_stop++;
        if (is_of_life(e))
            continue;
        if (forbidden_from && e->ns > forbidden_from && (!forbidden_until || e->ns < forbidden_until))
            forbidden++;
    }
}

static void drain(void) { ck_assert_int_ge(session_drain(session, code, look, NULL), 0); }

static void drain_for(unsigned ms)
{
    uint64_t end = wire_clock_monotonic_ns() + ms * 1000000ull;
    while (wire_clock_monotonic_ns() < end) {
        drain();
        session_wait(session);
    }
}

/* Ends the victim; its own word of whether all was right. */
static int finish(void)
{
    int status = 0;
    FILE *f = fopen(stop_file, "w");
    fclose(f);
    while (waitpid(victim, &status, WNOHANG) != victim) {
        drain();
        session_wait(session);
    }
    unlink(stop_file);
    session_reaped(session, victim, status);
    ck_assert_int_ge(session_finish(session, code, look, NULL), 0);
    return status;
}

static void await_work(void)
{
    uint64_t end = wire_clock_monotonic_ns() + 40000000000ull;
    while (by_type[EVENT_ACQUIRE] < 2000 && wire_clock_monotonic_ns() < end)
        drain_for(1);
    ck_assert_uint_ge(by_type[EVENT_ACQUIRE], 2000);
}

static void check_rings(void)
{
    struct session_counts c;
    session_counts(session, &c);
    ck_assert_uint_eq(c.torn, 0);
    ck_assert_uint_eq(lost_events[WIRE_LOST_TORN], 0);
}

/* All combinations of bits, one after the other as fast as they come. */
START_TEST(test_flips)
{
    static const uint32_t gates[] = {WIRE_GATE_ALL, WIRE_GATE_LIFE, WIRE_GATE_LIFE | WIRE_GATE_MEMORY, WIRE_GATE_LIFE | WIRE_GATE_LOCKS,
                                     WIRE_GATE_ALL, 0, WIRE_GATE_LIFE | WIRE_GATE_COPIES, WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_LOCKS};
    unsigned flips = getenv("TORTURE") ? 200000 : 3000;
    uint32_t gate = 0;
    start();
    await_work();
    for (unsigned i = 0; i < flips; i++) {
        if (i % 97 == 0) {
            session_emergency(session);
            session_emergency_end(session);
        }
        ck_assert_int_eq(session_policy_publish(session, NULL, gates[i % 8], &gate), 0);
        if (i % 16 == 0)
            drain();
    }
    ck_assert_int_eq(session_policy_publish(session, NULL, WIRE_GATE_ALL, &gate), 0);
    by_type[EVENT_ACQUIRE] = 0;
    await_work(); /* all of it works as before */
    ck_assert_int_eq(finish(), 0);
    check_rings();
}
END_TEST

/* Once it is quiet behind a pause nothing is recorded until the gate opens again. */
START_TEST(test_quiet_is_quiet)
{
    uint32_t gate = 0;
    start();
    await_work();
    for (int i = 0; i < 6; i++) {
        uint64_t end = wire_clock_monotonic_ns() + 40000000000ull;
        ck_assert_int_eq(session_policy_publish(session, NULL, i % 3 ? WIRE_GATE_LIFE : 0, &gate), 0);
        while (!session_quiet(session, gate) && wire_clock_monotonic_ns() < end)
            drain_for(1);
        ck_assert(session_quiet(session, gate));
        forbidden_from = session_now_ns(session);
        forbidden_until = 0;
        drain_for(30);
        forbidden_until = session_now_ns(session);
        ck_assert_int_eq(session_policy_publish(session, NULL, WIRE_GATE_ALL, &gate), 0);
        by_type[EVENT_ACQUIRE] = 0;
        await_work();
        ck_assert_uint_eq(forbidden, 0);
    }
    ck_assert_int_eq(finish(), 0);
    check_rings();
}
END_TEST

/* A stop: who was in the midst of a record finishes that one (it may have lost its processor there), and no thread begins
 * another. It is soon quiet, where threads are not many more than processors; and it lasts. `full`: the rings are, and
 * threads wait for room. */
static uint64_t stop_once(bool full)
{
    uint64_t took;
    unsigned live_before;
    after_stop = 0;
    await_work();
    if (full)
        usleep(200000); /* nobody drains */
    session_emergency(session);
    stopped_ns = session_now_ns(session); /* not before it: the window would be one in which threads may record */
    took = session_wait_quiet(session, 50000000000);
    ck_assert_msg(took != UINT64_MAX, "never quiet");
    drain_for(50);
    live_before = after_stop;
    ck_assert_msg(after_stop <= threads, "%u records after the stop, of %u threads", after_stop, threads);
    drain_for(20);
    ck_assert_uint_eq(after_stop, live_before);
    stopped_ns = 0;
    return took;
}

START_TEST(test_emergency)
{
    uint64_t least = UINT64_MAX, bound = _i == 2 ? 10000000 : 500000000; /* who waits for room does so for thirty seconds */
    uint32_t gate = 0;
    threads = _i == 2 ? 2 : 16;
    start();
    for (int i = 0; i < 25; i++) { /* of some stops each finds a thread in its record that has no processor, on a machine that does much else */
        uint64_t took = stop_once(_i == 1);
        least = took < least ? took : least;
        if (least < bound)
            break;
        session_emergency_end(session);
        ck_assert_int_eq(session_policy_publish(session, NULL, WIRE_GATE_ALL, &gate), 0);
        by_type[EVENT_ACQUIRE] = 0;
    }
    ck_assert_msg(least < bound, "quiet after %llu us at best", (unsigned long long)least / 1000);
    ck_assert_int_eq(finish(), 0);
    ck_assert_uint_eq(lost_events[WIRE_LOST_RING_FULL] + lost_events[WIRE_LOST_NO_COLLECTOR], 0);
    check_rings();
}
END_TEST

static void setup_full(void)
{
    forbidden_from = forbidden_until = forbidden = stopped_ns = after_stop = 0;
    wait_ms = 30000; /* nothing is lost though this test has no processor for a while */
    setup();
}

int main(void)
{
    Suite *s = suite_create("gate flips");
    TCase *c = tcase_create("gate flips");
    tcase_add_checked_fixture(c, setup_full, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_flips);
    tcase_add_test(c, test_quiet_is_quiet);
    tcase_add_loop_test(c, test_emergency, 0, 3);
    suite_add_tcase(s, c);
    return suite_run(s);
}
