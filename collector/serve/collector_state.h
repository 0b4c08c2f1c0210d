/*
 * collector/serve/collector_state.h - what a collector holds, for the files that
 * are it: collector.c (the loop), collector_open.c (its beginnings).
 *
 * The ingest thread owns session, code, graph and writer. API threads touch only
 * what was asked and answered (under the lock) and the published view.
 */
#ifndef OWNSCOPE_COLLECTOR_STATE_H
#define OWNSCOPE_COLLECTOR_STATE_H

#include <pthread.h>

#include "serve/backlog.h"
#include "serve/checkpoints.h"
#include "serve/collector.h"
#include "serve/control.h"
#include "serve/heartbeat.h"
#include "serve/measure.h"
#include "serve/published.h"
#include "serve/recorder.h"
#include "serve/rotation.h"
#include "serve/snapshots.h"
#include "serve/written.h"

struct collector {
    struct session *session;
    struct code *code;
    struct graph *graph;
    struct trace_writer *writer;
    struct snapshots *snapshots;
    struct checkpoints *checkpoints;
    struct heartbeat *heart;    /* beats while the ingest thread waits for a state to be made or written */
    bool lent;                  /* the graph is: nobody reads it here, nothing is folded */
    struct backlog backlog;
    uint32_t snapshot_number;   /* of the last one in the file that is gone on with */
    uint64_t checkpoint_event;  /* likewise */
    uint64_t events_before;     /* that file */
    struct trace_meta meta;
    char *trace_path;
    int trace_error;
    uint64_t trace_dropped, trace_bytes;
    uint64_t events_resumed;    /* that its predecessors recorded */
    uint64_t bytes_made, bytes_seen; /* of trace so far, in all its files; in the file that there was when that was looked at */
    uint64_t flushed_ns, flushed_events;
    bool marked;                /* session_mark was called when the writer had been given `marked_events` */
    uint64_t marked_events, pushed_ns;
    uint64_t folded;
    bool rotates;               /* `rotation` is in use … */
    struct rotation rotation;
    struct recorder *recorder;  /* … or this, or neither */
    bool held;                  /* what is in the backlog is not in the trace yet: a next file begins with it */
    struct written written;
    atomic_u32 recorded;        /* it has written a file */
    struct collector_news *news; size_t n_news, news_capacity;
    int next_error;             /* of the last try to begin a next file */
    atomic_u64 reading;         /* copies of the recorder's made so far */
    struct published published;
    struct control *control;
    struct measure *measure;

    pthread_mutex_t lock;
    pthread_cond_t answer;
    uint64_t view_asked, view_answered;
    uint64_t flush_asked, flush_answered;
    unsigned view_flags;
    int flush_result;
    bool ending;
    uint64_t dump_asked, dump_answered;
    bool yield_asked, yielded;  /* under the lock: another collector is to have the session; has it */
    int yield_result;
    char *yield_to;             /* who asked, in words */
    char *dump_why, *dump_path;
    int dump_result;
    uint64_t deadlocks; /* found so far; written by the ingest thread under the lock */
    uint64_t trips;     /* of limits, and the latest's line: likewise */
    char *trip_why;
};

/* ---- collector_yield.c ---- */
/* After a round: what the file has need not be kept in the rings any more. */
void collector_keep_round(struct collector *c, uint64_t now_ns);
/* Between two rounds, nothing is under way. True: the session has been given up. */
bool collector_yield_round(struct collector *c);

/* The session's sink: folds, and appends to the trace. */
void collector_ingest(void *collector, const struct event *events, size_t count);

/* policy_host.live, of a collector. */
bool collector_live(void *collector, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count);

/* ---- collector_files.c ---- */
/* Where nothing is gone on with: c->writer. 0 or -errno. */
int collector_file_new(struct collector *c, const struct collector_options *o);
/* There is a writer. */
void collector_files_begin(struct collector *c, const struct collector_options *o, uint64_t events_before);
void collector_files_end(struct collector *c);
/* Into the trace. */
void collector_files_write(struct collector *c, const struct event *events, size_t count);
/* Goes on in a next file, that begins with this state. */
void collector_files_next(struct collector *c, uint64_t event, uint64_t ns, struct archive *state);
/* Between two rounds, all is folded. */
void collector_files_round(struct collector *c);
/* The last look, before the trace is closed: true: it is to be written then, by _finish. */
bool collector_files_last(struct collector *c);
void collector_files_finish(struct collector *c);

/* policy_host.live, of a collector. */
bool collector_live(void *collector, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count);
/* What was told is in the file, should this collector die now; ingest thread. */
void collector_trace_keep(struct collector *c);

/* ---- collector_control.c ---- */
/* There are a session and a trace. 0, or -errno. */
int collector_control_begin(struct collector *c, const struct control_options *o);
void collector_control_end(struct collector *c);

/* ---- collector_open.c ---- */
/* The session's trace file: a new one, or the predecessor's. 0 or -errno. */
int collector_trace_begin(struct collector *c, const struct collector_options *o);
/* Where it lies, for who takes the session over. */
void collector_trace_tell(struct collector *c);
void collector_meta_free(struct collector *c);

#endif
