/*
 * collector/graph/graph_graves_archive.c - the graves of processes in a
 * checkpoint: those that can still be found, and how many were dug, so that each
 * is dug over when it ever would have been. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "graph/graph_archive.h"

void grave_archive(struct archive *a, struct graph *g, struct grave *v)
{
    archive_u64(a, &v->address);
    archive_u64(a, &v->size);
    archive_u64(a, &v->id);
    archive_u64(a, &v->born_ns);
    archive_u64(a, &v->ns);
    archive_index(a, &v->site, g->n_sites);
    archive_index(a, &v->maker, g->n_threads);
    archive_u32(a, &v->stack);
    archive_u32(a, &v->thread);
    archive_u8(a, &v->made_family);
}

/* What is written of a ring: graves in the order in which they were dug. */
struct kept {
    struct grave *graves;
    uint32_t *number;       /* since the oldest that is known */
    size_t n;
};

/* ---- as smaller numbers ---------------------------------------------------------- */

enum { TICK_BITS = 2, LINE_BITS = 4 };      /* stamps are whole ticks, most blocks start at multiples of 16 */
_Static_assert(EVENT_TICK_NS == 1 << TICK_BITS, "stamps are whole ticks");

static uint64_t turn(uint64_t v, unsigned bits) { return v >> bits | v << (64 - bits); }
static uint64_t turn_back(uint64_t v, unsigned bits) { return v << bits | v >> (64 - bits); }

/* Blocks of a site are of one size, mostly, and dropped at one place: what is written is the difference to the site's last,
 * whoever's it was. */
struct usual { uint64_t size; uint32_t stack; };

static void graves_shrink(const struct kept *k, struct usual *usual)
{
    for (size_t i = 0; i < k->n; i++) {
        struct grave *v = &k->graves[i];
        struct usual here = { v->size, v->stack };
        v->address = turn(v->address, LINE_BITS);
        v->born_ns = turn(v->born_ns, TICK_BITS);
        v->ns = turn(v->ns, TICK_BITS);
        v->size -= usual[v->site].size;
        v->stack -= usual[v->site].stack;
        usual[v->site] = here;
    }
}

static void graves_grow(const struct kept *k, struct usual *usual)
{
    for (size_t i = 0; i < k->n; i++) {
        struct grave *v = &k->graves[i];
        v->address = turn_back(v->address, LINE_BITS);
        v->born_ns = turn_back(v->born_ns, TICK_BITS);
        v->ns = turn_back(v->ns, TICK_BITS);
        v->size += usual[v->site].size;
        v->stack += usual[v->site].stack;
        usual[v->site] = (struct usual){ v->size, v->stack };
    }
}

static void kept_archive(struct archive *a, struct graph *g, struct kept *k)
{
    struct grave *v = k->graves;
    archive_column(a, k->number, sizeof *k->number, sizeof *k->number, k->n);
    ARCHIVE_FIELD(a, v, k->n, address);
    ARCHIVE_FIELD(a, v, k->n, size);
    ARCHIVE_FIELD(a, v, k->n, id);
    ARCHIVE_FIELD(a, v, k->n, born_ns);
    ARCHIVE_FIELD(a, v, k->n, ns);
    ARCHIVE_INDEX(a, v, k->n, site, g->n_sites);
    ARCHIVE_INDEX(a, v, k->n, maker, g->n_threads);
    ARCHIVE_FIELD(a, v, k->n, stack);
    ARCHIVE_FIELD(a, v, k->n, thread);
    ARCHIVE_FIELD(a, v, k->n, made_family);
}

/* ---- saving -------------------------------------------------------------------- */

static void kept_gather(struct kept *k, struct graves *y)
{
    bool *found = xmalloc(graves_room(y) * sizeof *found);
    uint64_t oldest = graves_oldest(y), dug = graves_dug(y);
    graves_findable(y, found);
    k->graves = xmalloc((size_t)(dug - oldest) * sizeof *k->graves);
    k->number = xmalloc((size_t)(dug - oldest) * sizeof *k->number);
    for (uint64_t n = oldest; n < dug; n++)
        if (found[n & (graves_room(y) - 1)]) {
            k->number[k->n] = (uint32_t)(n - oldest);
            k->graves[k->n++] = *grave_at(y, n);
        }
    free(found);
}

/* ---- loading ------------------------------------------------------------------- */

/* As large as so many graves make it. */
static void ring_make(struct archive *a, struct graves *y, uint64_t dug)
{
    size_t room = GRAVES_FIRST;
    while (room < GRAVES_MAX && room < dug)
        room *= 4;
    y->ring = archive_room_lines(a, room, sizeof *y->ring);
    if (!y->ring)
        return;
    y->end = y->ring + room;
    y->before = (dug - 1) / room * room;
    y->next = y->ring + (dug - y->before);
    y->loaded = room == GRAVES_MAX ? dug : 0;
}

static void kept_bury(struct archive *a, const struct kept *k, struct graves *y)
{
    uint64_t oldest = graves_oldest(y), known = graves_dug(y) - oldest;
    archive_need(a, graves_room(y) == GRAVES_MAX || k->n == known, "graves are missing");
    for (size_t i = 0; i < k->n && !archive_bad(a); i++)
        if (archive_need(a, k->number[i] < known && (!i || k->number[i - 1] < k->number[i]) && k->graves[i].id,
                         "graves are in no order"))
            *grave_at(y, oldest + k->number[i]) = k->graves[i];
}

static void ring_archive(struct archive *a, struct graph *g, struct graves *y, struct usual *usual)
{
    struct kept k = { 0 };
    uint64_t dug = y->ring ? graves_dug(y) : 0;
    archive_u64(a, &dug);
    archive_need(a, dug < 1ull << 48, "more was dropped than can be");
    if (!dug || archive_bad(a))
        return;
    if (a->reading)
        ring_make(a, y, dug);
    else
        kept_gather(&k, y);
    archive_count(a, &k.n, GRAVES_MAX);
    if (a->reading) {
        k.graves = archive_room(a, k.n, sizeof *k.graves);
        k.number = archive_room(a, k.n, sizeof *k.number);
    }
    if (!a->reading)
        graves_shrink(&k, usual);
    if (!archive_bad(a))
        kept_archive(a, g, &k);
    if (a->reading && !archive_bad(a)) {
        graves_grow(&k, usual);
        kept_bury(a, &k, y);
    }
    free(k.graves);
    free(k.number);
}

void graves_archive(struct archive *a, struct graph *g)
{
    struct usual *usual = xcalloc(g->n_sites + 1, sizeof *usual);
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++)
        ring_archive(a, g, &g->processes[i]->graves, usual);
    free(usual);
}
