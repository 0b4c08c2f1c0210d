/* Ends by quick_exit: its own handlers run, those of exit do not. */
#include "leak.h"

static void *held, *freed;

NOINLINE static void *make_held(void) { return malloc(40); }
NOINLINE static void *make_freed(void) { return malloc(48); }
NOINLINE static void *make_late(void) { return malloc(56); }
static void never(void) { free(held); }
static void late(void)
{
    free(freed);
    freed = NULL;
    keep(make_late());
    scrub();
}

int main(void)
{
    atexit(never);
    at_quick_exit(late);
    held = make_held();
    freed = make_freed();
    puts("expect leak reachable new=make_held blocks=1 bytes=40");
    puts("expect leak definite new=make_late blocks=1 bytes=56");
    fflush(stdout);
    quick_exit(4);
}
