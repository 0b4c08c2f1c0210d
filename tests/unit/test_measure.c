/*
 * tests/unit/test_measure.c - what tracing costs, read of a session that fake
 * threads write to: the hooks' own word, processes that live and lived, the collector without questions.
 */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "serve/measure.h"
#include "session_fixture.h"
#include "suite.h"
#include "wire/policy.h"

static uint64_t cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void spin(uint64_t ns)
{
    for (uint64_t began = cpu_now(); cpu_now() - began < ns;) { }
}

static struct limits_input look(struct measure *m)
{
    struct limits_input in = {0};
    session_drain(session, code, keep, NULL);
    measure_read(m, &in);
    return in;
}

/* This process plays the traced program too. */
START_TEST(test_costs)
{
    struct measure *m = measure_new(session);
    struct fake_writer w;
    struct wire_home *home;
    struct limits_input before, in;
    uint64_t hz = session_plan(session)->clock_hz;
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    usleep(2000);
    look(m);
    before = look(m);
    ck_assert_uint_gt(before.rss_bytes, 1 << 20);
    home = wire_home_of(&shared, w.ring.slot);
    store_relaxed(&wire_pulse_of(&shared)->gate, WIRE_GATE_ALL | WIRE_GATE_FILTERED);
    store_relaxed(&home->calls, 1000000);
    store_relaxed(&home->tries, 1600);
    store_relaxed(&home->timed, 100);
    store_relaxed(&home->timed_stamps, 100 * (hz / 1000000)); /* a microsecond each */
    spin(20000000);
    in = look(m);
    ck_assert_uint_eq(in.calls - before.calls, 1000000);
    ck_assert_uint_gt(in.passed_cpu_ns - before.passed_cpu_ns, 500000);
    ck_assert_uint_ge(in.hooks_cpu_ns - before.hooks_cpu_ns, 1590000);
    ck_assert_uint_le(in.hooks_cpu_ns - before.hooks_cpu_ns, 1610000);
    ck_assert_uint_ge(in.program_cpu_ns - before.program_cpu_ns, 20000000);
    ck_assert_uint_ge(in.collector_cpu_ns - before.collector_cpu_ns, 20000000);
    before = in;
    measure_question_begin();
    spin(50000000);
    measure_question_end();
    in = look(m);
    ck_assert_uint_lt(in.collector_cpu_ns - before.collector_cpu_ns, 20000000); /* a question is nobody's cost */
    ck_assert_uint_ge(in.program_cpu_ns - before.program_cpu_ns, 50000000);
    measure_free(m);
}
END_TEST

/* What a process used that has ended stays counted. */
START_TEST(test_ended)
{
    struct measure *m = measure_new(session);
    struct limits_input first = look(m), in;
    int ready[2], status;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w;
        char c;
        fake_claim(&w, &shared, fake_process(&shared));
        fake_birth(&w, 0, WIRE_BORN_EXEC);
        spin(30000000);
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(read(ready[0], &c, 1) == 1);
    }
    char c;
    ck_assert_int_eq(read(ready[0], &c, 1), 1);
    look(m);
    in = look(m);
    ck_assert_uint_ge(in.program_cpu_ns - first.program_cpu_ns, 30000000);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    for (int i = 0; i < 5000 && session_alive(session); i++) {
        usleep(10000);
        look(m);
    }
    ck_assert_uint_eq(session_alive(session), 0);
    ck_assert_uint_ge(look(m).program_cpu_ns, in.program_cpu_ns);
    ck_assert_uint_eq(look(m).rss_bytes + look(m).rss_bytes + look(m).rss_bytes, 0);
    measure_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("measure");
    TCase *t = tcase_create("measure");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_costs);
    tcase_add_test(t, test_ended);
    suite_add_tcase(s, t);
    return suite_run(s);
}
