/*
 * collector/session/supply.c - slots for threads to come.
 *
 * Slots free to claim are kept ahead of demand. Threads that wait for one are
 * counted in claims->wanting and sleep on pulse->slots_ready. A slot once made
 * keeps its home block for ever; recycling is lane_end. Ingest thread.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "event/xalloc.h"
#include "session/state.h"

/* Short threads by the thousand are served by recycling, not by more slots. */
enum { SUPPLY_RECENT_MOST = 128 };

int supply_add(struct session *s, uint32_t slots)
{
    const struct wire_segment *w = &s->segment.wire;
    while (slots-- > 0 && session_still_ours(s)) {
        uint32_t i = s->made;
        uint64_t scratch, ring;
        struct wire_slot *slot;
        int e = segment_home(&s->segment, i, &scratch, &ring);
        if (e)
            return e;
        if (!session_still_ours(s))
            return -ESTALE;
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

/* Slots that should be free: by those who wait, those who came lately, and
 * those who are here (who makes threads makes more). */
static uint32_t wanted(struct session *s, uint32_t wanting)
{
    uint32_t n = SESSION_SLOTS_AHEAD;
    n = n < 2 * wanting ? 2 * wanting : n;
    n = n < s->staying / 2 ? s->staying / 2 : n;
    n = n < s->recent_claims ? s->recent_claims : n;
    return n;
}

/* Call it when s->ready is right. */
void supply_keep(struct session *s)
{
    struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    uint32_t wanting = load_relaxed(&wire_claims_of(&s->segment.wire)->wanting), target;

    if (wanting > s->segment.slots_max)
        wanting = s->segment.slots_max;
    target = wanted(s, wanting);
    if (target > s->segment.slots_max - s->made + s->ready)
        target = s->segment.slots_max - s->made + s->ready;
    if (s->ready < target)
        supply_add(s, target - s->ready); /* no space: counted, threads wait or are counted */
    if (wanting && s->ready)
        session_futex(&pulse->slots_ready, FUTEX_WAKE, INT32_MAX, 0);
}

/* Threads that came since the last round. */
void supply_note(struct session *s, uint32_t claims)
{
    s->recent_claims -= s->recent_claims / 8 + (s->recent_claims > 0);
    if (s->recent_claims < claims)
        s->recent_claims = claims < SUPPLY_RECENT_MOST ? claims : SUPPLY_RECENT_MOST;
}
