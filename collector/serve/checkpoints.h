/*
 * collector/serve/checkpoints.h - when the fold's state goes into the trace, and
 * how it is saved without holding up the rings.
 *
 * A checkpoint is due when enough has come since the last one that folding it
 * again would take a while, and that the checkpoint is small beside it: 4 Mi
 * events, eight for each row of the state, and eight bytes of trace for each that
 * it will take, judged by the last one. Bytes are waited for 4 Mi events at most,
 * so that a trace of few bytes an event still opens soon. At the end a quarter of
 * the events is enough, but no less of the bytes. Where somebody said how often,
 * nothing else counts.
 *
 * A small state is saved at once, between two rounds; for a large one the graph
 * is lent to a thread beside (aside.h), and what is drained meanwhile waits
 * (backlog.h). The cut is made at the moment of lending, so the state is that of the cut.
 *
 * Rules: never while the fold is behind what was drained, never while a snapshot
 * has the graph or waits for it, one at a time. What is saved is what a replay of
 * the file has at that event: nothing is settled for it, and where the file lacks an
 * event that was folded there are no more checkpoints.
 *
 * Ingest thread.
 */
#ifndef OWNSCOPE_CHECKPOINTS_H
#define OWNSCOPE_CHECKPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "event/archive.h"
#include "graph/graph.h"
#include "session/session.h"

/* Apart, where nothing else was asked for; and how long one waits for the trace to grow. */
enum { CHECKPOINT_EVENTS = 4 << 20, CHECKPOINT_WAIT_EVENTS = 4 << 20, CHECKPOINT_ASIDE_ROWS = 500000 };

struct checkpoints_options {
    bool given;                 /* `every` is as somebody said, not less often for a large state */
    uint64_t every;             /* events; 0: none. Not given: CHECKPOINT_EVENTS */
    uint64_t aside_rows;        /* from so many on it is saved beside; 0: CHECKPOINT_ASIDE_ROWS, some 20 ms of saving */
};

/* Among the events; or at the head of a next file, that begins with the events behind it: while it is made, none
 * goes into the file. */
enum checkpoint_place { CHECKPOINT_HERE, CHECKPOINT_NEXT };

/* What the collector lends. */
struct checkpoints_host {
    struct session *session;
    struct graph *graph;
    void (*lend)(void *context, bool lent, enum checkpoint_place place);
    /* Into the trace. The cut: number of the last event before it. The state is taken over. */
    uint64_t (*cut)(void *context);
    /* Bytes of the trace so far without its checkpoints; *state_bytes: what the newest of those takes, 0: not known. */
    uint64_t (*sizes)(void *context, uint64_t *state_bytes);
    void (*write)(void *context, enum checkpoint_place place, uint64_t event, uint64_t ns, struct archive *state);
    void *context;
};

struct checkpoints;
/* `last`: number of the event of the newest one in the file; 0: there is none. */
struct checkpoints *checkpoints_new(const struct checkpoints_host *h, const struct checkpoints_options *o, uint64_t last);
void checkpoints_free(struct checkpoints *k);

/* After each round: puts the one that was saved aside into the trace. With `may`, nobody else needs the
 * graph now and all is folded: begins one if it is due. */
void checkpoints_round(struct checkpoints *k, bool may);
/* The next one is for a next file, and due at once. */
void checkpoints_next(struct checkpoints *k);
/* Until the one that is being saved is in the trace, and the graph is back. */
void checkpoints_wait(struct checkpoints *k);
/* At the end, before anything settles: one more, where much has come since the last. */
void checkpoints_finish(struct checkpoints *k);

#endif
