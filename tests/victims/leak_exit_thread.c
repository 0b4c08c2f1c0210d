/* exit() is called by a thread while main waits for it: both stacks count. */
#include "leak.h"

NOINLINE static void *make_main(void) { return malloc(40); }
NOINLINE static void *make_thread(void) { return malloc(48); }
NOINLINE static void *make_lost(void) { return malloc(56); }

static void *leaver(void *arg)
{
    void *p = make_thread();
    keep(make_lost());
    puts("expect leak reachable new=make_main blocks=1 bytes=40");
    puts("expect leak reachable new=make_thread blocks=1 bytes=48");
    puts("expect leak definite new=make_lost blocks=1 bytes=56");
    scrub();
    exit(0);
    return keep(p);
}

int main(void)
{
    void *p = make_main();
    victim_join(victim_thread(leaver, NULL));
    keep(p);
    return 1;
}
