/* A handler that allocates, while its thread waits in sigsuspend (safe: no
 * other call of the heap is interrupted). Half of them on a small alternate stack. */
#include "victim.h"

static void *kept[100];
static int n;

NOINLINE static void handler(int sig)
{
    kept[n++] = keep(malloc(sig == SIGUSR1 ? 45001 : 45002));
}

int main(void)
{
    sigset_t blocked, open;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, &open);
    stack_t alternate = { .ss_sp = malloc(16384), .ss_size = 16384 };
    CHECK(!sigaltstack(&alternate, NULL));
    struct sigaction a = { .sa_handler = handler };
    sigaction(SIGUSR1, &a, NULL);
    a.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR2, &a, NULL);
    for (int i = 0; i < 50; i++) {
        kill(getpid(), i % 2 ? SIGUSR2 : SIGUSR1);
        sigsuspend(&open);
    }
    while (n)
        free(kept[--n]);
    puts("expect block size=45001 count=25 dropped=25 new=handler drop=main");
    puts("expect block size=45002 count=25 dropped=25 new=handler drop=main");
    return 0;
}
