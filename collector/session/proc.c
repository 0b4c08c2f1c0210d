/*
 * collector/session/proc.c - see proc.h.
 */
#include "session/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct proc_stat { char state; uint32_t parent; unsigned long flags; long threads; uint64_t start_time; };
enum { FLAG_EXITING = 4, FLAG_BEFORE_EXEC = 0x40 }; /* the kernel's PF_EXITING, PF_FORKNOEXEC */

/* Fields of /proc/PID/stat or /proc/PID/task/TID/stat. */
static bool stat_read(const char *path, struct proc_stat *out)
{
    char text[1024], *p;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC), field;
    if (fd < 0)
        return false;
    n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    p = strrchr(text, ')'); /* the name before it may hold anything */
    if (!p || p[1] != ' ')
        return false;
    out->state = p[2];
    out->parent = (uint32_t)strtoul(p + 3, NULL, 10);
    p += 2;
    out->flags = 0;
    for (field = 3; field < 20 && p; field++) {
        p = strchr(p + 1, ' ');
        if (field == 8 && p)
            out->flags = strtoul(p, NULL, 10);
    }
    out->threads = p ? strtol(p, &p, 10) : 0;
    p = p ? strchr(p + 1, ' ') : NULL; /* over field 21 */
    out->start_time = p ? strtoull(p, NULL, 10) : 0;
    return true;
}

static bool state_is_dead(char state)
{
    return state == 'Z' || state == 'X' || state == 'x';
}

bool proc_thread_gone(uint32_t pid, uint32_t tid)
{
    struct proc_stat st;
    char path[64];
    if (!pid || !tid || syscall(SYS_tgkill, (pid_t)pid, (pid_t)tid, 0))
        return !pid || !tid || errno == ESRCH || errno == EINVAL;
    if (pid != tid)
        return false;
    snprintf(path, sizeof path, "/proc/%u/task/%u/stat", pid, tid);
    return stat_read(path, &st) && state_is_dead(st.state);
}

bool proc_gone(uint32_t pid, uint64_t start_time)
{
    struct proc_stat st;
    char path[64];
    if (!pid || (kill((pid_t)pid, 0) && errno == ESRCH))
        return true;
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    if (!stat_read(path, &st))
        return kill((pid_t)pid, 0) && errno == ESRCH;
    if (start_time && st.start_time && st.start_time != start_time)
        return true;
    return state_is_dead(st.state) && st.threads <= 1; /* else: the main thread alone has ended */
}

bool proc_before_exec(uint32_t pid)
{
    struct proc_stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    return stat_read(path, &st) && st.flags & FLAG_BEFORE_EXEC;
}

uint64_t proc_start_time(uint32_t pid)
{
    struct proc_stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    return stat_read(path, &st) ? st.start_time : 0;
}

uint32_t proc_parent(uint32_t pid)
{
    struct proc_stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    return stat_read(path, &st) ? st.parent : 0;
}

/* The text behind "NAME:", up to the line's end; false: none. */
static bool status_text(const char *pid, const char *name, char *to, size_t size)
{
    char path[64], line[256];
    size_t length = strlen(name);
    bool found = false;
    FILE *f;
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    f = fopen(path, "re");
    while (f && !found && fgets(line, sizeof line, f))
        if (!strncmp(line, name, length) && line[length] == ':') {
            snprintf(to, size, "%s", line + length + 1);
            found = true;
        }
    if (f)
        fclose(f);
    return found;
}

long proc_status_number(uint32_t pid, const char *name)
{
    char number[16], text[256];
    snprintf(number, sizeof number, "%u", pid);
    return status_text(number, name, text, sizeof text) ? strtol(text, NULL, 10) : -1;
}

static bool kill_pending(const char *pid, const char *name)
{
    char text[256];
    return status_text(pid, name, text, sizeof text) && strtoull(text, NULL, 16) >> (SIGKILL - 1) & 1;
}

bool proc_dying(uint32_t pid)
{
    struct proc_stat st;
    char path[64], number[16];
    snprintf(number, sizeof number, "%u", pid);
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    if (proc_gone(pid, 0) || !stat_read(path, &st))
        return true;
    return state_is_dead(st.state) || st.flags & FLAG_EXITING || kill_pending(number, "ShdPnd") || kill_pending(number, "SigPnd");
}

bool proc_capable(int capability)
{
    char text[256];
    return status_text("self", "CapEff", text, sizeof text) && strtoull(text, NULL, 16) >> capability & 1;
}

struct file_mapped { unsigned major, minor; unsigned long inode; };

/* A line of /proc/PID/maps that has a file behind it. */
static bool mapped_of(const char *line, unsigned long *from, unsigned long *to, struct file_mapped *f)
{
    return sscanf(line, "%lx-%lx %*s %*x %x:%x %lu", from, to, &f->major, &f->minor, &f->inode) == 5 && f->inode;
}

/* What maps say is compared with what maps say: stat names other devices on some file systems. */
static bool mapped_at(const void *address, struct file_mapped *f)
{
    unsigned long from, to, at = (unsigned long)address;
    char line[4400];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !found && fgets(line, sizeof line, maps))
        found = mapped_of(line, &from, &to, f) && from <= at && at < to;
    if (maps)
        fclose(maps);
    return found;
}

/* Whether a file is mapped by what these maps are of: 1, 0; -1: they cannot be read, or have no lines. */
static int maps_name(const char *path, const struct file_mapped *file)
{
    struct file_mapped f;
    unsigned long from, to;
    char line[4400];
    int found = -1;
    FILE *maps = fopen(path, "re");
    while (maps && found != 1 && fgets(line, sizeof line, maps))
        found = mapped_of(line, &from, &to, &f) && f.inode == file->inode && f.major == file->major && f.minor == file->minor;
    if (maps && ferror(maps) && found != 1)
        found = -1;
    if (maps)
        fclose(maps);
    return found;
}

int proc_maps_same(uint32_t pid, const void *ours)
{
    struct file_mapped file;
    struct dirent *entry;
    char path[320];
    int found;
    DIR *tasks;
    if (!ours || !mapped_at(ours, &file))
        return -1;
    snprintf(path, sizeof path, "/proc/%u/maps", pid);
    found = maps_name(path, &file);
    if (found >= 0)
        return found;
    snprintf(path, sizeof path, "/proc/%u/task", pid); /* the first thread has ended: the others have the memory */
    tasks = opendir(path);
    while (tasks && found < 0 && (entry = readdir(tasks))) {
        snprintf(path, sizeof path, "/proc/%u/task/%s/maps", pid, entry->d_name);
        found = entry->d_name[0] == '.' ? -1 : maps_name(path, &file);
    }
    if (tasks)
        closedir(tasks);
    return found;
}
