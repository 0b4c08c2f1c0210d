/*
 * tests/unit/test_session_holds.c - threads that hold for a snapshot: heard in
 * their place, answered, forgotten when they go; the quiet of a process that
 * stands still; images asked for; holds that outlive their collector.
 */
#include <signal.h>
#include <stdio.h>

#include "session_fixture.h"
#include "suite.h"

static struct session_hold hold;

/* The thread's side of a hold, up to the wait. */
static void fake_hold(struct fake_writer *w, unsigned why)
{
    uint64_t tid = (uint64_t)syscall(SYS_gettid);
    fake_put(w, &(struct fake_record){.type = WIRE_HOLD, .address = 0x7000, .size = why, .extra = &tid, .extras = 1});
    store_release(&w->ring.slot->holding, WIRE_HOLDING_HOLDS);
}

/* Waits as the shim does, without its bound: a wake must come. */
static uint32_t fake_wait(struct fake_writer *w)
{
    struct timespec t = {50, 0};
    uint32_t word;
    while ((word = load_acquire(&w->ring.slot->holding)) == WIRE_HOLDING_HOLDS)
        if (syscall(SYS_futex, &w->ring.slot->holding, FUTEX_WAIT, WIRE_HOLDING_HOLDS, &t, NULL, 0) && errno == ETIMEDOUT)
            return WIRE_HOLDING_HOLDS;
    return word;
}

static void begin(struct fake_writer *w)
{
    ck_assert_int_eq(fake_claim(w, &shared, fake_process(&shared)), 0);
    fake_birth(w, 0, WIRE_BORN_EXEC);
}

static bool drain_to_hold(unsigned ms)
{
    uint64_t end = wire_clock_monotonic_ns() + ms * 1000000ull;
    while (wire_clock_monotonic_ns() < end) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        if (session_hold_next(session, &hold))
            return true;
        session_wait(session);
    }
    return false;
}

START_TEST(test_heard_and_answered)
{
    uint32_t answers[] = {WIRE_HOLDING_GO, WIRE_HOLDING_FORK};
    int status;
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {0};
        begin(&w);
        for (unsigned i = 0; i < 2; i++) {
            fake_new(&w, 0x1000 + i, 1);
            fake_hold(&w, i ? WIRE_HOLD_FORK : WIRE_HOLD_EXIT);
            if (fake_wait(&w) != answers[i])
                _exit(1);
        }
        _exit(0);
    }
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(drain_to_hold(20000));
        ck_assert_uint_eq(by_type[EVENT_NEW], i + 1); /* all that it did before was handed over */
        ck_assert_uint_eq(hold.process, 1);
        ck_assert_uint_eq(hold.thread, 1);
        ck_assert_int_eq(hold.pid, pid);
        ck_assert_int_eq(hold.tid, pid);
        ck_assert_uint_eq(hold.sp, 0x7000);
        ck_assert_uint_eq(hold.why, i ? WIRE_HOLD_FORK : WIRE_HOLD_EXIT);
        ck_assert(session_hold_lasts(session, &hold));
        ck_assert_int_eq(session_pid_of(session, hold.process), pid);
        ck_assert_uint_eq(session_process_of(session, pid), hold.process);
        ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
        session_hold_end(session, &hold, i);
    }
    ck_assert(!session_hold_lasts(session, &hold));
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0); /* no record made no sense */
    session_reaped(session, pid, status);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_int_eq(session_pid_of(session, 1), 0);
    ck_assert_uint_eq(session_process_of(session, pid), 0);
}
END_TEST

/* A hold that its bound ended before it was read is none, and the next one of the thread is. */
START_TEST(test_given_up)
{
    struct fake_writer w = {0};
    begin(&w);
    fake_hold(&w, WIRE_HOLD_ABORT);
    store_release(&w.ring.slot->holding, WIRE_HOLDING_NOT);
    ck_assert(!drain_to_hold(50));
    fake_text(&w, WIRE_MARK, 0, NULL, 0, "half way", 8);
    fake_hold(&w, WIRE_HOLD_MARK);
    ck_assert(drain_to_hold(20000));
    ck_assert_uint_eq(hold.why, WIRE_HOLD_MARK);
    ck_assert_str_eq(hold.mark, "half way");
    ck_assert(!drain_to_hold(20)); /* once */
    store_release(&w.ring.slot->holding, WIRE_HOLDING_NOT);
    ck_assert(!session_hold_lasts(session, &hold));
    session_hold_end(session, &hold, false); /* says nothing to who does not wait */
    ck_assert_uint_eq(load_relaxed(&w.ring.slot->holding), WIRE_HOLDING_NOT);
    fake_put(&w, &(struct fake_record){.type = WIRE_HOLD, .size = 77});
    drain_until(&lost_events[WIRE_LOST_TORN], 1);
}
END_TEST

START_TEST(test_killed_while_it_holds)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {0};
        begin(&w);
        fake_hold(&w, WIRE_HOLD_EXIT);
        fake_wait(&w);
        _exit(1);
    }
    ck_assert(drain_to_hold(20000));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    session_reaped(session, pid, status);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1);
    ck_assert(!session_hold_lasts(session, &hold));
    session_hold_end(session, &hold, false);
    struct fake_writer w = {0}; /* its slot's next thread is not taken for one that holds */
    begin(&w);
    fake_new(&w, 1, 1);
    ck_assert(!drain_to_hold(50));
}
END_TEST

/* What stopped threads committed is handed over at once, and nothing of anybody else. */
START_TEST(test_settle)
{
    struct fake_writer mine = {0}, other = {0};
    int ready[2];
    char c;
    pid_t pid;
    ck_assert_int_eq(pipe(ready), 0);
    pid = fork();
    if (!pid) {
        begin(&other);
        fake_new(&other, 0x100, 1);
        read(ready[0], &c, 1);
        fake_new(&other, 0x200, 1);
        kill(getppid(), SIGUSR1);
        pause();
    }
    begin(&mine);
    fake_new(&mine, 0x300, 1);
    drain_until(&by_type[EVENT_NEW], 2);
    ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    write(ready[1], "x", 1);
    sigwaitinfo(&usr1, NULL);
    for (unsigned i = 0; i < 300; i++)
        fake_new(&mine, 0x1000 + 16 * i, 1);
    ck_assert_int_eq(session_settle(session, code, keep, NULL, session_process_of(session, getpid())), 0);
    ck_assert_uint_eq(by_type[EVENT_NEW], 302);
    for (size_t i = 0; i < seen; i++)
        ck_assert_uint_ne(kept[i].address, 0x200);
    ck_assert_int_eq(session_settle(session, code, keep, NULL, session_process_of(session, pid)), 0);
    ck_assert_uint_eq(kept[seen - 1].address, 0x200);
    ck_assert_int_eq(session_settle(session, code, keep, NULL, 4711), 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

/* The word about an image is read alone: what its thread did after it stays in the ring. */
START_TEST(test_images)
{
    static const int64_t words[] = {4711, -ENOMEM, 1ll << 40};
    static const int64_t heard[] = {4711, -ENOMEM, -EIO};
    struct fake_writer w = {0};
    uint32_t process;
    begin(&w);
    fake_new(&w, 1, 1);
    drain_until(&by_type[EVENT_NEW], 1);
    process = session_process_of(session, getpid());
    for (unsigned i = 0; i < 3; i++) {
        session_image_ask(session, process);
        ck_assert_uint_eq(load_relaxed(&wire_pulse_of(&shared)->image_wanted), w.process);
        ck_assert_uint_eq(load_relaxed(&w.ring.slot->resync), 1);
        session_image_unask(session);
        ck_assert_uint_eq(load_relaxed(&wire_pulse_of(&shared)->image_wanted), 0);
        fake_hold(&w, WIRE_HOLD_FORK);
        ck_assert(drain_to_hold(20000));
        ck_assert_int_eq(session_image(session, &hold), 0);
        session_hold_end(session, &hold, true);
        ck_assert_uint_eq(fake_wait(&w), WIRE_HOLDING_FORK);
        ck_assert_int_eq(session_image(session, &hold), 0);
        fake_put(&w, &(struct fake_record){.type = WIRE_IMAGE, .address = (uint64_t)words[i]});
        fake_new(&w, 2, 1);
        ck_assert_int_eq(session_image(session, &hold), heard[i]);
        ck_assert_uint_eq(by_type[EVENT_NEW], i + 1);
        drain_until(&by_type[EVENT_NEW], i + 2);
    }
    ck_assert_uint_eq(lost_events[WIRE_LOST_TORN], 1);
    fake_hold(&w, WIRE_HOLD_FORK);
    ck_assert(drain_to_hold(20000));
    fake_new(&w, 3, 1);
    ck_assert_int_eq(session_image(session, &hold), -EIO); /* it went on without a word */
}
END_TEST

/* An event of the collector's own stands where it is told. */
START_TEST(test_tell)
{
    struct fake_writer w = {0};
    uint32_t running[2] = {0};
    struct event e = {.type = EVENT_MARK, .text = "here", .text_bytes = 4};
    begin(&w);
    fake_new(&w, 1, 1);
    drain_until(&by_type[EVENT_NEW], 1);
    session_tell(session, code, keep, NULL, &e);
    ck_assert_uint_eq(by_type[EVENT_MARK], 1);
    ck_assert_uint_ge(kept[seen - 1].ns, kept[seen - 2].ns);
    ck_assert_uint_eq(kept[seen - 1].ns % EVENT_TICK_NS, 0);
    fake_new(&w, 2, 1);
    drain_until(&by_type[EVENT_NEW], 2);
    ck_assert_uint_ge(kept[seen - 1].ns, kept[seen - 2].ns);
    ck_assert_uint_eq(session_running(session, running, 2), 1);
    ck_assert_uint_eq(running[0], session_process_of(session, getpid()));
}
END_TEST

/* The collector dies, or leaves: whoever holds goes on, by the next one's word or by this one's. */
START_TEST(test_outlives_its_collector)
{
    for (unsigned again = 0; again < 2; again++) {
        int status;
        char name[64];
        pid_t pid = fork();
        if (!pid) {
            struct fake_writer w = {0};
            begin(&w);
            fake_hold(&w, WIRE_HOLD_EXIT);
            _exit(fake_wait(&w) == WIRE_HOLDING_GO ? 0 : 1);
        }
        snprintf(name, sizeof name, "%s", session_name(session));
        ck_assert(drain_to_hold(20000));
        if (again) {
            session_close(session, true);
            session = NULL;
        } else { /* as if it had died without a word */
            session_close(session, false);
            store_release(&wire_slot_of(&shared, 0)->holding, WIRE_HOLDING_HOLDS);
            int e = -EBUSY; /* a child that was not woken yet has the lock, too, until the last beat is old */
            for (int i = 0; i < 5000 && e == -EBUSY; i++) {
                e = session_attach(&session, name);
                usleep(e ? 1000 : 0);
            }
            ck_assert_int_eq(e, 0);
            ck_assert_uint_eq(load_relaxed(&wire_slot_of(&shared, 0)->holding), WIRE_HOLDING_GO);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

static void block_usr1(void)
{
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
}

int main(void)
{
    Suite *s = suite_create("session holds");
    TCase *c = tcase_create("holds");
    block_usr1();
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_heard_and_answered);
    tcase_add_test(c, test_given_up);
    tcase_add_test(c, test_killed_while_it_holds);
    tcase_add_test(c, test_settle);
    tcase_add_test(c, test_images);
    tcase_add_test(c, test_tell);
    tcase_add_test(c, test_outlives_its_collector);
    suite_add_tcase(s, c);
    return suite_run(s);
}
