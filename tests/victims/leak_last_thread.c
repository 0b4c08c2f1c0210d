/* main ends by pthread_exit; the process ends with its last thread. */
#include "leak.h"

static pthread_t first;
static void *held;

NOINLINE static void *make_main(void) { return malloc(40); }
NOINLINE static void *make_thread(void) { return malloc(48); }
NOINLINE static void *make_held(void) { return malloc(56); }

static void *last(void *arg)
{
    victim_join(first);
    keep(make_thread());
    held = make_held();
    puts("expect leak definite new=make_main blocks=1 bytes=40");
    puts("expect leak definite new=make_thread blocks=1 bytes=48");
    puts("expect leak reachable new=make_held blocks=1 bytes=56");
    scrub();
    return NULL;
}

int main(void)
{
    pthread_t t;
    first = pthread_self();
    t = victim_thread(last, NULL);
    pthread_detach(t);
    keep(make_main());
    scrub();
    pthread_exit(NULL);
}
