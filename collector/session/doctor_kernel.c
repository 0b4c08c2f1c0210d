/*
 * collector/session/doctor_kernel.c - what the kernel, a sandbox and a security module let us do; see doctor.h.
 */
#include "session/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session/clock.h"
#include "session/proc.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
enum { CAP_SYS_PTRACE = 19 };

/* linux/fs.h's, which old systems do not have. */
struct pagemap_scan { uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, anyof, wanted; };
#define PAGEMAP_SCAN_ASK _IOWR('f', 16, struct pagemap_scan)

static const char *outcome(int r)
{
    return r == -SIGSYS ? "a seccomp filter ends who tries it" : r == -SIGALRM ? "it did not come back" : r < 0 ? "who tries it is ended by a signal"
         : r == ENOSYS ? "the kernel has no such call, or a seccomp filter hides it" : r == EPERM || r == EACCES ? "it is not permitted" : strerror(r);
}

/* ---- trials, each in a child ---- */

static int try_wipe(void)
{
    int status;
    volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || madvise((void *)p, 4096, MADV_WIPEONFORK))
        return errno;
    *p = 1;
    pid_t pid = fork();
    if (!pid)
        _exit(*p ? EINVAL : 0);
    return pid < 0 || waitpid(pid, &status, 0) < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : EINVAL;
}

static int try_memfd(void) { return memfd_create("ownscope-doctor", MFD_CLOEXEC) < 0 ? errno : 0; }

static int try_membarrier(void)
{
    long has = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (has < 0)
        return errno;
    if (!(has & MEMBARRIER_CMD_GLOBAL))
        return EOPNOTSUPP;
    return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) < 0 ? errno : 0;
}

static volatile long victim_word;

/* A child of ours, as a traced program is. */
static pid_t victim(void)
{
    pid_t pid = fork();
    if (!pid) {
        alarm(5);
        for (;;)
            pause();
    }
    return pid;
}

static int victim_end(pid_t pid, int result)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, __WALL);
    return result;
}

static int try_ptrace(void)
{
    pid_t pid = victim();
    if (pid < 0)
        return errno;
    return victim_end(pid, ptrace(PTRACE_SEIZE, pid, NULL, NULL) ? errno : 0);
}

static int try_read(void)
{
    long got = 0;
    struct iovec to = {&got, sizeof got}, from = {(void *)&victim_word, sizeof got};
    victim_word = 0x6f776e;
    pid_t pid = victim();
    if (pid < 0)
        return errno;
    ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);
    return victim_end(pid, n < 0 ? errno : got == 0x6f776e ? 0 : EIO);
}

static int try_perf(void)
{
    struct perf_event_attr a = {.size = sizeof a, .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
    return syscall(SYS_perf_event_open, &a, 0, -1, -1, 0) < 0 ? errno : 0;
}

static int try_pagemap(void)
{
    struct pagemap_scan s = {.size = sizeof s};
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    return ioctl(fd, PAGEMAP_SCAN_ASK, &s) && (errno == ENOTTY || errno == EPERM) ? errno : 0;
}

static int try_pidfd(void) { return syscall(SYS_pidfd_open, getpid(), 0) < 0 ? errno : 0; }
static int try_namespace(void) { return unshare(CLONE_NEWUSER) ? errno : 0; }

static pthread_once_t looking_once = PTHREAD_ONCE_INIT;
static bool looking_kills;

static void looking_try(void)
{
    looking_kills = proc_status_number((uint32_t)getpid(), "Seccomp") == 2 &&
                    (doctor_try(try_ptrace) == -SIGSYS || doctor_try(try_read) == -SIGSYS);
}

bool doctor_looking_kills(void)
{
    pthread_once(&looking_once, looking_try);
    return looking_kills;
}

/* ---- facts ---- */

static void needed(struct doctor *d, const char *name, int r, const char *fine, const char *without, const char *advice)
{
    if (r)
        doctor_no(d, name, advice, "%s: %s", outcome(r), without);
    else
        doctor_ok(d, name, "%s", fine);
}

/* Does it without, or does not need it. */
static void spared(struct doctor *d, const char *name, int r, const char *fine, const char *otherwise)
{
    if (r)
        doctor_ok(d, name, "%s: %s", outcome(r), otherwise);
    else
        doctor_ok(d, name, "%s", fine);
}

static int yama_scope(void)
{
    int scope = 0;
    FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    if (f && fscanf(f, "%d", &scope) != 1)
        scope = 0;
    if (f)
        fclose(f);
    return scope;
}

static void looking(struct doctor *d)
{
    static const char advice[] = "in a container: --cap-add SYS_PTRACE, and a seccomp profile that allows it";
    int traced = doctor_try(try_ptrace), read = doctor_try(try_read), scope = yama_scope();
    bool capable = proc_capable(CAP_SYS_PTRACE);
    needed(d, "ptrace", traced, "a program can be stopped for a snapshot",
           "no snapshot of a running program (leaks -p, graph -p, --snapshot-on-signal), no live native stacks; all else works", advice);
    needed(d, "process_vm_readv", read, "a program's memory can be read for a snapshot",
           "no leak classes, no holders, at exit neither; blocks and who made them are known all the same", advice);
    if (scope == 0 || capable)
        doctor_ok(d, "yama", "ptrace_scope is %d%s", scope, scope ? ", and CAP_SYS_PTRACE is above it" : ": processes of the same user may be looked into");
    else if (scope == 1)
        doctor_no(d, "yama", "start programs by ownscope run, run ownscope as root, or sysctl kernel.yama.ptrace_scope=0",
                  "ptrace_scope is 1: of programs that ownscope serve has not started no snapshot can be taken");
    else
        doctor_no(d, "yama", scope == 2 ? "run ownscope as root, or sysctl kernel.yama.ptrace_scope=0" : "only a restart of the machine changes that",
                  "ptrace_scope is %d: no snapshot can be taken", scope);
    if (capable)
        doctor_ok(d, "capabilities", "CAP_SYS_PTRACE: also other users' programs may be looked into");
    else
        doctor_ok(d, "capabilities", "no CAP_SYS_PTRACE: programs of uid %u alone may be looked into", (unsigned)geteuid());
}

static void seccomp(struct doctor *d)
{
    long mode = proc_status_number((uint32_t)getpid(), "Seccomp");
    if (mode > 0)
        doctor_ok(d, "seccomp", "a filter stands over this process; what it forbids of what is needed, the other lines say");
    else
        doctor_ok(d, "seccomp", "%s", mode < 0 ? "not known: there is no /proc here" : "no filter");
}

static void clocks(struct doctor *d)
{
    char name[64] = "";
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (f && fgets(name, sizeof name, f))
        name[strcspn(name, "\n")] = 0;
    if (f)
        fclose(f);
    if (clock_choose(0) == WIRE_CLOCK_MONOTONIC)
        doctor_ok(d, "clock", "the processor's counter is not trusted (the clocksource is %s): clock_gettime is used, which costs some 20 to 40 ns an event more",
                  name[0] ? name : "not known");
    else
        doctor_ok(d, "clock", "the processor's counter is trusted (the clocksource is %s)", name);
}

void doctor_kernel(struct doctor *d)
{
    struct utsname u;
    if (!uname(&u))
        doctor_ok(d, "kernel", "%s %s, %s", u.sysname, u.release, u.machine);
    if (access("/proc/self/stat", R_OK))
        doctor_no(d, "/proc", "mount it: mount -t proc proc /proc", "%s: no snapshots, and modules that a collector before this one knew are not named", strerror(errno));
    else
        doctor_ok(d, "/proc", "is there");
    needed(d, "MADV_WIPEONFORK", doctor_try(try_wipe), "a forked child is known without a handler", "the shim stays inactive; no program can be traced here",
           "a kernel from 4.14 on is needed");
    needed(d, "membarrier", doctor_try(try_membarrier), "orders and rules reach all hooks at once",
           "rules, stops and starts while a program runs are not certain to reach a thread before its next record", "a kernel from 4.3 on, and a seccomp profile that allows it");
    looking(d);
    seccomp(d);
    needed(d, "memfd", doctor_try(try_memfd), "a flight recorder can be kept", "run --ring-only does not work", "a kernel from 3.17 on, and a seccomp profile that allows it");
    spared(d, "pidfd", doctor_try(try_pidfd), "how processes ended is known", "a flight recorder learns only from their parents how processes ended");
    spared(d, "PAGEMAP_SCAN", doctor_try(try_pagemap), "empty memory is stepped over in a snapshot", "snapshots step over what smaps calls empty, and take longer where much is reserved");
    spared(d, "user namespaces", doctor_try(try_namespace), "can be made; not needed", "not needed");
    spared(d, "perf", doctor_try(try_perf), "not needed", "not needed");
    clocks(d);
}
