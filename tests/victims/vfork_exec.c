/* vfork and exec, a hundred times; one of them fails to exec, and execs again. */
#include "victim.h"

int main(int argc, char **argv)
{
    if (argc > 1) {
        free(keep(malloc(49001)));
        return 0;
    }
    for (int i = 0; i < 100; i++) {
        void *p = keep(malloc(49002));
        pid_t pid = vfork();
        if (!pid) {
            if (i == 50)
                execl("/nonexistent/program", "program", (char *)0);
            execl("/proc/self/exe", "vfork_exec", "child", (char *)0);
            _exit(0);
        }
        CHECK(pid > 0);
        victim_wait_ok(pid);
        free(p);
    }
    puts("expect block size=49001 count=100 dropped=100 new=main");
    puts("expect block size=49002 count=100 dropped=100 new=main");
    puts("expect process count=101");
    return 0;
}
