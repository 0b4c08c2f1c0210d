/*
 * collector/graph/graph_pointee.h - which block does an address point into,
 * its start or its middle? Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_POINTEE_H
#define OWNSCOPE_GRAPH_POINTEE_H

#include "graph/graph_state.h"

/* The index of a process's blocks, made at the first question. */
struct starts *pointee_index(struct graph *g, struct process *p);

/* The live heap block that holds an address; 0: none. */
uint32_t heap_pointee(struct graph *g, struct process *p, uint64_t address);
/* Heap before mapped. */
uint32_t custody_pointee(struct graph *g, struct process *p, uint64_t address);

#endif
