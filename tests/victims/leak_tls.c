/* Thread-local memory: of the main thread, of one that runs at the end, of one
 * that has ended; by __thread and by keys, of the first 32 and beyond. */
#include "leak.h"

static __thread void *local;
static pthread_key_t early, late;
static pthread_barrier_t ready;

NOINLINE static void *make_main(void) { return malloc(40); }
NOINLINE static void *make_running(void) { return malloc(48); }
NOINLINE static void *make_ended(void) { return malloc(56); }

static void hold(void *(*make)(void))
{
    local = make();
    pthread_setspecific(early, make());
    pthread_setspecific(late, make());
}

static void *ended(void *arg)
{
    hold(make_ended);
    return NULL;
}

static void *running(void *arg)
{
    hold(make_running);
    scrub();
    pthread_barrier_wait(&ready);
    for (;;)
        pause();
    return NULL;
}

int main(void)
{
    CHECK(!pthread_barrier_init(&ready, NULL, 2));
    CHECK(!pthread_key_create(&early, NULL));
    for (int i = 0; i < 40; i++)
        CHECK(!pthread_key_create(&late, NULL));
    hold(make_main);
    victim_join(victim_thread(ended, NULL));
    victim_thread(running, NULL);
    pthread_barrier_wait(&ready);
    puts("expect leak reachable new=make_main blocks=3 bytes=120");
    puts("expect leak reachable new=make_running blocks=3 bytes=144");
    puts("expect leak definite new=make_ended blocks=3 bytes=168");
    scrub();
    return 0;
}
