/*
 * tests/unit/test_heap_stop_life.c - what may happen to a process while it is
 * stopped again and again: signals, timers, job control, threads that come and
 * go, exec, its end; and who may not be stopped.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/syscall.h>

#include "heap/heap_stop.h"
#include "heap_shared.h"
#include "session/launch.h"
#include "suite.h"

static const struct heap_held NOBODY = {0};

static void stop_once(pid_t pid, long us)
{
    struct heap_stop s;
    stop_begin(&s, pid, NOBODY);
    nap(us);
    heap_stop_end(&s);
    heap_stop_free(&s);
}

static char state_of(pid_t pid)
{
    char name[64], text[256] = "", *at;
    FILE *f;
    snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
    f = fopen(name, "r");
    ck_assert_ptr_nonnull(f);
    at = fgets(text, sizeof text, f);
    fclose(f);
    at = at ? strrchr(at, ')') : NULL;
    return at ? at[2] : 0;
}

static void wait_state(pid_t pid, char state)
{
    for (uint64_t end = patience_ends(); state_of(pid) != state && clock_ns() < end;)
        nap(1000);
    ck_assert_int_eq(state_of(pid), state);
}

/* ---- signals ---- */

static void on_counted(int sig) { atomic_fetch_add(&shared->signals, 1); }

/* Queued signals, whose handler ends the wait: each one runs it, and nothing else ends a wait. */
static void body_signals(void)
{
    struct sigaction a = {.sa_handler = on_counted};
    struct epoll_event e;
    int fd = epoll_create1(0);
    long before;
    sigaction(SIGRTMIN, &a, NULL);
    atomic_store(&shared->ready, 1);
    while (!atomic_load(&shared->quit)) {
        before = atomic_load(&shared->signals);
        if (epoll_wait(fd, &e, 1, 60000) != -1 || errno != EINTR)
            atomic_store(&shared->failed, 1);
        if (atomic_load(&shared->signals) == before)
            atomic_fetch_add(&shared->interrupted, 1);
        atomic_fetch_add(&shared->ticks, 1);
    }
}

START_TEST(test_signals_once)
{
    pid_t pid = child_start(body_signals);
    struct heap_stop s;
    long sent = 0;
    wait_for(&shared->ready, 1);
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(kill(pid, SIGRTMIN), 0); /* just before, amid, just behind */
        stop_begin(&s, pid, NOBODY);
        ck_assert_int_eq(kill(pid, SIGRTMIN), 0);
        heap_stop_end(&s);
        heap_stop_free(&s);
        ck_assert_int_eq(kill(pid, SIGRTMIN), 0);
        sent += 3;
        if (i % 4 == 0)
            nap(300);
    }
    wait_more(&shared->signals, sent - 1);
    nap(5000);
    ck_assert_int_eq(atomic_load(&shared->signals), sent);
    atomic_store(&shared->quit, 1);
    kill(pid, SIGRTMIN);
    ck_assert_int_eq(child_end(pid), 0);
    ck_assert_int_eq(atomic_load(&shared->failed), 0);
    /* the handler ran before the look at the count, or between it and the wait: no wait was ended by us alone */
    ck_assert_int_ge(atomic_load(&shared->ticks), 10);
    ck_assert_int_eq(atomic_load(&shared->interrupted), 0);
}
END_TEST

/* ---- time ---- */

static void *sleep_by(void *way)
{
    struct timespec t = {0, 300000000};
    struct timeval v = {0, 300000};
    uint64_t from = clock_ns();
    int got = 0;
    switch ((long)way) {
    case 0: got = nanosleep(&t, NULL); break;
    case 1: got = poll(NULL, 0, 300); break;
    case 2: got = select(0, NULL, NULL, NULL, &v); break;
    case 3: got = ppoll(NULL, 0, &t, NULL); break;
    default: got = clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
    }
    if (got)
        atomic_store(&shared->failed, 1);
    shared->address[(long)way] = clock_ns() - from;
    atomic_fetch_add(&shared->done, 1);
    return NULL;
}

static void body_sleep(void)
{
    pthread_t t;
    for (long i = 0; i < 5; i++)
        pthread_create(&t, NULL, sleep_by, (void *)i);
    atomic_store(&shared->ready, 1);
    for (;;)
        pause();
}

START_TEST(test_time_goes_on)
{
    pid_t pid = child_start(body_sleep);
    wait_for(&shared->ready, 1);
    while (atomic_load(&shared->done) < 5) {
        stop_once(pid, 1000);
        nap(1000);
    }
    child_kill(pid);
    ck_assert_int_eq(atomic_load(&shared->failed), 0);
    for (int i = 0; i < 5; i++) /* and not for ever, as when each stop began it anew */
        ck_assert_uint_ge(shared->address[i], 300000000);
}
END_TEST

/* ---- job control ---- */

static void body_count(void)
{
    atomic_store(&shared->ready, 1);
    for (;;) {
        atomic_fetch_add(&shared->count, 1);
        nap(100);
    }
}

START_TEST(test_stopped_stays_stopped)
{
    pid_t pid = child_start(body_count);
    long count;
    int status;
    wait_for(&shared->ready, 1);
    kill(pid, SIGSTOP);
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    ck_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    count = atomic_load(&shared->count);
    for (int i = 0; i < 50; i++) {
        stop_once(pid, 0);
        if (i % 10 == 0)
            wait_state(pid, 'T');
    }
    nap(20000);
    wait_state(pid, 'T');
    ck_assert_int_eq(atomic_load(&shared->count), count);
    ck_assert_int_eq(waitpid(pid, &status, WNOHANG | WUNTRACED), 0); /* its parent hears of no second stop */
    kill(pid, SIGCONT);
    ck_assert_int_eq(waitpid(pid, &status, WCONTINUED), pid);
    ck_assert(WIFCONTINUED(status));
    wait_more(&shared->count, count);
    child_kill(pid);
}
END_TEST

START_TEST(test_job_control_amid)
{
    pid_t pid = child_start(body_count);
    struct heap_stop s;
    long count;
    wait_for(&shared->ready, 1);
    for (int i = 0; i < 30; i++) {
        stop_begin(&s, pid, NOBODY);
        kill(pid, SIGSTOP);
        heap_stop_end(&s);
        heap_stop_free(&s);
        wait_state(pid, 'T');
        stop_begin(&s, pid, NOBODY);
        kill(pid, SIGCONT);
        count = atomic_load(&shared->count);
        nap(1000);
        ck_assert_int_eq(atomic_load(&shared->count), count);
        heap_stop_end(&s);
        heap_stop_free(&s);
        wait_more(&shared->count, count);
    }
    child_kill(pid);
}
END_TEST

/* ---- threads that come and go ---- */

static void *count_once(void *unused)
{
    atomic_fetch_add(&shared->count, 1);
    return unused;
}

static void *make_threads(void *unused)
{
    pthread_t t;
    for (;;)
        if (!pthread_create(&t, NULL, count_once, NULL))
            pthread_join(t, NULL);
    return unused;
}

static void body_churn(void)
{
    pthread_t t;
    pthread_create(&t, NULL, make_threads, NULL);
    atomic_store(&shared->ready, 1);
    make_threads(NULL);
}

START_TEST(test_threads_come_and_go)
{
    pid_t pid = child_start(body_churn);
    struct heap_stop s;
    long count, last = 0;
    wait_for(&shared->ready, 1);
    uint64_t end = clock_ns() + 10000000000;
    for (int i = 0; i < 200 && (i < 10 || clock_ns() < end); i++) {
        stop_begin(&s, pid, NOBODY);
        ck_assert_uint_ge(s.n, 2);
        count = atomic_load(&shared->count);
        nap(300);
        ck_assert_int_eq(atomic_load(&shared->count), count);
        heap_stop_end(&s);
        heap_stop_free(&s);
        last = count;
    }
    wait_more(&shared->count, last);
    child_kill(pid);
}
END_TEST

static void body_zombie_leader(void)
{
    pthread_t t;
    pthread_create(&t, NULL, (void *(*)(void *))body_count, NULL);
    pthread_exit(NULL);
}

START_TEST(test_zombie_leader)
{
    pid_t pid = child_start(body_zombie_leader);
    struct heap_stop s;
    wait_for(&shared->ready, 1);
    wait_state(pid, 'Z');
    for (int i = 0; i < 20; i++) {
        stop_begin(&s, pid, NOBODY);
        ck_assert_uint_eq(s.n, 1);
        ck_assert_int_ne(s.threads[0].tid, pid);
        heap_stop_end(&s);
        heap_stop_free(&s);
    }
    child_kill(pid);
}
END_TEST

/* ---- exec, and the end ---- */

static void body_exec(void)
{
    char *words[] = {(char *)"/bin/sh", (char *)"-c", (char *)"[ $1 = 0 ] && exit 7; exec /bin/sh -c \"$0\" \"$0\" $(($1 - 1))",
                     (char *)"[ $1 = 0 ] && exit 7; exec /bin/sh -c \"$0\" \"$0\" $(($1 - 1))", (char *)"40", NULL};
    atomic_store(&shared->ready, 1);
    execv(words[0], words);
    _exit(1);
}

/* A chain of execs is stopped at any point, until the program ends as it would have. */
START_TEST(test_exec_amid)
{
    struct heap_stop s;
    int e, status, good = 0;
    for (int i = 0; i < 20 && good <= 10; i++) { /* where others have the machine it may be gone before we look */
        atomic_store(&shared->ready, 0);
        pid_t pid = child_start(body_exec);
        wait_for(&shared->ready, 1);
        while (!launch_ended(pid, &status)) {
            e = heap_stop_begin(&s, pid, NOBODY);
            ck_assert_msg(!e || e == -ESRCH || e == -ETIMEDOUT, "%d: %s", e, heap_stop_text());
            good += !e;
            heap_stop_free(&s);
        }
        ck_assert_int_eq(WEXITSTATUS(status), 7);
    }
    ck_assert_int_gt(good, 10);
}
END_TEST

static void *exec_other(void *unused)
{
    char *words[] = {(char *)"/bin/sh", (char *)"-c", (char *)"exit 9", NULL};
    nap(2000);
    execv(words[0], words);
    _exit(1);
}

static void body_exec_thread(void)
{
    pthread_t t;
    for (int i = 0; i < 4; i++)
        pthread_create(&t, NULL, (void *(*)(void *))body_count, NULL);
    pthread_create(&t, NULL, exec_other, NULL);
    for (;;)
        pause();
}

/* exec ends all other threads, which needs us to let them go. */
START_TEST(test_exec_of_thread)
{
    struct heap_stop s;
    uint64_t end = clock_ns() + 10000000000;
    for (int i = 0; i < 40 && (i < 5 || clock_ns() < end); i++) {
        pid_t pid = child_start(body_exec_thread);
        int status;
        while (!launch_ended(pid, &status)) {
            heap_stop_begin(&s, pid, NOBODY);
            nap(200);
            heap_stop_free(&s);
        }
        ck_assert_int_eq(WEXITSTATUS(status), 9);
    }
}
END_TEST

START_TEST(test_killed_amid)
{
    struct heap_stop s;
    for (int i = 0; i < 30; i++) {
        pid_t pid = child_start(body_churn);
        int status;
        wait_for(&shared->ready, 1);
        stop_begin(&s, pid, NOBODY);
        ck_assert(!launch_ended(pid, &status));
        kill(pid, SIGKILL);
        nap(500);
        heap_stop_end(&s);
        heap_stop_free(&s);
        for (uint64_t end = patience_ends(); !launch_ended(pid, &status) && clock_ns() < end;)
            nap(1000);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ck_assert_int_eq(heap_stop_begin(&s, pid, NOBODY), -ESRCH);
        ck_assert_ptr_nonnull(strstr(heap_stop_text(), "has ended"));
    }
}
END_TEST

/* A child of a thread of ours, whose end it waits for while another thread stops it. */
static void *stop_until(void *pid)
{
    while (!atomic_load(&shared->quit)) {
        struct heap_stop s;
        heap_stop_begin(&s, (pid_t)(long)pid, NOBODY);
        heap_stop_free(&s);
    }
    return NULL;
}

static void body_short(void) { nap(3000); _exit(5); }

START_TEST(test_end_is_its_parents)
{
    for (int i = 0; i < 50; i++) {
        pid_t pid = child_start(body_short);
        pthread_t t;
        int status;
        atomic_store(&shared->quit, 0);
        pthread_create(&t, NULL, stop_until, (void *)(long)pid);
        for (uint64_t began = clock_ns(); !launch_ended(pid, &status); sched_yield())
            ck_assert_uint_lt(clock_ns() - began, PATIENCE_MS * 1000000ull);
        atomic_store(&shared->quit, 1);
        pthread_join(t, NULL);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    }
}
END_TEST

/* ---- who cannot be stopped ---- */

static void body_vfork(void)
{
    pthread_t t;
    pthread_create(&t, NULL, (void *(*)(void *))body_count, NULL);
    if (!vfork()) { /* until this one is gone its parent cannot even be stopped */
        for (;;)
            syscall(SYS_pause);
    }
}

START_TEST(test_uninterruptible)
{
    pid_t pid = child_start(body_vfork);
    struct heap_stop s;
    uint64_t sp = 0;
    char name[64];
    long child = 0;
    FILE *f;
    wait_for(&shared->ready, 1);
    wait_state(pid, 'D');
    stop_begin(&s, pid, NOBODY);
    ck_assert_uint_eq(s.n, 2);
    ck_assert_uint_eq(s.missed, 1);
    for (size_t i = 0; i < s.n; i++)
        if (s.threads[i].tid == pid)
            sp = s.threads[i].sp;
    ck_assert_uint_ne(sp, 0);
    heap_stop_end(&s);
    heap_stop_free(&s);
    snprintf(name, sizeof name, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = fopen(name, "r");
    if (f && fscanf(f, "%ld", &child) == 1)
        kill((pid_t)child, SIGKILL);
    if (f)
        fclose(f);
    child_kill(pid);
}
END_TEST

static void body_tracer(void)
{
    pid_t pid = shared->ids[0];
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
        _exit(1);
    atomic_store(&shared->go, 1);
    for (;;)
        pause();
}

START_TEST(test_already_traced)
{
    pid_t pid = child_start(body_count), tracer;
    struct heap_stop s;
    char number[32];
    shared->ids[0] = pid;
    tracer = child_start(body_tracer);
    wait_for(&shared->go, 1);
    ck_assert_int_eq(heap_stop_begin(&s, pid, NOBODY), -EPERM);
    snprintf(number, sizeof number, "(pid %d)", (int)tracer);
    ck_assert_msg(strstr(heap_stop_text(), number) && strstr(heap_stop_text(), "traced"), "%s", heap_stop_text());
    child_kill(tracer);
    stop_once(pid, 0);
    child_kill(pid);
}
END_TEST

/* Run as another user: what it is told. */
static void body_stranger(void)
{
    struct heap_stop s;
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
        _exit(77);
    if (heap_stop_begin(&s, shared->ids[0], NOBODY) != -EPERM)
        _exit(1);
    snprintf((char *)shared->address, sizeof shared->address, "%s", heap_stop_text());
    _exit(0);
}

START_TEST(test_other_user)
{
    pid_t pid;
    int status;
    if (getuid())
        return;
    pid = child_start(body_count);
    shared->ids[0] = pid;
    status = child_end(child_start(body_stranger));
    ck_assert_int_eq(status, 0);
    ck_assert_msg(strstr((char *)shared->address, "uid 0"), "%s", (char *)shared->address);
    child_kill(pid);
}
END_TEST

static void body_undumpable(void)
{
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) || prctl(PR_SET_DUMPABLE, 0))
        _exit(77);
    body_count();
}

START_TEST(test_undumpable)
{
    pid_t pid;
    if (getuid())
        return;
    pid = child_start(body_undumpable);
    wait_for(&shared->ready, 1);
    shared->ids[0] = pid;
    ck_assert_int_eq(child_end(child_start(body_stranger)), 0);
    ck_assert_msg(strstr((char *)shared->address, "dumpable"), "%s", (char *)shared->address);
    child_kill(pid);
}
END_TEST

/* ---- a thread that holds by itself ---- */

START_TEST(test_held)
{
    pid_t pid = child_start(body_count);
    struct heap_stop s;
    long count;
    wait_for(&shared->ready, 1);
    stop_begin(&s, pid, (struct heap_held){pid, 0x7000});
    ck_assert_uint_eq(s.n, 1);
    ck_assert_int_eq(s.threads[0].tid, pid);
    ck_assert_uint_gt(s.threads[0].n_registers, 16); /* it was asked … */
    count = atomic_load(&shared->count);
    nap(20000);
    ck_assert_int_gt(atomic_load(&shared->count), count); /* … and was not kept: it holds by itself */
    heap_stop_end(&s);
    heap_stop_free(&s);
    child_kill(pid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_stop_life");
    TCase *c = tcase_create("life");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, test_signals_once);
    tcase_add_test(c, test_time_goes_on);
    tcase_add_test(c, test_stopped_stays_stopped);
    tcase_add_test(c, test_job_control_amid);
    tcase_add_test(c, test_threads_come_and_go);
    tcase_add_test(c, test_zombie_leader);
    tcase_add_test(c, test_exec_amid);
    tcase_add_test(c, test_exec_of_thread);
    tcase_add_test(c, test_killed_amid);
    tcase_add_test(c, test_end_is_its_parents);
    tcase_add_test(c, test_uninterruptible);
    tcase_add_test(c, test_already_traced);
    tcase_add_test(c, test_other_user);
    tcase_add_test(c, test_undumpable);
    tcase_add_test(c, test_held);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
