/*
 * collector/serve/snapshot_take.h - one snapshot up to its scan: room is made,
 * the process stands still, is brought up to date, marked in the stream, copied
 * (or its image is forked), and goes on. Ingest thread.
 *
 * In the order of what the process waits for:
 *   room, touched                  it runs
 *   stop, settle, EVENT_SNAPSHOT   it stands
 *   copy                           it stands
 *   go on, answer of the hold      it runs
 *   blocks from the graph          nothing is folded in between
 *
 * What takes long in a large process and does not have it stand still, the first
 * and the last of these, is done aside: rings are drained meanwhile. The graph is
 * lent for the last one: what is drained is folded when it is back.
 */
#ifndef OWNSCOPE_SNAPSHOT_TAKE_H
#define OWNSCOPE_SNAPSHOT_TAKE_H

#include "heap/heap_scan.h"
#include "serve/aside.h"
#include "serve/heartbeat.h"
#include "serve/snapshots.h"
#include "trace/trace.h"

enum { WISH_MARK_BYTES = 256 };

/* What somebody wants. */
struct wish {
    enum snapshot_why why;
    uint32_t process;
    pid_t pid;                  /* 0: not known here */
    pid_t dying;                /* it stands for its fatal signal (heap_watch.h); 0: not for that */
    struct session_hold hold;   /* of the thread that waits for it; thread 0: none does */
    char mark[WISH_MARK_BYTES]; /* SNAPSHOT_MARK */
};

enum take_step { TAKE_ROOM, TAKE_STAND, TAKE_KNOW, TAKE_KNOWN };

/* A snapshot on its way. */
struct take {
    struct snapshot *snapshot;
    struct heap_image *image;   /* NULL: there is nothing to scan */
    struct heap_stop stop;
    struct heap_known_thread *threads; size_t n_threads;
    struct heap_code code;
    struct trace_packed *packed; /* as it goes into the trace */
    int image_fd;               /* pidfd of a forked image; -1: it is a copy */
    uint64_t bytes;             /* that wait with it */
    int error;                  /* of what was done aside */
    char *said;                 /* about it; malloc'ed */
    void *owner;                /* who asked */
    struct take *next;

    struct taker *taker;
    struct wish wish;           /* its hold goes once it was answered */
    uint64_t most_bytes;
    enum take_step step;        /* what comes next */
};

struct taker {
    const struct snapshots_host *host;
    struct heartbeat *heart;
    uint32_t number;            /* of the last snapshot */
    struct aside aside;
    bool lent;                  /* the graph is */
};

/* Begins to copy a process, within `most_bytes` (0: what is free). */
struct take *take_new(struct taker *t, const struct wish *w, uint64_t most_bytes);
/* Goes on. 0: it can be scanned (or says why memory could not be read);
 * -EINPROGRESS: something is done aside (`wait`: never); else it has failed: -ESRCH, the process is gone;
 * -ESTALE, the session is another's; -EFBIG, more than `most_bytes`, nothing was done. */
int take_go_on(struct take *k, bool wait);
/* Of a process of which a thread holds with WIRE_HOLD_FORK: 0, and take_go_on
 * goes on with the image; -EAGAIN: none came of it; -ESRCH. */
int take_fork(struct take *k, const struct session_hold *h);
/* Nothing of it is at work. */
void take_free(struct take *k);
/* It cannot be read: says why (malloc'ed, taken over); what it knows of memory goes (snapshot_refuse). */
void take_refuse(struct take *k, char *why);
/* Whether a forked image still stands: else what was read of it may be zeros. */
bool take_image_stands(const struct take *k);
/* A forked image is not wanted any more. */
void take_image_end(struct take *k);

#endif
