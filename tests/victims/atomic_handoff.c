/* Blocks handed from thread to thread by atomics alone, as lock-free queues and
 * worker pools that spin do it: rightly, though nothing of it is a call. */
#include <stdatomic.h>
#include "victim.h"

enum { SIZE = 5000, SLOTS = 8, BLOCKS = 300, WORKERS = 3 };
static char bytes[SIZE];

/* One maker, one user. */
static _Atomic(char *) slots[SLOTS];
static void *maker(void *arg)
{
    for (int i = 0; i < BLOCKS; i++) {
        char *p = keep(malloc(SIZE));
        memcpy(p, bytes, SIZE);
        while (atomic_load_explicit(&slots[i % SLOTS], memory_order_acquire))
            victim_breathe();
        atomic_store_explicit(&slots[i % SLOTS], p, memory_order_release);
    }
    return NULL;
}
static void *user(void *arg)
{
    char copy[SIZE];
    for (int i = 0; i < BLOCKS; i++) {
        char *p;
        while (!(p = atomic_load_explicit(&slots[i % SLOTS], memory_order_acquire)))
            victim_breathe();
        memcpy(copy, p, SIZE);
        memset(p, 1, SIZE);
        atomic_store_explicit(&slots[i % SLOTS], NULL, memory_order_release);
        free(p);
    }
    return NULL;
}

/* Workers that get a number of buffers each, and a main that waits until all
 * are done with theirs. */
static char *buffers[WORKERS];
static _Atomic int pending[WORKERS], stop;
static void *worker(void *arg)
{
    int n = (int)(intptr_t)arg;
    while (!atomic_load(&stop)) {
        if (!atomic_load_explicit(&pending[n], memory_order_acquire)) {
            victim_breathe();
            continue;
        }
        memcpy(buffers[n], bytes, SIZE);
        buffers[n] = keep(realloc(buffers[n], SIZE + 100 * (n + 1)));
        atomic_store_explicit(&pending[n], 0, memory_order_release);
    }
    return NULL;
}

int main(void)
{
    pthread_t t[WORKERS + 2] = { victim_thread(maker, NULL), victim_thread(user, NULL) };
    for (intptr_t i = 0; i < WORKERS; i++)
        t[i + 2] = victim_thread(worker, (void *)i);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < WORKERS; i++) {
            buffers[i] = keep(malloc(SIZE));
            memset(buffers[i], 2, SIZE);
            atomic_store_explicit(&pending[i], 1, memory_order_release);
        }
        for (int i = 0; i < WORKERS; i++) {
            while (atomic_load_explicit(&pending[i], memory_order_acquire))
                victim_breathe();
            memcpy(bytes, buffers[i], SIZE);
            free(buffers[i]);
        }
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < WORKERS + 2; i++)
        victim_join(t[i]);
    return 0;
}
