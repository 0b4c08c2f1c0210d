/*
 * collector/export/doc_diff.c - the document `diff` (doc.h): what lives at one
 * moment and not at another, by the place that made it and by type.
 *
 * The moments may be of two traces, also of two builds: places are joined by
 * what a fingerprint keeps of their stacks. Code without names is told apart by
 * where it lies, so between two builds it is gone and new.
 *
 * Of estimates a difference is one too, with an error of its own: variances of what is estimated apart add up. What is the same
 * on both sides adds nothing: of one session only blocks that came or went do.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc_leaks.h"
#include "export/heap_growth.h"
#include "export/interval.h"
#include "export/text.h"

enum { ROWS_DEFAULT = 1000, BEFORE = 0, AFTER = 1 };

/* How far a difference may be off. */
struct spread { bool any; double blocks, bytes /* variances */, unit_blocks, unit_bytes /* what an unseen sample might add */; };

/* What is compared under one key, on both sides. */
struct row {
    uint64_t key, fingerprint;
    struct view_count at[2];
    struct spread spread;
    uint32_t stack;             /* of `side`'s frames */
    uint8_t side;
    struct block_type type;     /* of a type */
    const struct growth_row *growth;    /* NULL: none is known */
};
struct rows { struct row *list; size_t n, capacity; uint32_t *slots; size_t size; };

static void rows_grow(struct rows *r)
{
    free(r->slots);
    r->size = r->size ? r->size * 2 : 256;
    r->slots = xcalloc(r->size, sizeof *r->slots);
    for (size_t i = 0; i < r->n; i++) {
        size_t at = r->list[i].key & (r->size - 1);
        while (r->slots[at])
            at = (at + 1) & (r->size - 1);
        r->slots[at] = (uint32_t)i + 1;
    }
}

static struct row *rows_get(struct rows *r, uint64_t key)
{
    if (r->n * 2 >= r->size)
        rows_grow(r);
    size_t at = key & (r->size - 1);
    while (r->slots[at] && r->list[r->slots[at] - 1].key != key)
        at = (at + 1) & (r->size - 1);
    if (!r->slots[at]) {
        r->list = xgrow(r->list, &r->capacity, r->n + 1, sizeof *r->list);
        r->list[r->n++] = (struct row){ .key = key };
        r->slots[at] = (uint32_t)r->n;
    }
    return &r->list[r->slots[at] - 1];
}

static void rows_free(struct rows *r)
{
    free(r->list);
    free(r->slots);
}

/* ---- how far they may be off ------------------------------------------------ */

static void spread_add(struct spread *s, double blocks, double bytes, double unit_blocks, double unit_bytes)
{
    s->any = true;
    s->blocks += blocks;
    s->bytes += bytes;
    s->unit_blocks = fmax(s->unit_blocks, unit_blocks);
    s->unit_bytes = fmax(s->unit_bytes, unit_bytes);
}

static void spread_live(struct spread *s, const struct view_estimate *m)
{
    spread_add(s, m->live_blocks, m->live_bytes, m->heaviest, (double)m->coarsest);
}

static void spread_sum(struct spread *s, const struct interval_sum *sum)
{
    if (sum->samples)
        spread_add(s, sum->blocks_variance, sum->bytes_variance, sum->heaviest, (double)sum->rate);
}

/* `by_id`: what lives on both sides is known, and adds nothing to what changed. */
static struct spread spread_growth(const struct growth_row *row, bool by_id)
{
    struct spread s = { .any = row->at_sum[BEFORE].samples || row->at_sum[AFTER].samples };
    spread_sum(&s, by_id ? &row->dropped_sum : &row->at_sum[BEFORE]);
    spread_sum(&s, by_id ? &row->made_sum : &row->at_sum[AFTER]);
    for (unsigned side = 0; side < 2; side++) {
        s.unit_blocks = fmax(s.unit_blocks, row->at_sum[side].heaviest);
        s.unit_bytes = fmax(s.unit_bytes, (double)row->at_sum[side].rate);
    }
    return s;
}

/* "error": half of the interval. */
static void error_set(json_t *j, const struct spread *s)
{
    if (s->any)
        json_object_set_new(j, "error", json_pack("{s:o,s:o}", "blocks", doc_number(interval_half(s->blocks, s->unit_blocks)),
                                                  "bytes", doc_number(interval_half(s->bytes, s->unit_bytes))));
}

/* ---- sites ---------------------------------------------------------------- */

static void sites_add(struct rows *r, const struct view *v, struct frames *f, uint8_t side)
{
    for (size_t i = 0; i < v->n_sites; i++) {
        const struct view_site *s = &v->sites[i];
        if (!s->live_blocks)
            continue;
        uint64_t fingerprint, key = growth_site_key(f, s->stack, &fingerprint);
        struct row *row = rows_get(r, key);
        if (!row->at[BEFORE].blocks && !row->at[AFTER].blocks)
            *row = (struct row){ .key = row->key, .fingerprint = fingerprint, .stack = s->stack, .side = side };
        row->at[side].blocks += s->live_blocks;
        row->at[side].bytes += s->live_bytes;
        if (s->estimate)
            spread_live(&row->spread, &v->estimates[s->estimate - 1]);
    }
}

/* What came and was not dropped; what went. */
static void sites_grow(struct rows *r, const struct heap_growth *g)
{
    for (size_t i = 0; i < r->n; i++) {
        r->list[i].growth = heap_growth_site(g, r->list[i].key);
        if (r->list[i].growth && g->by_id)
            r->list[i].spread = spread_growth(r->list[i].growth, true);
    }
}

static void types_add(struct rows *r, const struct heap_growth *g)
{
    for (size_t i = 0; i < g->types.n; i++) {
        const struct growth_row *type = &g->types.list[i];
        struct row *row = rows_get(r, type->key);
        *row = (struct row){ .key = type->key, .at = { type->at[BEFORE], type->at[AFTER] }, .type = type->type, .growth = type,
                              .spread = spread_growth(type, g->by_id) };
    }
}

/* ---- rows ----------------------------------------------------------------- */

static json_t *delta(uint64_t before, uint64_t after)
{
    uint64_t n = after > before ? after - before : before - after;
    json_int_t most = n > INT64_MAX ? INT64_MAX : (json_int_t)n;
    return json_integer(after < before ? -most : most);
}

static void deltas_set(json_t *j, const struct view_count at[2])
{
    json_object_set_new(j, "blocks", delta(at[BEFORE].blocks, at[AFTER].blocks));
    json_object_set_new(j, "bytes", delta(at[BEFORE].bytes, at[AFTER].bytes));
    json_object_set_new(j, "before", doc_count(&at[BEFORE]));
    json_object_set_new(j, "after", doc_count(&at[AFTER]));
}

static bool is_same(const struct row *r)
{
    return r->at[BEFORE].blocks == r->at[AFTER].blocks && r->at[BEFORE].bytes == r->at[AFTER].bytes;
}

static const char *change(const struct row *r)
{
    if (!r->at[BEFORE].blocks || !r->at[AFTER].blocks)
        return r->at[AFTER].blocks ? "new" : "gone";
    if (r->at[AFTER].bytes != r->at[BEFORE].bytes)
        return r->at[AFTER].bytes > r->at[BEFORE].bytes ? "grew" : "shrank";
    return r->at[AFTER].blocks > r->at[BEFORE].blocks ? "grew" : "shrank";
}

static uint64_t distance(const struct row *r)
{
    return r->at[AFTER].bytes > r->at[BEFORE].bytes ? r->at[AFTER].bytes - r->at[BEFORE].bytes : r->at[BEFORE].bytes - r->at[AFTER].bytes;
}

/* Those that differ, the largest difference first, at most `most`; *all of them. */
static json_t *rows_json(const struct rows *r, struct frames *const f[2], bool by_id, size_t most, size_t *all)
{
    struct doc_rank *order = xcalloc(r->n + 1, sizeof *order);
    json_t *list = json_array();
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (!is_same(&r->list[i]))
            order[n++] = (struct doc_rank){ distance(&r->list[i]), (uint32_t)i };
    doc_rank_sort(order, n);
    for (size_t i = 0; i < n && i < most; i++) {
        const struct row *row = &r->list[order[i].at];
        json_t *j = json_object();
        json_object_set_new(j, "change", json_string(change(row)));
        deltas_set(j, row->at);
        error_set(j, &row->spread);
        if (by_id && row->growth) {
            json_object_set_new(j, "made", doc_count(&row->growth->made));
            json_object_set_new(j, "dropped", doc_count(&row->growth->dropped));
        }
        if (row->type.name) {
            json_object_set_new(j, "type", text_json_string(row->type.name));
            json_object_set_new(j, "by", json_string(block_type_by_name(row->type.by)));
        } else {
            char print[20];
            snprintf(print, sizeof print, "%016llx", (unsigned long long)row->fingerprint);
            json_object_set_new(j, "stack", frames_json(f[row->side], frames_view_stack(f[row->side], row->stack)));
            json_object_set_new(j, "fingerprint", json_string(print));
        }
        json_array_append_new(list, j);
    }
    free(order);
    *all = n;
    return list;
}

/* ---- the whole ------------------------------------------------------------ */

static json_t *moment_json(const struct view *v, const struct doc_context *c)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "at_ns", doc_number(v->at_ns), "trace", text_json_string(c->trace_path), "command",
                     text_json_string(c->meta ? c->meta->command : NULL), "snapshots", doc_number(v->n_snapshots));
}

/* One session: its blocks can be told apart by their ids. */
static bool one_session(const struct doc_context *a, const struct doc_context *b)
{
    return a->meta && b->meta && a->meta->start_real_ns == b->meta->start_real_ns && a->meta->session && b->meta->session &&
           !strcmp(a->meta->session, b->meta->session);
}

static void live_error(json_t *j, const struct view *a, const struct view *b, const struct heap_growth *g)
{
    struct spread s = { 0 };
    if (g->by_id)
        s = spread_growth(&g->total, true);
    if (!s.any && a->sampled)
        spread_live(&s, &a->estimate);
    if (!s.any && b->sampled)
        spread_live(&s, &b->estimate);
    error_set(j, &s);
}

/* Of one session, what was drawn up to the first moment is in both sums. */
static void allocated_error(json_t *j, const struct view *a, const struct view *b, bool one)
{
    const struct view_estimate *x = &a->estimate, *y = &b->estimate;
    struct spread s = { 0 };
    if (one && b->sampled)
        spread_add(&s, fmax(y->allocations - x->allocations, 0), fmax(y->bytes - x->bytes, 0), y->heaviest, (double)y->coarsest);
    if (!one && a->sampled)
        spread_add(&s, x->allocations, x->bytes, x->heaviest, (double)x->coarsest);
    if (!one && b->sampled)
        spread_add(&s, y->allocations, y->bytes, y->heaviest, (double)y->coarsest);
    error_set(j, &s);
}

static json_t *totals_json(const struct view *a, const struct view *b, const struct heap_growth *g)
{
    const struct view_count live[2] = { { a->totals.live_blocks, a->totals.live_bytes }, { b->totals.live_blocks, b->totals.live_bytes } };
    const struct view_count made[2] = { { a->totals.allocations, a->totals.bytes_allocated }, { b->totals.allocations, b->totals.bytes_allocated } };
    json_t *j = json_object(), *all = json_object();
    deltas_set(j, live);
    deltas_set(all, made);
    live_error(j, a, b, g);
    allocated_error(all, a, b, g->by_id);
    json_object_set_new(j, "allocated", all);
    if (g->by_id) {
        json_object_set_new(j, "made", doc_count(&g->total.made));
        json_object_set_new(j, "dropped", doc_count(&g->total.dropped));
    }
    json_object_set_new(j, "peak_bytes", delta(a->totals.peak_bytes, b->totals.peak_bytes));
    return j;
}

/* Some heap's memory was looked at. */
static bool any_read(const struct view *v)
{
    for (size_t i = 0; i < v->n_snapshots; i++)
        if (v->snapshots[i]->first)
            return true;
    return false;
}

/* By leak class; null: one of the moments has no snapshot. */
static json_t *classes_json(const struct view *a, const struct view *b)
{
    if (!any_read(a) || !any_read(b))
        return json_null();
    struct leaks *l[2] = { leaks_new(a, 0), leaks_new(b, 0) };
    json_t *j = json_object();
    for (unsigned class = LEAK_CLASSES; class-- > 0;) {
        struct view_count at[2] = { leaks_total(l[BEFORE], UINT32_MAX, class), leaks_total(l[AFTER], UINT32_MAX, class) };
        json_t *one = json_object();
        struct spread spread = { 0 };
        for (unsigned side = 0; side < 2; side++) {
            struct interval_sum sum = leaks_stand_for(l[side], class);
            spread_sum(&spread, &sum);
            at[side] = sum.samples ? interval_sum_count(&sum) : at[side];
        }
        deltas_set(one, at);
        error_set(one, &spread);
        json_object_set_new(j, leak_class_names[class], one);
    }
    leaks_free(l[BEFORE]);
    leaks_free(l[AFTER]);
    return j;
}

json_t *doc_diff(const struct view *a, const struct doc_context *ca, const struct view *b, const struct doc_context *cb,
                 const struct doc_options *o)
{
    struct frames *f[2] = { frames_new(ca->symbols, a, NULL), frames_new(cb->symbols, b, NULL) };
    bool one = one_session(ca, cb), typed = one || any_read(a) == any_read(b);  /* else what objects tell would be new */
    struct growth_side sides[2] = { { a, f[BEFORE], typed ? block_types_new(a, ca->symbols, f[BEFORE]) : NULL },
                                    { b, f[AFTER], typed ? block_types_new(b, cb->symbols, f[AFTER]) : NULL } };
    struct heap_growth *g = heap_growth_new(sides, one);
    struct rows sites = { 0 }, types = { 0 };
    size_t most = o && o->sites ? o->sites : ROWS_DEFAULT, all_sites, all_types;
    sites_add(&sites, a, f[BEFORE], BEFORE);
    sites_add(&sites, b, f[AFTER], AFTER);
    sites_grow(&sites, g);
    types_add(&types, g);
    json_t *j = json_object(), *site_rows = rows_json(&sites, f, g->by_id, most, &all_sites);
    json_t *type_rows = rows_json(&types, f, g->by_id, most, &all_types), *coverage = doc_coverage(b, cb, f[AFTER]);
    json_object_set_new(j, "metadata", doc_metadata(b, cb, coverage));
    json_object_set_new(j, "before", moment_json(a, ca));
    json_object_set_new(j, "after", moment_json(b, cb));
    json_object_set_new(j, "totals", totals_json(a, b, g));
    json_object_set_new(j, "classes", classes_json(a, b));
    json_object_set_new(j, "sites", site_rows);
    json_object_set_new(j, "sites_total", doc_number(all_sites));
    json_object_set_new(j, "types", type_rows);
    json_object_set_new(j, "types_total", doc_number(all_types));
    json_decref(coverage);
    rows_free(&sites);
    rows_free(&types);
    heap_growth_free(g);
    for (unsigned side = 0; side < 2; side++) {
        if (typed)
            block_types_free(sides[side].types);
        frames_free(f[side]);
    }
    return j;
}
