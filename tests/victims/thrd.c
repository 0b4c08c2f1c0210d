/* C11 threads: create, join with a result, exit, detach. */
#include <threads.h>
#include "victim.h"

static void *made;
NOINLINE static int worker(void *arg)
{
    made = keep(malloc(55301));
    free(arg);
    if (made)
        thrd_exit(42);
    return 1;
}
NOINLINE static int quiet(void *arg) { free(keep(malloc(55303))); (*(_Atomic int *)arg)++; return 0; }

int main(void)
{
    thrd_t t;
    int result = 0;
    static _Atomic int done;
    CHECK(thrd_create(&t, worker, keep(malloc(55302))) == thrd_success);
    CHECK(thrd_join(t, &result) == thrd_success && result == 42);
    CHECK(thrd_create(&t, quiet, &done) == thrd_success && thrd_detach(t) == thrd_success);
    while (!done)
        victim_sleep_ms(1);
    free(made);
    puts("expect block size=55301 count=1 dropped=1 new=worker drop=main");
    puts("expect block size=55302 count=1 dropped=1 new=main drop=worker");
    puts("expect move by=thread-arg size=55302 count=1");
    puts("expect block size=55303 count=1 dropped=1 new=quiet");
    return 0;
}
