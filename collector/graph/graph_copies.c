/*
 * collector/graph/graph_copies.c - see graph_copies.h.
 *
 * Most ends of copies lie in no block and near none: told by the index of
 * starts (graph_starts.h) without a look at any block.
 */
#include "graph/graph_copies.h"

#include "graph/graph_claims.h"
#include "graph/graph_clocks.h"
#include "graph/graph_drops.h"
#include "graph/graph_facts.h"
#include "graph/graph_flows.h"
#include "graph/graph_heap.h"
#include "graph/graph_locks.h"
#include "graph/graph_modules.h"
#include "graph/graph_pointee.h"

enum { LOOK_BYTES = 64 << 20 };    /* so far is looked for a block that a copy runs into */

/* One end of a copy. */
struct end {
    uint64_t address, bytes;
    uint32_t place;     /* of the heap block that it begins in; 0: none */
    bool written;
};

static uint64_t range_end(uint64_t address, uint64_t bytes) { return address + bytes < address ? UINT64_MAX : address + bytes; }

void copies_usable(struct graph *g, struct process *p, const struct event *e)
{
    uint32_t place;
    p->usable_asked = true;
    if (!e->address) {
        p->usable_untold = true;
        return;
    }
    heap_find(g, p, e->address, &place);
    if (!place || pool_at(&g->pool, place)->size >= e->size)
        return;
    pool_note(&g->pool, place)->usable = e->size;
    pool_at(&g->pool, place)->flags |= BLOCK_USABLE;
}

/* ---- rules ------------------------------------------------------------------------- */

static struct view_finding finding_of(enum finding_rule rule, const struct event *e, const struct end *x, const struct block *b)
{
    struct view_finding f = { .rule = (uint8_t)rule, .family = e->family, .address = x->address, .length = x->bytes };
    if (!b)
        return f;
    f.block = b->id;
    f.made_family = b->family;
    f.block_address = b->address;
    f.block_size = b->size;
    f.offset = (int64_t)(x->address - b->address);
    return f;
}

static void note_of_block(struct graph *g, struct process *p, const struct event *e, const struct end *x, const struct block *b)
{
    struct view_finding f = finding_of(RULE_OUT_OF_BOUNDS, e, x, b);
    struct view_evidence evidence[] = { finding_here(e, EVIDENCE_USED), evidence_made(g, b) };
    claim_note(g, p, e, CLAIM_LIVE, b->born_ns, f, evidence, 2);
}

/* pvalloc gives whole pages. */
static bool in_last_page(const struct end *x, const struct block *b)
{
    enum { PAGE = 4096 };
    uint64_t pages = b->size > UINT64_MAX - PAGE ? b->size : (b->size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    return b->family == WIRE_PVALLOC && x->bytes <= pages - (x->address - b->address);
}

/* It begins in b and ends behind it. */
static void past_the_end(struct graph *g, struct process *p, const struct event *e, const struct end *x, const struct block *b)
{
    if (in_last_page(x, b))
        return;
    if (p->usable_untold)
        g->bounds_withheld++;
    else if (block_stale(p, b, x->address))
        g->drops_withheld++;
    else
        note_of_block(g, p, e, x, b);
}

/* It begins in no block that lives: in one that was dropped, or short of the start of one? */
static void outside(struct graph *g, struct process *p, const struct event *e, const struct end *x)
{
    uint64_t start, offset;
    uint32_t place;
    if (drops_used(g, p, e, x->address, x->bytes))
        return;
    uint64_t bytes = x->bytes < LOOK_BYTES ? x->bytes : LOOK_BYTES;
    if (!starts_between(p->starts, x->address, range_end(x->address, bytes), &start) || starts_loose(p->starts))
        return;
    table_probe(&p->heap, &g->pool, start, &place);
    if (!place || modules_at(p, x->address, &offset) || ranges_overlap(&p->maps, x->address, x->address + 1))
        return;
    note_of_block(g, p, e, x, pool_at(&g->pool, place));
}

static bool overlap_allowed(const struct event *e)
{
    switch (e->family & ~(unsigned)WIRE_COPY_CHECKED) {
    case WIRE_COPY_MEMCPY: case WIRE_COPY_MEMPCPY: return e->address == e->extra[0];    /* compilers make them of assignments */
    case WIRE_COPY_STRCPY: case WIRE_COPY_STPCPY: case WIRE_COPY_STRNCPY: case WIRE_COPY_STPNCPY:
    case WIRE_COPY_STRCAT: case WIRE_COPY_STRNCAT: return false;
    default: return true;
    }
}

static void overlapping(struct graph *g, struct process *p, const struct event *e, const struct end *from, const struct end *to)
{
    const struct block *b = to->place ? pool_at(&g->pool, to->place) : NULL;
    struct view_finding f = finding_of(RULE_OVERLAP, e, to, b);
    struct view_evidence evidence[2] = { finding_here(e, EVIDENCE_USED) };
    if (b)
        evidence[1] = evidence_made(g, b);
    claim_note(g, p, e, CLAIM_EVENT, 0, f, evidence, b ? 2 : 1);
}

/* ---- the fold ------------------------------------------------------------------------ */

static void end_use(struct graph *g, struct process *p, struct thread *t, const struct event *e, const struct end *x)
{
    if (!x->place) {
        if (graph_likely(!p->unseen_made))  /* else it may be one of the blocks that nobody saw made: many are asked for */
            outside(g, p, e, x);
        return;
    }
    const struct block *b = pool_at(&g->pool, x->place);
    uint64_t offset = x->address - b->address, room = block_bytes(g, x->place, b) - offset;
    if (graph_unlikely(x->bytes > room) && !block_bytes_unknown(g, x->place, b))
        past_the_end(g, p, e, x, b);
    uint64_t bytes = x->bytes < room ? x->bytes : room;
    fact_copied(g, e, b, offset, bytes, x->written);
    clocks_use(g, p, t, e, x->place, x->written ? CLOCKS_WRITE : CLOCKS_READ, offset, bytes);
    locks_touched(g, t, b);
}

void copies_fold(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    struct end to = { .address = e->address, .bytes = e->size, .written = true };
    struct end from = { .address = e->extra[0], .bytes = e->extra[1] ? e->extra[1] : e->size };
    from.place = heap_pointee(g, p, from.address);
    to.place = heap_pointee(g, p, to.address);
    flows_count(g, t, e, from.place, to.place);
    if (from.address) {
        if (graph_unlikely(from.address < range_end(to.address, to.bytes) && to.address < range_end(from.address, from.bytes)) &&
            !overlap_allowed(e))
            overlapping(g, p, e, &from, &to);
        end_use(g, p, t, e, &from);
    }
    end_use(g, p, t, e, &to);
}

void copies_clear(struct graph *g) { flows_clear(g); }
void view_copies(struct graph *g, struct view *v, unsigned flags) { view_flows(g, v, flags); }
