/*
 * collector/heap/heap_dominators.c - see heap_dominators.h.
 *
 * A depth-first walk numbers the nodes; everything after it works on numbers, so
 * that what is near in the graph is near in memory. Tree edges are left out of
 * the lists of predecessors: a node's parent in the walk is known anyway.
 */
#include "heap/heap_dominators.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_edges.h"

enum { TELL_EVERY = 1 << 20, AHEAD = 32 };
static const uint32_t NO_NUMBER = UINT32_MAX;

struct seen { uint32_t number; uint32_t others; /* edges into it but the tree's */ };
struct pending { uint32_t node, parent; };

/* One run. */
struct work {
    const struct snapshot *s;
    const struct heap_reach *r;
    const struct heap_tree *t;
    heap_progress progress;
    void *context;
    struct seen *seen;          /* by node */
    uint32_t *node;             /* by number */
    uint32_t *parent;           /* by number: in the walk, then the dominator */
    uint32_t n;                 /* numbered so far */
    struct pending *stack;
    size_t depth, capacity;
    uint32_t *made;             /* targets of top and lost, which have no edges in the snapshot */
    size_t n_loose, n_made;     /* made: loose mappings, then definite blocks */
};

static void tell(const struct work *w, const char *step, uint64_t done)
{
    if (w->progress && done % TELL_EVERY == 0)
        w->progress(w->context, step, done, w->t->n_nodes);
}

static void made_edges(struct work *w)
{
    const struct heap_reach *r = w->r;
    w->made = xmalloc((w->t->n_blocks + 1ull) * sizeof *w->made);
    for (uint32_t i = 0; r->loose && i < w->t->n_blocks; i++)
        if (r->loose[i])
            w->made[w->n_made++] = i;
    w->n_loose = w->n_made;
    for (uint32_t i = 0; i < w->t->n_blocks; i++)
        if (r->class[i] == LEAK_DEFINITE)
            w->made[w->n_made++] = i;
}

static void push(struct work *w, uint32_t node, uint32_t parent)
{
    w->stack = xgrow(w->stack, &w->capacity, w->depth + 1, sizeof *w->stack);
    w->stack[w->depth++] = (struct pending){node, parent};
}

/* Numbers a node, and puts what it points to on the stack; what is numbered already has one more edge into it. */
static void visit(struct work *w, uint32_t node)
{
    const struct snapshot *s = w->s;
    const struct heap_tree *t = w->t;
    uint32_t number = w->seen[node].number;
    if (node == t->top) {
        push(w, t->lost, number);
        for (size_t i = w->n_loose; i-- > 0;)
            push(w, w->made[i], number);
        for (uint32_t i = t->n_parts; i-- > 0;)
            push(w, t->n_blocks + i, number);
        return;
    }
    if (node == t->lost) {
        for (size_t i = w->n_made; i-- > w->n_loose;)
            push(w, w->made[i], number);
        return;
    }
    struct heap_range edges = heap_edges_of(s, t, node);
    for (uint64_t e = edges.to; e-- > edges.from;) {
        if (e >= edges.from + AHEAD)
            __builtin_prefetch(&w->seen[s->to[e - AHEAD] & EDGE_TARGET]);
        uint32_t to = s->to[e] & EDGE_TARGET;
        if (!heap_holds(w->r, t, node, to))
            continue;
        if (w->seen[to].number != NO_NUMBER) {
            w->seen[to].others++;
        } else {
            __builtin_prefetch(&s->first[to]);
            push(w, to, number);
        }
    }
}

static void walk(struct work *w)
{
    for (uint32_t i = 0; i < w->t->n_nodes; i++)
        w->seen[i].number = NO_NUMBER;
    push(w, w->t->top, 0);
    while (w->depth) {
        struct pending p = w->stack[--w->depth];
        if (w->seen[p.node].number != NO_NUMBER) {
            w->seen[p.node].others++;
            continue;
        }
        tell(w, "walk", w->n);
        w->seen[p.node].number = w->n;
        w->parent[w->n] = p.parent;
        w->node[w->n++] = p.node;
        visit(w, p.node);
    }
    free(w->stack);
}

/* By number: edges into it but the tree's, as numbers; a list may end early, in NO_NUMBER. */
struct others { uint64_t *first; uint32_t *from; };

static void others_add(struct work *w, struct others *o, uint32_t from, uint32_t to)
{
    uint32_t number = w->seen[to].number;
    if (w->parent[number] != from && number != from)
        o->from[o->first[number]++] = from;
}

static struct others others_find(struct work *w)
{
    const struct snapshot *s = w->s;
    const struct heap_tree *t = w->t;
    struct others o = {.first = xmalloc((w->n + 1ull) * sizeof *o.first)};
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        o.first[i] = sum;
        sum += w->seen[w->node[i]].others;
    }
    o.first[w->n] = sum;
    o.from = xmalloc(sum * sizeof *o.from);
    memset(o.from, 0xff, sum * sizeof *o.from);
    for (uint32_t i = 0; i < w->n; i++) {
        uint32_t node = w->node[i];
        if (node == t->top || node == t->lost)
            continue;
        struct heap_range edges = heap_edges_of(s, t, node);
        for (uint64_t e = edges.from; e < edges.to; e++) {
            if (e + AHEAD < s->n_edges)
                __builtin_prefetch(&w->seen[s->to[e + AHEAD] & EDGE_TARGET]);
            uint32_t to = s->to[e] & EDGE_TARGET;
            if (heap_holds(w->r, t, node, to))
                others_add(w, &o, i, to);
        }
    }
    uint32_t top = w->seen[t->top].number, lost = w->seen[t->lost].number;
    for (size_t i = 0; i < w->n_made; i++)
        others_add(w, &o, i < w->n_loose ? top : lost, w->made[i]);
    /* The lists were filled from their beginnings on: back to where each begins. */
    for (uint64_t i = 0, begin = 0; i < w->n; i++) {
        o.first[i] = begin;
        begin += w->seen[w->node[i]].others;
    }
    return o;
}

/* A node in the forest that grows while semidominators are found, from the last number to the first. */
struct linked { uint32_t above; uint32_t least; /* semidominator on the way up to `above`, excluded */ };

/* The least semidominator from `v` up to the first node that is not linked yet (numbers to `last`); shortens the way. */
static uint32_t least_above(struct linked *linked, uint32_t v, uint32_t last, uint32_t **way, size_t *capacity)
{
    size_t n = 0;
    while (linked[v].above > last) {
        *way = xgrow(*way, capacity, n + 1, sizeof **way);
        (*way)[n++] = v;
        v = linked[v].above;
    }
    while (n) {
        uint32_t below = (*way)[--n];
        linked[below].above = linked[v].above;
        if (linked[v].least < linked[below].least)
            linked[below].least = linked[v].least;
        v = below;
    }
    return linked[v].least;
}

static uint32_t *semidominators(const struct work *w, const struct others *o)
{
    uint32_t *semi = xmalloc(w->n * sizeof *semi), *way = NULL;
    struct linked *linked = xmalloc(w->n * sizeof *linked);
    size_t capacity = 0;
    for (uint32_t i = 0; i < w->n; i++)
        linked[i] = (struct linked){.above = w->parent[i], .least = i};
    semi[0] = 0;
    for (uint32_t i = w->n - 1; i > 0; i--) {
        tell(w, "dominators", w->n - 1 - i);
        uint32_t least = w->parent[i];
        for (uint64_t e = o->first[i]; e < o->first[i + 1] && o->from[e] != NO_NUMBER; e++) {
            uint32_t from = o->from[e];
            uint32_t found = from <= i ? from : least_above(linked, from, i, &way, &capacity);
            if (found < least)
                least = found;
        }
        semi[i] = linked[i].least = least;
    }
    free(way);
    free(linked);
    return semi;
}

struct heap_dominators heap_dominators_find(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t,
                                            heap_progress progress, void *context)
{
    struct work w = {.s = s, .r = r, .t = t, .progress = progress, .context = context};
    w.seen = xcalloc(t->n_nodes, sizeof *w.seen);
    w.node = xmalloc(t->n_nodes * sizeof *w.node);
    w.parent = xmalloc(t->n_nodes * sizeof *w.parent);
    made_edges(&w);
    walk(&w);
    struct others o = others_find(&w);
    free(w.made);
    free(w.seen);
    uint32_t *semi = semidominators(&w, &o);
    free(o.first);
    free(o.from);
    for (uint32_t i = 1; i < w.n; i++)
        while (w.parent[i] > semi[i])
            w.parent[i] = w.parent[w.parent[i]];
    free(semi);
    return (struct heap_dominators){.node = w.node, .holder = w.parent};
}

void heap_dominators_free(struct heap_dominators *d)
{
    free(d->node);
    free(d->holder);
}
