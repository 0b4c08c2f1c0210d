/*
 * collector/export/doc_graph_of.c - `graph --of`: one node, who owns it, who
 * holds it and by which way, who borrows it, what it holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc_graph.h"
#include "heap/heap_order.h"

enum { HOLDS_DEFAULT = 100, POINTED_MAX = 100, PATH_MAX_STEPS = 2000 };

/* ---- which node --------------------------------------------------------------- */

static bool root_number(const char *of, uint64_t *number)
{
    if (*of != 'r' || !of[1] || strspn(of + 1, "0123456789") != strlen(of + 1) || strlen(of) > 12)
        return false;
    *number = strtoull(of + 1, NULL, 10);
    return true;
}

bool doc_graph_of_known(const char *of)
{
    struct doc_target target;
    uint64_t number;
    return root_number(of, &number) || doc_target_parse(&target, of) == 0;
}

/* The part of a root that an address lies in. */
static bool find_root_address(const struct analysis *hs, uint64_t address, uint32_t *heap, uint32_t *node)
{
    for (uint32_t i = 0; i < hs->n; i++) {
        const struct heap *h = &hs->heaps[i];
        for (uint32_t k = 0; h->tree && k < h->n_parts; k++) {
            uint32_t part = h->tree->n_blocks + k;
            if (heap_part_covers(hs, h, part, address)) {
                *heap = i;
                *node = part;
                return true;
            }
        }
    }
    return false;
}

/* Of a lock: the block or the data that it lies in. */
static bool lock_address(const struct view *v, uint64_t id, uint64_t *address)
{
    for (size_t i = 0; i < v->n_locks; i++)
        if (v->locks[i].id == id) {
            *address = v->locks[i].where.address;
            return true;
        }
    return false;
}

/* 0; -EINVAL: the words name no node; -ENOENT: no snapshot has it. */
static int find_node(const struct graph_maker *m, const char *of, uint32_t *heap, uint32_t *node)
{
    struct doc_target target;
    uint64_t number;
    if (root_number(of, &number))
        return analysis_find_root(m->hs, number, heap, node) ? 0 : -ENOENT;
    if (doc_target_parse(&target, of))
        return -EINVAL;
    if (!target.is_lock && !target.is_address)
        return analysis_find_block(m->hs, target.value, heap, node) ? 0 : -ENOENT;
    if (target.is_lock && !lock_address(m->v, target.value, &target.value))
        return -ENOENT;
    bool found = analysis_find_address(m->hs, target.value, heap, node) || find_root_address(m->hs, target.value, heap, node);
    return found ? 0 : -ENOENT;
}

/* ---- pointers ------------------------------------------------------------------ */

/* How far in the node the pointer lies: of a root's part counted from where it begins; null: farther than is known. */
static json_t *offset_json(const struct heap *h, uint32_t node, uint32_t at)
{
    if (at == UINT32_MAX)
        return json_null();
    return doc_number(heap_pointer_offset(h, node, at));
}

/* Sets offset_bytes, interior and, of those that point inside, whether they are as good as a start. */
static void pointer_members(json_t *j, const struct heap *h, uint32_t node, uint32_t at, uint32_t flags)
{
    json_object_set_new(j, "offset_bytes", offset_json(h, node, at));
    json_object_set_new(j, "interior", json_boolean(flags & EDGE_INTERIOR));
    if (flags & EDGE_INTERIOR)
        json_object_set_new(j, "good", json_boolean(flags & EDGE_GOOD));
}

static json_t *path_json(struct graph_maker *m, const struct heap *h, uint32_t node, bool strong)
{
    json_t *list = json_array();
    struct heap_step *steps;
    if (!h->tree)
        return list;
    if (node >= h->tree->n_blocks) {
        json_array_append_new(list, graph_node_brief(m, h, node));
        return list;
    }
    size_t n = heap_path(h->s, h->reach, h->tree, node, strong, &steps);
    for (size_t i = 0; i < n; i++) {
        if (n > PATH_MAX_STEPS && i >= PATH_MAX_STEPS / 2 && i < n - PATH_MAX_STEPS / 2)
            continue;       /* path_total tells how long it is */
        json_t *j = graph_node_brief(m, h, steps[i].node);
        if (i + 1 < n)
            pointer_members(j, h, steps[i].node, steps[i].at, steps[i].flags);
        json_array_append_new(list, j);
    }
    json_t *all = json_pack("{s:o,s:o}", "steps", list, "total", doc_number(n));
    free(steps);
    return all;
}

static void path_set(json_t *doc, const char *key, const char *total, json_t *path)
{
    json_t *steps = json_is_array(path) ? path : json_object_get(path, "steps");
    json_object_set(doc, key, steps);
    json_object_set_new(doc, total, json_is_array(path) ? json_integer((json_int_t)json_array_size(path)) : json_incref(json_object_get(path, "total")));
    json_decref(path);
}

static json_t *pointed_json(struct graph_maker *m, const struct heap *h, uint32_t node, size_t *total)
{
    struct heap_step steps[POINTED_MAX];
    json_t *list = json_array();
    *total = h->tree && node < h->tree->n_blocks ? heap_holders(h->s, h->tree, node, steps, POINTED_MAX) : 0;
    for (size_t i = 0; i < *total && i < POINTED_MAX; i++) {
        json_t *j = graph_node_brief(m, h, steps[i].node);
        pointer_members(j, h, steps[i].node, steps[i].at, steps[i].flags);
        json_array_append_new(list, j);
    }
    return list;
}

/* ---- what it holds ------------------------------------------------------------- */

struct held { uint32_t node, at, flags; bool pointed; };

/* One row a block that is pointed to (by its first pointer), then what is dominated without. */
static struct held *held_rows(const struct heap *h, uint32_t node, size_t *n)
{
    const struct snapshot *s = h->s;
    const struct heap_tree *t = h->tree;
    uint64_t begin = node < t->n_blocks ? s->first[node] : t->part_edge[node - t->n_blocks];
    uint64_t end = node < t->n_blocks ? s->first[node + 1] : t->part_edge[node - t->n_blocks + 1];
    uint32_t children = t->child_first[node + 1] - t->child_first[node];
    size_t count = end - begin + children;
    struct heap_ordered *rows = xmalloc((count + 1) * sizeof *rows);
    for (uint64_t e = begin; e < end; e++)
        rows[e - begin] = (struct heap_ordered){ .key = s->to[e] & EDGE_TARGET, .value = (uint32_t)(e - begin) };
    for (uint32_t i = 0; i < children; i++)
        rows[end - begin + i] = (struct heap_ordered){ .key = t->child[t->child_first[node] + i], .value = UINT32_MAX };
    heap_order(rows, count);
    struct held *held = xmalloc((count + 1) * sizeof *held);
    *n = 0;
    for (size_t i = 0; i < count; i++) {
        bool pointed = rows[i].value != UINT32_MAX;
        uint64_t e = begin + rows[i].value;
        if (!i || rows[i].key != rows[i - 1].key)
            held[(*n)++] = (struct held){ (uint32_t)rows[i].key, pointed ? s->at[e] : 0, pointed ? s->to[e] & ~(uint32_t)EDGE_TARGET : 0, pointed };
    }
    free(rows);
    return held;
}

static json_t *holds_json(struct graph_maker *m, const struct heap *h, uint32_t node, size_t most, size_t *total)
{
    json_t *list = json_array();
    *total = 0;
    if (!h->tree)
        return list;
    struct held *held = held_rows(h, node, total);
    struct doc_rank *order = xcalloc(*total + 1, sizeof *order);
    for (size_t i = 0; i < *total; i++) {
        /* What it holds comes before what it only points to. */
        bool own = h->tree->holder[held[i].node] == node;
        uint64_t bytes = h->tree->retained_bytes[held[i].node], half = UINT64_MAX >> 1;
        order[i] = (struct doc_rank){ (own ? half + 1 : 0) + (bytes < half ? bytes : half), (uint32_t)i };
    }
    doc_rank_sort(order, *total);
    for (size_t i = 0; i < *total && i < most; i++) {
        const struct held *row = &held[order[i].at];
        json_t *j = graph_node_brief(m, h, row->node);
        json_object_set_new(j, "retained_bytes", doc_number(h->tree->retained_bytes[row->node]));
        json_object_set_new(j, "retained_blocks", doc_number(h->tree->retained_blocks[row->node]));
        json_object_set_new(j, "dominated", json_boolean(h->tree->holder[row->node] == node));
        json_object_set_new(j, "pointed", json_boolean(row->pointed));
        if (row->pointed)
            pointer_members(j, h, node, row->at, row->flags);
        json_array_append_new(list, j);
    }
    free(order);
    free(held);
    return list;
}

/* ---- who uses it ----------------------------------------------------------------- */

static json_t *borrowers_json(const struct view *v, const struct heap *h, uint32_t node)
{
    json_t *list = json_array();
    for (size_t i = 0; node < h->s->n_blocks && i < v->n_blocks; i++) {
        const struct view_block *b = &v->blocks[i];
        if (b->id == h->s->id[node] && b->borrower)
            json_array_append_new(list, json_pack("{s:o,s:s,s:s,s:o}", "thread", doc_id('t', b->borrower), "kind", "borrows_mut",
                                                  "by", "thread-arg", "since_ns", doc_number(b->borrowed_ns)));
    }
    return list;
}

static void node_set(json_t *doc, struct graph_maker *m, const struct heap *h, uint32_t node, size_t most)
{
    size_t pointed_total, holds_total;
    json_t *j = graph_node(m, h, node), *pointed = pointed_json(m, h, node, &pointed_total);
    json_t *holds = holds_json(m, h, node, most, &holds_total);
    bool held = h->tree && h->tree->holder[node] < h->tree->lost;
    json_object_set_new(doc, "owner", node < h->s->n_blocks ? doc_party(h->s->owner[node], h->s->process) : doc_id('p', h->s->process));
    json_object_set(doc, "holder", json_object_get(j, "holder"));
    json_object_set_new(doc, "node", j);
    json_object_set_new(doc, "holder_node", held ? graph_node(m, h, h->tree->holder[node]) : json_null());
    json_object_set_new(doc, "borrowers", borrowers_json(m->v, h, node));
    path_set(doc, "path", "path_total", path_json(m, h, node, false));
    path_set(doc, "path_strong", "path_strong_total", path_json(m, h, node, true));
    json_object_set_new(doc, "pointed_by", pointed);
    json_object_set_new(doc, "pointed_by_total", doc_number(pointed_total));
    json_object_set_new(doc, "holds", holds);
    json_object_set_new(doc, "holds_total", doc_number(holds_total));
}

static void nothing_set(json_t *doc)
{
    static const char *const nothing[] = { "node", "owner", "holder", "holder_node" };
    static const char *const lists[] = { "borrowers", "path", "path_strong", "pointed_by", "holds" };
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        json_object_set_new(doc, nothing[i], json_null());
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        json_object_set_new(doc, lists[i], json_array());
}

json_t *graph_one(struct graph_maker *m, const char *of, size_t most)
{
    uint32_t heap, node;
    json_t *parts = json_object();
    if (find_node(m, of, &heap, &node))
        nothing_set(parts);
    else
        node_set(parts, m, &m->hs->heaps[heap], node, most ? most : HOLDS_DEFAULT);
    return parts;
}
