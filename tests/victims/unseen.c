/* What a program can see of itself: threads, signals, timers, limits, argv,
 * working directory, umask. Nothing of it may change. */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include "victim.h"

int main(int argc, char **argv)
{
    extern char **environ;
    char line[256], cwd[512];
    int tasks = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(d));)
        tasks += e->d_name[0] != '.';
    closedir(d);
    printf("tasks %d, argc %d, %s, umask %o\n", tasks, argc, strrchr(argv[0], '/'), umask(0));
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, "Sig", 3) && strncmp(line, "SigQ", 4))
            fputs(line, stdout);
    fclose(f);
    for (int s = 1; s < NSIG; s++) {
        struct sigaction a;
        if (!sigaction(s, NULL, &a) && a.sa_handler != SIG_DFL)
            printf("signal %d has %s\n", s, a.sa_handler == SIG_IGN ? "ignore" : "a handler");
    }
    for (int r = 0; r < RLIMIT_NLIMITS; r++) {
        struct rlimit l;
        getrlimit(r, &l);
        printf("limit %d: %lu %lu\n", r, (unsigned long)l.rlim_cur, (unsigned long)l.rlim_max);
    }
    printf("dumpable %d, subreaper ", prctl(PR_GET_DUMPABLE));
    int sub = -1;
    prctl(PR_GET_CHILD_SUBREAPER, &sub);
    printf("%d, no_new_privs %d\n", sub, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    printf("in %s, children %d\n", getcwd(cwd, sizeof cwd), waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 1);
    printf("group leader %d, foreground group as the session's %d\n", getpgrp() == getpid(), getsid(0) == getpid());
    victim_print_environment(environ);
    return 0;
}
