/*
 * bench/micro.c - the micro loops: `micro pair|deep|random|threads|handoff N`.
 *
 *   pair     malloc and free at one site
 *   deep     the same below 32 equal frames
 *   random   the same, the top three frames of 32 vary at random
 *   live     100,000 live blocks, replaced at random
 *   threads  two threads, each its own pairs
 *   handoff  one thread makes, another drops
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long count;
static unsigned long long seed = 88172645463325252ull;

static unsigned next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 32);
}

static void touch(void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }

static __attribute__((noinline)) void pair(void)
{
    void *p = malloc(32);
    touch(p);
    free(p);
}

static void *pairs(void *unused)
{
    for (unsigned long i = 0; i < count; i++)
        pair();
    return unused;
}

static __attribute__((noinline)) void top_a(unsigned r, int left);
static __attribute__((noinline)) void top_b(unsigned r, int left);
static void top(unsigned r, int left)
{
    if (!left)
        pair();
    else if (r & 1)
        top_a(r >> 1, left - 1);
    else
        top_b(r >> 1, left - 1);
    __asm__ volatile("");
}
static void top_a(unsigned r, int left) { top(r, left); __asm__ volatile(""); }
static void top_b(unsigned r, int left) { top(r, left); __asm__ volatile(""); __asm__ volatile("nop"); }

static __attribute__((noinline)) void deep(int depth, int vary)
{
    if (depth > 0) {
        deep(depth - 1, vary);
        __asm__ volatile("");
        return;
    }
    for (unsigned long i = 0; i < count; i++) {
        if (vary)
            top(next_random(), 3);
        else
            pair();
    }
}

static void live(void)
{
    static void *blocks[100000];
    for (unsigned long i = 0; i < count; i++) {
        unsigned at = next_random() % 100000;
        free(blocks[at]);
        blocks[at] = malloc(16 + next_random() % 500);
    }
}

enum { QUEUE = 1024 };
static void *queue[QUEUE];
static unsigned long head, tail;

static void *consumer(void *unused)
{
    for (unsigned long i = 0; i < count; i++) {
        while (__atomic_load_n(&head, __ATOMIC_ACQUIRE) == i)
            sched_yield();
        free(queue[i % QUEUE]);
        __atomic_store_n(&tail, i + 1, __ATOMIC_RELEASE);
    }
    return unused;
}

static void handoff(void)
{
    pthread_t t;
    pthread_create(&t, NULL, consumer, NULL);
    for (unsigned long i = 0; i < count; i++) {
        while (i - __atomic_load_n(&tail, __ATOMIC_ACQUIRE) == QUEUE)
            sched_yield();
        queue[i % QUEUE] = malloc(64);
        __atomic_store_n(&head, i + 1, __ATOMIC_RELEASE);
    }
    pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
    pthread_t t;
    if (argc != 3)
        return 2;
    count = strtoul(argv[2], NULL, 10);
    if (!strcmp(argv[1], "pair")) {
        pairs(NULL);
    } else if (!strcmp(argv[1], "deep")) {
        deep(28, 0);
    } else if (!strcmp(argv[1], "random")) {
        deep(24, 1);
    } else if (!strcmp(argv[1], "live")) {
        live();
    } else if (!strcmp(argv[1], "threads")) {
        pthread_create(&t, NULL, pairs, NULL);
        pairs(NULL);
        pthread_join(t, NULL);
    } else if (!strcmp(argv[1], "handoff")) {
        handoff();
    } else {
        return 2;
    }
    return 0;
}
