/* Lost before the fork: lost twice. Each frees what the other keeps. Three generations. */
#include "leak.h"

static void *of_parent, *of_child;

NOINLINE static void *make_lost(void) { return malloc(40); }
NOINLINE static void *make_kept(void) { return malloc(48); }
NOINLINE static void *make_last(void) { return malloc(56); }

int main(void)
{
    pid_t pid;
    keep(make_lost());
    of_parent = make_kept();
    of_child = make_kept();
    for (int p = 1; p <= 3; p++)
        printf("expect leak definite new=make_lost blocks=1 bytes=40 process=%d\n"
               "expect leak reachable new=make_kept blocks=1 bytes=48 process=%d\n", p, p);
    puts("expect leak definite new=make_last blocks=1 bytes=56 process=3");
    fflush(stdout);
    scrub();
    if (!(pid = fork())) {
        free(of_parent);
        of_parent = NULL;
        if (!(pid = fork())) {
            keep(make_last());
            scrub();
            _exit(0);
        }
        victim_wait_ok(pid);
        scrub();
        exit(0);
    }
    victim_wait_ok(pid);
    free(of_child);
    of_child = NULL;
    scrub();
    return 0;
}
