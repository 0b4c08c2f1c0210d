/*
 * collector/trace/trace_output.c - see trace_output.h.
 *
 * Jobs go round in an array: the ingest thread fills jobs[next], the output's
 * thread takes jobs[oldest]. A job belongs to the ingest thread until it is
 * counted in `waiting`, and then to the other until it no longer is.
 */
#include "trace/trace_output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"

void output_init(struct trace_output *o, int fd)
{
    *o = (struct trace_output){ .fd = fd };
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->changed, NULL);
}

int output_error(const struct trace_output *o) { return __atomic_load_n(&o->error, __ATOMIC_RELAXED); }

int output_append(struct trace_output *o, const void *data, size_t bytes)
{
    int error = o->ours && !o->ours(o->ours_context) ? -ESTALE : 0;
    for (size_t done = 0; done < bytes && !error;) {
        ssize_t n = pwrite(o->fd, (const char *)data + done, bytes - done, (off_t)(o->map.whole_bytes + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0)
            error = -EIO;
        else if (errno != EINTR)
            error = -errno;
    }
    if (error && error != -ESTALE && ftruncate(o->fd, (off_t)o->map.whole_bytes) && errno != EINVAL)
        error = -errno; /* EINVAL: a device, nothing was kept */
    if (error)
        __atomic_store_n(&o->error, error, __ATOMIC_RELAXED);
    return error;
}

void output_placed(struct trace_output *o, const struct trace_frame *frame)
{
    if (frame)
        map_add(&o->map, frame);
    else
        o->map.whole_bytes = sizeof(struct trace_file_head);
    __atomic_store_n(&o->file_bytes, o->map.whole_bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&o->file_events, o->map.events, __ATOMIC_RELEASE);
}

int output_copy(struct trace_output *o, int from, const struct map_entry *e, unsigned flags)
{
    struct trace_column *chunk = &o->builder.out;
    struct trace_frame frame;
    chunk->bytes = 0;
    column_reserve(chunk, e->span_bytes);
    int error = chunk_pread(from, chunk->data, e->span_bytes, e->offset);
    if (error)
        return error;
    memcpy(&frame, chunk->data, sizeof frame);
    if (chunk_frame_flaw(&frame) || sizeof frame + frame.payload_bytes != e->span_bytes || frame.type != e->type ||
        frame.flags != e->flags || frame.count != e->count || chunk_hash(chunk, &frame) != frame.payload_hash)
        return -EBADMSG;
    chunk->bytes = e->span_bytes;
    frame.flags |= (uint8_t)flags;
    frame.number = (uint32_t)o->map.count;
    frame.first_event = o->map.events;
    chunk_reframe(chunk, &frame);
    error = output_append(o, chunk->data, chunk->bytes);
    if (!error)
        output_placed(o, &frame);
    return error;
}

static void job_build(struct trace_output *o, struct output_job *job, bool events)
{
    chunk_begin(&o->builder);
    for (unsigned id = 1; id < TRACE_COLUMNS; id++)
        chunk_column(&o->builder, id, job->columns[id].data, job->columns[id].bytes,
                     events && id >= EVENTS_TIME_FINE && id < EVENTS_TIME_END ? CHUNK_NOISE : CHUNK_PATTERNS);
    chunk_finish(&o->builder, &job->frame);
}

static void job_write(struct trace_output *o, struct output_job *job)
{
    struct trace_frame *frame = &job->frame;
    uint32_t events = frame->type == TRACE_CHUNK_EVENTS ? frame->count : 0;
    struct trace_column *chunk = job->ready.bytes ? &job->ready : &o->builder.out;
    if (job->ready.bytes)
        memcpy(frame, job->ready.data, sizeof *frame);
    if (!output_error(o)) {
        frame->number = (uint32_t)o->map.count;
        frame->first_event = o->map.events;
        if (job->ready.bytes)
            chunk_reframe(&job->ready, frame);
        else
            job_build(o, job, events);
    }
    if (output_error(o) || output_append(o, chunk->data, chunk->bytes)) {
        pthread_mutex_lock(&o->lock);
        o->dropped += events;
        pthread_mutex_unlock(&o->lock);
    } else {
        output_placed(o, frame);
    }
    column_free(&job->ready);
}

/* ---- a checkpoint ---- */

/* The builder's chunk is taken away. */
static struct trace_column chunk_take(struct chunk_builder *b, struct trace_frame *frame)
{
    struct trace_column chunk = { 0 };
    chunk_finish(b, frame);
    column_reserve(&chunk, b->out.bytes);
    column_bytes(&chunk, b->out.data, b->out.bytes);
    return chunk;
}

static struct trace_column aside_head(struct trace_output *o, struct output_aside *s)
{
    const uint64_t numbers[CHECKPOINT_NUMBERS_MAX] = {
        [CHECKPOINT_N_EVENT] = s->event, [CHECKPOINT_N_NS] = s->frame.low_ns,
        [CHECKPOINT_N_VERSION] = s->state.version, [CHECKPOINT_N_RAW_BYTES] = archive_bytes_written(&s->state) };
    struct trace_column column = { 0 };
    column_reserve(&column, CHECKPOINT_NUMBERS_MAX * 10);
    for (unsigned i = 0; i < CHECKPOINT_NUMBERS_MAX; i++)
        column_varint(&column, numbers[i]);
    chunk_begin(&o->builder);
    chunk_column(&o->builder, CHECKPOINT_NUMBERS, column.data, column.bytes, CHUNK_PATTERNS);
    column_free(&column);
    return chunk_take(&o->builder, &s->frame);
}

static void aside_pack(struct trace_output *o, struct output_aside *s)
{
    struct archive_part *part = &s->state.parts[s->packed];
    struct trace_frame frame = { .type = TRACE_CHUNK_STATE, .count = 1, .low_ns = s->frame.low_ns, .high_ns = s->frame.low_ns };
    chunk_begin(&o->builder);
    chunk_column(&o->builder, STATE_BYTES, part->data, part->bytes, CHUNK_PATTERNS);
    s->chunks[++s->packed] = chunk_take(&o->builder, &frame);
    free(part->data);
    part->data = NULL;
}

/* Each at the end of the file as it is now. */
static void aside_write(struct trace_output *o, struct output_aside *s)
{
    uint64_t before = o->map.whole_bytes;
    s->chunks[0] = aside_head(o, s);
    for (size_t i = 0; i <= s->frame.count && !output_error(o); i++) {
        struct trace_frame frame;
        memcpy(&frame, s->chunks[i].data, sizeof frame);
        frame.number = (uint32_t)o->map.count;
        frame.first_event = o->map.events;
        chunk_reframe(&s->chunks[i], &frame);
        if (!output_append(o, s->chunks[i].data, s->chunks[i].bytes))
            output_placed(o, &frame);
    }
    __atomic_store_n(&o->state_bytes, o->map.whole_bytes - before, __ATOMIC_RELAXED);
    __atomic_fetch_add(&o->states_bytes, o->map.whole_bytes - before, __ATOMIC_RELAXED);
}

static void aside_free(struct output_aside *s)
{
    for (size_t i = 0; s->chunks && i <= s->frame.count; i++)
        column_free(&s->chunks[i]);
    free(s->chunks);
    archive_free(&s->state);
    s->chunks = NULL;
}

/* A piece of the work; true: that was all. `may_write`: what the checkpoint names is in the file. */
static bool aside_step(struct trace_output *o, bool may_write)
{
    struct output_aside *s = &o->aside;
    if (!output_error(o)) {
        if (s->packed < s->frame.count) {
            aside_pack(o, s);
            return false;
        }
        if (!may_write)
            return false;
        aside_write(o, s);
    }
    aside_free(s);
    return true;
}

/* ---- the thread ---- */

/* Under the lock, that is let go meanwhile. */
static void do_job(struct trace_output *o)
{
    pthread_mutex_unlock(&o->lock);
    job_write(o, &o->jobs[o->oldest]);
    pthread_mutex_lock(&o->lock);
    o->oldest = (o->oldest + 1) % OUTPUT_JOBS;
    o->waiting--;
    o->written++;
    pthread_cond_broadcast(&o->changed);
}

static void do_aside(struct trace_output *o)
{
    bool may_write = o->written >= o->aside.after;
    pthread_mutex_unlock(&o->lock);
    bool done = aside_step(o, may_write);
    pthread_mutex_lock(&o->lock);
    o->aside.waiting = !done;
    if (done)
        pthread_cond_broadcast(&o->changed);
}

static void *output_run(void *context)
{
    struct trace_output *o = context;
    pthread_mutex_lock(&o->lock);
    for (;;) {
        while (!o->waiting && !o->aside.waiting && !o->ending)
            pthread_cond_wait(&o->changed, &o->lock);
        if (!o->waiting && !o->aside.waiting)
            break;
        if (o->waiting)
            do_job(o);
        if (o->aside.waiting)
            do_aside(o);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

/* Starts the thread, which takes no signal. Without one, jobs are written at once. */
static void thread_start(struct trace_output *o)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    o->running = !pthread_create(&o->thread, NULL, output_run, o);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct output_job *output_take(struct trace_output *o)
{
    struct output_job *job = &o->jobs[o->next];
    if (!o->running)
        return job;
    pthread_mutex_lock(&o->lock);
    while (o->waiting == OUTPUT_JOBS)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    return job;
}

void output_give(struct trace_output *o, bool background)
{
    if (background && !o->running)
        thread_start(o);
    if (!o->running) {
        job_write(o, &o->jobs[o->next]);
        return;
    }
    pthread_mutex_lock(&o->lock);
    o->waiting++;
    o->given++;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
    o->next = (o->next + 1) % OUTPUT_JOBS;
}

void output_checkpoint(struct trace_output *o, uint64_t event, uint64_t ns, struct archive *state)
{
    struct output_aside *s = &o->aside;
    pthread_mutex_lock(&o->lock);
    while (s->waiting)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    if (!o->running)
        thread_start(o);
    s->state = *state;
    *state = (struct archive){ 0 };
    s->event = event;
    s->packed = 0;
    s->frame = (struct trace_frame){ .type = TRACE_CHUNK_CHECKPOINT, .count = (uint32_t)s->state.n_parts, .low_ns = ns, .high_ns = ns };
    s->chunks = xcalloc(s->state.n_parts + 1, sizeof *s->chunks);
    while (!o->running && !aside_step(o, true))
        ;
    if (!o->running)
        return;
    pthread_mutex_lock(&o->lock);
    s->after = o->given;
    s->waiting = true;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

int output_drain(struct trace_output *o)
{
    pthread_mutex_lock(&o->lock);
    while (o->waiting || o->aside.waiting)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    return output_error(o);
}

int output_settle(struct trace_output *o)
{
    pthread_mutex_lock(&o->lock);
    while (o->waiting)
        pthread_cond_wait(&o->changed, &o->lock);
    pthread_mutex_unlock(&o->lock);
    return output_error(o);
}

void output_free(struct trace_output *o)
{
    if (o->running) {
        pthread_mutex_lock(&o->lock);
        o->ending = true;
        pthread_cond_broadcast(&o->changed);
        pthread_mutex_unlock(&o->lock);
        pthread_join(o->thread, NULL);
    }
    for (unsigned i = 0; i < OUTPUT_JOBS; i++)
        for (unsigned id = 0; id < TRACE_COLUMNS; id++)
            column_free(&o->jobs[i].columns[id]);
    for (unsigned i = 0; i < OUTPUT_JOBS; i++)
        column_free(&o->jobs[i].ready);
    map_free(&o->map);
    chunk_builder_free(&o->builder);
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
}
