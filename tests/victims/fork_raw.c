/* Processes made without the fork function: _Fork, and the bare system call
 * (the child then allocates, as sandboxes and language runtimes do). */
#include <sys/syscall.h>
#include "victim.h"

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    pid_t pid = _Fork();
    if (!pid) {
        free(keep(malloc(48101)));
        _exit(0);
    }
    victim_wait_ok(pid);
    pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (!pid) {
        free(keep(malloc(48102)));
        _exit(0);
    }
    victim_wait_ok(pid);
    free(keep(malloc(48103)));
    puts("expect process count=3");
    puts("expect block size=48101 count=1 dropped=1 new=main");
    puts("expect block size=48102 count=1 dropped=1 new=main");
    puts("expect block size=48103 count=1 dropped=1 new=main");
    return 0;
}
