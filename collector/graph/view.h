/*
 * collector/graph/view.h - a self-contained copy of what the graph knows at
 * one moment, for whoever prints it.
 *
 * Made by the graph's own thread (graph_view_make), immutable afterwards, and
 * free of pointers into the graph or its code tables: the ingest thread
 * publishes one by RCU and folds on while API threads read it. All documents
 * (collector/export/) are built from views, so that a live process and a file
 * give the same document.
 *
 * Ids of modules, frames and stacks in a view are the view's own: index + 1
 * into its arrays, 0 for none.
 */
#ifndef OWNSCOPE_VIEW_H
#define OWNSCOPE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/code.h"
#include "graph/graph.h"

/* Clones that forks made are outside of all sums but frees and their process's live_*.
 * Live: not dropped; blocks of an ended process stay live, but count for no peak.
 * Invariant: allocations == frees - drops of clones + unseen_drops + live_blocks + exec_blocks. */
struct view_totals {
    uint64_t allocations;      /* New of heap families */
    uint64_t frees;            /* Drop of heap families that hit a live block, a forked child's copies too */
    uint64_t reallocations;    /* realloc of a live block that succeeded, of copies too */
    uint64_t bytes_allocated;  /* asked for: by New, and by what reallocs added */
    uint64_t live_blocks, live_bytes;
    uint64_t peak_bytes, peak_ns;  /* most live heap bytes, all processes together; when first */
    uint64_t peak_event;       /* number of the newest event then: the state after it is the peak's */
    uint64_t temporary;        /* blocks dropped by the thread that made them with no New of that thread between */
    uint64_t maps, unmaps, mapped_bytes, mapped_peak_bytes;  /* mmap family, apart from the heap; unmaps: munmaps that hit a mapping */
    uint64_t exec_blocks, exec_bytes;  /* live when an exec replaced their image */
    uint64_t unseen_drops;     /* blocks whose address was given out again with no drop seen */
    uint64_t unknown_drops;    /* drops of addresses at which nothing traced lived */
};

/* By New stack. Invariants: sum over sites of live_* = totals; of peak_bytes = totals.peak_bytes. */
struct view_site {
    uint32_t stack;
    uint64_t allocations, bytes;      /* ever; bytes as totals.bytes_allocated */
    uint64_t live_blocks, live_bytes;
    uint64_t peak_bytes;              /* live bytes of this site at totals.peak_ns */
    uint64_t temporary;
    uint32_t estimate;                /* index + 1 into estimates; 0: these are counts */
};

struct view_count { uint64_t blocks, bytes; };

/* Of samples: how far what they stand for may be off. Doubles are variances, but `heaviest`. */
struct view_estimate {
    uint64_t samples, live;     /* blocks told, ever and now: all of them were drawn */
    uint64_t coarsest;          /* the most bytes from one to the next */
    double allocations, bytes, live_blocks, live_bytes, peak_bytes, frees;
    double heaviest;            /* the most blocks that one stood for */
};

struct view_thread {
    uint32_t id, process;
    uint32_t tid;               /* 0: never seen running */
    uint32_t creator;           /* thread id, 0 unknown or main */
    uint32_t joined_by;         /* 0: not joined */
    char name[16];              /* "" unknown */
    uint64_t born_ns;           /* create, else first event */
    uint64_t ended_ns;          /* 0: lives */
    bool ended, detached;
    bool same;                  /* view_since: nothing happened */
    struct view_count made, dropped, owns;   /* of the heap */
};

/* Blocks made by one thread and dropped by another, by both stacks. */
struct view_handoff {
    uint32_t from, to;          /* threads */
    uint32_t stack_new, stack_drop;
    uint64_t blocks, bytes;
    uint64_t flight_ns;         /* sum of drop time - birth time */
};

/* Custody that changed hands, added up by giver, taker and evidence: the sum
 * of blocks over one evidence is moves_by of it (realloc has no rows: nothing
 * changes hands). */
struct view_move {
    uint32_t process;           /* whose blocks */
    uint32_t from, to;          /* threads; 0: the process itself */
    uint32_t by;                /* index into view_move_names */
    uint64_t blocks, bytes;
    uint64_t first_ns, last_ns;
};

struct view_process {
    uint32_t id, parent;        /* parent 0: not traced */
    uint32_t pid, ppid;
    char *exe;                  /* path of the newest image, "" unknown */
    char *command;              /* arguments joined by spaces, "" unknown */
    uint64_t started_ns, ended_ns;
    bool ended;
    bool untraced_image;        /* its newest exec started a program that never spoke up: static, setuid… */
    bool exit_known;
    int wait_status;            /* as waitpid gives it */
    uint32_t images;            /* execs seen + 1 */
    uint64_t live_blocks, live_bytes, allocations;
};

/* Of ended processes at most some millions are kept, of those that ended last. */
struct view_block {             /* only with VIEW_BLOCKS: heap and mapped blocks alive at the moment */
    uint64_t id, address, size, born_ns, cloned_from;
    uint32_t process, thread, owner;  /* owner 0: the process itself (outlived) */
    uint32_t borrower;          /* thread that got it as thread-arg, 0 none */
    uint64_t borrowed_ns;
    uint64_t owned_since_ns;
    uint32_t stack;
    uint8_t family;
    const char *owned_by;       /* how the owner got it: new taken thread-arg joined outlived */
    uint64_t rate, drawn;       /* of a sample: bytes from one to the next, and the most bytes that it had; 0: it is none */
};

/* ---- locks ---- */

/* Where something lies: in a heap block, in a module's data, or elsewhere. */
struct view_where {
    enum { VIEW_WHERE_ADDRESS, VIEW_WHERE_BLOCK, VIEW_WHERE_MODULE } kind;
    uint64_t address;           /* when it was first seen */
    uint64_t block;             /* id of the block, VIEW_WHERE_BLOCK */
    uint32_t block_stack;       /* where that block was made */
    uint32_t module;            /* view's id, VIEW_WHERE_MODULE */
    uint64_t offset;            /* in the block, or link-time address in the module */
};

#define VIEW_UNKNOWN UINT64_MAX
/* view_since: the longest and the percentiles may be VIEW_UNKNOWN. */
struct view_times { uint64_t count, total_ns, max_ns, p50_ns, p99_ns; };

struct view_lock {
    uint64_t id;
    uint32_t process;
    uint32_t class;             /* index + 1 into lock_classes */
    uint8_t family;             /* enum wire_lock: MUTEX RWLOCK SPIN SEM BARRIER COND ONCE MTX CND */
    uint8_t type;               /* WIRE_LOCK_TYPE_* */
    struct view_where where;
    uint32_t init_stack;        /* 0: initialised by the compiler, or unseen */
    uint64_t born_ns, ended_ns; /* ended_ns 0: lives */
    uint64_t acquisitions, shared_acquisitions, contended;
    struct view_times wait, hold;   /* wait: of contended acquisitions and failed waits; hold: each hold, shared ones too */
    bool same;                  /* view_since: nothing happened */
    bool named;                 /* by a finding or a cycle: its row is kept before others */
};

/* Locks of one origin: initialised at one place in the code, or embedded at one offset of blocks of one site. */
struct view_lock_class {
    uint8_t family;
    uint32_t init_stack;        /* or: */
    bool same;                  /* view_since: nothing happened */
    struct view_where where;    /* of its first lock */
    uint64_t locks;
    uint64_t acquisitions, shared_acquisitions, contended;
    struct view_times wait, hold;
};

/* By lock class and the stack that acquires. */
struct view_lock_site {
    uint32_t class;             /* index + 1 */
    uint32_t stack;
    uint64_t first_lock;        /* id of the first lock acquired there */
    uint64_t acquisitions, shared_acquisitions, contended;
    struct view_times wait, hold;
};

/* Held, or waited for, at the view's moment. */
struct view_hold { uint64_t lock; uint32_t thread; uint32_t stack; uint64_t since_ns; bool shared; };
struct view_wait { uint64_t lock; uint32_t thread; uint32_t stack; uint64_t since_ns; bool timed; };

/* A lock that was held while blocks of one site were copied to, from, or dropped. */
struct view_guard { uint64_t lock; uint32_t site_stack; uint64_t touches, blocks; };

/* Locks taken one inside the other: an edge of the order. `held` was held when `taken` was waited for or got. */
struct view_order_edge {
    uint64_t held, taken;       /* ids of one pair of locks that shows it */
    uint32_t held_class, taken_class; /* index + 1 */
    uint32_t thread;
    uint32_t stack_held, stack_taken;
    uint64_t count, first_ns;
};
/* Edges that close: order_edges[first .. first + n). */
struct view_cycle { uint32_t first, n; bool by_class; /* no one set of locks was seen in both orders */ };

/* Threads that wait for each other now (or one for itself): deadlock_edges[first .. first + n);
 * an edge's thread holds `held` (since stack_held) and waits for `taken` (at stack_taken). */

/* ---- copies ---- */
struct view_copy_site { uint32_t stack; uint64_t copies, bytes; };
/* From blocks made at one stack to blocks made at another; 0: not a heap block. */
struct view_flow { uint32_t from_stack, to_stack; uint64_t copies, bytes; };
/* From one block to another, with VIEW_BLOCKS; a bounded number of them, the newest. */
struct view_block_flow { uint64_t from, to; uint64_t copies, bytes, first_ns, last_ns; uint32_t thread; };

/* ---- findings: see graph_findings.h ---- */
enum finding_rule {
    RULE_LEAK, RULE_DOUBLE_DROP, RULE_INVALID_DROP, RULE_MISMATCHED_DROP, RULE_USE_AFTER_DROP, RULE_OUT_OF_BOUNDS,
    RULE_OVERLAP, RULE_UNORDERED_BORROW, RULE_DROPPED_WHILE_LOCKED, RULE_DESTROYED_WHILE_HELD, RULE_EXITED_HOLDING,
    RULE_RELEASED_BY_STRANGER, RULE_RELOCK, RULE_LOCK_ORDER, RULE_DEADLOCK, RULES
};
/* "leak", "double-drop", … */
extern const char *const rule_names[RULES];

/* What a stack of a finding shows. */
enum evidence {
    EVIDENCE_USED,              /* the use that breaks the rule: first of all */
    EVIDENCE_MADE, EVIDENCE_DROPPED, EVIDENCE_OTHER /* the other borrow */, EVIDENCE_HELD, EVIDENCE_TAKEN,
    EVIDENCE_WAITED, EVIDENCE_INIT, EVIDENCES
};
/* "used", "made", "dropped", "other", "held", "taken", "waited", "init" */
extern const char *const evidence_names[EVIDENCES];

struct view_evidence { uint8_t role; uint32_t stack; uint32_t thread; uint64_t ns; uint64_t lock; };

/* Which words a finding's `family` is of: told by the event that broke the rule. */
enum use { USE_NONE, USE_DROP /* enum wire_family, reallocs too */, USE_COPY, USE_LOCK, USE_THREAD /* passed to one */ };

/* Why a finding may not be so. */
enum { DOUBT_LOST = 1 /* events of this process were lost before */, DOUBT_BY_CLASS = 2,
             DOUBT_UNSEEN = 4 /* it rests on there being no other order than the one that is seen */,
             DOUBT_STACKS = 8 /* what only some threads' stacks and registers hold counts as lost: they could not be read */,
             DOUBT_DROPS = 16 /* blocks are released where nobody sees it */,
             DOUBT_PARTIAL = 32 /* not all was recorded */ };

enum { FINDING_EVIDENCE_MAX = 64 };    /* rows of evidence that a finding has at most */

struct view_finding {
    uint8_t rule, doubt;
    uint8_t use;                /* enum use, filled in by finding_note */
    bool writes;                /* of a copy: `address` is where it writes, else where it reads; by finding_note too */
    uint8_t family;             /* of the use: enum wire_family (drops), wire_copy (copies), wire_lock (locks) */
    uint8_t made_family;        /* of the block */
    uint32_t process, thread;   /* of the first time */
    uint64_t ns, event;         /* the first time */
    uint64_t count;             /* times, with these stacks */
    uint64_t block, lock;       /* the node: ids, 0: none */
    uint64_t address;           /* used: where */
    uint64_t block_address, block_size;
    int64_t offset;             /* of the use from the block's start */
    uint64_t length;            /* bytes used; of a wrong sized delete: the size that was told */
    uint32_t first, n;          /* evidence[first .. first + n) */
    /* RULE_LEAK: made by export/leaks.h, one for all blocks of a process, class and stack. `block` is the largest of
     * `count` blocks; indirect: what is lost with them. */
    struct { uint8_t class /* enum leak_class */; uint64_t bytes, indirect_blocks, indirect_bytes; } leak;
};

/* ---- what was recorded, and who said so: see graph/graph_cover.h ---- */
struct view_cover_span { uint64_t ns; uint8_t bits; };      /* from ns on: enum event_cover */
struct view_control { uint64_t ns, event; uint8_t kind /* enum event_control */, state, was /* enum event_recording */; char *text; };
struct view_cover {
    bool told;                  /* false: all was recorded all the time, and nobody gave an order */
    uint8_t bits;               /* now */
    uint64_t memory_ns, drops_ns, orders_ns; /* whole since then; 0: all the time; UINT64_MAX: it is not */
    uint64_t without_ns[5];     /* for so long each bit was not set */
    struct view_cover_span *spans; size_t n_spans; uint64_t changes;        /* the newest of them */
    uint64_t withheld;          /* findings that might have been told had all been recorded */
    uint64_t unknown_drops;     /* drops of blocks that were not recorded */
    uint8_t state;
    uint64_t ns_by_state[5];
    struct view_control *controls; size_t n_controls; uint64_t orders;      /* the newest of them */
};

/* A thread that runs, as its ring tells (session/session.h); only in views of a live session that were asked for it. */
struct view_state {
    uint32_t thread, process, pid, tid;
    uint64_t start_time;        /* of the process; 0: not known */
    bool foreign;               /* pid and tid mean nothing here */
    uint32_t stack;             /* of its last event; 0: not known */
    uint64_t last_ns, events;
    uint64_t ring_bytes, ring_fill;
};

struct view {
    unsigned flags;                   /* what it was made with, for who shares it */
    uint64_t at_ns, events;
    bool is_since;                    /* it tells what happened after since_event, at since_ns: graph/view_since.h */
    uint64_t since_ns, since_event;
    uint64_t by_fact[FACT_TYPES];     /* how many facts of each type */
    uint64_t moves_by[5];             /* taken thread-arg joined outlived realloc */
    uint64_t lost[8];                 /* by enum wire_lost */
    uint64_t verify[WIRE_VERIFY_COUNTS]; /* by enum wire_verify */
    bool verified;                    /* --verify-unwind was used */
    struct view_totals totals;
    struct view_site *sites; size_t n_sites;
    bool sampled;                     /* sums of blocks are estimates, and these say of the totals and of sites how good ones */
    struct view_estimate estimate, *estimates; size_t n_estimates;
    struct view_cover cover;
    uint64_t *rates; size_t n_rates;  /* of memory, that there were: bytes from one sample to the next */
    uint64_t copy_largest;            /* bytes of the largest copy that was a sample */
    uint64_t locks_every, copies_every; /* the coarsest; sums of them are estimates. 0, 1: they are not */
    struct view_thread *threads; size_t n_threads;      /* by id */
    struct view_handoff *handoffs; size_t n_handoffs;
    struct view_move *moves; size_t n_moves;
    struct view_process *processes; size_t n_processes;
    struct view_block *blocks; size_t n_blocks;
    struct view_lock *locks; size_t n_locks;
    struct view_lock_class *lock_classes; size_t n_lock_classes;
    struct view_lock_site *lock_sites; size_t n_lock_sites;
    struct view_hold *holds; size_t n_holds;
    struct view_wait *waits; size_t n_waits;
    struct view_guard *guards; size_t n_guards;
    struct view_order_edge *order_edges; size_t n_order_edges;       /* of the cycles */
    struct view_cycle *cycles; size_t n_cycles;
    struct view_order_edge *deadlock_edges; size_t n_deadlock_edges;
    struct view_cycle *deadlocks; size_t n_deadlocks;
    uint64_t locks_seen, locks_left_out;    /* locks there ever were; of them without a row (bounded). Past the bound on
                                             * live ones an event of a lock that is not followed counts for one left out */
    uint64_t copies, copy_bytes;            /* all recorded copies */
    uint64_t copy_bytes_to_blocks;          /* of them into heap blocks */
    struct view_copy_site *copy_sites; size_t n_copy_sites;
    struct view_flow *flows; size_t n_flows;
    struct view_block_flow *block_flows; size_t n_block_flows;
    struct view_finding *findings; size_t n_findings;
    struct view_evidence *evidence; size_t n_evidence;
    uint64_t findings_by_rule[RULES];       /* counts, repeats too */
    uint64_t futex_threads;                 /* threads that call futex themselves: locks that nobody sees */
    uint32_t futex_stack;                   /* the first such call; 0: none */
    uint64_t unordered_withheld;            /* borrows without a seen order between threads that synchronise unseen */
    uint64_t bounds_withheld;               /* copies past a block's size in processes that use what is usable of blocks */
    uint64_t operators_withheld;            /* by export: mismatched drops of blocks that an operator new of the program's own made */
    uint64_t drops_withheld;                /* findings about blocks (dropped again, used after, out of bounds) in
                                             * processes with blocks that nobody saw made or dropped */
    /* snapshots of heaps, the newest of each process that the moment has: owned by the view, with the view's ids */
    struct snapshot **snapshots; size_t n_snapshots;
    uint32_t snapshots_of;      /* only this process's were asked for (serial); 0: all */
    struct view_state *states; size_t n_states;     /* owned by the view */
    /* code used by the above */
    struct code_module *modules; size_t n_modules;
    struct code_frame *frames; size_t n_frames;      /* .module: view's module ids */
    struct code_stack *stacks; size_t n_stacks;      /* .parent, .frame: view's ids; parents come before children */
};

enum { VIEW_BLOCKS = 1 };
extern const char *const view_move_names[5];

struct view *graph_view_make(struct graph *g, const struct code *code, unsigned flags);
/* The same with snapshots, which the view takes over: their ids of `code` become the view's own. */
struct view *graph_view_make_with(struct graph *g, const struct code *code, unsigned flags,
                                  struct snapshot **snapshots, size_t n);
/* The same, and with threads' states: taken over, their stacks are of `code`. */
struct view *graph_view_make_live(struct graph *g, const struct code *code, unsigned flags,
                                  struct snapshot **snapshots, size_t n, struct view_state *states, size_t n_states);
void view_free(struct view *v);
/* The thread of that id; NULL: the view has none. */
const struct view_thread *view_thread_of(const struct view *v, uint32_t id);
/* The block of that id, if it is alive, as a view has it, but its stack is of the code. Looks at all. */
bool graph_block(struct graph *g, uint64_t id, struct view_block *found);

#endif
