/*
 * collector/trace/trace_writer.c - a trace file is written, or gone on with.
 *
 * The ingest thread alone. Chunks are written whole, one after the other, and
 * never changed afterwards: a reader may read along. When a write fails, what
 * was half written is cut off again, the error stays, and every event that
 * follows is counted as dropped.
 *
 * Invariants: the file is map.whole_bytes long between calls; events ==
 * map.events + events in the open chunk; every definition that a written
 * event names is written before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "trace/trace.h"
#include "trace/trace_encode.h"
#include "trace/trace_map.h"
#include "trace/trace_reader.h"
#include "trace/trace_tables.h"

struct trace_writer {
    int fd;
    int error;                  /* sticky; 0 or negative */
    uint64_t dropped;
    uint64_t group_events;      /* since the models last started afresh */
    struct trace_map map;
    struct trace_tables tables;
    struct chunk_builder builder;
    struct trace_encoder *encoder;
};

static struct trace_writer *writer_new(int fd)
{
    struct trace_writer *w = xcalloc(1, sizeof *w);
    w->fd = fd;
    w->encoder = trace_encode_new();
    return w;
}

static void writer_free(struct trace_writer *w)
{
    map_free(&w->map);
    trace_tables_free(&w->tables);
    chunk_builder_free(&w->builder);
    trace_encode_free(w->encoder);
    free(w);
}

/* Appends at the file's end, wholly or not at all. */
static int write_whole(struct trace_writer *w, const void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes && !w->error;) {
        ssize_t n = pwrite(w->fd, (const char *)data + done, bytes - done, (off_t)(w->map.whole_bytes + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            w->error = -EIO;
        else if (errno != EINTR)
            w->error = -errno;
    }
    if (w->error && ftruncate(w->fd, (off_t)w->map.whole_bytes))
        return w->error;    /* a device: nothing was kept */
    return w->error;
}

static void frame_init(const struct trace_writer *w, struct trace_frame *frame, unsigned type, uint32_t count)
{
    *frame = (struct trace_frame){ .type = (uint8_t)type, .count = count, .number = (uint32_t)w->map.count,
                                   .first_event = w->map.events };
}

/* Writes the columns in w->builder as a chunk. */
static int write_chunk(struct trace_writer *w, struct trace_frame *frame)
{
    chunk_finish(&w->builder, frame);
    int error = write_whole(w, w->builder.out.data, w->builder.out.bytes);
    if (!error)
        map_add(&w->map, frame);
    return error;
}

static void meta_string(struct trace_writer *w, unsigned id, const char *s)
{
    if (s)
        chunk_column(&w->builder, id, s, strnlen(s, TRACE_STRING_MAX));
}

static int write_head(struct trace_writer *w, const struct trace_meta *meta)
{
    struct trace_file_head head = { .version = TRACE_VERSION };
    struct trace_frame frame;
    uint8_t space[4 * 10];
    struct trace_column numbers = { .data = space, .capacity = sizeof space };
    memcpy(head.magic, TRACE_FILE_MAGIC, sizeof head.magic);
    if (write_whole(w, &head, sizeof head))
        return w->error;
    w->map.whole_bytes = sizeof head;
    column_varint(&numbers, meta->start_real_ns);
    column_varint(&numbers, meta->clock_hz);
    column_varint(&numbers, meta->clock);
    column_varint(&numbers, meta->stacks);
    chunk_begin(&w->builder);
    meta_string(w, META_COMMAND, meta->command);
    meta_string(w, META_HOST, meta->host);
    meta_string(w, META_SESSION, meta->session);
    meta_string(w, META_OPTIONS, meta->options);
    chunk_column(&w->builder, META_NUMBERS, numbers.data, numbers.bytes);
    frame_init(w, &frame, TRACE_CHUNK_META, 1);
    return write_chunk(w, &frame);
}

int trace_write_open(struct trace_writer **out, const char *path, const struct trace_meta *meta)
{
    *out = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    struct trace_writer *w = writer_new(fd);
    int error = write_head(w, meta);
    if (error) {
        struct stat st;
        if (!fstat(fd, &st) && S_ISREG(st.st_mode))
            unlink(path);
        close(fd);
        writer_free(w);
        return error;
    }
    *out = w;
    return 0;
}

/* Takes over what an opened trace holds: map without end and index, tables. */
static int take_over(struct trace_writer *w, struct trace *t, struct code *code)
{
    struct trace_map *map = &t->map;
    if (map->damaged) {
        trace_say("damaged at byte %llu: %s", (unsigned long long)map->whole_bytes, map->flaw);
        return -EBADMSG;
    }
    size_t keep = map->count;
    while (keep && (map->entries[keep - 1].type == TRACE_CHUNK_END || map->entries[keep - 1].type == TRACE_CHUNK_INDEX))
        keep--;
    int error = trace_load_tables(t, code, keep);
    if (error) {
        trace_say("%s", t->text);
        return error;
    }
    w->map = *map;
    *map = (struct trace_map){ 0 };
    w->map.count = keep;
    w->map.whole_bytes = w->map.entries[keep - 1].offset + w->map.entries[keep - 1].span_bytes;
    w->map.torn_bytes = 0;
    w->tables.modules = code_modules(code);
    w->tables.frames = code_frames(code);
    w->tables.stacks = code_stacks(code);
    if (ftruncate(w->fd, (off_t)w->map.whole_bytes)) {
        error = -errno;
        trace_say("cannot be cut to its whole part: %s", strerror(-error));
    }
    return error;
}

int trace_write_reopen(struct trace_writer **out, const char *path, struct code *code, uint64_t *events)
{
    *out = NULL;
    *events = 0;
    if (code_modules(code) || code_frames(code) || code_stacks(code))
        return -EINVAL;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK), own = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    struct trace *t = NULL;
    int error = own < 0 ? -errno : 0;
    if (error) {
        trace_say("cannot be opened: %s", strerror(-error));
        if (fd >= 0)
            close(fd);
        return error;
    }
    struct trace_writer *w = writer_new(own);
    error = trace_open_fd(&t, fd);
    if (!error)
        error = take_over(w, t, code);
    trace_close(t);
    if (error) {
        close(own);
        writer_free(w);
        return error;
    }
    *events = w->map.events;
    *out = w;
    return 0;
}

static int write_tables(struct trace_writer *w, const struct code *code)
{
    while (!w->error && trace_tables_behind(&w->tables, code)) {
        struct trace_frame frame;
        chunk_begin(&w->builder);
        uint32_t count = trace_tables_pack(&w->tables, code, &w->builder);
        frame_init(w, &frame, TRACE_CHUNK_CODE, count);
        write_chunk(w, &frame);
    }
    return w->error;
}

static int write_events(struct trace_writer *w)
{
    struct trace_frame frame;
    const struct trace_column *columns = trace_encode_columns(w->encoder);
    chunk_begin(&w->builder);
    for (unsigned id = 1; id < EVENTS_COLUMNS; id++)
        chunk_column(&w->builder, id, columns[id].data, columns[id].bytes);
    frame_init(w, &frame, TRACE_CHUNK_EVENTS, trace_encode_count(w->encoder));
    frame.flags = w->group_events ? 0 : TRACE_CHUNK_RESET;
    trace_encode_span(w->encoder, &frame.low_ns, &frame.high_ns);
    return write_chunk(w, &frame);
}

int trace_write_flush(struct trace_writer *w, const struct code *code)
{
    uint32_t count = trace_encode_count(w->encoder);
    if (w->error || !count)
        return w->error;
    if (write_tables(w, code) || write_events(w))
        w->dropped += count;
    trace_encode_clear(w->encoder);
    w->group_events += count;
    if (w->group_events >= TRACE_GROUP_EVENTS) {
        trace_encode_reset(w->encoder);
        w->group_events = 0;
    }
    return w->error;
}

int trace_write_event(struct trace_writer *w, const struct code *code, const struct event *e)
{
    if (__builtin_expect(w->error || !e->type || e->type >= EVENT_TYPES || e->stack > code_stacks(code), 0)) {
        w->dropped++;
        return w->error ? w->error : -EINVAL;
    }
    trace_encode_event(w->encoder, e);
    return __builtin_expect(trace_encode_full(w->encoder), 0) ? trace_write_flush(w, code) : 0;
}

int trace_write_batch(struct trace_writer *w, const struct code *code, const struct event *events, size_t count)
{
    enum { FAR = 12, NEAR = 6 };
    int first = 0;
    for (size_t i = 0; i < FAR && i < count; i++)
        trace_encode_expect(w->encoder, &events[i]);
    for (size_t i = 0; i < count; i++) {
        if (i + FAR < count)
            trace_encode_expect(w->encoder, &events[i + FAR]);
        if (i + NEAR < count)
            trace_encode_expect_block(w->encoder, &events[i + NEAR]);
        int error = trace_write_event(w, code, &events[i]);
        first = first ? first : error;
    }
    return first;
}

static int write_end(struct trace_writer *w, uint64_t end_ns)
{
    struct trace_frame frame;
    uint8_t space[2 * 10];
    struct trace_column numbers = { .data = space, .capacity = sizeof space };
    column_varint(&numbers, end_ns);
    column_varint(&numbers, w->map.events);
    chunk_begin(&w->builder);
    chunk_column(&w->builder, END_NUMBERS, numbers.data, numbers.bytes);
    frame_init(w, &frame, TRACE_CHUNK_END, 1);
    frame.low_ns = frame.high_ns = end_ns;
    if (write_chunk(w, &frame))
        return w->error;
    frame_init(w, &frame, TRACE_CHUNK_INDEX, (uint32_t)w->map.count);
    map_pack(&w->map, &w->builder, &frame);
    if (frame.raw_bytes > TRACE_RAW_MAX)
        return 0;   /* so many chunks that readers have to walk */
    return write_whole(w, w->builder.out.data, w->builder.out.bytes);
}

int trace_write_close(struct trace_writer *w, const struct code *code, uint64_t end_ns)
{
    trace_write_flush(w, code);
    if (!w->error && !write_tables(w, code))
        write_end(w, end_ns);
    int error = w->error;
    if (close(w->fd) && !error && errno != EINTR)
        error = -errno;
    writer_free(w);
    return error;
}

uint64_t trace_write_dropped(const struct trace_writer *w) { return w->dropped; }
uint64_t trace_write_events(const struct trace_writer *w) { return w->map.events + (w->error ? 0 : trace_encode_count(w->encoder)); }
uint64_t trace_write_bytes(const struct trace_writer *w) { return w->map.whole_bytes; }
