/*
 * collector/trace/trace_next.c - a session's trace goes on in another file.
 *
 * The ingest thread. The new file is begun by a writer of its own, while nothing
 * waits in the old one; only when its beginning is whole, the state included,
 * is the old file ended, and the writer takes the new one's place over. So at
 * every moment there is a file that can be read, and one that goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/trace_writer.h"

static bool same_file(int a, int b)
{
    struct stat x, y;
    return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* An empty file, other than the writer's. Its descriptor or -errno. */
static int file_begin(const struct trace_writer *w, const char *path)
{
    const struct trace_output *o = &w->output;
    if (o->ours && !o->ours(o->ours_context))
        return -ESTALE;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int error = same_file(fd, o->fd) ? -EEXIST : ftruncate(fd, 0) && errno != EINVAL ? -errno : 0;     /* EINVAL: a device */
    if (!error)
        return fd;
    close(fd);
    return error;
}

/* META as in the old file, definitions, state. */
static int beginning_write(struct trace_writer *next, const struct trace_writer *w, const struct code *code, uint64_t ns,
                           struct archive *state)
{
    struct trace_output *o = &next->output;
    int error = writer_file_head(next);
    if (!error)
        error = output_copy(o, w->output.fd, w->output.map.entries, 0);
    if (error)
        return error;
    writer_tables(next, code, false);
    output_checkpoint(o, w->events, ns, state);
    return output_drain(o);
}

/* The writer of a new file whose beginning is written; NULL and *error when it is not. */
static struct trace_writer *next_begin(const struct trace_writer *w, const char *path, const struct code *code, uint64_t ns,
                                       struct archive *state, int *error)
{
    struct stat st;
    int fd = file_begin(w, path);
    *error = fd < 0 ? fd : 0;
    if (fd < 0)
        return NULL;
    struct trace_writer *next = writer_new(fd);
    trace_write_while(next, w->output.ours, w->output.ours_context);
    next->output.map.before = next->output.map.events = w->events;
    *error = beginning_write(next, w, code, ns, state);
    if (!*error)
        return next;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode))
        unlink(path);
    close(fd);
    writer_free(next);
    return NULL;
}

/* The old file's end is no condition: without it, its events are whole all the same. */
static void take_place(struct trace_writer *w, struct trace_writer *next, uint64_t ns)
{
    struct trace_output *o = &w->output;
    writer_end(w, ns);
    close(o->fd);
    map_free(&o->map);
    o->fd = next->output.fd;
    o->map = next->output.map;
    next->output.map = (struct trace_map){ 0 };
    __atomic_store_n(&o->file_bytes, o->map.whole_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&o->states_bytes, next->output.states_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&o->state_bytes, next->output.state_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&o->error, 0, __ATOMIC_RELAXED);
    w->tables = next->tables;
    writer_free(next);
}

int trace_write_next(struct trace_writer *w, const char *path, const struct code *code, uint64_t ns, struct archive *state)
{
    int error = archive_bad(state) ? -EINVAL : output_error(&w->output);
    if (!error) {
        trace_write_cut(w, code);
        writer_tables(w, code, false);
        error = output_drain(&w->output);
    }
    struct trace_writer *next = error ? NULL : next_begin(w, path, code, ns, state, &error);
    if (next)
        take_place(w, next, ns);
    archive_free(state);
    return error;
}
