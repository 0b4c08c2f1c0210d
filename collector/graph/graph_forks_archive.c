/*
 * collector/graph/graph_forks_archive.c - what forks froze in a checkpoint.
 *
 * A frozen copy lies in the order of a table whose key is of this process
 * alone: before it is written, its heap blocks are put in order of ids, once, and
 * with them the bits of the child that has it. When and by whom a block was made
 * shows in no clone (forks_clone), so it is not kept.
 *
 * Loading: a copy has one holder in the list, one child, or both. Run by the
 * folding thread.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_forks.h"

/* ---- in order of ids --------------------------------------------------------- */

struct by_id { uint64_t id; uint32_t at; };

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = ((const struct by_id *)a)->id, y = ((const struct by_id *)b)->id;
    return (x > y) - (x < y);
}

static void touched_reorder(struct inherit *h, const struct by_id *order, uint32_t n_heap)
{
    uint8_t *old = h->touched;
    h->touched = xcalloc(1, h->frozen->n / 8 + 1);
    for (uint32_t i = 0; i < h->frozen->n; i++) {
        uint32_t from = i < n_heap ? order[i].at : i;
        h->touched[i / 8] |= (uint8_t)((old[from / 8] >> from % 8 & 1u) << i % 8);
    }
    free(old);
}

static void frozen_reorder(struct frozen *f, const struct by_id *order)
{
    struct block *blocks = xmalloc(((size_t)f->n + 1) * sizeof *blocks);
    uint32_t *new_of = xcalloc((size_t)f->n_heap + 1, sizeof *new_of);
    memcpy(blocks, f->blocks, f->n * sizeof *blocks);
    for (uint32_t i = 0; i < f->n_heap; i++) {
        blocks[i] = f->blocks[order[i].at];
        new_of[order[i].at] = i + 1;
    }
    for (uint32_t i = 0; i < table_slots(&f->table); i++) {
        uint32_t *place = &f->table.buckets[i / BUCKET_SLOTS].place[i % BUCKET_SLOTS];
        *place = *place ? new_of[*place - 1] : 0;
    }
    free(new_of);
    free(f->blocks);
    f->blocks = blocks;
}

/* `h`: of the child that has it, or NULL. */
static void frozen_sort(struct frozen *f, struct inherit *h)
{
    if (f->sorted)
        return;
    struct by_id *order = xcalloc((size_t)f->n_heap + 1, sizeof *order);
    for (uint32_t i = 0; i < f->n_heap; i++)
        order[i] = (struct by_id){ f->blocks[i].id, i };
    qsort(order, f->n_heap, sizeof *order, compare_ids);
    frozen_reorder(f, order);
    if (h)
        touched_reorder(h, order, f->n_heap);
    f->sorted = true;
    free(order);
}

static void forks_sort(struct graph *g)
{
    for (size_t i = 1; i < g->n_processes; i++)
        if (g->processes[i]->inherit)
            frozen_sort(g->processes[i]->inherit->frozen, g->processes[i]->inherit);
    for (struct frozen *f = g->frozen_first; f; f = f->next)
        frozen_sort(f, NULL);
}

/* ---- one copy ----------------------------------------------------------------- */

/* What is a bit field of struct block. */
struct row { uint64_t id; uint8_t family; bool usable; };

static void rows_take(struct archive *a, struct frozen *f, const struct row *rows)
{
    for (uint32_t i = 0; i < f->n && !archive_bad(a); i++) {
        struct block *b = &f->blocks[i];
        archive_need(a, rows[i].id < f->base_id && (!i || i == f->n_heap || rows[i - 1].id < rows[i].id),
                     "a fork's blocks are in no order");
        b->id = rows[i].id;
        b->family = rows[i].family;
        b->flags = (i < f->n_heap ? 0 : BLOCK_MAP) | (rows[i].usable ? BLOCK_USABLE : 0);
        f->heap_bytes += i < f->n_heap ? b->size : 0;
    }
}

static void blocks_archive(struct archive *a, struct graph *g, struct frozen *f)
{
    struct row *rows = a->reading ? archive_room(a, (size_t)f->n + 1, sizeof *rows) : xcalloc((size_t)f->n + 1, sizeof *rows);
    if (a->reading)
        f->blocks = archive_room(a, (size_t)f->n + 1, sizeof *f->blocks);
    for (uint32_t i = 0; i < f->n && !a->reading; i++)
        rows[i] = (struct row){ f->blocks[i].id, f->blocks[i].family, f->blocks[i].flags & BLOCK_USABLE };
    size_t n = archive_bad(a) ? 0 : f->n;
    ARCHIVE_FIELD(a, rows, n, id);
    ARCHIVE_FIELD(a, f->blocks, n, address);
    ARCHIVE_FIELD(a, f->blocks, n, size);
    ARCHIVE_INDEX(a, f->blocks, n, site, g->n_sites);
    ARCHIVE_FIELD(a, rows, n, family);
    ARCHIVE_INDEX(a, rows, n, usable, 2);
    if (a->reading)
        rows_take(a, f, rows);
    free(rows);
}

/* The table of a copy that was loaded. */
static void frozen_index(struct archive *a, struct frozen *f)
{
    for (uint32_t i = 0; i < f->n_heap && !archive_bad(a); i++) {
        uint64_t address = f->blocks[i].address;
        if (f->table.used == f->table.most)
            table_grow(&f->table);
        if (!archive_need(a, !frozen_at(f, address), "two blocks of a fork are at one address"))
            return;
        uint32_t at = table_home(&f->table, table_hash(address));
        while (!bucket_match(f->table.buckets[at].place, 0))
            at = table_after(&f->table, at);
        unsigned slot = (unsigned)__builtin_ctz(bucket_match(f->table.buckets[at].place, 0));
        table_put(&f->table, at * BUCKET_SLOTS + slot, address, i + 1);
    }
}

static void frozen_archive(struct archive *a, struct graph *g, struct frozen *f)
{
    size_t n = f->n;
    archive_index(a, &f->process, g->n_processes);
    archive_index(a, &f->thread, g->n_threads);
    archive_u32(a, &f->pid);
    archive_bool(a, &f->claimed);
    archive_u64(a, &f->fork_ns);
    archive_u64(a, &f->base_id);
    archive_count(a, &n, UINT32_MAX >> 1);
    archive_index(a, &f->n_heap, n + 1);
    f->n = (uint32_t)n;
    archive_need(a, f->base_id && f->base_id <= g->next_block_id && n <= g->next_block_id - f->base_id &&
                 f->base_id + n <= 1ull << 48,
                 "a fork has ids that were never given");
    blocks_archive(a, g, f);
    if (!a->reading)
        return;
    f->sorted = true;
    frozen_index(a, f);
    if (archive_bad(a))
        f->n = f->n_heap = 0;
}

/* ---- those whose child has not come -------------------------------------------- */

static struct frozen *frozen_load(struct archive *a)
{
    struct frozen *f = archive_room(a, 1, sizeof *f);
    if (f)
        f->users = 1;
    return f;
}

static void listed_archive(struct archive *a, struct graph *g)
{
    size_t n = g->n_frozen;
    struct frozen *f = g->frozen_first;
    archive_count(a, &n, FROZEN_MAX);
    for (size_t i = 0; i < n && !archive_bad(a); i++, f = f->next) {
        if (a->reading) {
            if (!(f = frozen_load(a)))
                return;
            *(g->frozen_last ? &g->frozen_last->next : &g->frozen_first) = f;
            g->frozen_last = f;
            g->n_frozen++;
        }
        frozen_archive(a, g, f);
        g->frozen_blocks += a->reading ? f->n : 0;
    }
}

/* ---- what children inherited ---------------------------------------------------- */

static uint32_t listed_number(const struct graph *g, const struct frozen *wanted)
{
    uint32_t number = 1;
    for (const struct frozen *f = g->frozen_first; f; f = f->next, number++)
        if (f == wanted)
            return number;
    return 0;
}

/* Of a copy in the list, which no other child has. */
static struct frozen *listed_share(struct archive *a, struct graph *g, uint32_t number)
{
    struct frozen *f = g->frozen_first;
    while (--number)
        f = f->next;
    if (!archive_need(a, f->claimed && f->users == 1, "two children have what one fork froze"))
        return NULL;
    f->users++;
    return f;
}

/* Mapped blocks are touched together: `maps_touched` says it. */
static void touched_archive(struct archive *a, struct inherit *h)
{
    struct frozen *f = h->frozen;
    uint8_t *bits = xcalloc(1, f->n_heap / 8 + 1);
    if (!a->reading)
        for (uint32_t i = 0; i < f->n_heap; i++)
            bits[i / 8] |= (uint8_t)(h->touched[i / 8] & 1u << i % 8);
    archive_bytes(a, bits, f->n_heap / 8 + 1);
    archive_need(a, !(bits[f->n_heap / 8] >> f->n_heap % 8), "more blocks are touched than there are");
    if (a->reading) {
        memcpy(h->touched, bits, f->n_heap / 8 + 1);
        for (uint32_t i = f->n_heap; h->maps_touched && i < f->n; i++)
            h->touched[i / 8] |= (uint8_t)(1u << i % 8);
    }
    free(bits);
}

static void inherit_archive(struct archive *a, struct graph *g, struct process *p, uint32_t listed)
{
    struct inherit *h = p->inherit;
    struct frozen *f = h ? h->frozen : NULL;
    if (a->reading) {
        f = listed ? listed_share(a, g, listed) : frozen_load(a);
        p->inherit = h = f ? archive_room(a, 1, sizeof *h) : NULL;
        if (h)
            h->frozen = f;
        else
            frozen_put(f);
    }
    if (h && !listed)
        frozen_archive(a, g, f);
    if (h && a->reading)
        h->touched = archive_room(a, (size_t)f->n / 8 + 1, 1);
    if (archive_bad(a))
        return;
    archive_index(a, &h->maker, g->n_threads);
    archive_bool(a, &h->maps_touched);
    touched_archive(a, h);
}

/* 0: nothing; 1: a copy that it alone has; from 2 on: one in the list. */
static uint32_t inherit_code(const struct graph *g, const struct inherit *h)
{
    if (!h)
        return 0;
    return h->frozen->users == 1 ? 1 : 1 + listed_number(g, h->frozen);
}

void forks_archive(struct archive *a, struct graph *g)
{
    if (!a->reading)
        forks_sort(g);
    listed_archive(a, g);
    for (size_t i = 1; i < g->n_processes && !archive_bad(a); i++) {
        uint32_t code = inherit_code(g, g->processes[i]->inherit);
        archive_index(a, &code, g->n_frozen + 2);
        if (code && !archive_bad(a))
            inherit_archive(a, g, g->processes[i], code - 1);
    }
}
