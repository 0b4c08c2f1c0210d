/*
 * collector/graph/graph_clock_state.h - what the files of happens-before keep
 * (graph_clocks.c, graph_uses.c, graph_unordered.c), and private to them.
 */
#ifndef OWNSCOPE_GRAPH_CLOCK_STATE_H
#define OWNSCOPE_GRAPH_CLOCK_STATE_H

#include "graph/graph_clocks.h"
#include "graph/graph_unordered.h"
#include "graph/graph_uses.h"

/* What a sync object keeps. owner 0: `seen` has all of it, and all until ns. */
struct sync {
    uint64_t ns;             /* of the owner's release */
    uint64_t changed_ns;     /* nothing in it is later */
    struct vector *seen;
    uint64_t acquired_ns;    /* newest acquisition, … */
    uint32_t acquirer;       /* … and whose: place of a thread */
    uint32_t owner;          /* place of a thread; of a free one: the next free */
    bool used;
};

struct clocks {
    struct vectors vectors;
    size_t sweep_bytes;      /* of vectors, that make objects give theirs up */
    struct sync *sync; size_t n_sync, sync_capacity;    /* place 0 unused */
    uint32_t free_sync;
    struct uses uses;
    struct unordered unordered;
    uint64_t futex_threads;
    uint32_t futex_stack;
};

struct clocks *clocks_of(struct graph *g);

/* ---- parts of a checkpoint (graph_archive.h) ---- */
struct archive;
void uses_archive(struct archive *a, struct graph *g);
void unordered_archive(struct archive *a, struct graph *g);

#endif
