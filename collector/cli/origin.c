/*
 * collector/cli/origin.c - finds what a reading command reads.
 */
#include "cli/origin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/message.h"
#include "event/xalloc.h"
#include "session/directory.h"
#include "session/session.h"

char *origin_newest(const char *folder)
{
    struct timespec newest = { 0 };
    char *found = NULL;
    DIR *d = opendir(folder);
    if (!d)
        return NULL;
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        struct stat st;
        if (n < 5 || strcmp(e->d_name + n - 4, ".own") != 0 || fstatat(dirfd(d), e->d_name, &st, 0) || !S_ISREG(st.st_mode))
            continue;
        if (found && (st.st_mtim.tv_sec < newest.tv_sec ||
                      (st.st_mtim.tv_sec == newest.tv_sec && st.st_mtim.tv_nsec <= newest.tv_nsec)))
            continue;
        newest = st.st_mtim;
        free(found);
        found = strcmp(folder, ".") == 0 ? xstrdup(e->d_name) : xasprintf("%s/%s", folder, e->d_name);
    }
    closedir(d);
    return found;
}

struct search { unsigned pid; struct origin_session *session; };

static int listing_match(void *context, const struct session_listing *l)
{
    struct search *s = context;
    int match = l->collector_pid == s->pid;
    for (size_t i = 0; i < l->process_count; i++)
        match |= l->processes[i].pid == s->pid;
    if (!match)
        return 0;
    *s->session = (struct origin_session){ .name = xstrdup(l->name), .trace = xstrdup(l->trace_path), .segment = xstrdup(l->segment_path),
                                           .alive = l->collector_alive, .collector = l->collector_pid };
    return 1;
}

bool origin_session(unsigned pid, struct origin_session *s)
{
    struct search search = { .pid = pid, .session = s };
    int error = session_list(listing_match, &search);
    if (error < 0)
        message_fail(EXIT_SOURCE, "cannot list the sessions: %s; see OWNSCOPE_DIR in ownscope(1)", strerror(-error));
    return error == 1;
}

static void origin_of_process(struct origin *o, unsigned pid)
{
    struct origin_session s;
    char path[SESSION_PATH_MAX];
    int error;
    if (!origin_session(pid, &s))
        message_fail(EXIT_SOURCE, "process %u is not traced by a session of this user; ownscope ps lists those that are", pid);
    if (!s.alive)
        message_fail(EXIT_SOURCE, "the collector of process %u is gone; take its session over with ownscope serve --attach %s, or read %s",
                     pid, s.name, *s.trace ? s.trace : "its trace file");
    error = session_path(path, sizeof path, s.name, "socket");
    if (error)
        message_fail(EXIT_SOURCE, "cannot reach session %s: %s", s.name, strerror(-error));
    o->pid = pid;
    o->socket_path = xstrdup(path);
    free(s.name);
    free(s.trace);
    free(s.segment);
}

void origin_find(struct origin *o, unsigned pid, const char *word)
{
    memset(o, 0, sizeof *o);
    if (pid) {
        origin_of_process(o, pid);
        return;
    }
    o->path = word ? xstrdup(word) : origin_newest(".");
    if (!o->path)
        message_fail(EXIT_SOURCE, "no trace (*.own) in this folder; name a trace file, or ask a live process with -p PID");
}
