/*
 * collector/graph/graph_lock_state.h - what the fold keeps of locks: private
 * to graph_lock*.c, graph_deadlock.c and view_lock*.c.
 *
 * A lock lives in a pool of chunks (pointers stay valid, places are used
 * again), is found by address through its process's lock_of, and stands in
 * two lists more: of its block (or, outside of blocks, of its process). A hold
 * is one thread that has one lock, however often; it stands in its thread's
 * list and in its lock's, newest first. Conditions, semaphores, barriers and
 * onces have no holds.
 *
 * Invariants: lock id 0 == the place is free; a lock has at most one hold that
 * is not shared, and then no other; sum of n_holds == holds in lists; a lock
 * in a block is in that block's list, and the block has BLOCK_LOCKS.
 * Run by the folding thread.
 */
#ifndef OWNSCOPE_GRAPH_LOCK_STATE_H
#define OWNSCOPE_GRAPH_LOCK_STATE_H

#include "graph/graph_clocks.h"
#include "graph/graph_cover.h"
#include "graph/graph_findings.h"
#include "graph/graph_lock_times.h"
#include "graph/graph_locks.h"
#include "graph/graph_state.h"

/* Bounds on what a stream can make the graph keep. A lock past LOCKS_LIVE_MAX
 * is not followed at all; classes past theirs are one, stacks past theirs are
 * one of each class, edges, guards and cycles past theirs are not kept. */
enum {
    LOCKS_LIVE_MAX = 1 << 18,
    LOCKS_ENDED_MAX = 4096,      /* rows of locks that ended: the most waited for */
    LOCK_CLASSES_MAX = 1 << 16,
    LOCK_SITES_MAX = 1 << 17,    /* and one more for each class */
    LOCK_HOLDS_MAX = 1 << 18,
    LOCK_GUARDS_MAX = 1 << 16,
    LOCK_EDGES_MAX = 1 << 15,    /* between classes; as many again inside of them */
    LOCK_CYCLES_MAX = 1 << 10,
    WITNESSES_MAX = 4, OTHERS_MAX = 8,
    CYCLE_LOCKS_MAX = 32         /* twice as many stacks are a finding's evidence */
};

enum lock_flag {
    LOCK_UNSEEN = 1,     /* somebody gave it up unseen once: nothing certain is said of it any more */
    LOCK_NAMED = 2,      /* a finding or cycle names it: its row is kept */
    LOCK_BURIED = 4      /* it lies in a dropped block */
};

struct lock {
    uint64_t id, address;
    uint32_t process, class;        /* places */
    uint32_t holds, n_holds;        /* list through next_of_lock */
    uint8_t family, type, flags;
    clock_id clock;
    uint32_t last_stack, last_site; /* who acquired it last */
    uint64_t acquisitions, shared_acquisitions, contended;
    struct times wait, hold;
    struct view_where where;        /* module: id of code.h */
    uint32_t block;                 /* its place; 0: in none */
    uint32_t next_near, prev_near;  /* in the same block; outside of blocks, in the same process */
    uint32_t init_stack, init_thread;
    uint64_t init_ns, born_ns;
    uint32_t inner_edges;           /* to locks of its own class; list through next */
};

struct hold {
    uint64_t since_ns;
    uint32_t lock, thread;          /* places */
    uint32_t stack, site;           /* where it was got */
    uint32_t depth;
    uint32_t every;                 /* its acquisition stands for so many; 0: for itself */
    uint32_t next_of_thread, prev_of_thread, next_of_lock, prev_of_lock;
    bool shared;
};

enum class_by { CLASS_BY_ADDRESS, CLASS_BY_MODULE, CLASS_BY_BLOCK, CLASS_BY_INIT };

struct lock_class {
    enum class_by by;
    uint8_t family;
    uint32_t init_stack, init_place;/* of its first lock; its innermost frame */
    uint32_t image;                 /* only by address */
    struct view_where where;        /* of its first lock */
    uint64_t locks;
    uint32_t rest;                  /* its site for all stacks past the bound; 0: none yet */
};

/* Acquisitions of a class by one stack: what a class counts is the sum of its sites. */
struct lock_site {
    uint32_t class, stack;
    uint64_t first_lock, acquisitions, shared_acquisitions, contended;
    struct times wait, hold;
};

struct guard { uint64_t lock, touches, blocks, last_block; uint32_t site; };

/* A lock among those held, by id; its class for cycles that only classes close. */
struct other { uint64_t lock; uint32_t class; bool shared; };

/* One time that `taken` was waited for or got under `held`. */
struct witness {
    uint64_t held, taken, ns;       /* ids */
    uint32_t held_place, taken_place;
    uint32_t thread;                /* place */
    uint32_t stack_held, stack_taken;
    bool held_shared, taken_shared;
    bool lost;                      /* events of the process were lost before: a guard may have been */
    bool many;                      /* held more than `others` can tell: guarded, for all that is known */
    uint8_t n_others;
    struct other others[OTHERS_MAX];
};

/* From a class to another; `inner`: from a lock to another of its class, both
 * the same in all witnesses. n 0: the place is free. */
struct order_edge {
    uint32_t image, from, to;       /* classes */
    uint32_t next;                  /* of the same `from`; inner: of the same held lock; free: of the free ones */
    uint64_t count, first_ns;
    bool inner;
    uint8_t n;
    struct witness w[WITNESSES_MAX];
};

struct cycle_edge { struct view_order_edge row; uint64_t key; bool inner; };

struct order {
    struct order_edge *edges;  size_t n_edges, edges_capacity;     /* place 0 unused */
    struct order_edge *inner;  size_t n_inner, inner_capacity;     /* place 0 unused */
    uint32_t inner_free;
    uint64_t inner_swept;           /* locks that had ended at the last sweep of inner edges */
    struct dict edge_of, inner_of, first_of;    /* image and classes; ids; image and class -> place */
    struct cycle_edge *cycle_edges; size_t n_cycle_edges, cycle_edges_capacity;
    struct view_cycle *cycles; size_t n_cycles, cycles_capacity;
    struct dict cycle_of, class_cycle_of;       /* hash of classes and stacks; of classes -> row + 1 */
    struct dict class_finding_of;               /* hash of classes -> the finding by class */
};

enum { LOCK_CHUNK_BITS = 8, LOCK_CHUNK = 1 << LOCK_CHUNK_BITS };

struct locks {
    struct lock **chunks;           size_t n_chunks, chunks_capacity;
    uint32_t next, free, live;      /* free: list through next_near */
    uint64_t next_id, n_ended;
    uint64_t unfollowed;            /* events of locks past LOCKS_LIVE_MAX */
    uint32_t next_image;
    struct hold *holds;             size_t holds_capacity;
    uint32_t next_hold, free_hold;  /* free: list through next_of_thread */
    struct lock_class *classes;     size_t n_classes, classes_capacity;   /* place 0: past the bound */
    struct lock_site *sites;        size_t n_sites, sites_capacity;       /* place 0 unused */
    struct dict class_of, site_of, near_block;   /* near_block: place of a block -> first of its locks */
    struct view_lock *ended;        size_t n_kept, ended_capacity;
    struct guard *guards;           size_t n_guards, guards_capacity;
    struct dict guard_of;
    struct order order;
    uint64_t deadlocks;
    uint32_t visit;                 /* number of the newest search for a deadlock */
};

static inline struct lock *lock_at(const struct locks *l, uint32_t place)
{
    return &l->chunks[place >> LOCK_CHUNK_BITS][place & (LOCK_CHUNK - 1)];
}

/* A hash of two words, for keys of dicts whose values are then compared. */
static inline uint64_t lock_mix(uint64_t hash, uint64_t v)
{
    hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static inline unsigned lock_family(unsigned event_family)
{
    unsigned family = event_family & ~(unsigned)WIRE_LOCK_FLAG;
    return family == WIRE_LOCK_RWLOCK_SHARED ? WIRE_LOCK_RWLOCK : family;
}

/* Conditions, semaphores, barriers and onces are nobody's. */
static inline bool lock_has_holder(unsigned family)
{
    return family == WIRE_LOCK_MUTEX || family == WIRE_LOCK_MTX || family == WIRE_LOCK_RWLOCK || family == WIRE_LOCK_SPIN;
}

static inline uint64_t lost_ns_of(const struct graph *g, const struct lock *lock)
{
    return lost_ns(g, process_at(g, lock->process));
}

/* It is held for certain: nothing was lost, or not recorded, since it was got. */
static inline bool hold_certain(const struct graph *g, const struct hold *h)
{
    const struct lock *lock = lock_at(g->locks, h->lock);
    return !(lock->flags & LOCK_UNSEEN) && h->since_ns > lost_ns_of(g, lock) && h->since_ns > cover_locks_gap(g);
}

/* ---- graph_lock_identity.c: which lock is meant --------------------------------- */

/* The live lock at an address, 0: none is known. */
static inline uint32_t lock_find(const struct process *p, uint64_t address) { return dict_get(&p->lock_of, address); }
/* The same, made when it is new or of another kind; 0: there are too many. */
uint32_t lock_get_slow(struct graph *g, struct process *p, const struct event *e, uint32_t place, uint64_t address,
                       unsigned family);
static inline uint32_t lock_get(struct graph *g, struct process *p, const struct event *e, uint64_t address, unsigned family)
{
    uint32_t place = lock_find(p, address);
    if (graph_likely(place && lock_at(g->locks, place)->family == family && !(lock_at(g->locks, place)->flags & LOCK_BURIED)))
        return place;
    return lock_get_slow(g, p, e, place, address, family);
}
uint32_t lock_init(struct graph *g, struct process *p, const struct event *e);
/* Its life ends. */
void lock_end(struct graph *g, const struct event *e, uint32_t place, const char *by);

/* ---- graph_lock_classes.c: of one origin ------------------------------------------- */

/* The class of a lock that is placed, made when it is new; 0: there are too many. */
uint32_t lock_class_get(struct graph *g, const struct process *p, const struct lock *lock);
/* A lock that had only an address is known to lie in a module. */
void lock_class_settle(struct graph *g, const struct process *p, struct lock *lock);
/* The row of who acquires a lock at a stack. */
uint32_t lock_site_find(struct locks *l, struct lock *lock, uint32_t stack);
static inline uint32_t lock_site(struct locks *l, struct lock *lock, uint32_t stack)
{
    return graph_likely(lock->last_site && lock->last_stack == stack) ? lock->last_site : lock_site_find(l, lock, stack);
}

/* ---- graph_locks.c: custody ------------------------------------------------------ */

struct hold *hold_of(const struct graph *g, const struct lock *lock, const struct thread *t);
/* Ends a hold: its time counts. */
void hold_end(struct graph *g, uint32_t place, uint64_t ns);
/* Whether the thread waits for a lock that still lives; its place, else 0. */
static inline uint32_t lock_waited(const struct graph *g, const struct thread *t)
{
    uint32_t place = t->wait.lock;
    return place && lock_at(g->locks, place)->id == t->wait.id ? place : 0;
}

/* ---- graph_lock_rules.c: what may not be done ---------------------------------------- */

void rule_relock(struct graph *g, const struct event *e, uint32_t place, const struct hold *h);
void rule_stranger(struct graph *g, struct process *p, const struct event *e, struct lock *lock);
void rule_destroyed(struct graph *g, const struct event *e, struct lock *lock);
void rule_dropped(struct graph *g, const struct event *e, struct lock *lock);
void rule_exited(struct graph *g, const struct event *e, const struct thread *t, const struct hold *h);
void rule_buried(struct graph *g, struct process *p, const struct event *e, struct lock *lock, const struct grave *grave);
/* Evidence of a finding: who has a lock, where it was initialised, where its block was made. */
struct view_evidence evidence_held(const struct graph *g, const struct hold *h);

/* ---- graph_lock_order.c, graph_lock_cycles.c, graph_deadlock.c ---------------------- */

/* t waits for a lock, or got it by a call that may block, while it has others. */
void order_taken(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place, bool shared);
void order_lock_ended(struct locks *l, struct lock *lock);
void order_clear(struct order *o);
uint64_t order_key(const struct order_edge *edge);
struct order_edge *order_find(const struct order *o, uint64_t key, bool inner, uint64_t held, uint64_t taken);
/* An edge has a new witness: does it close a cycle? */
void cycles_search(struct graph *g, const struct event *e, const struct order_edge *edge, const struct witness *w);
/* t has just begun to wait: is that a cycle? */
void deadlock_waits(struct graph *g, struct thread *t, const struct event *e);

/* ---- parts of a checkpoint (graph_archive.h) --------------------------------------------- */

struct archive;
void holds_archive(struct archive *a, struct graph *g);
void waits_archive(struct archive *a, struct graph *g);
/* Loading: dicts of rows. False: two are alike, or so many have one hash as only somebody who wants it makes. */
enum { LOCK_CHAIN_MAX = 64 };
bool lock_classes_index(struct locks *l);
bool lock_guards_index(struct locks *l);

/* ---- views --------------------------------------------------------------------------- */

struct view_lock view_lock_of(const struct graph *g, const struct lock *lock, uint64_t ended_ns);
void view_lock_order(const struct graph *g, struct view *v);
void view_deadlocks(struct graph *g, struct view *v);

#endif
