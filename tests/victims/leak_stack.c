/* exit() inside calls: what their frames hold is held. */
#include "leak.h"

NOINLINE static void *make_outer(void) { return malloc(40); }
NOINLINE static void *make_inner(void) { return malloc(48); }
NOINLINE static void *make_lost(void) { return malloc(56); }

NOINLINE static void inner(void **outer)
{
    void *array[20] = {NULL};
    array[11] = make_inner();
    keep(make_lost());
    keep(array);
    puts("expect leak reachable new=make_outer blocks=1 bytes=40");
    puts("expect leak reachable new=make_inner blocks=1 bytes=48");
    puts("expect leak definite new=make_lost blocks=1 bytes=56");
    scrub();
    exit(keep(*outer) == NULL);
}

int main(void)
{
    void *p = make_outer();
    inner(&p);
    return 1;
}
