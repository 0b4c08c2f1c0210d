/*
 * collector/graph/graph_modules.c - see graph_modules.h. Run by the folding
 * thread.
 */
#include "graph/graph_modules.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_locks.h"

struct modules *modules_share(struct modules *m)
{
    if (m)
        m->users++;
    return m;
}

void modules_leave(struct modules *m)
{
    if (!m || --m->users)
        return;
    *m->ranges -= m->n;
    free(m->at);
    free(m);
}

void modules_clear(struct process *p)
{
    modules_leave(p->modules);
    p->modules = NULL;
}

/* A table of the process's own, to be changed; NULL: there are too many ranges. */
static struct modules *modules_own(struct graph *g, struct process *p)
{
    struct modules *m = p->modules;
    if (g->module_ranges + (m ? m->n : 0) >= MODULE_RANGES_MAX)
        return NULL;
    if (m && m->users == 1)
        return m;
    struct modules *own = xcalloc(1, sizeof *own);
    own->users = 1;
    own->ranges = &g->module_ranges;
    if (m) {
        own->at = xgrow(NULL, &own->capacity, m->n + 1, sizeof *own->at);
        memcpy(own->at, m->at, m->n * sizeof *own->at);
        own->n = m->n;
        *own->ranges += m->n;
        modules_leave(m);
    }
    p->modules = own;
    return own;
}

/* First of those that end behind the address. */
static size_t modules_search(const struct modules *m, uint64_t address)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->at[middle].end <= address)
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
    p->clocks.unseen |= e->family == 1;
    struct modules *m = modules_own(g, p);
    if (!m)
        return;
    size_t at = modules_search(m, e->address), n = at;
    while (n < m->n && m->at[n].start < end)   /* what lay there is gone */
        n++;
    if (n == at && m->n >= MODULES_MAX)
        return;
    if (n == at)
        m->at = xgrow(m->at, &m->capacity, m->n + 1, sizeof *m->at);
    memmove(&m->at[at + 1], &m->at[n], (m->n - n) * sizeof *m->at);
    *m->ranges += 1 - (n - at);
    m->n += 1 - (n - at);
    m->at[at] = (struct module_at){ .start = e->address, .end = end, .bias = e->extra[0],
                                    .module = (uint32_t)e->extra[1] };
    locks_range_gone(g, p, e, e->address, e->size);
}

uint32_t modules_at(const struct process *p, uint64_t address, uint64_t *offset)
{
    const struct modules *m = p->modules;
    if (!m)
        return 0;
    size_t at = modules_search(m, address);
    if (at == m->n || m->at[at].start > address)
        return 0;
    *offset = address - m->at[at].bias;
    return m->at[at].module;
}
