/*
 * collector/graph/graph_modules.h - which module lies at an address of a
 * process (EVENT_MODULE).
 */
#ifndef OWNSCOPE_GRAPH_MODULES_H
#define OWNSCOPE_GRAPH_MODULES_H

#include "graph/graph_state.h"

void modules_fold(struct graph *g, struct process *p, const struct event *e);
/* The id of code.h and the link-time address; 0: in no module. */
uint32_t modules_at(const struct process *p, uint64_t address, uint64_t *offset);
void modules_clear(struct process *p);

#endif
