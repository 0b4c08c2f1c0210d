/*
 * collector/session/proc_thread.c - see proc_thread.h.
 */
#include "session/proc_thread.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A whole small file, ended by a NUL; false: it cannot be read, or nothing is in it. */
static bool file_read(const char *proc, uint32_t pid, uint32_t tid, const char *name, char *text, size_t size)
{
    char path[512];
    ssize_t n = -1;
    int fd;
    if ((size_t)snprintf(path, sizeof path, "%s/%u/task/%u/%s", proc, pid, tid, name) >= sizeof path)
        return false;
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    n = read(fd, text, size - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static void plain_copy(char *to, size_t size, const char *from, size_t n)
{
    n = n < size - 1 ? n : size - 1;
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? '?' : from[i];
    to[n] = 0;
}

/* Field `number` of what stands behind the name, of which the state is number 3. */
static uint64_t field(const char *state, int number)
{
    for (int at = 3; at < number && state; at++)
        state = strchr(state + 1, ' ');
    return state ? strtoull(state, NULL, 10) : 0;
}

static bool stat_read(const char *proc, uint32_t pid, uint32_t tid, struct proc_thread *t)
{
    enum { UTIME = 14, STIME = 15 };
    char text[1024], *open, *close;
    if (!file_read(proc, pid, tid, "stat", text, sizeof text))
        return false;
    open = strchr(text, '(');
    close = strrchr(text, ')'); /* the name may hold anything */
    if (!open || !close || close < open || close[1] != ' ' || !close[2])
        return false;
    plain_copy(t->name, sizeof t->name, open + 1, (size_t)(close - open - 1));
    t->state = close[2];
    long ticks = sysconf(_SC_CLK_TCK);
    t->cpu_ns = ticks > 0 ? (field(close + 2, UTIME) + field(close + 2, STIME)) * (1000000000u / (uint64_t)ticks) : 0;
    return true;
}

bool proc_thread_read(const char *proc, uint32_t pid, uint32_t tid, struct proc_thread *t)
{
    char text[256];
    uint64_t ran_ns;
    *t = (struct proc_thread){ .syscall = -1 };
    if (!pid || !tid || !stat_read(proc, pid, tid, t))
        return false;
    /* To the nanosecond where the kernel keeps it so; ticks else. */
    if (file_read(proc, pid, tid, "schedstat", text, sizeof text) && (ran_ns = strtoull(text, NULL, 10)))
        t->cpu_ns = ran_ns;
    if (file_read(proc, pid, tid, "wchan", text, sizeof text) && strcmp(text, "0"))
        plain_copy(t->wchan, sizeof t->wchan, text, strcspn(text, "\n"));
    if (file_read(proc, pid, tid, "syscall", text, sizeof text)) {
        char *end;
        long number = strtol(text, &end, 10);
        t->in_user = !strncmp(text, "running", 7) || !strncmp(text, "-1 ", 3);
        if (end != text && number >= 0)
            t->syscall = number;
    }
    return true;
}

uint64_t proc_thread_sleeps(const char *proc, uint32_t pid, uint32_t tid)
{
    static const char key[] = "\nvoluntary_ctxt_switches:";
    char text[8192], *at;
    if (!file_read(proc, pid, tid, "status", text, sizeof text) || !(at = strstr(text, key)))
        return UINT64_MAX;
    return strtoull(at + sizeof key - 1, NULL, 10);
}

const char *proc_thread_state(char state)
{
    switch (state) {
    case 'R': return "running";
    case 'S': return "sleeping";
    case 'D': return "disk";
    case 'T': return "stopped";
    case 't': return "traced";
    case 'Z': return "zombie";
    case 'X': case 'x': return "dead";
    case 'I': return "idle";
    default: return "unknown";
    }
}

const char *proc_thread_syscall(long number)
{
#define CALL(name) { SYS_##name, #name }
    static const struct { long number; const char *name; } calls[] = {
        CALL(read), CALL(write), CALL(pread64), CALL(pwrite64), CALL(readv), CALL(writev), CALL(ppoll), CALL(pselect6), CALL(epoll_pwait),
        CALL(futex), CALL(nanosleep), CALL(clock_nanosleep), CALL(accept), CALL(accept4), CALL(connect), CALL(recvfrom), CALL(recvmsg),
        CALL(recvmmsg), CALL(sendto), CALL(sendmsg), CALL(sendmmsg), CALL(wait4), CALL(waitid), CALL(rt_sigsuspend), CALL(rt_sigtimedwait),
        CALL(semop), CALL(semtimedop), CALL(msgrcv), CALL(msgsnd), CALL(mq_timedreceive), CALL(mq_timedsend), CALL(io_getevents),
        CALL(io_uring_enter), CALL(flock), CALL(fcntl), CALL(fsync), CALL(fdatasync), CALL(openat), CALL(close), CALL(sched_yield),
        CALL(sendfile), CALL(splice), CALL(mmap), CALL(munmap), CALL(madvise), CALL(mprotect), CALL(clone), CALL(execve), CALL(restart_syscall),
        CALL(sync), CALL(statx), CALL(getdents64), CALL(fallocate), CALL(ftruncate), CALL(renameat), CALL(unlinkat), CALL(brk),
#ifdef SYS_poll
        CALL(poll), CALL(select), CALL(epoll_wait), CALL(pause), CALL(open), CALL(fork), CALL(vfork), CALL(stat), CALL(rename), CALL(unlink),
#endif
#ifdef SYS_epoll_pwait2
        CALL(epoll_pwait2),
#endif
    };
#undef CALL
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == number)
            return calls[i].name;
    return NULL;
}
