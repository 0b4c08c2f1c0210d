/* Fork handlers that allocate, in the parent and in the child. */
#include "victim.h"

NOINLINE static void prepare(void) { free(keep(malloc(48201))); }
NOINLINE static void in_parent(void) { free(keep(malloc(48202))); }
NOINLINE static void in_child(void) { free(keep(malloc(48203))); }

int main(void)
{
    pthread_atfork(prepare, in_parent, in_child);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (!pid)
        _exit(0);
    victim_wait_ok(pid);
    puts("expect process count=2");
    puts("expect block size=48201 count=1 dropped=1 new=prepare");
    puts("expect block size=48202 count=1 dropped=1 new=in_parent");
    puts("expect block size=48203 count=1 dropped=1 new=in_child");
    return 0;
}
