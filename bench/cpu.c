/*
 * bench/cpu.c - `cpu FILE [NAME=VALUE…] COMMAND…`: runs a command, with these
 * variables in its environment, and writes what it and its children used to
 * FILE: user, system and wall seconds, peak memory of the largest process in
 * KiB, and the moment it ended (CLOCK_MONOTONIC, seconds). Exits as the command
 * did. Put between a tracer and the program it tells the program's own cost
 * apart from the tracer's. It stays small, so that the command starts from a
 * small process, and allocates nothing of size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }
static double moment(struct timespec t) { return (double)t.tv_sec + (double)t.tv_nsec / 1e9; }

static void start(char **words)
{
    while (*words && strchr(*words, '='))
        putenv(*words++);
    if (*words)
        execvp(*words, words);
    _exit(127);
}

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
    if (!pid)
        start(argv + 2);
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid)
        return 125;
    clock_gettime(CLOCK_MONOTONIC, &to);
    out = fopen(argv[1], "w");
    if (!out)
        return 125;
    fprintf(out, "%.6f %.6f %.6f %ld %.6f\n", seconds(used.ru_utime), seconds(used.ru_stime),
            moment(to) - moment(from), used.ru_maxrss, moment(to));
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
