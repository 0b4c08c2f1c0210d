/*
 * collector/graph/graph_ranges.c - see graph_ranges.h.
 */
#include "graph/graph_ranges.h"

#include <stdlib.h>

#include "event/xalloc.h"

uint32_t ranges_overlap(const struct ranges *r, uint64_t start, uint64_t end)
{
    uint32_t found = 0, at = r->root;
    while (at) {   /* the lowest range that ends behind start */
        const struct range *n = &r->nodes[at];
        if (n->end > start) {
            found = at;
            at = n->left;
        } else {
            at = n->right;
        }
    }
    return found && r->nodes[found].start < end ? found : 0;
}

uint32_t ranges_below(const struct ranges *r, uint64_t address)
{
    uint32_t found = 0;
    for (uint32_t at = r->root; at;) {
        const struct range *n = &r->nodes[at];
        if (n->start <= address)
            found = at;
        at = n->start <= address ? n->right : n->left;
    }
    return found;
}

uint32_t ranges_above(const struct ranges *r, uint64_t address)
{
    uint32_t found = 0;
    for (uint32_t at = r->root; at;) {
        const struct range *n = &r->nodes[at];
        if (n->start >= address)
            found = at;
        at = n->start >= address ? n->left : n->right;
    }
    return found;
}

static uint32_t priority_next(struct ranges *r)
{
    r->seed += 0x9e3779b9u;
    uint32_t x = r->seed;
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

static uint32_t node_take(struct ranges *r)
{
    uint32_t at = r->free;
    if (at) {
        r->free = r->nodes[at].left;
        return at;
    }
    at = r->next ? r->next : 1;
    r->next = at + 1;
    r->nodes = xgrow(r->nodes, &r->capacity, (size_t)at + 1, sizeof *r->nodes);
    return at;
}

uint32_t ranges_insert(struct ranges *r, uint64_t start, uint64_t end, uint32_t block)
{
    uint32_t at = node_take(r);
    struct range *new = &r->nodes[at];
    *new = (struct range){ .start = start, .end = end, .block = block, .priority = priority_next(r) };
    uint32_t *link = &r->root;
    while (*link && r->nodes[*link].priority >= new->priority) {
        struct range *n = &r->nodes[*link];
        link = n->start < start ? &n->right : &n->left;
    }
    uint32_t rest = *link, *left = &new->left, *right = &new->right;
    *link = at;
    while (rest) {   /* split what hung there around start */
        struct range *n = &r->nodes[rest];
        if (n->start < start) {
            *left = rest;
            left = &n->right;
            rest = n->right;
        } else {
            *right = rest;
            right = &n->left;
            rest = n->left;
        }
    }
    *left = *right = 0;
    r->used++;
    return at;
}

void ranges_remove(struct ranges *r, uint32_t place)
{
    uint64_t start = r->nodes[place].start;
    uint32_t *link = &r->root;
    while (*link != place)
        link = r->nodes[*link].start < start ? &r->nodes[*link].right : &r->nodes[*link].left;
    uint32_t a = r->nodes[place].left, b = r->nodes[place].right;
    while (a && b) {   /* merge the two below */
        if (r->nodes[a].priority >= r->nodes[b].priority) {
            *link = a;
            link = &r->nodes[a].right;
            a = *link;
        } else {
            *link = b;
            link = &r->nodes[b].left;
            b = *link;
        }
    }
    *link = a ? a : b;
    r->nodes[place] = (struct range){ .left = r->free };
    r->free = place;
    r->used--;
}

void ranges_clear(struct ranges *r)
{
    free(r->nodes);
    *r = (struct ranges){ 0 };
}
