/*
 * collector/trace/trace_output.h - chunks on their way into the file.
 *
 * Used by trace_writer.c, on the ingest thread. What is handed over is
 * compressed and written in that order, as soon as there is much of it by a
 * thread of the output's own; when that lags by OUTPUT_JOBS chunks, the ingest
 * thread waits for it. Chunks are written whole, one after the other, and never
 * changed afterwards. When a write fails, what was half written is cut off
 * again, the error stays, and the events of every later chunk are dropped.
 *
 * A checkpoint is large, and its place in the file does not matter: its parts are
 * compressed aside, one after each chunk that waits, and kept until all of them
 * can be written in a row.
 *
 * Between calls the file is map.whole_bytes long, but for a chunk being written.
 */
#ifndef OWNSCOPE_TRACE_OUTPUT_H
#define OWNSCOPE_TRACE_OUTPUT_H

#include <pthread.h>

#include "event/archive.h"
#include "trace/trace_map.h"

enum { OUTPUT_JOBS = 3 };

/* A chunk to be: its owner fills in type, flags, count, stamps and columns. */
struct output_job {
    struct trace_frame frame;
    struct trace_column columns[TRACE_COLUMNS];
    struct trace_column ready;      /* or the whole chunk, that only lacks its place in the file; freed when it is written */
};

/* A checkpoint on its way. */
struct output_aside {
    bool waiting;                   /* under the lock */
    struct archive state;           /* its parts, freed one by one */
    struct trace_frame frame;       /* of the CHECKPOINT chunk */
    uint64_t event;
    uint64_t after;                 /* jobs that have to be written before it: what it names */
    size_t packed;                  /* parts that are in chunks */
    struct trace_column *chunks;    /* CHECKPOINT, STATE, STATE … */
};

struct trace_output {
    int fd;                         /* the caller's */
    bool (*ours)(const void *context);  /* is the file still this writer's? Any thread; NULL: it is */
    const void *ours_context;
    /* Whoever writes: the thread while anything waits, else the ingest thread; but what only EVENTS chunks
     * change in the map is the ingest thread's while no job waits. */
    struct trace_map map;
    struct chunk_builder builder;
    /* Under the lock: */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned waiting;               /* jobs given and not written; the oldest is jobs[oldest] */
    uint64_t given, written;        /* jobs; given - written = waiting */
    struct output_aside aside;
    uint64_t file_bytes;            /* map.whole_bytes, for any thread: atomic */
    uint64_t file_events;           /* map.events; likewise */
    uint64_t states_bytes;          /* what of it are checkpoints that this writer wrote, and the newest alone; likewise */
    uint64_t state_bytes;
    unsigned oldest;
    int error;                      /* sticky; 0 or negative */
    uint64_t dropped;               /* events in chunks that could not be written */
    bool ending;
    /* The ingest thread's: */
    unsigned next;                  /* job to be taken */
    bool running;                   /* the thread does */
    pthread_t thread;
    struct output_job jobs[OUTPUT_JOBS];
};

void output_init(struct trace_output *o, int fd);
/* Writes what waits, ends the thread; `fd` stays open. */
void output_free(struct trace_output *o);

/* An empty job to fill; the same one until it is given. */
struct output_job *output_take(struct trace_output *o);
/* Hands the job over that was taken. `background`: the thread is to be started
 * if it does not run; without one the chunk is written at once. */
void output_give(struct trace_output *o, bool background);
/* Takes over a checkpoint's state (archive_free'd here in any case), which is to be written some time behind the
 * jobs given so far; waits while another is on its way. */
void output_checkpoint(struct trace_output *o, uint64_t event, uint64_t ns, struct archive *state);
/* Waits until every job given is written; the error, if there was one. */
int output_settle(struct trace_output *o);
/* The same, and until no checkpoint is on its way. */
int output_drain(struct trace_output *o);
/* The error so far, without waiting: -errno of the write that failed. */
int output_error(const struct trace_output *o);

/* Appends bytes at the file's end, wholly or not at all. Nothing may wait. */
int output_append(struct trace_output *o, const void *data, size_t bytes);
/* What was appended counts as the file's: a chunk, or the head when there is no frame. */
void output_placed(struct trace_output *o, const struct trace_frame *frame);
/* Appends the chunk of entry `e` of the file `from`, with `flags` more. 0, -errno, -EBADMSG: it is damaged. Nothing may wait. */
int output_copy(struct trace_output *o, int from, const struct map_entry *e, unsigned flags);

#endif
