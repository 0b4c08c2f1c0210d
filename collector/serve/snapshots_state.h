/*
 * collector/serve/snapshots_state.h - what snapshots.c, snapshot_line.c and
 * snapshot_wants.c share. Asks belong to the threads that wait for them; kept
 * snapshots, asks and who stands for a signal are under the lock, all else is the
 * ingest thread's.
 */
#ifndef OWNSCOPE_SNAPSHOTS_STATE_H
#define OWNSCOPE_SNAPSHOTS_STATE_H

#include <pthread.h>

#include "serve/snapshot_keep.h"
#include "serve/snapshot_scan.h"
#include "serve/snapshot_take.h"
#include "serve/snapshots.h"

/* What a thread waits for. */
struct ask {
    uint32_t process;               /* 0: `pid`, or the one that runs */
    pid_t pid;
    const char *mark;               /* NULL: a snapshot */
    const struct snapshot *snapshot;
    int result;
    bool done;
    struct ask *next;
};

/* A process that stands for its fatal signal. */
struct dying {
    pid_t pid;
    int signal_number;
    unsigned rounds;                /* that it was not known in */
    struct dying *next;
};

/* A wish in line. */
struct waiting {
    struct wish wish;
    struct ask *ask;                /* NULL: nobody waits for the result */
    bool fork, asked;               /* an image is wanted; its process was asked */
    uint64_t asked_ns;
    struct waiting *next;
};

struct snapshots {
    struct snapshots_host host;
    struct taker taker;
    struct scanner *scanner;
    struct waiting *line;
    struct take *current;           /* of the first in line, once it was begun */
    struct waiting *imaged;         /* whose process was asked for an image; it stands in line */
    uint64_t most_bytes;            /* of copies that wait */
    uint32_t *aborted; size_t n_aborted, aborted_capacity; /* processes that had one in abort() */
    bool full;                      /* there was no room: until a scan ends */

    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct ask *asks;
    struct dying *dying;
    struct keep keep;
    bool ending;
};

/* ---- snapshot_line.c: the ingest thread ---- */
/* A wish at the end of the line. */
struct waiting *line_add(struct snapshots *s, enum snapshot_why why, uint32_t process);
/* A thread of the process that was asked for an image has come by. */
void line_image_came(struct snapshots *s, const struct session_hold *h);
/* Takes what can be taken now. */
void line_serve(struct snapshots *s);
/* What is scanned goes into the trace and to the readers; `wait`: all that is under way. */
void line_fetch(struct snapshots *s, bool wait);
/* Goes on with what is being taken, if anything, to its end. */
void line_finish_current(struct snapshots *s);
/* Nobody gets any of these. */
void line_drop(struct snapshots *s);

/* ---- snapshot_wants.c ---- */
/* The ingest thread: who asked since the last round is put in line. */
void wants_see(struct snapshots *s);
void wants_see_holds(struct snapshots *s);
/* The thread of an ask (NULL: of none) may be gone the moment this returns. */
void wants_answer(struct snapshots *s, struct ask *a, int result, const struct snapshot *snapshot);
/* No more asks from here on; those that are there are turned down. */
void wants_end(struct snapshots *s);

#endif
