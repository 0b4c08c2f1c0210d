/*
 * tests/unit/graph_scratch.h - a view with a heap that was made by hand:
 *
 *   r (data of app) -> b1 -> b2, b3 -> b4;  b2 -> b4
 *   r (stack of t1, two frames) -> b5 (inside);  frame 2 -> b1
 *   b6 -> b7, lost;  b8 mapped, loose
 */
#ifndef GRAPH_SCRATCH_H
#define GRAPH_SCRATCH_H

#include "doc_scratch.h"
#include "heap_play.h"

static struct snapshot *graph_snapshots[1];

static inline struct view graph_view(void)
{
    struct play p = play_new(8, 3);
    struct view v = scratch_view();
    struct snapshot *s = p.s;
    s->process = 1;
    s->ns = 900;
    s->why = SNAPSHOT_EXIT;
    s->size[0] = 100; s->size[1] = 20; s->size[2] = 30; s->size[3] = 40; s->size[4] = 50; s->size[5] = 60; s->size[6] = 70; s->size[7] = 4096;
    s->family[7] = WIRE_MMAP_ANON;
    s->stack[0] = 3; s->stack[1] = 3; s->stack[2] = 5;
    s->owner[1] = 2; s->owner[2] = 0;
    s->id[4] = 7;           /* so that the view's borrower is one of the blocks */
    s->id[6] = 5;
    s->type[3] = 1;
    s->types = xcalloc(1, sizeof *s->types);
    s->n_types = 1;
    s->types[0] = (struct snapshot_type){ .module = 1, .offset = 0x4010, .name = xstrdup("N3abc3FooE") };
    s->roots[0] = (struct snapshot_root){ .address = 0x5000, .bytes = 0x1000, .offset = 0x4000, .module = 1, .kind = ROOT_DATA };
    s->roots[1] = (struct snapshot_root){ .address = 0x7000, .bytes = 0x200, .thread = 1, .kind = ROOT_STACK };
    s->roots[2] = (struct snapshot_root){ .bytes = 64, .thread = 1, .kind = ROOT_REGISTERS };
    s->frames = xcalloc(2, sizeof *s->frames);
    s->n_frames = 2;
    s->frames[0] = (struct snapshot_frame){ .address = 0x7000, .root = 1, .frame = 2 };
    s->frames[1] = (struct snapshot_frame){ .address = 0x7100, .root = 1, .frame = 1 };
    play_edge_at(&p, 8, 0, 5);
    play_edge_at(&p, 0, 1, 1); play_edge_at(&p, 0, 2, 3); play_edge_at(&p, 1, 3, 0); play_edge_at(&p, 2, 3, 2);
    play_edge_at(&p, 9, 4 | EDGE_INTERIOR, 2); play_edge_at(&p, 9, 0, 0x21);
    play_edge_at(&p, 5, 6, 0);
    graph_snapshots[0] = play_done(&p);
    v.snapshots = graph_snapshots;
    v.n_snapshots = 1;
    return v;
}

#endif
