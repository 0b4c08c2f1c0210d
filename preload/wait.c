/*
 * preload/wait.c - see wait.h. Runs in a traced thread whose ring is full, or
 * a quarter of it further than at the last look.
 */
#include "preload/wait.h"

#include "preload/image.h"
#include "preload/rules.h"
#include "preload/system.h"

bool wait_collector_alive(void)
{
    const struct wire_segment *s = &process.segment;
    struct wire_pulse *pulse = wire_pulse_of(s);
    uint64_t beat = load_relaxed(&pulse->heartbeat_stamp);
    uint64_t now = wire_clock_stamp(process.clock);
    if (load_relaxed(&pulse->closed))
        return false;
    return beat >= now || now - beat < wire_plan_of(s)->wait_stamps;
}

bool wait_allowed(uint64_t began_stamp)
{
    uint64_t now = wire_clock_stamp(process.clock);
    return wait_collector_alive() && now - began_stamp < wire_plan_of(&process.segment)->wait_stamps;
}

void wait_wake_collector(void)
{
    struct wire_pulse *pulse = wire_pulse_of(&process.segment);
    if (load_relaxed(&pulse->sleeping) && exchange_acq_rel(&pulse->sleeping, 0))
        system_futex_wake(&pulse->sleeping);
}

static void lost_count(struct context *c, bool drop)
{
    struct wire_slot *slot = c->writer.slot;
    count_up(&slot->lost[wait_collector_alive() ? WIRE_LOST_RING_FULL : WIRE_LOST_NO_COLLECTOR], 1);
    if (drop)
        count_up(&slot->lost_drops, 1);
}

/* A collector that has lost the thread's stack asks for a whole one, and knows no rates. */
static void resync(struct context *c)
{
    if (unlikely(load_relaxed(&c->writer.slot->resync)) && exchange_acq_rel(&c->writer.slot->resync, 0)) {
        unwind_forget(c->stack);
        rules_untold(c);
    }
}

/* `reserve`: the part of the ring that is kept for releases, too. */
static void *room_find(struct context *c, uint64_t bytes, bool reserve, bool wait, uint32_t bit)
{
    const struct wire_segment *s = &process.segment;
    struct wire_slot *slot = c->writer.slot;
    void *room;
    uint64_t began;

    wait_wake_collector();
    image_look(c);
    resync(c);
    room = ring_writer_refresh(&c->writer, s, bytes, reserve);
    if (!room && wait && wire_plan_of(s)->on_full == WIRE_ON_FULL_WAIT) {
        began = wire_clock_stamp(process.clock);
        while (!room && wait_allowed(began) && gate_open(bit)) {
            uint32_t seen = load_relaxed(&slot->drain_seq);
            store_relaxed(&slot->waiting, 1);
            fence_full(); /* orders waiting before tail: pairs with ring_reader_release */
            room = ring_writer_refresh(&c->writer, s, bytes, reserve);
            if (!room)
                system_futex_wait(&slot->drain_seq, seen, 5000000);
            store_relaxed(&slot->waiting, 0);
            if (!room)
                room = ring_writer_refresh(&c->writer, s, bytes, reserve);
            if (!room)
                wait_wake_collector();
        }
    }
    c->starved = !room;
    if (!room)
        ring_writer_stop(&c->writer);
    return room;
}

static bool session_over(void)
{
    if (likely(!load_relaxed(&wire_pulse_of(&process.segment)->closed)))
        return false;
    process_retire();
    return true;
}

void wait_before_lock(struct context *c, uint64_t bytes)
{
    if (!session_over())
        room_find(c, bytes, false, true, WIRE_GATE_LOCKS);
}

void *wait_for_room(struct context *c, uint64_t bytes, bool drop, uint32_t bit)
{
    void *room;
    if (unlikely(session_over()))
        return NULL;
    room = room_find(c, bytes, drop || c->holding, !c->holding, bit);
    if (unlikely(!room) && gate_open(bit))
        lost_count(c, drop);
    return room;
}
