/*
 * collector/export/doc_copies.c - the document `copies` (doc.h): where the
 * program copies, and from blocks of which site to blocks of which.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "export/interval.h"
#include "export/doc_parts.h"

enum { SITES_DEFAULT = 1000, FLOWS_DEFAULT = 1000 };

static json_t *stack_json(struct frames *f, uint32_t stack)
{
    return frames_json(f, frames_view_stack(f, stack));
}

/* Of sums of copies, where they were sampled. */
static void copies_estimated(json_t *j, const struct view *v)
{
    uint64_t copies = (uint64_t)json_integer_value(json_object_get(j, "copies")), bytes = (uint64_t)json_integer_value(json_object_get(j, "bytes"));
    if (v->copies_every > 1)
        json_object_set_new(j, "error", json_pack("{s:o,s:o}", "copies", doc_number(interval_every(v->copies_every, copies, 1)),
                                                  "bytes", doc_number(interval_every(v->copies_every, bytes, v->copy_largest))));
}

static json_t *sites_json(const struct view *v, struct frames *f, size_t most)
{
    json_t *list = json_array();
    struct doc_rank *order = xcalloc(v->n_copy_sites + 1, sizeof *order);
    for (size_t i = 0; i < v->n_copy_sites; i++)
        order[i] = (struct doc_rank){ v->copy_sites[i].bytes, (uint32_t)i };
    doc_rank_sort(order, v->n_copy_sites);
    for (size_t i = 0; i < v->n_copy_sites && i < most; i++) {
        const struct view_copy_site *s = &v->copy_sites[order[i].at];
        json_t *j = json_pack("{s:o,s:o,s:o}", "stack", stack_json(f, s->stack), "copies", doc_number(s->copies), "bytes", doc_number(s->bytes));
        copies_estimated(j, v);
        json_array_append_new(list, j);
    }
    free(order);
    return list;
}

/* Null: not a heap block. */
static json_t *end_json(struct frames *f, uint32_t stack)
{
    return stack ? stack_json(f, stack) : json_null();
}

static json_t *flows_json(const struct view *v, struct frames *f, size_t most)
{
    json_t *list = json_array();
    struct doc_rank *order = xcalloc(v->n_flows + 1, sizeof *order);
    for (size_t i = 0; i < v->n_flows; i++)
        order[i] = (struct doc_rank){ v->flows[i].bytes, (uint32_t)i };
    doc_rank_sort(order, v->n_flows);
    for (size_t i = 0; i < v->n_flows && i < most; i++) {
        const struct view_flow *flow = &v->flows[order[i].at];
        json_t *j = json_pack("{s:o,s:o,s:o,s:o}", "from_site", end_json(f, flow->from_stack), "to_site", end_json(f, flow->to_stack),
                              "copies", doc_number(flow->copies), "bytes", doc_number(flow->bytes));
        copies_estimated(j, v);
        json_array_append_new(list, j);
    }
    free(order);
    return list;
}

json_t *doc_copies_totals(const struct view *v)
{
    double made = (double)v->totals.bytes_allocated;
    json_t *j = json_pack("{s:o,s:o,s:o,s:o}", "copies", doc_number(v->copies), "bytes", doc_number(v->copy_bytes),
                     "bytes_to_blocks", doc_number(v->copy_bytes_to_blocks),
                     "amplification", made > 0 ? json_real((double)v->copy_bytes_to_blocks / made) : json_null());
    if (v->copies_every > 1)
        json_object_set_new(j, "estimated", json_true());
    copies_estimated(j, v);
    return j;
}

json_t *doc_copies(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct frames *f = frames_new(c->symbols, v, NULL);
    json_t *j = json_object();
    json_t *sites = sites_json(v, f, o && o->sites ? o->sites : SITES_DEFAULT);
    json_t *flows = flows_json(v, f, o && o->sites ? o->sites : FLOWS_DEFAULT);
    json_t *coverage = doc_coverage(v, c, f);
    json_object_set_new(j, "metadata", doc_metadata(v, c, coverage));
    doc_since(j, v);
    json_object_set_new(j, "totals", doc_copies_totals(v));
    json_object_set_new(j, "sites", sites);
    json_object_set_new(j, "sites_total", doc_number(v->n_copy_sites));
    json_object_set_new(j, "flows", flows);
    json_object_set_new(j, "flows_total", doc_number(v->n_flows));
    json_decref(coverage);
    frames_free(f);
    return j;
}
