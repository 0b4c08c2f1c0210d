/*
 * preload/hold.c - see hold.h. Runs in the traced thread.
 *
 * A process ends behind all its exit functions: those of a library's constructor
 * are entered before the loader's own (which runs the destructors) and before
 * whatever the program enters, and libc calls them in reverse. So what the shim's
 * constructor enters is called last, right before the streams are flushed, however
 * often handlers enter others or call exit again. It is entered twice: a second
 * thread that comes to exit meanwhile finds one to wait in.
 */
#include "preload/hold.h"

#include "preload/record.h"
#include "preload/system.h"
#include "preload/wait.h"

/* The collector's heart says how long: this is for one that beats and forgot. */
enum { HOLD_MOST_S = 60, HOLD_LOOK_NS = 5000000 };

typedef _Atomic(struct wire_slot *) atomic_slot;
static atomic_slot ending;      /* of the thread that holds, or held, at the process's end */
static atomic_u32 aborted;      /* abort has been held for */
static atomic_u32 shut;

void hold_shut(int by) { add_relaxed(&shut, (uint32_t)by); }

void hold_reborn(void)
{
    store_relaxed(&ending, NULL);
    store_relaxed(&aborted, 0);
}

/* Until the word of that slot is no more HOLDS. */
static void wait_answered(struct wire_slot *slot)
{
    const struct wire_plan *plan = wire_plan_of(&process.segment);
    uint64_t began = wire_clock_stamp(process.clock), most = HOLD_MOST_S * plan->clock_hz;
    while (load_acquire(&slot->holding) == WIRE_HOLDING_HOLDS && gate_open(WIRE_GATE_LIFE) && wait_collector_alive() &&
           wire_clock_stamp(process.clock) - began < most) {
        fence_full(); /* orders the record before sleeping: a collector that is not woken here looks again */
        wait_wake_collector();
        system_futex_wait(&slot->holding, WIRE_HOLDING_HOLDS, HOLD_LOOK_NS);
    }
}

static inline uint64_t stack_pointer(void)
{
    uint64_t sp;
#if defined(__x86_64__)
    __asm__ volatile("mov %%rsp, %0" : "=r"(sp));
#elif defined(__aarch64__)
    __asm__ volatile("mov %0, sp" : "=r"(sp));
#endif
    return sp;
}

/* Where this thread stands, for who unwinds it from outside. */
static inline __attribute__((always_inline)) void state_take(volatile struct wire_hold_state *s)
{
#if defined(__x86_64__)
    __asm__ volatile("movq %%rbx, 8(%0)\n\tmovq %%rbp, 16(%0)\n\tmovq %%r12, 24(%0)\n\tmovq %%r13, 32(%0)\n\t"
                     "movq %%r14, 40(%0)\n\tmovq %%r15, 48(%0)\n\tmovq %%rsp, 56(%0)\n\tleaq 1f(%%rip), %%rax\n\t"
                     "movq %%rax, 64(%0)\n1:" : : "r"(s) : "rax", "memory");
    s->magic = WIRE_HOLD_MAGIC;
#else
    s->magic = 0;
#endif
}

/* What callers keep in registers lies in this frame then, above the stack pointer
 * that is told. */
__attribute__((noinline)) uint32_t hold_here(struct context *c, enum wire_hold why, uintptr_t guard_meanwhile)
{
    struct wire_slot *slot = c->writer.slot;
    uint64_t tid = slot->tid;
    volatile struct wire_hold_state state;
    __builtin_unwind_init();
    state_take(&state);
    if (!wait_collector_alive()) {
        c->guard = guard_meanwhile;
        return WIRE_HOLDING_HOLDS;
    }
    store_relaxed(&slot->holding, WIRE_HOLDING_HOLDS); /* before the record: what it says is so when it is read */
    if (!record_life(c, NULL, WIRE_HOLD, stack_pointer(), why, &tid, 1))
        store_relaxed(&slot->holding, WIRE_HOLDING_NOT);
    fence_signal();
    c->guard = guard_meanwhile;
    wait_answered(slot);
    state.magic = 0;    /* it stands no more */
    return exchange_acq_rel(&slot->holding, (uint32_t)WIRE_HOLDING_NOT);
}

/* The context of a thread that ends its process: outside of hooks; in the real
 * function of one, where a handler or an allocator does; or, in a handler, amid a
 * record, which is given up (a handler that jumps out of abort does no less). */
static inline __attribute__((always_inline)) struct context *enter(const struct hook_frame *site, uintptr_t *guard)
{
    struct context *c = hook_enter((uintptr_t)site, site->pc, CONTEXT_RECORD, true), *inside = &context;
    unsigned state = inside->guard & CONTEXT_STATES;
    *guard = 0;
    if (c || inside->generation != load_relaxed(&process.page->generation))
        return c;
    if (state == CONTEXT_RECORD) {  /* counted as lost: it was no stale guard */
        context_abandon(inside);
        return hook_enter((uintptr_t)site, site->pc, CONTEXT_RECORD, true);
    }
    *guard = inside->guard;
    return (state == CONTEXT_REAL || state == CONTEXT_CXX) && *guard != state ? inside : NULL;
}

static bool wanted(enum wire_snapshots when)
{
    names_known();
    return load_relaxed(&process.state) == PROCESS_TRACED && gate_open(WIRE_GATE_LIFE) && wire_plan_of(&process.segment)->snapshots & when &&
           !load_relaxed(&shut) && !(load_relaxed(&process.page->generation) && process_is_borrowed());
}

/* The first one holds; who comes after it waits for its answer, unless he is a
 * handler in its midst. */
static void end_with(struct context *c, uintptr_t guard)
{
    struct wire_slot *first = NULL;
    if (atomic_compare_exchange_strong_explicit(&ending, &first, c->writer.slot, memory_order_acq_rel, memory_order_acquire)) {
        hold_here(c, WIRE_HOLD_EXIT, guard);
        return;
    }
    c->guard = guard;
    if (first != c->writer.slot)
        wait_answered(first);
}

void hold_before_end(const struct hook_frame *site)
{
    uintptr_t guard;
    struct context *c = wanted(WIRE_SNAPSHOT_AT_EXIT) ? enter(site, &guard) : NULL;
    if (c)
        end_with(c, guard);
}

void hold_before_abort(const struct hook_frame *site)
{
    uintptr_t guard;
    struct context *c = wanted(WIRE_SNAPSHOT_AT_EXIT) ? enter(site, &guard) : NULL;
    if (!c)
        return;
    if (exchange_acq_rel(&aborted, 1))
        c->guard = guard;
    else
        hold_here(c, WIRE_HOLD_ABORT, guard);
}

void hold_after_mark(const struct hook_frame *site)
{
    struct context *c = wanted(WIRE_SNAPSHOT_AT_MARK) ? hook_enter((uintptr_t)site, site->pc, CONTEXT_RECORD, true) : NULL;
    if (c)
        hold_here(c, WIRE_HOLD_MARK, 0);
}

/* ---- the last exit functions ---- */

int __cxa_atexit(void (*f)(void *), void *argument, void *library);
int __cxa_at_quick_exit(void (*f)(void *), void *library);

static void last(void *unused)
{
    hold_before_end(HOOK_SITE);
}

void hold_start(void)
{
    int saved = errno;
    if (load_relaxed(&process.state) == PROCESS_TRACED && wire_plan_of(&process.segment)->snapshots & WIRE_SNAPSHOT_AT_EXIT) {
        __cxa_atexit(last, NULL, NULL); /* no library's: dlclose and destructors do not call them early */
        __cxa_atexit(last, NULL, NULL);
        __cxa_at_quick_exit(last, NULL);
    }
    errno = saved;
}
