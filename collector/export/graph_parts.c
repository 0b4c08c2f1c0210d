/*
 * collector/export/graph_parts.c - see graph_parts.h.
 */
#include "export/graph_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "event/event.h"
#include "export/interval.h"
#include "export/text.h"

void graph_maker_begin(struct graph_maker *m, const struct view *v, const struct doc_context *c, uint32_t process, uint64_t since_ns)
{
    *m = (struct graph_maker){ .v = v, .c = c, .hs = analysis_new(v, c->symbols, process, ANALYSIS_TREE, c->progress, c->progress_context),
                               .frames = frames_new(c->symbols, v, NULL), .since_ns = since_ns };
    for (size_t i = 0; since_ns && i < m->hs->n; i++)
        if (m->hs->heaps[i].tree)
            heap_tree_since(m->hs->heaps[i].tree, m->hs->heaps[i].s, since_ns);
    m->types = block_types_new(v, c->symbols, m->frames);
}

void graph_maker_end(struct graph_maker *m)
{
    block_types_free(m->types);
    frames_free(m->frames);
    analysis_free(m->hs);
}

static json_t *graph_hex(uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)n);
    return json_string(text);
}

/* ---- nodes ---------------------------------------------------------------------- */

json_t *graph_node_id(const struct heap *h, uint32_t node)
{
    if (h->tree && node == h->tree->top)
        return json_null();
    struct heap_id id = heap_node_id(h, node);
    return json_string(id.text);
}

json_t *graph_type_members(json_t *j, struct block_type t)
{
    json_object_set_new(j, "type", text_json_string(t.name));
    json_object_set_new(j, "type_by", text_json_string(block_type_by_name(t.by)));
    return j;
}

static const char *kind(const struct heap *h, uint32_t node)
{
    return node < h->s->n_blocks ? "block" : heap_is_part(h, node) ? "root" : "lost";
}

json_t *graph_node_brief(struct graph_maker *m, const struct heap *h, uint32_t node)
{
    json_t *j = json_pack("{s:o,s:s}", "id", graph_node_id(h, node), "kind", kind(h, node));
    if (node < h->s->n_blocks) {
        json_object_set_new(j, "size_bytes", doc_number(h->s->size[node]));
        graph_type_members(j, block_type_of(m->types, h->s, node));
    } else if (heap_is_part(h, node)) {
        char *where = heap_part_text(m->hs, h, node);
        json_object_set_new(j, "where", text_json_string(where));
        json_object_set_new(j, "root", json_string(root_kind_name(h->s->roots[heap_part_of(h, node)->root].kind)));
        free(where);
    }
    return j;
}

static void block_members(json_t *j, struct graph_maker *m, const struct heap *h, uint32_t node)
{
    const struct snapshot *s = h->s;
    json_object_set_new(j, "address", graph_hex(s->address[node]));
    json_object_set_new(j, "size_bytes", doc_number(s->size[node]));
    json_object_set_new(j, "family", json_string(family_name(s->family[node])));
    json_object_set_new(j, "class", h->reach ? json_string(leak_class_names[h->reach->class[node]]) : json_null());
    if (h->reach && h->reach->loose && h->reach->loose[node])
        json_object_set_new(j, "loose", json_true());
    if (s->rate && s->rate[node])
        json_object_set_new(j, "sampled", json_pack("{s:o,s:o}", "rate_bytes", doc_number(s->rate[node]), "stands_for",
                                                    json_real(interval_stands_for(s->size[node], s->rate[node]))));
    json_object_set_new(j, "born_ns", doc_number(s->born_ns[node]));
    json_object_set_new(j, "thread", doc_id('t', s->thread[node]));
    json_object_set_new(j, "owner", doc_party(s->owner[node], s->process));
    graph_type_members(j, block_type_of(m->types, s, node));
    json_object_set_new(j, "stack", s->stack[node] ? frames_json(m->frames, frames_view_stack(m->frames, s->stack[node])) : json_null());
}

/* Null where several roots hold it, and of what is lost: nobody does. */
static json_t *holder_id(const struct heap *h, uint32_t node)
{
    uint32_t holder = h->tree ? h->tree->holder[node] : 0;
    return h->tree && holder < h->tree->lost ? graph_node_id(h, holder) : json_null();
}

json_t *graph_node(struct graph_maker *m, const struct heap *h, uint32_t node)
{
    json_t *j = json_pack("{s:o,s:s,s:o}", "id", graph_node_id(h, node), "kind", kind(h, node), "process", doc_id('p', h->s->process));
    json_object_set_new(j, "holder", holder_id(h, node));
    json_object_set_new(j, "retained_bytes", h->tree ? doc_number(h->tree->retained_bytes[node]) : json_null());
    json_object_set_new(j, "retained_blocks", h->tree ? doc_number(h->tree->retained_blocks[node]) : json_null());
    if (node < h->s->n_blocks) {
        block_members(j, m, h, node);
        return j;
    }
    json_object_set_new(j, "size_bytes", json_integer(0));
    json_object_set_new(j, "type", json_null());
    json_object_set_new(j, "stack", json_null());
    if (heap_is_part(h, node))
        heap_part_members(j, m->hs, h, node);
    return j;
}

/* ---- snapshots -------------------------------------------------------------------- */

static json_t *class_counts(const struct heap_reach *r, unsigned class)
{
    return json_pack("{s:o,s:o}", "blocks", doc_number(r->totals[class].blocks), "bytes", doc_number(r->totals[class].bytes));
}

static json_t *snapshot_json(const struct heap *h)
{
    const struct snapshot *s = h->s;
    json_t *j = json_object();
    doc_snapshot_facts(j, s);
    json_object_set_new(j, "event", s->event ? doc_number(s->event) : json_null());
    json_object_set_new(j, "mark", text_json_string(s->mark));
    json_object_set_new(j, "words", doc_number(s->words));
    json_object_set_new(j, "edges", h->reach ? doc_number(s->n_edges) : json_null());
    json_object_set_new(j, "roots", h->tree ? doc_number(h->n_parts) : json_null());
    for (unsigned class = 0; class < LEAK_CLASSES; class++)
        json_object_set_new(j, leak_class_names[class], h->reach ? class_counts(h->reach, class) : json_null());
    return j;
}

/* Each snapshot: when, why, how it was taken, what is missing of it, its classes. */
static json_t *graph_snapshots(const struct graph_maker *m)
{
    json_t *list = json_array();
    for (size_t i = 0; i < m->hs->n; i++)
        json_array_append_new(list, snapshot_json(&m->hs->heaps[i]));
    return list;
}

struct sums { uint64_t heap_blocks, heap_bytes, mapped_blocks, mapped_bytes, edges, roots; struct heap_reach classes; bool read; struct interval_sum stand; };

static void add_heap(struct sums *sums, const struct heap *h)
{
    for (size_t i = 0; i < h->s->n_blocks; i++) {
        bool mapped = family_is_map(h->s->family[i]);
        *(mapped ? &sums->mapped_blocks : &sums->heap_blocks) += 1;
        *(mapped ? &sums->mapped_bytes : &sums->heap_bytes) += h->s->size[i];
        if (!mapped)
            interval_add(&sums->stand, h->s->size[i], h->s->size[i], h->s->rate ? h->s->rate[i] : 0);
    }
    if (!h->reach)
        return;
    sums->read = true;
    sums->edges += h->s->n_edges;
    sums->roots += h->n_parts;
    for (unsigned class = 0; class < LEAK_CLASSES; class++) {
        sums->classes.totals[class].blocks += h->reach->totals[class].blocks;
        sums->classes.totals[class].bytes += h->reach->totals[class].bytes;
    }
}

/* All of them added up. */
static json_t *graph_totals(const struct graph_maker *m)
{
    struct sums sums = { 0 };
    for (size_t i = 0; i < m->hs->n; i++)
        add_heap(&sums, &m->hs->heaps[i]);
    json_t *j = json_pack("{s:o,s:o,s:o,s:o}", "blocks", doc_number(sums.heap_blocks), "bytes", doc_number(sums.heap_bytes),
                          "mapped_blocks", doc_number(sums.mapped_blocks), "mapped_bytes", doc_number(sums.mapped_bytes));
    if (sums.stand.samples)
        json_object_set_new(j, "estimated", interval_sum_json(&sums.stand));
    json_object_set_new(j, "edges", sums.read ? doc_number(sums.edges) : json_null());
    json_object_set_new(j, "roots", sums.read ? doc_number(sums.roots) : json_null());
    for (unsigned class = 0; class < LEAK_CLASSES; class++)
        json_object_set_new(j, leak_class_names[class], sums.read ? class_counts(&sums.classes, class) : json_null());
    return j;
}

/* Why nothing, or not all, is known: null when all is. */
static json_t *refused(const struct graph_maker *m)
{
    json_t *absent = doc_process_absent(m->v, m->v->snapshots_of);
    if (absent)
        return absent;
    if (!m->hs->n)
        return json_string("no snapshot of the heap was taken up to that moment");
    for (size_t i = 0; i < m->hs->n; i++)
        if (m->hs->heaps[i].s->refused)
            return text_json_string(m->hs->heaps[i].s->refused);
    return json_null();
}

json_t *graph_head(struct graph_maker *m)
{
    json_t *j = json_object(), *coverage = doc_coverage(m->v, m->c, m->frames);
    json_object_set_new(j, "metadata", doc_metadata(m->v, m->c, coverage));
    json_decref(coverage);
    json_object_set_new(j, "snapshots", graph_snapshots(m));
    json_object_set_new(j, "refused", refused(m));
    json_object_set_new(j, "totals", graph_totals(m));
    if (m->since_ns)
        json_object_set_new(j, "since_ns", doc_number(m->since_ns));
    return j;
}
