/*
 * tests/unit/test_session.c - what a session hands over: lives of threads and
 * processes, images, losses; its directory, its list, its waiting.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "session/directory.h"
#include "session_fixture.h"
#include "suite.h"

static _Noreturn void child_plain(void)
{
    struct fake_writer w = {0};
    uint64_t frames[2] = {0x400100, 0x400200};
    if (fake_claim(&w, &shared, fake_process(&shared)))
        _exit(1);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    fake_module(&w, "/bin/fake", 0x400000, 0x400000, 0x500000, 7);
    fake_put(&w, &(struct fake_record){.type = WIRE_NEW, .family = WIRE_MALLOC, .address = 0x1000, .size = 5ull << 32,
                                       .push = 2, .frames = frames});
    fake_drop(&w, 0x1000);
    _exit(3);
}

START_TEST(test_life)
{
    int status;
    pid_t pid = fork();
    if (!pid)
        child_plain();
    waitpid(pid, &status, 0);
    drain_until(&by_type[EVENT_DROP], 1);
    ck_assert_uint_eq(session_alive(session), 1);
    session_reaped(session, pid, status);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(session_alive(session), 0);
    ck_assert_uint_eq(seen, 6);
    ck_assert_uint_eq(kept[0].type, EVENT_PROCESS_START);
    ck_assert_uint_eq(kept[0].extra[0], (unsigned)pid);
    ck_assert_uint_eq(kept[0].process, 1);
    ck_assert_uint_eq(kept[0].thread, 1);
    ck_assert_uint_eq(kept[1].type, EVENT_MODULE);
    ck_assert_uint_eq(kept[2].type, EVENT_NEW);
    ck_assert_uint_eq(kept[2].size, 5ull << 32);
    ck_assert_uint_eq(code_stack(code, kept[2].stack)->depth, 2);
    ck_assert_uint_eq(code_frame(code, code_stack(code, kept[2].stack)->frame)->offset, 0x200);
    ck_assert_uint_eq(kept[3].stack, kept[2].stack);
    ck_assert_uint_eq(kept[4].type, EVENT_THREAD_GONE);
    ck_assert_uint_eq(kept[4].thread, 1);
    ck_assert_uint_eq(kept[5].type, EVENT_PROCESS_GONE);
    ck_assert_uint_eq(kept[5].extra[0], 1);
    ck_assert_int_eq(WEXITSTATUS((int)kept[5].extra[1]), 3);
    ck_assert(kept[0].ns && kept[0].ns <= kept[2].ns && kept[2].ns <= kept[3].ns && kept[3].ns <= kept[5].ns);
    ck_assert_uint_lt(kept[5].ns, session_now_ns(session) + 1);
}
END_TEST

/* Losses that the writer counted come out once, with the releases among them. */
START_TEST(test_losses)
{
    unsigned news = 0, drops = 0;
    pid_t pid;
    uint64_t *counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid = fork();
    if (!pid) {
        struct fake_writer w = {.drop_policy = true};
        fake_claim(&w, &shared, fake_process(&shared));
        fake_birth(&w, 0, WIRE_BORN_EXEC);
        for (unsigned i = 0; i < 10000; i++) {
            news += fake_new(&w, 1, 1) != 0;
            drops += fake_drop(&w, 1) != 0;
        }
        counts[0] = news;
        counts[1] = drops;
        __atomic_store_n(&counts[2], 1, __ATOMIC_SEQ_CST);
        count_up(&w.ring.slot->lost[WIRE_LOST_NESTED], 5); /* no release is counted twice */
        w.drop_policy = false;
        fake_put(&w, &(struct fake_record){.type = WIRE_LOST, .address = WIRE_LOST_RING_FULL, .size = news + drops,
                                           .extra = counts + 1, .extras = 1});
        _exit(0);
    }
    while (!__atomic_load_n(&counts[2], __ATOMIC_SEQ_CST)) /* nobody drains: all but a ring of them is lost */
        usleep(1000);
    while (!waitpid(pid, NULL, WNOHANG)) {
        session_drain(session, code, keep, NULL);
        session_wait(session);
    }
    session_finish(session, code, keep, NULL);
    ck_assert_uint_gt(counts[0], counts[1]);
    ck_assert_uint_gt(counts[1], 0);
    ck_assert_uint_eq(lost_events[WIRE_LOST_RING_FULL], counts[0] + counts[1]);
    ck_assert_uint_eq(lost_events[WIRE_LOST_NESTED], 5);
    ck_assert_uint_eq(lost_drops, counts[1]);
    add_relaxed(&wire_claims_of(&shared)->lost[WIRE_LOST_NO_SLOT], 12);
    session_drain(session, code, keep, NULL);
    session_drain(session, code, keep, NULL);
    ck_assert_uint_eq(lost_events[WIRE_LOST_NO_SLOT], 12);
    munmap(counts, 4096);
}
END_TEST

/* A loss is told before what its thread did after it, so that nobody builds on what is missing. */
START_TEST(test_loss_in_order)
{
    struct fake_writer w = {0};
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    fake_birth(&w, 0, WIRE_BORN_EXEC);
    fake_new(&w, 0x1000, 1);
    drain_until(&by_type[EVENT_NEW], 1);
    for (unsigned round = 0; round < 20; round++) {
        uint64_t lost = by_type[EVENT_LOST];
        count_up(&w.ring.slot->lost[WIRE_LOST_RING_FULL], 3);
        uint64_t before = session_now_ns(session);
        fake_drop(&w, 0x1000);
        drain_until(&by_type[EVENT_DROP], round + 1);
        ck_assert_uint_eq(by_type[EVENT_LOST], lost + 1);
        ck_assert_uint_eq(kept[seen - 2].type, EVENT_LOST);
        ck_assert_uint_ge(kept[seen - 2].extra[1], before);
        ck_assert_uint_le(kept[seen - 2].ns, kept[seen - 1].ns);
    }
}
END_TEST

/* An exec'd image goes on as its process; a forked child is a new one. */
START_TEST(test_images)
{
    struct fake_writer w[3] = {0};
    uint32_t first = fake_process(&shared);
    uint64_t frame = 0x400100;
    size_t i;
    pid_t pid = fork();
    if (!pid) {
        fake_claim(&w[0], &shared, first);
        fake_birth(&w[0], 0, WIRE_BORN_EXEC);
        fake_module(&w[0], "/bin/one", 0x400000, 0x400000, 0x500000, 1);
        fake_new(&w[0], 1, 1);
        if (!fork()) { /* its child has its modules, without a word of them */
            fake_claim(&w[1], &shared, fake_process(&shared));
            fake_birth(&w[1], first, WIRE_BORN_FORK);
            fake_put(&w[1], &(struct fake_record){.type = WIRE_NEW, .address = 2, .push = 1, .frames = &frame});
            _exit(0);
        }
        wait(NULL);
        fake_claim(&w[2], &shared, fake_process(&shared)); /* as after an exec */
        fake_birth(&w[2], 0, WIRE_BORN_EXEC);
        fake_put(&w[2], &(struct fake_record){.type = WIRE_NEW, .address = 3, .push = 1, .frames = &frame});
        pause();
    }
    drain_until(&by_type[EVENT_NEW], 3);
    drain_until(&by_type[EVENT_THREAD_GONE], 2);
    drain_until(&by_type[EVENT_PROCESS_GONE], 1);
    ck_assert_uint_eq(session_alive(session), 1);
    ck_assert_uint_eq(by_type[EVENT_MODULE], 1);
    for (i = 0; i < seen; i++) {
        const struct event *e = &kept[i];
        uint32_t module = e->stack ? code_frame(code, code_stack(code, e->stack)->frame)->module : 0;
        if (e->type == EVENT_MODULE) { /* before the stack that needs it; the child's is the parent's */
            ck_assert_uint_eq(e->process, 1);
            ck_assert_uint_eq(e->thread, 1);
            ck_assert_uint_eq(e->address, 0x400000);
            ck_assert_uint_eq(e->size, 0x100000);
            ck_assert_uint_eq(e->extra[0], 0x400000);
            ck_assert_str_eq(code_module(code, (uint32_t)e->extra[1])->path, "/bin/one");
            ck_assert_uint_eq(kept[i + 1].type, EVENT_NEW);
        }
        if (e->type == EVENT_NEW && e->address == 2) {
            ck_assert_uint_eq(e->process, 2);
            ck_assert_uint_ne(module, 0);
        } else if (e->type == EVENT_NEW && e->address == 3) {
            ck_assert_uint_eq(e->process, 1);
            ck_assert_uint_eq(e->thread, 3);
            ck_assert_uint_eq(module, 0);
        } else if (e->type == EVENT_PROCESS_START && e->family == WIRE_BORN_FORK) {
            ck_assert_uint_eq(e->address, 1);
        }
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    drain_until(&by_type[EVENT_PROCESS_GONE], 2);
    ck_assert_uint_eq(kept[seen - 1].process, 1);
}
END_TEST

static int list_one(void *context, const struct session_listing *l)
{
    *(struct session_listing *)context = *l;
    ck_assert_str_eq(l->command, "fake 'one two'");
    ck_assert_str_eq(l->trace_path, "/tmp/x.own");
    ck_assert_str_eq(l->segment_path, session_segment_path(session));
    ck_assert(!l->process_count || l->processes[0].threads == 1);
    return 7;
}

START_TEST(test_list)
{
    struct session_listing l;
    struct fake_writer w = {0};
    ck_assert_int_eq(session_list(list_one, &l), 7);
    ck_assert(l.collector_alive && !l.segment_gone);
    ck_assert_uint_eq(l.process_count, 0);
    fake_claim(&w, &shared, fake_process(&shared));
    ck_assert_int_eq(session_list(list_one, &l), 7);
    ck_assert_uint_eq(l.process_count, 1);
    unlink(session_segment_path(session));
    ck_assert_int_eq(session_list(list_one, &l), 7);
    ck_assert(l.segment_gone && !l.collector_alive);
}
END_TEST

START_TEST(test_directory)
{
    char path[SESSION_PATH_MAX], value[256];
    struct session_options o = {.name = "bad/name"};
    struct session *s;
    ck_assert_int_eq(session_create(&s, &o), -EINVAL);
    o.name = session_name(session);
    ck_assert_int_eq(session_create(&s, &o), -EEXIST);
    ck_assert_int_eq(session_info_set(session_name(session), "a", "1\n2"), 0);
    ck_assert_int_eq(session_info_set(session_name(session), "ab", "x"), 0);
    ck_assert_int_eq(session_info_set(session_name(session), "a", "3"), 0);
    ck_assert_int_eq(session_info_get(session_name(session), "a", value, sizeof value), 0);
    ck_assert_str_eq(value, "3");
    ck_assert_int_eq(session_info_get(session_name(session), "ab", value, sizeof value), 0);
    ck_assert_str_eq(value, "x");
    ck_assert_int_eq(session_info_get(session_name(session), "b", value, sizeof value), -ENOENT);
    chmod(dir, 0770);
    ck_assert_int_eq(session_directory(path, sizeof path), -EPERM);
    o.name = NULL;
    ck_assert_int_eq(session_create(&s, &o), -EPERM);
    chmod(dir, 0700);
    if (!geteuid()) {
        ck_assert_int_eq(chown(dir, 1, 1), 0);
        ck_assert_int_eq(session_directory(path, sizeof path), -EPERM);
        ck_assert_int_eq(chown(dir, 0, 0), 0);
    }
    o.joinable = true;
    ck_assert_int_eq(session_create(&s, &o), 0);
    snprintf(path, sizeof path, "%s/current", dir);
    ck_assert_int_eq((int)readlink(path, value, sizeof value), (int)strlen(session_segment_path(s)));
    session_close(s, true);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

static void *waker(void *unused)
{
    usleep(5000);
    session_wake(session);
    return NULL;
}

/* How long one wait takes. */
static uint64_t wait_once(void)
{
    uint64_t began = wire_clock_monotonic_ns();
    session_wait(session);
    return wire_clock_monotonic_ns() - began;
}

START_TEST(test_wait)
{
    struct wire_pulse *pulse = wire_pulse_of(&shared);
    enum { IDLE_NS = 30000000, TRIES = 500 }; /* nobody wakes: it sleeps as long at least, on any machine */
    uint64_t beat, took;
    pthread_t t;
    unsigned i;
    for (i = 0; i < 60; i++) { /* until it is idle */
        session_drain(session, code, keep, NULL);
        session_wait(session);
    }
    beat = load_relaxed(&pulse->heartbeat_stamp);
    ck_assert_uint_ge(wait_once(), IDLE_NS);
    ck_assert_uint_gt(load_relaxed(&pulse->heartbeat_stamp), beat);
    /* A wake ends it before its time. One or the other may lose the processor for longer than that: but not each time. */
    for (i = 0, took = IDLE_NS; took >= IDLE_NS && i < TRIES; i++) {
        pthread_create(&t, NULL, waker, NULL);
        took = wait_once();
        pthread_join(t, NULL);
        session_wake(session); /* the waker may have been late */
        session_wait(session);
    }
    ck_assert_msg(took < IDLE_NS, "a wait took %llu us at last, though somebody woke it", (unsigned long long)took / 1000);
    for (i = 0, took = IDLE_NS; took >= IDLE_NS && i < TRIES; i++) {
        session_wake(session); /* before the wait: it does not sleep */
        took = wait_once();
    }
    ck_assert_msg(took < IDLE_NS, "a wait after a wake took %llu us", (unsigned long long)took / 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_life);
    tcase_add_test(t, test_losses);
    tcase_add_test(t, test_loss_in_order);
    tcase_add_test(t, test_images);
    tcase_add_test(t, test_list);
    tcase_add_test(t, test_directory);
    tcase_add_test(t, test_wait);
    suite_add_tcase(s, t);
    return suite_run(s);
}
