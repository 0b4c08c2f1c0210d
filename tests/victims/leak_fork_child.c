/* Lost by the child: its own, and its copy of what the parent still holds. */
#include "leak.h"

static void *held;

NOINLINE static void *make_before(void) { return malloc(40); }
NOINLINE static void *make_after(void) { return malloc(48); }

int main(void)
{
    pid_t pid;
    held = make_before();
    puts("expect leak reachable new=make_before blocks=1 bytes=40 process=1");
    puts("expect leak definite new=make_before blocks=1 bytes=40 process=2");
    puts("expect leak definite new=make_after blocks=1 bytes=48 process=2");
    fflush(stdout);
    if (!(pid = fork())) {
        held = NULL;
        keep(make_after());
        scrub();
        exit(0);
    }
    victim_wait_ok(pid);
    scrub();
    return 0;
}
