/* Two threads that take turns on the places of one block, ordered by atomics
 * alone: a ring of messages with one producer and one consumer. */
#include <sched.h>
#include <stdatomic.h>
#include "victim.h"

enum { SLOTS = 8, MESSAGES = 60 * SLOTS, SIZE = 700 };
static char *ring;
static atomic_uint head, tail;

static void *produce(void *arg)
{
    char message[SIZE];
    size_t bytes = (size_t)victim_times(SIZE);
    for (unsigned i = 0; i < MESSAGES; i++) {
        memset(message, (int)i, SIZE);
        while (i - atomic_load_explicit(&tail, memory_order_acquire) == SLOTS)
            sched_yield();
        memcpy(ring + i % SLOTS * SIZE, message, bytes);
        atomic_store_explicit(&head, i + 1, memory_order_release);
    }
    return NULL;
}

static void *consume(void *arg)
{
    char message[SIZE];
    size_t bytes = (size_t)victim_times(SIZE);
    for (unsigned i = 0; i < MESSAGES; i++) {
        while (atomic_load_explicit(&head, memory_order_acquire) == i)
            sched_yield();
        memcpy(message, ring + i % SLOTS * SIZE, bytes);
        CHECK(message[SIZE - 1] == (char)i);
        atomic_store_explicit(&tail, i + 1, memory_order_release);
    }
    return NULL;
}

int main(void)
{
    ring = keep(malloc(SLOTS * SIZE));
    pthread_t a = victim_thread(produce, NULL), b = victim_thread(consume, NULL);
    victim_join(a);
    victim_join(b);
    free(ring);
    puts("expect coverage not-empty");
    return 0;
}
