/*
 * collector/session/doctor_process.c - one process: whether it is traced, could be, and may be looked into; see doctor.h.
 */
#include "session/doctor.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/elf_file.h"
#include "session/proc.h"
#include "session/session.h"

static char *own_path(pid_t pid, const char *file) { return xasprintf("/proc/%d/%s", (int)pid, file); }

/* ---- namespaces ---- */

/* 1: the same, 0: another, -1: not to be seen. */
static int same_place(pid_t pid, const char *file)
{
    char *theirs = own_path(pid, file), *ours = own_path(getpid(), file);
    struct stat a, b;
    int same = stat(theirs, &a) || stat(ours, &b) ? -1 : a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    free(theirs);
    free(ours);
    return same;
}

static void namespaces(struct doctor *d, pid_t pid)
{
    int mount = same_place(pid, "ns/mnt"), root = same_place(pid, "root"), pids = same_place(pid, "ns/pid");
    if (!mount || !root)
        doctor_no(d, "mounts", "run ownscope there (nsenter -t PID -m -r), or mount one directory into both and name it in OWNSCOPE_DIR and OWNSCOPE_SHM",
                  "process %d %s: it sees other files, so it cannot join a collector of this place", (int)pid,
                  mount ? "has another root" : "is in another mount namespace");
    else
        doctor_ok(d, "mounts", "%s", mount < 0 || root < 0 ? "its namespace cannot be seen" : "it sees the same files");
    if (!pids)
        doctor_no(d, "pids", "run ownscope there (nsenter -t PID -p -m)", "process %d is in another pid namespace: no snapshot of it can be taken from here, unless it maps the session", (int)pid);
    else
        doctor_ok(d, "pids", "%s", pids < 0 ? "its namespace cannot be seen" : "the same namespace");
}

/* ---- what it is ---- */

/* AT_SECURE of its start. */
static bool is_secure(pid_t pid)
{
    char *path = own_path(pid, "auxv");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf64_auxv_t a;
    bool secure = false;
    free(path);
    while (fd >= 0 && read(fd, &a, sizeof a) == sizeof a && a.a_type != AT_NULL)
        secure |= a.a_type == AT_SECURE && a.a_un.a_val;
    if (fd >= 0)
        close(fd);
    return secure;
}

static void program(struct doctor *d, pid_t pid)
{
    static const char fresh[] = "no shim can be put into it; build or run it otherwise";
    char *path = own_path(pid, "exe"), name[4096] = "its program";
    struct elf_file f;
    ssize_t n = readlink(path, name, sizeof name - 1);
    int e = elf_file_read(path, &f);
    if (n > 0)
        name[n] = 0;
    if (e)
        doctor_no(d, "program", "run ownscope as its owner or as root", "%s cannot be read: %s", name, strerror(-e));
    else if (!f.is_elf || !f.runs_here)
        doctor_no(d, "program", fresh, "%s is for another processor or word size than ownscope", name);
    else if (!f.interpreter[0])
        doctor_no(d, "program", fresh, "%s is linked statically: it has no loader", name);
    else if (f.sanitizer[0])
        doctor_no(d, "program", fresh, "%s is built with %s, which must come first", name, f.sanitizer);
    else if (is_secure(pid))
        doctor_no(d, "program", "run a copy without set-id bits or capabilities", "%s was started with raised privileges: its loader ignores LD_PRELOAD", name);
    else
        doctor_ok(d, "program", "%s is dynamic, and for this processor", name);
    free(path);
}

/* ---- whether it is traced ---- */

/* What of its maps names us: the shim, a session's memory; or another that stands in front of malloc. */
struct mapped { bool shim, segment, readable; char other[256]; };

static void maps_look(pid_t pid, struct mapped *m)
{
    char line[4400], *path = own_path(pid, "maps");
    FILE *f = fopen(path, "re");
    free(path);
    *m = (struct mapped){.readable = f};
    while (f && fgets(line, sizeof line, f)) {
        const char *file = strchr(line, '/'), *base = file ? strrchr(file, '/') + 1 : NULL;
        line[strcspn(line, "\n")] = 0;
        if (!base)
            continue;
        m->shim |= !strncmp(base, "libownscope.so", 14);
        m->segment |= !strncmp(base, "ownscope-", 9);
        if (!m->other[0] && (elf_sanitizer_name(base) || !strncmp(base, "libheaptrack_preload", 20) || !strncmp(base, "vgpreload_", 10)))
            snprintf(m->other, sizeof m->other, "%.200s", base);
    }
    if (f)
        fclose(f);
}

struct found { unsigned pid; bool seen, alive; unsigned collector; char name[64]; };

static int is_of(void *context, const struct session_listing *l)
{
    struct found *f = context;
    size_t i;
    for (i = 0; i < l->process_count && l->processes[i].pid != f->pid; i++)
        ;
    if (i == l->process_count)
        return 0;
    f->seen = true;
    f->alive = l->collector_alive;
    f->collector = l->collector_pid;
    snprintf(f->name, sizeof f->name, "%.60s", l->name);
    return 1;
}

static void tracing(struct doctor *d, pid_t pid)
{
    struct found f = {.pid = (unsigned)pid};
    struct mapped m;
    maps_look(pid, &m);
    session_list(is_of, &f);
    if (m.other[0])
        doctor_no(d, "beside", "run it without", "%s is loaded into it and stands in front of malloc too", m.other);
    if (!m.readable && !f.seen)
        doctor_no(d, "traced", "run ownscope as its owner or as root", "its maps cannot be read: %s", strerror(errno));
    else if (!m.shim && !f.seen)
        doctor_no(d, "traced", "start it with ownscope run or ownscope-preload: nothing can be put into a running process", "libownscope.so is not loaded into process %d", (int)pid);
    else if (f.seen && f.alive)
        doctor_ok(d, "traced", "by session %s, whose collector is process %u", f.name, f.collector);
    else if (f.seen)
        doctor_no(d, "traced", "ownscope serve --attach NAME goes on with it", "its session %s has no collector", f.name);
    else if (m.segment)
        doctor_no(d, "traced", "set OWNSCOPE_DIR as it was there, or ask as that user", "it belongs to a session that is not in this user's directory");
    else
        doctor_no(d, "traced", "start a collector before the program (ownscope serve); OWNSCOPE_DEBUG=1 says why it did not join one", "the shim is loaded and inactive");
}

static void looking(struct doctor *d, pid_t pid)
{
    long tracer = proc_status_number((uint32_t)pid, "TracerPid"), mode = proc_status_number((uint32_t)pid, "Seccomp");
    char *path = own_path(pid, "mem");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (tracer > 0)
        doctor_no(d, "snapshots", "end that first", "process %ld traces it by ptrace, and only one may", tracer);
    else if (fd < 0)
        doctor_no(d, "snapshots", "run ownscope as its owner or with CAP_SYS_PTRACE", "its memory may not be read: %s", strerror(errno));
    else
        doctor_ok(d, "snapshots", "its memory may be read");
    if (mode > 0)
        doctor_ok(d, "its seccomp", "a filter stands over it: no image can be forked of it (--snapshot fork), memory is copied");
    if (fd >= 0)
        close(fd);
    free(path);
}

bool doctor_process(struct doctor *d, pid_t pid)
{
    if (proc_gone((uint32_t)pid, 0))
        return false;
    namespaces(d, pid);
    program(d, pid);
    tracing(d, pid);
    looking(d, pid);
    return true;
}
