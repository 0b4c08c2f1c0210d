/*
 * collector/graph/graph_heaps_archive.c - who has which block, in a checkpoint:
 * lists of threads, tables and ranges of processes. Run by the folding thread.
 *
 * A block's process is its maker's, so only what nobody made says whose it is.
 * Lists, tables and ranges are made again from the blocks; of a range is written
 * what its block does not say, of the index of starts what lived there before.
 */
#include "graph/graph_archive.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_custody.h"
#include "graph/graph_maps.h"

enum { AHEAD = 24 };

/* ---- threads ------------------------------------------------------------------ */

enum { HAS_ARG = 1, HAS_RESULT = 2, ARG_OPEN = 4, HAS_PENDING = 8, PENDING_MAP = 16, HAS_FLAGS = 31 };

static uint8_t flags_of(const struct thread *t)
{
    return (uint8_t)((t->arg.id ? HAS_ARG : 0) | (t->result.id ? HAS_RESULT : 0) | (t->arg_open ? ARG_OPEN : 0) |
                     (t->pending.open ? HAS_PENDING : 0) | (t->pending.open && t->pending.map ? PENDING_MAP : 0));
}

static bool pending_sound(const struct graph *g, const struct thread *t)
{
    const struct block *b = pool_at(&g->pool, t->pending.block);
    return b->flags & BLOCK_PARKED && !(b->flags & BLOCK_SEEN) && !(b->flags & BLOCK_MAP) == !t->pending.map &&
           (!b->maker || thread_at(g, b->maker)->process == t->process);
}

/* Loading: a parked block is marked when its thread is found. */
static void pending_archive(struct archive *a, struct graph *g, struct thread *t)
{
    struct pending *q = &t->pending;
    archive_u64(a, &q->address);
    archive_u64(a, &q->size);
    archive_u64(a, &q->ns);
    archive_u32(a, &q->stack);
    archive_block(a, g, &q->block);
    if (!a->reading || !q->block || !archive_need(a, pending_sound(g, t), "a thread moves a block that it does not have"))
        return;
    pool_at(&g->pool, q->block)->flags |= BLOCK_SEEN;
}

static void thread_archive(struct archive *a, struct graph *g, struct thread *t)
{
    uint8_t flags = flags_of(t);
    archive_u8(a, &flags);
    archive_need(a, !(flags & ~HAS_FLAGS), "a thread of the state makes no sense");
    archive_u64(a, &t->arg_ns);
    if (a->reading) {
        t->arg_open = flags & ARG_OPEN;
        t->pending.open = flags & HAS_PENDING;
        t->pending.map = flags & PENDING_MAP;
    }
    if (flags & HAS_ARG)
        archive_held(a, g, &t->arg);
    if (flags & HAS_RESULT)
        archive_held(a, g, &t->result);
    if (flags & HAS_PENDING)
        pending_archive(a, g, t);
}

/* No block is parked that no thread will put down. */
static void parked_check(struct archive *a, struct graph *g)
{
    uint32_t marked = 0;
    for (size_t i = 0; i < g->n_threads; i++) {
        const struct pending *q = &g->threads[i]->pending;
        if (!q->open || !q->block)
            continue;
        pool_at(&g->pool, q->block)->flags &= ~BLOCK_SEEN & 255;
        marked++;
    }
    archive_need(a, marked == g->pool.parked, "a block is moved by no thread");
}

/* What threads own, who list it: all but the first of an image. */
static void owned_make(struct graph *g)
{
    bool any = false;
    for (size_t i = 0; i < g->n_threads; i++)
        any |= g->threads[i]->tracked;
    if (!any)
        return;
    for (int fill = 0; fill < 2; fill++) {
        for (size_t i = 0; i < g->n_threads; i++) {
            struct thread *t = g->threads[i];
            if (fill && t->n_owned)
                t->owned = xmalloc(t->n_owned * sizeof *t->owned);
            t->owned_capacity = t->n_owned;
            t->n_owned = 0;
        }
        for (uint32_t i = 1; i < g->pool.next; i++) {
            struct thread *t = thread_at(g, block_owner(g, i, pool_at(&g->pool, i)));
            if (t->tracked && fill)
                t->owned[t->n_owned++] = i;
            else
                t->n_owned += t->tracked;
        }
    }
}

void custody_archive(struct archive *a, struct graph *g)
{
    for (size_t i = 0; i < g->n_threads && !archive_bad(a); i++)
        thread_archive(a, g, g->threads[i]);
    if (!a->reading || archive_bad(a))
        return;
    parked_check(a, g);
    if (!archive_bad(a))
        owned_make(g);
}

/* ---- processes ------------------------------------------------------------------- */

static bool in_table(const struct block *b) { return !(b->flags & (BLOCK_MAP | BLOCK_PARKED)); }
static bool in_ranges(const struct block *b) { return (b->flags & (BLOCK_MAP | BLOCK_PARKED)) == BLOCK_MAP; }
static bool made_by_nobody(const struct block *b) { return !b->maker && in_table(b); }

/* Saving: the process of each heap block, by place. */
static uint32_t *processes_take(const struct graph *g)
{
    uint32_t *process = xcalloc((size_t)g->pool.next + 1, sizeof *process);
    for (size_t i = 0; i < g->n_processes; i++)
        for (uint32_t slot = 0; slot < table_slots(&g->processes[i]->heap); slot++)
            process[table_place(&g->processes[i]->heap, slot)] = (uint32_t)i;
    return process;
}

/* Loading: process[n] is that of the block with number n, when nobody made it. */
static void unmade_archive(struct archive *a, struct graph *g, uint32_t *process)
{
    uint32_t *of = NULL;
    if (!g->pool.unmade)
        return;
    for (uint32_t i = 1; i <= archive_blocks(g) && !archive_bad(a); i++) {
        uint32_t place = archive_block_at(g, i);
        if (!made_by_nobody(pool_at(&g->pool, place)))
            continue;
        if (!a->reading && !of)
            of = processes_take(g);
        process[i] = of ? of[place] : 0;
        archive_index(a, &process[i], g->n_processes);
    }
    free(of);
}

/* Loading: the process of the block with a number. */
static inline struct process *block_process(const struct graph *g, const uint32_t *unmade, uint32_t number)
{
    const struct block *b = pool_at(&g->pool, number);
    return process_at(g, b->maker ? thread_at(g, b->maker)->process : unmade[number]);
}

static void tables_size(struct graph *g, const uint32_t *unmade)
{
    uint32_t *n = xcalloc(g->n_processes, sizeof *n);
    for (uint32_t i = 1; i <= archive_blocks(g); i++)
        n[block_process(g, unmade, i)->place] += in_table(pool_at(&g->pool, i));
    for (size_t i = 0; i < g->n_processes; i++)
        if (n[i])
            table_make(&g->processes[i]->heap, n[i]);
    free(n);
}

static void bucket_fetch(const struct graph *g, const uint32_t *unmade, uint32_t number)
{
    const struct table *t = &block_process(g, unmade, number)->heap;
    if (t->n_buckets)
        __builtin_prefetch(&t->buckets[table_home(t, table_hash(pool_at(&g->pool, number)->address))], 1);
}

static void tables_make(struct archive *a, struct graph *g, const uint32_t *unmade)
{
    uint32_t n = archive_blocks(g);
    tables_size(g, unmade);
    for (uint32_t i = 1; i <= n; i++) {
        const struct block *b = pool_at(&g->pool, i);
        struct process *p = block_process(g, unmade, i);
        uint32_t other, slot;
        if (i + AHEAD <= n)
            bucket_fetch(g, unmade, i + AHEAD);
        if (!in_table(b))
            continue;
        slot = table_probe(&p->heap, &g->pool, b->address, &other);
        if (!archive_need(a, !other, "two blocks of the state have one address"))
            return;
        table_put(&p->heap, slot, b->address, i);
    }
}

/* A mapping as it is written: its block, and how far its range is not that of the block. */
struct row { uint64_t id, start, end; uint32_t block; };

static int compare_rows(const void *a, const void *b)
{
    uint64_t x = ((const struct row *)a)->id, y = ((const struct row *)b)->id;
    return (x > y) - (x < y);
}

static void ranges_take(const struct graph *g, const struct process *p, struct row *rows)
{
    size_t n = 0;
    for (uint32_t at = 1; at < p->maps.next; at++) {
        const struct range *r = &p->maps.nodes[at];
        const struct block *b = pool_at(&g->pool, r->block);
        uint64_t start, end;
        if (!r->block)
            continue;
        maps_extent(b, &start, &end);
        rows[n++] = (struct row){ .id = b->id, .start = r->start - start, .end = r->end - end, .block = r->block };
    }
    if (n)
        qsort(rows, n, sizeof *rows, compare_rows);
}

/* A range that is put is marked at its block. */
static void range_put(struct archive *a, struct graph *g, struct process *p, const struct row *row)
{
    struct block *b = pool_at(&g->pool, row->block);
    uint64_t start, end;
    bool of = row->block && in_ranges(b) && !(b->flags & BLOCK_SEEN) && (!b->maker || thread_at(g, b->maker)->process == p->place);
    if (!archive_need(a, of, "a range of the state has no block"))
        return;
    maps_extent(b, &start, &end);
    start += row->start;
    end += row->end;
    if (!archive_need(a, start < end && !ranges_overlap(&p->maps, start, end), "ranges of the state overlap"))
        return;
    ranges_insert(&p->maps, start, end, row->block);
    b->flags |= BLOCK_SEEN;
}

static void ranges_archive(struct archive *a, struct graph *g, struct process *p)
{
    size_t n = p->maps.used;
    archive_count(a, &n, archive_blocks(g));
    struct row *rows = a->reading ? archive_room(a, n, sizeof *rows) : xcalloc(n + 1, sizeof *rows);
    if (!rows)
        return;
    if (!a->reading)
        ranges_take(g, p, rows);
    ARCHIVE_FIELD(a, rows, n, start);
    ARCHIVE_FIELD(a, rows, n, end);
    ARCHIVE_BLOCK(a, g, rows, n, block);
    for (size_t i = 0; a->reading && i < n && !archive_bad(a); i++)
        range_put(a, g, p, &rows[i]);
    free(rows);
}

/* Every mapping lies in a range. */
static void mapped_check(struct archive *a, struct graph *g)
{
    uint32_t marked = 0;
    for (size_t i = 0; i < g->n_processes; i++) {
        const struct ranges *r = &g->processes[i]->maps;
        for (uint32_t at = 1; at < r->next; at++)
            pool_at(&g->pool, r->nodes[at].block)->flags &= ~BLOCK_SEEN & 255;
        marked += r->used;
    }
    archive_need(a, marked == g->pool.mapped, "a mapping of the state lies nowhere");
}

/* What ever lay where, of those processes that were asked. */
static void index_archive(struct archive *a, struct process *p)
{
    bool asked = p->starts;
    archive_bool(a, &asked);
    if (!asked)
        return;
    if (a->reading)
        p->starts = starts_new();
    starts_archive(a, p->starts);
}

/* What lives lies there, too. In order of ids, neighbours in which are often neighbours in memory. */
static void indexes_fill(struct archive *a, struct graph *g, const uint32_t *unmade)
{
    bool any = false;
    for (size_t i = 0; i < g->n_processes; i++)
        any |= g->processes[i]->starts != NULL;
    for (uint32_t i = 1; any && i <= archive_blocks(g) && !archive_bad(a); i++) {
        const struct block *b = pool_at(&g->pool, i);
        struct starts *s = block_process(g, unmade, i)->starts;
        if (s && in_table(b))
            starts_archive_add(a, s, b->address, b->size);
    }
}

void heaps_archive(struct archive *a, struct graph *g)
{
    uint32_t *unmade = xcalloc((size_t)archive_blocks(g) + 1, sizeof *unmade);
    unmade_archive(a, g, unmade);
    if (a->reading && !archive_bad(a))
        tables_make(a, g, unmade);
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++)
        ranges_archive(a, g, g->processes[i]);
    if (a->reading && !archive_bad(a))
        mapped_check(a, g);
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++)
        index_archive(a, g->processes[i]);
    if (a->reading && !archive_bad(a))
        indexes_fill(a, g, unmade);
    free(unmade);
}
