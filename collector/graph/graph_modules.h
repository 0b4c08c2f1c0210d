/*
 * collector/graph/graph_modules.h - which module lies at an address of a
 * process (EVENT_MODULE).
 *
 * A forked child has what its parent had at the fork: the table is shared
 * (graph_forks.c) until one of them changes it. An image that ends lets go of
 * its table. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_MODULES_H
#define OWNSCOPE_GRAPH_MODULES_H

#include "graph/graph_state.h"

enum { MODULES_MAX = 1 << 16, MODULE_RANGES_MAX = 1 << 22 };     /* in a table; in all */

struct module_at { uint64_t start, end, bias; uint32_t module; /* id of code.h */ };

struct modules {
    unsigned users;
    size_t n, capacity;
    size_t *ranges;         /* of all tables: the graph's count */
    struct module_at *at;   /* rising, apart */
};

void modules_fold(struct graph *g, struct process *p, const struct event *e);
/* The id of code.h and the link-time address; 0: in no module. */
uint32_t modules_at(const struct process *p, uint64_t address, uint64_t *offset);

/* One more user of a table, or of none. */
struct modules *modules_share(struct modules *m);
/* One less. */
void modules_leave(struct modules *m);
/* The process lets go of its table. */
void modules_clear(struct process *p);

#endif
