/* Closes every descriptor it did not open, as daemons do, and is handed out
 * the numbers it would be handed out without a tracer. */
#include <dirent.h>
#include "victim.h"

static int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);
    close(fd);
    return fd;
}
static void list_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    int seen[64] = { 0 }, self = dirfd(d);
    for (struct dirent *e; (e = readdir(d));)
        if (atoi(e->d_name) < 64 && e->d_name[0] != '.' && atoi(e->d_name) != self)
            seen[atoi(e->d_name)] = 1;
    closedir(d);
    for (int i = 0; i < 64; i++)
        if (seen[i])
            printf(" %d", i);
    puts("");
}
static void *thread(void *arg) { free(keep(malloc(52302))); *(int *)arg = next_fd(); return NULL; }

int main(void)
{
    int in_thread = -1, low[3];
    printf("first: %d\nopen:", next_fd());
    list_fds();
    close_range(3, ~0u, 0);
    free(keep(malloc(52301)));
    pthread_t t;
    CHECK(!pthread_create(&t, NULL, thread, &in_thread));
    pthread_join(t, NULL);
    printf("after close_range: %d, in a thread: %d\n", next_fd(), in_thread);
    fflush(stdout);
    int saved[3];
    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD, 40);
        close(i);
    }
    free(keep(malloc(52303)));
    for (int i = 0; i < 3; i++)
        low[i] = open("/dev/null", O_RDWR);
    pid_t pid = fork();
    if (!pid) {
        free(keep(malloc(52304)));
        _exit(next_fd() == 3 ? 0 : 1);
    }
    victim_wait_ok(pid);
    for (int i = 0; i < 3; i++)
        dup2(saved[i], i);
    printf("with 0 1 2 closed: %d %d %d\nopen:", low[0], low[1], low[2]);
    list_fds();
    puts("expect block size=52301 count=1 dropped=1");
    puts("expect block size=52302 count=1 dropped=1 new=thread");
    puts("expect block size=52303 count=1 dropped=1");
    puts("expect block size=52304 count=1 dropped=1");
    return 0;
}
