/*
 * collector/trace/trace.h - the trace file: what a session saw, on disk.
 *
 * Format: ownscope-trace(5). A header, then chunks; each chunk has a length,
 * a checksum (XXH3-64) and zstd-compressed columns; at the end an index of the
 * chunks, which a reader rebuilds by walking the chunks when it is missing. A
 * torn file opens to its last whole chunk. Little-endian.
 *
 * The writer is used by the ingest thread alone. The reader is used by one
 * thread; several readers of one file, also of a file still being written,
 * are fine (trace_write_flush makes all appended events readable).
 *
 * Errors are negative errno values; where -EBADMSG is returned, the file is
 * not a trace, or its damage reaches the header. `trace_error_text` says in
 * words what was wrong and where.
 */
#ifndef OWNSCOPE_TRACE_H
#define OWNSCOPE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/archive.h"
#include "event/code.h"
#include "event/event.h"
#include "event/snapshot.h"

enum { TRACE_VERSION = 6 };

/* Facts of the whole session. Strings are owned by whoever fills them in; a
 * writer takes NULL for none, a reader gives "" (never NULL). */
struct trace_meta {
    char *command;          /* as given, shell-quoted */
    char *host;
    char *session;          /* name of the session */
    uint64_t start_real_ns; /* CLOCK_REALTIME at the session's start */
    uint64_t clock_hz;      /* stamps a second */
    uint32_t clock;         /* enum wire_clock */
    uint32_t stacks;        /* enum wire_stacks */
    char *options;          /* the run's options as text, for the reader's eye */
};

/* Written when the session ended well; absent in a torn file. */
struct trace_end {
    bool present;
    uint64_t end_ns;        /* since the session's start */
    uint64_t events;        /* number of the last one */
};

/* ---- writing ---- */
struct trace_writer;

/* Creates (or truncates) `path`, mode 0600. 0, or -errno of open or write. */
int trace_write_open(struct trace_writer **w, const char *path, const struct trace_meta *meta);
/* Goes on in a file that a collector left without an end: drops what is torn
 * behind the last whole chunk, fills `code` with the tables the file holds.
 * `events` receives the number of the last event it holds. -EBADMSG as trace_open, for
 * a file of an older version and for one damaged in the middle, which are left
 * as they are; -EINVAL when `code` is not empty. An end record, if there is one,
 * is dropped. */
int trace_write_reopen(struct trace_writer **w, const char *path, struct code *code, uint64_t *events);

/* The file is this writer's for as long as `ours` says so, which is asked
 * before each write, in any thread; from then on it is left as it is, and
 * everything is refused with -ESTALE. */
void trace_write_while(struct trace_writer *w, bool (*ours)(const void *context), const void *context);
/* Appends one event. Modules, frames and stacks in `code` that the file does
 * not have yet are written before the chunk that needs them. 0, or -errno of
 * an earlier write (-ENOSPC, -EFBIG…): the writer then drops what follows,
 * counts it (trace_write_dropped), and what was written stays whole. Full
 * chunks are written by a thread of the writer's, so an error is known a little
 * later; trace_write_flush waits for it.
 * -EINVAL: this event's type, stack or module does not exist; it alone is dropped. */
int trace_write_event(struct trace_writer *w, const struct code *code, const struct event *e);
/* The same for `count` events in a row, in less time. The first error; what one
 * event alone did wrong does not keep the others out. */
int trace_write_batch(struct trace_writer *w, const struct code *code, const struct event *events, size_t count);
/* Appends a snapshot, in as many chunks as it takes, with the definitions that
 * it needs. Its ids are those of `code`. 0 or -errno as above; -EINVAL: ids that
 * `code` does not have, nothing is written.
 * Packing costs some 50 ns a block and 30 an edge; who cannot wait for it lets
 * another thread do it first, once the snapshot has its blocks, edges and types:
 * `packed` (freed here; NULL: packed now). Only stacks among its ids are in
 * that, so it may be done before heap_intern. */
struct trace_packed;
struct trace_packed *trace_snapshot_pack(const struct snapshot *s);     /* any thread */
void trace_packed_free(struct trace_packed *packed);
int trace_write_packed(struct trace_writer *w, const struct code *code, const struct snapshot *s, struct trace_packed *packed);
int trace_write_snapshot(struct trace_writer *w, const struct code *code, const struct snapshot *s);
/* ---- checkpoints: the state of the fold inside the file ----
 * A cut: the models start afresh behind the events appended so far, so that a reader can begin there. The
 * number of the last event before it. */
uint64_t trace_write_cut(struct trace_writer *w, const struct code *code);
/* Appends the state after `event` events, which were a cut; its bytes are taken over (archive_free'd here in any
 * case) and compressed by the writer's thread. It may come later than the events behind its cut. 0 or -errno as above. */
int trace_write_checkpoint(struct trace_writer *w, const struct code *code, uint64_t event, uint64_t ns, struct archive *state);
/* ---- bounded runs ----
 * Ends the file (end record, index) and goes on in a new one, that begins with all definitions and the state after the events
 * appended so far, so that it can be read without the others: numbers of events and times go on. `path` as trace_write_open;
 * `state` is archive_free'd here in any case. 0 or -errno: then the old file goes on, and there is no new one. */
int trace_write_next(struct trace_writer *w, const char *path, const struct code *code, uint64_t ns, struct archive *state);
/* Joins files that trace_write_next wrote one after the other into one, whole or not at all: `path` is only replaced by
 * what is complete. Of one that is torn, what is whole; if it is not the last, no event may be lost. 0 or -errno, -EBADMSG: they
 * do not belong together, or one is damaged (trace_error_text(NULL)). */
int trace_join(const char *path, const char *const *parts, size_t n);
/* Writes out the open chunk, so that a reader sees all events up to now. 0, or
 * -errno of this or an earlier write. */
int trace_write_flush(struct trace_writer *w, const struct code *code);
/* The same, and a checkpoint that is on its way is in the file too. */
int trace_write_drain(struct trace_writer *w, const struct code *code);
/* Flush, end record, index; frees the writer in any case. */
int trace_write_close(struct trace_writer *w, const struct code *code, uint64_t end_ns);
/* File size, as far as it is known without waiting. */
/* The same without waiting: given so far (to the writer, by number), and of them in the file. Events below `kept` outlive the
 * process. `push` begins to write what is open. */
void trace_write_push(struct trace_writer *w, const struct code *code);
uint64_t trace_write_given(const struct trace_writer *w);
uint64_t trace_write_kept(const struct trace_writer *w);
uint64_t trace_write_size(const struct trace_writer *w);
/* The same without the checkpoints that this writer wrote; *state_bytes: what the newest of them takes, 0: there is none. */
uint64_t trace_write_size_of_events(const struct trace_writer *w, uint64_t *state_bytes);
/* These wait for what is being written. */
uint64_t trace_write_dropped(struct trace_writer *w);
uint64_t trace_write_events(struct trace_writer *w);  /* appended */
uint64_t trace_write_bytes(struct trace_writer *w);   /* file size so far */

/* ---- reading ---- */
struct trace;

/* Opens and checks the header and the chunks' frame. -errno of open/read,
 * -EBADMSG not a trace or of a version unknown here. A torn tail is no error:
 * see trace_torn_bytes. */
int trace_open(struct trace **t, const char *path);
void trace_close(struct trace *t);
/* One line about the last failure of this trace or of the last trace_open /
 * trace_write_reopen that failed in this thread. Never NULL. */
const char *trace_error_text(const struct trace *t);

const struct trace_meta *trace_meta(const struct trace *t);
uint32_t trace_version(const struct trace *t);
/* The run recorded locks. */
bool trace_has_locks(const struct trace *t);
const struct trace_end *trace_end(const struct trace *t);
/* Number of the last event in the file's whole chunks: events are numbered from 1 over the whole session. */
uint64_t trace_events(const struct trace *t);
/* Events of the session that came before the file (trace_write_next); 0 in most. Such a file begins with a checkpoint of
 * that moment: when it is lost, or cannot be loaded, what comes before the next one cannot be folded. */
uint64_t trace_events_before(const struct trace *t);
/* Bytes behind the last whole chunk that could not be used; 0 in a whole file. */
uint64_t trace_torn_bytes(const struct trace *t);
/* Tables as far as the events read so far need them (complete at the end). */
const struct code *trace_code(const struct trace *t);

/* The snapshots in the file that are whole: what can be known of each without
 * reading it. In the order in which they were written. */
struct trace_snapshot {
    uint32_t number, process, pid;
    uint64_t ns, event;
    uint8_t why, how;
    uint64_t pause_ns, blocks, edges;
    char *refused, *mark;       /* NULL; the trace's */
};
size_t trace_snapshots(const struct trace *t, const struct trace_snapshot **list);
/* Reads number `i` of that list, whole: ids are trace_code's, which is read as
 * far as they need. 0, -errno, -EBADMSG: this one is lost, the rest of the file
 * is not. The reading of events goes on where it was. */
int trace_snapshot_read(struct trace *t, size_t i, struct snapshot **s);

/* The next event: 1 and *e filled (text valid until the next call), 0 at the
 * end, -EBADMSG at a damaged chunk (later calls return it again). */
int trace_next(struct trace *t, struct event *e);
/* Back to the first event. */
void trace_rewind(struct trace *t);
/* Number of the event that trace_next gave last. */
uint64_t trace_event_number(const struct trace *t);
/* The next event to be given is number event + 1: reads from the last cut before it on. 0, -errno, -EBADMSG. */
int trace_seek(struct trace *t, uint64_t event);

/* The checkpoints in the file that are whole, by rising event. */
struct trace_checkpoint {
    uint64_t event, ns;             /* the state after so many events, and its time */
    uint32_t version;               /* ARCHIVE_VERSION of its writer */
    uint64_t raw_bytes, stored_bytes;
};
size_t trace_checkpoints(const struct trace *t, const struct trace_checkpoint **list);
/* Begins to read number `i` of that list; trace_code is read as far as it needs. If it began, to be ended by
 * trace_checkpoint_end; nothing else is read of the trace meanwhile. 0, -errno, -EBADMSG: it is damaged, or of a version unknown here. */
int trace_checkpoint_begin(struct trace *t, size_t i, struct archive *a);
/* 0; -EBADMSG: its bytes were not what was written (the state is to be dropped, the rest of the file is not). */
int trace_checkpoint_end(struct trace *t, struct archive *a);

/* ---- selective reading ----
 * A group of events goes from cut to cut, at most TRACE_GROUP_EVENTS and a chunk; its summary tells whether one in it may pass
 * a filter. What is 0 in a filter asks for nothing; bounds are inside, but for high_address. */
struct trace_filter {
    uint64_t types;                 /* 1 << enum event_type; 0: all */
    uint32_t thread, process;       /* serials; 0: all */
    uint32_t stack;                 /* id of trace_code; 0: all */
    uint64_t first_event, last_event;   /* numbers; 0: open */
    uint64_t low_ns, high_ns;       /* high 0: open */
    uint64_t low_address, high_address; /* addresses that events name (extents of copies and blocks too) in [low, high); high 0: all */
    uint64_t least_bytes, most_bytes;   /* sizes; most 0: open */
};
struct trace_group { uint64_t first_event, events, low_ns, high_ns; };  /* number of its first event; stamps inside */
size_t trace_groups(const struct trace *t, const struct trace_group **list);
/* False: none can, for sure. */
bool trace_group_may(const struct trace *t, size_t group, const struct trace_filter *f);
/* What of the events is wanted: the rest may read 0, and columns that only it needs are not unpacked. Type, family, thread,
 * process and stack always are. */
enum { TRACE_TIMES = 1, TRACE_SIZES = 2, TRACE_ADDRESSES = 4, TRACE_REST = 8, TRACE_ALL = 15 };
/* From here on trace_next gives only events that pass the filter, and skips groups and chunks in which none can; NULL: all
 * again. Until trace_rewind, trace_seek or the next call; begins at the first event. */
int trace_select(struct trace *t, const struct trace_filter *f, unsigned columns);

#endif
