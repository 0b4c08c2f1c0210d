/*
 * collector/serve/address.c - bind and connect for Unix sockets.
 */
#include "serve/address.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "event/xalloc.h"

/* Fills the address. 0 or -errno; *dir is a descriptor to close afterwards, or -1. */
static int address_fill(struct sockaddr_un *a, const char *path, int *dir)
{
    *dir = -1;
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    if (strlen(path) < sizeof a->sun_path) {
        strcpy(a->sun_path, path);
        return 0;
    }
    char folder[4096];
    const char *name = strrchr(path, '/');
    size_t n = name ? (size_t)(name - path) : 0;
    if (!name || n >= sizeof folder || strlen(name) > 60)
        return -ENAMETOOLONG;
    memcpy(folder, path, n);
    folder[n] = 0;
    *dir = open(n ? folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir < 0)
        return -errno;
    snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d%s", *dir, name);
    return 0;
}

/* most_ms: of the call, 0: any. */
static int address_use(const char *path, int (*call)(int, const struct sockaddr *, socklen_t), unsigned most_ms)
{
    struct sockaddr_un a;
    int dir, error = address_fill(&a, path, &dir);
    if (error)
        return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = { .tv_sec = most_ms / 1000, .tv_usec = most_ms % 1000 * 1000 };
    if (fd >= 0 && most_ms)
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (fd < 0 || call(fd, (const struct sockaddr *)&a, sizeof a) < 0) {
        error = -errno;
        if (fd >= 0)
            close(fd);
    }
    if (dir >= 0)
        close(dir);
    return error ? error : fd;
}

int address_check(const char *path, char **why)
{
    struct stat folder, file;
    char *parent = xstrdup(path), *slash = strrchr(parent, '/');
    *why = NULL;
    if (slash)
        slash[slash == parent] = 0;
    if (lstat(slash ? parent : ".", &folder) || lstat(path, &file)) {
        free(parent);
        return -errno;
    }
    if (!S_ISDIR(folder.st_mode) || folder.st_mode & 022)
        *why = xasprintf("%s is no folder of its owner's alone (mode %04o): who listens in it may be anybody", parent, folder.st_mode & 07777);
    else if (folder.st_uid != geteuid() && folder.st_uid && geteuid())
        *why = xasprintf("%s belongs to uid %u, and this is uid %u", parent, folder.st_uid, geteuid());
    else if (!S_ISSOCK(file.st_mode) || (file.st_uid != folder.st_uid && file.st_uid))
        *why = xasprintf("%s is not the collector's socket: it belongs to uid %u", path, file.st_uid);
    free(parent);
    return *why ? -EKEYREJECTED : 0;
}

int address_connect(const char *path) { return address_use(path, connect, 0); }

int address_connect_within(const char *path, unsigned most_ms)
{
    int fd = address_use(path, connect, most_ms);
    return fd == -EAGAIN ? -ETIMEDOUT : fd; /* its queue is full */
}

/* fchmod before bind decides the mode of the socket's file: no umask to change
 * under other threads. */
static int bind_private(int fd, const struct sockaddr *a, socklen_t bytes)
{
    return fchmod(fd, 0600) ? -1 : bind(fd, a, bytes);
}

int address_listen(const char *path, int backlog)
{
    int fd = address_use(path, bind_private, 0);
    if (fd == -EADDRINUSE) {
        int peer = address_connect(path);
        if (peer >= 0) {
            close(peer);
            return -EADDRINUSE;
        }
        struct stat st;
        if (peer != -ECONNREFUSED || lstat(path, &st) || !S_ISSOCK(st.st_mode) || unlink(path))
            return -EADDRINUSE;
        fd = address_use(path, bind_private, 0);
    }
    if (fd >= 0 && listen(fd, backlog)) {
        int error = -errno;
        close(fd);
        unlink(path);
        return error;
    }
    return fd;
}

int address_replace(const char *path, int backlog)
{
    char fresh[4096];
    int fd;
    if (snprintf(fresh, sizeof fresh, "%s.%d", path, (int)getpid()) >= (int)sizeof fresh)
        return -ENAMETOOLONG;
    fd = address_listen(fresh, backlog);
    if (fd >= 0 && rename(fresh, path)) {
        int error = -errno;
        close(fd);
        unlink(fresh);
        return error;
    }
    return fd;
}

void address_file_of(const char *path, struct address_file *f)
{
    struct stat st;
    *f = (struct address_file){0};
    if (!lstat(path, &st))
        *f = (struct address_file){(unsigned long)st.st_dev, (unsigned long)st.st_ino};
}

void address_remove(const char *path, const struct address_file *f)
{
    struct address_file now;
    address_file_of(path, &now);
    if (now.inode && now.inode == f->inode && now.device == f->device)
        unlink(path);
}
