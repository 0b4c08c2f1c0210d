/* Ends by abort: what was lost before is lost, what a frame holds is held. */
#include "leak.h"

NOINLINE static void *make_held(void) { return malloc(40); }
NOINLINE static void *make_lost(void) { return malloc(48); }

int main(void)
{
    struct rlimit none = { 0, 0 };
    void *p = make_held();
    setrlimit(RLIMIT_CORE, &none);
    keep(make_lost());
    puts("expect leak reachable new=make_held blocks=1 bytes=40");
    puts("expect leak definite new=make_lost blocks=1 bytes=48");
    fflush(stdout);
    scrub();
    abort();
    keep(p);
}
