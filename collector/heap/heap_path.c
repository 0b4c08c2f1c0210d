/*
 * collector/heap/heap_path.c - ways from the roots to a block (heap_tree.h).
 *
 * One breadth-first walk in levels: on level n are the nodes that take n interior
 * pointers at least. Within a level the shortest ways come first: those that
 * come from the level above lie ready by length, and so does the level's own
 * queue. For the shortest way of all every pointer is as good as another, and
 * there is one level.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "heap/heap_edges.h"

struct reached { uint32_t node, from, length; };
struct queue { struct reached *items; size_t begin, n, capacity; };

struct search {
    const struct snapshot *s;
    const struct heap_reach *r;
    const struct heap_tree *t;
    bool strong;
    uint32_t level;
    uint32_t *from;             /* of each node once it is done: where the way comes from; itself: it begins here. NONE: not done */
    uint32_t *queued, *handed;  /* level + 1 on which it was put into the level's queue, handed to the next level's */
    struct queue now, next, own;
};

static const uint32_t NONE = UINT32_MAX;

static bool is_weak(uint32_t edge) { return (edge & (EDGE_INTERIOR | EDGE_GOOD)) == EDGE_INTERIOR; }

static void put(struct queue *q, uint32_t node, uint32_t from, uint32_t length)
{
    q->items = xgrow(q->items, &q->capacity, q->n + 1, sizeof *q->items);
    q->items[q->n++] = (struct reached){node, from, length};
}

static void follow(struct search *f, struct reached at)
{
    struct heap_range edges = heap_edges_of(f->s, f->t, at.node);
    for (uint64_t e = edges.from; e < edges.to; e++) {
        uint32_t to = f->s->to[e] & EDGE_TARGET;
        if (f->from[to] != NONE || !heap_holds(f->r, f->t, at.node, to))
            continue;
        bool down = f->strong && is_weak(f->s->to[e]);
        uint32_t *put_on = down ? f->handed : f->queued;
        if (put_on[to] == f->level + 1)
            continue;
        put_on[to] = f->level + 1;
        put(down ? &f->next : &f->own, to, at.node, at.length + 1);
    }
}

/* The nearest node of this level that is left. */
static bool take(struct search *f, struct reached *out)
{
    struct queue *a = &f->now, *b = &f->own;
    if (a->begin == a->n && b->begin == b->n)
        return false;
    bool first = b->begin == b->n || (a->begin < a->n && a->items[a->begin].length <= b->items[b->begin].length);
    *out = first ? a->items[a->begin++] : b->items[b->begin++];
    return true;
}

static bool search_level(struct search *f, uint32_t block)
{
    struct reached at;
    while (take(f, &at)) {
        if (f->from[at.node] != NONE)
            continue;
        f->from[at.node] = at.from;
        if (at.node == block)
            return true;
        follow(f, at);
    }
    return false;
}

static bool search(struct search *f, uint32_t block)
{
    for (;; f->level++) {
        if (search_level(f, block))
            return true;
        if (!f->next.n)
            return false;
        struct queue done = f->now;
        f->now = f->next;
        done.begin = done.n = f->own.begin = f->own.n = 0;
        f->next = done;
    }
}

static void begin(struct search *f, uint32_t block)
{
    const struct heap_tree *t = f->t;
    if (heap_is_lost(f->r, block)) {
        put(&f->now, f->r->leader[block], f->r->leader[block], 0);
        return;
    }
    for (uint32_t node = t->n_blocks; node < t->lost; node++)
        put(&f->now, node, node, 0);
    for (uint32_t i = 0; f->r->loose && i < t->n_blocks; i++)
        if (f->r->loose[i])
            put(&f->now, i, i, 0);
}

/* The pointer that leads from one node to another: the first strong one, or the first. */
static struct heap_step step(const struct search *f, uint32_t node, uint32_t to)
{
    struct heap_range edges = heap_edges_of(f->s, f->t, node);
    uint64_t found = edges.to;
    for (uint64_t e = edges.from; e < edges.to; e++) {
        if ((f->s->to[e] & EDGE_TARGET) != to || (found < edges.to && is_weak(f->s->to[e])))
            continue;
        found = e;
        if (!is_weak(f->s->to[e]))
            break;
    }
    return (struct heap_step){node, f->s->at[found], f->s->to[found] & ~(uint32_t)EDGE_TARGET};
}

static size_t way(const struct search *f, uint32_t block, struct heap_step **steps)
{
    size_t n = 1;
    for (uint32_t node = block; f->from[node] != node; node = f->from[node])
        n++;
    struct heap_step *out = xmalloc(n * sizeof *out);
    out[n - 1] = (struct heap_step){.node = block};
    size_t i = n - 1;
    for (uint32_t node = block; f->from[node] != node; node = f->from[node])
        out[--i] = step(f, f->from[node], node);
    *steps = out;
    return n;
}

size_t heap_path(const struct snapshot *s, const struct heap_reach *r, const struct heap_tree *t,
                 uint32_t block, bool strong, struct heap_step **steps)
{
    struct search f = {.s = s, .r = r, .t = t, .strong = strong};
    f.from = xmalloc(t->n_nodes * sizeof *f.from);
    for (uint32_t i = 0; i < t->n_nodes; i++)
        f.from[i] = NONE;
    f.queued = xcalloc(t->n_nodes, sizeof *f.queued);
    f.handed = xcalloc(t->n_nodes, sizeof *f.handed);
    begin(&f, block);
    *steps = NULL;
    size_t n = search(&f, block) ? way(&f, block, steps) : 0;
    free(f.from);
    free(f.queued);
    free(f.handed);
    free(f.now.items);
    free(f.next.items);
    free(f.own.items);
    return n;
}

size_t heap_holders(const struct snapshot *s, const struct heap_tree *t, uint32_t block, struct heap_step *steps, size_t max)
{
    size_t n = 0;
    for (uint32_t node = 0; node < t->lost; node++) {
        struct heap_range edges = heap_edges_of(s, t, node);
        for (uint64_t e = edges.from; e < edges.to; e++) {
            if ((s->to[e] & EDGE_TARGET) != block)
                continue;
            if (n < max)
                steps[n] = (struct heap_step){node, s->at[e], s->to[e] & ~(uint32_t)EDGE_TARGET};
            n++;
        }
    }
    return n;
}
