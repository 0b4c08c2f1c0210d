/*
 * collector/graph/graph_forks_archive.c - what forks froze in a checkpoint.
 *
 * A frozen copy lies in the order of a table whose key is of this process
 * alone: before it is written, its heap blocks are put in order of ids, once, and
 * with them the bits of the child that has it. Most of them still live in the
 * parent as they were: they are named by number. When and by whom a block was
 * made shows in no clone (forks_clone), so it is not kept.
 *
 * Loading: a copy has one holder in the list, one child, or both. Run by the
 * folding thread.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_forks.h"
#include "graph/graph_places.h"

enum { FROZEN_MOST = 1 << 30 };     /* blocks of one copy */

/* ---- in order of ids --------------------------------------------------------- */

static void touched_reorder(struct inherit *h, const uint32_t *order)
{
    const struct frozen *f = h->frozen;
    uint8_t *old = h->touched;
    h->touched = xcalloc(1, f->n / 8 + 1);
    for (uint32_t i = 0; i < f->n; i++) {
        uint32_t from = i < f->n_heap ? order[i] : i;
        h->touched[i / 8] |= (uint8_t)((old[from / 8] >> from % 8 & 1u) << i % 8);
    }
    free(old);
}

static void frozen_reorder(struct frozen *f, const uint32_t *order)
{
    struct block *blocks = xmalloc(((size_t)f->n + 1) * sizeof *blocks);
    uint32_t *new_of = xcalloc((size_t)f->n_heap + 1, sizeof *new_of);
    memcpy(blocks, f->blocks, f->n * sizeof *blocks);
    for (uint32_t i = 0; i < f->n_heap; i++) {
        blocks[i] = f->blocks[order[i]];
        new_of[order[i]] = i + 1;
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
    size_t n = f->n_heap;
    uint64_t *id = xmalloc((2 * n + 1) * sizeof *id);
    uint32_t *order = xmalloc((2 * n + 1) * sizeof *order);
    for (uint32_t i = 0; i < f->n_heap; i++) {
        id[i] = f->blocks[i].id;
        order[i] = i;
    }
    places_sort(id, order, id + n, order + n, n);
    frozen_reorder(f, order);
    if (h)
        touched_reorder(h, order);
    f->sorted = true;
    free(order);
    free(id);
}

static void forks_sort(struct graph *g)
{
    for (size_t i = 1; i < g->n_processes; i++)
        if (g->processes[i]->inherit)
            frozen_sort(g->processes[i]->inherit->frozen, g->processes[i]->inherit);
    for (struct frozen *f = g->frozen_first; f; f = f->next)
        frozen_sort(f, NULL);
}

/* ---- which blocks still are as they were ------------------------------------------- */

/* So many blocks of the pool that a copy does not have, then so many that it has: by number. */
struct span { uint32_t others, same; };
struct spans { struct span *rows; size_t n, capacity; uint32_t same; };

static bool block_same(const struct block *was, const struct block *is)
{
    enum { SHOWN = BLOCK_MAP | BLOCK_USABLE };
    return was->id == is->id && was->address == is->address && was->size == is->size && was->site == is->site &&
           was->family == is->family && !((was->flags ^ is->flags) & SHOWN);
}

static void span_add(struct spans *s, uint32_t others)
{
    if (others || !s->n) {
        s->rows = xgrow(s->rows, &s->capacity, s->n + 1, sizeof *s->rows);
        s->rows[s->n++] = (struct span){ .others = others };
    }
    s->rows[s->n - 1].same++;
    s->same++;
}

/* Both are in order of ids. `changed`: places of those that are not in spans. */
static void spans_find(const struct graph *g, const struct frozen *f, struct spans *s, uint32_t *changed)
{
    uint32_t number = 1, others = 0, live = archive_blocks(g), n = 0;
    for (uint32_t i = 0; i < f->n_heap; i++) {
        const struct block *b = NULL;
        for (; number <= live && (b = pool_at(&g->pool, archive_block_at(g, number)))->id < f->blocks[i].id; number++)
            others++;
        if (number > live || !block_same(&f->blocks[i], b)) {
            changed[n++] = i;
            continue;
        }
        span_add(s, others);
        others = 0;
        number++;
    }
}

static void spans_archive(struct archive *a, const struct graph *g, struct spans *s)
{
    uint64_t last = 0, same = 0;
    archive_rows(a, (void **)&s->rows, &s->n, &s->capacity, sizeof *s->rows, archive_blocks(g));
    ARCHIVE_FIELD(a, s->rows, s->n, others);
    ARCHIVE_FIELD(a, s->rows, s->n, same);
    for (size_t i = 0; i < s->n; i++) {
        last += (uint64_t)s->rows[i].others + s->rows[i].same;
        same += s->rows[i].same;
    }
    archive_need(a, last <= archive_blocks(g), "a fork has blocks that nobody has");
    s->same = (uint32_t)same;
}

/* Puts the spans' blocks between the changed ones, which lie at the end of the heap's. */
static void spans_take(struct archive *a, const struct graph *g, struct frozen *f, const struct spans *s)
{
    uint32_t to = 0, changed = s->same, number = 1;
    for (size_t i = 0; i < s->n && !archive_bad(a); i++) {
        number += s->rows[i].others;
        for (uint32_t k = 0; k < s->rows[i].same; k++, number++) {
            const struct block *b = pool_at(&g->pool, archive_block_at(g, number));
            while (changed < f->n_heap && f->blocks[changed].id < b->id)
                f->blocks[to++] = f->blocks[changed++];
            archive_need(a, !(b->flags & BLOCK_MAP), "a fork's heap has mapped blocks");
            f->blocks[to] = *b;
            f->blocks[to++].flags = b->flags & BLOCK_USABLE;
        }
    }
}

/* ---- one copy ----------------------------------------------------------------- */

/* A block that has changed since, or is mapped. */
struct row { uint64_t id, address, size; uint32_t site; uint8_t family; bool usable; };

static struct row row_of(const struct block *b)
{
    return (struct row){ .id = b->id, .address = b->address, .size = b->size, .site = b->site, .family = b->family,
                         .usable = b->flags & BLOCK_USABLE };
}

static struct block row_block(const struct row *r, unsigned flags)
{
    return (struct block){ .id = r->id, .address = r->address, .size = r->size, .site = r->site, .family = r->family,
                           .flags = (uint8_t)(flags | (r->usable ? BLOCK_USABLE : 0)) };
}

static void rows_archive(struct archive *a, const struct graph *g, struct row *rows, size_t n)
{
    ARCHIVE_FIELD(a, rows, n, id);
    ARCHIVE_FIELD(a, rows, n, address);
    ARCHIVE_FIELD(a, rows, n, size);
    ARCHIVE_INDEX(a, rows, n, site, g->n_sites);
    ARCHIVE_FIELD(a, rows, n, family);
    ARCHIVE_INDEX(a, rows, n, usable, 2);
}

static void blocks_save(struct archive *a, struct graph *g, struct frozen *f)
{
    struct spans spans = { 0 };
    uint32_t *changed = xmalloc(((size_t)f->n_heap + 1) * sizeof *changed);
    spans_find(g, f, &spans, changed);
    size_t n_changed = f->n_heap - spans.same, n_maps = f->n - f->n_heap;
    struct row *rows = xmalloc((n_changed + n_maps + 1) * sizeof *rows);
    for (size_t i = 0; i < n_changed; i++)
        rows[i] = row_of(&f->blocks[changed[i]]);
    for (size_t i = 0; i < n_maps; i++)
        rows[n_changed + i] = row_of(&f->blocks[f->n_heap + i]);
    spans_archive(a, g, &spans);
    archive_size(a, &n_changed);
    archive_size(a, &n_maps);
    rows_archive(a, g, rows, n_changed + n_maps);
    free(rows);
    free(changed);
    free(spans.rows);
}

static void blocks_check(struct archive *a, struct frozen *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const struct block *b = &f->blocks[i];
        bool first = !i || i == f->n_heap;
        if (!archive_need(a, b->id < f->base_id && (first || f->blocks[i - 1].id < b->id), "a fork's blocks are in no order"))
            return;
        f->heap_bytes += i < f->n_heap ? b->size : 0;
    }
}

static void blocks_load(struct archive *a, struct graph *g, struct frozen *f)
{
    struct spans spans = { 0 };
    size_t n_changed = 0, n_maps = 0, n;
    spans_archive(a, g, &spans);
    archive_count(a, &n_changed, FROZEN_MOST);
    archive_count(a, &n_maps, FROZEN_MOST);
    n = n_changed + n_maps;
    struct row *rows = archive_room(a, n, sizeof *rows);
    f->blocks = archive_room(a, spans.same + n + 1, sizeof *f->blocks);
    if (!archive_bad(a)) {
        f->n_heap = (uint32_t)(spans.same + n_changed);
        f->n = (uint32_t)(spans.same + n);
        rows_archive(a, g, rows, n);
        for (size_t i = 0; i < n && !archive_bad(a); i++)
            f->blocks[spans.same + i] = row_block(&rows[i], i < n_changed ? 0 : BLOCK_MAP);
        spans_take(a, g, f, &spans);
        blocks_check(a, f);
    }
    free(rows);
    free(spans.rows);
}

/* The slot of an address that is in no table yet; false: it is in this one. */
static bool frozen_slot(const struct frozen *f, uint64_t address, uint32_t *slot)
{
    uint32_t hash = table_hash(address);
    for (uint32_t at = table_home(&f->table, hash);; at = table_after(&f->table, at)) {
        const struct bucket *b = &f->table.buckets[at];
        for (unsigned match = bucket_match(b->hash, hash); match; match &= match - 1)
            if (f->blocks[b->place[__builtin_ctz(match)] - 1].address == address)
                return false;
        unsigned empty = bucket_match(b->place, 0);
        *slot = at * BUCKET_SLOTS + (empty ? (unsigned)__builtin_ctz(empty) : 0);
        if (empty)
            return true;
    }
}

/* The table of a copy that was loaded. */
static void frozen_index(struct archive *a, struct frozen *f)
{
    uint32_t slot = 0;
    if (!f->n_heap || !archive_claim(a, (uint64_t)f->n_heap * 16))
        return;
    table_make(&f->table, f->n_heap);
    for (uint32_t i = 0; i < f->n_heap; i++) {
        if (!archive_need(a, frozen_slot(f, f->blocks[i].address, &slot), "two blocks of a fork are at one address"))
            return;
        table_put(&f->table, slot, f->blocks[i].address, i + 1);
    }
}

static void frozen_archive(struct archive *a, struct graph *g, struct frozen *f)
{
    archive_index(a, &f->process, g->n_processes);
    archive_index(a, &f->thread, g->n_threads);
    archive_u32(a, &f->pid);
    archive_bool(a, &f->claimed);
    archive_u64(a, &f->fork_ns);
    archive_u64(a, &f->base_id);
    if (!a->reading) {
        blocks_save(a, g, f);
        return;
    }
    blocks_load(a, g, f);
    archive_need(a, f->base_id && f->base_id <= g->next_block_id && f->n <= g->next_block_id - f->base_id &&
                 f->base_id + f->n <= 1ull << 48, "a fork has ids that were never given");
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
