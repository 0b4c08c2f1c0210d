/*
 * collector/graph/graph_archive.h - the parts of a checkpoint: each file of the
 * fold walks its own state (event/archive.h), graph_archive.c says in which order.
 *
 * Exact: rings, free lists and places of threads, processes and sites are kept
 * as they are, for what comes next depends on them. What can be made of the rest
 * (tables by address, dicts from serials, lists through next_*) is not written,
 * but made again while loading, where its order shows in no fact and no document.
 *
 * Blocks are numbered anew: saved, they are 1, 2, … in order of ids, and the
 * loaded pool has them in these places. So nothing may be written in an order of
 * the pool's places, and no place of a block but through archive_block (or
 * _held). What is kept by block is walked by number: archive_block_at.
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
void processes_archive(struct archive *a, struct graph *g);    /* rows, without what names threads, heaps, maps, locks and clocks */
void threads_archive(struct archive *a, struct graph *g);      /* rows, without what names blocks or locks; and processes' lists */
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

/* ---- blocks, behind pool_archive ---- */
/* How many there are (number from 1), and the place of one: loading, its number. */
static inline uint32_t archive_blocks(const struct graph *g) { return g->pool.live; }
static inline uint32_t archive_block_at(const struct graph *g, uint32_t number) { return g->pool.saved ? g->pool.saved[number] : number; }
/* A place of a block, in one row and in many; a place that is free is saved as 0, none. */
void archive_block(struct archive *a, struct graph *g, uint32_t *place);
void archive_block_column(struct archive *a, struct graph *g, uint32_t *first, size_t stride, size_t n);
#define ARCHIVE_BLOCK(a, g, rows, n, field) \
    archive_block_column((a), (g), (n) ? &(rows)[0].field : NULL, sizeof *(rows), (n))
/* One that may be gone: without the id it is none, with an id and no place it is gone. */
void archive_held(struct archive *a, struct graph *g, struct held_block *h);

/* The bools of a row that lie at `places`, as bits in that order: written, and read again. At most 16. */
uint16_t archive_flags_of(const void *row, const size_t *places, size_t n);
void archive_flags_put(void *row, const size_t *places, size_t n, uint16_t flags);

/* Helps who loads: `list` of n places, each below limit and none twice. */
bool archive_places(struct archive *a, const uint32_t *list, size_t n, uint64_t limit);

#endif
