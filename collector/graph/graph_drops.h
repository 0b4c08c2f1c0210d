/*
 * collector/graph/graph_drops.h - the rules about drops: double, invalid and
 * mismatched drops, and uses after a drop.
 *
 * A drop of an address at which nothing known lives is suspect until its
 * thread does something else: a process that is killed right there by SIGABRT,
 * SIGSEGV or SIGBUS died of it; one that goes on has blocks that nobody saw
 * made, unless the address had a block that was dropped before.
 *
 * Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_DROPS_H
#define OWNSCOPE_GRAPH_DROPS_H

#include "graph/graph_state.h"

/* Nothing about this drop of b (or the beginning of its realloc) needs a look. */
static inline bool drop_plain(const struct graph *g, const struct event *e, const struct block *b, uint64_t told_bytes)
{
    return (g->releases[b->family & 31] >> (e->family & 31) & 1) && (!told_bytes || told_bytes == b->size) &&
           !(b->flags & BLOCK_USED);
}
void drops_table(struct graph *g);

/* A live block is about to be dropped by t, or given up by a realloc. */
void drops_check(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place);
/* b was dropped unseen, as far as an address in it tells: a younger block lies in it, or lay there. */
bool block_stale(struct process *p, const struct block *b, uint64_t address);
/* A drop, or the beginning of a realloc, of an address at which no block starts. */
void drops_unknown(struct graph *g, struct process *p, struct thread *t, const struct event *e);

/* e uses `length` bytes (0: points there) at an address in no live heap block:
 * true, and use-after-drop is noted, if they were in one that was dropped. */
bool drops_used(struct graph *g, struct process *p, const struct event *e, uint64_t address, uint64_t length);

/* An event of a process with suspects, before it is folded. */
void drops_watch(struct graph *g, struct process *p, const struct event *e);
/* The process is gone, as its wait status says. */
void drops_process_gone(struct graph *g, struct process *p, const struct event *e);
void drops_clear(struct process *p);
struct archive;
void drops_archive(struct archive *a, struct graph *g, struct process *p);   /* suspects */

#endif
