/*
 * collector/graph/graph_forks.h - rule 9: what a forked child has of its
 * parent.
 *
 * At the fork the parent's live blocks are copied aside (`frozen`), and as
 * many ids reserved in one run: the k-th of them by the parent's ids is clone
 * base + k. The child takes the copy over when it starts; a clone becomes a
 * block when it is first touched (most children exec without). A fork that
 * failed, or whose child does not come (bounds in graph_state.h: oldest
 * first), is forgotten; what such a child inherited is unknown to the graph.
 *
 * Clones are outside of sites, threads' sums and totals (but frees has their
 * drops: a release that hit a live block); they count in their
 * process's live_* until its exec or end. Owner and maker: the child's first
 * thread. Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_FORKS_H
#define OWNSCOPE_GRAPH_FORKS_H

#include "graph/graph_state.h"

struct frozen {
    struct frozen *next;         /* in the graph's list, oldest first, while listed */
    uint32_t process, thread;    /* who forked: places */
    uint32_t pid;                /* of the child, 0: not known yet */
    uint32_t users;              /* the list, and the child */
    bool claimed;
    bool sorted;                 /* heap blocks lie in order of ids */
    uint64_t fork_ns, base_id;
    struct table table;          /* as a process's: place = index in blocks + 1 */
    struct block *blocks;        /* heap, then mapped */
    uint32_t n_heap, n;
    uint64_t heap_bytes;
    struct starts *starts;       /* of the heap blocks; made when first needed */
    uint64_t *ids;               /* sorted; made when first needed */
    struct modules *modules;     /* the parent's at the fork */
};

struct inherit {
    struct frozen *frozen;
    uint8_t *touched;            /* a bit for each of frozen->blocks */
    uint32_t maker;              /* place of the child's first thread */
    bool maps_touched;
};

/* By the parent, before: freezes. */
void forks_freeze(struct graph *g, struct process *p, struct thread *t, const struct event *e);
/* By the parent, after: the child has this pid, (uint64_t)-1: there is none. */
void forks_forked(struct graph *g, const struct process *p, const struct thread *t, uint64_t pid);
/* A child starts: it takes over what its parent's fork froze. */
void forks_claim(struct graph *g, struct process *child, uint32_t parent_serial, const struct thread *t);
/* The child's image or life ends. Its clones that are blocks are not touched. */
void forks_release(struct process *child);
void forks_clear(struct graph *g);

/* Make clones blocks, in order of id: the one that starts at an address
 * (false: none), mapped ones, all. */
bool forks_touch_heap(struct graph *g, struct process *p, uint64_t address);
/* The heap block that holds an address, and starts at *start. */
bool forks_touch_pointee(struct graph *g, struct process *p, uint64_t address, uint64_t *start);
void forks_touch_maps(struct graph *g, struct process *p);
void forks_touch_all(struct graph *g, struct process *p);

/* The i-th frozen block as the clone it is for p; false if it was touched. */
bool forks_clone(const struct process *p, uint32_t i, struct block *clone, uint64_t *cloned_from);

/* One user less. NULL: nothing. */
void frozen_put(struct frozen *f);

#endif
