/*
 * collector/graph/graph_modules.c - see graph_modules.h. Run by the folding
 * thread.
 */
#include "graph/graph_modules.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { MODULES_MAX = 1 << 16 };

/* First of those that end behind the address. */
static size_t modules_search(const struct process *p, uint64_t address)
{
    size_t low = 0, high = p->n_modules;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (p->modules[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void modules_fold(struct graph *g, struct process *p, const struct event *e)
{
    uint64_t end = e->address + e->size;
    if (!p->place || !e->size || end < e->address || e->extra[1] > UINT32_MAX)
        return;
    size_t at = modules_search(p, e->address), n = at;
    while (n < p->n_modules && p->modules[n].start < end)   /* what lay there is gone */
        n++;
    if (n == at && p->n_modules >= MODULES_MAX)
        return;
    if (n == at)
        p->modules = xgrow(p->modules, &p->modules_capacity, p->n_modules + 1, sizeof *p->modules);
    memmove(&p->modules[at + 1], &p->modules[n], (p->n_modules - n) * sizeof *p->modules);
    p->n_modules = p->n_modules - (n - at) + 1;
    p->modules[at] = (struct module_at){ .start = e->address, .end = end, .bias = e->extra[0],
                                         .module = (uint32_t)e->extra[1] };
}

uint32_t modules_at(const struct process *p, uint64_t address, uint64_t *offset)
{
    size_t at = modules_search(p, address);
    if (at == p->n_modules || p->modules[at].start > address)
        return 0;
    *offset = address - p->modules[at].bias;
    return p->modules[at].module;
}

void modules_clear(struct process *p)
{
    free(p->modules);
    p->modules = NULL;
    p->n_modules = p->modules_capacity = 0;
}
