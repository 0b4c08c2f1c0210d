/*
 * tests/unit/heap_play.h - snapshots made by hand or at random, for tests of
 * what is made of them.
 */
#ifndef HEAP_PLAY_H
#define HEAP_PLAY_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/snapshot.h"
#include "event/xalloc.h"
#include "heap/heap_reach.h"

struct play_edge { uint32_t from, to, at; };
struct play { struct snapshot *s; struct play_edge *edges; size_t n, capacity; };

static uint64_t play_seed = 1;
static inline uint32_t play_random(uint32_t below)
{
    play_seed = play_seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((play_seed >> 33) % below);
}

/* Blocks of 16 bytes each 64 apart, born in order of address; roots are data. */
static inline struct play play_new(size_t blocks, size_t roots)
{
    struct snapshot *s = snapshot_new();
    s->number = s->process = 1;
    s->how = SNAPSHOT_COPIED;
    s->n_blocks = blocks;
    s->n_roots = roots;
    s->address = xcalloc(blocks, 8);
    s->size = xcalloc(blocks, 8);
    s->id = xcalloc(blocks, 8);
    s->born_ns = xcalloc(blocks, 8);
    s->stack = xcalloc(blocks, 4);
    s->thread = xcalloc(blocks, 4);
    s->owner = xcalloc(blocks, 4);
    s->family = xmalloc(blocks);
    s->type = xcalloc(blocks, 4);
    s->roots = xcalloc(roots, sizeof *s->roots);
    for (size_t i = 0; i < blocks; i++) {
        s->address[i] = 0x100000 + i * 64;
        s->size[i] = 16;
        s->id[i] = s->born_ns[i] = i + 1;
        s->family[i] = WIRE_MALLOC;
        s->thread[i] = s->owner[i] = 1;
    }
    for (size_t i = 0; i < roots; i++)
        s->roots[i] = (struct snapshot_root){.address = 0x1000 * (i + 1), .bytes = 4096, .kind = ROOT_DATA};
    return (struct play){.s = s};
}

/* `to` may carry EDGE_INTERIOR and EDGE_GOOD; `from` is a node. The next word of it holds the pointer. */
static inline void play_edge_at(struct play *p, uint32_t from, uint32_t to, uint32_t at)
{
    p->edges = xgrow(p->edges, &p->capacity, p->n + 1, sizeof *p->edges);
    p->edges[p->n++] = (struct play_edge){from, to, at};
}

static inline void play_edge(struct play *p, uint32_t from, uint32_t to)
{
    uint32_t at = 0;
    for (size_t i = 0; i < p->n; i++)
        at += p->edges[i].from == from;
    play_edge_at(p, from, to, at);
}

static inline uint32_t play_root(const struct play *p, uint32_t root) { return (uint32_t)p->s->n_blocks + root; }

/* Puts the edges into the snapshot, which is now the caller's. */
static inline struct snapshot *play_done(struct play *p)
{
    struct snapshot *s = p->s;
    size_t nodes = snapshot_nodes(s);
    s->n_edges = p->n;
    s->first = xcalloc(nodes + 1, sizeof *s->first);
    s->to = xcalloc(p->n, 4);
    s->at = xcalloc(p->n, 4);
    for (size_t i = 0; i < p->n; i++)
        s->first[p->edges[i].from + 1]++;
    for (size_t i = 0; i < nodes; i++)
        s->first[i + 1] += s->first[i];
    uint64_t *place = xmalloc((nodes + 1) * sizeof *place);
    memcpy(place, s->first, (nodes + 1) * sizeof *place);
    for (size_t i = 0; i < p->n; i++) {
        uint64_t e = place[p->edges[i].from]++;
        s->to[e] = p->edges[i].to;
        s->at[e] = p->edges[i].at;
    }
    free(place);
    free(p->edges);
    ck_assert(snapshot_sound(s));
    return s;
}

/* A random one: some interior pointers, some good ones, some mappings, births in no order. */
static inline struct snapshot *play_any(uint32_t blocks, uint32_t roots, uint32_t edges)
{
    struct play p = play_new(blocks, roots);
    for (uint32_t i = 0; i < blocks; i++) {
        p.s->size[i] = play_random(100);
        if (!play_random(8))
            p.s->family[i] = WIRE_MMAP_ANON;
        uint32_t j = play_random(i + 1);
        uint64_t id = p.s->id[i];
        p.s->id[i] = p.s->id[j];
        p.s->id[j] = id;
    }
    for (uint32_t i = 0; blocks && i < edges; i++) {
        /* Roots hold few pointers, or nothing would ever be lost. */
        uint32_t from = roots && !play_random(12) ? blocks + play_random(roots) : play_random(blocks);
        uint32_t flags = play_random(3) ? 0 : play_random(2) ? EDGE_INTERIOR : EDGE_INTERIOR | EDGE_GOOD;
        play_edge(&p, from, play_random(blocks) | flags);
    }
    return play_done(&p);
}

#endif
