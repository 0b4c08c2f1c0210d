/*
 * collector/export/export_heap.c - see export_heap.h.
 */
#include "export/export_heap.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/analysis.h"
#include "export/block_type.h"
#include "graph/dict.h"
#include "heap/heap_edges.h"

struct export_heap {
    struct analysis *hs;
    struct block_types *types;
    struct dict *nodes;         /* of each heap: block's id -> node + 1 */
    bool **alive;               /* of each heap: which of its blocks the view has */
    struct heap_id holder;      /* the text of the last answer */
};

static struct heap *heap_of(const struct export_heap *x, uint32_t process, size_t *at)
{
    for (size_t i = 0; i < x->hs->n; i++)
        if (x->hs->heaps[i].s->process == process) {
            *at = i;
            return &x->hs->heaps[i];
        }
    return NULL;
}

/* The heap and the node of a block. NULL: none has it. */
static struct heap *find(const struct export_heap *x, const struct view_block *b, size_t *at, uint32_t *node)
{
    struct heap *h = heap_of(x, b->process, at);
    uint32_t found = h ? dict_get(&x->nodes[*at], b->id) : 0;
    *node = found - 1;
    return found ? h : NULL;
}

struct export_heap *export_heap_new(const struct view *v, const struct doc_context *c, struct frames *f)
{
    struct export_heap *x = xcalloc(1, sizeof *x);
    x->hs = analysis_new(v, c->symbols, 0, ANALYSIS_TREE, c->progress, c->progress_context);
    x->types = block_types_new(v, c->symbols, f);
    x->nodes = xcalloc(x->hs->n, sizeof *x->nodes);
    x->alive = xcalloc(x->hs->n, sizeof *x->alive);
    for (size_t i = 0; i < x->hs->n; i++) {
        const struct snapshot *s = x->hs->heaps[i].s;
        x->alive[i] = xcalloc(s->n_blocks, sizeof **x->alive);
        for (uint32_t block = 0; block < s->n_blocks; block++)
            dict_set(&x->nodes[i], s->id[block], block + 1);
    }
    for (size_t i = 0; i < v->n_blocks; i++) {
        size_t at;
        uint32_t node;
        if (find(x, &v->blocks[i], &at, &node))
            x->alive[at][node] = true;
    }
    return x;
}

void export_heap_free(struct export_heap *x)
{
    for (size_t i = 0; i < x->hs->n; i++) {
        dict_clear(&x->nodes[i]);
        free(x->alive[i]);
    }
    free(x->nodes);
    free(x->alive);
    block_types_free(x->types);
    analysis_free(x->hs);
    free(x);
}

bool export_heap_block(struct export_heap *x, const struct view_block *b, struct block_holding *h)
{
    size_t at;
    uint32_t node;
    const struct heap *heap = find(x, b, &at, &node);
    if (!heap)
        return false;
    struct block_type type = block_type_of(x->types, heap->s, node);
    *h = (struct block_holding){ .type = type.name, .type_by = block_type_by_name(type.by),
                                 .class = heap->reach ? leak_class_names[heap->reach->class[node]] : NULL };
    if (!heap->tree)
        return true;
    h->known = true;
    h->retained_bytes = heap->tree->retained_bytes[node];
    h->retained_blocks = heap->tree->retained_blocks[node];
    if (heap->tree->holder[node] < heap->tree->lost) {
        x->holder = heap_node_id(heap, heap->tree->holder[node]);
        h->holder = x->holder.text;
    }
    return true;
}

static bool points(const struct heap *h, uint32_t part)
{
    return h->tree->part_edge[part] < h->tree->part_edge[part + 1];
}

static void root_node(const struct export_heap *x, const struct heap *h, uint32_t part, struct json_writer *w)
{
    uint32_t node = h->tree->n_blocks + part;
    json_t *j = json_object();
    heap_part_members(j, x->hs, h, node);
    jw_object(w);
    JW_KEY(w, "id");
    jw_string(w, heap_node_id(h, node).text);
    JW_KEY(w, "kind");
    jw_string(w, "root");
    JW_KEY(w, "process");
    jw_id(w, 'p', h->s->process);
    JW_KEY(w, "retained_bytes");
    jw_u64(w, h->tree->retained_bytes[node]);
    JW_KEY(w, "retained_blocks");
    jw_u64(w, h->tree->retained_blocks[node]);
    const char *key;
    json_t *value;
    json_object_foreach(j, key, value) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        jw_key(w, key);
        if (text)
            jw_raw(w, text, strlen(text));
        else
            jw_null(w);
        free(text);
    }
    jw_end(w);
    json_decref(j);
}

void export_heap_nodes(const struct export_heap *x, struct json_writer *w)
{
    for (size_t i = 0; i < x->hs->n; i++) {
        const struct heap *h = &x->hs->heaps[i];
        for (uint32_t part = 0; h->tree && part < h->n_parts; part++)
            if (points(h, part))
                root_node(x, h, part, w);
    }
}

static void edge(const struct heap *h, uint32_t node, uint64_t e, struct json_writer *w)
{
    const struct snapshot *s = h->s;
    jw_object(w);
    JW_KEY(w, "from");
    jw_string(w, heap_node_id(h, node).text);
    JW_KEY(w, "to");
    jw_id(w, 'b', s->id[s->to[e] & EDGE_TARGET]);
    JW_KEY(w, "kind");
    jw_string(w, "contains");
    JW_KEY(w, "since_ns");
    jw_u64(w, s->ns);
    JW_KEY(w, "until_ns");
    jw_null(w);
    JW_KEY(w, "by");
    jw_string(w, !(s->to[e] & EDGE_INTERIOR) ? "start" : s->to[e] & EDGE_GOOD ? "good" : "interior");
    JW_KEY(w, "count");
    jw_u64(w, 1);
    JW_KEY(w, "interior");
    jw_bool(w, s->to[e] & EDGE_INTERIOR);
    JW_KEY(w, "offset_bytes");
    if (s->at[e] == UINT32_MAX)
        jw_null(w);
    else
        jw_u64(w, heap_pointer_offset(h, node, s->at[e]));
    jw_end(w);
}

void export_heap_edges(const struct export_heap *x, struct json_writer *w)
{
    for (size_t i = 0; i < x->hs->n; i++) {
        const struct heap *h = &x->hs->heaps[i];
        for (uint32_t node = 0; h->tree && node < h->tree->lost; node++) {
            struct heap_range edges = heap_edges_of(h->s, h->tree, node);
            if (node < h->s->n_blocks && !x->alive[i][node])
                continue;
            for (uint64_t e = edges.from; e < edges.to; e++)
                if (x->alive[i][h->s->to[e] & EDGE_TARGET])
                    edge(h, node, e, w);
        }
    }
}
