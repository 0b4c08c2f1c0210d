/*
 * tests/unit/heap_shared.h - a child process that does something while a test
 * stops it or reads its memory; the two share a page.
 */
#ifndef OWNSCOPE_TEST_HEAP_SHARED_H
#define OWNSCOPE_TEST_HEAP_SHARED_H

#include <check.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

static inline void wait_for(atomic_int *what, int value)
{
    for (int i = 0; i < PATIENCE_MS && atomic_load(what) < value; i++)
        nap(1000);
    ck_assert_int_ge(atomic_load(what), value);
}

static inline void wait_more(atomic_long *what, long than)
{
    for (int i = 0; i < PATIENCE_MS && atomic_load(what) <= than; i++)
        nap(1000);
    ck_assert_int_gt(atomic_load(what), than);
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
