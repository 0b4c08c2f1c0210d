/*
 * collector/export/doc_graph_by.c - `graph --by`: blocks in groups, as a
 * histogram.
 *
 * What a group retains is what its blocks retain, each byte once: a block below
 * another of its group in the dominator tree is in that one's sum already. It is
 * what would go at least if all of the group went: blocks that only several of
 * the group hold together hang above them and are not in it.
 *
 * Where blocks are samples, a group says what its own stand for, with the error. What it retains is of those that were recorded: who
 * holds blocks that were not is not known.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "export/doc_graph.h"
#include "export/interval.h"
#include "export/text.h"
#include "graph/dict.h"

enum by { BY_TYPE, BY_SITE, BY_MODULE, BY_THREAD, BY_ROOT, BY_COUNT };
static const char *const by_names[BY_COUNT] = { "type", "site", "module", "thread", "root" };

static int by_find(const char *by)
{
    for (int i = 0; i < BY_COUNT; i++)
        if (!strcmp(by, by_names[i]))
            return i;
    return -1;
}

bool doc_graph_by_known(const char *by) { return by_find(by) >= 0; }

struct group {
    uint64_t blocks, bytes, retained_blocks, retained_bytes;
    struct interval_sum stand;
    uint32_t open;              /* of its blocks that the walk is below */
    uint32_t heap, node;        /* its first block, or the root */
};

struct groups {
    struct graph_maker *m;
    enum by by;
    struct group *groups; size_t n, capacity;
    struct dict numbers;        /* key -> group + 1 */
    uint32_t *modules;          /* view's stack -> module's number + 1; 0: not asked yet */
    const char **module_paths; size_t n_modules, modules_capacity;
};

/* ---- which group ------------------------------------------------------------------ */

/* Of the code that made a block: the innermost place that tells something. 0: not known. */
static uint32_t module_number(struct groups *g, uint32_t stack)
{
    const struct frame_place *places;
    uint32_t shown;
    if (g->modules[stack])
        return g->modules[stack] - 1;
    size_t n = frames_places(g->m->frames, frames_view_stack(g->m->frames, stack), 0, &places);
    const char *path = frames_telling(places, n, 1, &shown) ? places[shown].module : NULL;
    uint32_t number = 0;
    for (uint32_t i = 0; path && !number && i < g->n_modules; i++)
        if (!strcmp(g->module_paths[i], path))
            number = i + 1;
    if (path && !number) {
        g->module_paths = xgrow(g->module_paths, &g->modules_capacity, g->n_modules + 1, sizeof *g->module_paths);
        g->module_paths[g->n_modules++] = path;
        number = (uint32_t)g->n_modules;
    }
    g->modules[stack] = number + 1;
    return number;
}

static uint64_t block_key(struct groups *g, const struct snapshot *s, uint32_t block)
{
    uint32_t stack = s->stack[block] <= g->m->v->n_stacks ? s->stack[block] : 0;
    switch (g->by) {
    case BY_TYPE: return block_type_of(g->m->types, s, block).number;
    case BY_MODULE: return module_number(g, stack);
    case BY_THREAD: return (uint64_t)s->process << 32 | s->owner[block];
    default: return stack;
    }
}

static uint32_t group_of(struct groups *g, uint64_t key, uint32_t heap, uint32_t node)
{
    uint32_t number = dict_get(&g->numbers, key);
    if (!number) {
        g->groups = xgrow(g->groups, &g->capacity, g->n + 1, sizeof *g->groups);
        g->groups[g->n++] = (struct group){ .heap = heap, .node = node };
        number = (uint32_t)g->n;
        dict_set(&g->numbers, key, number);
    }
    return number - 1;
}

/* ---- sums --------------------------------------------------------------------------- */

static void block_add(struct group *group, const struct snapshot *s, uint32_t block)
{
    group->blocks++;
    group->bytes += s->size[block];
    interval_add(&group->stand, s->size[block], s->size[block], s->rate ? s->rate[block] : 0);
}

/* The group of each block; their own sums. */
static uint32_t *own_sums(struct groups *g, uint32_t heap)
{
    const struct snapshot *s = g->m->hs->heaps[heap].s;
    uint32_t *of = xmalloc((s->n_blocks + 1) * sizeof *of);
    for (uint32_t block = 0; block < s->n_blocks; block++) {
        of[block] = group_of(g, block_key(g, s, block), heap, block);
        if (s->born_ns[block] >= g->m->since_ns)
            block_add(&g->groups[of[block]], s, block);
    }
    return of;
}

/* A walk down the tree; a node is on the stack a second time, with `LEAVE`, until all below it was seen. */
static void retained_sums(struct groups *g, const struct heap_tree *t, const uint32_t *of)
{
    static const uint32_t LEAVE = 1u << 31;
    uint32_t *stack = NULL;
    size_t n = 0, capacity = 0;
    stack = xgrow(stack, &capacity, 1, sizeof *stack);
    stack[n++] = t->top;
    while (n) {
        uint32_t node = stack[--n];
        if (node & LEAVE) {
            g->groups[of[node & ~LEAVE]].open--;
            continue;
        }
        uint32_t begin = t->child_first[node], end = t->child_first[node + 1];
        stack = xgrow(stack, &capacity, n + 1 + (end - begin), sizeof *stack);
        if (node < t->n_blocks) {
            struct group *group = &g->groups[of[node]];
            if (!group->open++) {
                group->retained_blocks += t->retained_blocks[node];
                group->retained_bytes += t->retained_bytes[node];
            }
            stack[n++] = node | LEAVE;
        }
        for (uint32_t i = begin; i < end; i++)
            stack[n++] = t->child[i];
    }
    free(stack);
}

/* Each root is a group: its own are the blocks that it holds directly. What several roots hold is one, what is lost another. */
static void root_groups(struct groups *g, uint32_t heap)
{
    const struct heap *h = &g->m->hs->heaps[heap];
    const struct heap_tree *t = h->tree;
    for (uint32_t block = 0; t && block < t->n_blocks; block++) {
        uint32_t holder = t->holder[block];
        if (holder < t->n_blocks || (g->m->since_ns && !t->retained_blocks[block]))
            continue;
        bool loose = holder == t->top && h->reach->loose && h->reach->loose[block];
        uint32_t number = group_of(g, (uint64_t)heap << 34 | (uint64_t)loose << 33 | holder, heap, loose ? block : holder);
        struct group *group = &g->groups[number];
        if (h->s->born_ns[block] >= g->m->since_ns)
            block_add(group, h->s, block);
        group->retained_blocks += t->retained_blocks[block];
        group->retained_bytes += t->retained_bytes[block];
    }
}

/* ---- rows ----------------------------------------------------------------------------- */

static void thread_members(json_t *j, struct groups *g, const struct snapshot *s, uint32_t owner)
{
    const struct view_thread *t = owner ? view_thread_of(g->m->v, owner) : NULL;
    json_object_set_new(j, "thread", doc_id('t', owner));
    json_object_set_new(j, "process", doc_id('p', s->process));
    json_object_set_new(j, "name", t && *t->name ? text_json(t->name, strnlen(t->name, sizeof t->name)) : json_null());
}

static void root_members(json_t *j, struct groups *g, const struct heap *h, uint32_t node)
{
    const struct heap_tree *t = h->tree;
    bool several = node == t->top, loose = node < t->n_blocks;
    json_object_set_new(j, "id", several || loose ? json_null() : graph_node_id(h, node));
    json_object_set_new(j, "process", doc_id('p', h->s->process));
    json_object_set_new(j, "kind", json_string(several ? "several" : loose ? "loose" : node == t->lost ? "lost" : "root"));
    if (heap_is_part(h, node))
        heap_part_members(j, g->m->hs, h, node);
}

static void key_members(json_t *j, struct groups *g, const struct group *group)
{
    const struct heap *h = &g->m->hs->heaps[group->heap];
    const struct snapshot *s = h->s;
    uint32_t block = group->node, stack = g->by != BY_ROOT && s->stack[block] <= g->m->v->n_stacks ? s->stack[block] : 0, module;
    switch (g->by) {
    case BY_TYPE: graph_type_members(j, block_type_of(g->m->types, s, block)); return;
    case BY_SITE: json_object_set_new(j, "stack", stack ? frames_json(g->m->frames, frames_view_stack(g->m->frames, stack)) : json_null()); return;
    case BY_MODULE:
        module = module_number(g, stack);
        json_object_set_new(j, "module", text_json_string(module ? g->module_paths[module - 1] : NULL));
        return;
    case BY_THREAD: thread_members(j, g, s, s->owner[block]); return;
    default: root_members(j, g, h, block);
    }
}

/* Lets go of groups of which nothing was made since. */
static void groups_since(struct groups *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (!g->m->since_ns || g->groups[i].blocks || g->groups[i].retained_blocks)
            g->groups[n++] = g->groups[i];
    g->n = n;
}

static json_t *rows_json(struct groups *g, size_t rows, bool known)
{
    json_t *list = json_array();
    struct doc_rank *order = xcalloc(g->n + 1, sizeof *order);
    for (size_t i = 0; i < g->n; i++)
        order[i] = (struct doc_rank){ known ? g->groups[i].retained_bytes : g->groups[i].bytes, (uint32_t)i };
    doc_rank_sort(order, g->n);
    for (size_t i = 0; i < g->n && i < rows; i++) {
        const struct group *group = &g->groups[order[i].at];
        json_t *j = json_object();
        key_members(j, g, group);
        json_object_set_new(j, "blocks", doc_number(group->blocks));
        json_object_set_new(j, "bytes", doc_number(group->bytes));
        if (group->stand.samples)
            json_object_set_new(j, "estimated", interval_sum_json(&group->stand));
        json_object_set_new(j, "retained_blocks", known ? doc_number(group->retained_blocks) : json_null());
        json_object_set_new(j, "retained_bytes", known ? doc_number(group->retained_bytes) : json_null());
        json_array_append_new(list, j);
    }
    free(order);
    return list;
}

json_t *graph_groups(struct graph_maker *m, const char *by, size_t rows, size_t *total)
{
    struct groups g = { .m = m, .by = (enum by)by_find(by), .modules = xcalloc(m->v->n_stacks + 1, sizeof *g.modules) };
    bool known = false;
    for (uint32_t i = 0; i < m->hs->n; i++) {
        const struct heap *h = &m->hs->heaps[i];
        known |= h->tree != NULL;
        if (g.by == BY_ROOT) {
            root_groups(&g, i);
            continue;
        }
        uint32_t *of = own_sums(&g, i);
        if (h->tree)
            retained_sums(&g, h->tree, of);
        free(of);
    }
    groups_since(&g);
    json_t *list = rows_json(&g, rows, known);
    *total = g.n;
    dict_clear(&g.numbers);
    free(g.groups);
    free(g.modules);
    free(g.module_paths);
    return list;
}
