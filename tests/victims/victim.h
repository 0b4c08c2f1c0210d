/*
 * tests/victims/victim.h - what the victims share.
 *
 * A victim knows nothing of ownscope: it does one thing to its memory and
 * prints what a true report of it says, a line that begins "expect". Sizes are
 * identities: no other block of the program has the size. Without a tool it
 * behaves the same. Exit: 0 as meant (or what the victim is about), 1 its own
 * checks failed, 77 cannot be done here, 99 the frame is broken.
 *
 *   expect block size=N count=N dropped=N family=F new=FUNC notnew=FUNC drop=FUNC owner=process|thread
 *   expect blocks from=N to=N …        the same for a range of sizes, all together
 *   expect clones size=N count=N       copies that forked children got
 *   expect move by=HOW size=N count=N
 *   expect borrow size=N count=N       handed to a thread as its argument
 *   expect handoff new=FUNC drop=FUNC blocks=N bytes=N mean_min_ns=N
 *   expect process count=N
 *   expect thread name=NAME count=N
 *   expect site new=FUNC allocations=N live=N   sums over the report's sites
 *   expect report KEY.KEY OP NUMBER    OP: == >= <=
 *   expect lost REASON=N               nothing may be lost but where a victim says so
 *   expect coverage not-empty          the report says what was not seen
 *   expect finding RULE count=N found=N used=FUNC made=FUNC dropped=FUNC held=FUNC …  a rule it breaks: `found`
 *                                      findings (1 unless told), `count` times in all, with FUNC in the stack of that name
 *   expect lock NAME kind=mutex acquisitions=N contended=N wait_total=NS hold_p50=NS …  the lock whose symbol it is; times
 *                                      (wait_ and hold_ with total max p50 p99 count) within 5%
 *   expect copies site=FUNC copies=N bytes=N
 *   expect flow from=FUNC to=FUNC copies=N bytes=N   between blocks made there
 * A victim that expects no finding breaks no rule: any finding is a false one.
 *
 * A line `RUN: OPTION…` in a victim's head comment: options of `ownscope run`.
 */
#ifndef VICTIM_H
#define VICTIM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Victims do on purpose what a compiler warns of. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuse-after-free"
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#pragma GCC diagnostic ignored "-Wfree-nonheap-object"
#pragma GCC diagnostic ignored "-Wunused-result"
#endif

#define NOINLINE __attribute__((noinline))

/* A value the compiler can assume nothing about. */
static inline void *keep(void *p) { __asm__ volatile("" : "+r"(p) : : "memory"); return p; }

/* As often, by a loop that stays one: each turn has the stack of the others. */
static inline int victim_times(int n) { __asm__ volatile("" : "+r"(n)); return n; }

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
            _exit(1); \
        } \
    } while (0)

static inline void victim_wait_ok(pid_t pid)
{
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static inline pthread_t victim_thread(void *(*routine)(void *), void *arg)
{
    pthread_t t;
    CHECK(!pthread_create(&t, NULL, routine, arg));
    return t;
}

static inline void victim_join(pthread_t t) { CHECK(!pthread_join(t, NULL)); }

static inline int64_t victim_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static inline struct timespec victim_from_now(clockid_t clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static inline void victim_sleep_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

/* Turns of threads, told by no lock: until it is at least that; and the next one. */
static inline void victim_await(const int *turn, int least)
{
    while (__atomic_load_n(turn, __ATOMIC_RELAXED) < least)
        victim_sleep_ms(1);
}
static inline void victim_next(int *turn) { __atomic_fetch_add(turn, 1, __ATOMIC_RELAXED); }

/* Until all other threads are gone, also those that nobody joins: a process's folder of threads has a link for each. */
static inline void victim_await_alone(void)
{
    struct stat s;
    while (!stat("/proc/self/task", &s) && s.st_nlink > 3)
        victim_sleep_ms(1);
}

/* Lets others run, now and then: a program that only allocates is no program. */
static inline void victim_breathe(void)
{
    struct timespec t = { 0, 200000 };
    nanosleep(&t, NULL);
}

/* A file beside the victim: lib/NAME. */
static inline const char *victim_file(const char *name)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 256);
    if (n <= 0)
        _exit(99);
    path[n] = 0;
    strcpy(strrchr(path, '/') + 1, name);
    return path;
}

/* The environment as the program was given it: what a tracer adds left out. */
static inline void victim_print_environment(char **env)
{
    for (; *env; env++)
        if (strncmp(*env, "LD_PRELOAD=", 11) && strncmp(*env, "OWNSCOPE_", 9))
            puts(*env);
}

#endif
