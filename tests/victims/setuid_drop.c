/* Root only: becomes nobody, and goes on with memory, threads and children. */
#include <grp.h>
#include "victim.h"

NOINLINE static void *humble(void *arg) { free(keep(malloc(52502))); return NULL; }

int main(void)
{
    if (geteuid())
        return 77;
    CHECK(!setgroups(0, NULL) && !setgid(65534) && !setuid(65534));
    free(keep(malloc(52501)));
    pthread_t t;
    CHECK(!pthread_create(&t, NULL, humble, NULL));
    pthread_join(t, NULL);
    pid_t pid = fork();
    if (!pid) {
        free(keep(malloc(52503)));
        _exit(0);
    }
    victim_wait_ok(pid);
    puts("expect process count=2");
    puts("expect block size=52501 count=1 dropped=1 new=main");
    puts("expect block size=52502 count=1 dropped=1 new=humble");
    puts("expect block size=52503 count=1 dropped=1 new=main");
    return 0;
}
