/*
 * collector/graph/graph_archive.h - the parts of a checkpoint: each file of the
 * fold walks its own state (event/archive.h), graph_archive.c says in which order.
 *
 * Exact: places, free lists and rings are kept as they are, for what comes next
 * depends on them. What can be made of the rest (tables by address, dicts from serials, lists
 * through next_*) is not written, but made again while loading, where its order
 * shows in no fact and no document.
 *
 * Loading: counts of threads, processes, blocks, sites and locks are known
 * before anything that names them is read, so each part checks its own indexes.
 * A state that was refused half way is freed by graph_free like any other: so
 * each part leaves only what that can free. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_ARCHIVE_H
#define OWNSCOPE_GRAPH_ARCHIVE_H

#include "event/archive.h"
#include "graph/graph_state.h"

/* In this order. */
void threads_archive(struct archive *a, struct graph *g);      /* rows, without what names blocks or locks */
void processes_archive(struct archive *a, struct graph *g);    /* rows, without heaps, maps, locks and clocks */
void sites_archive(struct archive *a, struct graph *g);        /* and handoffs, moves */
void pool_archive(struct archive *a, struct graph *g);         /* blocks and notes */
void custody_archive(struct archive *a, struct graph *g);      /* which blocks threads own, borrow, are resizing */
void heaps_archive(struct archive *a, struct graph *g);        /* of each process: table, ranges, starts */
void forks_archive(struct archive *a, struct graph *g);        /* frozen parents, what children inherited */
void modules_archive(struct archive *a, struct graph *g);      /* of processes and of what forks froze */
void graves_archive(struct archive *a, struct graph *g);       /* of each process */
void findings_archive(struct archive *a, struct graph *g);     /* and claims, suspects */
void locks_archive(struct archive *a, struct graph *g);        /* locks, holds, waits, classes, sites, guards */
void order_archive(struct archive *a, struct graph *g);        /* edges, witnesses, cycles */
void clocks_archive(struct archive *a, struct graph *g);       /* vectors, sync objects, uses, unordered */
void flows_archive(struct archive *a, struct graph *g);        /* copies */
void repair_archive(struct archive *a, struct graph *g);       /* parked events */

/* Helps who loads: `list` of n places, each below limit and none twice. */
bool archive_places(struct archive *a, const uint32_t *list, size_t n, uint64_t limit);

#endif
