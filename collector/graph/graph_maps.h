/*
 * collector/graph/graph_maps.h - mapped memory: mmap, munmap, mremap.
 *
 * A mapping is a block whose place is a range of pages. Parts of it may go:
 * the lowest part that is left keeps the block, each other part becomes a new
 * block (FACT_NEW by "split": same maker, stack, birth and owner). A part that
 * goes is FACT_DROP by "part"; what a later mapping covers is dropped by
 * "replaced". Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_MAPS_H
#define OWNSCOPE_GRAPH_MAPS_H

#include "graph/graph_state.h"

/* These return false when the range is taken and the event may wait: repair.c. */
bool maps_new(struct graph *g, struct process *p, struct thread *t, const struct event *e);
bool maps_remap_end(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void maps_drop(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void maps_remap_begin(struct graph *g, struct process *p, struct thread *t, const struct event *e);

/* The mapped block that an address lies in; 0: none. */
uint32_t maps_at(struct graph *g, struct process *p, uint64_t address);
/* [*start, *end) of a mapped block. */
void maps_extent(const struct block *b, uint64_t *start, uint64_t *end);
/* Puts a block that is in no range where it says it is, over what is there. */
void maps_put(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place);
/* Ends a block that is in no range: dropped by t. */
void maps_drop_parked(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place);
/* Its bytes change by `bytes` (modulo 2^64), for one that counts. */
void maps_count(struct graph *g, const struct process *p, const struct block *b, uint64_t bytes);

#endif
