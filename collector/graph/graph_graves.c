/*
 * collector/graph/graph_graves.c - see graph_graves.h. Run by the folding
 * thread.
 *
 * Chains lead from young to old, so the first link to a grave that was dug
 * over ends its chain, and nothing ever has to be taken out of one.
 *
 * A grave that left its chain (chain_bury) can never be found again, whatever is
 * dug or looked for later: chains only gain younger ones and lose their oldest.
 * A checkpoint leaves it away, and has a hole in its place: an id of 0. That is
 * so once the ring is as large as it gets; one that still grows is chained anew.
 * Which graves are in chains does not depend on when somebody looked: those that
 * were dug over stand at the ends, so what is chained later is chained alike.
 *
 * Blocks are chained by the span of memory they start in: spans of 1, 16 and
 * 128 KiB for blocks that are no larger than that. So a block that holds an
 * address starts in its span or in the one before, and few start in one span.
 */
#include "graph/graph_graves.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_modules.h"
#include "graph/graph_pointee.h"
#include "graph/graph_state.h"
#include "graph/graph_threads.h"

enum {
    SPANS = 3,
    LARGE = 128 << 10,              /* from here on an allocator may give memory back at once */
    CHAIN_MAX = 64,                /* graves looked at in a chain */
    SAME_MAX = 16                   /* of them for an older one of the same block */
};

static const uint8_t span_bits[SPANS] = { 10, 14, 17 };

struct grave_index {
    uint64_t chained;               /* graves before this one are in their chains */
    uint32_t mask;
    uint64_t heads[];               /* SPANS times as many as there is room: number + 1 */
};

void graves_turn(struct graves *y)
{
    size_t room = graves_room(y);
    if (room == GRAVES_MAX) {
        y->before += room;
        y->next = y->ring;
        return;
    }
    size_t larger = room ? 4 * room : GRAVES_FIRST;
    struct grave *ring = xmalloc_lines(larger * sizeof *ring);
    if (room)
        memcpy(ring, y->ring, room * sizeof *ring);
    free(y->ring);
    free(y->index);   /* its chains are by the old room */
    *y = (struct graves){ .ring = ring, .next = ring + room, .end = ring + larger };
}
_Static_assert(GRAVES_MAX == GRAVES_FIRST << 10, "it grows to its bound by fours");

void graves_clear(struct graves *y)
{
    free(y->ring);
    free(y->index);
    *y = (struct graves){ 0 };
}

/* ---- chains ---------------------------------------------------------------- */

static unsigned span_of(uint64_t size)
{
    unsigned span = 0;
    while (span < SPANS - 1 && size > 1ull << span_bits[span])
        span++;
    return span;
}

static uint64_t *chain_head(struct grave_index *x, uint64_t address, unsigned span)
{
    uint64_t key = address >> span_bits[span];
    uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 32) & x->mask;
    return &x->heads[(size_t)span * ((size_t)x->mask + 1) + at];
}

/* A large one is not looked for inside of it, so it hides no other. */
static bool grave_hides(const struct grave *new, const struct grave *old)
{
    return old->address == new->address && old->size <= new->size && (old->size < LARGE) == (new->size < LARGE);
}

/* An older grave that lies wholly in this one would never be found: it leaves its chain. */
static void chain_bury(const struct graves *y, uint64_t number, uint64_t oldest)
{
    const struct grave *new = grave_at(y, number);
    uint64_t at = number;
    for (int i = 0; i < SAME_MAX; i++) {
        struct grave *younger = grave_at(y, at);
        if (!younger->back || younger->back > at - oldest)
            return;
        at -= younger->back;
        const struct grave *old = grave_at(y, at);
        if (!grave_hides(new, old))
            continue;
        younger->back = old->back && old->back <= at - oldest ? younger->back + old->back : 0;
        return;
    }
}

static struct grave_index *graves_chained(struct graves *y)
{
    size_t room = graves_room(y);
    if (!y->index) {
        y->index = xcalloc(1, sizeof *y->index + SPANS * room * sizeof *y->index->heads);
        y->index->mask = (uint32_t)room - 1;
    }
    struct grave_index *x = y->index;
    uint64_t dug = graves_dug(y), oldest = graves_oldest(y);
    for (uint64_t n = x->chained > oldest ? x->chained : oldest; n < dug; n++) {
        struct grave *v = grave_at(y, n);
        if (!v->id)
            continue;
        uint64_t *head = chain_head(x, v->address, span_of(v->size));
        v->back = *head > oldest ? (uint32_t)(n + 1 - *head) : 0;
        *head = n + 1;
        if (n >= y->loaded)
            chain_bury(y, n, oldest);
    }
    x->chained = dug;
    return x;
}

static bool grave_holds(const struct grave *v, uint64_t address, bool start)
{
    return start ? v->address == address : address - v->address < v->size && v->size < LARGE;
}

/* The number of a chain's youngest grave that holds the address, plus 1; 0: none. */
static uint64_t chain_find(const struct graves *y, uint64_t head, uint64_t address, bool start)
{
    uint64_t oldest = graves_oldest(y);
    for (int i = 0; i < CHAIN_MAX && head > oldest; i++) {
        const struct grave *v = grave_at(y, head - 1);
        if (grave_holds(v, address, start))
            return head;
        if (!v->back || v->back >= head)
            return 0;
        head -= v->back;
    }
    return 0;
}

/* The youngest grave that holds (starts at) an address; NULL: none. */
static const struct grave *graves_youngest(struct graves *y, uint64_t address, bool start)
{
    if (y->next == y->ring && !y->before)
        return NULL;
    struct grave_index *x = graves_chained(y);
    uint64_t found = 0;
    for (unsigned span = 0; span < SPANS; span++) {
        uint64_t here = chain_find(y, *chain_head(x, address, span), address, start);
        uint64_t before = start ? 0 : chain_find(y, *chain_head(x, address - (1ull << span_bits[span]), span), address, start);
        here = before > here ? before : here;
        found = here > found ? here : found;
    }
    return found ? grave_at(y, found - 1) : NULL;
}

void graves_findable(struct graves *y, bool *found)
{
    uint64_t oldest = graves_oldest(y);
    memset(found, 0, graves_room(y) * sizeof *found);
    if (graves_room(y) < GRAVES_MAX) {
        for (uint64_t n = oldest; n < graves_dug(y); n++)
            found[n] = true;
        return;
    }
    const struct grave_index *x = graves_chained(y);
    for (size_t i = 0; i < SPANS * graves_room(y); i++)
        for (uint64_t at = x->heads[i]; at > oldest;) {
            uint32_t back = grave_at(y, at - 1)->back;
            found[(at - 1) & (graves_room(y) - 1)] = true;
            at = back && back < at ? at - back : 0;
        }
}

/* ---- is it still what it was? ------------------------------------------------ */

static bool grave_stands(struct graph *g, struct process *p, const struct grave *v, uint64_t address)
{
    uint64_t offset;
    if (v->ns <= lost_ns(g, p) || heap_pointee(g, p, address) || modules_at(p, address, &offset))
        return false;
    uint32_t at = ranges_overlap(&p->maps, address, address + 1);   /* one that a fork left is older than the grave */
    return !(at && pool_at(&g->pool, p->maps.nodes[at].block)->born_ns >= v->ns) && !threads_stack_at(p, address);
}

static bool graves_look(struct graph *g, struct process *p, uint64_t address, bool start, struct grave *out)
{
    const struct grave *v = graves_youngest(&p->graves, address, start);
    if (!v || !grave_stands(g, p, v, address))
        return false;
    *out = *v;
    return true;
}

bool graves_find(struct graph *g, struct process *p, uint64_t address, struct grave *out)
{
    return graves_look(g, p, address, false, out);
}

bool graves_find_start(struct graph *g, struct process *p, uint64_t address, struct grave *out)
{
    return graves_look(g, p, address, true, out);
}

bool graves_born_since(struct process *p, uint64_t address, uint64_t ns)
{
    const struct grave *v = graves_youngest(&p->graves, address, false);
    return v && v->born_ns > ns;
}
