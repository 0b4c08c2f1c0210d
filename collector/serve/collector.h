/*
 * collector/serve/collector.h - the live collector: session, graph and trace
 * file held together by one ingest thread.
 *
 * The ingest thread (the caller of collector_run) drains rings, folds each
 * event into the graph and appends it to the trace. It never waits for a
 * reader: API threads ask for a view or a flush and are served between two
 * rounds.
 *
 * A trace that cannot be written any more (full disk) does not end the run:
 * the graph goes on, so the summary is whole; collector_trace_error says why.
 */
#ifndef OWNSCOPE_COLLECTOR_H
#define OWNSCOPE_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "graph/view.h"
#include "serve/checkpoints.h"
#include "serve/control.h"
#include "serve/recorder.h"
#include "serve/rotation.h"
#include "session/directory.h"
#include "session/session.h"
#include "trace/trace.h"

struct collector;

struct collector_options {
    struct session_options session; /* for a new session */
    const char *attach;             /* name of a session to take over, NULL: a new one */
    const char *trace_path;         /* attach: NULL goes on in the file the session names */
    const char *command;            /* for the trace's metadata */
    bool snapshot_fork;             /* snapshots are read of a forked image where that can be */
    struct checkpoints_options checkpoints;
    struct rotation_options rotation;       /* bytes and ns 0: one file */
    struct recorder_options recorder;       /* bytes 0: the trace is a file from the start */
    struct control_options control;
};

/* What failed in collector_open. */
enum collector_step { COLLECTOR_SESSION, COLLECTOR_TRACE, COLLECTOR_CONTROL };

/* Makes (or takes over) the session and its trace file. 0, or -errno with
 * *step set; session_error_text() or trace_error_text(NULL) say more. */
int collector_open(struct collector **c, const struct collector_options *o, enum collector_step *step);

struct session *collector_session(struct collector *c);
const char *collector_trace_path(const struct collector *c);
const struct trace_meta *collector_meta(const struct collector *c);
/* Nanoseconds since the session's start, now. Any thread. */
uint64_t collector_now_ns(const struct collector *c);
/* Gives the trace file its final name, before other threads ask for it. 0 or
 * -errno; the old name stays then. */
int collector_trace_rename(struct collector *c, const char *path);

/* Collects until `done`, asked between rounds, says so, or another collector
 * takes the session over (-ESTALE). 0 otherwise. */
int collector_run(struct collector *c, bool (*done)(void *context), void *context);
/* Everything that is still in the rings, then closes the trace. */
void collector_finish(struct collector *c);
/* Ends the session when `over` (else its rings stay for a successor). */
void collector_close(struct collector *c, bool over);

/* After collector_finish: the last state, the caller's to view_free. */
struct view *collector_last_view(struct collector *c);
/* 0, or why the trace could not be written to its end. */
int collector_trace_error(const struct collector *c);
uint64_t collector_trace_dropped(const struct collector *c);

/* What became of files meanwhile, for who tells people. The thread of collector_run. */
enum collector_news_kind { NEWS_ROTATION_FAILED, NEWS_RECORDED, NEWS_RECORDING_FAILED };
struct collector_news { enum collector_news_kind kind; int error; char *path, *why; };
/* The next one; its texts are the caller's to free. False: there is none. */
bool collector_news(struct collector *c, struct collector_news *n);
/* The trace is in memory, but for what was written for a reason. */
bool collector_records(const struct collector *c);
/* And it was, at least once. Any thread. */
bool collector_recorded(const struct collector *c);

/* ---- any other thread ---- */
struct control *collector_control(struct collector *c);
/* With the newest snapshot of each process: v->snapshots. Beside enum view's flags. */
enum { COLLECTOR_SNAPSHOTS = 1 << 8, COLLECTOR_STATES = 1 << 9 /* with v->states */ };
/* A view of now, at least with what `flags` ask for; blocks until the ingest
 * thread has published it. NULL: the collector is ending. */
struct view *collector_view_get(struct collector *c, unsigned flags);
void collector_view_put(struct collector *c, struct view *v);
/* Takes a snapshot of a process (serial; 0: the one that runs, -EINVAL if there are
 * several) and waits until it is scanned. *out: the caller's to put back.
 * -ESRCH: no such process runs, or it ended meanwhile; -ECANCELED: the collector is
 * ending. A snapshot whose memory could not be read has `refused`. */
int collector_snapshot(struct collector *c, uint32_t process, const struct snapshot **out);
/* The same of a pid. */
int collector_snapshot_of(struct collector *c, pid_t pid, const struct snapshot **out);
/* The newest one of each process that there is, without taking any. */
size_t collector_snapshots(struct collector *c, const struct snapshot **list, size_t max);
void collector_snapshot_put(struct collector *c, const struct snapshot *s);
/* As snapshots_fatal, of heap_watch.h. */
bool collector_fatal(void *collector, pid_t pid, int signal_number);
/* A mark of the user's in the stream; with --snapshot-at-mark, and a snapshot of each
 * process. 0, -EINVAL (empty or too long), -ECANCELED. */
int collector_mark(struct collector *c, const char *name);
/* Blocks until more deadlocks than *seen have been found, ever; sets *seen.
 * False: the collector is ending. */
bool collector_deadlock_wait(struct collector *c, uint64_t *seen);
/* Blocks until limits have ended recording (paused, tripped, stopped) more often than *seen, ever; sets *seen, and *why to the
 * latest's line, malloc'ed. False: the collector is ending; *why is NULL then, or still to be said. */
bool collector_trip_wait(struct collector *c, uint64_t *seen, char **why);
/* Gives the session up to another collector, for whoever asks in these words: everything is in the file, and collector_run
 * returns -ESTALE. 0; -ENOTSUP: there is no file to go on with; -ECANCELED; -errno of the file. */
int collector_yield(struct collector *c, const char *to);
/* To whom; NULL: it has not. Ingest thread. */
const char *collector_yielded(const struct collector *c);
/* Returns when everything folded so far is in the file: 0 or -errno. */
int collector_trace_flush(struct collector *c);
/* A file that holds what the trace has since the last flush, under this name (malloc'ed) until it is put back. 0 or -errno. */
int collector_trace_get(struct collector *c, char **path);
void collector_trace_put(struct collector *c, char *path);
/* Writes what the recorder has into a file, for this reason. *path: its name, malloc'ed. 0; -ENOTSUP: the trace is a file
 * anyway; -ECANCELED; -errno. */
int collector_dump(struct collector *c, const char *why, char **path);

#endif
