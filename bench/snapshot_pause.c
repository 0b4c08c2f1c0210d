/*
 * bench/snapshot_pause.c - how long a process with a large heap of small blocks
 * stands still for a snapshot: copied from outside (collector/heap), or while it
 * forks itself.
 *
 *   snapshot_pause [MIB OF HEAP [BYTES A BLOCK [THREADS [ROUNDS]]]]
 *
 * One line a way, medians: `WAY gib=… blocks=… pause_ms=… ms_per_gib=… …`.
 * Of a copied pause stop_ms passes until all stand, and cpu_ms is what the copy
 * took of processors; prepare_ms passes before it.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "heap/heap_image.h"

enum { ROUNDS_MAX = 99 };

struct shared { atomic_int ready, ask, answer; double fork_ms; unsigned long blocks; };
static struct shared *shared;

static double clock_ms(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double now_ms(void) { return clock_ms(CLOCK_MONOTONIC); }

static void nap(void) { nanosleep(&(struct timespec){0, 200000}, NULL); }

static void *idle(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* A chain of blocks, of half to three halves the size that was asked for. */
static void heap_make(size_t bytes, size_t block)
{
    unsigned long long seed = 88172645463325252ull;
    void **last = NULL;
    for (size_t made = 0; made < bytes;) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        size_t size = block / 2 + seed % (block + 1);
        void **p = malloc(size < sizeof *p ? sizeof *p : size);
        if (!p)
            _exit(1);
        memset(p, 0x5a, size);
        *p = last;
        last = p;
        made += size;
        shared->blocks++;
    }
}

/* As the shim's: without libc's handlers, and the image sleeps until it is killed. */
static void fork_once(void)
{
    double from = now_ms();
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (!pid)
        for (;;)
            pause();
    shared->fork_ms = now_ms() - from;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void child(size_t bytes, size_t block, int threads)
{
    pthread_t t;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 1; i < threads; i++)
        pthread_create(&t, NULL, idle, NULL);
    heap_make(bytes, block);
    atomic_store(&shared->ready, 1);
    for (;;) {
        while (!atomic_load(&shared->ask))
            nap();
        atomic_store(&shared->ask, 0);
        fork_once();
        atomic_store(&shared->answer, 1);
    }
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, ascending);
    return v[n / 2];
}

/* One copied snapshot: milliseconds of its pause and parts; GiB read. */
struct copied { double prepare, stop, pause, cpu, gib; };
static struct copied copy_once(pid_t pid)
{
    struct heap_image_options o = {0};
    struct heap_image *image;
    struct heap_stop stop;
    struct copied c;
    double from = now_ms();
    if (heap_image_prepare(&image, pid, &o)) {
        fprintf(stderr, "snapshot_pause: %s\n", heap_image_text());
        exit(1);
    }
    c.prepare = now_ms() - from;
    from = now_ms();
    if (heap_stop_begin(&stop, pid, (struct heap_held){0})) {
        fprintf(stderr, "snapshot_pause: %s\n", heap_stop_text());
        exit(1);
    }
    c.stop = now_ms() - from;
    c.cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
    if (heap_image_copy(image, &stop)) {
        fprintf(stderr, "snapshot_pause: %s\n", heap_image_text());
        exit(1);
    }
    c.cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - c.cpu;
    c.pause = (double)heap_stop_end(&stop) / 1e6;
    c.gib = (double)heap_image_bytes(image) / (1 << 30);
    heap_stop_free(&stop);
    heap_image_free(image);
    return c;
}

int main(int argc, char **argv)
{
    size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024, block = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
    int threads = argc > 3 ? atoi(argv[3]) : 4, rounds = argc > 4 ? atoi(argv[4]) : 7;
    double pause[ROUNDS_MAX], prepare[ROUNDS_MAX], stop[ROUNDS_MAX], cpu[ROUNDS_MAX], forked[ROUNDS_MAX], gib = 0;
    pid_t pid;
    if (rounds < 1 || rounds > ROUNDS_MAX || !mib || block < 8)
        return 2;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || (pid = fork()) < 0)
        return 1;
    if (!pid)
        child(mib << 20, block, threads);
    while (!atomic_load(&shared->ready))
        nap();
    for (int i = 0; i < rounds; i++) {
        struct copied c = copy_once(pid);
        prepare[i] = c.prepare;
        stop[i] = c.stop;
        pause[i] = c.pause;
        cpu[i] = c.cpu;
        gib = c.gib;
        atomic_store(&shared->answer, 0);
        atomic_store(&shared->ask, 1);
        while (!atomic_load(&shared->answer))
            nap();
        forked[i] = shared->fork_ms;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    double c = median(pause, rounds), f = median(forked, rounds);
    printf("copied gib=%.3f blocks=%lu threads=%d pause_ms=%.2f ms_per_gib=%.1f least_ms_per_gib=%.1f cpu_ms_per_gib=%.1f stop_ms=%.2f prepare_ms=%.1f\n",
           gib, shared->blocks, threads, c, c / gib, pause[0] / gib, median(cpu, rounds) / gib, median(stop, rounds), median(prepare, rounds));
    printf("forked gib=%.3f blocks=%lu threads=%d pause_ms=%.2f ms_per_gib=%.1f least_ms_per_gib=%.1f\n", gib, shared->blocks, threads, f,
           f / gib, forked[0] / gib);
    return 0;
}
