/*
 * collector/serve/snapshots.h - heap snapshots of a live session: who asks for
 * one, in which order they are taken, who gets them.
 *
 * The ingest thread takes them between two rounds (snapshot_take.h): while a
 * process stands still it is only brought up to date and copied. A thread
 * beside it scans the copies (snapshot_scan.h); the ingest thread then puts the result
 * into the trace and publishes it. So the ingest thread never waits for a
 * scan. Copies that wait for theirs have a bound: an exiting process is held
 * a little longer when it is reached.
 *
 * One is taken at a time: what takes long of it is done aside (snapshot_take.h).
 *
 * A snapshot is asked for by a thread that holds (exit, abort, a mark), by a
 * process that a signal ends (heap_watch.h), by the API, or by a mark of the user's. What is not wanted is let go at once.
 *
 * The newest snapshot of each process is kept for readers: immutable, with
 * its readers counted. Of processes that are gone, as many as KEPT_GONE_BYTES.
 */
#ifndef OWNSCOPE_SNAPSHOTS_H
#define OWNSCOPE_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/snapshot.h"
#include "graph/graph.h"
#include "session/session.h"
#include "trace/trace.h"

/* What the collector lends. */
struct snapshots_host {
    struct session *session;
    struct code *code;
    struct graph *graph;
    session_sink sink;
    /* Into the trace; `packed` is taken over, NULL: it is not packed yet. */
    void (*write)(void *context, const struct snapshot *s, struct trace_packed *packed);
    /* The graph is read aside: nothing is folded until it is back. */
    void (*lend)(void *context, bool lent);
    bool (*current)(void *context, bool wait); /* all that was handed over has been folded; `wait`: it is now */
    void *context;                                          /* of all */
    bool fork;
    uint32_t number;        /* of the last one before these */
};

struct snapshots;
struct snapshots *snapshots_new(const struct snapshots_host *h);
void snapshots_free(struct snapshots *s);

/* ---- the ingest thread ---- */
/* After each round. */
void snapshots_round(struct snapshots *s);
/* Nobody waits for one that is not taken yet. */
bool snapshots_idle(const struct snapshots *s);
/* Until what is done aside has ended. */
void snapshots_wait(struct snapshots *s);
/* After the last: lets all go on, waits for scans under way. Whoever asked is answered. */
void snapshots_finish(struct snapshots *s);

/* ---- any other thread ---- */
/* As collector.h says of collector_snapshot, _mark, _snapshots, _snapshot_put. */
int snapshots_ask(struct snapshots *s, uint32_t process, pid_t pid, const struct snapshot **out);
int snapshots_mark(struct snapshots *s, const char *name);
/* A signal ends this process, which stands until heap_watch_release. False: it is not to. */
bool snapshots_fatal(struct snapshots *s, pid_t pid, int signal_number);
size_t snapshots_newest(struct snapshots *s, const struct snapshot **list, size_t max);
void snapshots_put(struct snapshots *s, const struct snapshot *snapshot);

#endif
