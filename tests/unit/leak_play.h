/*
 * tests/unit/leak_play.h - a view with heap snapshots made by hand
 * (heap_play.h): every leak class at stacks of doc_scratch.h.
 */
#ifndef LEAK_PLAY_H
#define LEAK_PLAY_H

#include "doc_scratch.h"
#include "heap_play.h"

/* Blocks of process 1, from b1 on:
 *   0 reachable from the root       1 reachable through 0          2 possible: the root points inside
 *   3 definite, holds 4, which holds 5     6 definite alone, as 3     7 definite at another stack, largest
 *   8 a mapping that nothing reaches, holds 9 */
static inline struct snapshot *leak_snapshot(uint32_t process)
{
    struct play p = play_new(10, 1);
    static const uint32_t stacks[10] = { 1, 1, 2, 3, 5, 5, 3, 2, 1, 1 };
    for (uint32_t i = 0; i < 10; i++) {
        p.s->stack[i] = stacks[i];
        p.s->size[i] = 10 * (i + 1);
        p.s->born_ns[i] = 100 * (i + 1);
    }
    p.s->size[7] = 1000;
    p.s->family[7] = WIRE_NEW_ARRAY;
    p.s->family[8] = WIRE_MMAP_ANON;
    p.s->process = process;
    p.s->pid = 3999 + process;
    p.s->why = SNAPSHOT_EXIT;
    p.s->ns = 990;
    p.s->event = 290;
    p.s->pause_ns = 1500000;
    play_edge(&p, play_root(&p, 0), 0);
    play_edge(&p, 0, 1);
    play_edge(&p, play_root(&p, 0), 2 | EDGE_INTERIOR);
    play_edge(&p, 3, 4);
    play_edge(&p, 4, 5);
    play_edge(&p, 8, 9);
    return play_done(&p);
}

/* The same with its memory not read. */
static inline struct snapshot *leak_snapshot_refused(uint32_t process)
{
    struct snapshot *s = leak_snapshot(process);
    free(s->first), free(s->to), free(s->at);
    s->first = NULL;
    s->to = s->at = NULL;
    s->n_edges = 0;
    s->how = SNAPSHOT_UNREAD;
    s->refused = xstrdup("may not trace it (yama)");
    return s;
}

static inline struct view leak_view(struct snapshot **snapshots, size_t n)
{
    struct view v = scratch_view();
    v.snapshots = snapshots;
    v.n_snapshots = n;
    return v;
}

#endif
