/*
 * collector/graph/graph_sites.c - see graph_sites.h.
 */
#include "graph/graph_sites.h"

#include "event/xalloc.h"

uint32_t site_find(struct graph *g, uint32_t stack)
{
    uint32_t place = dict_get(&g->site_of, stack);
    if (place)
        return place;
    if (!g->n_sites)
        g->n_sites = 1;
    place = (uint32_t)g->n_sites++;
    g->sites = xgrow(g->sites, &g->sites_capacity, g->n_sites, sizeof *g->sites);
    g->sites[place] = (struct site){ .stack = stack, .epoch = g->peak_epoch };
    dict_set(&g->site_of, stack, place);
    return place;
}
