/*
 * tests/unit/test_session_threads.c - many writers: the order of what they
 * wrote, slots for all of them, rings that grow.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "session_fixture.h"
#include "suite.h"

static uint32_t short_process;

/* Two processes hand tokens to each other as fast as they can: exact when the
 * stamps are read in order; else a drop may come out before its new, but only
 * when the stamps themselves are a few nanoseconds the wrong way round. */
enum { TOKENS = 20000 };

static _Noreturn void child_tokens(atomic_u64 *token, unsigned me)
{
    struct fake_writer w = {0};
    uint64_t n = 0;
    if (fake_claim(&w, &shared, fake_process(&shared)))
        _exit(1);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    while (n < TOKENS) {
        for (unsigned turns = 0; (n = load_acquire(token)) % 2 != me; turns++)
            if (turns > 1000) /* the other one needs this processor */
                syscall(SYS_futex, token, FUTEX_WAIT, (uint32_t)n, NULL, NULL, 0);
        if (n)
            fake_drop(&w, n); /* the other one made it */
        fake_new(&w, n + 1, 8);
        store_release(token, n + 1);
        syscall(SYS_futex, token, FUTEX_WAKE, 1, NULL, NULL, 0);
    }
    _exit(0);
}

static void *idle_thread(void *arg)
{
    struct fake_writer w = {0};
    while (fake_claim(&w, &shared, short_process))
        usleep(1000);
    pause();
    return NULL;
}

static _Noreturn void child_crowd(unsigned threads)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    short_process = fake_process(&shared);
    while (threads--)
        pthread_create(&t, &attr, idle_thread, NULL);
    for (;;)
        pause();
}

/* Threads that have slots and do nothing: a look takes longer. */
static pid_t crowd_between(unsigned threads)
{
    struct session_counts c;
    pid_t pid = fork();
    if (!pid)
        child_crowd(threads);
    do {
        add_relaxed(&wire_claims_of(&shared)->wanting, 8);
        session_drain(session, code, keep, NULL);
        add_relaxed(&wire_claims_of(&shared)->wanting, (uint32_t)-8);
        session_counts(session, &c);
        usleep(500);
    } while (c.threads_live < threads);
    return pid;
}

static void hand_tokens(uint64_t inverted_ns_most)
{
    atomic_u64 *token = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static uint64_t dropped_ns[TOKENS + 3];
    unsigned me, children = 2;
    size_t i;
    for (me = 0; me < 2; me++)
        if (!fork())
            child_tokens(token, me);
    while (children) {
        children -= waitpid(-1, NULL, WNOHANG) > 0;
        session_drain(session, code, keep, NULL);
        session_wait(session);
    }
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
    ck_assert_uint_ge(by_type[EVENT_NEW], TOKENS);
    ck_assert_uint_lt(seen, KEEP);
    for (i = 0; i < seen; i++) {
        const struct event *e = &kept[i];
        if (e->type == EVENT_DROP)
            dropped_ns[e->address] = e->ns;
        else if (e->type == EVENT_NEW && dropped_ns[e->address])
            ck_assert_uint_lt(e->ns - dropped_ns[e->address], inverted_ns_most);
    }
    munmap(token, 4096);
}

START_TEST(test_causal_order) { hand_tokens(300); }
END_TEST

START_TEST(test_strict_order)
{
    session_close(session, true);
    munmap(shared.base, shared.bytes);
    strict_order = true;
    open_session();
    hand_tokens(0);
}
END_TEST

static void *lend_tid(void *arg)
{
    __atomic_store_n((uint32_t *)arg, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    while (arg)
        pause();
    return NULL;
}

/* One thread writes to two rings in turn: the first slot's, then the last one's. */
static _Noreturn void child_two_rings(uint32_t *go, uint64_t pairs)
{
    struct fake_writer first = {0}, last = {0};
    uint32_t process = fake_process(&shared), tid = 0;
    pthread_t t;
    uint64_t n;
    pthread_create(&t, NULL, lend_tid, &tid);
    while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
        usleep(100);
    fake_claim(&first, &shared, process);
    fake_birth(&first, 0, WIRE_BORN_EXEC);
    while (!__atomic_load_n(go, __ATOMIC_SEQ_CST))
        usleep(100);
    fake_claim_as(&last, &shared, process, (uint32_t)getpid(), tid);
    if (last.ring.slot - first.ring.slot < 300)
        _exit(1);
    for (n = 1; n <= pairs; n++) {
        fake_new(&first, n, 8);
        fake_drop(&last, n);
        if (n % 64 == 0)
            usleep(10); /* so that many rounds see a part */
    }
    _exit(0);
}

/* The order holds although the rings are looked at one after the other, with
 * hundreds between them. */
START_TEST(test_watermark)
{
    static uint8_t made[TOKENS + 1];
    uint32_t *go = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;
    pid_t pid, crowd;
    size_t i;
    pid = fork();
    if (!pid)
        child_two_rings(go, TOKENS);
    drain_until(&by_type[EVENT_PROCESS_START], 1);
    crowd = crowd_between(400);
    *go = 1;
    while (!waitpid(pid, &status, WNOHANG))
        session_drain(session, code, keep, NULL);
    ck_assert_int_eq(status, 0);
    munmap(go, 4096);
    kill(crowd, SIGKILL);
    waitpid(crowd, NULL, 0);
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_DROP], TOKENS);
    ck_assert_uint_lt(seen, KEEP);
    for (i = 0; i < seen; i++) {
        if (kept[i].type == EVENT_NEW)
            made[kept[i].address] = 1;
        else if (kept[i].type == EVENT_DROP)
            ck_assert_uint_eq(made[kept[i].address], 1);
    }
}
END_TEST

/* A writer that sleeps because its ring is full is woken, not left to time out. */
START_TEST(test_wakes_writer)
{
    uint64_t began;
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {.patience_s = 50};
        unsigned n;
        fake_claim(&w, &shared, fake_process(&shared));
        for (n = 0; n < WIRE_RING_FIRST_BYTES / 24; n++)
            fake_new(&w, 1, 1);
        _exit(0);
    }
    usleep(50000);
    began = wire_clock_monotonic_ns();
    while (!waitpid(pid, NULL, WNOHANG)) {
        session_drain(session, code, keep, NULL);
        usleep(1000);
    }
    ck_assert_uint_lt(wire_clock_monotonic_ns() - began, 40000000000);
}
END_TEST

static void *short_thread(void *arg)
{
    struct fake_writer w = {0};
    while (fake_claim(&w, &shared, short_process)) {
        struct timespec t = {0, 500000000}; /* a wake must come */
        struct wire_pulse *pulse = wire_pulse_of(&shared);
        add_relaxed(&wire_claims_of(&shared)->wanting, 1);
        if (exchange_acq_rel(&pulse->sleeping, 0))
            syscall(SYS_futex, &pulse->sleeping, FUTEX_WAKE, 1, NULL, NULL, 0);
        syscall(SYS_futex, &pulse->slots_ready, FUTEX_WAIT, load_relaxed(&pulse->slots_ready), &t, NULL, 0);
        add_relaxed(&wire_claims_of(&shared)->wanting, (uint32_t)-1);
    }
    fake_new(&w, 1, 1);
    fake_put(&w, &(struct fake_record){.type = WIRE_THREAD_EXIT});
    return NULL;
}

static _Noreturn void child_short_threads(unsigned batches, unsigned at_once)
{
    pthread_t t[512];
    unsigned b, i;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    short_process = fake_process(&shared);
    for (b = 0; b < batches; b++) {
        for (i = 0; i < at_once; i++)
            if (pthread_create(&t[i], &attr, short_thread, NULL))
                _exit(2);
        for (i = 0; i < at_once; i++)
            pthread_join(t[i], NULL);
    }
    _exit(0);
}

static void run_short_threads(unsigned batches, unsigned at_once)
{
    int status = 0;
    pid_t pid = fork();
    if (!pid)
        child_short_threads(batches, at_once);
    while (!waitpid(pid, &status, WNOHANG)) {
        ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
        session_wait(session);
    }
    ck_assert_int_eq(status, 0);
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_NEW], (uint64_t)batches * at_once);
    ck_assert_uint_eq(by_type[EVENT_THREAD_GONE], (uint64_t)batches * at_once);
    ck_assert_uint_eq(by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(by_type[EVENT_LOST], 0);
}

/* Slots are used again: many threads, few slots. */
START_TEST(test_recycling)
{
    struct session_counts first, c;
    run_short_threads(1000, 4);
    session_counts(session, &first);
    ck_assert_uint_le(first.slots, 1000 * 4 / 3); /* some dozens, where the collector is not kept from its rounds */
    forget_seen();
    run_short_threads(1500, 4);
    session_counts(session, &c);
    ck_assert_uint_le(c.slots, 1000 * 4 / 3);
    ck_assert_uint_eq(c.threads_live, 0);
    ck_assert_uint_eq(c.processes_live, 0);
}
END_TEST

/* Many at once: slots are added for those that wait. */
START_TEST(test_crowd)
{
    struct session_counts c;
    run_short_threads(3, 500);
    session_counts(session, &c);
    ck_assert_uint_le(c.slots, WIRE_SLOTS_MAX);
}
END_TEST

/* A busy writer gets larger rings, and all it wrote arrives in order. */
START_TEST(test_growth)
{
    enum { EVENTS = 400000 };
    struct session_counts c;
    uint64_t next = 0;
    size_t i;
    pid_t pid = fork();
    if (!pid) {
        struct fake_writer w = {0};
        uint64_t n;
        fake_claim(&w, &shared, fake_process(&shared));
        fake_birth(&w, 0, WIRE_BORN_EXEC);
        for (n = 1; n <= EVENTS; n++)
            fake_new(&w, n, 1);
        _exit(w.ring.size_bytes > WIRE_RING_FIRST_BYTES ? 0 : 1);
    }
    while (!waitpid(pid, (int *)&i, WNOHANG)) {
        session_drain(session, code, keep, NULL);
        usleep(2000); /* a slow collector */
    }
    ck_assert_int_eq((int)i, 0);
    session_finish(session, code, keep, NULL);
    ck_assert_uint_eq(by_type[EVENT_NEW], EVENTS);
    for (i = 0; i < KEEP; i++)
        if (kept[i].type == EVENT_NEW)
            ck_assert_uint_eq(kept[i].address, ++next);
    session_counts(session, &c);
    ck_assert_uint_eq(c.torn, 0);
    ck_assert_uint_lt(c.reserved_bytes, 8 << 20); /* the large rings were given back or are few */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session_threads");
    TCase *t = tcase_create("session_threads");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_causal_order);
    tcase_add_test(t, test_strict_order);
    tcase_add_test(t, test_watermark);
    tcase_add_test(t, test_wakes_writer);
    tcase_add_test(t, test_recycling);
    tcase_add_test(t, test_crowd);
    tcase_add_test(t, test_growth);
    suite_add_tcase(s, t);
    return suite_run(s);
}
