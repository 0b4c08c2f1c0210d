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
#include <unistd.h>

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
        map_add(&o->map, frame);
    }
    column_free(&job->ready);
}

static void *output_run(void *context)
{
    struct trace_output *o = context;
    pthread_mutex_lock(&o->lock);
    for (;;) {
        while (!o->waiting && !o->ending)
            pthread_cond_wait(&o->changed, &o->lock);
        if (!o->waiting)
            break;
        pthread_mutex_unlock(&o->lock);
        job_write(o, &o->jobs[o->oldest]);
        pthread_mutex_lock(&o->lock);
        o->oldest = (o->oldest + 1) % OUTPUT_JOBS;
        o->waiting--;
        pthread_cond_broadcast(&o->changed);
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
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
    o->next = (o->next + 1) % OUTPUT_JOBS;
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
