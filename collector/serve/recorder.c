/*
 * collector/serve/recorder.c - see recorder.h.
 *
 * A segment's memory is held by a descriptor; trace files are opened through
 * /proc/self/fd. Who joins works on duplicates of all of them.
 */
#include "serve/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "serve/aside.h"
#include "serve/series.h"

/* PARTS: segments that a bound has room for. HEADS: a segment is at least so many times what it begins with. */
enum { PARTS = 8, HEADS = 2 };
#define APART_NS 1000000000ull  /* files for one reason after the other */

struct segment { int fd; uint64_t bytes; };

/* All segments at a moment, for who joins them. */
struct parts { char **paths; int *fds; size_t n; };

struct recorder {
    struct recorder_options options;
    struct session *session;
    struct triggers triggers;
    uint64_t due_bytes;         /* the newest is full then */
    uint64_t events_before;     /* it */

    pthread_mutex_t lock;       /* of the list: readers copy it */
    struct segment *segments; size_t n, capacity;   /* the last is being written */

    char *why;                  /* what the next file is to be written for; NULL: none is */
    uint64_t ticket;
    struct aside aside;
    bool writing;               /* a file is */
    struct parts parts;         /* of it */
    struct recorder_written written;
    uint64_t looked_ns, written_ns; /* now; and when the last one was begun */
};

struct recorder *recorder_new(const struct recorder_options *o, struct session *s)
{
    struct recorder *r = xcalloc(1, sizeof *r);
    r->options = *o;
    r->session = s;
    r->due_bytes = o->bytes / PARTS;
    pthread_mutex_init(&r->lock, NULL);
    triggers_begin(&r->triggers, &o->triggers);
    return r;
}

/* ---- parts ---- */

static void parts_free(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        close(p->fds[i]);
        free(p->paths[i]);
    }
    free(p->fds);
    free(p->paths);
    *p = (struct parts){ 0 };
}

/* 0 or -errno. */
static int parts_take(struct recorder *r, struct parts *p)
{
    int error = 0;
    pthread_mutex_lock(&r->lock);
    *p = (struct parts){ .paths = xcalloc(r->n + 1, sizeof *p->paths), .fds = xcalloc(r->n + 1, sizeof *p->fds) };
    for (; p->n < r->n && !error; p->n++) {
        int fd = fcntl(r->segments[p->n].fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
            error = -errno;
            break;
        }
        p->fds[p->n] = fd;
        p->paths[p->n] = xasprintf("/proc/self/fd/%d", fd);
    }
    pthread_mutex_unlock(&r->lock);
    if (error)
        parts_free(p);
    return error;
}

static int parts_join(const struct parts *p, const char *path)
{
    return trace_join(path, (const char *const *)p->paths, p->n);
}

int recorder_copy(struct recorder *r, const char *path)
{
    struct parts p;
    int error = parts_take(r, &p);
    if (error)
        return error;
    error = parts_join(&p, path);
    parts_free(&p);
    return error;
}

/* ---- segments ---- */

static void segment_add(struct recorder *r, int fd)
{
    pthread_mutex_lock(&r->lock);
    r->segments = xgrow(r->segments, &r->capacity, r->n + 1, sizeof *r->segments);
    r->segments[r->n++] = (struct segment){ .fd = fd };
    pthread_mutex_unlock(&r->lock);
}

static void segment_drop(struct recorder *r)
{
    aside_ended(&r->aside, true);   /* it holds the memory too */
    parts_free(&r->parts);
    pthread_mutex_lock(&r->lock);
    close(r->segments[0].fd);
    memmove(r->segments, r->segments + 1, --r->n * sizeof *r->segments);
    pthread_mutex_unlock(&r->lock);
}

/* Until all take no more than the bound less `room`, or the newest is alone. */
static void bound_keep(struct recorder *r, uint64_t room)
{
    uint64_t bytes = room;
    for (size_t i = 0; i < r->n; i++)
        bytes += r->segments[i].bytes;
    while (r->n > 1 && bytes > r->options.bytes) {
        bytes -= r->segments[0].bytes;
        segment_drop(r);
    }
}

static int memory_new(char path[64])
{
    int fd = memfd_create("ownscope-trace", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

int recorder_begin(struct recorder *r, struct trace_writer **w, const struct trace_meta *meta)
{
    char path[64];
    int fd = memory_new(path), error = fd < 0 ? fd : trace_write_open(w, path, meta);
    if (!error)
        segment_add(r, fd);
    else if (fd >= 0)
        close(fd);
    return error;
}

bool recorder_due(const struct recorder *r, uint64_t bytes, uint64_t events)
{
    return bytes >= r->due_bytes && events > r->events_before;
}

int recorder_turn(struct recorder *r, struct trace_writer *w, const struct code *code, uint64_t event, uint64_t ns,
                  struct archive *state)
{
    char path[64];
    uint64_t part = r->options.bytes / PARTS, least;
    int fd = memory_new(path), error = fd < 0 ? fd : trace_write_next(w, path, code, ns, state);
    if (error) {
        if (fd >= 0)
            close(fd);
        archive_free(state);
        r->due_bytes += part;
        return error;
    }
    struct stat st;
    struct segment *old = &r->segments[r->n - 1];
    if (!fstat(old->fd, &st))
        old->bytes = (uint64_t)st.st_size;
    segment_add(r, fd);
    least = trace_write_bytes(w) * HEADS;
    r->due_bytes = part > least ? part : least;
    r->events_before = event;
    bound_keep(r, r->due_bytes + part);
    return 0;
}

/* ---- what happens ---- */

void recorder_see(struct recorder *r, const struct event *events, size_t count)
{
    triggers_see(&r->triggers, events, count);
}

void recorder_ask(struct recorder *r, char *why, uint64_t ticket)
{
    if (!why)
        return;
    r->ticket = ticket ? ticket : r->ticket;
    if (!r->why) {
        r->why = why;
        return;
    }
    char *both = xasprintf("%s; %s", r->why, why);
    free(r->why);
    free(why);
    r->why = both;
}

const char *recorder_look(struct recorder *r, const struct graph *g, uint64_t bytes, uint64_t now_ns)
{
    recorder_ask(r, triggers_look(&r->triggers, g, r->session, now_ns), 0);
    r->segments[r->n - 1].bytes = bytes;
    r->looked_ns = now_ns;
    bound_keep(r, 0);
    bool soon = r->written_ns && now_ns - r->written_ns < APART_NS && !r->ticket;
    return r->writing || soon ? NULL : r->why;
}

/* Aside. What lies there already goes its way only when the new one is whole. */
static void join(void *context)
{
    struct recorder *r = context;
    struct recorder_written *w = &r->written;
    char *fresh = xasprintf("%s.new", w->path);
    w->error = parts_join(&r->parts, fresh);
    if (!w->error)
        w->error = series_shift(w->path);
    if (!w->error && rename(fresh, w->path))
        w->error = -errno;
    if (!w->error)
        series_trim(w->path, r->options.keep);
    else
        unlink(fresh);
    free(fresh);
}

void recorder_write(struct recorder *r, const char *path, bool wait)
{
    r->written = (struct recorder_written){ .path = xstrdup(path), .why = r->why, .ticket = r->ticket };
    r->why = NULL;
    r->ticket = 0;
    r->writing = true;
    r->written_ns = r->looked_ns;
    r->written.error = parts_take(r, &r->parts);
    if (r->written.error)
        return;
    if (wait)
        join(r);
    else
        aside_start(&r->aside, r->session, join, r);
}

bool recorder_done(struct recorder *r, bool wait, struct recorder_written *w)
{
    if (!r->writing || !aside_ended(&r->aside, wait))
        return false;
    r->writing = false;
    parts_free(&r->parts);
    *w = r->written;
    return true;
}

void recorder_free(struct recorder *r)
{
    struct recorder_written w;
    if (!r)
        return;
    if (recorder_done(r, true, &w)) {
        free(w.path);
        free(w.why);
    }
    for (size_t i = 0; i < r->n; i++)
        close(r->segments[i].fd);
    free(r->segments);
    free(r->why);
    triggers_end(&r->triggers);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
