/* Held only from a frame that has been left, far below the stack pointer. */
#include "leak.h"

NOINLINE static void *make(void) { return malloc(40); }

NOINLINE static void deep(void)
{
    void *low[4000];
    for (int i = 0; i < 4000; i++)
        low[i] = NULL;
    low[0] = low[1] = make();
    keep(low);
}

int main(void)
{
    puts("expect leak definite new=make blocks=1 bytes=40");
    fflush(stdout);
    scrub();
    deep();
    return 0;
}
