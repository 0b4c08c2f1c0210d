/*
 * collector/session/launch.c - finds a program and judges whether the shim can
 * go into it; see launch.h. Starting it is in launch_start.c.
 */
#include "session/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "session/elf_file.h"

static int refuse(struct launch_check *c, enum launch_reason reason, int error)
{
    c->reason = reason;
    c->error = error;
    c->exit_code = reason == LAUNCH_NOT_FOUND ? 127 : 126;
    return c->exit_code;
}

/* 0 when the file can be run, else the errno that exec would give. */
static int runnable(const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    return !S_ISREG(st.st_mode) || faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) ? EACCES : 0;
}

/* As execvp: a name without a slash is looked for in PATH; what may not be run
 * is passed over, and remembered when nothing better comes. */
static int find(const char *program, char *out, size_t size)
{
    const char *path = getenv("PATH"), *end;
    int e, denied = 0;

    snprintf(out, size, "%s", program);
    if (!*program)
        return ENOENT;
    if (strchr(program, '/'))
        return runnable(program);
    if (!path)
        path = "/bin:/usr/bin";
    for (;; path = end + 1) {
        char candidate[4096];
        end = strchrnul(path, ':');
        if (snprintf(candidate, sizeof candidate, "%.*s/%s", end > path ? (int)(end - path) : 1,
                     end > path ? path : ".", program) < (int)sizeof candidate) {
            e = runnable(candidate);
            if (!e || (e == EACCES && !denied))
                snprintf(out, size, "%s", candidate);
            if (!e)
                return 0;
            denied = e == EACCES ? e : denied;
        }
        if (!*end)
            return denied ? denied : ENOENT;
    }
}

/* Would the exec change ids or raise privileges? Then the loader is in secure
 * mode and takes no LD_PRELOAD. */
static enum launch_reason privileges(const char *path)
{
    struct statvfs fs;
    struct stat st;
    if (stat(path, &st) || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ||
        (!statvfs(path, &fs) && (fs.f_flag & ST_NOSUID)))
        return LAUNCH_OK;
    if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
        return LAUNCH_SETUID;
    if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
        return LAUNCH_SETGID;
    if (getuid() && getxattr(path, "security.capability", NULL, 0) > 0)
        return LAUNCH_CAPABILITIES;
    return LAUNCH_OK;
}

static bool loader_is_glibc(const char *interpreter)
{
    const char *base = strrchr(interpreter, '/');
    return !strncmp(base ? base + 1 : interpreter, "ld-linux", 8);
}

static int judge_elf(struct launch_check *c, const char *path, const struct elf_file *f)
{
    enum launch_reason r;
    const char *base = strrchr(path, '/');
    if (!f->runs_here)
        return refuse(c, LAUNCH_OTHER_MACHINE, 0);
    if (!f->interpreter[0] && !loader_is_glibc(base ? base : path)) /* the loader itself may be run */
        return refuse(c, LAUNCH_STATIC, 0);
    if (f->interpreter[0] && !loader_is_glibc(f->interpreter)) {
        snprintf(c->detail, sizeof c->detail, "%s", f->interpreter);
        return refuse(c, LAUNCH_OTHER_LIBC, 0);
    }
    r = privileges(path);
    if (r != LAUNCH_OK)
        return refuse(c, r, 0);
    if (f->sanitizer[0]) {
        snprintf(c->detail, sizeof c->detail, "%s", f->sanitizer);
        return refuse(c, LAUNCH_SANITIZER, 0);
    }
    return 0;
}

/* The interpreter of a #! line into c->interpreter; false: there is none. */
static bool script(struct launch_check *c)
{
    char line[256], *at, *end;
    ssize_t n;
    int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n < 3 || line[0] != '#' || line[1] != '!')
        return false;
    line[n] = 0;
    at = line + 2 + strspn(line + 2, " \t");
    end = at + strcspn(at, " \t\r\n");
    *end = 0;
    snprintf(c->interpreter, sizeof c->interpreter, "%s", at);
    return *at != 0;
}

/* One level: what runs the script is judged like a program. */
static int judge_script(struct launch_check *c)
{
    struct elf_file f;
    int e;
    if (!script(c)) {
        c->by_shell = true;
        snprintf(c->interpreter, sizeof c->interpreter, "/bin/sh");
    }
    e = runnable(c->interpreter);
    if (!e)
        e = -elf_file_read(c->interpreter, &f);
    if (e) {
        snprintf(c->detail, sizeof c->detail, "%.255s", c->interpreter);
        return refuse(c, LAUNCH_NO_INTERPRETER, e);
    }
    return f.is_elf ? judge_elf(c, c->interpreter, &f) : 0;
}

/* A sanitizer that is preloaded has to be first, and so have we. */
static bool preloads_sanitizer(struct launch_check *c)
{
    const char *list = getenv("LD_PRELOAD"), *name;
    char copy[4096], *at, *rest = NULL;
    if (!list)
        return false;
    snprintf(copy, sizeof copy, "%s", list);
    for (at = strtok_r(copy, ": ", &rest); at; at = strtok_r(NULL, ": ", &rest)) {
        name = elf_sanitizer_name(at);
        if (name) {
            snprintf(c->detail, sizeof c->detail, "%s", name);
            return true;
        }
    }
    return false;
}

int launch_check(const char *program, struct launch_check *c)
{
    struct elf_file f;
    int e;

    memset(c, 0, sizeof *c);
    e = find(program, c->path, sizeof c->path);
    if (e == EISDIR)
        return refuse(c, LAUNCH_DIRECTORY, e);
    if (e == ENOENT || e == ENOTDIR)
        return refuse(c, LAUNCH_NOT_FOUND, e);
    if (e)
        return refuse(c, LAUNCH_NOT_EXECUTABLE, e);
    if (preloads_sanitizer(c))
        return refuse(c, LAUNCH_SANITIZER, 0);
    e = -elf_file_read(c->path, &f);
    if (e)
        return refuse(c, LAUNCH_UNREADABLE, e);
    return f.is_elf ? judge_elf(c, c->path, &f) : judge_script(c);
}
