/*
 * collector/cli/origin.c - finds what a reading command reads.
 */
#include "cli/origin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/message.h"
#include "event/xalloc.h"
#include "session/directory.h"
#include "session/session.h"

/* The newest *.own in a folder, malloc'ed; NULL: none. */
static char *origin_newest(const char *folder)
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
                                           .alive = l->collector_alive, .collector = l->collector_pid, .recording = l->recording };
    return 1;
}

/* The value of a variable in the environment of a process; malloc'ed, NULL: none. */
static char *environment_of(unsigned pid, const char *name)
{
    char path[64], *line = NULL, *value = NULL;
    size_t room = 0, n = strlen(name);
    snprintf(path, sizeof path, "/proc/%u/environ", pid);
    FILE *f = fopen(path, "re");
    while (f && !value && getdelim(&line, &room, 0, f) > 0)
        if (!strncmp(line, name, n) && line[n] == '=')
            value = xstrdup(line + n + 1);
    free(line);
    if (f)
        fclose(f);
    return value;
}

/* Root asks for another user's process: the places where that one's sessions can be. */
static bool search_theirs(struct search *s)
{
    bool found = false;
    char *proc = xasprintf("/proc/%u", s->pid), *named = environment_of(s->pid, "OWNSCOPE_DIR"), *home = environment_of(s->pid, "HOME");
    struct stat owner, st;
    if (!geteuid() && !stat(proc, &owner) && owner.st_uid) {
        char *const places[] = { named, xasprintf("/run/user/%u/ownscope", owner.st_uid), xasprintf("/tmp/ownscope-%u", owner.st_uid),
                                 home ? xasprintf("%s/.ownscope", home) : NULL, xasprintf("/dev/shm/ownscope-%u", owner.st_uid) };
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            if (places[i] && !found && !lstat(places[i], &st) && S_ISDIR(st.st_mode) && st.st_uid == owner.st_uid &&
                !setenv("OWNSCOPE_DIR", places[i], 1))
                found = session_list(listing_match, s) == 1;
            free(places[i]);
        }
    } else {
        free(named);
    }
    free(home);
    free(proc);
    return found;
}

void origin_list_fail(int error)
{
    char path[SESSION_PATH_MAX];
    if (error == -EPERM && session_directory(path, sizeof path) == -EPERM)
        message_fail(EXIT_SOURCE, "the session directory %s is not safe to use: %s; set OWNSCOPE_DIR to a directory of yours with mode 0700",
                     path, session_directory_flaw());
    message_fail(EXIT_SOURCE, "cannot list the sessions: %s; see OWNSCOPE_DIR in ownscope(1)", strerror(-error));
}

bool origin_session(unsigned pid, struct origin_session *s)
{
    struct search search = { .pid = pid, .session = s };
    int error = session_list(listing_match, &search);
    if (error < 0)
        origin_list_fail(error);
    return error == 1 || search_theirs(&search);
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
