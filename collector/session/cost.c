/*
 * collector/session/cost.c - see cost.h.
 */
#include "session/cost.h"

#include "session/state.h"
#include "wire/policy.h"

void session_cost(const struct session *s, struct session_cost *c)
{
    uint64_t stamps = 0;
    *c = (struct session_cost){.filtered = load_relaxed(&wire_pulse_of(&s->segment.wire)->gate) & WIRE_GATE_FILTERED};
    for (uint32_t i = 0; i < s->made; i++) {
        const struct lane *l = s->lanes[i];
        const struct wire_home *h = l->scratch ? (const struct wire_home *)wire_at(&s->segment.wire, l->scratch + WIRE_SCRATCH_UNWIND_BYTES, sizeof *h) : NULL;
        if (!h)
            continue;
        c->passed += load_relaxed(&h->calls);
        c->tries += load_relaxed(&h->tries);
        c->timed += load_relaxed(&h->timed);
        stamps += load_relaxed(&h->timed_stamps);
    }
    c->timed_ns = (uint64_t)((unsigned __int128)stamps * 1000000000u / s->plan.clock_hz);
}

double session_ring_fill(struct session *s)
{
    double fill = s->fullest / 16.0;
    s->fullest = 0;
    return fill;
}
