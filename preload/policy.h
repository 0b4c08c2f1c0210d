/*
 * preload/policy.h - is this event to be recorded?
 *
 * Runs in the traced thread, amid a record, whenever the gate is not the one that
 * the thread adopted last: after each change of it, and, where the collector has set
 * more than the gate's bits say (WIRE_GATE_FILTERED), for every event.
 */
#ifndef PRELOAD_POLICY_H
#define PRELOAD_POLICY_H

#include "preload/hook.h"

/* The bit of the gate (enum wire_gate) that lets a type of record in. */
static inline uint32_t policy_gate_bit(unsigned type)
{
    const uint64_t memory = 1ull << WIRE_NEW | 1ull << WIRE_DROP | 1ull << WIRE_REALLOC_BEGIN | 1ull << WIRE_REALLOC_END |
                            1ull << WIRE_USABLE;
    const uint64_t locks = 1ull << WIRE_WAIT | 1ull << WIRE_ACQUIRE | 1ull << WIRE_RELEASE | 1ull << WIRE_WAIT_END |
                           1ull << WIRE_COND_WAIT | 1ull << WIRE_COND_WOKEN | 1ull << WIRE_SIGNAL | 1ull << WIRE_LOCK_INIT |
                           1ull << WIRE_LOCK_DESTROY | 1ull << WIRE_LOCK_CONSISTENT | 1ull << WIRE_FUTEX;
    if (memory >> (type & 63) & 1)
        return WIRE_GATE_MEMORY;
    if (locks >> (type & 63) & 1)
        return WIRE_GATE_LOCKS;
    return type == WIRE_COPY ? WIRE_GATE_COPIES : WIRE_GATE_LIFE;
}
_Static_assert(WIRE_TYPES <= 64, "policy_gate_bit");

/* True: the record may be made, and slot->acting is set to the gate that says so. False: it may not, and
 * slot->acting is taken back. `site`: NULL where the event has no stack; `kind`, `address`, `size`: as record_put's; *word:
 * its first extra word, or 0. A condition's mutex is changed where it is not to be named. */
bool policy_adopt(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size, uint64_t *word);

#endif
