/*
 * collector/export/doc_graph.c - the document `graph` (doc.h): what hangs at the
 * top of the dominator tree, what hangs below to some depth, and the roots.
 *
 * However large the heap, the document stays one that can be read: so many rows
 * a level, NODES_MAX in all; children_total says what is left out.
 */
#include "export/doc_graph.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum { ROWS_DEFAULT = 100, CHILDREN_DEFAULT = 10, DEPTH_DEFAULT = 3, DEPTH_MAX = 64, NODES_MAX = 50000 };

struct tree_maker { struct graph_maker *m; size_t rows; size_t left; unsigned depth; };

static json_t *children_json(struct tree_maker *t, const struct heap *h, uint32_t node, unsigned depth);

/* With --since: nothing in it was made since. */
static bool left_out(const struct graph_maker *m, const struct heap_tree *t, uint32_t node)
{
    return m->since_ns && !t->retained_blocks[node];
}

static uint32_t children_of(const struct graph_maker *m, const struct heap_tree *t, uint32_t node)
{
    uint32_t n = 0;
    for (uint32_t i = t->child_first[node]; i < t->child_first[node + 1]; i++)
        n += !left_out(m, t, t->child[i]);
    return n;
}

static json_t *branch(struct tree_maker *t, const struct heap *h, uint32_t node, unsigned depth)
{
    json_t *j = graph_node(t->m, h, node);
    t->left--;
    json_object_set_new(j, "children", children_json(t, h, node, depth + 1));
    json_object_set_new(j, "children_total", doc_number(children_of(t->m, h->tree, node)));
    return j;
}

/* At most DEPTH_MAX deep. */
static json_t *children_json(struct tree_maker *t, const struct heap *h, uint32_t node, unsigned depth)
{
    json_t *list = json_array();
    uint32_t begin = h->tree->child_first[node], end = h->tree->child_first[node + 1];
    for (uint32_t i = begin; i < end && i - begin < t->rows && depth < t->depth && t->left; i++)
        if (!left_out(t->m, h->tree, h->tree->child[i]))
            json_array_append_new(list, branch(t, h, h->tree->child[i], depth));
    return list;
}

/* Those below the tops of all snapshots that retain most; roots that hold nothing are none. */
static json_t *dominators_json(struct graph_maker *m, const struct doc_options *o, size_t rows, size_t *total)
{
    struct tree_maker t = { .m = m, .rows = o->sites ? o->sites : CHILDREN_DEFAULT, .left = NODES_MAX,
                            .depth = o->depth ? o->depth < DEPTH_MAX ? o->depth : DEPTH_MAX : DEPTH_DEFAULT };
    size_t n = m->hs->n;
    uint32_t *next = xcalloc(n + 1, sizeof *next);
    json_t *list = json_array();
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        const struct heap_tree *tree = m->hs->heaps[i].tree;
        if (!tree)
            continue;
        next[i] = tree->child_first[tree->top];
        for (uint32_t k = next[i]; k < tree->child_first[tree->top + 1]; k++)
            *total += tree->retained_blocks[tree->child[k]] > 0;
    }
    while (rows-- && t.left) {
        size_t best = n;
        uint64_t most = 0;
        for (size_t i = 0; i < n; i++) {
            const struct heap_tree *tree = m->hs->heaps[i].tree;
            if (!tree || next[i] == tree->child_first[tree->top + 1] || !tree->retained_blocks[tree->child[next[i]]])
                continue;
            if (best == n || tree->retained_bytes[tree->child[next[i]]] > most) {
                best = i;
                most = tree->retained_bytes[tree->child[next[i]]];
            }
        }
        if (best == n)
            break;
        json_array_append_new(list, branch(&t, &m->hs->heaps[best], m->hs->heaps[best].tree->child[next[best]++], 0));
    }
    free(next);
    return list;
}

/* Roots that hold anything, those that retain most first. */
static json_t *roots_json(struct graph_maker *m, size_t rows, size_t *total)
{
    json_t *list = json_array();
    *total = 0;
    for (size_t i = 0; i < m->hs->n; i++)
        *total += m->hs->heaps[i].tree ? m->hs->heaps[i].n_parts : 0;
    struct doc_rank *order = xcalloc(*total + 1, sizeof *order);
    uint32_t *heap = xcalloc(*total + 1, sizeof *heap), *node = xcalloc(*total + 1, sizeof *node);
    size_t n = 0;
    for (uint32_t i = 0; i < m->hs->n; i++) {
        const struct heap *h = &m->hs->heaps[i];
        for (uint32_t k = 0; h->tree && k < h->n_parts; k++) {
            uint32_t part = h->tree->n_blocks + k;
            if (h->tree->part_edge[k] == h->tree->part_edge[k + 1] || left_out(m, h->tree, part))
                continue;
            heap[n] = i;
            node[n] = part;
            order[n] = (struct doc_rank){ h->tree->retained_bytes[part], (uint32_t)n };
            n++;
        }
    }
    *total = n;
    doc_rank_sort(order, n);
    for (size_t i = 0; i < n && i < rows; i++) {
        const struct heap *h = &m->hs->heaps[heap[order[i].at]];
        uint32_t part = node[order[i].at];
        json_t *j = graph_node(m, h, part);
        json_object_set_new(j, "pointers", doc_number(h->tree->part_edge[part - h->tree->n_blocks + 1] - h->tree->part_edge[part - h->tree->n_blocks]));
        json_array_append_new(list, j);
    }
    free(order);
    free(heap);
    free(node);
    return list;
}

static json_t *tree_parts(struct graph_maker *m, const struct doc_options *o)
{
    size_t rows = o->sites ? o->sites : ROWS_DEFAULT, total;
    json_t *parts = json_object();
    json_object_set_new(parts, "dominators", dominators_json(m, o, rows, &total));
    json_object_set_new(parts, "dominators_total", doc_number(total));
    json_object_set_new(parts, "roots", roots_json(m, rows, &total));
    json_object_set_new(parts, "roots_total", doc_number(total));
    return parts;
}

static json_t *group_parts(struct graph_maker *m, const struct doc_options *o)
{
    size_t total;
    json_t *parts = json_pack("{s:s}", "by", o->by);
    json_object_set_new(parts, "groups", graph_groups(m, o->by, o->sites ? o->sites : GROUPS_DEFAULT, &total));
    json_object_set_new(parts, "groups_total", doc_number(total));
    return parts;
}

json_t *doc_graph(const struct view *v, const struct doc_context *c, const struct doc_options *o)
{
    struct graph_maker m;
    graph_maker_begin(&m, v, c, o->process, o->since_ns);
    json_t *parts = o->of ? graph_one(&m, o->of, o->sites) : o->by ? group_parts(&m, o) : tree_parts(&m, o);
    json_t *doc = graph_head(&m);
    json_object_update(doc, parts);
    json_decref(parts);
    graph_maker_end(&m);
    return doc;
}
