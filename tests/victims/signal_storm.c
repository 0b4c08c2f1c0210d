/* Timer signals every half millisecond through a main flow that allocates:
 * nothing is lost, nothing is torn, and the handler's errno is its own. */
#include <sys/time.h>
#include "victim.h"

static volatile sig_atomic_t ticks;
static void tick(int sig) { int saved = errno; ticks++; errno = saved; }

NOINLINE static void act(size_t bytes) { free(keep(malloc(bytes))); }

int main(void)
{
    struct sigaction a = { .sa_handler = tick, .sa_flags = SA_RESTART };
    sigaction(SIGPROF, &a, NULL);
    struct itimerval every = { { 0, 500 }, { 0, 500 } };
    setitimer(ITIMER_PROF, &every, NULL);
    for (int i = 0; i < 100000; i++)
        act(46001 + i % 2);
    while (ticks < 5)
        act(46003);
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_PROF, &never, NULL);
    puts("expect site new=act allocations>=100000 live=0");
    puts("expect report totals.frees >= 100000");
    return 0;
}
