/*
 * collector/graph/graph.h - who owns what: the fold over ordered events.
 *
 * The graph is a pure function of the events folded into it and the `code`
 * they point to: it knows nothing of rings, files or sockets, so the live
 * graph, a replay and a reader a year later are this one piece of code. Used
 * by one thread at a time. Never fails: an impossible event (a drop of an
 * address that holds nothing, a thread that was never started) is counted or
 * becomes a fact, never a crash.
 *
 * Rules of custody: ownscope-model(7). What the events cannot say is not
 * guessed: see `unseen` below.
 */
#ifndef OWNSCOPE_GRAPH_H
#define OWNSCOPE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"

/* A fact: what the fold made of an event, in order, with nodes named. One
 * event may make several (taken + drop), and a repaired inversion makes its
 * facts a little later than its event. */
enum fact_type {
    FACT_NEW = 1,     /* node = block; by: NULL, split (what is left above a hole in a mapping),
                       * clone (a forked child touches cloned_from's copy; dated at the fork) */
    FACT_DROP,        /* node = block, 0: nothing known lives there; by: NULL, unseen (nobody was
                       * seen to do it), exec, exit
                       * (went with its image; with its process: clones only), replaced (mapped over),
                       * part (address, size: of what went; the block lives on) */
    FACT_MOVE,        /* node; by = taken thread-arg joined outlived realloc; from -> to */
    FACT_BORROW,      /* node; by = thread-arg: a thread (to) got a pointer into it; by = copied: bytes
                       * [offset, offset + size) of it are read, or (mutable) written, by a copy */
    FACT_BORROW_END,
    FACT_THREAD,      /* by = create start exit gone join detach name; to = thread meant */
    FACT_PROCESS,     /* by = start fork exec exec-failed exit gone */
    FACT_MARK,
    FACT_LOST,
    FACT_ACQUIRE,     /* lock is held; shared, wait_ns; by: NULL, try, cond-wait (taken again), unseen (a release
                       * that nobody saw must have come before), owner-died */
    FACT_RELEASE,     /* lock is given up; by: NULL, cond-wait */
    FACT_WAIT,        /* thread begins to wait for lock (a condition and a barrier are locks here) */
    FACT_WAIT_END,    /* it stopped waiting without it; size = errno */
    FACT_LOCK,        /* by = first (seen for the first time) init destroy consistent gone (with its block, module or process) */
    FACT_SNAPSHOT,    /* by = asked exit abort mark signal; size = blocks */
    FACT_RATE,        /* by = memory locks copies; address = the rate, 0: each one is told from here on */
    FACT_COVER,       /* text = what is recorded whole from here on: "drops,locks,copies,life" */
    FACT_CONTROL,     /* by = verb limit budget promise; address = enum event_recording, size = the one before; text = who and why */
    FACT_TYPES
};

struct fact {
    uint64_t ns;
    uint64_t block;       /* id of the block, 0: none */
    uint64_t address;     /* after the fact */
    uint64_t size;
    uint64_t old_address; /* realloc: before it */
    uint64_t old_size;
    uint32_t thread;      /* who did it; 0: nobody (found by the collector) */
    uint32_t process;
    uint32_t from_thread, to_thread;   /* move, borrow; 0: the process itself */
    uint32_t stack;
    uint8_t type;         /* enum fact_type */
    uint8_t family;
    const char *by;       /* static text, or NULL */
    const char *text;     /* name, path…; text_bytes long; valid during the call */
    uint16_t text_bytes;
    uint64_t event;       /* number of the event in the stream, from 1 */
    uint64_t cloned_from; /* id of the parent's block; 0: no clone */
    uint64_t lock;        /* id of the lock, 0: none */
    uint64_t wait_ns;     /* acquire: how long it was waited for */
    uint64_t offset;      /* borrow by a copy: first byte in the block */
    bool is_mutable;      /* borrow */
    bool shared;          /* acquire, release: a read lock */
    uint8_t lock_family;  /* enum wire_lock */
    uint64_t rate;        /* of a block that is a sample: bytes from one to the next; 0: it is none */
};
typedef void (*graph_observer)(void *context, const struct fact *f);

const char *fact_type_name(unsigned type);   /* "new", "drop", "move", "borrow", "thread"… */

struct graph;
struct code;
/* Of `code` it reads which place initialises a lock (NULL: the stack tells); it must outlive the graph. */
struct graph *graph_new(const struct code *code);
void graph_free(struct graph *g);
/* From here on its ids are those of `code`, which gave them the same meaning so far. */
void graph_use_code(struct graph *g, const struct code *code);
/* Locks were not recorded: nothing can be called unordered. Before the first event. */
void graph_without_locks(struct graph *g);
void graph_observe(struct graph *g, graph_observer fn, void *context);

void graph_fold(struct graph *g, const struct event *e);
/* The same for `count` events in a row, in less time: what they will look for is
 * fetched for all of them first. */
void graph_fold_batch(struct graph *g, const struct event *events, size_t count);
/* Lets parked events go (see repair in graph/repair.c): at the end, or before a
 * view when `now_ns` says that no partner can come any more. */
void graph_settle(struct graph *g, uint64_t now_ns);

/* graph_settle would change something. */
bool graph_unsettled(const struct graph *g, uint64_t now_ns);

/* Counted outside the stream (the segment's counters, a writer's drops). */
void graph_count_lost(struct graph *g, unsigned reason, uint64_t events);

struct snapshot;
/* Whether a snapshot of a process can be taken now, and of about how many blocks:
 * 0; -ENOENT: no such process; -EAGAIN: a realloc of it is under way (a thread
 * stands between its two halves): let it run on and ask again. Costs nothing. */
int graph_heap_ready(const struct graph *g, uint32_t process, uint64_t *blocks);
/* The blocks of a process that are alive now (of one that ended: that it left),
 * heap and mapped ones, into the snapshot's arrays (address … family), by rising
 * address; process, pid, ns and `doubtful` too, and number, event and why of its
 * newest EVENT_SNAPSHOT. About 0.2 us a block, and no memory but those arrays. The
 * graph changes only when it folds: the process may run on before this is called.
 * 0; -ENOENT, -EAGAIN as above, but with `force` the block counts at its old
 * place; -EFBIG. Of a heap block and a mapped one at one address the mapped one
 * is left out; blocks may lie inside mapped ones. */
int graph_heap_take(struct graph *g, uint32_t process, bool force, struct snapshot *s);
/* What the fold knows of a process's heap without looking at its blocks. */
struct graph_heap {
    uint32_t process;
    uint64_t blocks;            /* alive, heap and mapped; of a process that ended: that it left */
    uint64_t image_event;       /* number of the event with which its newest image began (0: its first): snapshots until
                                 * then are of another program */
    uint64_t snapshot_event;    /* number of its newest EVENT_SNAPSHOT since; 0: none */
    uint32_t snapshot;          /* that one's number */
    bool ended, exit_known;
    int wait_status;
};
/* Of all processes, in order of serials: at most `max`; returns how many there are. */
size_t graph_heaps(const struct graph *g, struct graph_heap *heaps, size_t max);
/* Threads of a process, for who looks at its stacks: at most `max`; returns how many there are.
 * Of one that ended the pthread_t may have been given to another, or be no more. Behind them, ended
 * and without serials, those of the parents of a process that was forked: libc keeps their stacks. */
struct graph_thread { uint32_t serial, tid; uint64_t pthread; bool ended; };
size_t graph_heap_threads(const struct graph *g, uint32_t process, struct graph_thread *threads, size_t max);
/* Its modules, as EVENT_MODULE told them. */
struct graph_module { uint64_t start, end, bias; uint32_t module; };
size_t graph_heap_modules(const struct graph *g, uint32_t process, struct graph_module *modules, size_t max);

/* ---- checkpoints: the whole state as bytes (event/archive.h) ---- */
struct archive;
/* Saves what the graph is now, between two events: parked ones and all. Nothing in it changes. */
void graph_save(struct graph *g, struct archive *a);
/* The graph that was saved, over a `code` with all that the state names: folding on gives what the
 * saved one would have given, fact by fact, and saving it again the same bytes. NULL: the archive
 * makes no sense (a->flaw). The observer is not part of the state. */
struct graph *graph_load(const struct code *code, struct archive *a);
/* About how many rows a checkpoint would have now: what it costs, for who decides when. Costs nothing. */
uint64_t graph_rows(const struct graph *g);

/* Threads whose end changes a block without naming it: its owner (a serial), who borrows it. `unsettled`: what comes next
 * to it may also hang on any other event: one of the process is parked, a realloc of it is half done, such a thread has gone
 * and is not known to have outlived it. */
enum { GRAPH_WATCH_MAX = 8 };
struct graph_watch { uint32_t threads[GRAPH_WATCH_MAX]; uint64_t pthreads[GRAPH_WATCH_MAX]; size_t n; bool unsettled; };
void graph_watch(const struct graph *g, uint64_t block, uint32_t process, uint32_t owner, struct graph_watch *w);
/* Something hangs on events that do not name it: one is parked, half of a realloc, a thread that has gone and is not known to have
 * outlived its blocks. Looks at all threads. */
bool graph_waiting(const struct graph *g);
/* The newest block alive that an address lies in, in any process; 0: none. Looks at all. */
uint64_t graph_block_at(const struct graph *g, uint64_t address);
/* What is recorded, as far as the stream has said: enum event_cover. */
uint32_t graph_cover_bits(const struct graph *g);
/* How many blocks live in processes that run, about; with `fn` the address of each, in no order, rather one too often. Some 20 ns each. */
uint64_t graph_live_addresses(const struct graph *g, void (*fn)(void *to, uint64_t address), void *to);
/* Of an archive that graph_load would read: the id that the next block gets. What else it holds is not looked at. */
uint64_t graph_peek_next_block(struct archive *a);

/* Rules (1 << enum finding_rule) of which something new was found since the call before with this *seen (0 at first): those that are
 * told as they happen, which RULE_LEAK and RULE_UNORDERED_BORROW are not. Cheap, to be asked every round. */
uint32_t graph_found(const struct graph *g, uint64_t *seen);
/* How a process ended, by serial. */
enum graph_end { GRAPH_END_NONE,     /* it runs, or nobody knows it */
                 GRAPH_END_SAID,     /* *wait_status: as waitpid says, or as it said itself */
                 GRAPH_END_UNSEEN }; /* it was there and was no more, and had not said that it ends */
enum graph_end graph_process_end(const struct graph *g, uint32_t process, int *wait_status);
/* Deadlocks found so far: cheap, to be asked every round. */
uint64_t graph_deadlocks(const struct graph *g);

uint64_t graph_events(const struct graph *g);       /* folded so far */
uint64_t graph_now_ns(const struct graph *g);       /* largest stamp folded */
uint64_t graph_peak_event(const struct graph *g);   /* view_totals.peak_event */

#endif
