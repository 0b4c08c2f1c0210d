/*
 * collector/heap/heap_held.c - the process whose only thread waits in our shim:
 * it stands still by itself, and there is nobody to be traced. Most snapshots of
 * small programs are of such, so this costs one system call.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "event/xalloc.h"
#include "heap/heap_stop.h"

/* A directory's links: itself, its parent's entry, and each thread's directory. */
static bool is_alone(pid_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    return !stat(path, &st) && st.st_nlink == 3;
}

bool heap_stop_alone(struct heap_stop *s, pid_t pid, struct heap_held held, uint64_t thread_pointer)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (held.tid != pid || !thread_pointer || !is_alone(pid))
        return false;
    *s = (struct heap_stop){.pid = pid, .n = 1, .began_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
    s->threads = xcalloc(1, sizeof *s->threads);
    s->threads[0] = (struct heap_thread){.tid = held.tid, .sp = held.sp, .thread_pointer = thread_pointer};
    return true;
}
