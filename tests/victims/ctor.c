/* Constructors and destructors that allocate, before and after main. */
#include "victim.h"

static void *early, *late;

__attribute__((constructor(101))) NOINLINE static void first_constructor(void)
{
    early = keep(malloc(40001));
}
__attribute__((constructor)) NOINLINE static void second_constructor(void)
{
    late = keep(malloc(40002));
}
__attribute__((destructor)) NOINLINE static void first_destructor(void)
{
    free(late);
    keep(malloc(40004));
}
__attribute__((destructor(101))) NOINLINE static void last_destructor(void)
{
    free(early);
    free(keep(malloc(40005)));
}
static void at_exit(void) { free(keep(malloc(40006))); }

int main(void)
{
    atexit(at_exit);
    free(keep(malloc(40003)));
    puts("expect block size=40001 count=1 dropped=1 new=first_constructor drop=last_destructor");
    puts("expect block size=40002 count=1 dropped=1 new=second_constructor drop=first_destructor");
    puts("expect block size=40003 count=1 dropped=1 new=main drop=main");
    puts("expect block size=40004 count=1 dropped=0 new=first_destructor");
    puts("expect block size=40005 count=1 dropped=1 new=last_destructor");
    puts("expect block size=40006 count=1 dropped=1 new=at_exit");
    return 0;
}
