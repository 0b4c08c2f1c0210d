/*
 * preload/context.h - what the shim knows of one thread and of its process.
 *
 * The context is initial-exec TLS, plain data without destructor: valid from
 * a thread's first instruction to its last. A context is usable when its
 * generation equals the process's, which stands in a page that the kernel
 * wipes on fork: one comparison finds both a thread that has no ring yet and
 * a forked child that still has its parent's.
 *
 * The guard says what the thread is doing in the shim:
 *   0               nothing: a hook may record
 *   frame | REAL    in the real function of the hook with that frame: what
 *                   that calls of ours is part of it and only forwards;
 *                   a sem_post alone, which may be a handler's, is recorded
 *   frame | CXX     the same in operator new, which may leave by an exception
 *   frame | RECORD  between two instructions of ours: only a signal handler
 *                   can come here; its events are counted, not recorded
 *                   A guard whose frame is gone is stale: see guard_is_stale.
 *   BOOT            resolving names or joining: allocations go to the arena
 *                   or straight through
 *   SANDBOXED       the thread may not even read the clock any more: its
 *                   events are counted for ever
 */
#ifndef PRELOAD_CONTEXT_H
#define PRELOAD_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/unwind.h"
#include "wire/ring_writer.h"

enum { CONTEXT_REAL = 1, CONTEXT_CXX = 2, CONTEXT_RECORD = 3, CONTEXT_BOOT = 4, CONTEXT_SANDBOXED = 5, CONTEXT_STATES = 7 };

/* A gate that the process's never is: serials begin at 1. */
enum { GATE_NONE = WIRE_GATE_ALL };

/* Generations that no page has. A wiped page has 0, which no context has. */
enum { CONTEXT_NONE = -1, PROCESS_NOBODYS = -2 };

struct context {
    uintptr_t guard;            /* see above */
    uintptr_t guard_pc;         /* return address of the hook that set it */
    uint32_t generation;        /* of the process that it belongs to; CONTEXT_NONE: of none */
    bool ended;                 /* WIRE_THREAD_EXIT has been recorded */
    bool starved;               /* the last event found no room */
    uint16_t patience;          /* events to pass over before a slot is looked for again */
    struct ring_writer writer;
    struct unwind_memory *stack;
    const void *local;          /* the operator of a locally opened C++ library called last (real.c) */
    struct lock_within *within; /* the wait or once that the thread is in, innermost (lock.h) */
    bool holding;               /* the record is of a lock just got: it waits for nobody */
    bool futex_told;            /* WIRE_FUTEX has been recorded */
    uint32_t gate;              /* that it has adopted: its records are made under it without asking; GATE_NONE: ask (policy.h) */
    /* What the doors of malloc and free ask under a filtered gate (rules.h); of private memory, so that a forked child goes on
     * with it until it is a process of its own. The gate that was adopted, or 0: where */
    uint32_t new_gate;          /* memory_left says which blocks are passed over, and an allocation calls nothing of ours; */
    uint32_t free_gate;         /* a release is recorded only of what is followed */
    uint64_t memory_left;       /* bytes to the next sample; 0: not drawn yet */
};
_Static_assert(sizeof(struct context) <= 128, "static TLS is scarce: keep the context small");

extern __thread struct context context __attribute__((tls_model("initial-exec"), visibility("hidden")));

enum process_state { PROCESS_NEW = 0, PROCESS_STARTING, PROCESS_INERT, PROCESS_TRACED };

/* One page, wiped on fork. */
struct process_page { atomic_u32 generation; };

struct process {
    struct process_page *page;  /* a constant that no context equals, until traced */
    atomic_u32 state;           /* enum process_state */
    uint32_t stacks;            /* enum wire_stacks, from the plan */
    uint32_t slow;              /* no record goes the fast path */
    bool plain_malloc;          /* it is libc's own: what it calls is none of ours */
    uint32_t clock;             /* enum wire_clock */
    const atomic_u32 *gate;     /* enum wire_gate: the session's; a constant before the start, and 0 where nothing is traced */
    uint32_t told;              /* serial of the process whose start has been recorded */
    atomic_u64 copies_min;      /* copies of so many bytes are recorded; 0: before the start; UINT64_MAX: none is */
    uint32_t verify_unwind;     /* every Nth full stack is held against libunwind's (verify.h); 0: none */
    uint32_t serial;            /* of this process */
    uint32_t parent_serial;     /* of the traced parent it was forked from, 0 none */
    int pid;
    struct wire_segment segment;
    const char *why_inert;      /* for OWNSCOPE_DEBUG */
    char segment_path[512];
    char exe[1024];
    uint32_t exe_bytes;
};
extern __attribute__((visibility("hidden"))) struct process process;

/* Is any of these bits set (enum wire_gate)? The first thing that a hook asks: if not, it only forwards, and the
 * real names are known. */
static inline __attribute__((always_inline)) uint32_t gate_now(void)
{
    return load_relaxed(__atomic_load_n(&process.gate, __ATOMIC_ACQUIRE));
}
static inline __attribute__((always_inline)) bool gate_open(uint32_t bits) { return (gate_now() & bits) != 0; }
/* The same for hooks that are called before the shim is relocated: closed then. */
static inline __attribute__((always_inline)) bool gate_open_early(uint32_t bits)
{
    const atomic_u32 *gate = __atomic_load_n(&process.gate, __ATOMIC_ACQUIRE);
    return gate && (load_relaxed(gate) & bits);
}

/* From now on the session's gate; NULL: nothing is recorded any more. */
void process_gate(const atomic_u32 *gate);

/* A usable context for a hook whose own guard is not set, or NULL: forward
 * only. Sets no guard. `frame` is the hook's frame address, `drop`: the event
 * is a release (for the count of what is lost). Slow path of hook_enter. */
struct context *context_enter_slow(struct context *c, uintptr_t frame, bool drop);

/* Gives the calling thread a slot under a serial that its creator took, or 0. */
void context_attach(uint32_t serial, void *start);

/* In a forked child: becomes a process of its own. */
void process_reborn(void);
/* getpid() differs: this is a vfork child running on its parent's memory. Where a
 * sandbox forbids to ask (process_pid_shut) it never does. */
bool process_is_borrowed(void);
void process_pid_shut(int by);

/* The thread's frames from here inwards are gone, and what they did with them. */
void context_abandon(struct context *c);

/* The session is over: from now on all hooks of the process only forward. */
void process_retire(void);

/* First hook of the process: names, session, page. */
void process_start(void);
/* The same for hooks that begin with the real function: its name is known
 * afterwards, but in the midst of process_start itself. */
void process_begin(void);

#endif
