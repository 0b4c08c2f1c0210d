/*
 * collector/heap/heap_tree.c - see heap_tree.h. By whoever makes a document; no
 * recursion.
 */
#include "heap/heap_tree.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "heap/heap_dominators.h"
#include "heap/heap_order.h"

/* Each edge of a root goes to the last part that begins at or before its word. */
static void parts_edges(struct heap_tree *t, const struct snapshot *s, const struct heap_part *parts)
{
    t->part_edge = xmalloc((t->n_parts + 1ull) * sizeof *t->part_edge);
    t->part_edge[t->n_parts] = s->first[snapshot_nodes(s)];
    uint64_t e = 0;
    for (uint32_t i = 0; i < t->n_parts; i++) {
        uint64_t begin = s->first[s->n_blocks + parts[i].root], end = s->first[s->n_blocks + parts[i].root + 1];
        if (!i || parts[i].root != parts[i - 1].root)
            e = begin;
        else
            while (e < end && s->at[e] < parts[i].first_word)
                e++;
        t->part_edge[i] = e;
    }
}

static void whole_roots(struct heap_tree *t, const struct snapshot *s)
{
    t->part_edge = xmalloc((t->n_parts + 1ull) * sizeof *t->part_edge);
    for (uint32_t i = 0; i <= t->n_parts; i++)
        t->part_edge[i] = s->first[s->n_blocks + i];
}

static void retained(struct heap_tree *t, const struct snapshot *s, const struct heap_dominators *d)
{
    t->holder = xmalloc(t->n_nodes * sizeof *t->holder);
    t->retained_bytes = xcalloc(t->n_nodes, sizeof *t->retained_bytes);
    t->retained_blocks = xcalloc(t->n_nodes, sizeof *t->retained_blocks);
    for (uint32_t i = 0; i < t->n_blocks; i++) {
        t->retained_bytes[i] = s->size[i];
        t->retained_blocks[i] = 1;
    }
    for (uint32_t i = t->n_nodes - 1; i > 0; i--) {
        uint32_t node = d->node[i], holder = d->node[d->holder[i]];
        t->holder[node] = holder;
        t->retained_bytes[holder] += t->retained_bytes[node];
        t->retained_blocks[holder] += t->retained_blocks[node];
    }
    t->holder[t->top] = t->top;
}

/* Those that retain most first; of equals the one with the lower number. */
static void sort_children(struct heap_tree *t, uint32_t node, struct heap_ordered **rows, size_t *capacity)
{
    uint32_t *child = t->child + t->child_first[node];
    size_t n = t->child_first[node + 1] - t->child_first[node];
    if (n < 2)
        return;
    *rows = xgrow(*rows, capacity, n, sizeof **rows);
    for (size_t i = 0; i < n; i++)
        (*rows)[i] = (struct heap_ordered){.key = ~t->retained_bytes[child[i]], .value = child[i]};
    heap_order(*rows, n);
    for (size_t i = 0; i < n; i++)
        child[i] = (*rows)[i].value;
}

static void sort_all(struct heap_tree *t, heap_progress progress, void *context)
{
    struct heap_ordered *rows = NULL;
    size_t capacity = 0;
    for (uint32_t i = 0; i < t->n_nodes; i++) {
        if (progress && i % (1 << 20) == 0)
            progress(context, "children", i, t->n_nodes);
        sort_children(t, i, &rows, &capacity);
    }
    free(rows);
}

static void children(struct heap_tree *t, heap_progress progress, void *context)
{
    t->child_first = xcalloc(t->n_nodes + 1ull, sizeof *t->child_first);
    t->child = xmalloc(t->n_nodes * sizeof *t->child);
    for (uint32_t i = 0; i < t->n_nodes; i++)
        if (i != t->top)
            t->child_first[t->holder[i]]++;
    uint32_t sum = 0;
    for (uint32_t i = 0; i <= t->n_nodes; i++) {
        sum += t->child_first[i];
        t->child_first[i] = sum;
    }
    for (uint32_t i = t->n_nodes; i-- > 0;)     /* each list is filled from its end */
        if (i != t->top)
            t->child[--t->child_first[t->holder[i]]] = i;
    sort_all(t, progress, context);
}

void heap_tree_since(struct heap_tree *t, const struct snapshot *s, uint64_t since_ns)
{
    uint32_t *order = xmalloc(t->n_nodes * sizeof *order), n = 1;
    for (uint32_t i = 0; i < t->n_nodes; i++) {
        bool counts = i < t->n_blocks && s->born_ns[i] >= since_ns;
        t->retained_bytes[i] = counts ? s->size[i] : 0;
        t->retained_blocks[i] = counts;
    }
    order[0] = t->top;
    for (uint32_t i = 0; i < n; i++)        /* each node behind its holder */
        for (uint32_t k = t->child_first[order[i]]; k < t->child_first[order[i] + 1]; k++)
            order[n++] = t->child[k];
    for (uint32_t i = n - 1; i > 0; i--) {
        uint32_t holder = t->holder[order[i]];
        t->retained_bytes[holder] += t->retained_bytes[order[i]];
        t->retained_blocks[holder] += t->retained_blocks[order[i]];
    }
    free(order);
    sort_all(t, NULL, NULL);
}

struct heap_tree *heap_tree_new(const struct snapshot *s, const struct heap_reach *r,
                                const struct heap_part *parts, size_t n_parts, heap_progress progress, void *context)
{
    if (!s->first || !r)
        return NULL;
    struct heap_tree *t = xcalloc(1, sizeof *t);
    t->n_blocks = (uint32_t)s->n_blocks;
    t->n_parts = (uint32_t)(parts ? n_parts : s->n_roots);
    t->lost = t->n_blocks + t->n_parts;
    t->top = t->lost + 1;
    t->n_nodes = t->top + 1;
    if (parts)
        parts_edges(t, s, parts);
    else
        whole_roots(t, s);
    struct heap_dominators d = heap_dominators_find(s, r, t, progress, context);
    retained(t, s, &d);
    heap_dominators_free(&d);
    children(t, progress, context);
    return t;
}

void heap_tree_free(struct heap_tree *t)
{
    if (!t)
        return;
    free(t->part_edge);
    free(t->holder);
    free(t->retained_bytes);
    free(t->retained_blocks);
    free(t->child_first);
    free(t->child);
    free(t);
}
