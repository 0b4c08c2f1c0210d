/*
 * collector/graph/graph_flows.c - see graph_flows.h.
 *
 * Block flows live in a ring, found through chains by a hash of both ids; when
 * the ring is full, its hand passes over (once) what was used since it came
 * by, and takes the first that was not.
 */
#include "graph/graph_flows.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_sampling.h"

enum {
    COPY_SITES_MAX = 1 << 20, FLOWS_MAX = 1 << 20,
    BLOCK_FLOWS_BITS = 16, BLOCK_FLOWS_MAX = 1 << BLOCK_FLOWS_BITS
};

struct block_flow {
    struct view_block_flow sums;
    uint32_t next;          /* of its chain: place + 1 */
    bool used;              /* since the hand passed */
};

struct flows {
    uint64_t copies, bytes, bytes_to_blocks;
    struct view_copy_site *sites; size_t n_sites, sites_capacity;
    struct dict site_of;                    /* stack -> row + 1 */
    struct view_flow *flows; size_t n_flows, flows_capacity;
    struct dict flow_of;                    /* both stacks -> row + 1 */
    struct block_flow *ring; size_t n_ring, ring_capacity, hand;
    uint32_t heads[BLOCK_FLOWS_MAX];
};

static struct view_copy_site *site_row(struct flows *f, uint32_t stack)
{
    uint32_t row = dict_get(&f->site_of, stack);
    if (!row && f->n_sites >= COPY_SITES_MAX && stack)
        return site_row(f, 0);
    if (!row) {
        f->sites = xgrow(f->sites, &f->sites_capacity, f->n_sites + 1, sizeof *f->sites);
        f->sites[f->n_sites++] = (struct view_copy_site){ .stack = stack };
        row = (uint32_t)f->n_sites;
        dict_set(&f->site_of, stack, row);
    }
    return &f->sites[row - 1];
}

static struct view_flow *flow_row(struct flows *f, uint32_t from, uint32_t to)
{
    uint64_t key = (uint64_t)from << 32 | to;
    uint32_t row = dict_get(&f->flow_of, key);
    if (!row && f->n_flows >= FLOWS_MAX && key)
        return flow_row(f, 0, 0);
    if (!row) {
        f->flows = xgrow(f->flows, &f->flows_capacity, f->n_flows + 1, sizeof *f->flows);
        f->flows[f->n_flows++] = (struct view_flow){ .from_stack = from, .to_stack = to };
        row = (uint32_t)f->n_flows;
        dict_set(&f->flow_of, key, row);
    }
    return &f->flows[row - 1];
}

/* ---- from block to block ------------------------------------------------------ */

static uint32_t *chain_of(struct flows *f, uint64_t from, uint64_t to)
{
    uint64_t hash = (from * 0x9e3779b97f4a7c15u ^ to) * 0xbf58476d1ce4e5b9u;
    return &f->heads[hash >> (64 - BLOCK_FLOWS_BITS)];
}

/* A place for one more: a new one, or that of one that was not used lately. */
static uint32_t ring_take(struct flows *f)
{
    if (f->n_ring < BLOCK_FLOWS_MAX) {
        f->ring = xgrow(f->ring, &f->ring_capacity, f->n_ring + 1, sizeof *f->ring);
        return (uint32_t)f->n_ring++;
    }
    for (;; f->hand = (f->hand + 1) % BLOCK_FLOWS_MAX) {
        if (!f->ring[f->hand].used)
            break;
        f->ring[f->hand].used = false;
    }
    uint32_t at = (uint32_t)f->hand;
    f->hand = (f->hand + 1) % BLOCK_FLOWS_MAX;
    uint32_t *link = chain_of(f, f->ring[at].sums.from, f->ring[at].sums.to);
    while (*link != at + 1)
        link = &f->ring[*link - 1].next;
    *link = f->ring[at].next;
    return at;
}

static struct block_flow *ring_row(struct flows *f, uint64_t from, uint64_t to)
{
    uint32_t *head = chain_of(f, from, to);
    for (uint32_t at = *head; at; at = f->ring[at - 1].next)
        if (f->ring[at - 1].sums.from == from && f->ring[at - 1].sums.to == to)
            return &f->ring[at - 1];
    uint32_t at = ring_take(f);
    f->ring[at] = (struct block_flow){ .sums = { .from = from, .to = to, .first_ns = UINT64_MAX }, .next = *head };
    *head = at + 1;
    return &f->ring[at];
}

static void block_flow_count(struct flows *f, const struct event *e, uint64_t from, uint64_t to, uint64_t times)
{
    struct block_flow *row = ring_row(f, from, to);
    row->used = row->sums.copies != 0;
    row->sums.copies += times;
    row->sums.bytes += e->size * times;
    row->sums.thread = e->thread;
    row->sums.first_ns = e->ns < row->sums.first_ns ? e->ns : row->sums.first_ns;
    row->sums.last_ns = e->ns > row->sums.last_ns ? e->ns : row->sums.last_ns;
}

size_t flows_rows(const struct graph *g)
{
    return g->flows ? g->flows->n_sites + g->flows->n_flows + g->flows->n_ring : 0;
}

void flows_count(struct graph *g, const struct thread *t, const struct event *e, uint32_t from, uint32_t to)
{
    uint64_t times = t->copies_every ? t->copies_every : 1, bytes = e->size * times;
    if (graph_unlikely(!g->flows))
        g->flows = xcalloc(1, sizeof *g->flows);
    struct flows *f = g->flows;
    const struct block *a = from ? pool_at(&g->pool, from) : NULL, *b = to ? pool_at(&g->pool, to) : NULL;
    struct view_copy_site *site = site_row(f, e->stack);
    struct view_flow *flow = flow_row(f, a ? g->site_stacks[a->site] : 0, b ? g->site_stacks[b->site] : 0);
    if (graph_unlikely(t->copies_every) && e->size > g->sampling->copy_largest)
        g->sampling->copy_largest = e->size;
    f->copies += times;
    f->bytes += bytes;
    f->bytes_to_blocks += b ? bytes : 0;
    site->copies += times;
    site->bytes += bytes;
    flow->copies += times;
    flow->bytes += bytes;
    if (a && b)
        block_flow_count(f, e, a->id, b->id, times);
}

void flows_clear(struct graph *g)
{
    if (!g->flows)
        return;
    free(g->flows->sites);
    free(g->flows->flows);
    free(g->flows->ring);
    dict_clear(&g->flows->site_of);
    dict_clear(&g->flows->flow_of);
    free(g->flows);
    g->flows = NULL;
}

/* ---- views --------------------------------------------------------------------- */

static int falling(uint64_t x, uint64_t y) { return (x < y) - (x > y); }

static int compare_sites(const void *a, const void *b)
{
    const struct view_copy_site *x = a, *y = b;
    int by = falling(x->bytes, y->bytes);
    by = by ? by : falling(x->copies, y->copies);
    return by ? by : falling(y->stack, x->stack);
}

static int compare_flows(const void *a, const void *b)
{
    const struct view_flow *x = a, *y = b;
    int by = falling(x->bytes, y->bytes);
    by = by ? by : falling(x->copies, y->copies);
    by = by ? by : falling(y->from_stack, x->from_stack);
    return by ? by : falling(y->to_stack, x->to_stack);
}

static int compare_block_flows(const void *a, const void *b)
{
    const struct view_block_flow *x = a, *y = b;
    int by = falling(x->bytes, y->bytes);
    by = by ? by : falling(y->from, x->from);
    return by ? by : falling(y->to, x->to);
}

void view_flows(const struct graph *g, struct view *v, unsigned flags)
{
    const struct flows *f = g->flows;
    if (!f)
        return;
    v->copies = f->copies;
    v->copy_bytes = f->bytes;
    v->copy_bytes_to_blocks = f->bytes_to_blocks;
    v->n_copy_sites = f->n_sites;
    v->copy_sites = xcalloc(f->n_sites, sizeof *v->copy_sites);
    memcpy(v->copy_sites, f->sites, f->n_sites * sizeof *v->copy_sites);
    qsort(v->copy_sites, v->n_copy_sites, sizeof *v->copy_sites, compare_sites);
    v->n_flows = f->n_flows;
    v->flows = xcalloc(f->n_flows, sizeof *v->flows);
    memcpy(v->flows, f->flows, f->n_flows * sizeof *v->flows);
    qsort(v->flows, v->n_flows, sizeof *v->flows, compare_flows);
    if (!(flags & VIEW_BLOCKS) || !f->n_ring)
        return;
    v->n_block_flows = f->n_ring;
    v->block_flows = xcalloc(f->n_ring, sizeof *v->block_flows);
    for (size_t i = 0; i < f->n_ring; i++)
        v->block_flows[i] = f->ring[i].sums;
    qsort(v->block_flows, v->n_block_flows, sizeof *v->block_flows, compare_block_flows);
}

/* ---- in a checkpoint -------------------------------------------------------------- */

static void sites_of_copies_archive(struct archive *a, struct flows *f)
{
    archive_rows(a, (void **)&f->sites, &f->n_sites, &f->sites_capacity, sizeof *f->sites, COPY_SITES_MAX + 1);
    ARCHIVE_FIELD(a, f->sites, f->n_sites, stack);
    ARCHIVE_FIELD(a, f->sites, f->n_sites, copies);
    ARCHIVE_FIELD(a, f->sites, f->n_sites, bytes);
    for (size_t i = 0; a->reading && i < f->n_sites; i++) {
        if (!archive_need(a, !dict_get(&f->site_of, f->sites[i].stack), "copies of a stack are counted twice"))
            return;
        dict_set(&f->site_of, f->sites[i].stack, (uint32_t)i + 1);
    }
}

static void rows_archive(struct archive *a, struct flows *f)
{
    archive_rows(a, (void **)&f->flows, &f->n_flows, &f->flows_capacity, sizeof *f->flows, FLOWS_MAX + 1);
    ARCHIVE_FIELD(a, f->flows, f->n_flows, from_stack);
    ARCHIVE_FIELD(a, f->flows, f->n_flows, to_stack);
    ARCHIVE_FIELD(a, f->flows, f->n_flows, copies);
    ARCHIVE_FIELD(a, f->flows, f->n_flows, bytes);
    for (size_t i = 0; a->reading && i < f->n_flows; i++) {
        uint64_t key = (uint64_t)f->flows[i].from_stack << 32 | f->flows[i].to_stack;
        if (!archive_need(a, !dict_get(&f->flow_of, key), "copies between two sites are counted twice"))
            return;
        dict_set(&f->flow_of, key, (uint32_t)i + 1);
    }
}

/* In which order a chain has its rows shows nowhere. */
static void ring_archive(struct archive *a, struct flows *f)
{
    archive_rows(a, (void **)&f->ring, &f->n_ring, &f->ring_capacity, sizeof *f->ring, BLOCK_FLOWS_MAX);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.from);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.to);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.copies);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.bytes);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.first_ns);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.last_ns);
    ARCHIVE_FIELD(a, f->ring, f->n_ring, sums.thread);
    ARCHIVE_INDEX(a, f->ring, f->n_ring, used, 2);
    for (size_t i = 0; a->reading && i < f->n_ring; i++) {
        uint32_t *head = chain_of(f, f->ring[i].sums.from, f->ring[i].sums.to);
        f->ring[i].next = *head;
        *head = (uint32_t)i + 1;
    }
    archive_size(a, &f->hand);
    archive_need(a, f->hand < BLOCK_FLOWS_MAX, "the hand points beside the ring");
}

void flows_archive(struct archive *a, struct graph *g)
{
    bool any = g->flows;
    archive_bool(a, &any);
    if (a->reading && any)
        g->flows = archive_room(a, 1, sizeof *g->flows);
    struct flows *f = g->flows;
    if (!f)
        return;
    archive_u64(a, &f->copies);
    archive_u64(a, &f->bytes);
    archive_u64(a, &f->bytes_to_blocks);
    sites_of_copies_archive(a, f);
    rows_archive(a, f);
    ring_archive(a, f);
}
