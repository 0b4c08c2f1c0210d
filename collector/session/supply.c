/*
 * collector/session/supply.c - slots for threads to come.
 *
 * Slots free to claim are kept ahead of demand: a floor, and twice what was
 * claimed lately. Threads that wait for one are counted in claims->wanting and
 * sleep on pulse->slots_ready. A slot once made keeps its home block for ever;
 * recycling is lane_end. Ingest thread.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "event/xalloc.h"
#include "session/state.h"

int supply_add(struct session *s, uint32_t slots)
{
    const struct wire_segment *w = &s->segment.wire;
    while (slots-- > 0) {
        uint32_t i = s->made;
        uint64_t scratch, ring;
        struct wire_slot *slot;
        int e = segment_home(&s->segment, i, &scratch, &ring);
        if (e)
            return e;
        slot = wire_slot_of(w, i);
        memset(slot, 0, sizeof *slot);
        slot->scratch = scratch;
        store_relaxed(&slot->ring, ring);
        s->lanes = xgrow(s->lanes, &s->lane_capacity, i + 1, sizeof *s->lanes);
        s->lanes[i] = lane_new(s, i, scratch);
        store_release(&slot->state, WIRE_SLOT_READY); /* pairs with the claimer's CAS */
        s->made = i + 1;
        s->ready++;
        store_release(&wire_pulse_of(w)->slots_ready, s->made);
    }
    return 0;
}

/* `claims`: seen in this round. s->ready has just been counted. */
void supply_keep(struct session *s, uint32_t claims)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    uint32_t wanting = load_relaxed(&wire_claims_of(&s->segment.wire)->wanting), target;

    if (wanting > s->segment.slots_max)
        wanting = s->segment.slots_max;
    s->recent_claims -= s->recent_claims / 8 + (s->recent_claims > 0);
    if (s->recent_claims < 2 * claims)
        s->recent_claims = 2 * claims;
    if (wanting && s->recent_claims < 2 * (wanting + claims))
        s->recent_claims = 2 * (wanting + claims);
    target = s->recent_claims < SESSION_SLOTS_AHEAD ? SESSION_SLOTS_AHEAD : s->recent_claims;
    if (target > s->segment.slots_max - s->made + s->ready)
        target = s->segment.slots_max - s->made + s->ready;
    if (s->ready < target)
        supply_add(s, target - s->ready); /* no space: counted, threads wait or are counted */
    if (wanting && s->ready)
        session_futex(&pulse->slots_ready, FUTEX_WAKE, INT32_MAX, 0);
}
