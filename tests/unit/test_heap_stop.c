/*
 * tests/unit/test_heap_stop.c - threads stand still and go on as if nothing had
 * been: a child sits in every kind of waiting call while it is stopped again and
 * again, and says what it saw.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heap/heap_stop.h"

/* What a child shares with its test. */
struct shared {
    atomic_int interrupted, ready, failed, done;
    atomic_long count, signals, ticks;
    atomic_int go, quit;
};
static struct shared *shared;

static void setup(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void teardown(void) { munmap(shared, sizeof *shared); }

static void nap(long us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL); }

static void wait_for(atomic_int *what, int value)
{
    for (int i = 0; i < 5000 && atomic_load(what) < value; i++)
        nap(1000);
    ck_assert_int_ge(atomic_load(what), value);
}

static pid_t child_start(void (*body)(void))
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (!pid) {
        body();
        _exit(0);
    }
    return pid;
}

static int child_end(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void child_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    child_end(pid);
}

static __attribute__((unused)) uint64_t stop_once(pid_t pid, size_t threads)
{
    struct heap_stop s;
    uint64_t ns;
    int e = heap_stop_begin(&s, pid, (struct heap_held){0});
    ck_assert_msg(!e, "%d: %s", e, heap_stop_text());
    if (threads)
        ck_assert_uint_eq(s.n, threads);
    ns = heap_stop_end(&s);
    heap_stop_free(&s);
    return ns;
}

/* ---- running threads ---- */

static void *spin(void *unused)
{
    atomic_fetch_add(&shared->ready, 1);
    for (;;)
        atomic_fetch_add_explicit(&shared->count, 1, memory_order_relaxed);
    return unused;
}

static void body_spin(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, spin, NULL);
    spin(NULL);
}

START_TEST(test_stand_still)
{
    pid_t pid = child_start(body_spin);
    struct heap_stop s;
    long count;
    wait_for(&shared->ready, 4);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(heap_stop_begin(&s, pid, (struct heap_held){0}), 0);
        ck_assert_uint_eq(s.n, 4);
        ck_assert_uint_eq(s.missed, 0);
        count = atomic_load(&shared->count);
        nap(5000);
        ck_assert_int_eq(atomic_load(&shared->count), count);
        for (size_t k = 0; k < s.n; k++) {
            ck_assert_uint_ne(s.threads[k].sp, 0);
            ck_assert_uint_ne(s.threads[k].pc, 0);
            ck_assert_uint_ne(s.threads[k].thread_pointer, 0);
            ck_assert_uint_gt(s.threads[k].n_registers, 17 + 31);
        }
        ck_assert_uint_ge(heap_stop_end(&s), 5000000);
        heap_stop_free(&s);
        nap(2000);
        ck_assert_int_ne(atomic_load(&shared->count), count);
    }
    child_kill(pid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_stop");
    TCase *c = tcase_create("stop");
    SRunner *r;
    int failed;
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, test_stand_still);
    suite_add_tcase(suite, c);
    r = srunner_create(suite);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
