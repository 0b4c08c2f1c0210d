/*
 * collector/graph/graph_forks.c - see graph_forks.h.
 */
#include "graph/graph_forks.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_custody.h"
#include "graph/graph_facts.h"
#include "graph/graph_maps.h"
#include "graph/graph_modules.h"

void frozen_put(struct frozen *f)
{
    if (!f || --f->users)
        return;
    table_clear(&f->table);
    free(f->blocks);
    starts_free(f->starts);
    free(f->ids);
    modules_leave(f->modules);
    free(f);
}

static void frozen_unlist(struct graph *g, struct frozen *f)
{
    struct frozen **link = &g->frozen_first, *before = NULL;
    for (; *link != f; link = &(*link)->next)
        before = *link;
    *link = f->next;
    if (g->frozen_last == f)
        g->frozen_last = before;
    g->n_frozen--;
    g->frozen_blocks -= f->n;
    frozen_put(f);
}

static int compare_blocks(const void *a, const void *b)
{
    uint64_t x = ((const struct block *)a)->id, y = ((const struct block *)b)->id;
    return (x > y) - (x < y);
}

static void frozen_copy(struct graph *g, struct frozen *f, const struct process *p)
{
    uint32_t n = 0;
    f->blocks = xmalloc(((size_t)p->heap.used + p->maps.used + 1) * sizeof *f->blocks);
    table_copy(&f->table, &p->heap);
    for (uint32_t i = 0; i < table_slots(&f->table); i++) {
        uint32_t *place = &f->table.buckets[i / BUCKET_SLOTS].place[i % BUCKET_SLOTS];
        if (!*place)
            continue;
        f->blocks[n] = *pool_at(&g->pool, *place);
        f->heap_bytes += f->blocks[n].size;
        *place = ++n;
    }
    f->n_heap = n;
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block)
            f->blocks[n++] = *pool_at(&g->pool, p->maps.nodes[i].block);
    qsort(f->blocks + f->n_heap, n - f->n_heap, sizeof *f->blocks, compare_blocks);
    f->n = n;
}

void forks_freeze(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    if (p->inherit)
        forks_touch_all(g, p);
    while (g->frozen_first && (g->n_frozen >= FROZEN_MAX || g->frozen_blocks > FROZEN_BLOCKS_MAX))
        frozen_unlist(g, g->frozen_first);
    struct frozen *f = xcalloc(1, sizeof *f);
    frozen_copy(g, f, p);
    f->process = p->place;
    f->thread = t->place;
    f->users = 1;
    f->fork_ns = e->ns;
    f->modules = modules_share(p->modules);
    f->base_id = g->next_block_id;
    g->next_block_id += f->n;
    if (g->frozen_last)
        g->frozen_last->next = f;
    else
        g->frozen_first = f;
    g->frozen_last = f;
    g->n_frozen++;
    g->frozen_blocks += f->n;
}

void forks_forked(struct graph *g, const struct process *p, const struct thread *t, uint64_t pid)
{
    struct frozen *f = g->frozen_first;
    while (f && (f->process != p->place || f->thread != t->place || f->pid))
        f = f->next;
    if (!f)
        return;
    if (pid == (uint64_t)-1 || !(uint32_t)pid || f->claimed)
        frozen_unlist(g, f);
    else
        f->pid = (uint32_t)pid;
}

/* The fork that a child with this pid came of: the parent said so, or it is
 * the oldest one that no child claimed and whose parent has not said yet. */
static struct frozen *frozen_for(const struct graph *g, uint32_t parent, uint32_t pid)
{
    struct frozen *open = NULL;
    for (struct frozen *f = g->frozen_first; f; f = f->next) {
        if (f->process != parent || f->claimed)
            continue;
        if (f->pid && f->pid == pid)
            return f;
        if (!f->pid && !open)
            open = f;
    }
    return open;
}

void forks_claim(struct graph *g, struct process *child, uint32_t parent_serial, const struct thread *t)
{
    uint32_t parent = dict_get(&g->process_of, parent_serial);
    struct frozen *f = parent ? frozen_for(g, parent, child->pid) : NULL;
    if (!child->modules)
        child->modules = modules_share(f ? f->modules : process_at(g, parent)->modules);
    child->clocks.unseen |= process_at(g, parent)->clocks.unseen;
    child->usable_asked |= parent && process_at(g, parent)->usable_asked;
    child->usable_untold |= parent && process_at(g, parent)->usable_untold;
    if (!f || child->inherit)
        return;
    f->claimed = true;
    f->users++;
    if (f->pid)
        frozen_unlist(g, f);
    child->inherit = xcalloc(1, sizeof *child->inherit);
    *child->inherit = (struct inherit){ .frozen = f, .touched = xcalloc(1, f->n / 8 + 1), .maker = t->place };
    child->live_blocks += f->n_heap;
    child->live_bytes += f->heap_bytes;
}

void forks_release(struct process *child)
{
    if (!child->inherit)
        return;
    frozen_put(child->inherit->frozen);
    free(child->inherit->touched);
    free(child->inherit);
    child->inherit = NULL;
}

void forks_clear(struct graph *g)
{
    while (g->frozen_first)
        frozen_unlist(g, g->frozen_first);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint64_t frozen_clone_id(struct frozen *f, uint64_t id)
{
    if (!f->ids) {
        f->ids = xmalloc(f->n * sizeof *f->ids);
        for (uint32_t i = 0; i < f->n; i++)
            f->ids[i] = f->blocks[i].id;
        qsort(f->ids, f->n, sizeof *f->ids, compare_ids);
    }
    uint32_t low = 0, high = f->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (f->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return f->base_id + low;
}

bool forks_clone(const struct process *p, uint32_t i, struct block *clone, uint64_t *cloned_from)
{
    const struct inherit *h = p->inherit;
    if (h->touched[i / 8] & 1u << i % 8)
        return false;
    *clone = h->frozen->blocks[i];
    *cloned_from = clone->id;
    clone->id = frozen_clone_id(h->frozen, clone->id);
    clone->flags = (clone->flags & (BLOCK_MAP | BLOCK_USABLE)) | BLOCK_CLONE;
    clone->born_ns = h->frozen->fork_ns;
    clone->maker = h->maker & 0xffffff;
    clone->rate = 0;
    return true;
}

/* Makes the i-th frozen block a block, in no table yet; 0: it was one before. */
static uint32_t forks_touch(struct graph *g, struct process *p, uint32_t i)
{
    struct block clone;
    uint64_t from;
    if (!forks_clone(p, i, &clone, &from))
        return 0;
    p->inherit->touched[i / 8] |= (uint8_t)(1u << i % 8);
    uint32_t place = pool_take(&g->pool);
    *pool_at(&g->pool, place) = clone;
    pool_note(&g->pool, place)->cloned_from = from;
    custody_made(g, thread_at(g, clone.maker), place, &clone);
    return place;
}

/* A clone whose place the child gave out before its start was known is none. */
static void forks_drop(struct graph *g, struct process *p, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    if (!(b->flags & BLOCK_MAP)) {
        p->live_blocks--;
        p->live_bytes -= b->size;
    }
    pool_give(&g->pool, place);
}

static bool forks_place(struct graph *g, struct process *p, uint32_t place)
{
    uint64_t address = pool_at(&g->pool, place)->address;
    uint32_t other, slot = table_probe(&p->heap, &g->pool, address, &other);
    if (other) {
        forks_drop(g, p, place);
        return false;
    }
    table_put(&p->heap, slot, address, place);
    if (p->starts)
        starts_add(p->starts, address, pool_at(&g->pool, place)->size);
    fact_clone(g, pool_at(&g->pool, place), pool_note(&g->pool, place)->cloned_from);
    return true;
}

/* The heap block that was frozen at an address: its place in blocks + 1, 0: none. */
static uint32_t frozen_at(const struct frozen *f, uint64_t address)
{
    uint32_t hash = table_hash(address);
    for (uint32_t at = table_home(&f->table, hash); f->n_heap; at = table_after(&f->table, at)) {
        const struct bucket *b = &f->table.buckets[at];
        for (unsigned match = bucket_match(b->hash, hash); match; match &= match - 1) {
            uint32_t place = b->place[__builtin_ctz(match)];
            if (f->blocks[place - 1].address == address)
                return place;
        }
        if (bucket_match(b->place, 0))
            break;
    }
    return 0;
}

bool forks_touch_heap(struct graph *g, struct process *p, uint64_t address)
{
    uint32_t at = frozen_at(p->inherit->frozen, address);
    uint32_t place = at ? forks_touch(g, p, at - 1) : 0;
    return place && forks_place(g, p, place);
}

bool forks_touch_pointee(struct graph *g, struct process *p, uint64_t address, uint64_t *start)
{
    struct frozen *f = p->inherit->frozen;
    if (!f->starts) {
        f->starts = starts_new();
        for (uint32_t i = 0; i < f->n_heap; i++)
            starts_add(f->starts, f->blocks[i].address, f->blocks[i].size);
    }
    if (!starts_below(f->starts, address, start))
        *start = address;
    uint32_t at = frozen_at(f, *start);
    if (!at || (address != *start && address - *start >= f->blocks[at - 1].size))
        return false;
    return forks_touch_heap(g, p, *start);
}

void forks_touch_maps(struct graph *g, struct process *p)
{
    const struct frozen *f = p->inherit->frozen;
    if (p->inherit->maps_touched)
        return;
    p->inherit->maps_touched = true;
    for (uint32_t i = f->n_heap; i < f->n; i++) {
        uint32_t place = forks_touch(g, p, i);
        uint64_t start, end;
        maps_extent(pool_at(&g->pool, place), &start, &end);
        if (ranges_overlap(&p->maps, start, end)) {
            forks_drop(g, p, place);
        } else {
            ranges_insert(&p->maps, start, end, place);
            fact_clone(g, pool_at(&g->pool, place), pool_note(&g->pool, place)->cloned_from);
        }
    }
}

void forks_touch_all(struct graph *g, struct process *p)
{
    const struct frozen *f = p->inherit->frozen;
    struct block *heap = xmalloc(((size_t)f->n_heap + 1) * sizeof *heap);
    forks_touch_maps(g, p);
    memcpy(heap, f->blocks, f->n_heap * sizeof *heap);
    qsort(heap, f->n_heap, sizeof *heap, compare_blocks);
    for (uint32_t i = 0; i < f->n_heap; i++)
        forks_touch_heap(g, p, heap[i].address);
    free(heap);
    forks_release(p);
}
