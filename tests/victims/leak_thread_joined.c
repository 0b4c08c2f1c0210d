/* Held only from the stacks of joined threads, which libc keeps for the next:
 * nobody's. What a thread that still runs holds beside them is reachable. */
#include "leak.h"

enum { THREADS = 3 };
static pthread_barrier_t ready;

NOINLINE static void *make_joined(void) { return malloc(100); }
NOINLINE static void *make_waiting(void) { return malloc(56); }

static void *joined(void *arg)
{
    void *p[100];
    for (int i = 0; i < 100; i++)
        p[i] = make_joined();
    keep(p);
    pthread_barrier_wait(&ready);   /* none takes over another's stack */
    return NULL;
}

static void *waiting(void *arg)
{
    void *p[40];
    for (int i = 0; i < 40; i++)
        p[i] = NULL;
    p[20] = make_waiting();
    keep(p);
    pthread_barrier_wait(&ready);
    for (;;)
        pause();
    return NULL;
}

int main(void)
{
    pthread_t t[THREADS];
    CHECK(!pthread_barrier_init(&ready, NULL, THREADS + 1));
    victim_thread(waiting, NULL);
    for (int i = 0; i < THREADS; i++)
        t[i] = victim_thread(joined, NULL);
    for (int i = 0; i < THREADS; i++)
        victim_join(t[i]);
    puts("expect leak definite new=make_joined blocks=300 bytes=30000");
    puts("expect leak reachable new=make_waiting blocks=1 bytes=56");
    scrub();
    return 0;
}
