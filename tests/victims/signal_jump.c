/* siglongjmp out of a handler that interrupted nothing of the heap, many times:
 * whatever a hook keeps for its thread must survive it. And a handler that
 * interrupts the heap's own calls and allocates a block in another thread's
 * stead is left to the reader's imagination. */
#include <setjmp.h>
#include "victim.h"

static sigjmp_buf back;
NOINLINE static void handler(int sig) { keep(malloc(46101)); siglongjmp(back, 1); }
NOINLINE static void deep(int n)
{
    char pad[64];
    keep(pad);
    if (n)
        deep(n - 1);
    else
        raise(SIGUSR1);
    keep(pad);
}

int main(void)
{
    struct sigaction a = { .sa_handler = handler };
    sigaction(SIGUSR1, &a, NULL);
    for (volatile int i = 0; i < 100; i++) {
        if (!sigsetjmp(back, 1))
            deep(30);
        free(keep(malloc(46102)));
    }
    puts("expect block size=46101 count=100 dropped=0 new=handler");
    puts("expect block size=46102 count=100 dropped=100 new=main notnew=deep");
    return 0;
}
