/*
 * tests/unit/test_heap_watch.c - a process that is watched: of a signal that
 * ends it is asked once, it stands with its memory and its registers until it is
 * let go, it can be stopped as any other, and it ends as it would have; so do its
 * children, in whatever order their stops are seen.
 */
#include <check.h>
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "heap/heap_stop.h"
#include "heap/heap_watch.h"
#include "heap_shared.h"
#include "session/launch.h"
#include "suite.h"

enum { MARK = 0x5eed0001, THREADS = 3 };
static const int signals[] = {SIGSEGV, SIGTERM, SIGABRT, SIGUSR2};
static volatile uint64_t said;  /* in the child's memory */
static atomic_int asked, asked_pid, asked_signal;
static bool answer;

static bool fatal(void *context, pid_t pid, int signal_number)
{
    ck_assert_ptr_eq(context, &asked);
    atomic_store(&asked_pid, pid);
    atomic_store(&asked_signal, signal_number);
    atomic_fetch_add(&asked, 1);
    return answer;
}

static void *waits(void *unused)
{
    atomic_fetch_add(&shared->ready, 1);
    for (;;)
        pause();
    return unused;
}

/* Check has its handlers. */
static void signals_default(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], SIG_DFL);
}

/* With a mark in its memory, and in a register where that can be had. */
static void body_falls(void)
{
    pthread_t t;
    signals_default();
    while (!atomic_load(&shared->go))
        nap(1000);
    said = MARK;
    for (int i = 1; i < THREADS; i++)
        pthread_create(&t, NULL, waits, NULL);
    atomic_fetch_add(&shared->ready, 1);
    while (atomic_load(&shared->go) == 1)
        nap(1000);
#ifdef __x86_64__
    if (atomic_load(&shared->go) == SIGSEGV)
        __asm__ volatile("mov %0, %%rbx; movl $1, 8" : : "r"((uint64_t)MARK) : "rbx", "memory");
#endif
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    raise(atomic_load(&shared->go));
    for (;;)
        pause();
}

static pid_t begin(bool yes)
{
    answer = yes;
    atomic_store(&asked, 0);
    pid_t pid = child_start(body_falls);
    ck_assert_int_eq(heap_watch_start(pid, true, fatal, &asked), 0);
    atomic_store(&shared->go, 1);
    wait_for(&shared->ready, THREADS);
    return pid;
}

/* One whose child a signal ends. */
static void body_forks(void)
{
    int status = 0;
    signals_default();
    while (!atomic_load(&shared->go))
        nap(1000);
    pid_t child = fork();
    if (!child)
        raise(SIGSEGV);
    waitpid(child, &status, 0);
    atomic_store(&shared->done, WTERMSIG(status));
}

/* One whose two children have the same number, one after the other. shared->failed: it may not choose it. */
static void body_forks_again(void)
{
    struct clone_args a = {.exit_signal = SIGCHLD};
    signals_default();
    while (!atomic_load(&shared->go))
        nap(1000);
    for (int i = 0; i < 2; i++) {
        pid_t child = (pid_t)syscall(SYS_clone3, &a, sizeof a);
        if (!child)
            syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), SIGSEGV); /* libc knows nothing of it */
        if (child < 0)
            atomic_store(&shared->failed, errno);
        waitpid(child, NULL, 0);
        shared->ids[0] = child;
        a.set_tid = (uint64_t)(uintptr_t)shared->ids;
        a.set_tid_size = 1;
        nap(50000); /* longer than a tick of the clock that starts of processes are told by */
    }
}

static void *becomes(void *unused)
{
    execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
    return unused;
}

/* Another thread than the first becomes another program. */
static void body_becomes(void)
{
    pthread_t t;
    while (!atomic_load(&shared->go))
        nap(1000);
    pthread_create(&t, NULL, becomes, NULL);
    for (;;)
        pause();
}

static int ended(pid_t pid)
{
    int status = -1;
    for (int i = 0; i < 10000 && !launch_ended(pid, &status); i++)
        nap(1000);
    return status;
}

static uint64_t word_of(pid_t pid)
{
    uint64_t word = 0;
    struct iovec mine = {&word, sizeof word}, its = {(void *)&said, sizeof word};
    ck_assert_int_eq(process_vm_readv(pid, &mine, 1, &its, 1, 0), sizeof word);
    return word;
}

/* How many threads have the mark in a register. */
static int marks(const struct heap_stop *s)
{
    int n = 0;
    for (size_t i = 0; i < s->n; i++) {
        bool has = false;
        for (uint32_t k = 0; k < s->threads[i].n_registers; k++)
            has |= s->threads[i].registers[k] == MARK;
        n += has;
    }
    return n;
}

START_TEST(test_stands)
{
    struct heap_stop s;
    int sig = signals[_i];
    pid_t pid = begin(true);
    for (int i = 0; i < 20; i++) { /* while it runs */
        stop_begin(&s, pid, (struct heap_held){0});
        ck_assert_uint_eq(s.n, THREADS);
        heap_stop_free(&s);
    }
    atomic_store(&shared->go, sig);
    wait_for(&asked, 1);
    nap(20000);
    ck_assert_int_eq(atomic_load(&asked), 1);
    ck_assert_int_eq(atomic_load(&asked_pid), pid);
    ck_assert_int_eq(atomic_load(&asked_signal), sig);
    for (int i = 0; i < 2; i++) {
        stop_begin(&s, pid, (struct heap_held){0});
        ck_assert_uint_eq(s.n, THREADS);
        ck_assert_uint_eq(s.missed, 0);
        ck_assert_uint_eq(word_of(pid), MARK);
#ifdef __x86_64__
        if (sig == SIGSEGV)
            ck_assert_int_eq(marks(&s), 1);
#endif
        heap_stop_free(&s);
    }
    ck_assert_int_eq(kill(pid, 0), 0);
    heap_watch_release(pid);
    ck_assert_int_eq(ended(pid), sig);
    ck_assert_int_eq(atomic_load(&asked), 1);
    heap_watch_end();
}
END_TEST

/* Nobody wants it; nobody is asked for SIGKILL; and it is killed while it stands. */
START_TEST(test_goes)
{
    struct heap_stop s;
    pid_t pid = begin(_i == 2);
    if (_i == 1)
        kill(pid, SIGKILL);
    else
        atomic_store(&shared->go, SIGTERM);
    if (_i != 1)
        wait_for(&asked, 1);
    if (_i == 2) {
        nap(20000);
        kill(pid, SIGKILL); /* the kernel wakes one thread for it, and no other */
        nap(20000);
        if (!heap_stop_begin(&s, pid, (struct heap_held){0}))
            heap_stop_free(&s);
        heap_watch_release(pid);
    }
    ck_assert_int_eq(ended(pid), _i == 1 ? SIGKILL : SIGTERM);
    ck_assert_int_eq(atomic_load(&asked), _i != 1);
    heap_watch_end();
}
END_TEST

/* The end of watching: what stands goes on, what runs runs, and signals do what they would have. */
START_TEST(test_end)
{
    struct heap_stop s;
    pid_t pid = begin(true);
    if (_i) {
        atomic_store(&shared->go, SIGTERM);
        wait_for(&asked, 1);
        heap_watch_end();
    } else {
        heap_watch_end();
        stop_begin(&s, pid, (struct heap_held){0}); /* by a thread of its own again */
        ck_assert_uint_eq(s.n, THREADS);
        heap_stop_free(&s);
        atomic_store(&shared->go, SIGTERM);
    }
    ck_assert_int_eq(ended(pid), SIGTERM);
    ck_assert_int_eq(atomic_load(&asked), _i);
    heap_watch_end();
}
END_TEST

static siginfo_t stop_await(pid_t tid)
{
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOWAIT | __WALL | __WNOTHREAD), 0);
    return info;
}

/* On the watching thread: the parent stands at its fork until the child stands at its end. */
static void *child_first(void *context)
{
    pid_t parent = *(pid_t *)context;
    unsigned long child = 0;
    int status = 0;
    atomic_store(&shared->go, 1);
    while ((status = stop_await(parent).si_status) >> 8 != PTRACE_EVENT_FORK)
        heap_watch_pass(parent, status);
    ck_assert_int_eq(ptrace(PTRACE_GETEVENTMSG, parent, NULL, &child), 0);
    while (status >> 8 != PTRACE_EVENT_EXIT) {
        status = stop_await((pid_t)child).si_status;
        heap_watch_pass((pid_t)child, status);
    }
    return NULL;
}

/* A child that is at its end before its parent's fork has been seen: it is let go as any other. */
START_TEST(test_child_first)
{
    answer = true;
    atomic_store(&asked, 0);
    pid_t pid = child_start(body_forks);
    ck_assert_int_eq(heap_watch_start(pid, true, fatal, &asked), 0);
    ck_assert(heap_watch_run(pid, child_first, &pid));
    wait_for(&asked, 1);
    ck_assert_int_eq(atomic_load(&asked_signal), SIGSEGV);
    nap(20000);
    ck_assert_int_eq(atomic_load(&shared->done), 0);
    heap_watch_release(atomic_load(&asked_pid));
    ck_assert_int_eq(ended(pid), 0);
    ck_assert_int_eq(atomic_load(&shared->done), SIGSEGV);
    ck_assert_int_eq(atomic_load(&asked), 1);
    heap_watch_end();
}
END_TEST

/* A process is not taken for the one that had its number before it. */
START_TEST(test_same_number)
{
    answer = false;
    atomic_store(&asked, 0);
    pid_t pid = child_start(body_forks_again);
    ck_assert_int_eq(heap_watch_start(pid, true, fatal, &asked), 0);
    atomic_store(&shared->go, 1);
    ck_assert_int_eq(ended(pid), 0);
    ck_assert_int_eq(atomic_load(&asked), atomic_load(&shared->failed) ? 1 : 2);
    heap_watch_end();
}
END_TEST

/* The thread that execs has the first one's number from then on. */
START_TEST(test_exec)
{
    pid_t pid = child_start(body_becomes);
    ck_assert_int_eq(heap_watch_start(pid, true, fatal, &asked), 0);
    atomic_store(&shared->go, 1);
    ck_assert_int_eq(ended(pid), 7 << 8);
    heap_watch_end();
}
END_TEST

enum { ASKERS = 3, ASKS = 300 };
static pid_t looked_at;

static void seen(void *context, const struct heap_stop *s) { *(size_t *)context = s->n; }

static void *asks(void *unused)
{
    for (int i = 0; i < ASKS; i++) {
        uint64_t stood_ns;
        size_t n = 0;
        ck_assert_int_eq(heap_stop_look(looked_at, 0, seen, &n, &stood_ns), 0);
        ck_assert_uint_eq(n, THREADS);
        if (i % 3 == 0)
            heap_watch_release(looked_at); /* nobody stands */
    }
    atomic_fetch_add(&shared->done, 1);
    return unused;
}

/* Several who want something of the watching thread at once all get it. */
START_TEST(test_in_line)
{
    pthread_t t[ASKERS];
    looked_at = begin(false);
    for (int i = 0; i < ASKERS; i++)
        pthread_create(&t[i], NULL, asks, NULL);
    wait_for(&shared->done, ASKERS);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(t[i], NULL);
    atomic_store(&shared->go, SIGTERM);
    ck_assert_int_eq(ended(looked_at), SIGTERM);
    heap_watch_end();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("heap_watch");
    TCase *c = tcase_create("heap_watch");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, test_stands, 0, sizeof signals / sizeof *signals);
    tcase_add_loop_test(c, test_goes, 0, 3);
    tcase_add_loop_test(c, test_end, 0, 2);
    tcase_add_test(c, test_child_first);
    tcase_add_test(c, test_same_number);
    tcase_add_test(c, test_exec);
    tcase_add_test(c, test_in_line);
    suite_add_tcase(s, c);
    return suite_run(s);
}
