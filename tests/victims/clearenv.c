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
        execl("/bin/sh", "sh", "-c", "/usr/bin/env | /bin/grep -av -e ^LD_PRELOAD= -e ^OWNSCOPE_", (char *)0);
        _exit(1);
    }
    victim_wait_ok(pid);
    victim_print_environment(environ ? environ : (char *[]){ NULL });
    puts("end");
    return 0;
}
