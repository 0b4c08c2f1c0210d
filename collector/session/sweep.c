/*
 * collector/session/sweep.c - takes away what sessions left behind that nobody
 * will come back to: no collector holds it, no traced process runs, and the
 * last heartbeat is long ago. Until then a new collector may still fetch what
 * the rings hold. Any thread.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "session/directory.h"
#include "session/listing.h"
#include "session/segment.h"
#include "session/session.h"

static bool is_ours(const char *name)
{
    char prefix[32];
    int n = snprintf(prefix, sizeof prefix, "ownscope-%u-", geteuid());
    return !strncmp(name, prefix, (size_t)n);
}

static void sweep_file(const char *path, uint64_t idle_ns)
{
    struct listing_segment seg;
    char name[SESSION_NAME_MAX + 1] = "";
    struct session_process *list;
    struct stat st;
    size_t count;
    if (listing_open(path, &seg))
        return;
    if (fstat(seg.fd, &st) || st.st_uid != geteuid()) { /* root may look at others' */
        listing_close(&seg);
        return;
    }
    list = listing_processes(&seg, &count);
    free(list);
    if (!count && !listing_locked(&seg) && listing_idle_ns(&seg) > idle_ns) {
        unlink(path);
        memcpy(name, seg.plan.session, sizeof name - 1);
        if (session_name_valid(name))
            session_folder_remove(name);
    }
    listing_close(&seg);
}

static void sweep_place(const char *place, uint64_t idle_ns)
{
    char path[SEGMENT_PATH_MAX];
    struct dirent *d;
    DIR *dir = opendir(place);
    if (!dir)
        return;
    while ((d = readdir(dir)))
        if (is_ours(d->d_name) && snprintf(path, sizeof path, "%s/%s", place, d->d_name) < (int)sizeof path)
            sweep_file(path, idle_ns);
    closedir(dir);
}

/* Nobody listens at a socket's path. Where that cannot be told somebody does. */
static bool unanswered(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    bool refused;
    int fd;
    if (strlen(path) >= sizeof a.sun_path)
        return access(path, F_OK) && errno == ENOENT;
    strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    refused = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) && (errno == ECONNREFUSED || errno == ENOENT);
    if (fd >= 0)
        close(fd);
    return refused;
}

/* Folders whose segment is gone: its collector was killed, and the memory was cleared since. */
static int sweep_folder(void *context, const char *name)
{
    char path[SESSION_PATH_MAX];
    struct stat st;
    (void)context;
    if (session_path(path, sizeof path, name, "segment") || lstat(path, &st) || !S_ISLNK(st.st_mode) ||
        st.st_uid != geteuid() || !stat(path, &st) || errno != ENOENT)
        return 0;
    if (!session_path(path, sizeof path, name, "socket") && unanswered(path)) /* else it lives in another mount namespace */
        session_folder_remove(name);
    return 0;
}

void session_sweep(uint64_t idle_ns)
{
    char place[SEGMENT_PATH_MAX];
    unsigned i;
    for (i = 0; segment_place(i, place, sizeof place) != -ENOENT; i++)
        sweep_place(place, idle_ns);
    if (!session_directory(place, sizeof place))
        session_names(sweep_folder, NULL);
}
