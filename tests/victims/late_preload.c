/* The program clears its environment before it runs another: as it asked, the
 * other sees an empty one. */
#include "victim.h"

int main(void)
{
    extern char **environ;
    clearenv();
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        execl("/usr/bin/env", "env", "-u", "LD_PRELOAD", "-u", "OWNSCOPE_SESSION", "/usr/bin/env", (char *)0);
        _exit(1);
    }
    victim_wait_ok(pid);
    victim_print_environment(environ ? environ : (char *[]){ NULL });
    puts("end");
    return 0;
}
