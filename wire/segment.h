/*
 * wire/segment.h - the shared-memory file of one session.
 *
 * Created and sized by the collector, mapped by every traced process. Offsets
 * only: each side maps it where it likes. Pages are split by who writes them,
 * so that what one side polls the other does not dirty.
 *
 *   0x0000  struct wire_plan     written by the collector before anybody maps
 *   0x1000  struct wire_pulse    written by the collector while it runs
 *   0x1400  struct wire_tokens   of rules with a limit: taken by threads, given by the collector
 *   0x2000  struct wire_claims   written by all traced threads, atomically
 *   0x3000  slots[slots_max]     one traced thread each (struct wire_slot)
 *   ....    pool                 rings, placed and reserved by the collector
 *
 * Reservation. The file is `segment_bytes` long and sparse. Only what the
 * collector reserved (posix_fallocate) is ever named by a slot, so a full
 * /dev/shm is a refusal in the collector and never a SIGBUS in the program.
 *
 * A slot's life (state, by CAS):
 *   EMPTY   -> READY    collector, once its first ring is reserved
 *   READY   -> LIVE     traced thread, at its first event
 *   LIVE    -> READY    collector, once the thread is gone and its ring empty
 *
 * A ring's growth is the read-copy-update scheme across the border: the
 * collector publishes a larger ring in `next_ring`; the writer, when it next
 * refreshes its limit, seals the old ring (ring->next) and goes on in the new
 * one; the collector reads the old one to its seal and only then, its grace
 * period over, takes the memory back. Neither ever waits for the other.
 */
#ifndef WIRE_SEGMENT_H
#define WIRE_SEGMENT_H

#include <stddef.h>

#include "wire/atomic.h"
#include "wire/clock.h"
#include "wire/record.h"

#define WIRE_MAGIC 0x45504f43534e574full /* "OWNSCOPE" */
enum { WIRE_VERSION = 6 };

enum { WIRE_PAGE = 4096, WIRE_LINE = 64, WIRE_SLOTS_MAX = 4096 };
/* A slot's scratch: the unwinder's memory, then the thread's struct wire_home (wire/policy.h). */
enum { WIRE_SCRATCH_UNWIND_BYTES = 48 * 1024, WIRE_SCRATCH_BYTES = WIRE_SCRATCH_UNWIND_BYTES + WIRE_PAGE };

enum wire_stacks { WIRE_STACKS_NONE = 0, WIRE_STACKS_CALLER = 1, WIRE_STACKS_FULL = 2 };
enum wire_on_full { WIRE_ON_FULL_WAIT = 0, WIRE_ON_FULL_DROP = 1 };
enum wire_follow { WIRE_FOLLOW_NONE = 0, WIRE_FOLLOW_TREE = 1, WIRE_FOLLOW_NAMES = 2 };
/* When threads hold for a snapshot of their process. */
enum wire_snapshots { WIRE_SNAPSHOT_AT_EXIT = 1, WIRE_SNAPSHOT_AT_MARK = 2 };
/* slot->holding, a futex word. The thread sets HOLDS and waits as long as the heartbeat
 * is young; the collector says GO or, to who was asked for an image, FORK, and wakes. */
enum wire_holding { WIRE_HOLDING_NOT = 0, WIRE_HOLDING_HOLDS, WIRE_HOLDING_GO, WIRE_HOLDING_FORK };

/* Stands on the stack of a thread that holds, at the stack pointer it tells or above:
 * where it stands, and what its callers keep in registers. */
#define WIRE_HOLD_MAGIC 0x2e646c6f48776f8dull
struct wire_hold_state { uint64_t magic, rbx, rbp, r12_15[4], sp, pc; };

enum wire_slot_state { WIRE_SLOT_EMPTY = 0, WIRE_SLOT_READY = 1, WIRE_SLOT_LIVE = 2 };

/* Page 0. Constant for readers. */
struct wire_plan {
    uint64_t magic;
    uint32_t version;
    uint32_t plan_bytes;      /* sizeof(struct wire_plan) of the writer */
    uint64_t segment_bytes;
    uint32_t slots_max;
    uint32_t slot_bytes;      /* sizeof(struct wire_slot) of the writer */
    uint64_t slots_offset;
    uint64_t pool_offset;
    uint32_t clock;           /* enum wire_clock */
    uint32_t stacks;          /* enum wire_stacks */
    uint32_t on_full;         /* enum wire_on_full */
    uint32_t follow;          /* enum wire_follow */
    uint64_t wait_stamps;     /* --wait-ms in units of the clock */
    uint64_t wait_ns;         /* --wait-ms */
    uint64_t clock_hz;        /* stamps a second */
    uint64_t start_stamp;     /* stamp at the session's start */
    uint64_t start_mono_ns;   /* CLOCK_MONOTONIC then */
    uint64_t start_real_ns;   /* CLOCK_REALTIME then */
    uint32_t verify_unwind;   /* every Nth stack is compared with libunwind's; 0: none */
    uint32_t owner_uid;
    uint64_t copies_min_bytes; /* copies of fewer are not recorded; UINT64_MAX: none is */
    uint32_t locks;           /* 1: locks are recorded */
    uint32_t snapshots;       /* bits: enum wire_snapshots */
    uint8_t session[32];      /* name, zero-padded */
    uint8_t follow_names[1024]; /* program names, each with \0, ended by \0 */
    uint8_t preload_path[1024]; /* absolute path of libownscope.so */
};

/* pulse->gate: what hooks record, and a serial that each change raises. A hook whose bit is not
 * set only forwards: 0 is the emergency stop. LIFE alone is a pause. Where hooks decide more than by
 * these bits, FILTERED is set and wire/policy.h says how. */
enum wire_gate {
    WIRE_GATE_LIFE = 1,       /* processes, threads, modules, marks, holds */
    WIRE_GATE_MEMORY = 2,
    WIRE_GATE_FILTERED = 4,   /* beside MEMORY: the two as a number say where the doors of malloc lead (preload/hooks_heap.c) */
    WIRE_GATE_LOCKS = 8, WIRE_GATE_COPIES = 16,
    WIRE_GATE_SERIAL = 32     /* one step of the serial */
};
#define WIRE_GATE_ALL (WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_LOCKS | WIRE_GATE_COPIES)
/* A gate that no thread acts on: slot->acting of one that is in no record. */
enum { WIRE_ACTING_NOT = 0 };

/* Page 1. Threads look here once a quarter ring, and write one word, which has
 * a line of its own; every hook reads the gate, which is written when somebody gives an order. */
struct wire_pulse {
    atomic_u64 heartbeat_stamp; /* now, at every poll of a collector that makes progress */
    atomic_u32 closed;          /* 1: the session is over; hooks only forward */
    atomic_u32 collector_pid;
    atomic_u32 slots_ready;     /* slots [0, n) have been made READY at least once */
    atomic_u32 image_wanted;    /* serial of a process that is asked for an image of itself (slot->resync of its
                                 * threads is set with it); the thread that takes it sets 0; 0: none */
    atomic_u64 drained_events;  /* events of records (losses aside) whose space was given back, by all collectors together */
    uint8_t pad1[WIRE_LINE - 32];
    atomic_u32 sleeping;        /* futex word: 1 while the collector sleeps; taken back by who wakes it */
    uint8_t pad2[WIRE_LINE - 4];
    atomic_u32 gate;            /* enum wire_gate; P: a release publishes `policy`, pairs with Q (load_acquire) in preload/policy.c */
    atomic_u32 emergency;       /* 1: the gate stays 0 until somebody takes this back. Set by any of the owner's processes, before
                                 * the gate; who opens the gate looks again afterwards, with a fence between */
    atomic_u64 policy[2];       /* offset of the struct wire_policy of a gate, 0: none: at wire_policy_word. The one that is replaced
                                 * stays where it was until the next but one, so that a collector may die anywhere */
    atomic_u32 gate_serial;     /* of the gate that was published last: no two are equal, whatever came between */
    uint32_t pad3;
    atomic_u64 policy_retired;  /* offset of the policy that was replaced last and that hooks may still read, 0: none; from there on by
                                 * `retired_before`. For the next collector: hooks do not look at it */
    uint8_t pad4[WIRE_LINE - 40];
};

/* What a rule may still record: threads take one an event, the collector gives. Below 1: nothing (signed). */
enum { WIRE_RULES_MAX = 32 };
struct wire_tokens { struct { atomic_u64 left; uint8_t pad[WIRE_LINE - 8]; } rule[WIRE_RULES_MAX]; };

/* Page 2. */
struct wire_claims {
    atomic_u32 thread_serial;   /* last one given out; serials start at 1 */
    atomic_u32 process_serial;
    atomic_u32 slot_hint;       /* where the next search for a READY slot starts */
    atomic_u32 wanting;         /* threads that wait for a slot: the collector adds some */
    atomic_u64 lost[WIRE_LOST_REASONS];  /* events lost by threads without a slot */
    atomic_u64 verify[WIRE_VERIFY_COUNTS]; /* stacks held against libunwind's; the collector takes them back to 0 */
    atomic_u32 verify_shown;    /* differences told as marks */
};

/* One traced thread. Four lines: claim, writer, reader, losses. */
struct wire_slot {
    /* line 0: written at the claim by the thread, at recycling by the collector */
    atomic_u32 state;           /* enum wire_slot_state */
    uint32_t pid;
    uint32_t tid;
    uint32_t thread_serial;
    uint32_t process_serial;
    atomic_u32 claim;           /* counts claims: store_release publishes the fields above */
    uint64_t claim_stamp;
    uint64_t scratch;           /* offset of WIRE_SCRATCH_BYTES for the thread's own use */
    uint8_t pad0[64 - 40];
    /* line 1: written by the thread */
    atomic_u64 head;            /* bytes ever committed; W: pairs with R in ring_reader */
    atomic_u32 waiting;         /* 1 while it sleeps on drain_seq */
    atomic_u32 holding;         /* enum wire_holding; the collector answers in it */
    atomic_u32 acting;          /* read side of the policy: the gate that the record being made was begun under, else
                                 * WIRE_ACTING_NOT. Set before the gate is looked at, taken back after the commit. The collector
                                 * changes the gate, has every processor pass a barrier (membarrier), and waits until
                                 * no slot acts on an older one: then nobody does */
    uint8_t pad2[64 - 20];
    /* line 2: written by the collector */
    atomic_u64 tail;            /* bytes ever read; F: pairs with L in ring_writer */
    atomic_u64 ring;            /* offset of the ring a claimer starts in */
    atomic_u64 next_ring;       /* offset of a larger ring to move to, 0: none; G pairs with H */
    atomic_u32 drain_seq;       /* futex word: counts wakes */
    atomic_u32 resync;          /* 1: the next stack is to be sent whole; taken back by the thread */
    atomic_u64 taken;           /* events that came of the records up to taken_tail, for the next collector */
    atomic_u64 taken_tail;      /* UINT64_MAX: being changed */
    atomic_u64 rules;           /* gate << 32 | the rules whose thread and process are this one's; of an older gate: not known yet */
    uint8_t pad3[64 - 56];
    /* line 3: written by the thread, counts since its claim */
    atomic_u64 lost[WIRE_LOST_REASONS];
    atomic_u64 lost_drops;      /* of them releases */
    uint8_t pad4[64 - 8 * (WIRE_LOST_REASONS + 1)];
};

/* The head of a ring in the pool; `size_bytes` of records follow it.
 * Position p of a slot lies at data[(p - start) & (size_bytes - 1)]. */
struct wire_ring {
    uint64_t size_bytes;        /* power of two; written by the collector */
    atomic_u64 start;           /* position of its first byte; written by the writer at the move (collector at recycling) */
    atomic_u64 next;            /* offset of its successor, 0: none; S: seals the ring, pairs with T in ring_reader */
    uint8_t pad[64 - 24];
};

enum {
    WIRE_PULSE_OFFSET = 0x1000,
    WIRE_TOKENS_OFFSET = 0x1400,
    WIRE_CLAIMS_OFFSET = 0x2000,
    WIRE_SLOTS_OFFSET = 0x3000,
    WIRE_RING_FIRST_BYTES = 64 * 1024,
    WIRE_RING_LAST_BYTES = 4 * 1024 * 1024
};

_Static_assert(sizeof(struct wire_plan) <= WIRE_PAGE, "plan fits its page");
_Static_assert(offsetof(struct wire_plan, segment_bytes) == 16, "plan");
_Static_assert(offsetof(struct wire_plan, slots_offset) == 32, "plan");
_Static_assert(offsetof(struct wire_plan, clock) == 48, "plan");
_Static_assert(offsetof(struct wire_plan, wait_stamps) == 64, "plan");
_Static_assert(offsetof(struct wire_plan, start_stamp) == 88, "plan");
_Static_assert(offsetof(struct wire_plan, verify_unwind) == 112, "plan");
_Static_assert(offsetof(struct wire_plan, session) == 136, "plan");
_Static_assert(offsetof(struct wire_plan, follow_names) == 168, "plan");
_Static_assert(offsetof(struct wire_plan, preload_path) == 1192, "plan");
_Static_assert(sizeof(struct wire_plan) == 2216, "plan");
_Static_assert(offsetof(struct wire_pulse, slots_ready) == 16, "pulse");
_Static_assert(offsetof(struct wire_pulse, drained_events) == 24, "pulse");
_Static_assert(offsetof(struct wire_pulse, sleeping) == WIRE_LINE, "pulse, the line of both");
_Static_assert(offsetof(struct wire_pulse, gate) == 2 * WIRE_LINE, "pulse, the line of all hooks");
_Static_assert(offsetof(struct wire_pulse, policy_retired) == 2 * WIRE_LINE + 32, "pulse");
_Static_assert(sizeof(struct wire_pulse) == 3 * WIRE_LINE, "pulse");
_Static_assert(WIRE_TOKENS_OFFSET + sizeof(struct wire_tokens) <= WIRE_CLAIMS_OFFSET && WIRE_TOKENS_OFFSET % WIRE_LINE == 0 &&
               WIRE_PULSE_OFFSET + sizeof(struct wire_pulse) <= WIRE_TOKENS_OFFSET, "tokens share the pulse's page, no line of it");
_Static_assert(offsetof(struct wire_claims, lost) == 16, "claims");
_Static_assert(offsetof(struct wire_claims, verify) == 16 + 8 * WIRE_LOST_REASONS, "claims");
_Static_assert(sizeof(struct wire_claims) <= WIRE_PAGE, "claims fit their page");
_Static_assert(sizeof(struct wire_slot) == 256, "a slot is four lines");
/* No two sides write one line: a slot starts a line, and so does each writer's part. */
#define WIRE_SLOT_LINE(field, n) \
    _Static_assert(offsetof(struct wire_slot, field) / WIRE_LINE == (n), "slot line " #n)
WIRE_SLOT_LINE(state, 0);
WIRE_SLOT_LINE(pad0, 0);
WIRE_SLOT_LINE(head, 1);
WIRE_SLOT_LINE(waiting, 1);
WIRE_SLOT_LINE(pad2, 1);
WIRE_SLOT_LINE(tail, 2);
WIRE_SLOT_LINE(resync, 2);
WIRE_SLOT_LINE(pad3, 2);
WIRE_SLOT_LINE(lost, 3);
WIRE_SLOT_LINE(lost_drops, 3);
_Static_assert(WIRE_SLOTS_OFFSET % WIRE_LINE == 0 && sizeof(struct wire_slot) % WIRE_LINE == 0, "slots share no line");
_Static_assert(WIRE_SCRATCH_BYTES % WIRE_PAGE == 0, "a home's ring starts a page");
_Static_assert(offsetof(struct wire_slot, scratch) == 32, "slot line 0");
_Static_assert(offsetof(struct wire_slot, head) == 64, "slot line 1");
_Static_assert(offsetof(struct wire_slot, tail) == 128, "slot line 2");
_Static_assert(offsetof(struct wire_slot, drain_seq) == 152, "slot line 2");
_Static_assert(offsetof(struct wire_slot, lost) == 192, "slot line 3");
_Static_assert(sizeof(struct wire_ring) == 64, "ring head is a line, apart from the records");
_Static_assert(WIRE_SLOTS_OFFSET % WIRE_PAGE == 0, "slots start a page");

/* A mapped segment. `base` is where this process mapped it. */
struct wire_segment {
    uint8_t *base;
    uint64_t bytes;
};

static inline struct wire_plan *wire_plan_of(const struct wire_segment *s) { return (struct wire_plan *)s->base; }
static inline struct wire_pulse *wire_pulse_of(const struct wire_segment *s) { return (struct wire_pulse *)(s->base + WIRE_PULSE_OFFSET); }
static inline struct wire_tokens *wire_tokens_of(const struct wire_segment *s) { return (struct wire_tokens *)(s->base + WIRE_TOKENS_OFFSET); }
static inline struct wire_claims *wire_claims_of(const struct wire_segment *s) { return (struct wire_claims *)(s->base + WIRE_CLAIMS_OFFSET); }
static inline struct wire_slot *wire_slot_of(const struct wire_segment *s, uint32_t i) { return (struct wire_slot *)(s->base + WIRE_SLOTS_OFFSET) + i; }

/* Where the policy of a gate is named. Who acts on that gate (slot->acting) finds either it there or one of another
 * gate, and then his own is no longer the session's. */
static inline atomic_u64 *wire_policy_word(const struct wire_segment *s, uint32_t gate)
{
    return &wire_pulse_of(s)->policy[gate / WIRE_GATE_SERIAL & 1];
}

/* The one way from an offset that the other side wrote to a pointer.
 * NULL when [offset, offset+len) is not inside the segment or not 8-aligned. */
static inline void *wire_at(const struct wire_segment *s, uint64_t offset, uint64_t len)
{
    if (len > s->bytes || offset > s->bytes - len || offset % 8)
        return NULL;
    return s->base + offset;
}

/* The ring at an offset, NULL unless it and its data lie inside. */
static inline struct wire_ring *wire_ring_at(const struct wire_segment *s, uint64_t offset)
{
    struct wire_ring *r = wire_at(s, offset, sizeof *r);
    if (!r || !r->size_bytes || (r->size_bytes & (r->size_bytes - 1)) ||
        r->size_bytes > WIRE_RING_LAST_BYTES || !wire_at(s, offset, sizeof *r + r->size_bytes))
        return NULL;
    return r;
}

#endif
