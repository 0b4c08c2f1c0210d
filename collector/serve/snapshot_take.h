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
 */
#ifndef OWNSCOPE_SNAPSHOT_TAKE_H
#define OWNSCOPE_SNAPSHOT_TAKE_H

#include "heap/heap_scan.h"
#include "serve/heartbeat.h"
#include "serve/snapshots.h"
#include "trace/trace.h"

enum { WISH_MARK_BYTES = 256 };

/* What somebody wants. */
struct wish {
    enum snapshot_why why;
    uint32_t process;
    pid_t pid;                  /* 0: not known here */
    struct session_hold hold;   /* of the thread that waits for it; thread 0: none does */
    char mark[WISH_MARK_BYTES]; /* SNAPSHOT_MARK */
};

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
    int error;                  /* of the scan */
    void *owner;                /* who asked */
    struct take *next;
};

struct taker {
    const struct snapshots_host *host;
    struct heartbeat *heart;
    uint32_t number;            /* of the last snapshot */
};

/* Stands the process still and copies it, within `most_bytes` (0: what is free).
 * 0 and *out (perhaps one that says why memory could not be read); -ESRCH: the
 * process is gone; -ESTALE: the session is another's; -EFBIG: more than `most_bytes`, nothing was done. */
int take_copied(struct taker *t, const struct wish *w, uint64_t most_bytes, struct take **out);
/* The same of a process of which a thread holds with WIRE_HOLD_FORK. -EAGAIN: no image came of it. */
int take_forked(struct taker *t, const struct wish *w, const struct session_hold *h, struct take **out);
void take_free(struct take *k);
/* It cannot be read: says why (malloc'ed, taken over); what it knows of memory goes. */
void take_refuse(struct take *k, char *why);
/* Whether a forked image still stands: else what was read of it may be zeros. */
bool take_image_stands(const struct take *k);
/* A forked image is not wanted any more. */
void take_image_end(struct take *k);

#endif
