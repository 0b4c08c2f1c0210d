/* Root only: an empty root directory, then memory, threads and children in it. */
#include <sys/stat.h>
#include "victim.h"

NOINLINE static void *in_jail(void *arg) { free(keep(malloc(52402))); return NULL; }

int main(void)
{
    char dir[] = "/tmp/ownscope-victim-XXXXXX";
    if (geteuid() || !mkdtemp(dir))
        return 77;
    int home = open("/", O_RDONLY);
    CHECK(!chroot(dir) && !chdir("/"));
    free(keep(malloc(52401)));
    pthread_t t;
    CHECK(!pthread_create(&t, NULL, in_jail, NULL));
    pthread_join(t, NULL);
    pid_t pid = fork();
    if (!pid) {
        free(keep(malloc(52403)));
        _exit(0);
    }
    victim_wait_ok(pid);
    CHECK(!fchdir(home) && !chroot(".") && !rmdir(dir));
    puts("expect process count=2");
    puts("expect block size=52401 count=1 dropped=1 new=main");
    puts("expect block size=52402 count=1 dropped=1 new=in_jail");
    puts("expect block size=52403 count=1 dropped=1 new=main");
    return 0;
}
