/*
 * collector/heap/heap_reach.c - see heap_reach.h. By whoever makes a document;
 * no recursion, each edge is looked at a few times.
 *
 * What is lost is walked twice from its blocks in order of birth, the second
 * time from the last start back to the first. A start that no later one reaches
 * has no lost holder outside of its own cycle, for a start never reaches a later
 * one; and of its cycle it is the first-born, for nothing else led into it.
 * Loose mappings are found in the same way.
 */
#include "heap/heap_reach.h"

#include <stdlib.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "heap/heap_order.h"

const char *const leak_class_names[LEAK_CLASSES] = {"reachable", "possible", "indirect", "definite"};

/* States of a block while the walks go on, beside the classes. */
enum { UNSEEN = LEAK_DEFINITE, VISITED = LEAK_CLASSES };

struct walk {
    const struct snapshot *s;
    struct heap_reach *r;
    uint32_t *stack;            /* room for each block once: a walk takes none twice */
    size_t n;
    struct heap_ordered *starts;
    size_t n_starts;
};

static bool is_mapped(const struct snapshot *s, uint32_t block) { return family_is_map(s->family[block]); }

/* A mapping counts as pointed to wherever the pointer falls: memcheck knows no classes of them. */
static bool is_strong(const struct snapshot *s, uint32_t edge)
{
    return !(edge & EDGE_INTERIOR) || edge & EDGE_GOOD || is_mapped(s, edge & EDGE_TARGET);
}

enum edges { STRONG, ALL };

/* Blocks in state `from` that a node points to: now in state `to`, and on the stack. */
static void push_targets(struct walk *w, size_t node, enum edges edges, uint8_t from, uint8_t to)
{
    const struct snapshot *s = w->s;
    for (uint64_t e = s->first[node]; e < s->first[node + 1]; e++) {
        uint32_t block = s->to[e] & EDGE_TARGET;
        if (w->r->class[block] != from || (edges == STRONG && !is_strong(s, s->to[e])))
            continue;
        w->r->class[block] = to;
        w->stack[w->n++] = block;
    }
}

static void follow(struct walk *w, enum edges edges, uint8_t from, uint8_t to)
{
    while (w->n)
        push_targets(w, w->stack[--w->n], edges, from, to);
}

static void walk_from(struct walk *w, uint32_t block, enum edges edges, uint8_t from, uint8_t to)
{
    w->r->class[block] = to;
    push_targets(w, block, edges, from, to);
    follow(w, edges, from, to);
}

/* Blocks nobody has seen yet, in order of birth; those that no earlier one reached stay in w->starts. */
static void find_starts(struct walk *w, bool mapped, enum edges edges)
{
    const struct snapshot *s = w->s;
    size_t n = 0;
    for (uint32_t i = 0; i < s->n_blocks; i++)
        n += w->r->class[i] == UNSEEN && (!mapped || is_mapped(s, i));
    w->starts = xmalloc(n * sizeof *w->starts);
    n = 0;
    for (uint32_t i = 0; i < s->n_blocks; i++)
        if (w->r->class[i] == UNSEEN && (!mapped || is_mapped(s, i)))
            w->starts[n++] = (struct heap_ordered){.key = s->id[i], .value = i};
    heap_order(w->starts, n);
    w->n_starts = 0;
    for (size_t i = 0; i < n; i++) {
        if (w->r->class[w->starts[i].value] != UNSEEN)
            continue;
        walk_from(w, w->starts[i].value, edges, UNSEEN, VISITED);
        w->starts[w->n_starts++] = w->starts[i];
    }
}

static void find_reachable(struct walk *w)
{
    const struct snapshot *s = w->s;
    for (size_t root = s->n_blocks; root < snapshot_nodes(s); root++)
        if (s->roots[root - s->n_blocks].kind != ROOT_UNRECORDED)
            push_targets(w, root, STRONG, UNSEEN, LEAK_REACHABLE);
    follow(w, STRONG, UNSEEN, LEAK_REACHABLE);
}

static void find_loose(struct walk *w)
{
    find_starts(w, true, STRONG);
    for (size_t i = w->n_starts; i-- > 0;) {
        uint32_t block = w->starts[i].value;
        if (w->r->class[block] != VISITED)
            continue;
        if (!w->r->loose)
            w->r->loose = xcalloc(w->s->n_blocks, sizeof *w->r->loose);
        w->r->loose[block] = true;
        walk_from(w, block, STRONG, VISITED, LEAK_REACHABLE);
    }
    free(w->starts);
}

/* What only a walk with interior pointers comes to, or from what may be a block that nobody recorded. */
static void find_possible(struct walk *w)
{
    const struct snapshot *s = w->s;
    for (size_t node = 0; node < snapshot_nodes(s); node++) {
        if (node < s->n_blocks && w->r->class[node] != LEAK_REACHABLE)
            continue;
        push_targets(w, node, ALL, UNSEEN, LEAK_POSSIBLE);
        follow(w, ALL, UNSEEN, LEAK_POSSIBLE);
    }
}

static void find_lost(struct walk *w)
{
    struct heap_reach *r = w->r;
    find_starts(w, false, ALL);
    for (size_t i = w->n_starts; i-- > 0;) {
        uint32_t block = w->starts[i].value;
        if (r->class[block] != VISITED)
            continue;
        walk_from(w, block, ALL, VISITED, LEAK_INDIRECT);
        r->class[block] = LEAK_DEFINITE;
    }
    /* What hangs below several is told of the first-born of them. */
    for (size_t i = 0; i < w->n_starts; i++) {
        uint32_t leader = w->starts[i].value;
        if (r->class[leader] != LEAK_DEFINITE)
            continue;
        w->stack[w->n++] = leader;
        while (w->n) {
            size_t node = w->stack[--w->n];
            for (uint64_t e = w->s->first[node]; e < w->s->first[node + 1]; e++) {
                uint32_t block = w->s->to[e] & EDGE_TARGET;
                if (r->class[block] != LEAK_INDIRECT || r->leader[block] != block)
                    continue;
                r->leader[block] = leader;
                w->stack[w->n++] = block;
            }
        }
    }
    free(w->starts);
}

struct heap_reach *heap_reach_new(const struct snapshot *s)
{
    if (!s->first)
        return NULL;
    struct heap_reach *r = xcalloc(1, sizeof *r);
    r->class = xmalloc(s->n_blocks);
    r->leader = xmalloc(s->n_blocks * sizeof *r->leader);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        r->class[i] = UNSEEN;
        r->leader[i] = i;
    }
    struct walk w = {.s = s, .r = r, .stack = xmalloc(s->n_blocks * sizeof *w.stack)};
    find_reachable(&w);
    find_loose(&w);
    find_possible(&w);
    find_lost(&w);
    free(w.stack);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        if (is_mapped(s, i))
            continue;
        r->totals[r->class[i]].blocks++;
        r->totals[r->class[i]].bytes += s->size[i];
    }
    return r;
}

void heap_reach_free(struct heap_reach *r)
{
    if (!r)
        return;
    free(r->class);
    free(r->leader);
    free(r->loose);
    free(r);
}
