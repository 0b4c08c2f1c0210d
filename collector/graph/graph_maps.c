/*
 * collector/graph/graph_maps.c - see graph_maps.h.
 */
#include "graph/graph_maps.h"

#include "graph/graph_custody.h"
#include "graph/graph_facts.h"
#include "graph/graph_forks.h"
#include "graph/graph_handoffs.h"
#include "graph/graph_heap.h"
#include "graph/graph_locks.h"
#include "graph/graph_sites.h"

static uint64_t add_capped(uint64_t a, uint64_t b) { return a + b < a ? UINT64_MAX : a + b; }

/* The kernel maps whole pages. */
static void pages_of(uint64_t address, uint64_t bytes, uint64_t *start, uint64_t *end)
{
    enum { PAGE = 4096 };
    uint64_t last = add_capped(address, bytes ? bytes : 1);
    *start = address;
    *end = last > UINT64_MAX - PAGE ? UINT64_MAX : (last + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (*end <= *start)   /* the last byte there is */
        *start = *end - 1;
}

void maps_extent(const struct block *b, uint64_t *start, uint64_t *end)
{
    pages_of(b->address, b->size, start, end);
}

void maps_count(struct graph *g, const struct process *p, const struct block *b, uint64_t bytes)
{
    if (b->flags & BLOCK_CLONE)
        return;
    g->totals.mapped_bytes += bytes;
    if (p->ended)
        return;
    g->mapped_running += bytes;
    if (g->mapped_running > g->totals.mapped_peak_bytes)
        g->totals.mapped_peak_bytes = g->mapped_running;
}

uint32_t maps_at(struct graph *g, struct process *p, uint64_t address)
{
    if (p->inherit)
        forks_touch_maps(g, p);
    uint32_t at = ranges_overlap(&p->maps, address, add_capped(address, 1));
    return at ? p->maps.nodes[at].block : 0;
}

/* A block that is in no range ends by t's hand. */
static void maps_end(struct graph *g, struct process *p, struct thread *t, const struct event *e,
                     uint32_t place, const char *by)
{
    const struct block *b = pool_at(&g->pool, place);
    custody_receive(g, p, t, e, place, b, false);
    if (!(b->flags & BLOCK_CLONE) && b->maker && t->place && b->maker != t->place)
        handoff_count(g, thread_at(g, b->maker), t, g->site_stacks[b->site], e->stack, (struct view_count){ 1, b->size },
                      e->ns > b->born_ns ? e->ns - b->born_ns : 0);
    locks_touched(g, t, b);
    if (b->flags & BLOCK_LOCKS && by)
        locks_block_unseen(g, e, place);   /* mapped over: the unmapping may have been unseen */
    else if (b->flags & BLOCK_LOCKS)
        locks_block_gone(g, e, place);
    fact_block(g, FACT_DROP, e, b, by);
    maps_count(g, p, b, 0 - b->size);
    pool_give(&g->pool, place);
}

void maps_drop_parked(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place)
{
    maps_end(g, p, t, e, place, NULL);
}

/* A new block for the part of b from `address` on; in no range yet. */
static uint32_t maps_split(struct graph *g, const struct event *e, uint32_t from, uint64_t address, uint64_t bytes)
{
    uint32_t place = pool_take(&g->pool);
    struct block *b = pool_at(&g->pool, from), *part = pool_at(&g->pool, place);
    *part = *b;
    part->flags &= BLOCK_MAP | BLOCK_CLONE;
    part->id = g->next_block_id++;
    part->address = address;
    part->size = bytes;
    if (b->flags & BLOCK_NOTED) {
        struct note note = g->pool.notes[dict_get(&g->pool.note_of, from)];
        *pool_note(&g->pool, place) = note;
    }
    custody_made(g, thread_at(g, block_owner(g, place, part)), place, part);
    if (b->flags & BLOCK_LOCKS)
        locks_block_split(g, from, place);
    fact_block(g, FACT_NEW, e, part, "split");
    return place;
}

/* Takes [start, end) out of the range `at`, which it covers in part. */
static void maps_trim(struct graph *g, struct process *p, const struct event *e, uint32_t at, uint64_t start, uint64_t end)
{
    struct range was = p->maps.nodes[at];
    struct block *b = pool_at(&g->pool, was.block);
    uint64_t asked_end = add_capped(b->address, b->size), left = 0, size = b->size;
    uint64_t cut_start = start > was.start ? start : was.start, cut_end = end < was.end ? end : was.end;
    uint64_t above = asked_end > cut_end ? asked_end - cut_end : 0;
    if (b->flags & BLOCK_LOCKS)
        locks_part_gone(g, e, was.block, cut_start, cut_end - cut_start);
    if (was.start < cut_start) {
        p->maps.nodes[at].end = cut_start;
        b->size = cut_start - b->address < size ? cut_start - b->address : size;
        left = b->size;
        if (cut_end < was.end) {
            uint32_t part = maps_split(g, e, was.block, cut_end, above);
            ranges_insert(&p->maps, cut_end, was.end, part);
            left += above;
        }
    } else {
        p->maps.nodes[at].start = cut_end;
        b->address = cut_end;
        b->size = left = above;
    }
    maps_count(g, p, b, left - size);
    fact_part(g, e, b, cut_start, size - left);
}

/* Everything mapped in [start, end) goes by t's hand; false if nothing was. */
static bool maps_cover(struct graph *g, struct process *p, struct thread *t, const struct event *e,
                       uint64_t start, uint64_t end, const char *by)
{
    bool any = false;
    if (p->inherit)
        forks_touch_maps(g, p);
    for (uint32_t at; (at = ranges_overlap(&p->maps, start, end)) != 0; any = true) {
        struct range r = p->maps.nodes[at];
        if (start > r.start || end < r.end) {
            maps_trim(g, p, e, at, start, end);
            continue;
        }
        ranges_remove(&p->maps, at);
        maps_end(g, p, t, e, r.block, by);
    }
    return any;
}

void maps_put(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place)
{
    struct block *b = pool_at(&g->pool, place);
    uint64_t start, end;
    maps_extent(b, &start, &end);
    maps_cover(g, p, t, e, start, end, "replaced");
    b->flags &= ~BLOCK_PARKED;
    ranges_insert(&p->maps, start, end, place);
}

static void maps_make(struct graph *g, struct process *p, struct thread *t, const struct event *e, unsigned family)
{
    uint32_t place = pool_take(&g->pool);
    struct block *b = pool_at(&g->pool, place);
    *b = (struct block){ .address = e->address, .size = e->size, .born_ns = e->ns, .flags = BLOCK_MAP,
                         .family = family, .site = site_of_stack(g, e->stack), .maker = t->place };
    b->id = g->next_block_id++;
    maps_put(g, p, t, e, place);
    t->last_new = b->id;
    g->totals.maps++;
    maps_count(g, p, b, b->size);
    custody_made(g, t, place, b);
    fact_block(g, FACT_NEW, e, b, NULL);
}

bool maps_new(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint64_t start, end;
    pages_of(e->address, e->size, &start, &end);
    if (p->inherit)
        forks_touch_maps(g, p);
    if (ranges_overlap(&p->maps, start, end) && may_wait(g, p, t))
        return false;
    maps_make(g, p, t, e, e->family);
    return true;
}

void maps_drop(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint64_t start, end;
    pages_of(e->address, e->extra[0] ? e->extra[0] : e->size, &start, &end);
    if (maps_cover(g, p, t, e, start, end, NULL)) {
        g->totals.unmaps++;
        return;
    }
    g->totals.unknown_drops++;
    fact_unknown(g, e);
}

/* Gives up the mapping that an address lies in until the mremap ends. */
static void maps_park(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint64_t address)
{
    uint32_t place = maps_at(g, p, address);
    t->pending = (struct pending){ .open = true, .map = true, .address = address, .block = place, .stack = e->stack };
    if (!place)
        return;
    struct block *b = pool_at(&g->pool, place);
    custody_receive(g, p, t, e, place, b, true);
    b->flags |= BLOCK_PARKED;
    t->pending.size = b->size;
    ranges_remove(&p->maps, ranges_overlap(&p->maps, address, add_capped(address, 1)));
}

void maps_remap_begin(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    pending_drop(g, p, t, e);
    if (t->place)
        maps_park(g, p, t, e, e->address);
}

/* Puts back what an mremap of [old, old_end) leaves of a parked block;
 * returns the block that moves. */
static uint32_t maps_carve(struct graph *g, struct process *p, struct thread *t, const struct event *e,
                           uint32_t place, uint64_t old, uint64_t old_end)
{
    struct block *b = pool_at(&g->pool, place);
    uint64_t asked_end = add_capped(b->address, b->size);
    if (asked_end > old_end) {
        uint32_t tail = maps_split(g, e, place, old_end, asked_end - old_end);
        b->size = old_end > b->address ? old_end - b->address : 0;
        maps_put(g, p, t, e, tail);
    }
    if (b->address >= old)
        return place;
    asked_end = add_capped(b->address, b->size);
    uint32_t moved = maps_split(g, e, place, old, asked_end > old ? asked_end - old : 0);
    b->size = old - b->address;
    maps_put(g, p, t, e, place);
    return moved;
}

static void maps_relocate(struct graph *g, struct process *p, struct thread *t, const struct event *e, struct pending q)
{
    uint64_t start, end;
    pages_of(q.address, e->extra[1], &start, &end);
    uint32_t place = maps_carve(g, p, t, e, q.block, start, end);
    struct block *b = pool_at(&g->pool, place);
    uint64_t old_address = b->address, old_size = b->size;
    if (b->flags & BLOCK_LOCKS && old_address != e->address)
        locks_block_gone(g, e, place);
    else if (b->flags & BLOCK_LOCKS && e->size < old_size)
        locks_part_gone(g, e, place, e->address + e->size, old_size - e->size);
    b->address = e->address;
    b->size = e->size;
    maps_put(g, p, t, e, place);
    maps_count(g, p, b, b->size - old_size);
    fact_relocated(g, e, b, old_address, old_size, e->stack ? e->stack : q.stack);
}

bool maps_remap_end(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    bool mine = t->pending.open && t->pending.map && t->pending.address == e->extra[0];
    uint64_t start, end;
    pages_of(e->address, e->size, &start, &end);
    if (p->inherit)
        forks_touch_maps(g, p);
    uint32_t there = e->address ? ranges_overlap(&p->maps, start, end) : 0;
    if (there && (mine || p->maps.nodes[there].block != maps_at(g, p, e->extra[0])) && may_wait(g, p, t))
        return false;
    if (!mine) {   /* its beginning was lost */
        pending_drop(g, p, t, e);
        maps_park(g, p, t, e, e->extra[0]);
    }
    struct pending q = t->pending;
    t->pending.open = false;
    if (e->address && q.block && e->extra[1]) {
        maps_relocate(g, p, t, e, q);
        return true;
    }
    if (q.block)   /* failed, or a second mapping of the same memory */
        maps_put(g, p, t, e, q.block);
    if (e->address)
        maps_make(g, p, t, e, WIRE_MREMAP);
    return true;
}
