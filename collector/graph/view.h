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
};

struct view_count { uint64_t blocks, bytes; };

struct view_thread {
    uint32_t id, process;
    uint32_t tid;               /* 0: never seen running */
    uint32_t creator;           /* thread id, 0 unknown or main */
    uint32_t joined_by;         /* 0: not joined */
    char name[16];              /* "" unknown */
    uint64_t born_ns;           /* create, else first event */
    uint64_t ended_ns;          /* 0: lives */
    bool ended, detached;
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
};

struct view {
    uint64_t at_ns, events;
    uint64_t by_fact[FACT_TYPES];     /* how many facts of each type */
    uint64_t moves_by[5];             /* taken thread-arg joined outlived realloc */
    uint64_t lost[8];                 /* by enum wire_lost */
    uint64_t verify[WIRE_VERIFY_COUNTS]; /* by enum wire_verify */
    bool verified;                    /* --verify-unwind was used */
    struct view_totals totals;
    struct view_site *sites; size_t n_sites;
    struct view_thread *threads; size_t n_threads;
    struct view_handoff *handoffs; size_t n_handoffs;
    struct view_move *moves; size_t n_moves;
    struct view_process *processes; size_t n_processes;
    struct view_block *blocks; size_t n_blocks;
    /* code used by the above */
    struct code_module *modules; size_t n_modules;
    struct code_frame *frames; size_t n_frames;      /* .module: view's module ids */
    struct code_stack *stacks; size_t n_stacks;      /* .parent, .frame: view's ids; parents come before children */
};

enum { VIEW_BLOCKS = 1 };
extern const char *const view_move_names[5];

struct view *graph_view_make(struct graph *g, const struct code *code, unsigned flags);
void view_free(struct view *v);

#endif
