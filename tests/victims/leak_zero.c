/* Blocks of no bytes are blocks: held by their start, or lost. */
#include "leak.h"

static void *held[3];

NOINLINE static void *make_held(void) { return malloc(0); }
NOINLINE static void *make_lost(void) { return malloc(0); }
NOINLINE static void *make_beside(void) { return calloc(0, 8); }

static void act(void)
{
    for (int i = 0; i < 3; i++)
        held[i] = make_held();
    make_lost();
    make_lost();
    held[2] = (char *)held[2] + 1;
    keep(make_beside());
}

int main(void)
{
    act();
    puts("expect leak reachable new=make_held blocks=2 bytes=0");
    puts("expect leak definite new=make_held blocks=1 bytes=0");
    puts("expect leak definite new=make_lost blocks=2 bytes=0");
    puts("expect leak definite new=make_beside blocks=1 bytes=0");
    scrub();
    return 0;
}
