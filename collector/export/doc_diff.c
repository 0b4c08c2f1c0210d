/*
 * collector/export/doc_diff.c - the document `diff` (doc.h): what lives at one
 * moment and not at another, by the place that made it and by type.
 *
 * The moments may be of two traces, also of two builds: places are joined by
 * what a fingerprint keeps of their stacks. Code without names is told apart by
 * where it lies, so between two builds it is gone and new.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/block_type.h"
#include "export/doc_leaks.h"
#include "export/fingerprint.h"
#include "export/text.h"

enum { ROWS_DEFAULT = 1000, BEFORE = 0, AFTER = 1 };

/* What is compared under one key, on both sides. */
struct row {
    uint64_t key, fingerprint;
    struct view_count at[2];
    uint32_t stack;             /* of `side`'s frames */
    uint8_t side;
    char *name;                 /* of a type */
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
    for (size_t i = 0; i < r->n; i++)
        free(r->list[i].name);
    free(r->list);
    free(r->slots);
}

/* ---- sites ---------------------------------------------------------------- */

static uint64_t site_key(struct frames *f, uint32_t stack, uint64_t fingerprint)
{
    const struct frame_place *places;
    size_t n = frames_places(f, frames_view_stack(f, stack), 0, &places);
    uint64_t key = fingerprint;
    for (size_t i = 0; i < n; i++)
        if (!places[i].function)
            key = XXH3_64bits_withSeed(&places[i].offset, sizeof places[i].offset, key);
    return key;
}

static void sites_add(struct rows *r, const struct view *v, struct frames *f, uint8_t side)
{
    for (size_t i = 0; i < v->n_sites; i++) {
        const struct view_site *s = &v->sites[i];
        if (!s->live_blocks)
            continue;
        uint64_t fingerprint = fingerprint_stack(f, s->stack, evidence_names[EVIDENCE_MADE]);
        struct row *row = rows_get(r, site_key(f, s->stack, fingerprint));
        if (!row->at[BEFORE].blocks && !row->at[AFTER].blocks)
            *row = (struct row){ .key = row->key, .fingerprint = fingerprint, .stack = s->stack, .side = side };
        row->at[side].blocks += s->live_blocks;
        row->at[side].bytes += s->live_bytes;
    }
}

/* ---- types ---------------------------------------------------------------- */

/* Heap blocks whose type is known, not only the place that made them. */
static void types_add(struct rows *r, const struct view *v, const struct doc_context *c, struct frames *f, uint8_t side)
{
    struct block_types *types = block_types_new(v, c->symbols, f);
    for (size_t k = 0; k < v->n_snapshots; k++) {
        const struct snapshot *s = v->snapshots[k];
        for (uint32_t i = 0; i < s->n_blocks; i++) {
            struct block_type t = block_type_of(types, s, i);
            if (family_is_map(s->family[i]) || (t.by != BLOCK_TYPE_VTABLE && t.by != BLOCK_TYPE_FRAME))
                continue;
            struct row *row = rows_get(r, XXH3_64bits(t.name, strlen(t.name)));
            if (!row->name)
                row->name = xstrdup(t.name);
            row->at[side].blocks++;
            row->at[side].bytes += s->size[i];
        }
    }
    block_types_free(types);
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
static json_t *rows_json(const struct rows *r, struct frames *const f[2], size_t most, size_t *all)
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
        if (row->name) {
            json_object_set_new(j, "type", text_json_string(row->name));
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

static json_t *totals_json(const struct view *a, const struct view *b)
{
    const struct view_count live[2] = { { a->totals.live_blocks, a->totals.live_bytes }, { b->totals.live_blocks, b->totals.live_bytes } };
    const struct view_count made[2] = { { a->totals.allocations, a->totals.bytes_allocated }, { b->totals.allocations, b->totals.bytes_allocated } };
    json_t *j = json_object(), *all = json_object();
    deltas_set(j, live);
    deltas_set(all, made);
    json_object_set_new(j, "allocated", all);
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
        const struct view_count at[2] = { leaks_total(l[BEFORE], UINT32_MAX, class), leaks_total(l[AFTER], UINT32_MAX, class) };
        json_t *one = json_object();
        deltas_set(one, at);
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
    struct rows sites = { 0 }, types = { 0 };
    size_t most = o && o->sites ? o->sites : ROWS_DEFAULT, all, all_types;
    sites_add(&sites, a, f[BEFORE], BEFORE);
    sites_add(&sites, b, f[AFTER], AFTER);
    if (a->n_snapshots && b->n_snapshots) {
        types_add(&types, a, ca, f[BEFORE], BEFORE);
        types_add(&types, b, cb, f[AFTER], AFTER);
    }
    json_t *j = json_object(), *rows = rows_json(&sites, f, most, &all), *named = rows_json(&types, f, most, &all_types), *coverage = doc_coverage(b, cb, f[AFTER]);
    json_object_set_new(j, "metadata", doc_metadata(b, cb, coverage));
    json_object_set_new(j, "before", moment_json(a, ca));
    json_object_set_new(j, "after", moment_json(b, cb));
    json_object_set_new(j, "totals", totals_json(a, b));
    json_object_set_new(j, "classes", classes_json(a, b));
    json_object_set_new(j, "sites", rows);
    json_object_set_new(j, "sites_total", doc_number(all));
    json_object_set_new(j, "types", named);
    json_object_set_new(j, "types_total", doc_number(all_types));
    json_decref(coverage);
    rows_free(&sites);
    rows_free(&types);
    frames_free(f[BEFORE]);
    frames_free(f[AFTER]);
    return j;
}
