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
    size_t count;
    if (listing_open(path, &seg))
        return;
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

void session_sweep(uint64_t idle_ns)
{
    char path[SEGMENT_PATH_MAX];
    struct dirent *d;
    DIR *dir = opendir(segment_directory());
    if (!dir)
        return;
    while ((d = readdir(dir)))
        if (is_ours(d->d_name) &&
            snprintf(path, sizeof path, "%s/%s", segment_directory(), d->d_name) < (int)sizeof path)
            sweep_file(path, idle_ns);
    closedir(dir);
}
