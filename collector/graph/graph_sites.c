/*
 * collector/graph/graph_sites.c - see graph_sites.h.
 */
#include "graph/graph_sites.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { SITES_FIRST = 64 };

_Static_assert(sizeof(struct site) == 64, "a site is a cache line");

/* realloc does not keep to cache lines. */
void sites_grow(struct graph *g, size_t capacity)
{
    struct site *more = xmalloc_lines(capacity * sizeof *more);
    if (g->sites)
        memcpy(more, g->sites, g->sites_capacity * sizeof *more);
    free(g->sites);
    g->sites = more;
    g->sites_capacity = capacity;
}

uint32_t site_find(struct graph *g, uint32_t stack)
{
    uint32_t place = dict_get(&g->site_of, stack);
    if (place)
        return place;
    if (!g->n_sites)
        g->n_sites = 1;
    place = (uint32_t)g->n_sites++;
    if (place >= g->sites_capacity)
        sites_grow(g, g->sites_capacity ? g->sites_capacity * 2 : SITES_FIRST);
    g->site_stacks = xgrow(g->site_stacks, &g->site_stacks_capacity, g->n_sites, sizeof *g->site_stacks);
    g->sites[place] = (struct site){ .epoch = g->peak_epoch };
    g->site_stacks[place] = stack;
    dict_set(&g->site_of, stack, place);
    return place;
}
