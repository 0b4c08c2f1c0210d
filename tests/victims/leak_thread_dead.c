/* Held only from the stacks of threads that have ended, one joined and one
 * detached: nobody's. */
#include "leak.h"

static pthread_barrier_t ready;

NOINLINE static void *make_joined(void) { return malloc(40); }
NOINLINE static void *make_detached(void) { return malloc(48); }

static void *joined(void *arg)
{
    void *p[40];
    for (int i = 0; i < 40; i++)
        p[i] = NULL;
    p[20] = make_joined();
    keep(p);
    return NULL;
}

static void *detached(void *arg)
{
    void *p[40];
    for (int i = 0; i < 40; i++)
        p[i] = NULL;
    p[20] = make_detached();
    keep(p);
    pthread_barrier_wait(&ready);
    return NULL;
}

int main(void)
{
    pthread_t t;
    CHECK(!pthread_barrier_init(&ready, NULL, 2));
    t = victim_thread(detached, NULL);
    pthread_detach(t);
    pthread_barrier_wait(&ready);
    victim_await_alone();
    victim_join(victim_thread(joined, NULL));
    puts("expect leak definite new=make_joined blocks=1 bytes=40");
    puts("expect leak definite new=make_detached blocks=1 bytes=48");
    scrub();
    return 0;
}
