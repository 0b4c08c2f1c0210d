/*
 * collector/trace/trace_join.c - files of one session, each going on for the one
 * before it, become one.
 *
 * Any thread. Chunks are copied as they are, but for their frames. What each file
 * begins with, so that it can be read alone, is doubled in the joined one: its
 * META and its definitions are held against those of the files before it and left
 * out; its state is kept where no other is near. The result is written beside
 * `path` and renamed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "trace/trace_reader.h"
#include "trace/trace_writer.h"

enum { STATES_APART_EVENTS = 1 << 22 };     /* a state that is nearer to the one before it is left out */

struct join {
    struct trace_writer *w;
    struct trace_meta meta;     /* of the first file; its strings are ours */
    struct code *code;          /* all definitions so far */
    uint64_t state_event;       /* of the last state in the joined file */
    bool state_seen;
};

static int refuse(const char *why)
{
    trace_say("%s", why);
    return -EBADMSG;
}

static int say_not_made(int error)
{
    trace_say("cannot be made: %s", strerror(-error));
    return error;
}

static bool same_meta(const struct trace_meta *a, const struct trace_meta *b)
{
    return !strcmp(a->command, b->command) && !strcmp(a->host, b->host) && !strcmp(a->session, b->session) &&
           !strcmp(a->options, b->options) && a->start_real_ns == b->start_real_ns && a->clock_hz == b->clock_hz &&
           a->clock == b->clock && a->stacks == b->stacks;
}

static bool same_module(const struct code_module *a, const struct code_module *b)
{
    return !strcmp(a->path, b->path) && a->build_id_bytes == b->build_id_bytes &&
           !memcmp(a->build_id, b->build_id, a->build_id_bytes);
}

/* `code` begins with all of `old`. */
static bool code_goes_on(const struct code *code, const struct code *old)
{
    bool same = code_modules(code) >= code_modules(old) && code_frames(code) >= code_frames(old) &&
                code_stacks(code) >= code_stacks(old);
    for (uint32_t id = 1; same && id <= code_modules(old); id++)
        same = same_module(code_module(code, id), code_module(old, id));
    for (uint32_t id = 1; same && id <= code_frames(old); id++) {
        const struct code_frame *a = code_frame(code, id), *b = code_frame(old, id);
        same = a->module == b->module && a->offset == b->offset && a->flags == b->flags;
    }
    for (uint32_t id = 1; same && id <= code_stacks(old); id++) {
        const struct code_stack *a = code_stack(code, id), *b = code_stack(old, id);
        same = a->parent == b->parent && a->frame == b->frame;
    }
    return same;
}

static int copy(struct join *j, const struct trace *t, size_t entry, unsigned flags)
{
    int error = output_copy(&j->w->output, t->fd, &t->map.entries[entry], flags);
    if (error)
        trace_say("the chunk at byte %llu: %s", (unsigned long long)t->map.entries[entry].offset,
                  error == -EBADMSG ? "its checksum is wrong" : strerror(-error));
    return error;
}

/* The chunks of a checkpoint that is whole. */
static int copy_state(struct join *j, const struct trace *t, size_t i)
{
    uint64_t event = t->checkpoints[i].event;
    size_t entry = t->checkpoint_entries[i];
    int error = 0;
    if (j->state_seen && event - j->state_event < STATES_APART_EVENTS)
        return 0;
    for (size_t part = 0; part <= t->map.entries[entry].count && !error; part++)
        error = copy(j, t, entry + part, 0);
    j->state_event = event;
    j->state_seen = true;
    return error;
}

/* Entries from `from` on, but for what ends the file, and for pieces of a checkpoint that is not whole. */
static int copy_chunks(struct join *j, const struct trace *t, size_t from, bool with_code)
{
    size_t state = 0;
    bool fresh = true;      /* the models are, here */
    int error = 0;
    for (size_t i = from; i < t->map.count && !error; i++) {
        switch (t->map.entries[i].type) {
        case TRACE_CHUNK_CHECKPOINT:
            while (state < t->n_checkpoints && t->checkpoint_entries[state] < i)
                state++;
            if (state < t->n_checkpoints && t->checkpoint_entries[state] == i)
                error = copy_state(j, t, state);
            break;
        case TRACE_CHUNK_EVENTS:
            error = copy(j, t, i, fresh ? TRACE_CHUNK_RESET : 0);
            fresh = false;
            with_code = true;
            break;
        case TRACE_CHUNK_CODE:
            error = with_code ? copy(j, t, i, 0) : 0;
            break;
        case TRACE_CHUNK_STATE: case TRACE_CHUNK_END: case TRACE_CHUNK_INDEX:
            break;
        default:
            error = copy(j, t, i, 0);
        }
    }
    return error;
}

static int first_begin(struct join *j, const struct trace *t)
{
    const struct trace_meta *m = &t->meta;
    struct trace_map *map = &j->w->output.map;
    j->meta = *m;
    j->meta.command = xstrdup(m->command);
    j->meta.host = xstrdup(m->host);
    j->meta.session = xstrdup(m->session);
    j->meta.options = xstrdup(m->options);
    map->before = map->events = t->map.before;
    int error = writer_file_head(j->w);
    return error ? error : copy(j, t, 0, 0);
}

/* A file's definitions before its first event are all that the files before it had, and perhaps more. */
static int next_begin(struct join *j, struct trace *t)
{
    size_t head = 0;
    while (head < t->map.count && t->map.entries[head].type != TRACE_CHUNK_EVENTS)
        head++;
    if (t->map.before != j->w->output.map.events)
        return refuse("does not go on where the file before it ended");
    if (!same_meta(&t->meta, &j->meta))
        return refuse("is of another session");
    int error = trace_read_tables(t, head);
    if (error)
        return refuse(t->text);
    if (!code_goes_on(t->code, j->code))
        return refuse("has other definitions than the file before it");
    writer_tables(j->w, t->code, false);
    return output_error(&j->w->output);
}

static int part_add(struct join *j, struct trace *t, bool first)
{
    if (t->version < TRACE_VERSION_BEFORE)
        return refuse("is of a version that knows no files that belong together");
    if (t->map.damaged)
        return refuse("is damaged");
    int error = first ? first_begin(j, t) : next_begin(j, t);
    if (!error)
        error = copy_chunks(j, t, 1, first);
    if (!error && trace_read_tables(t, t->map.count))
        error = refuse(t->text);
    if (error)
        return error;
    code_free(j->code);
    j->code = t->code;
    t->code = NULL;
    j->w->tables = (struct trace_tables){ code_modules(j->code), code_frames(j->code), code_stacks(j->code) };
    return 0;
}

/* With the end record of the last one, if it has one: else the joined file is as little ended as that. */
static int parts_add(struct join *j, const char *const *parts, size_t n)
{
    int error = 0;
    for (size_t i = 0; i < n && !error; i++) {
        struct trace *t;
        error = trace_open(&t, parts[i]);
        if (!error)
            error = part_add(j, t, i == 0);
        if (!error && i == n - 1 && t->end.present)
            writer_end(j->w, t->end.end_ns);
        trace_close(t);
        if (output_error(&j->w->output))
            return say_not_made(output_error(&j->w->output));
        if (error) {
            char *why = xstrdup(trace_error_text(NULL));
            trace_say("%s: %s", parts[i], why);
            free(why);
        }
    }
    return error;
}

static int join_to(int fd, const char *const *parts, size_t n)
{
    struct join j = { .w = writer_new(fd), .code = code_new() };
    int error = parts_add(&j, parts, n);
    free(j.meta.command);
    free(j.meta.host);
    free(j.meta.session);
    free(j.meta.options);
    code_free(j.code);
    writer_free(j.w);
    return error;
}

int trace_join(const char *path, const char *const *parts, size_t n)
{
    char beside[4096];
    if (!n || snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside)
        return n ? -ENAMETOOLONG : -EINVAL;
    int fd = mkostemp(beside, O_CLOEXEC), error = fd < 0 ? -errno : 0;
    if (!error) {
        error = join_to(fd, parts, n);
        if (!error && rename(beside, path))
            error = say_not_made(-errno);
        if (error)
            unlink(beside);
        close(fd);
    } else {
        say_not_made(error);
    }
    return error;
}
