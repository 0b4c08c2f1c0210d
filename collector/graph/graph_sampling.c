/*
 * collector/graph/graph_sampling.c - see graph_sampling.h.
 */
#include "graph/graph_sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_facts.h"

/* ---- rates ---------------------------------------------------------------------- */

static double rate_distance(uint64_t a, uint64_t b) { return fabs(log((double)a / (double)b)); }

static uint8_t rate_place(struct sampling *s, uint64_t rate)
{
    size_t nearest = 1;
    for (size_t i = 1; i < s->n_rates; i++) {
        if (s->rates[i] == rate)
            return (uint8_t)i;
        if (rate_distance(s->rates[i], rate) < rate_distance(s->rates[nearest], rate))
            nearest = i;
    }
    if (s->n_rates > RATES_MAX)
        return (uint8_t)nearest;
    s->rates[s->n_rates] = rate;
    return (uint8_t)s->n_rates++;
}

static uint64_t coarser(uint64_t a, uint64_t b) { return a > b ? a : b; }

void sampling_rate(struct graph *g, struct thread *t, const struct event *e)
{
    const uint64_t most = (uint64_t)1 << 40;
    uint64_t rate = e->address < most ? e->address : most;
    uint32_t every = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
    static const char *const names[WIRE_RATES] = { "memory", "locks", "copies" };
    if (e->family >= WIRE_RATES)
        return;
    fact_life(g, FACT_RATE, e, names[e->family], 0);
    if (!t->place)
        return;
    if (!g->sampling && !rate)
        return;
    if (!g->sampling) {
        g->sampling = xcalloc(1, sizeof *g->sampling);
        g->sampling->n_rates = 1;
    }
    struct sampling *s = g->sampling;
    s->changes++;
    switch (e->family) {
    case WIRE_RATE_MEMORY:
        t->rate = rate ? rate_place(s, rate) : 0;
        s->all.coarsest = coarser(s->all.coarsest, rate);
        break;
    case WIRE_RATE_LOCKS:
        t->locks_every = every > 1 ? every : 0;
        s->locks_every = coarser(s->locks_every, every);
        break;
    default:
        t->copies_every = every > 1 ? every : 0;
        s->copies_every = coarser(s->copies_every, every);
        break;
    }
}

/* ---- weights -------------------------------------------------------------------- */

/* A sample: the most bytes it had, and how likely it was. */
struct drawn { double bytes, p; };

static struct drawn drawn_with(const struct graph *g, const struct block *b, uint64_t bytes)
{
    double drawn = (double)wire_drawn_bytes(bytes);
    return (struct drawn){ .bytes = (double)bytes, .p = -expm1(-drawn / (double)g->sampling->rates[b->rate]) };
}

static uint64_t drawn_bytes(const struct graph *g, uint32_t place, const struct block *b)
{
    uint64_t drawn = place && b->flags & BLOCK_NOTED ? g->pool.notes[dict_get(&g->pool.note_of, place)].drawn : 0;
    return drawn > b->size ? drawn : b->size;
}

static struct drawn drawn_of(const struct graph *g, uint32_t place, const struct block *b)
{
    return drawn_with(g, b, drawn_bytes(g, place, b));
}

/* Between 0 and 1, the same for a block as long as it lives. */
static double chance_of(const struct block *b)
{
    uint64_t x = (uint64_t)b->id * 0x9e3779b97f4a7c15u;
    x ^= x >> 31;
    x *= 0xbf58476d1ce4e5b9u;
    return (double)(x >> 11) / 9007199254740992.0;
}

static uint64_t whole(double x) { return x < 1e18 ? (uint64_t)x : (uint64_t)1e18; }

static struct view_count weight_of(const struct block *b, struct drawn d)
{
    return (struct view_count){ .blocks = whole(1 / d.p + chance_of(b)), .bytes = whole((double)b->size / d.p + 0.5) };
}

struct view_count sampling_weight(const struct graph *g, uint32_t place, const struct block *b)
{
    return weight_of(b, drawn_of(g, place, b));
}

uint64_t sampling_rate_of(const struct graph *g, const struct block *b) { return b->rate ? g->sampling->rates[b->rate] : 0; }
uint64_t sampling_drawn_of(const struct graph *g, uint32_t place, const struct block *b) { return b->rate ? drawn_bytes(g, place, b) : 0; }

uint64_t sampling_rate_by_size(const struct graph *g, uint32_t place, const struct block *b)
{
    uint64_t rate = sampling_rate_of(g, b), drawn;
    if (!rate || (drawn = drawn_bytes(g, place, b)) == b->size)
        return rate;
    double same = (double)rate * (double)wire_drawn_bytes(b->size) / (double)wire_drawn_bytes(drawn);
    return same < 1 ? 1 : (uint64_t)(same + 0.5);
}

/* ---- variances ------------------------------------------------------------------- */

static double variance(double x, struct drawn d) { return x * x * (1 - d.p) / (d.p * d.p); }

static struct view_estimate *estimate_of(struct graph *g, uint32_t site)
{
    struct sampling *s = g->sampling;
    if (site >= s->sites_capacity) {
        size_t before = s->sites_capacity;
        s->sites = xgrow(s->sites, &s->sites_capacity, (size_t)site + 1, sizeof *s->sites);
        memset(s->sites + before, 0, (s->sites_capacity - before) * sizeof *s->sites);
    }
    return &s->sites[site];
}

static void live_add(struct view_estimate *m, const struct block *b, struct drawn d)
{
    m->live++;
    m->live_blocks += variance(1, d);
    m->live_bytes += variance((double)b->size, d);
}

/* With the last one goes what rounding left. */
static void live_less(struct view_estimate *m, const struct block *b, struct drawn d)
{
    if (m->live <= 1) {
        m->live = 0;
        m->live_blocks = m->live_bytes = 0;
        return;
    }
    m->live--;
    m->live_blocks = fmax(m->live_blocks - variance(1, d), 0);
    m->live_bytes = fmax(m->live_bytes - variance((double)b->size, d), 0);
}

static void estimate_made(struct view_estimate *m, const struct block *b, struct drawn d, uint64_t rate)
{
    m->samples++;
    m->allocations += variance(1, d);
    m->bytes += variance(d.bytes, d);
    m->heaviest = fmax(m->heaviest, 1 / d.p);
    m->coarsest = coarser(m->coarsest, rate);
    live_add(m, b, d);
}

void sampling_made(struct graph *g, struct process *p, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    struct sampling *s = g->sampling;
    struct drawn d = drawn_of(g, place, b);
    struct view_count n = weight_of(b, d);
    p->more_allocations += n.blocks - 1;
    p->more_blocks += n.blocks - 1;
    p->more_bytes += n.bytes - b->size;
    estimate_made(&s->all, b, d, s->rates[b->rate]);
    estimate_made(estimate_of(g, b->site), b, d, s->rates[b->rate]);
    if (g->totals.peak_event == g->events)
        s->all.peak_bytes = s->all.live_bytes;
}

void sampling_ended(struct graph *g, struct process *p, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    struct drawn d = drawn_of(g, place, b);
    struct view_count n = weight_of(b, d);
    p->more_blocks -= n.blocks - 1;
    p->more_bytes -= n.bytes - b->size;
    g->sampling->all.frees += variance(1, d);
    live_less(&g->sampling->all, b, d);
    live_less(estimate_of(g, b->site), b, d);
}

static void estimate_drawn_again(struct view_estimate *m, struct drawn was, struct drawn is)
{
    m->allocations = fmax(m->allocations - variance(1, was) + variance(1, is), 0);
    m->bytes = fmax(m->bytes - variance(was.bytes, was) + variance(is.bytes, is), 0);
}

uint64_t sampling_resize(struct graph *g, uint32_t place, uint64_t bytes)
{
    struct block *b = pool_at(&g->pool, place), now = *b;
    uint64_t most = drawn_bytes(g, place, b), more = bytes > b->size ? bytes - b->size : 0;
    struct drawn was = drawn_with(g, b, most), is = was;
    struct view_estimate *all = &g->sampling->all, *site = estimate_of(g, b->site);
    bool counts = !(b->flags & BLOCK_CLONE);
    uint64_t grown = whole((double)more / was.p + 0.5);
    if (bytes > most) {
        is = drawn_with(g, b, bytes);
        grown = whole((double)(most + more) / is.p + 0.5) - whole((double)most / was.p + 0.5);
        if (b->flags & BLOCK_NOTED)
            pool_note(&g->pool, place)->drawn = 0;
    } else if (bytes < most) {
        pool_note(&g->pool, place)->drawn = most;
    }
    now.size = bytes;
    if (!counts)
        return grown;
    if (bytes > most) {
        estimate_drawn_again(all, was, is);
        estimate_drawn_again(site, was, is);
    }
    live_less(all, b, was);
    live_less(site, b, was);
    live_add(all, &now, is);
    live_add(site, &now, is);
    return grown;
}

void sampling_clear(struct graph *g)
{
    if (!g->sampling)
        return;
    free(g->sampling->sites);
    free(g->sampling);
    g->sampling = NULL;
}

/* ---- in a checkpoint -------------------------------------------------------------- */

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void variance_archive(struct archive *a, double *x)
{
    uint64_t bits = bits_of(*x);
    archive_u64(a, &bits);
    memcpy(x, &bits, sizeof *x);
    if (a->reading && !archive_need(a, isfinite(*x) && *x >= 0, "a variance of the state is none"))
        *x = 0;
}

static void estimate_archive(struct archive *a, struct view_estimate *m)
{
    archive_u64(a, &m->samples);
    archive_u64(a, &m->live);
    archive_u64(a, &m->coarsest);
    variance_archive(a, &m->allocations);
    variance_archive(a, &m->bytes);
    variance_archive(a, &m->live_blocks);
    variance_archive(a, &m->live_bytes);
    variance_archive(a, &m->peak_bytes);
    variance_archive(a, &m->frees);
    variance_archive(a, &m->heaviest);
}

static void sites_estimates_archive(struct archive *a, struct graph *g)
{
    struct sampling *s = g->sampling;
    size_t n = a->reading ? 0 : s->sites_capacity < g->n_sites ? s->sites_capacity : g->n_sites;
    while (n && !s->sites[n - 1].samples)
        n--;
    archive_count(a, &n, g->n_sites);
    if (a->reading) {
        s->sites = archive_room(a, n, sizeof *s->sites);
        s->sites_capacity = s->sites ? n : 0;
        n = s->sites_capacity;
    }
    for (size_t i = 0; i < n && !archive_bad(a); i++) {
        bool any = s->sites[i].samples;
        archive_bool(a, &any);
        if (any)
            estimate_archive(a, &s->sites[i]);
    }
}

static void rates_archive(struct archive *a, struct sampling *s)
{
    archive_size(a, &s->n_rates);
    if (!archive_need(a, s->n_rates && s->n_rates <= RATES_MAX + 1, "more rates than there may be"))
        s->n_rates = 1;
    for (size_t i = 1; i < s->n_rates; i++) {
        archive_u64(a, &s->rates[i]);
        archive_need(a, s->rates[i], "a rate of the state is none");
    }
    archive_u64(a, &s->locks_every);
    archive_u64(a, &s->copies_every);
    archive_u64(a, &s->copy_largest);
    archive_u64(a, &s->changes);
}

static void threads_rates_archive(struct archive *a, struct graph *g)
{
    for (size_t i = 1; i < g->n_threads && !archive_bad(a); i++) {
        uint32_t rate = g->threads[i]->rate;
        archive_index(a, &rate, g->sampling->n_rates);
        g->threads[i]->rate = (uint8_t)rate;
        archive_u32(a, &g->threads[i]->locks_every);
        archive_u32(a, &g->threads[i]->copies_every);
    }
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++) {
        archive_u64(a, &g->processes[i]->more_blocks);
        archive_u64(a, &g->processes[i]->more_bytes);
        archive_u64(a, &g->processes[i]->more_allocations);
    }
}

/* Which blocks are samples: behind the pool, in order of their numbers. */
static void blocks_rates_archive(struct archive *a, struct graph *g)
{
    for (uint32_t number = 1; number <= archive_blocks(g) && !archive_bad(a); number++) {
        uint32_t place = archive_block_at(g, number), rate = pool_at(&g->pool, place)->rate;
        struct block *b = pool_at(&g->pool, place);
        archive_index(a, &rate, g->sampling->n_rates);
        b->rate = rate & 255;
        if (rate && b->flags & BLOCK_NOTED)
            archive_u64(a, &pool_note(&g->pool, place)->drawn);
    }
}

void sampling_archive(struct archive *a, struct graph *g)
{
    bool any = g->sampling;
    if (a->version < 2)
        return;
    archive_bool(a, &any);
    if (a->reading && any)
        g->sampling = archive_room(a, 1, sizeof *g->sampling);
    if (!g->sampling)
        return;
    rates_archive(a, g->sampling);
    estimate_archive(a, &g->sampling->all);
    sites_estimates_archive(a, g);
    threads_rates_archive(a, g);
    blocks_rates_archive(a, g);
}
