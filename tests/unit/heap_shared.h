/*
 * tests/unit/heap_shared.h - a child process that does something while a test
 * stops it or reads its memory; the two share a page.
 */
#ifndef OWNSCOPE_TEST_HEAP_SHARED_H
#define OWNSCOPE_TEST_HEAP_SHARED_H

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heap/heap_stop.h"

/* What a child shares with its test. */
struct shared {
    atomic_int interrupted, ready, failed, done;
    atomic_long count, signals, ticks;
    atomic_int go, quit;
    int ids[2];
    uint64_t address[16];
};
static struct shared *shared;

static inline void setup(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

static inline void teardown(void) { munmap(shared, sizeof *shared); }

static inline void nap(long us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL); }

/* Nothing that is waited for fails by time alone but after this long: other programs may have the machine. */
enum { PATIENCE_MS = 20000 };

static inline uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline uint64_t patience_ends(void) { return clock_ns() + PATIENCE_MS * 1000000ull; }

static inline void wait_for(atomic_int *what, int value)
{
    for (uint64_t end = patience_ends(); atomic_load(what) < value && clock_ns() < end;)
        nap(1000);
    ck_assert_int_ge(atomic_load(what), value);
}

static inline void wait_more(atomic_long *what, long than)
{
    for (uint64_t end = patience_ends(); atomic_load(what) <= than && clock_ns() < end;)
        nap(1000);
    ck_assert_int_gt(atomic_load(what), than);
}

/* Stops it: where others have the machine a thread may not come to a stop in its time, and all go on. */
static inline void stop_begin(struct heap_stop *s, pid_t pid, struct heap_held held)
{
    int e = -ETIMEDOUT;
    for (uint64_t end = patience_ends(); e == -ETIMEDOUT && clock_ns() < end;)
        e = heap_stop_begin(s, pid, held);
    ck_assert_msg(!e, "%d: %s", e, heap_stop_text());
}

static inline pid_t child_start(void (*body)(void))
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        body();
        _exit(0);
    }
    return pid;
}

static inline int child_end(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static inline void child_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    child_end(pid);
}

#endif
