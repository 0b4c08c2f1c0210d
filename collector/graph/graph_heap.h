/*
 * collector/graph/graph_heap.h - heap families: New, Drop, realloc.
 *
 * The path that must be fast: New and Drop touch the process's table, the
 * block, its site and its thread, and allocate nothing. Run by the folding
 * thread.
 */
#ifndef OWNSCOPE_GRAPH_HEAP_H
#define OWNSCOPE_GRAPH_HEAP_H

#include "graph/graph_forks.h"
#include "graph/graph_state.h"

/* The heap block that starts at an address (*place, 0: none) and its slot. */
static inline uint32_t heap_find(struct graph *g, struct process *p, uint64_t address, uint32_t *place)
{
    uint32_t slot = table_probe(&p->heap, &g->pool, address, place);
    if (graph_unlikely(p->inherit != NULL) && !*place && forks_touch_heap(g, p, address))
        slot = table_probe(&p->heap, &g->pool, address, place);
    return slot;
}

static inline void heap_put(struct process *p, uint32_t slot, const struct block *b, uint32_t place)
{
    table_put(&p->heap, slot, b->address, place);
    if (p->starts)
        starts_add(p->starts, b->address, b->size);
}

/* These return false when the address is taken and the event may wait: repair.c. */
bool heap_new(struct graph *g, struct process *p, struct thread *t, const struct event *e);
bool heap_realloc_end(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void heap_drop(struct graph *g, struct process *p, struct thread *t, const struct event *e);
void heap_realloc_begin(struct graph *g, struct process *p, struct thread *t, const struct event *e);

/* A realloc whose end never came: the block counts as dropped by its thread, … */
void pending_drop(struct graph *g, struct process *p, struct thread *t, const struct event *e);
/* … or, when the whole process ended, is where it was. */
void pending_restore(struct graph *g, struct process *p, struct thread *t, const struct event *e);

#endif
