/* Threads that run, or wait, when the program ends: what their stacks hold is held. One is detached. */
#include "leak.h"

static pthread_barrier_t ready;

NOINLINE static void *make_waiting(void) { return malloc(40); }
NOINLINE static void *make_detached(void) { return malloc(48); }
NOINLINE static void *make_lost(void) { return malloc(56); }

NOINLINE static void wait_for_ever(void **holder)
{
    keep(make_lost());
    scrub();
    pthread_barrier_wait(&ready);
    for (;;)
        pause();
    keep(holder);
}

static void *waiting(void *arg)
{
    void *p = make_waiting();
    wait_for_ever(&p);
    return keep(p);
}

static void *detached(void *arg)
{
    void *p = make_detached();
    pthread_detach(pthread_self());
    wait_for_ever(&p);
    return keep(p);
}

int main(void)
{
    CHECK(!pthread_barrier_init(&ready, NULL, 4));
    victim_thread(waiting, NULL);
    victim_thread(waiting, NULL);
    victim_thread(detached, NULL);
    pthread_barrier_wait(&ready);
    puts("expect leak reachable new=make_waiting blocks=2 bytes=80");
    puts("expect leak reachable new=make_detached blocks=1 bytes=48");
    puts("expect leak definite new=make_lost blocks=3 bytes=168");
    scrub();
    return 0;
}
