/*
 * preload/rules_site.c - which rules name a place in the code: the caller's, or one
 * anywhere on the stack.
 *
 * Runs in the traced thread, within a record, but for rules_settle. Decisions are kept by return address, for the gate
 * that they were made under. What the collector has not heard of is announced; under rules that the
 * program was started with, the event then waits until names were looked up there: else a
 * short program would be over before its rules hold.
 */
#include "preload/rules.h"

#include "preload/module.h"
#include "preload/record.h"
#include "preload/system.h"
#include "preload/wait.h"

enum { SETTLE_LOOK_NS = 500000 };
static bool settling_given_up; /* of this process */

/* Of a return address; NULL: it is in no range; *unknown: it is of a module that the collector has not heard of before. */
static const struct wire_range *site_search(struct context *c, struct rules_own *own, uint64_t pc, bool *unknown)
{
    uint64_t at = pc - 1; /* in the call */
    uint32_t low = 0, high = own->ranges_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct wire_range *r = &own->ranges[middle];
        if (r->process < process.serial || (r->process == process.serial && r->end <= at))
            low = middle + 1;
        else
            high = middle;
    }
    if (low < own->ranges_count && own->ranges[low].process == process.serial && own->ranges[low].begin <= at) {
        own->unsettled |= (own->ranges[low].flags & WIRE_RANGE_PENDING) != 0;
        return &own->ranges[low];
    }
    if (!module_announced(pc)) { /* until it is known, rules do not see it: the collector is not to sleep on that */
        module_announce_slow(c, pc);
        fence_full(); /* orders the record before sleeping: a collector that is not woken here looks again */
        wait_wake_collector();
    }
    *unknown = module_announced(pc); /* not so of code that lies in no file */
    own->unsettled |= *unknown;
    return NULL;
}

static struct rules_site *site_place(struct rules_own *own, uint64_t pc)
{
    _Static_assert(RULES_SITES == 1 << (64 - 58), "by the hash's top bits");
    return &own->sites[pc * 0x9e3779b97f4a7c15ull >> 58];
}

static bool site_stands(const struct rules_own *own, const struct rules_site *s, uint64_t pc)
{
    return likely(s->pc == pc && s->gate == own->gate);
}

const struct rules_site *rules_of_site(struct context *c, struct rules_own *own, uint64_t pc)
{
    struct rules_site *s = site_place(own, pc);
    bool unknown = false;
    if (unlikely(!site_stands(own, s, pc))) {
        const struct wire_range *r = site_search(c, own, pc, &unknown);
        uint32_t all = unknown ? own->excludes : 0;
        *s = (struct rules_site){pc, own->gate, r ? r->rules : all, r ? r->stacks : all, 0};
    }
    return s;
}

uint32_t rules_of_stack(struct context *c, struct rules_own *own, const struct hook_frame *frame)
{
    uint64_t pushed[UNWIND_QUICK_PUSH_MAX], pc;
    const struct unwind_site site = hook_site(frame);
    struct unwind_change change;
    uint32_t rules = 0, at = 0;
    unwind_take(c->stack, &site, false, pushed, &change);
    own->walked = true;
    while (unwind_frame(c->stack, &at, &pc))
        rules |= rules_of_site(c, own, pc & ~WIRE_FRAME_EXACT)->stacks;
    return rules;
}

bool rules_may_settle(void)
{
    return !settling_given_up && wire_plan_of(&process.segment)->on_full == WIRE_ON_FULL_WAIT;
}

bool rules_look(struct context *c, const struct hook_frame *site)
{
    struct rules_own *own = rules_own(c);
    if (site_stands(own, site_place(own, site->pc), site->pc))
        return false;
    own->unsettled = false;
    rules_of_site(c, own, site->pc);
    if (own->stacked)
        rules_of_stack(c, own, site);
    return own->unsettled;
}

void rules_settle(struct context *c, uint32_t gate, uint64_t *began_stamp)
{
    if (!*began_stamp)
        *began_stamp = wire_clock_stamp(process.clock) | 1;
    fence_full(); /* orders the module's record before sleeping, as in site_search */
    wait_wake_collector();
    while (gate_now() == gate && wait_allowed(*began_stamp))
        system_futex_wait(&wire_pulse_of(&process.segment)->gate, gate, SETTLE_LOOK_NS);
    if (gate_now() == gate) /* a collector that is too slow for it is waited for once */
        rules_own(c)->settles = !(settling_given_up = true);
}
