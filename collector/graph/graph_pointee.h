/*
 * collector/graph/graph_pointee.h - which block does an address point into,
 * its start or its middle? Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_POINTEE_H
#define OWNSCOPE_GRAPH_POINTEE_H

#include "graph/graph_state.h"

/* The index of a process's blocks, made at the first question. */
struct starts *pointee_index(struct graph *g, struct process *p);

/* How many bytes of a live block are the program's. */
static inline uint64_t block_bytes(const struct graph *g, uint32_t place, const struct block *b)
{
    if (graph_likely(!(b->flags & BLOCK_USABLE)))
        return b->size;
    uint64_t usable = g->pool.notes[dict_get(&g->pool.note_of, place)].usable;
    return usable ? usable : b->size;
}
/* It is a copy that a fork made of a block of which more was usable. */
static inline bool block_bytes_unknown(const struct graph *g, uint32_t place, const struct block *b)
{
    return (b->flags & BLOCK_USABLE) && !g->pool.notes[dict_get(&g->pool.note_of, place)].usable;
}

/* The live heap block that holds an address; 0: none. */
uint32_t heap_pointee(struct graph *g, struct process *p, uint64_t address);
/* The address lies past the size of a live block, but perhaps in what is usable
 * of it, and the process uses that. */
bool heap_slack(struct graph *g, struct process *p, uint64_t address);
/* Heap before mapped. */
uint32_t custody_pointee(struct graph *g, struct process *p, uint64_t address);

#endif
