/* What a program would notice of a copy of itself made behind its back: children
 * that it did not make, signals, pipes that do not end and locks that do not go
 * when it closes them. `image_unseen MS` looks for so long, and first says where
 * a pair of numbers lies of which no event sees the second changed first;
 * `image_unseen MS exec` then becomes itself once more. */
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include "victim.h"

static volatile uint64_t pair[2] = {0, 0};
static volatile sig_atomic_t children;
static void on_child(int sig) { children++; }

static void a_pipe_ends(void)
{
    int ends[2];
    char c;
    struct pollfd p;
    CHECK(!pipe(ends));
    free(keep(malloc(55502)));
    close(ends[1]);
    p = (struct pollfd){ ends[0], POLLIN, 0 };
    CHECK(poll(&p, 1, 0) == 1 && p.revents & POLLHUP);
    CHECK(read(ends[0], &c, 1) == 0);
    close(ends[0]);
}

static void a_lock_goes(const char *path)
{
    int fd = open(path, O_RDWR), again;
    CHECK(fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB));
    free(keep(malloc(55503)));
    close(fd);
    again = open(path, O_RDWR);
    CHECK(!flock(again, LOCK_EX | LOCK_NB));
    close(again);
}

/* A record lock is the process's: another one finds it. */
static void a_lock_stays(int fd)
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
    int status;
    pid_t pid = fork();
    if (!pid) {
        CHECK(!fcntl(fd, F_GETLK, &l));
        _exit(l.l_type == F_WRLCK ? 0 : 9);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int main(int argc, char **argv)
{
    int64_t end = victim_now_ns() + (argc > 1 ? atoi(argv[1]) : 100) * (int64_t)1000000;
    char lock[64];
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
    struct sigaction a = { .sa_handler = on_child };
    int fd = memfd_create("locks", 0), made = 0;
    sprintf(lock, "/proc/self/fd/%d", memfd_create("more", 0)); /* opened again, it is another opening of the same file */
    CHECK(fd >= 0 && !fcntl(fd, F_SETLK, &l));
    CHECK(!sigaction(SIGCHLD, &a, NULL));
    if (argc > 1)
        printf("%p\n", (void *)pair);
    fflush(stdout);
    while (victim_now_ns() < end) {
        for (int i = 0; i < 2000; i++) {
            pair[0]++;
            free(keep(malloc(55501)));
            pair[1]++;
        }
        errno = 0;
        CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
        a_pipe_ends();
        a_lock_goes(lock);
        CHECK(children == made);
        if (pair[0] % 200000 == 0) {
            a_lock_stays(fd);
            made++;
            CHECK(children == made);
        }
    }
    if (argc > 2)
        execl("/proc/self/exe", argv[0], argv[1], (char *)NULL);
    printf("expect report lost.events == 0\n");
    return 0;
}
