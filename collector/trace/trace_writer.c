/*
 * collector/trace/trace_writer.c - a trace file is written, or gone on with.
 *
 * The ingest thread alone. Events become columns here; what becomes of full
 * columns, and of errors in writing them, is trace_output.h's. Every definition
 * that a written event names is written before it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "trace/trace_reader.h"
#include "trace/trace_snapshot_pack.h"
#include "trace/trace_writer.h"

struct trace_writer *writer_new(int fd)
{
    struct trace_writer *w = xcalloc(1, sizeof *w);
    output_init(&w->output, fd);
    return w;
}

void trace_write_while(struct trace_writer *w, bool (*ours)(const void *context), const void *context)
{
    w->output.ours_context = context;
    w->output.ours = ours;
}

void writer_free(struct trace_writer *w)
{
    output_free(&w->output);
    trace_encode_free(w->encoder);
    free(w);
}

/* A chunk of `type` to fill, its columns empty. */
static struct output_job *chunk_new(struct trace_writer *w, unsigned type)
{
    struct output_job *job = output_take(&w->output);
    job->frame = (struct trace_frame){ .type = (uint8_t)type, .count = 1 };
    for (unsigned id = 1; id < TRACE_COLUMNS; id++)
        job->columns[id].bytes = 0;
    return job;
}

static void job_bytes(struct output_job *job, unsigned id, const void *data, size_t bytes)
{
    column_reserve(&job->columns[id], bytes);
    column_bytes(&job->columns[id], data, bytes);
}

static void job_string(struct output_job *job, unsigned id, const char *s)
{
    if (s)
        job_bytes(job, id, s, strnlen(s, TRACE_STRING_MAX));
}

static void job_numbers(struct output_job *job, unsigned id, const uint64_t *numbers, unsigned count)
{
    column_reserve(&job->columns[id], count * 10);
    for (unsigned i = 0; i < count; i++)
        column_varint(&job->columns[id], numbers[i]);
}

int writer_file_head(struct trace_writer *w)
{
    struct trace_file_head head = { .version = TRACE_VERSION };
    memcpy(head.magic, TRACE_FILE_MAGIC, sizeof head.magic);
    int error = output_append(&w->output, &head, sizeof head);
    if (!error)
        output_placed(&w->output, NULL);
    return error;
}

static int write_head(struct trace_writer *w, const struct trace_meta *meta)
{
    const uint64_t numbers[] = { meta->start_real_ns, meta->clock_hz, meta->clock, meta->stacks };
    if (writer_file_head(w))
        return output_error(&w->output);
    struct output_job *job = chunk_new(w, TRACE_CHUNK_META);
    job_string(job, META_COMMAND, meta->command);
    job_string(job, META_HOST, meta->host);
    job_string(job, META_SESSION, meta->session);
    job_string(job, META_OPTIONS, meta->options);
    job_numbers(job, META_NUMBERS, numbers, 4);
    output_give(&w->output, false);
    return output_error(&w->output);
}

int trace_write_open(struct trace_writer **out, const char *path, const struct trace_meta *meta)
{
    *out = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    struct trace_writer *w = writer_new(fd);
    w->encoder = trace_encode_new();
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
    if (t->version != TRACE_VERSION) {
        trace_say("a file of version %u cannot be gone on with", t->version);
        return -EBADMSG;
    }
    if (map->damaged) {
        trace_say("damaged at byte %llu: %s", (unsigned long long)map->whole_bytes, map->flaw);
        return -EBADMSG;
    }
    if (map->before && (!t->n_checkpoints || t->checkpoints[0].event > map->before)) {
        trace_say("begins behind event %llu, and the state of that moment is lost", (unsigned long long)map->before);
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
    w->output.map = *map;
    *map = (struct trace_map){ 0 };
    map = &w->output.map;
    map->count = keep;
    map->whole_bytes = map->entries[keep - 1].offset + map->entries[keep - 1].span_bytes;
    map->torn_bytes = 0;
    w->output.file_bytes = map->whole_bytes;
    w->output.file_events = w->events = map->events;
    w->tables.modules = code_modules(code);
    w->tables.frames = code_frames(code);
    w->tables.stacks = code_stacks(code);
    if (ftruncate(w->output.fd, (off_t)map->whole_bytes)) {
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
    w->encoder = trace_encode_new();
    error = trace_open_fd(&t, fd);
    if (!error)
        error = take_over(w, t, code);
    trace_close(t);
    if (error) {
        close(own);
        writer_free(w);
        return error;
    }
    *events = w->output.map.events;
    *out = w;
    return 0;
}

void writer_tables(struct trace_writer *w, const struct code *code, bool background)
{
    while (trace_tables_behind(&w->tables, code)) {
        struct output_job *job = chunk_new(w, TRACE_CHUNK_CODE);
        job->frame.count = trace_tables_pack(&w->tables, code, job->columns);
        output_give(&w->output, background);
    }
}

void writer_group_end(struct trace_writer *w, bool background)
{
    if (w->group_events >= SUMMARY_LEAST_EVENTS) {
        struct output_job *job = chunk_new(w, TRACE_CHUNK_SUMMARY);
        job->ready = summary_pack(trace_encode_summary(w->encoder), (struct trace_frame){
            .count = (uint32_t)w->group_events, .low_ns = w->group_low_ns, .high_ns = w->group_high_ns });
        output_give(&w->output, background);
    }
    trace_encode_reset(w->encoder);
    w->group_events = 0;
}

/* The open chunk, with the definitions that it needs. */
static void write_chunk(struct trace_writer *w, const struct code *code, bool background)
{
    writer_tables(w, code, background);
    struct output_job *job = chunk_new(w, TRACE_CHUNK_EVENTS);
    job->frame.count = trace_encode_count(w->encoder);
    job->frame.flags = w->group_events ? 0 : TRACE_CHUNK_RESET;
    trace_encode_span(w->encoder, &job->frame.low_ns, &job->frame.high_ns);
    trace_encode_hand_over(w->encoder, job->columns);
    if (!w->group_events || job->frame.low_ns < w->group_low_ns)
        w->group_low_ns = job->frame.low_ns;
    if (!w->group_events || job->frame.high_ns > w->group_high_ns)
        w->group_high_ns = job->frame.high_ns;
    w->group_events += job->frame.count;
    w->events += job->frame.count;
    output_give(&w->output, background);
    if (w->group_events >= TRACE_GROUP_EVENTS)
        writer_group_end(w, background);
}

uint64_t trace_write_cut(struct trace_writer *w, const struct code *code)
{
    if (trace_encode_count(w->encoder))
        write_chunk(w, code, true);
    if (w->group_events)
        writer_group_end(w, true);
    return w->events;
}

int trace_write_checkpoint(struct trace_writer *w, const struct code *code, uint64_t event, uint64_t ns, struct archive *state)
{
    int error = output_error(&w->output);
    if (!error && (archive_bad(state) || event > w->events))
        error = -EINVAL;
    if (error) {
        archive_free(state);
        return error;
    }
    writer_tables(w, code, true);
    output_checkpoint(&w->output, event, ns, state);
    return output_error(&w->output);
}

int trace_write_flush(struct trace_writer *w, const struct code *code)
{
    if (trace_encode_count(w->encoder))
        write_chunk(w, code, false);
    return output_settle(&w->output);
}

int trace_write_drain(struct trace_writer *w, const struct code *code)
{
    int error = trace_write_flush(w, code);
    return error ? error : output_drain(&w->output);
}

/* How many events in a row may be written, from the first on. */
static size_t sound_events(const struct event *events, size_t count, const struct code *code)
{
    size_t n = 0;
    while (n < count && events[n].type && events[n].type < EVENT_TYPES && trace_tables_name(code, &events[n]))
        n++;
    return n;
}

int trace_write_batch(struct trace_writer *w, const struct code *code, const struct event *events, size_t count)
{
    int first = 0;
    for (size_t i = 0; i < count;) {
        int error = output_error(&w->output);
        size_t sound = error ? 0 : sound_events(events + i, count - i, code);
        if (sound) {
            i += trace_encode_events(w->encoder, events + i, sound);
            if (trace_encode_full(w->encoder))
                write_chunk(w, code, true);
        } else {
            error = error ? error : -EINVAL;
            w->dropped++;
            i++;
        }
        first = first ? first : error;
    }
    return first;
}

int trace_write_event(struct trace_writer *w, const struct code *code, const struct event *e)
{
    return trace_write_batch(w, code, e, 1);
}

/* Chunks that are whole already go on to the output. */
static void write_ready(struct trace_writer *w, struct trace_packed *packed)
{
    for (size_t i = 0; i < packed->n; i++) {
        struct output_job *job = chunk_new(w, TRACE_CHUNK_PART);
        job->ready = packed->chunks[i];
        packed->chunks[i] = (struct trace_column){ 0 };
        output_give(&w->output, true);
    }
    trace_packed_free(packed);
}

int trace_write_packed(struct trace_writer *w, const struct code *code, const struct snapshot *s, struct trace_packed *packed)
{
    int error = output_error(&w->output);
    if (!error && !snapshot_named(s, code))
        error = -EINVAL;
    if (error) {
        trace_packed_free(packed);
        return error;
    }
    if (!packed)
        packed = trace_snapshot_pack(s);
    if (trace_encode_count(w->encoder))
        write_chunk(w, code, true);
    writer_tables(w, code, true);
    write_ready(w, trace_pack_rest(s, packed->n));
    write_ready(w, packed);
    return output_error(&w->output);
}

int trace_write_snapshot(struct trace_writer *w, const struct code *code, const struct snapshot *s)
{
    return trace_write_packed(w, code, s, NULL);
}

void writer_end(struct trace_writer *w, uint64_t end_ns)
{
    struct trace_output *o = &w->output;
    const uint64_t numbers[] = { end_ns, o->map.events };
    struct output_job *job = chunk_new(w, TRACE_CHUNK_END);
    job->frame.low_ns = job->frame.high_ns = end_ns;
    job_numbers(job, END_NUMBERS, numbers, 2);
    output_give(o, false);
    if (output_settle(o))
        return;
    struct trace_frame frame = { .type = TRACE_CHUNK_INDEX, .count = (uint32_t)o->map.count,
                                 .number = (uint32_t)o->map.count, .first_event = o->map.events };
    map_pack(&o->map, &o->builder, &frame);
    if (frame.raw_bytes <= TRACE_RAW_MAX)   /* else so many chunks that readers have to walk */
        output_append(o, o->builder.out.data, o->builder.out.bytes);
}

int trace_write_close(struct trace_writer *w, const struct code *code, uint64_t end_ns)
{
    int fd = w->output.fd;
    if (!trace_write_flush(w, code)) {
        writer_group_end(w, false);
        writer_tables(w, code, false);
        if (!output_drain(&w->output))
            writer_end(w, end_ns);
    }
    int error = output_error(&w->output);
    writer_free(w);
    if (close(fd) && !error && errno != EINTR)
        error = -errno;
    return error;
}

/* The open chunk's events are lost once a write has failed. */
uint64_t trace_write_dropped(struct trace_writer *w)
{
    uint64_t open = output_settle(&w->output) ? trace_encode_count(w->encoder) : 0;
    return w->dropped + w->output.dropped + open;
}

uint64_t trace_write_events(struct trace_writer *w)
{
    uint64_t open = output_settle(&w->output) ? 0 : trace_encode_count(w->encoder);
    return w->output.map.events + open;
}

void trace_write_push(struct trace_writer *w, const struct code *code)
{
    if (trace_encode_count(w->encoder))
        write_chunk(w, code, true);
}

uint64_t trace_write_given(const struct trace_writer *w) { return w->events + trace_encode_count(w->encoder); }
uint64_t trace_write_kept(const struct trace_writer *w) { return __atomic_load_n(&w->output.file_events, __ATOMIC_ACQUIRE); }

uint64_t trace_write_size(const struct trace_writer *w)
{
    return __atomic_load_n(&w->output.file_bytes, __ATOMIC_RELAXED);
}

uint64_t trace_write_size_of_events(const struct trace_writer *w, uint64_t *state_bytes)
{
    uint64_t states = __atomic_load_n(&w->output.states_bytes, __ATOMIC_RELAXED);
    *state_bytes = __atomic_load_n(&w->output.state_bytes, __ATOMIC_RELAXED);
    return trace_write_size(w) - states;
}

uint64_t trace_write_bytes(struct trace_writer *w)
{
    output_settle(&w->output);
    return __atomic_load_n(&w->output.file_bytes, __ATOMIC_RELAXED);
}
