/*
 * collector/session/watch.c - which threads and processes are gone.
 *
 * Threads and processes that said they end are looked at soon; all others that
 * were quiet, every SESSION_WATCH_NS. A lane whose thread is gone is ended by
 * the round (drain.c), once its ring was looked at after that and is empty; a
 * process is gone once all its lanes have ended. Ingest thread.
 *
 * Of a process in another pid namespace the numbers mean nothing here: its
 * threads are gone when they said so and were quiet for a while.
 */
#include "session/proc.h"
#include "session/state.h"

enum { WATCH_QUICK_NS = 1000000 };

/* A slot whose claimer died in the claim: recycled once it is sure. */
static void watch_limbo(struct session *s, struct lane *l, uint64_t passed_ns)
{
    struct wire_slot *slot = l->slot;
    uint32_t state = load_acquire(&slot->state);
    if (state == WIRE_SLOT_EMPTY && l->home && session_still_ours(s)) { /* a claimer could not use it: another may */
        store_release(&slot->state, WIRE_SLOT_READY);
        return;
    }
    if (state != WIRE_SLOT_LIVE || load_relaxed(&slot->claim) != l->claim) {
        l->quiet_ns = 0;
        return;
    }
    l->quiet_ns += passed_ns;
    if (l->quiet_ns >= SESSION_LIMBO_NS && slot->pid && slot->tid && proc_thread_gone(slot->pid, slot->tid)) {
        lane_claimed(s, l);
        l->gone = true;
    }
}

static void watch_foreign(struct lane *l)
{
    if ((l->exiting || l->process->exiting) && l->quiet_ns >= SESSION_QUIET_NS)
        l->gone = true;
}

/* A thread that has just said farewell is often gone by now: its slot is free
 * for the next at once. */
void watch_leaving(struct session *s, struct lane *l)
{
    if (!l->exiting || l->gone || l->tid == l->pid || !l->process || l->process->foreign ||
        !proc_thread_gone(l->pid, l->tid))
        return;
    l->gone = true;
    lane_look(s, l);
}

static void watch_lane(struct session *s, struct lane *l, bool all, uint64_t passed_ns)
{
    uint64_t head = l->reader.head;
    if (l->gone)
        return;
    if (all) {
        l->quiet_ns = head == l->watched_head ? l->quiet_ns + passed_ns : 0;
        l->watched_head = head;
    }
    if (l->process && l->process->foreign)
        watch_foreign(l);
    else if ((all && l->quiet_ns) || l->exiting)
        l->gone = proc_thread_gone(l->pid, l->tid);
}

/* Has threads whose first record has not been handed over yet. */
static bool has_strangers(const struct session *s, const struct process *p)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live && !s->lanes[i]->process && s->lanes[i]->pid == p->pid)
            return true;
    return false;
}

static void lanes_gone(struct session *s, const struct process *p)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (s->lanes[i]->live && s->lanes[i]->process == p)
            s->lanes[i]->gone = true;
}

static void process_end(struct session *s, struct process *p)
{
    struct event e = {.type = EVENT_PROCESS_GONE, .process = p->id, .ns = clock_event_ns(&s->clock, s->latest)};
    e.extra[0] = p->reaped;
    e.extra[1] = p->reaped ? (uint64_t)(uint32_t)p->status : 0;
    session_emit(s, &e);
    registry_process_end(&s->registry, p);
}

static void watch_process(struct session *s, struct process *p, bool all)
{
    bool gone;
    if (!all && !p->exiting && !p->gone && p->lanes)
        return;
    if (p->exiting)
        p->exiting--;
    gone = p->gone; /* known a round ago: the claims it made were seen since */
    p->gone = gone || p->reaped || (p->foreign ? !p->lanes : proc_gone(p->pid, p->start_time));
    if (!p->gone)
        return;
    if (p->lanes)
        lanes_gone(s, p);
    else if (gone && !has_strangers(s, p))
        process_end(s, p);
}

void watch_round(struct session *s, bool force)
{
    uint64_t now = wire_clock_monotonic_ns(), passed = now - s->watch_ns;
    bool all = force || passed >= SESSION_WATCH_NS;
    bool quick = all || now - s->quick_ns >= WATCH_QUICK_NS;
    uint32_t i;
    size_t p;

    if (all)
        s->watch_ns = now;
    for (i = 0; i < s->made; i++) {
        struct lane *l = s->lanes[i];
        if (l->live && (all || (l->exiting && (quick || l->tid != l->pid))))
            watch_lane(s, l, all, force ? SESSION_QUIET_NS : passed);
        else if (all && !l->live && !l->resting)
            watch_limbo(s, l, passed);
    }
    if (!quick)
        return;
    s->quick_ns = now;
    for (p = s->registry.process_count; p-- > 0;)
        watch_process(s, s->registry.processes[p], all);
}
