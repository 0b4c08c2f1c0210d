/*
 * bench/cpu.c - `cpu FILE COMMAND…`: runs a command and writes what it and its
 * children used to FILE: user, system and wall seconds, peak memory of the
 * largest process in KiB. Exits as the command did. Put between a tracer and
 * the program it tells the program's own cost apart from the tracer's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct rusage used;
    int status;
    pid_t pid;
    FILE *out;
    if (argc < 3)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid = fork();
    if (!pid) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
        return 125;
    clock_gettime(CLOCK_MONOTONIC, &to);
    out = fopen(argv[1], "w");
    if (!out)
        return 125;
    fprintf(out, "%.6f %.6f %.6f %ld\n", seconds(used.ru_utime), seconds(used.ru_stime),
            (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9, used.ru_maxrss);
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
