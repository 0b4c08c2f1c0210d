/*
 * preload/context.c - threads of the traced process come, get a slot, and go.
 *
 * Runs in the traced process, in the first hook of each thread and of each
 * forked child. No lock: a slot is claimed by one CAS. A thread's end is not
 * watched here: the collector sees that the thread is gone and takes the slot
 * back.
 */
#include "preload/context.h"

#include <pthread.h>
#include <signal.h>

#include "preload/hook.h"
#include "preload/record.h"
#include "preload/system.h"
#include "preload/unwind_reach.h"
#include "preload/wait.h"
#include "wire/policy.h"

__thread struct context context = {.generation = (uint32_t)CONTEXT_NONE};

static const struct process_page process_page_none = {.generation = (uint32_t)PROCESS_NOBODYS};
/* Hooks of locks begin with what the real names are looked up for: they start the process themselves. */
static const atomic_u32 gate_before = WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_COPIES, gate_shut = 0;
struct process process = {.page = (struct process_page *)&process_page_none, .gate = &gate_before};

enum { PATIENCE = 1000 };

void process_gate(const atomic_u32 *gate)
{
    __atomic_store_n(&process.gate, gate ? gate : &gate_shut, __ATOMIC_RELEASE); /* publishes real */
}

void process_retire(void)
{
    store_relaxed(&process.state, PROCESS_INERT);
    process_gate(NULL);
    store_relaxed(&process.copies_min, UINT64_MAX);
    __atomic_store_n(&process.page, (struct process_page *)&process_page_none, __ATOMIC_RELAXED);
}

/* Claims a READY slot; NULL when there is none. */
static struct wire_slot *slot_claim(const struct wire_segment *s)
{
    struct wire_claims *claims = wire_claims_of(s);
    uint32_t n = load_acquire(&wire_pulse_of(s)->slots_ready);
    uint32_t from, i;
    if (n > WIRE_SLOTS_MAX)
        n = WIRE_SLOTS_MAX;
    from = load_relaxed(&claims->slot_hint);
    for (i = 0; i < n; i++) {
        uint32_t at = (from + i) % n;
        struct wire_slot *slot = wire_slot_of(s, at);
        if (load_relaxed(&slot->state) == WIRE_SLOT_READY &&
            cas_acq_rel(&slot->state, (uint32_t)WIRE_SLOT_READY, (uint32_t)WIRE_SLOT_LIVE)) {
            store_relaxed(&claims->slot_hint, at + 1);
            return slot;
        }
    }
    return NULL;
}

/* A slot, waiting for the collector to add some where the plan allows it. */
static struct wire_slot *slot_wait(const struct wire_segment *s)
{
    struct wire_pulse *pulse = wire_pulse_of(s);
    struct wire_claims *claims = wire_claims_of(s);
    struct wire_slot *slot = slot_claim(s);
    uint64_t began;
    if (slot || wire_plan_of(s)->on_full != WIRE_ON_FULL_WAIT)
        return slot;
    began = wire_clock_stamp(process.clock);
    add_relaxed(&claims->wanting, 1);
    while (!(slot = slot_claim(s)) && wait_allowed(began) && gate_open(WIRE_GATE_LIFE)) {
        wait_wake_collector();
        system_futex_wait(&pulse->slots_ready, load_relaxed(&pulse->slots_ready), 2000000);
    }
    add_relaxed(&claims->wanting, (uint32_t)-1);
    return slot;
}

/* Gives the thread a ring. False: none to be had now; counted by the caller. */
static bool context_open(struct context *c, uint32_t serial)
{
    const struct wire_segment *s = &process.segment;
    struct wire_claims *claims = wire_claims_of(s);
    struct wire_slot *slot;
    void *scratch;

    if (load_relaxed(&wire_pulse_of(s)->closed)) {
        process_retire();
        return false;
    }
    if (c->patience) {
        c->patience--;
        return false;
    }
    slot = slot_wait(s);
    if (!slot) {
        c->patience = PATIENCE;
        return false;
    }
    scratch = wire_at(s, slot->scratch, WIRE_SCRATCH_BYTES);
    if (!scratch || ring_writer_open(&c->writer, s, slot)) { /* lies beyond what a limited address space let us map */
        store_release(&slot->state, WIRE_SLOT_READY);
        c->patience = PATIENCE;
        return false;
    }
    __builtin_memset(scratch, 0, 64); /* unwind_memory's head: the rest is behind its counts */
    __builtin_memset(wire_home_of(s, slot)->own, 0, sizeof ((struct wire_home *)0)->own);
    c->stack = scratch;
    slot->pid = (uint32_t)process.pid;
    slot->tid = (uint32_t)system_gettid();
    slot->thread_serial = serial ? serial : add_relaxed(&claims->thread_serial, 1) + 1;
    slot->process_serial = process.serial;
    slot->claim_stamp = wire_clock_stamp(process.clock);
    store_release(&slot->claim, load_relaxed(&slot->claim) + 1); /* publishes the fields above */
    store_relaxed(&slot->holding, WIRE_HOLDING_NOT);
    store_relaxed(&slot->acting, WIRE_ACTING_NOT);
    c->gate = GATE_NONE;
    c->new_gate = c->free_gate = 0;
    c->memory_left = 0;
    c->ended = false;
    c->starved = false;
    c->holding = false;
    c->futex_told = false;
    c->generation = load_relaxed(&process.page->generation);
    return true;
}

static __attribute__((noinline)) void context_begin(struct context *c, uint32_t serial, void *start)
{
    if (!gate_open(WIRE_GATE_LIFE)) /* threads are told when somebody listens */
        return;
    c->guard = CONTEXT_BOOT;
    if (context_open(c, serial)) {
        c->guard_pc = (uintptr_t)__builtin_return_address(0);
        c->guard = HOOK_FRAME | CONTEXT_RECORD;
        if (__atomic_exchange_n(&process.told, process.serial, __ATOMIC_RELAXED) != process.serial)
            record_process_start(c);
        record_thread_start(c, start);
    }
    c->guard = 0;
}

void context_attach(uint32_t serial, void *start)
{
    struct context *c = &context;
    if (c->guard || load_relaxed(&process.state) != PROCESS_TRACED)
        return;
    if (load_relaxed(&process.page->generation) == 0)
        process_reborn();
    else if (c->generation != load_relaxed(&process.page->generation))
        context_begin(c, serial, start);
}

/* The thread is in a signal handler on a stack of its own. */
static bool on_signal_stack(uintptr_t frame)
{
    stack_t s;
    return !system_call(SYS_sigaltstack, 0, (long)&s, 0, 0, 0, 0) && s.ss_flags & SS_ONSTACK &&
           frame - (uintptr_t)s.ss_sp < s.ss_size;
}

/* The frame that set the guard still holds its return address, as far as can be
 * known. */
static bool guard_stands(const struct context *c, uintptr_t set_by, uintptr_t frame)
{
    uintptr_t at = set_by + sizeof(uintptr_t);
    if (set_by - frame >= WIRE_PAGE) { /* nearer it is the same stack */
        if (unlikely(reach_is_shut()) && !reach_known(c->stack, at))
            return true;
        if (!reach_is_shut() && !reach_probe(at))
            return false;
    }
    return ((const uintptr_t *)set_by)[1] == c->guard_pc;
}

/* A guard is stale when the frame that set it is gone: an exception left
 * operator new, or a handler jumped out of a hook. Where it was set further in
 * than `frame` it is gone too, unless this is a handler on another stack; amid
 * a record, which must not be begun twice, only what was overwritten counts as
 * gone. */
static bool guard_is_stale(const struct context *c, uintptr_t frame)
{
    uintptr_t set_by = c->guard & ~(uintptr_t)CONTEXT_STATES;
    unsigned state = c->guard & CONTEXT_STATES;
    if (!set_by || (state != CONTEXT_REAL && state != CONTEXT_CXX && state != CONTEXT_RECORD))
        return false;
    if (frame == set_by)
        return true;
    if (frame > set_by && state != CONTEXT_RECORD)
        return !on_signal_stack(frame) || !guard_stands(c, set_by, frame);
    return !guard_stands(c, set_by, frame);
}

void context_abandon(struct context *c)
{
    if ((c->guard & CONTEXT_STATES) == CONTEXT_RECORD && c->generation == load_relaxed(&process.page->generation)) {
        unwind_forget(c->stack);
        ring_writer_resume(&c->writer, &process.segment);
        store_release(&c->writer.slot->acting, WIRE_ACTING_NOT);
    }
    c->holding = false;
    c->guard = 0;
}

static void lost_count(struct context *c, unsigned reason, bool drop)
{
    struct wire_slot *slot = c->writer.slot;
    if (!slot || c->generation != load_relaxed(&process.page->generation))
        return;
    count_up(&slot->lost[reason], 1);
    if (drop)
        count_up(&slot->lost_drops, 1);
}

static void lost_slotless(void)
{
    add_relaxed(&wire_claims_of(&process.segment)->lost[WIRE_LOST_NO_SLOT], 1);
}

struct context *context_enter_slow(struct context *c, uintptr_t frame, bool drop)
{
    uint32_t generation;
    if (c->guard) {
        if (!guard_is_stale(c, frame)) {
            if ((c->guard & CONTEXT_STATES) == CONTEXT_RECORD)
                lost_count(c, WIRE_LOST_NESTED, drop);
            else if (c->guard == CONTEXT_SANDBOXED)
                lost_count(c, WIRE_LOST_SANDBOXED, drop);
            return NULL;
        }
        context_abandon(c);
    }
    for (;;) {
        uint32_t state = load_acquire(&process.state);
        if (state == PROCESS_TRACED)
            break;
        if (state == PROCESS_INERT)
            return NULL;
        process_start();
    }
    generation = load_relaxed(&process.page->generation);
    if (generation == 0) {
        process_reborn();
        generation = load_relaxed(&process.page->generation);
    }
    if (c->generation != generation)
        context_begin(c, 0, NULL);
    if (c->generation != generation) {
        if (!load_relaxed(&wire_pulse_of(&process.segment)->closed) && gate_open(WIRE_GATE_LIFE))
            lost_slotless();
        return NULL;
    }
    return c;
}

/* The first thread of a process, at its start and in a forked child. */
void context_begin_process(void)
{
    context_begin(&context, 0, NULL);
}
