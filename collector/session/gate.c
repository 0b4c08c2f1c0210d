/*
 * collector/session/gate.c - see policy.h: the gate, emergency stops, and when it
 * is quiet behind a gate.
 *
 * The gate is opened by compare-and-swap from a value that is not 0, behind a look
 * at `emergency`. Whoever stops sets that first, then the gate to 0, with a fence
 * between: so either the look sees it or the swap fails, and an open gate never
 * follows a stop. Ingest thread, but for what policy.h says.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "session/policy.h"
#include "session/proc.h"
#include "session/proc_thread.h"
#include "session/state.h"

enum {
    LOOK_NS = 100000,           /* between two looks of who waits for quiet */
    JUMP_NS = 500000000, JUMP_CPU_NS = 30000000, JUMP_LOOK_NS = 50000000, /* see jumped */
    DEATH_NS = 5000000,         /* a thread that acts so long is looked for: it may have died there */
    SETTLE_NS = 200000000,
    BUFFER_NS = 20000000        /* no store stays so long in its processor; for kernels without membarrier */
};

static struct wire_pulse *pulse_of(const struct session *s) { return wire_pulse_of(&s->segment.wire); }

static uint32_t serial_of(uint32_t gate) { return gate & ~(uint32_t)(WIRE_GATE_SERIAL - 1); }

/* Serials wrap. */
static bool is_older(uint32_t a, uint32_t b) { return (int32_t)(serial_of(a) - serial_of(b)) < 0; }

static uint32_t serial_next(struct session *s)
{
    struct wire_pulse *pulse = pulse_of(s);
    uint32_t serial = serial_of(load_relaxed(&pulse->gate_serial)) + WIRE_GATE_SERIAL;
    if (!serial)
        serial = WIRE_GATE_SERIAL;
    store_relaxed(&pulse->gate_serial, serial);
    return serial;
}

uint32_t session_gate(const struct session *s) { return load_relaxed(&pulse_of(s)->gate); }

void gate_begin(struct session *s, bool paused)
{
    uint32_t bits = WIRE_GATE_LIFE;
    if (!paused)
        bits |= WIRE_GATE_MEMORY | (s->plan.locks ? WIRE_GATE_LOCKS : 0u) |
                (s->plan.copies_min_bytes != UINT64_MAX ? WIRE_GATE_COPIES : 0u);
    s->gate.begun = s->gate.passed = s->gate.quiet = serial_next(s) | bits;
    store_release(&pulse_of(s)->gate, s->gate.quiet);
}

int gate_swing(struct session *s, uint32_t bits, uint64_t policy, uint32_t *gate)
{
    struct wire_pulse *pulse = pulse_of(s);
    uint32_t old = load_relaxed(&pulse->gate), shut = 0;
    if (!old && !load_relaxed(&pulse->emergency) && cas_acq_rel(&pulse->gate, 0u, serial_next(s)))
        old = shut = load_relaxed(&pulse->gate_serial);
    fence_full(); /* orders the value seen before emergency: pairs with stop */
    if (!old || load_relaxed(&pulse->emergency)) {
        if (shut)
            cas_acq_rel(&pulse->gate, shut, 0u);
        return -EPERM;
    }
    *gate = serial_next(s) | bits;
    if (policy)
        ((struct wire_policy *)wire_at(&s->segment.wire, policy, sizeof(struct wire_policy)))->gate = *gate;
    store_relaxed(wire_policy_word(&s->segment.wire, *gate), policy);
    return cas_acq_rel(&pulse->gate, old, *gate) ? 0 : -EPERM; /* P: pairs with Q in preload/policy.c */
}

/* The session is over: hooks need not come to see it. */
void gate_shut(struct session *s) { store_release(&pulse_of(s)->gate, 0); }

/* ---- emergency ---- */

static uint32_t slots_of(const struct wire_segment *w)
{
    uint32_t n = load_acquire(&wire_pulse_of(w)->slots_ready);
    return n < WIRE_SLOTS_MAX ? n : WIRE_SLOTS_MAX;
}

static void wake(atomic_u32 *word) { session_futex(word, FUTEX_WAKE, INT32_MAX, 0); }

/* Threads that wait for the collector see the gate when they wake, which they do by themselves soon. */
static bool stop(const struct wire_segment *w)
{
    struct wire_pulse *pulse = wire_pulse_of(w);
    uint32_t n = slots_of(w), i;
    bool was = exchange_acq_rel(&pulse->emergency, 1) != 0;
    fence_full(); /* orders emergency before the gate: pairs with gate_swing */
    store_release(&pulse->gate, 0);
    wake(&pulse->slots_ready);
    for (i = 0; i < n; i++) {
        struct wire_slot *slot = wire_slot_of(w, i);
        if (load_relaxed(&slot->waiting))
            wake(&slot->drain_seq);
        if (load_relaxed(&slot->holding))
            wake(&slot->holding);
    }
    return was;
}

bool session_emergency(struct session *s) { return stop(&s->segment.wire); }

void session_emergency_end(struct session *s) { store_release(&pulse_of(s)->emergency, 0); }

bool session_is_emergency(const struct session *s) { return load_relaxed(&pulse_of(s)->emergency) != 0; }

static int stop_file(int fd)
{
    struct wire_segment w = {NULL, 0};
    struct wire_plan plan;
    struct stat st;
    void *at;
    if (fstat(fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size < 0)
        return -EBADMSG;
    if ((geteuid() && st.st_uid != geteuid()) || st.st_mode & (S_IWGRP | S_IWOTH))
        return -EPERM;
    if (pread(fd, &plan, sizeof plan, 0) != sizeof plan || !segment_plan_valid(&plan, (uint64_t)st.st_size) ||
        plan.owner_uid != st.st_uid)
        return -EBADMSG;
    w.bytes = WIRE_SLOTS_OFFSET + (uint64_t)WIRE_SLOTS_MAX * sizeof(struct wire_slot);
    at = mmap(NULL, w.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    w.base = at;
    stop(&w);
    munmap(at, w.bytes);
    return 0;
}

int segment_emergency(const char *segment_path)
{
    int fd = open(segment_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), e;
    if (fd < 0)
        return -errno;
    e = stop_file(fd);
    close(fd);
    return e;
}

/* ---- quiet ---- */

/* Behind it every store that a thread of any process had made before stands where all see it. Milliseconds. */
static void barrier(void)
{
    const struct timespec t = {0, BUFFER_NS};
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
        nanosleep(&t, NULL);
}

static void *barrier_run(void *given)
{
    struct session *s = given;
    barrier();
    store_release(&s->gate.done, 1);
    session_wake(s);
    return NULL;
}

/* Everything published so far is to get a barrier behind it. */
static void barrier_begin(struct session *s)
{
    struct gate_side *g = &s->gate;
    g->begun = load_relaxed(&pulse_of(s)->gate_serial);
    store_relaxed(&g->done, 0);
    g->running = !pthread_create(&g->thread, NULL, barrier_run, s);
    if (!g->running) {
        barrier();
        g->passed = g->begun;
    }
}

static void barrier_join(struct gate_side *g)
{
    if (!g->running)
        return;
    pthread_join(g->thread, NULL);
    g->running = false;
    g->passed = g->begun;
}

/* It has slept in one and the same call for long. What a record waits in ends within milliseconds, and the calls that may take their
 * time in one are of memory and of its child: whoever sleeps in another, and is no longer on the way through a record. */
static bool sleeps_on(struct lane *l, const struct proc_thread *t, uint64_t now_ns)
{
    bool waits = t->state == 'S' && t->syscall >= 0 && t->syscall != SYS_wait4 && t->syscall != SYS_mmap && t->syscall != SYS_munmap &&
                 t->syscall != SYS_madvise && t->syscall != SYS_clone;
    uint64_t sleeps = waits ? proc_thread_sleeps("/proc", l->pid, l->tid) : UINT64_MAX;
    if (sleeps == UINT64_MAX) {
        l->acts_slept_ns = 0;
    } else if (!l->acts_slept_ns || sleeps != l->acts_sleeps) {
        l->acts_sleeps = sleeps;
        l->acts_slept_ns = now_ns;
    }
    return l->acts_slept_ns && now_ns - l->acts_slept_ns > JUMP_NS;
}

/* A handler jumped out of a record, and its thread has called no hook since that looks: it stands in the same record for long, and
 * has used a processor meanwhile for longer than any record takes, or sleeps as no record does. (A thread that was stopped amid a
 * record, or waits in one, has not.) Should it be wrong, since a handler works or sleeps amid the record, that one record is made as
 * it was begun: the policy it reads stays. */
static bool jumped(struct lane *l, uint32_t acting)
{
    uint64_t now_ns = wire_clock_monotonic_ns(), head = load_relaxed(&l->slot->head);
    struct proc_thread t;
    if (l->acts != acting || l->acts_head != head || load_relaxed(&l->slot->waiting) || load_relaxed(&l->slot->holding)) {
        l->acts = acting;
        l->acts_head = head;
        l->acts_ns = now_ns;
        l->acts_cpu_ns = l->acts_looked_ns = l->acts_slept_ns = 0;
        l->acts_jumped = false;
    }
    if (l->acts_jumped || !l->live || !l->process || l->process->foreign || now_ns - l->acts_looked_ns < JUMP_LOOK_NS)
        return l->acts_jumped;
    l->acts_looked_ns = now_ns;
    if (!proc_thread_read("/proc", l->pid, l->tid, &t))
        return false;
    if (!l->acts_cpu_ns)
        l->acts_cpu_ns = t.cpu_ns + 1;
    l->acts_jumped = sleeps_on(l, &t, now_ns) || (now_ns - l->acts_ns > JUMP_NS && t.cpu_ns > l->acts_cpu_ns + JUMP_CPU_NS);
    return l->acts_jumped;
}

/* A slot whose thread is gone acts no more, whatever it says. */
static bool acts_before(const struct session *s, uint32_t i, uint32_t gate)
{
    struct lane *l = s->lanes[i];
    uint32_t acting = load_acquire(&l->slot->acting);
    return acting != WIRE_ACTING_NOT && is_older(acting, gate) && !(l->live && l->gone) && !jumped(l, acting);
}

bool session_quiet(struct session *s, uint32_t gate)
{
    struct gate_side *g = &s->gate;
    uint32_t i;
    if (!is_older(g->quiet, gate))
        return true;
    if (g->running && load_acquire(&g->done))
        barrier_join(g);
    if (is_older(g->passed, gate) && !g->running)
        barrier_begin(s);
    if (is_older(g->passed, gate))
        return false;
    policy_release_retired(s, g->passed);
    for (i = 0; i < s->made; i++)
        if (acts_before(s, i, gate))
            return false;
    g->quiet = gate;
    return true;
}

bool session_unquiet(const struct session *s, uint32_t gate, uint32_t *pid, uint32_t *tid)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (acts_before(s, i, gate)) {
            *pid = s->lanes[i]->slot->pid;
            *tid = s->lanes[i]->slot->tid;
            return true;
        }
    return false;
}

void gate_free(struct session *s)
{
    barrier_join(&s->gate);
    free(s->gate.retired);
}

/* ---- waiting for it, from any thread ---- */

/* Somebody acts on another gate than this one: his slot; NULL: nobody does. `dead`: threads that are no more do not count; asked
 * only of those that have acted for long, since the numbers of another pid namespace mean nothing here. */
static const struct wire_slot *other_acts(const struct wire_segment *w, uint32_t gate, uint32_t n, bool dead)
{
    uint32_t i;
    for (i = 0; i < n; i++) {
        const struct wire_slot *slot = wire_slot_of(w, i);
        uint32_t acting = load_acquire(&slot->acting);
        if (acting != WIRE_ACTING_NOT && acting != gate && !(dead && proc_thread_gone(slot->pid, slot->tid)))
            return slot;
    }
    return NULL;
}

bool session_acts(const struct session *s, uint32_t *pid, uint32_t *tid)
{
    const struct wire_segment *w = &s->segment.wire;
    const struct wire_slot *slot = other_acts(w, load_acquire(&pulse_of(s)->gate), slots_of(w), true);
    if (!slot)
        return false;
    *pid = slot->pid;
    *tid = slot->tid;
    return true;
}

static void heads_read(const struct wire_segment *w, uint64_t *heads, uint32_t n)
{
    uint32_t i;
    for (i = 0; i < n; i++)
        heads[i] = load_acquire(&wire_slot_of(w, i)->head);
}

static bool heads_moved(const struct wire_segment *w, const uint64_t *heads, uint32_t n)
{
    uint32_t i;
    for (i = 0; i < n; i++)
        if (load_acquire(&wire_slot_of(w, i)->head) != heads[i])
            return true;
    return false;
}

/* Nobody seems to act; then a barrier makes sure. Where no gate is open nothing was committed since, if no head has moved:
 * so it was quiet when it seemed so. */
uint64_t session_wait_quiet(struct session *s, uint64_t most_ns)
{
    const struct wire_segment *w = &s->segment.wire;
    const struct timespec look = {0, LOOK_NS};
    const uint64_t began = wire_clock_monotonic_ns();
    uint64_t took = 0, *heads = xcalloc(WIRE_SLOTS_MAX, sizeof *heads);
    bool quiet = false;
    for (;; nanosleep(&look, NULL)) {
        uint32_t gate = load_acquire(&pulse_of(s)->gate), n = slots_of(w);
        heads_read(w, heads, n);
        took = wire_clock_monotonic_ns() - began;
        if (took > most_ns)
            break;
        if (other_acts(w, gate, n, took > DEATH_NS))
            continue;
        took = wire_clock_monotonic_ns() - began;
        barrier();
        if (other_acts(w, gate, n, true) || slots_of(w) != n)
            continue;
        quiet = gate || !heads_moved(w, heads, n);
        if (gate)
            took = wire_clock_monotonic_ns() - began;
        if (quiet)
            break;
    }
    free(heads);
    return quiet ? took : UINT64_MAX;
}

void gate_settle(struct session *s)
{
    uint32_t gate = load_relaxed(&pulse_of(s)->gate_serial);
    if (session_wait_quiet(s, SETTLE_NS) == UINT64_MAX)
        gate -= WIRE_GATE_SERIAL; /* it is to be asked for, as behind a publish */
    s->gate.begun = s->gate.passed = s->gate.quiet = gate;
}
