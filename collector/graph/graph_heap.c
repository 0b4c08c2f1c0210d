/*
 * collector/graph/graph_heap.c - see graph_heap.h.
 */
#include "graph/graph_heap.h"

#include "graph/graph_claims.h"
#include "graph/graph_clocks.h"
#include "graph/graph_cover.h"
#include "graph/graph_custody.h"
#include "graph/graph_drops.h"
#include "graph/graph_facts.h"
#include "graph/graph_handoffs.h"
#include "graph/graph_locks.h"
#include "graph/graph_maps.h"
#include "graph/graph_pointee.h"
#include "graph/graph_sampling.h"
#include "graph/graph_sites.h"

static inline void heap_cut(struct process *p, uint32_t slot, const struct block *b)
{
    table_cut(&p->heap, slot);
    if (p->starts)
        starts_remove(p->starts, b->address, b->size);
}

/* A block that is in no table any more ends. */
static void heap_end(struct graph *g, struct process *p, uint32_t place, const struct block *b)
{
    p->live_blocks--;
    p->live_bytes -= b->size;
    if (graph_likely(!(b->flags & BLOCK_CLONE))) {
        struct site *s = &g->sites[b->site];
        struct view_count n = block_counted(g, place, b);
        s->live_blocks -= n.blocks;
        site_shrink(g, s, !p->ended, n.bytes);
        custody_ended(g, place, b);
        if (graph_unlikely(b->rate))
            sampling_ended(g, p, place);
    }
    pool_give(&g->pool, place);
}

/* What lived at an address that was given out again: dropped where nobody saw. */
static void heap_unseen(struct graph *g, struct process *p, const struct event *e, uint32_t slot, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    heap_cut(p, slot, b);   /* first: who looks around may find clones, and the slot is another's */
    fact_ended(g, e, b, "unseen");
    if (graph_unlikely(b->flags & BLOCK_LOCKS))
        locks_block_unseen(g, e, place);
    g->totals.unseen_drops += block_counts(b) ? block_counted(g, place, b).blocks : 0;
    claims_unseen_dropped(g, p, b);
    if (b->flags & BLOCK_USED)
        clocks_block_gone(g, place);
    heap_end(g, p, place, b);
}

/* Where a block may be put at an address: nothing known lives there any more, nor a clone below what lived there. */
static uint32_t heap_clear(struct graph *g, struct process *p, const struct event *e)
{
    uint32_t place, slot = heap_find(g, p, e->address, &place);
    for (; graph_unlikely(place); slot = heap_find(g, p, e->address, &place))
        heap_unseen(g, p, e, slot, place);
    return slot;
}

static bool drop_went_untold(const struct graph *g, const struct process *p, const struct block *b)
{
    return b->born_ns <= lost_ns(g, p) || !cover_drops_told(g, b->born_ns);
}

/* After a time when releases were not told, or were lost: what still lives by the books where a block now lies went unseen. */
static __attribute__((noinline)) void heap_clear_under(struct graph *g, struct process *p, const struct event *e)
{
    uint64_t start, from = e->address + 1, end = e->address + e->size < e->address ? UINT64_MAX : e->address + e->size;
    while (from < end && starts_between(pointee_index(g, p), from, end, &start)) {
        uint32_t place, slot = heap_find(g, p, start, &place);
        if (place && drop_went_untold(g, p, pool_at(&g->pool, place)))
            heap_unseen(g, p, e, slot, place);
        from = start + 1;
    }
}

static inline bool drops_were_untold(const struct graph *g, const struct process *p)
{
    return graph_unlikely(lost_ns(g, p)) || (graph_unlikely(g->cover != NULL) && g->cover->drops_ns);
}

static void heap_make(struct graph *g, struct process *p, struct thread *t, const struct event *e,
                      uint32_t slot, unsigned family, uint32_t stack)
{
    uint32_t site = site_of_stack(g, stack), place = pool_take(&g->pool);
    struct block *b = pool_at(&g->pool, place);
    struct site *s = &g->sites[site];
    uint64_t id = g->next_block_id++;
    *b = (struct block){ .address = e->address, .size = e->size, .born_ns = e->ns, .id = id,
                         .family = family, .site = site, .maker = t->place & 0xffffff, .rate = t->rate };
    struct view_count n = block_counted(g, place, b);
    heap_put(p, slot, b, place);
    t->last_new = id; /* reading it out of the bit field just written would wait for the store */
    t->made.blocks += n.blocks;
    t->made.bytes += n.bytes;
    p->allocations++;
    p->live_blocks++;
    p->live_bytes += e->size;
    s->allocations += n.blocks;
    s->bytes += n.bytes;
    s->live_blocks += n.blocks;
    site_grow(g, s, !p->ended, n.bytes, e->ns);
    if (graph_unlikely(t->rate))
        sampling_made(g, p, place);
    custody_made(g, t, place, b);
    fact_block(g, FACT_NEW, e, b, NULL);
}

bool heap_new(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t place, slot = heap_find(g, p, e->address, &place);
    if (graph_unlikely(place)) {
        if (may_wait(g, p, t))
            return false;
        slot = heap_clear(g, p, e);
    }
    if (drops_were_untold(g, p)) {
        heap_clear_under(g, p, e);
        slot = heap_find(g, p, e->address, &place);
    }
    heap_make(g, p, t, e, slot, e->family, e->stack);
    return true;
}

/* What b leaves where it was. */
static inline void heap_bury(struct graph *g, struct process *p, const struct event *e, const struct block *b)
{
    *graves_dig(&p->graves) = (struct grave){
        .address = b->address, .size = b->size, .id = b->id, .born_ns = b->born_ns, .ns = e->ns, .site = b->site,
        .maker = b->maker, .stack = e->stack, .thread = e->thread, .made_family = b->family };
}

static void heap_count_drop(struct graph *g, struct thread *t, const struct event *e, uint32_t place, const struct block *b)
{
    struct view_count n = block_counted(g, place, b);
    t->dropped.blocks += n.blocks;
    t->dropped.bytes += n.bytes;
    if (b->maker == t->place) {
        /* What was made between them is known where all is recorded. */
        g->sites[b->site].temporary += t->last_new == b->id && !b->rate && cover_memory_whole(g, b->born_ns);
    } else if (b->maker && t->place) {
        handoff_count(g, thread_at(g, b->maker), t, g->site_stacks[b->site], e->stack, n,
                      e->ns > b->born_ns ? e->ns - b->born_ns : 0);
        clocks_handed(g, process_at(g, t->process), t, b, e->ns);
    }
}

/* A block that is in no table is dropped by t. */
static void heap_drop_block(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    custody_receive(g, p, t, e, place, b, false);
    g->totals.frees += block_counted(g, place, b).blocks;
    if (graph_likely(!(b->flags & BLOCK_CLONE)))
        heap_count_drop(g, t, e, place, b);
    locks_touched(g, t, b);
    if (graph_unlikely(b->flags & BLOCK_LOCKS))
        locks_block_gone(g, e, place);
    fact_block(g, FACT_DROP, e, b, NULL);
    heap_bury(g, p, e, b);
    heap_end(g, p, place, b);
}

void heap_drop(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t place, slot = heap_find(g, p, e->address, &place);
    if (graph_unlikely(!place)) {
        (*(cover_memory_partial(g) ? &g->cover->unknown_drops : &g->totals.unknown_drops))++;
        fact_unknown(g, e);
        drops_unknown(g, p, t, e);
        return;
    }
    const struct block *b = pool_at(&g->pool, place);
    if (graph_unlikely(!drop_plain(g, e, b, e->extra[0]))) {
        drops_check(g, p, t, e, place);
        slot = heap_find(g, p, e->address, &place); /* it may have found clones */
    }
    heap_cut(p, slot, b);
    heap_drop_block(g, p, t, e, place);
}

/* Gives up the block at an address, if there is one, until the realloc ends. */
static void heap_park(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint64_t address)
{
    uint32_t place, slot = heap_find(g, p, address, &place);
    t->pending = (struct pending){ .open = true, .address = address, .block = place, .stack = e->stack, .ns = e->ns };
    if (!place) {
        if (e->type == EVENT_REALLOC_BEGIN)
            drops_unknown(g, p, t, e);
        return;
    }
    struct block *b = pool_at(&g->pool, place);
    if (graph_unlikely(!drop_plain(g, e, b, 0)))
        drops_check(g, p, t, e, place);
    else if (graph_unlikely(b->maker != t->place))
        clocks_use(g, p, t, e, place, CLOCKS_MOVE, 0, b->size);
    custody_receive(g, p, t, e, place, b, true);
    t->pending.size = b->size;
    b->flags |= BLOCK_PARKED;
    slot = heap_find(g, p, address, &place);
    heap_cut(p, slot, b);
}

/* The realloc failed, or was cut short by the end of the process. */
static void heap_unpark(struct graph *g, struct process *p, const struct event *e, uint32_t place)
{
    struct block *b = pool_at(&g->pool, place);
    uint32_t other, slot = heap_find(g, p, b->address, &other);
    b->flags &= ~BLOCK_PARKED;
    if (!other) {
        heap_put(p, slot, b, place);
        return;
    }
    fact_ended(g, e, b, "unseen");   /* its place was given out: it cannot be there */
    if (b->flags & BLOCK_LOCKS)
        locks_block_unseen(g, e, place);
    g->totals.unseen_drops += block_counts(b) ? block_counted(g, place, b).blocks : 0;
    if (b->flags & BLOCK_USED)
        clocks_block_gone(g, place);
    heap_end(g, p, place, b);
}

void pending_drop(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    struct pending q = t->pending;
    t->pending.open = false;
    if (!q.open || !q.block)
        return;
    struct event by_thread = *e;
    by_thread.thread = t->serial;
    by_thread.stack = q.stack;
    by_thread.family = q.map ? WIRE_MREMAP : WIRE_REALLOC;
    if (q.map) {
        maps_drop_parked(g, p, t, &by_thread, q.block);
        return;
    }
    if (pool_at(&g->pool, q.block)->flags & BLOCK_USED)
        clocks_block_gone(g, q.block);
    heap_drop_block(g, p, t, &by_thread, q.block);
}

void pending_restore(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    struct pending q = t->pending;
    t->pending.open = false;
    if (!q.open || !q.block)
        return;
    if (q.map)
        maps_put(g, p, t, e, q.block);
    else
        heap_unpark(g, p, e, q.block);
}

void heap_realloc_begin(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    pending_drop(g, p, t, e);
    if (t->place)
        heap_park(g, p, t, e, e->address);
}

static void heap_relocate(struct graph *g, struct process *p, const struct event *e, struct pending q)
{
    struct block *b = pool_at(&g->pool, q.block);
    uint64_t old_size = b->size, old_address = b->address;
    b->flags &= ~(BLOCK_PARKED | BLOCK_USABLE);
    if (old_address != e->address) {
        struct event begin = *e;
        begin.ns = q.ns;
        begin.stack = q.stack;
        heap_bury(g, p, &begin, b);
        if (b->flags & BLOCK_LOCKS)
            locks_block_gone(g, &begin, q.block);
    } else if (b->flags & BLOCK_LOCKS && e->size < old_size) {
        locks_part_gone(g, e, q.block, e->address + e->size, old_size - e->size);
    }
    if (drops_were_untold(g, p))
        heap_clear_under(g, p, e);
    uint32_t slot = heap_clear(g, p, e);    /* only now: who looks around may find clones */
    struct view_count was = block_counted(g, q.block, b);
    uint64_t grown = e->size > old_size ? e->size - old_size : 0;
    if (graph_unlikely(b->rate))
        grown = sampling_resize(g, q.block, e->size);
    b->address = e->address;
    b->size = e->size;
    heap_put(p, slot, b, q.block);
    p->live_bytes += e->size - old_size;
    struct view_count is = block_counted(g, q.block, b);
    g->totals.reallocations += was.blocks;      /* as likely to be told as the block that it was */
    g->moves_by[MOVE_REALLOC] += was.blocks - 1;
    if (!(b->flags & BLOCK_CLONE)) {
        struct site *s = &g->sites[b->site];
        s->bytes += grown;
        if (is.bytes > was.bytes)
            site_grow(g, s, !p->ended, is.bytes - was.bytes, e->ns);
        else
            site_shrink(g, s, !p->ended, was.bytes - is.bytes);
        if (graph_unlikely(b->rate)) {  /* one that was likelier stands for fewer */
            s->allocations += is.blocks - was.blocks;
            s->live_blocks += is.blocks - was.blocks;
            thread_at(g, b->maker)->made.blocks += is.blocks - was.blocks;
            p->more_allocations += is.blocks - was.blocks;
            p->more_blocks += is.blocks - was.blocks;
            p->more_bytes += (is.bytes - was.bytes) - (e->size - old_size);
        }
        custody_resized(g, q.block, b, is.blocks - was.blocks, is.bytes - was.bytes);
    }
    fact_relocated(g, e, b, old_address, old_size, e->stack ? e->stack : q.stack);
}

bool heap_realloc_end(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    bool mine = t->pending.open && !t->pending.map && t->pending.address == e->extra[0];
    uint32_t there;
    if (e->address && (mine || e->address != e->extra[0])) {
        heap_find(g, p, e->address, &there);
        if (there && may_wait(g, p, t))
            return false;
        if (there)
            heap_clear(g, p, e);
    }
    if (!mine) {   /* its beginning was lost */
        pending_drop(g, p, t, e);
        heap_park(g, p, t, e, e->extra[0]);
    }
    struct pending q = t->pending;
    t->pending.open = false;
    if (!e->address) {
        if (q.block)
            heap_unpark(g, p, e, q.block);
        return true;
    }
    if (q.block) {
        heap_relocate(g, p, e, q);
        return true;
    }
    if (drops_were_untold(g, p))
        heap_clear_under(g, p, e);
    heap_make(g, p, t, e, heap_clear(g, p, e), WIRE_REALLOC, e->stack ? e->stack : q.stack);
    return true;
}
