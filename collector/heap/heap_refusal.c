/*
 * collector/heap/heap_refusal.c - see heap_refusal.h.
 */
#include "heap/heap_refusal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAP_SYS_PTRACE = 19 };

/* The line of a status file, behind its name's colon; false: none. */
static bool status_line(pid_t pid, pid_t tid, const char *name, char *to, size_t size)
{
    char path[64], line[256];
    size_t length = strlen(name);
    bool found = false;
    FILE *f;
    snprintf(path, sizeof path, "/proc/%d/task/%d/status", (int)pid, (int)tid);
    f = fopen(path, "re");
    if (!f)
        return false;
    while (!found && fgets(line, sizeof line, f))
        if (!strncmp(line, name, length) && line[length] == ':') {
            snprintf(to, size, "%s", line + length + 1 + strspn(line + length + 1, " \t"));
            to[strcspn(to, "\n")] = 0;
            found = true;
        }
    fclose(f);
    return found;
}

long heap_refusal_status(pid_t pid, pid_t tid, const char *name)
{
    char text[256];
    return status_line(pid, tid, name, text, sizeof text) ? strtol(text, NULL, 10) : -1;
}

char heap_refusal_state(pid_t pid, pid_t tid)
{
    char text[256];
    return status_line(pid, tid, "State", text, sizeof text) ? text[0] : 0;
}

static bool we_may_trace(void)
{
    char text[256];
    return status_line(getpid(), getpid(), "CapEff", text, sizeof text) && strtoull(text, NULL, 16) >> CAP_SYS_PTRACE & 1;
}

static int yama_scope(void)
{
    FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope = 0;
    if (!f)
        return 0;
    if (fscanf(f, "%d", &scope) != 1)
        scope = 0;
    fclose(f);
    return scope;
}

static void already_traced(pid_t pid, pid_t tracer, char *to, size_t size)
{
    char name[64];
    if (status_line(tracer, tracer, "Name", name, sizeof name))
        snprintf(to, size, "process %d is being traced by %s (pid %d), and only one may: end that first", (int)pid, name, (int)tracer);
    else
        snprintf(to, size, "process %d is being traced by pid %d, and only one may: end that first", (int)pid, (int)tracer);
}

/* The kernel then gives its files to root. */
static bool undumpable(pid_t pid, long uid)
{
    char path[40];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
    return uid && !stat(path, &st) && (long)st.st_uid != uid;
}

void heap_refusal_text(pid_t pid, pid_t tid, char *to, size_t size)
{
    long tracer = heap_refusal_status(pid, tid, "TracerPid"), uid = heap_refusal_status(pid, tid, "Uid");
    int scope = yama_scope();
    bool capable = we_may_trace();

    if (tracer > 0)
        already_traced(pid, (pid_t)tracer, to, size);
    else if (scope >= 3)
        snprintf(to, size, "this system lets nobody look into another process until it is restarted (kernel.yama.ptrace_scope is %d)", scope);
    else if (uid >= 0 && uid != (long)getuid() && !capable)
        snprintf(to, size, "process %d belongs to uid %ld, and ownscope runs as uid %d: run it as that user, or with CAP_SYS_PTRACE", (int)pid, uid, (int)getuid());
    else if (scope == 2 && !capable)
        snprintf(to, size, "this system lets only CAP_SYS_PTRACE look into a process (kernel.yama.ptrace_scope is 2): run ownscope as root, or lower it");
    else if (undumpable(pid, uid) && !capable)
        snprintf(to, size, "process %d made itself unreadable (not dumpable: raised privileges, or prctl PR_SET_DUMPABLE): run ownscope with CAP_SYS_PTRACE", (int)pid);
    else if (scope == 1 && !capable)
        snprintf(to, size, "this system lets only a process's ancestors look into it (kernel.yama.ptrace_scope is 1): start it by ownscope run, run ownscope as root, or set that to 0");
    else if (heap_refusal_status(getpid(), getpid(), "Seccomp") > 0)
        snprintf(to, size, "ownscope runs in a sandbox (seccomp) that may forbid ptrace: in a container add --cap-add SYS_PTRACE, or a profile that allows it");
    else if (capable)
        snprintf(to, size, "process %d may not be traced: it has privileges that ownscope lacks, lives in another user namespace, or a security module (SELinux, AppArmor) forbids it", (int)pid);
    else
        snprintf(to, size, "process %d may not be traced: CAP_SYS_PTRACE is missing (in a container: --cap-add SYS_PTRACE), or a security module forbids it", (int)pid);
}
