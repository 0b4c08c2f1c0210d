/* One descriptor to spare: a limit of 5, then of 4, for a new image and its child. */
#include "victim.h"

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        int fd = open("/dev/null", O_RDONLY);
        printf("limit %s: fd %d, errno %d\n", argv[1], fd, fd < 0 ? errno : 0);
        free(keep(malloc(52701)));
        pid_t pid = fork();
        if (!pid)
            _exit(keep(malloc(52702)) ? 0 : 1);
        victim_wait_ok(pid);
        return 0;
    }
    for (int limit = 5; limit >= 4; limit--) {
        pid_t pid = fork();
        if (!pid) {
            char text[16];
            snprintf(text, sizeof text, "%d", limit);
            char *program = strdup(argv[0]);
            struct rlimit l = { limit, limit };
            setrlimit(RLIMIT_NOFILE, &l);
            execl("/proc/self/exe", program, text, (char *)0);
            _exit(1);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        printf("ended with %d\n", WEXITSTATUS(status));
    }
    return 0;
}
