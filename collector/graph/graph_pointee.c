/*
 * collector/graph/graph_pointee.c - see graph_pointee.h.
 */
#include "graph/graph_pointee.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_forks.h"
#include "graph/graph_heap.h"
#include "graph/graph_maps.h"

enum { NO_POINTER = 4096 };   /* nothing is ever mapped below */

/* Of graves those that can be found: no others are known of a state that was loaded. */
static void graves_touch(struct graves *y, struct starts *s)
{
    size_t room = graves_room(y);
    bool *found = room ? xmalloc(room * sizeof *found) : NULL;
    if (room)
        graves_findable(y, found);
    for (size_t i = 0; i < room; i++)
        if (found[i])
            starts_touch(s, y->ring[i].address, y->ring[i].size);
    free(found);
}

static struct starts *index_make(struct graph *g, struct process *p)
{
    p->starts = starts_new();
    for (uint32_t i = 0; i < table_slots(&p->heap); i++) {
        uint32_t place = table_place(&p->heap, i);
        if (place)
            starts_add(p->starts, pool_at(&g->pool, place)->address, pool_at(&g->pool, place)->size);
    }
    graves_touch(&p->graves, p->starts);
    return p->starts;
}

struct starts *pointee_index(struct graph *g, struct process *p)
{
    return graph_likely(p->starts != NULL) ? p->starts : index_make(g, p);
}

static inline bool block_holds(const struct graph *g, uint32_t place, uint64_t address)
{
    const struct block *b = pool_at(&g->pool, place);
    return address == b->address || address - b->address < block_bytes(g, place, b);
}

uint32_t heap_pointee(struct graph *g, struct process *p, uint64_t address)
{
    uint32_t place;
    uint64_t start;
    if (address < NO_POINTER)
        return 0;
    struct starts *s = pointee_index(g, p);
    if (starts_below(s, address, &start)) {
        table_probe(&p->heap, &g->pool, start, &place);
        if (place && block_holds(g, place, address))
            return place;
    }
    if (graph_unlikely(starts_loose(s))) {
        table_probe(&p->heap, &g->pool, address, &place);
        if (place)
            return place;
    }
    if (graph_likely(!p->inherit) || !forks_touch_pointee(g, p, address, &start))
        return 0;
    table_probe(&p->heap, &g->pool, start, &place);
    return place;
}

/* Allocators round up to whole pages, and by a quarter at most. */
static bool in_slack(uint64_t offset, uint64_t size)
{
    enum { PAGE = 4096 };
    return offset >= size && offset - size < size / 4 + PAGE;
}

bool heap_slack(struct graph *g, struct process *p, uint64_t address)
{
    enum { REACH = 64 << 20, LOOKS = 64 };
    uint64_t start, from = address > REACH ? address - REACH : 0;
    uint32_t place, looks = 0;
    if (!p->usable_asked)
        return false;
    struct starts *s = pointee_index(g, p);
    if (starts_below(s, address, &start)) {
        table_probe(&p->heap, &g->pool, start, &place);
        if (place && in_slack(address - start, pool_at(&g->pool, place)->size))
            return true;
    }
    for (uint32_t at = address ? ranges_below(&s->large, address - 1) : 0; at;) {
        const struct range *r = &s->large.nodes[at];
        if (r->end <= from)
            break;
        if (++looks == LOOKS || in_slack(address - r->start, r->end - r->start))
            return true;
        at = r->start ? ranges_below(&s->large, r->start - 1) : 0;
    }
    return false;
}

uint32_t custody_pointee(struct graph *g, struct process *p, uint64_t address)
{
    uint32_t place = heap_pointee(g, p, address);
    return place || address < NO_POINTER ? place : maps_at(g, p, address);
}
