/*
 * preload/policy.c - see policy.h.
 *
 * A gate is adopted (kept in the context, so that the next record only compares) by an
 * event that it lets in, and by no other: amid an operation of two records (a realloc)
 * none is let in whose first was not. One that is FILTERED is never kept: rules.h is asked
 * about every event.
 */
#include "preload/policy.h"

#include "preload/rules.h"
#include "preload/timing.h"

bool policy_adopt(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size, uint64_t *word)
{
    struct wire_slot *slot = c->writer.slot;
    uint32_t bit = policy_gate_bit(kind & 255), gate, now;
    uint64_t from, waits_from = 0;
    bool wanted;
again:
    now = gate_now();
    do { /* acting is told before the gate is looked at, each time */
        gate = now;
        if (!(gate & bit))
            goto refused;
        store_relaxed(&slot->acting, gate);
        fence_signal();
        now = load_acquire(__atomic_load_n(&process.gate, __ATOMIC_ACQUIRE)); /* Q: pairs with P */
    } while (now != gate);
    if (!rules_adopt(c, gate)) {
        if (gate_now() == gate)
            goto refused;
        store_release(&slot->acting, WIRE_ACTING_NOT); /* it was replaced meanwhile: the next one decides */
        goto again;
    }
    c->gate = gate & WIRE_GATE_FILTERED ? GATE_NONE : gate;
    if (!(gate & WIRE_GATE_FILTERED))
        return true;
    if (rules_is_unsettled(c, site)) {
        store_release(&slot->acting, WIRE_ACTING_NOT);
        rules_settle(c, gate, &waits_from);
        goto again;
    }
    from = timing_begin(c);
    wanted = rules_wants(c, site, kind, address, size, word);
    timing_end(c, from, wanted);
    if (wanted)
        return true;
refused:
    store_release(&slot->acting, WIRE_ACTING_NOT);
    return false;
}
