/* A timer's handler jumps out of mmap and munmap at any instruction, hundreds
 * of times; what the program does afterwards is recorded like anything. */
#include <setjmp.h>
#include <sys/time.h>
#include "victim.h"

static sigjmp_buf back;
static volatile sig_atomic_t jumps;
static void handler(int sig)
{
    if (jumps < 400) {
        jumps++;
        siglongjmp(back, 1);
    }
}

NOINLINE static void below(int n)
{
    char pad[48];
    keep(pad);
    if (n) {
        below(n - 1);
        keep(pad);
        return;
    }
    for (;;) {
        void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            _exit(1);
        munmap(p, 4096);
        if (jumps == 400)
            return;
    }
}

NOINLINE static void after(void) { free(keep(malloc(47301))); }

int main(void)
{
    struct sigaction a = { .sa_handler = handler };
    struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { { 0, 0 }, { 0, 0 } };
    sigaction(SIGALRM, &a, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    sigsetjmp(back, 1);
    below(jumps % 30);
    setitimer(ITIMER_REAL, &never, NULL);
    for (int i = 0; i < 100; i++)
        after();
    puts("expect block size=47301 count=100 dropped=100 new=after drop=after");
    puts("expect lost nested>=0");
    return 0;
}
