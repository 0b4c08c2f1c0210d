/* What handlers of exit and destructors do still counts: freed there is not
 * lost, made there is. */
#include "leak.h"

static void *by_handler, *by_destructor;

NOINLINE static void *make_freed(void) { return malloc(40); }
NOINLINE static void *make_handler(void) { return malloc(48); }
NOINLINE static void *make_destructor(void) { return malloc(56); }

static void handler(void)
{
    free(by_handler);
    by_handler = NULL;
    keep(make_handler());
    scrub();
}

__attribute__((destructor)) static void destructor(void)
{
    free(by_destructor);
    by_destructor = NULL;
    keep(make_destructor());
    scrub();
}

int main(void)
{
    atexit(handler);
    by_handler = make_freed();
    by_destructor = make_freed();
    puts("expect leak definite new=make_handler blocks=1 bytes=48");
    puts("expect leak definite new=make_destructor blocks=1 bytes=56");
    return 0;
}
