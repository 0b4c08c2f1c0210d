/*
 * collector/export/export_snapshot.c - heaps in the format of V8's heap
 * snapshots (.heapsnapshot), for Chrome's DevTools and its kin (doc.h).
 *
 * Node 0 is the top; below it the parts of roots, mappings that nothing points
 * to, and for what is lost a node "(leaked)". A pointer is a property of the node
 * that holds it, named by its offset; what it points to is retained by it. Edges
 * that hold nothing are weak: a thread's to the blocks that it owns or borrows,
 * and pointers out of lost blocks to what is not lost. So a reader that follows
 * the format's rules finds the retained sizes that ownscope tells.
 *
 * Streamed: memory follows the distinct names, not the nodes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/analysis.h"
#include "export/block_type.h"
#include "export/doc.h"
#include "graph/dict.h"
#include "heap/heap_edges.h"

enum node_type { NODE_OBJECT = 3, NODE_NATIVE = 8, NODE_SYNTHETIC = 9 };
enum edge_type { EDGE_ELEMENT = 1, EDGE_PROPERTY = 2, EDGE_WEAK = 6 };
enum { NODE_FIELDS = 7, NAMED_WORDS = 4096 };

static const char meta[] =
    "{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"trace_node_id\",\"detachedness\"],"
    "\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\",\"number\",\"native\",\"synthetic\","
    "\"concatenated string\",\"sliced string\",\"symbol\",\"bigint\",\"object shape\"],"
    "\"string\",\"number\",\"number\",\"number\",\"number\",\"number\"],"
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
    "\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],\"string_or_number\",\"node\"],"
    "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\",\"line\",\"column\"],"
    "\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
    "\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
    "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]}";

/* Where each kind of node of one heap begins, in the order of nodes. */
struct layout { uint64_t parts, lost, blocks, threads; };

/* A thread that owns blocks of a heap, or borrows one: threads[] of a heap, by serial. */
struct owner { uint32_t thread; uint32_t first, n; /* links */ };
struct link { uint32_t thread, block; bool borrows; };

struct heap_out {
    const struct heap *h;
    struct layout at;
    struct owner *owners; size_t n_owners;
    struct link *links; size_t n_links;
};

struct writer {
    const struct view *v;
    struct analysis *hs;
    struct frames *frames;
    struct block_types *types;
    struct heap_out *heaps;
    struct json_writer *w;
    uint64_t nodes, edges;
    char **strings; size_t n_strings, strings_capacity;
    struct dict offsets;        /* at << 1 | inside -> string's number */
    uint32_t *type_strings; size_t n_type_strings, type_capacity;
};

/* ---- names ---------------------------------------------------------------------- */

static uint32_t string_add(struct writer *x, char *text)
{
    x->strings = xgrow(x->strings, &x->strings_capacity, x->n_strings + 1, sizeof *x->strings);
    x->strings[x->n_strings] = text;
    return (uint32_t)x->n_strings++;
}

static uint32_t type_string(struct writer *x, struct block_type t)
{
    if (t.number >= x->n_type_strings) {
        size_t old = x->type_capacity;
        x->type_strings = xgrow(x->type_strings, &x->type_capacity, t.number + 1u, sizeof *x->type_strings);
        memset(x->type_strings + old, 0, (x->type_capacity - old) * sizeof *x->type_strings);
        x->n_type_strings = x->type_capacity;
    }
    if (!x->type_strings[t.number])
        x->type_strings[t.number] = string_add(x, xstrdup(t.name ? t.name : "block"));
    return x->type_strings[t.number];
}

static uint32_t offset_string(struct writer *x, uint64_t offset, bool inside)
{
    uint64_t key = offset << 1 | inside;
    uint32_t number = dict_get(&x->offsets, key);
    if (!number) {
        number = string_add(x, xasprintf("+0x%llx%s", (unsigned long long)offset, inside ? " (inside)" : ""));
        dict_set(&x->offsets, key, number);
    }
    return number;
}

/* ---- what there is ------------------------------------------------------------------ */

static int by_thread(const void *a, const void *b)
{
    const struct link *x = a, *y = b;
    if (x->thread != y->thread)
        return x->thread < y->thread ? -1 : 1;
    return x->block < y->block ? -1 : x->block > y->block;
}

static void links_make(struct heap_out *o, const struct view *v)
{
    const struct snapshot *s = o->h->s;
    struct dict nodes = { 0 };
    o->links = xmalloc((s->n_blocks + v->n_blocks + 1) * sizeof *o->links);
    for (uint32_t i = 0; i < s->n_blocks; i++)
        if (s->owner[i])
            o->links[o->n_links++] = (struct link){ s->owner[i], i, false };
    for (size_t i = 0; i < v->n_blocks; i++)
        if (v->blocks[i].borrower && v->blocks[i].process == s->process)
            dict_set(&nodes, v->blocks[i].id, v->blocks[i].borrower);
    for (uint32_t i = 0; nodes.used && i < s->n_blocks; i++)
        if (dict_get(&nodes, s->id[i]))
            o->links[o->n_links++] = (struct link){ dict_get(&nodes, s->id[i]), i, true };
    dict_clear(&nodes);
    qsort(o->links, o->n_links, sizeof *o->links, by_thread);
    o->owners = xcalloc(o->n_links + 1, sizeof *o->owners);
    for (uint32_t i = 0; i < o->n_links; i++) {
        if (!i || o->links[i].thread != o->links[i - 1].thread)
            o->owners[o->n_owners++] = (struct owner){ o->links[i].thread, i, 0 };
        o->owners[o->n_owners - 1].n++;
    }
}

/* The top's own: to parts, to loose mappings, to what is lost, to threads. */
static uint64_t loose_count(const struct heap *h)
{
    uint64_t n = 0;
    for (size_t i = 0; h->reach->loose && i < h->s->n_blocks; i++)
        n += h->reach->loose[i];
    return n;
}

static uint64_t definite_count(const struct heap *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i < h->s->n_blocks; i++)
        n += h->reach->class[i] == LEAK_DEFINITE;
    return n;
}

static uint64_t top_edges(const struct heap_out *o) { return o->h->n_parts + loose_count(o->h) + 1 + o->n_owners; }

static void layout(struct writer *x)
{
    x->nodes = 1;
    for (size_t i = 0; i < x->hs->n; i++) {
        struct heap_out *o = &x->heaps[i];
        o->h = &x->hs->heaps[i];
        if (!o->h->tree)
            continue;
        links_make(o, x->v);
        o->at.parts = x->nodes;
        o->at.lost = o->at.parts + o->h->n_parts;
        o->at.blocks = o->at.lost + 1;
        o->at.threads = o->at.blocks + o->h->s->n_blocks;
        x->nodes = o->at.threads + o->n_owners;
        x->edges += top_edges(o) + definite_count(o->h) + o->h->s->n_edges + o->n_links;
    }
}

/* ---- nodes ------------------------------------------------------------------------------ */

static void node(struct writer *x, enum node_type type, uint32_t name, uint64_t id, uint64_t size, uint64_t edges)
{
    const uint64_t fields[NODE_FIELDS] = { type, name, id, size, edges, 0, 0 };
    for (size_t i = 0; i < NODE_FIELDS; i++)
        jw_u64(x->w, fields[i]);
}

/* Ids: 1 is the top, other odd ones blocks; even ones roots, threads, lost. */
static void heap_nodes(struct writer *x, const struct heap_out *o)
{
    const struct heap *h = o->h;
    const struct snapshot *s = h->s;
    for (uint32_t part = 0; part < h->n_parts; part++) {
        char *text = heap_part_text(x->hs, h, h->tree->n_blocks + part);
        struct heap_id id = heap_node_id(h, h->tree->n_blocks + part);
        node(x, NODE_NATIVE, string_add(x, xasprintf("%s %s", id.text, text)), 8 * (h->first_root + part) + 2, 0,
             h->tree->part_edge[part + 1] - h->tree->part_edge[part]);
        free(text);
    }
    node(x, NODE_SYNTHETIC, string_add(x, x->hs->n > 1 ? xasprintf("(leaked) p%u", s->process) : xstrdup("(leaked)")),
         8ull * s->process + 4, 0, definite_count(h));
    for (uint32_t i = 0; i < s->n_blocks; i++)
        node(x, NODE_OBJECT, type_string(x, block_type_of(x->types, s, i)), 2 * s->id[i] + 1, s->size[i], s->first[i + 1] - s->first[i]);
    for (size_t i = 0; i < o->n_owners; i++)
        node(x, NODE_NATIVE, string_add(x, xasprintf("thread t%u", o->owners[i].thread)), 8ull * o->owners[i].thread + 6, 0, o->owners[i].n);
}

static void nodes(struct writer *x)
{
    uint64_t tops = 0;
    for (size_t i = 0; i < x->hs->n; i++)
        tops += x->heaps[i].h->tree ? top_edges(&x->heaps[i]) : 0;
    JW_KEY(x->w, "nodes");
    jw_array(x->w);
    node(x, NODE_SYNTHETIC, 0, 1, 0, tops);
    for (size_t i = 0; i < x->hs->n; i++)
        if (x->heaps[i].h->tree)
            heap_nodes(x, &x->heaps[i]);
    jw_end(x->w);
}

/* ---- edges ------------------------------------------------------------------------------- */

static void edge(struct writer *x, enum edge_type type, uint64_t name, uint64_t to)
{
    jw_u64(x->w, type);
    jw_u64(x->w, name);
    jw_u64(x->w, to * NODE_FIELDS);
}

static void top_edges_write(struct writer *x, const struct heap_out *o, uint64_t *element)
{
    for (uint32_t part = 0; part < o->h->n_parts; part++)
        edge(x, EDGE_ELEMENT, (*element)++, o->at.parts + part);
    edge(x, EDGE_ELEMENT, (*element)++, o->at.lost);
    for (uint32_t i = 0; o->h->reach->loose && i < o->h->s->n_blocks; i++)
        if (o->h->reach->loose[i])
            edge(x, EDGE_ELEMENT, (*element)++, o->at.blocks + i);
    for (size_t i = 0; i < o->n_owners; i++)
        edge(x, EDGE_ELEMENT, (*element)++, o->at.threads + i);
}

static void pointers(struct writer *x, const struct heap_out *o, uint32_t from)
{
    const struct heap *h = o->h;
    const struct snapshot *s = h->s;
    struct heap_range range = heap_edges_of(s, h->tree, from);
    for (uint64_t e = range.from; e < range.to; e++) {
        uint32_t to = s->to[e] & EDGE_TARGET;
        uint64_t offset = heap_pointer_offset(h, from, s->at[e]);
        bool named = offset < 8ull * NAMED_WORDS, inside = (s->to[e] & (EDGE_INTERIOR | EDGE_GOOD)) == EDGE_INTERIOR;
        bool holds = heap_holds(h->reach, h->tree, from, to);
        if (!holds)
            edge(x, EDGE_WEAK, named ? offset_string(x, offset, inside) : offset_string(x, 8ull * NAMED_WORDS, inside), o->at.blocks + to);
        else if (named)
            edge(x, EDGE_PROPERTY, offset_string(x, offset, inside), o->at.blocks + to);
        else
            edge(x, EDGE_ELEMENT, s->at[e], o->at.blocks + to);
    }
}

static void heap_edges(struct writer *x, const struct heap_out *o, uint32_t owns, uint32_t borrows)
{
    const struct heap *h = o->h;
    uint64_t element = 0;
    for (uint32_t part = 0; part < h->n_parts; part++)
        pointers(x, o, h->tree->n_blocks + part);
    for (uint32_t i = 0; i < h->s->n_blocks; i++)
        if (h->reach->class[i] == LEAK_DEFINITE)
            edge(x, EDGE_ELEMENT, element++, o->at.blocks + i);
    for (uint32_t i = 0; i < h->s->n_blocks; i++)
        pointers(x, o, i);
    for (size_t i = 0; i < o->n_links; i++)
        edge(x, EDGE_WEAK, o->links[i].borrows ? borrows : owns, o->at.blocks + o->links[i].block);
}

static void edges(struct writer *x)
{
    uint32_t owns = string_add(x, xstrdup("owns")), borrows = string_add(x, xstrdup("borrows"));
    uint64_t element = 0;
    JW_KEY(x->w, "edges");
    jw_array(x->w);
    for (size_t i = 0; i < x->hs->n; i++)
        if (x->heaps[i].h->tree)
            top_edges_write(x, &x->heaps[i], &element);
    for (size_t i = 0; i < x->hs->n; i++)
        if (x->heaps[i].h->tree)
            heap_edges(x, &x->heaps[i], owns, borrows);
    jw_end(x->w);
}

/* ---- the document --------------------------------------------------------------------------- */

static void head(struct writer *x)
{
    JW_KEY(x->w, "snapshot");
    jw_object(x->w);
    JW_KEY(x->w, "meta");
    jw_raw(x->w, meta, sizeof meta - 1);
    JW_KEY(x->w, "node_count");
    jw_u64(x->w, x->nodes);
    JW_KEY(x->w, "edge_count");
    jw_u64(x->w, x->edges);
    JW_KEY(x->w, "trace_function_count");
    jw_u64(x->w, 0);
    jw_end(x->w);
}

static void tail(struct writer *x)
{
    static const char *const empty[] = { "trace_function_infos", "trace_tree", "samples", "locations" };
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        jw_key(x->w, empty[i]);
        jw_array(x->w);
        jw_end(x->w);
    }
    JW_KEY(x->w, "strings");
    jw_array(x->w);
    for (size_t i = 0; i < x->n_strings; i++)
        jw_string(x->w, x->strings[i]);
    jw_end(x->w);
}

static void writer_free(struct writer *x)
{
    for (size_t i = 0; i < x->hs->n; i++) {
        free(x->heaps[i].owners);
        free(x->heaps[i].links);
    }
    for (size_t i = 0; i < x->n_strings; i++)
        free(x->strings[i]);
    free(x->strings);
    free(x->type_strings);
    dict_clear(&x->offsets);
    free(x->heaps);
    free(x->w);
    block_types_free(x->types);
    frames_free(x->frames);
    analysis_free(x->hs);
}

int doc_export_heapsnapshot(const struct view *v, const struct doc_context *c, doc_sink sink, void *sink_context)
{
    struct writer x = { .v = v, .hs = analysis_new(v, c->symbols, 0, ANALYSIS_TREE, c->progress, c->progress_context),
                        .frames = frames_new(c->symbols, v, NULL), .w = xmalloc(sizeof *x.w) };
    x.types = block_types_new(v, c->symbols, x.frames);
    x.heaps = xcalloc(x.hs->n, sizeof *x.heaps);
    string_add(&x, xstrdup(""));
    layout(&x);
    jw_init(x.w, sink, sink_context);
    jw_object(x.w);
    head(&x);
    nodes(&x);
    edges(&x);
    tail(&x);
    jw_end(x.w);
    int error = jw_finish(x.w);
    writer_free(&x);
    return error;
}
