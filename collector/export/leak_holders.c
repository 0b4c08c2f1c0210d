/*
 * collector/export/leak_holders.c - see leak_holders.h.
 */
#include "export/leak_holders.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/graph_parts.h"
#include "export/text.h"

/* What one node holds of one group. */
struct held { uint32_t group, node, snapshot; uint64_t blocks, bytes; };

struct leak_holders {
    const struct leaks *l;
    struct graph_maker m;       /* hs NULL: no holder is known */
    struct held *most;          /* of each group, blocks 0: none */
};

static bool has_holder(const struct leak_group *g) { return g->class < LEAK_DEFINITE; }

/* ---- who holds most of each ----------------------------------------------- */

static int held_compare(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->node < y->node ? -1 : x->node > y->node;
}

static void holders_of(struct leak_holders *h, uint32_t snapshot, const bool *wanted)
{
    const struct snapshot *s = h->l->view->snapshots[snapshot];
    const struct heap_tree *tree = h->m.hs->heaps[snapshot].tree;
    struct held *list = NULL;
    size_t n = 0, capacity = 0;
    for (uint32_t i = 0; tree && i < s->n_blocks; i++) {
        uint32_t group = h->l->group_of[snapshot][i];
        if (!group || !wanted[group - 1] || !has_holder(&h->l->groups[group - 1]))
            continue;
        list = xgrow(list, &capacity, n + 1, sizeof *list);
        list[n++] = (struct held){ group - 1, tree->holder[i], snapshot, 1, s->size[i] };
    }
    if (n)
        qsort(list, n, sizeof *list, held_compare);
    for (size_t i = 0; i < n;) {
        struct held sum = list[i];
        for (i++; i < n && !held_compare(&list[i], &sum); i++) {
            sum.blocks++;
            sum.bytes += list[i].bytes;
        }
        struct held *most = &h->most[sum.group];
        if (!most->blocks || sum.bytes > most->bytes)
            *most = sum;
    }
    free(list);
}

struct leak_holders *leak_holders_new(const struct leaks *l, const struct doc_context *c, struct frames *f, const bool *wanted)
{
    struct leak_holders *h = xcalloc(1, sizeof *h);
    bool any = false;
    h->l = l;
    h->m = (struct graph_maker){ .v = l->view, .c = c, .frames = f, .types = block_types_new(l->view, c->symbols, f) };
    h->most = xcalloc(l->n + 1, sizeof *h->most);
    for (size_t i = 0; wanted && i < l->n; i++)
        any |= wanted[i] && has_holder(&l->groups[i]);
    if (!any)
        return h;
    h->m.hs = analysis_new(l->view, c->symbols, 0, ANALYSIS_TREE, c->progress, c->progress_context);
    for (uint32_t i = 0; i < l->view->n_snapshots; i++)
        holders_of(h, i, wanted);
    return h;
}

void leak_holders_free(struct leak_holders *h)
{
    block_types_free(h->m.types);
    if (h->m.hs)
        analysis_free(h->m.hs);
    free(h->most);
    free(h);
}

/* ---- in words ------------------------------------------------------------- */

/* "b7 Foo", "r4 app:table"; what no one node holds: all that leads there. */
static char *what_text(const struct leak_holders *h, const struct heap *heap, uint32_t node)
{
    struct heap_id id = heap_node_id(heap, node);
    if (node < heap->s->n_blocks) {
        struct block_type t = block_type_of(h->m.types, heap->s, node);
        return t.name ? xasprintf("%s %s", id.text, t.name) : xstrdup(id.text);
    }
    if (!heap_is_part(heap, node))
        return xstrdup(node == heap->tree->top ? "several roots" : "several lost blocks");
    char *part = heap_part_text(h->m.hs, heap, node), *text = xasprintf("%s %s", id.text, part);
    free(part);
    return text;
}

json_t *leak_holder(struct leak_holders *h, uint32_t group)
{
    const struct held *most = &h->most[group];
    if (!most->blocks)
        return json_null();
    const struct heap *heap = &h->m.hs->heaps[most->snapshot];
    bool one = most->node < heap->s->n_blocks || heap_is_part(heap, most->node);
    const char *kind = most->node < heap->s->n_blocks ? "block" : one ? "root" : most->node == heap->tree->top ? "roots" : "lost";
    char *what = what_text(h, heap, most->node);
    json_t *j = json_pack("{s:o,s:s,s:o,s:o,s:o}", "id", one ? graph_node_id(heap, most->node) : json_null(), "kind", kind,
                          "what", text_json_string(what), "blocks", doc_number(most->blocks), "bytes", doc_number(most->bytes));
    free(what);
    return j;
}

const char *leak_type(struct leak_holders *h, uint32_t group, const char **by)
{
    const struct leak_group *g = &h->l->groups[group];
    struct block_type t = block_type_of(h->m.types, h->l->view->snapshots[g->snapshot], g->example);
    bool all = t.by == BLOCK_TYPE_FRAME || (t.by == BLOCK_TYPE_VTABLE && g->type);
    *by = all ? block_type_by_name(t.by) : NULL;
    return all ? t.name : NULL;
}
