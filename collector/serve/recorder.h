/*
 * collector/serve/recorder.h - a flight recorder: the last of a trace is kept in
 * memory, and becomes a file only when something happens that somebody wants to
 * look back from (triggers.h).
 *
 * The trace lies in segments: files of memory (memfd), each of which begins with a
 * checkpoint and can be read alone. When all together pass the bound, the oldest goes.
 * Written out, they are joined into NAME.own; a file that lies there is kept under a
 * number (series.h). Joining is done aside; who would drop a segment meanwhile waits.
 *
 * Bound: what all segments take, but for what one round and the snapshot in it add,
 * and never less than the newest segment.
 *
 * Ingest thread; recorder_copy: any.
 */
#ifndef OWNSCOPE_RECORDER_H
#define OWNSCOPE_RECORDER_H

#include "serve/triggers.h"
#include "trace/trace.h"

enum { RECORDER_BYTES = 64 << 20, RECORDER_LEAST_BYTES = 1 << 20 };

struct recorder_options {
    uint64_t bytes;             /* 0: no recorder */
    unsigned keep;              /* files that it has written */
    struct trigger_options triggers;
};

/* A file was written, or could not be. */
struct recorder_written { char *path, *why; int error; uint64_t ticket; };

struct recorder;
struct recorder *recorder_new(const struct recorder_options *o, struct session *s);
void recorder_free(struct recorder *r);

/* The first segment. 0 or -errno. */
int recorder_begin(struct recorder *r, struct trace_writer **w, const struct trace_meta *meta);
/* It is time for the next one, of which the newest event has this number. */
bool recorder_due(const struct recorder *r, uint64_t bytes, uint64_t events);
/* Begins it with the state after the events so far (taken over in any case). 0 or -errno: the old one goes on. */
int recorder_turn(struct recorder *r, struct trace_writer *w, const struct code *code, uint64_t event, uint64_t ns,
                  struct archive *state);

void recorder_see(struct recorder *r, const struct event *events, size_t count);
/* Something to write for, malloc'ed text is taken over; `ticket` of who waits for it, 0: nobody. */
void recorder_ask(struct recorder *r, char *why, uint64_t ticket);
/* All is folded: looks for triggers, keeps the bound. What a file is to be written for now: to be told in the
 * stream, flushed, and recorder_write called; NULL: nothing. */
const char *recorder_look(struct recorder *r, const struct graph *g, uint64_t bytes, uint64_t now_ns);
/* Joins all segments into `path`, aside, or here with `wait`. */
void recorder_write(struct recorder *r, const char *path, bool wait);
/* One that was written since the last call: its texts are the caller's to free. */
bool recorder_done(struct recorder *r, bool wait, struct recorder_written *w);

/* Joins all segments into a new file at `path`, for a reader. 0 or -errno. Any thread. */
int recorder_copy(struct recorder *r, const char *path);

#endif
