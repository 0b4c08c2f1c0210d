/* Ends by _exit: no handler runs, what it would have freed is still there. */
#include "leak.h"

static void *held;

NOINLINE static void *make_held(void) { return malloc(40); }
NOINLINE static void *make_lost(void) { return malloc(48); }
static void never(void) { free(held); }

int main(void)
{
    atexit(never);
    held = make_held();
    keep(make_lost());
    puts("expect leak reachable new=make_held blocks=1 bytes=40");
    puts("expect leak definite new=make_lost blocks=1 bytes=48");
    fflush(stdout);
    scrub();
    _exit(3);
}
