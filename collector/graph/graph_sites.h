/*
 * collector/graph/graph_sites.h - sums by New stack, and the peak.
 *
 * What every site held at the peak is known without a copy at every new peak:
 * the graph counts its peaks (peak_epoch), and a site keeps what it held
 * before its first change after one. A site that did not change since holds
 * now what it held then. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_SITES_H
#define OWNSCOPE_GRAPH_SITES_H

#include "graph/graph_state.h"

/* Room for so many, more than there are. */
void sites_grow(struct graph *g, size_t capacity);
uint32_t site_find(struct graph *g, uint32_t stack);
static inline uint32_t site_of_stack(struct graph *g, uint32_t stack)
{
    if (graph_likely(g->last_site && g->last_stack == stack))
        return g->last_site;
    g->last_site = site_find(g, stack);
    g->last_stack = stack;
    return g->last_site;
}

static inline uint64_t site_peak(const struct graph *g, const struct site *s)
{
    return s->epoch == g->peak_epoch ? s->peak_bytes : s->running_bytes;
}

static inline void site_before_change(const struct graph *g, struct site *s)
{
    if (s->epoch == g->peak_epoch)
        return;
    s->peak_bytes = s->running_bytes;
    s->epoch = g->peak_epoch;
}

/* Bytes of a live block come (or, taken from its old size, change). */
static inline void site_grow(struct graph *g, struct site *s, bool running, uint64_t bytes, uint64_t ns)
{
    s->live_bytes += bytes;
    if (!running)
        return;
    site_before_change(g, s);
    s->running_bytes += bytes;
    g->running_bytes += bytes;
    if (g->running_bytes > g->totals.peak_bytes) {
        g->totals.peak_bytes = g->running_bytes;
        g->totals.peak_ns = ns;
        g->totals.peak_event = g->events;
        g->peak_epoch++;
    }
}

static inline void site_stop_running(struct graph *g, struct site *s, uint64_t bytes)
{
    site_before_change(g, s);
    s->running_bytes -= bytes;
    g->running_bytes -= bytes;
}

static inline void site_shrink(struct graph *g, struct site *s, bool running, uint64_t bytes)
{
    s->live_bytes -= bytes;
    if (running)
        site_stop_running(g, s, bytes);
}

#endif
