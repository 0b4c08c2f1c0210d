/*
 * collector/graph/graph_state.h - what the fold keeps: private to the files
 * of collector/graph/.
 *
 * Run by one thread at a time. Nodes (threads, processes) are reached by
 * their place in an array, blocks by their place in the pool; serials from
 * the stream are only ever keys. Place 0 is nobody: the thread of events that
 * no thread made, the process of events that name none; its serial is 0.
 *
 * Live and running. A block is live until its drop, or the exec that replaces
 * its image; at the end of its process it stays live (what was still live at
 * the end is what users ask for) but no longer uses memory. So `live` sums
 * count both, `running` sums only processes that have not ended, and peaks
 * are peaks of `running`.
 *
 * Invariants (heap; clones outside of all of them):
 *   allocations == frees - drops of clones + unseen_drops + live_blocks + exec_blocks
 *   running_bytes == sum over sites of running_bytes
 *   peak_bytes == sum over sites of site_peak()
 *   sum over threads of owns == live blocks with an owner that is a thread
 */
#ifndef OWNSCOPE_GRAPH_STATE_H
#define OWNSCOPE_GRAPH_STATE_H

#include "graph/dict.h"
#include "graph/graph.h"
#include "graph/graph_graves.h"
#include "graph/graph_pool.h"
#include "graph/graph_ranges.h"
#include "graph/graph_starts.h"
#include "graph/graph_table.h"
#include "graph/view.h"

#define graph_likely(x) __builtin_expect(!!(x), 1)
#define graph_unlikely(x) __builtin_expect(!!(x), 0)

/* Bounds on what a stream can make the graph keep. Past them, what comes is
 * folded into nobody (threads, processes), or into rows without stacks. */
enum {
    THREADS_MAX = 1 << 20,
    PROCESSES_MAX = 1 << 18,
    HANDOFFS_MAX = 1 << 20,
    MOVES_MAX = 1 << 20,
    FROZEN_MAX = 64,                /* forks whose child has not come yet */
    FROZEN_BLOCKS_MAX = 4 << 20,    /* blocks in them, besides the newest */
    ENDED_BLOCKS_MAX = 4 << 20,     /* blocks kept by address of ended processes */
    TEXT_KEPT_MAX = 4096,
    REPAIR_WINDOW_NS = 1000
};

enum move_by { MOVE_TAKEN, MOVE_THREAD_ARG, MOVE_JOINED, MOVE_OUTLIVED, MOVE_REALLOC };
enum owned_by { OWNED_NEW, OWNED_TAKEN, OWNED_THREAD_ARG, OWNED_JOINED, OWNED_OUTLIVED };

/* What New and Drop count: a cache line. Its stack stands in site_stacks. */
struct site {
    uint64_t epoch;          /* of `peak`: the graph's peak_epoch at its capture */
    uint64_t allocations, bytes;
    uint64_t live_blocks, live_bytes;
    uint64_t running_bytes;
    uint64_t peak_bytes;     /* running_bytes at the peak, if epoch is the graph's */
    uint64_t temporary;
};

/* A realloc between its two halves. */
struct pending {
    uint64_t address, size;  /* the old place */
    uint64_t ns;
    uint32_t block;          /* 0: nothing known lived there */
    uint32_t stack;
    bool open, map;
};

/* A block by place and id: the id tells when the place has another one. */
struct held_block { uint32_t block; uint64_t id; };

/* What a thread waits for now: a lock by place and id; place 0: nothing. */
struct waiting { uint64_t id, since_ns; uint32_t lock, stack, visit; bool timed, shared, told, stuck; };
/* What a thread is known to come behind: graph_clocks.c. */
struct vector;
struct thread_clock {
    uint32_t index;          /* of its component in vectors, + 1; 0: none (yet) */
    bool created;            /* by a thread that is known: else all before its first act is taken for ordered */
    uint64_t since_ns;       /* the index is its own since then */
    uint64_t now_ns;         /* its newest release or use: never falls */
    uint64_t released_ns;    /* its newest release */
    struct vector *seen;     /* what it is behind, without itself */
};
/* Who holds the indexes of a process's vectors. */
struct process_clocks {
    uint32_t *holders;       /* place of a thread, 0: nobody */
    uint32_t n, n_free, capacity;
    uint32_t *free;          /* indexes that nobody holds */
    struct vector *published; /* what is ordered before all that any thread does from now on */
    uint64_t floor_ns;       /* all until then is taken for ordered: events were lost */
    uint64_t lost_event;     /* number of that loss */
    bool unseen;             /* threads synchronise by what nobody sees: see graph_unordered.h */
};
struct clocks;

struct thread {
    uint32_t place, serial, process;    /* process: place */
    uint32_t tid, creator, joined_by;   /* serials */
    char name[16];
    uint64_t pthread;
    uint64_t born_ns, exit_ns, gone_ns, ended_ns;
    bool exited, ended, detached, failed, started;
    bool exit_told;          /* what it held when it ended is told */
    bool tracked;            /* `owned` is complete: all threads but the first of an image */
    bool leaving;            /* gone without an exit: see threads_alive */
    bool parked;             /* repair.c holds its events */
    bool pthread_known;
    struct view_count made, dropped, owns;
    uint8_t rate;            /* what it makes are samples of this rate: graph_sampling.h; 0: all of it is told */
    uint32_t locks_every, copies_every; /* what it tells of them stands for so many more; 0: for itself alone */
    uint64_t last_new;       /* id of the newest block it made */
    struct pending pending;
    struct held_block arg;   /* thread-arg; id 0: none */
    uint64_t arg_ns;
    bool arg_open;           /* the borrow has not ended */
    struct held_block result;/* block that its exit value points into */
    uint32_t *owned;         /* places of blocks it owned once (graph_custody.c) */
    size_t n_owned, owned_capacity;
    uint32_t next_in_process, next_same_pthread;
    uint32_t holds, n_holds; /* locks it has: places in graph_locks.c's holds, newest first */
    struct waiting wait;
    struct thread_clock clock;
};

struct sampling;             /* graph_sampling.h */
struct cover;                /* graph_cover.h */
struct frozen;               /* graph_forks.h */
struct inherit;
struct locks;                /* graph_lock_state.h */

struct modules;              /* graph_modules.h */

/* The newest EVENT_SNAPSHOT of a process's image; event 0: none. */
struct process_snapshot { uint64_t event; uint32_t number; uint8_t why; };

struct process {
    uint32_t place, serial, parent, pid, ppid;
    char *exe, *command;
    uint64_t started_ns, ended_ns;
    bool started, ended;
    bool threaded;           /* more than one thread was seen */
    bool usable_asked;       /* it has asked for what is usable of blocks */
    bool usable_untold;      /* what is usable of its blocks is not told any more */
    bool execing;            /* an exec that has not failed, and no new image has spoken */
    bool exit_known, exit_seen;
    int wait_status, exit_code;
    uint32_t images;
    uint32_t first_thread;   /* place; 0 none yet */
    uint32_t threads;        /* list of places through next_in_process */
    uint32_t *leaving;       /* threads gone without an exit, while not proven alive */
    size_t n_leaving, leaving_capacity;
    struct table heap;
    struct ranges maps;
    struct starts *starts;   /* NULL until asked for */
    struct graves graves;    /* dropped heap blocks */
    uint64_t lost_ns;        /* when its newest lost events were told; 0: none */
    struct claim *claims; size_t n_claims, claims_capacity;     /* graph_claims.c */
    uint64_t unseen_made, unseen_dropped;    /* blocks that nobody saw made, dropped */
    struct suspect *suspects; size_t n_suspects;                /* graph_drops.c */
    uint64_t suspect_seen_ns;                /* newest stamp since */
    struct modules *modules; /* NULL: none known */
    struct inherit *inherit; /* what a fork left it that it has not touched; or NULL */
    struct process_clocks clocks;
    struct dict pthreads;    /* pthread_t -> place of the newest thread */
    uint64_t *stacks;        /* the same pthread_t in order; NULL until asked for: graph_threads.c */
    size_t n_stacks, stacks_capacity;
    struct dict lock_of;     /* address -> place in graph_locks.c's pool */
    uint32_t locks;          /* those in no block: list through next_near */
    uint32_t lock_image;     /* a number of its own for each image with locks; 0: none yet */
    bool forked;             /* born by fork: its locks may be held by nobody that it knows */
    uint64_t ended_kept;     /* its share of the graph's ended_blocks */
    uint64_t live_blocks, live_bytes, allocations;   /* heap, clones too while it runs; samples as one each */
    uint64_t more_blocks, more_bytes, more_allocations; /* what its samples stand for beyond themselves; modulo 2^64 */
    struct process_snapshot snapshot;
    uint64_t image_event;    /* its image ended older ones with this event */
};

struct parked {
    struct event e;
    uint64_t number;
    char *text;              /* own copy; or NULL */
};

struct graph {
    const struct code *code;
    graph_observer observe;
    void *observe_context;

    uint64_t events, now_ns;
    uint64_t number;         /* of the event being applied */
    uint64_t next_block_id;

    struct pool pool;
    struct thread **threads;     size_t n_threads, threads_capacity;
    struct process **processes;  size_t n_processes, processes_capacity;
    struct dict thread_of, process_of;       /* serial -> place */
    struct thread *last_thread;              /* the newest found: the next event's, mostly */
    struct process *last_process;            /* while an event is applied: its process */

    struct site *sites;          size_t n_sites, sites_capacity;   /* place 0 unused; on cache lines */
    uint32_t *site_stacks;       size_t site_stacks_capacity;
    struct dict site_of;                     /* stack + 1 -> place */
    uint32_t last_stack, last_site;
    uint64_t peak_epoch;
    uint64_t running_bytes;
    uint64_t mapped_running;

    struct view_handoff *handoffs; size_t n_handoffs, handoffs_capacity;  /* from, to: serials */
    uint32_t *handoff_slots; uint32_t handoff_mask;

    struct view_move *moves; size_t n_moves, moves_capacity;
    struct dict move_of;                     /* key -> row + 1 */

    struct frozen *frozen_first, *frozen_last;   /* forks whose child has not come yet */
    size_t n_frozen; uint64_t frozen_blocks;
    uint32_t *ended_processes; size_t n_ended, ended_capacity, ended_oldest;
    uint64_t ended_blocks;

    size_t module_ranges;                    /* in all tables of graph_modules.c */

    struct parked *parked;       size_t n_parked, parked_capacity;
    bool forced;             /* the event being applied must not be parked */

    struct locks *locks;     /* NULL until there is one */

    struct view_finding *findings; size_t n_findings, findings_capacity;     /* graph_findings.c */
    struct view_evidence *evidence; size_t n_evidence, evidence_capacity;
    struct dict finding_of;                  /* hash of rule and stacks -> row + 1 */
    uint64_t findings_by_rule[RULES];
    uint64_t drops_withheld;
    uint64_t bounds_withheld; /* copies past a block's end in processes with usable_untold */
    struct flows *flows;                     /* graph_flows.c */
    uint32_t releases[32];                   /* by family made: a bit for each family that may release it */

    struct clocks *clocks;                   /* graph_clocks.c */
    bool without_locks;      /* they were not recorded: nothing can be called unordered */
    struct sampling *sampling; /* NULL: nothing was sampled */
    struct cover *cover;     /* NULL: all is recorded, and nobody gave an order */

    uint64_t by_fact[FACT_TYPES];
    uint64_t moves_by[5];
    uint64_t lost[8];
    uint64_t lost_ns;        /* as a process's, of events that no process is known of */
    uint64_t verify[WIRE_VERIFY_COUNTS];
    bool verified;
    struct view_totals totals;               /* but what view_sites sums up */
};

static inline bool family_maps(unsigned family)
{
    return family == WIRE_MMAP_ANON || family == WIRE_MMAP_FILE || family == WIRE_MREMAP || family == WIRE_MUNMAP;
}

static inline struct thread *thread_at(const struct graph *g, uint32_t place) { return g->threads[place]; }
static inline struct process *process_at(const struct graph *g, uint32_t place) { return g->processes[place]; }

static inline uint32_t block_owner(const struct graph *g, uint32_t place, const struct block *b)
{
    if (graph_likely(!(b->flags & BLOCK_NOTED)))
        return b->maker;
    return g->pool.notes[dict_get(&g->pool.note_of, place)].owner;
}

/* When events were lost that may have been of p; what rests on older ones is in doubt. */
static inline uint64_t lost_ns(const struct graph *g, const struct process *p)
{
    return p->lost_ns > g->lost_ns ? p->lost_ns : g->lost_ns;
}
static inline void lost_note(struct graph *g, struct process *p, uint64_t ns)
{
    uint64_t *newest = p->place ? &p->lost_ns : &g->lost_ns;
    *newest = ns > *newest ? ns : *newest;
}

/* A block that counts: in totals, sites and what threads own. */
static inline bool block_counts(const struct block *b) { return !(b->flags & (BLOCK_MAP | BLOCK_CLONE)); }

/* Whether an event that finds its address taken may wait for the release. */
static inline bool may_wait(const struct graph *g, const struct process *p, const struct thread *t)
{
    return p->threaded && t->place && !g->forced;
}

/* graph.c: folds one event in its turn. False: it waits for another thread's
 * release (repair.c), and nothing was changed. */
bool graph_apply(struct graph *g, const struct event *e);

#endif
