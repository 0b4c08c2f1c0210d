/*
 * collector/trace/trace_open.c - a trace file is opened, checked and closed.
 *
 * Any thread; what it opens belongs to one thread. Head and META have to be
 * whole; everything else may be missing, and is then reported as torn.
 */
#include "trace/trace_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

static _Thread_local char said[256] = "no error";

void trace_say(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(said, sizeof said, format, ap);
    va_end(ap);
}

const char *trace_error_text(const struct trace *t)
{
    return t ? t->text : said;
}

int trace_fail(struct trace *t, int error, uint64_t offset, const char *flaw)
{
    snprintf(t->text, sizeof t->text, "damaged at byte %llu: %s%s%s", (unsigned long long)offset, flaw,
             error == -EBADMSG ? "" : ": ", error == -EBADMSG ? "" : strerror(-error));
    t->error = error;
    return error;
}

/* The newest type of event that a writer of that version knew. */
static unsigned types_of(uint32_t version)
{
    static const unsigned types[TRACE_VERSION + 1] = { [2] = TRACE_VERSION_2_TYPES, [3] = TRACE_VERSION_3_TYPES, [4] = TRACE_VERSION_5_TYPES,
                                                       [5] = TRACE_VERSION_5_TYPES, [6] = EVENT_TYPES - 1 };
    return types[version];
}

static int check_head(struct trace *t, uint64_t file_bytes)
{
    struct trace_file_head head;
    if (file_bytes < sizeof head) {
        trace_say("not a trace file: only %llu bytes long", (unsigned long long)file_bytes);
        return -EBADMSG;
    }
    int error = chunk_pread(t->fd, &head, sizeof head, 0);
    if (error) {
        trace_say("cannot be read: %s", strerror(-error));
        return error;
    }
    if (memcmp(head.magic, TRACE_FILE_MAGIC, sizeof head.magic)) {
        trace_say("not a trace file");
        return -EBADMSG;
    }
    if (head.version < TRACE_VERSION_OLDEST || head.version > TRACE_VERSION || head.flags) {
        trace_say("a trace file of version %u (features %#x), known here are versions %d to %d",
                  head.version, head.flags, TRACE_VERSION_OLDEST, TRACE_VERSION);
        return -EBADMSG;
    }
    t->version = head.version;
    t->decoder.types = types_of(head.version);
    return 0;
}

static char *take_string(struct trace_columns *s, unsigned id)
{
    size_t bytes = cursor_left(s, id);
    return xstrndup((const char *)cursor_bytes(s, id, bytes), bytes);
}

/* A number that a writer of an earlier version may not have written. */
static uint64_t take_number(struct trace_columns *s, unsigned id)
{
    return cursor_left(s, id) ? cursor_varint(s, id) : 0;
}

static int read_meta(struct trace *t)
{
    struct trace_columns columns;
    const struct map_entry *e = t->map.entries;
    const char *flaw = t->map.flaw ? t->map.flaw : "no chunk there";
    if (!t->map.count || e->type != TRACE_CHUNK_META) {
        trace_say("damaged in its header: %s", flaw);
        return -EBADMSG;
    }
    int error = map_read_chunk(t->fd, e, &t->opener, &columns, &flaw);
    if (error) {
        trace_say("damaged in its header: %s", flaw);
        return error;
    }
    t->meta.command = take_string(&columns, META_COMMAND);
    t->meta.host = take_string(&columns, META_HOST);
    t->meta.session = take_string(&columns, META_SESSION);
    t->meta.options = take_string(&columns, META_OPTIONS);
    t->meta.start_real_ns = take_number(&columns, META_NUMBERS);
    t->meta.clock_hz = take_number(&columns, META_NUMBERS);
    t->meta.clock = (uint32_t)take_number(&columns, META_NUMBERS);
    t->meta.stacks = (uint32_t)take_number(&columns, META_NUMBERS);
    if (!columns.bad)
        return 0;
    trace_say("damaged in its header: numbers are missing");
    return -EBADMSG;
}

/* A damaged end record is found again, and reported, behind the last event. */
static void read_end(struct trace *t)
{
    for (size_t i = t->map.count; i-- && t->map.entries[i].type != TRACE_CHUNK_EVENTS;) {
        struct trace_columns columns;
        const struct map_entry *e = &t->map.entries[i];
        const char *flaw;
        if (e->type != TRACE_CHUNK_END)
            continue;
        if (map_read_chunk(t->fd, e, &t->opener, &columns, &flaw))
            return;
        t->end.end_ns = cursor_varint(&columns, END_NUMBERS);
        t->end.events = cursor_varint(&columns, END_NUMBERS);
        t->end.present = !columns.bad;
        return;
    }
}

static int open_checked(struct trace *t)
{
    struct stat st;
    if (fstat(t->fd, &st)) {
        int error = -errno;
        trace_say("cannot be read: %s", strerror(-error));
        return error;
    }
    if (!S_ISREG(st.st_mode)) {
        trace_say("not a trace file: not a regular file");
        return S_ISDIR(st.st_mode) ? -EISDIR : -EBADMSG;
    }
    int error = check_head(t, (uint64_t)st.st_size);
    if (error)
        return error;
    map_find(&t->map, t->fd, (uint64_t)st.st_size, &t->opener);
    error = read_meta(t);
    if (error)
        return error;
    if (t->map.before && t->version < TRACE_VERSION_BEFORE) {
        trace_say("damaged in its header: it says that it goes on for another file");
        return -EBADMSG;
    }
    trace_rewind(t);
    read_end(t);
    trace_find_snapshots(t);
    trace_find_groups(t);
    trace_find_checkpoints(t);
    return 0;
}

int trace_open_fd(struct trace **out, int fd)
{
    struct trace *t = xcalloc(1, sizeof *t);
    t->fd = fd;
    t->code = code_new();
    snprintf(t->text, sizeof t->text, "no error");
    int error = open_checked(t);
    if (error) {
        trace_close(t);
        t = NULL;
    }
    *out = t;
    return error;
}

int trace_open(struct trace **t, const char *path)
{
    *t = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int error = -errno;
        trace_say("cannot be opened: %s", strerror(-error));
        return error;
    }
    return trace_open_fd(t, fd);
}

void trace_close(struct trace *t)
{
    if (!t)
        return;
    close(t->fd);
    free(t->meta.command);
    free(t->meta.host);
    free(t->meta.session);
    free(t->meta.options);
    for (size_t i = 0; i < t->n_snapshots; i++) {
        free(t->snapshots[i].refused);
        free(t->snapshots[i].mark);
    }
    free(t->snapshots);
    free(t->snapshot_entries);
    trace_checkpoints_free(t);
    map_free(&t->map);
    trace_groups_free(t);
    chunk_opener_free(&t->opener);
    chunk_opener_free(&t->table_opener);
    code_free(t->code);
    free(t);
}

const struct trace_meta *trace_meta(const struct trace *t) { return &t->meta; }
uint32_t trace_version(const struct trace *t) { return t->version; }
bool trace_has_locks(const struct trace *t) { return !strstr(t->meta.options, "--locks off"); }
const struct trace_end *trace_end(const struct trace *t) { return &t->end; }
const struct code *trace_code(const struct trace *t) { return t->code; }
uint64_t trace_torn_bytes(const struct trace *t) { return t->map.torn_bytes; }
uint64_t trace_events(const struct trace *t) { return t->map.events; }
uint64_t trace_events_before(const struct trace *t) { return t->map.before; }
