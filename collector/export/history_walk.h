/*
 * collector/export/history_walk.h - the facts about one block, without folding
 * what does not concern it.
 *
 * One thread, the trace's. A walk begins at the last checkpoint before the
 * block's birth (each knows the next id) and folds until nothing happens to the
 * block for a while; then it looks through the groups for the next event that
 * could: one that names an address in it, the end of a thread that owns or borrows it, the end or the
 * exec of its process. It goes on from the checkpoint before that. What it hands on is
 * what a fold of everything would have told of the block: events between concern others.
 *
 * Where something hangs in the air (graph_watch), it folds on until it does not.
 */
#ifndef OWNSCOPE_HISTORY_WALK_H
#define OWNSCOPE_HISTORY_WALK_H

#include "export/block_life.h"
#include "export/replay.h"

/* What the walk asks of who listens. */
struct history_walk {
    struct trace *trace;
    uint64_t block;             /* id */
    uint64_t until;             /* number of the last event; UINT64_MAX: the end */
    graph_observer observer;    /* gets facts of others, too */
    void *context;
    /* The life that is being followed, as far as it is known; the listener may go over to another block's. process 0: not
     * born. NULL: all is told. Of one that was dropped, only what names its address is looked for. */
    const struct block_life *(*subject)(void *context);
};
/* 0, or as replay_to. */
int history_walk(const struct history_walk *w);

/* The event of the last checkpoint that does not know the block yet. */
uint64_t history_begin(struct trace *t, uint64_t block, uint64_t until);

/* Number of the last event from first to last that may bring a block to `address`; process 0: any. 0: there is none. */
uint64_t history_arrival_before(struct trace *t, uint64_t address, uint32_t process, uint64_t last);

#endif
