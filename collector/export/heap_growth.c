/*
 * collector/export/heap_growth.c - see heap_growth.h.
 */
#include "export/heap_growth.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/fingerprint.h"
#include "graph/dict.h"

struct table { struct growth_rows *rows; size_t capacity; struct dict *numbers; /* key -> row + 1 */ };

struct growth_maker {
    const struct growth_side *sides;
    struct heap_growth *g;
    struct table sites, types;
    uint32_t *site_of[2];           /* by view's stack: row + 1 */
    uint32_t *type_of[2]; size_t n_types[2];   /* by number of block_types: row + 1 */
};

uint64_t growth_site_key(struct frames *f, uint32_t view_stack, uint64_t *fingerprint)
{
    const struct frame_place *places;
    size_t n = frames_places(f, frames_view_stack(f, view_stack), 0, &places);
    uint64_t key = *fingerprint = fingerprint_stack(f, view_stack, evidence_names[EVIDENCE_MADE]);
    for (size_t i = 0; i < n; i++)
        if (!places[i].function)
            key = XXH3_64bits_withSeed(&places[i].offset, sizeof places[i].offset, key);
    return key;
}

static uint32_t row_of(struct table *t, const struct growth_row *made)
{
    uint32_t number = dict_get(t->numbers, made->key);
    if (number)
        return number;
    t->rows->list = xgrow(t->rows->list, &t->capacity, t->rows->n + 1, sizeof *t->rows->list);
    t->rows->list[t->rows->n++] = *made;
    dict_set(t->numbers, made->key, (uint32_t)t->rows->n);
    return (uint32_t)t->rows->n;
}

static struct growth_row *site_row(struct growth_maker *m, uint8_t side, uint32_t stack)
{
    const struct growth_side *s = &m->sides[side];
    uint32_t *row;
    if (stack > s->view->n_stacks)
        stack = 0;
    row = &m->site_of[side][stack];
    if (!*row) {
        struct growth_row made = { .stack = stack, .side = side };
        made.key = growth_site_key(s->frames, stack, &made.fingerprint);
        *row = row_of(&m->sites, &made);
    }
    return &m->g->sites.list[*row - 1];
}

static struct growth_row *type_row(struct growth_maker *m, uint8_t side, const struct snapshot *s, uint32_t block)
{
    struct block_type type = block_type_of(m->sides[side].types, s, block);
    if (type.by != BLOCK_TYPE_VTABLE && type.by != BLOCK_TYPE_FRAME)
        return NULL;    /* the place that made it is no more than that */
    if (type.number >= m->n_types[side]) {
        size_t had = m->n_types[side];
        m->type_of[side] = xgrow(m->type_of[side], &m->n_types[side], type.number + 1, sizeof *m->type_of[side]);
        memset(m->type_of[side] + had, 0, (m->n_types[side] - had) * sizeof *m->type_of[side]);
    }
    uint32_t *row = &m->type_of[side][type.number];
    if (!*row) {
        struct growth_row made = { .type = type, .side = side };
        made.key = XXH3_64bits(type.name, strlen(type.name));
        *row = row_of(&m->types, &made);
    }
    return &m->g->types.list[*row - 1];
}

static void count_add(struct view_count *c, struct interval_sum *sum, const struct snapshot *s, uint32_t block)
{
    c->blocks++;
    c->bytes += s->size[block];
    interval_add(sum, s->size[block], s->size[block], s->rate ? s->rate[block] : 0);
}

static void count_weigh(struct view_count *c, const struct interval_sum *sum)
{
    if (sum->samples)
        *c = interval_sum_count(sum);
}

static void row_weigh(struct growth_row *r)
{
    count_weigh(&r->at[GROWTH_BEFORE], &r->at_sum[GROWTH_BEFORE]);
    count_weigh(&r->at[GROWTH_AFTER], &r->at_sum[GROWTH_AFTER]);
    count_weigh(&r->made, &r->made_sum);
    count_weigh(&r->dropped, &r->dropped_sum);
}

/* A block of a snapshot of one side. */
struct place { uint8_t side; const struct snapshot *s; uint32_t block; };

/* One block of a side, of the type that it has at `typed`; `only`: it is not alive at the other. */
static void block_add(struct growth_maker *m, struct place at, struct place typed, bool only)
{
    const struct snapshot *s = at.s;
    uint8_t side = at.side;
    uint32_t block = at.block;
    if (family_is_map(s->family[block]))
        return;
    struct growth_row *rows[] = { &m->g->total, site_row(m, side, s->stack[block]),
                                  m->sides[side].types ? type_row(m, typed.side, typed.s, typed.block) : NULL };
    for (unsigned i = 0; i < 3; i++) {
        if (!rows[i])
            continue;
        count_add(&rows[i]->at[side], &rows[i]->at_sum[side], s, block);
        if (only && m->g->by_id)
            count_add(side == GROWTH_AFTER ? &rows[i]->made : &rows[i]->dropped,
                      side == GROWTH_AFTER ? &rows[i]->made_sum : &rows[i]->dropped_sum, s, block);
    }
}

/* One process: walks both in the order of ids. Where the first was not read, what
 * a block was is what it is: objects do not change their type. */
static void pair_add(struct growth_maker *m, const struct snapshot *a, const struct snapshot *b)
{
    uint32_t *before = a ? snapshot_birth_order(a) : NULL, *after = b ? snapshot_birth_order(b) : NULL;
    size_t i = 0, j = 0, na = a ? a->n_blocks : 0, nb = b ? b->n_blocks : 0;
    while (i < na || j < nb) {
        uint64_t x = i < na ? a->id[before[i]] : UINT64_MAX, y = j < nb ? b->id[after[j]] : UINT64_MAX;
        bool left = i < na && (x <= y || j == nb), right = j < nb && (y <= x || i == na);
        struct place was = { GROWTH_BEFORE, a, left ? before[i++] : 0 }, is = { GROWTH_AFTER, b, right ? after[j++] : 0 };
        if (left)
            block_add(m, was, right && !a->type ? is : was, !right);
        if (right)
            block_add(m, is, is, !left);
    }
    free(before);
    free(after);
}

static const struct snapshot *of_process(const struct view *v, uint32_t process)
{
    for (size_t i = 0; i < v->n_snapshots; i++)
        if (v->snapshots[i]->process == process)
            return v->snapshots[i];
    return NULL;
}

static void heaps_add(struct growth_maker *m)
{
    const struct view *a = m->sides[GROWTH_BEFORE].view, *b = m->sides[GROWTH_AFTER].view;
    for (size_t i = 0; i < a->n_snapshots; i++)
        pair_add(m, a->snapshots[i], m->g->by_id ? of_process(b, a->snapshots[i]->process) : NULL);
    for (size_t i = 0; i < b->n_snapshots; i++)
        if (!m->g->by_id || !of_process(a, b->snapshots[i]->process))
            pair_add(m, NULL, b->snapshots[i]);
}

struct heap_growth *heap_growth_new(const struct growth_side sides[2], bool by_id)
{
    struct heap_growth *g = xcalloc(1, sizeof *g);
    struct dict types = { 0 };
    struct growth_maker m = { .sides = sides, .g = g, .sites = { .rows = &g->sites, .numbers = &g->site_numbers },
                              .types = { .rows = &g->types, .numbers = &types } };
    g->by_id = by_id;
    for (unsigned side = 0; side < 2; side++)
        m.site_of[side] = xcalloc(sides[side].view->n_stacks + 1, sizeof *m.site_of[side]);
    heaps_add(&m);
    row_weigh(&g->total);
    for (size_t i = 0; i < g->sites.n; i++)
        row_weigh(&g->sites.list[i]);
    for (size_t i = 0; i < g->types.n; i++)
        row_weigh(&g->types.list[i]);
    for (unsigned side = 0; side < 2; side++) {
        free(m.site_of[side]);
        free(m.type_of[side]);
    }
    dict_clear(&types);
    return g;
}

void heap_growth_free(struct heap_growth *g)
{
    if (!g)
        return;
    dict_clear(&g->site_numbers);
    free(g->sites.list);
    free(g->types.list);
    free(g);
}

const struct growth_row *heap_growth_site(const struct heap_growth *g, uint64_t key)
{
    uint32_t number = dict_get(&g->site_numbers, key);
    return number ? &g->sites.list[number - 1] : NULL;
}
