/*
 * collector/session/policy.c - see policy.h: what is behind the gate, and what hooks
 * say of it. Ingest thread.
 *
 * What a slot or a home says was written by traced processes: numbers are taken as they
 * are, places are the collector's own.
 */
#include "session/policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "session/state.h"

/* Of one policy; and of those that hooks may still read: who does not let go of so much gets nothing new. */
enum { POLICY_BYTES_MOST = 64 << 20, RETIRED_BYTES_MOST = 64 << 20 };

static bool policy_fits(uint64_t bytes) { return bytes >= sizeof(struct wire_policy) && bytes <= POLICY_BYTES_MOST; }

/* What hooks may still read, as the next collector finds it: each names the one before it. Nothing is given back that is in
 * the list, wherever this one dies. */
static void retired_list(struct session *s)
{
    const struct gate_side *g = &s->gate;
    uint64_t before = 0;
    for (size_t i = 0; i < g->retired_count; i++) {
        ((struct wire_policy *)(s->segment.wire.base + g->retired[i].offset))->retired_before = before;
        before = g->retired[i].offset;
    }
    store_release(&wire_pulse_of(&s->segment.wire)->policy_retired, before); /* pairs with policy_adopt_last */
}

/* It lies in the pool until nobody acts on its gate any more, which is so for sure behind a barrier after `gate`. */
static void retire(struct session *s, uint64_t offset, uint64_t bytes, uint32_t own, uint32_t gate)
{
    struct gate_side *g = &s->gate;
    if (!offset)
        return;
    g->retired = xgrow(g->retired, &g->retired_capacity, g->retired_count + 1, sizeof *g->retired);
    g->retired[g->retired_count++] = (struct gate_retired){offset, bytes, own, gate & ~(uint32_t)(WIRE_GATE_SERIAL - 1)};
    g->retired_bytes += bytes;
}

/* Who acts on a gate reads the policy of that one and no other: a thread that stays in a record keeps one, no more. */
static bool is_read(const struct session *s, uint32_t gate)
{
    uint32_t i;
    for (i = 0; i < s->made; i++)
        if (load_acquire(&s->lanes[i]->slot->acting) == gate && !(s->lanes[i]->live && s->lanes[i]->gone))
            return true;
    return false;
}

void policy_release_retired(struct session *s, uint32_t passed)
{
    struct gate_side *g = &s->gate;
    size_t i, all = g->retired_count, kept = 0;
    struct gate_retired *free_ones;
    if (!all || !session_still_ours(s))
        return;
    free_ones = xcalloc(all, sizeof *free_ones);
    for (i = 0; i < all; i++) {
        struct gate_retired r = g->retired[i];
        if ((int32_t)(r.gate - passed) <= 0 && !is_read(s, r.own))
            free_ones[i - kept] = r;
        else
            g->retired[kept++] = r;
    }
    g->retired_count = kept;
    if (kept < all)
        retired_list(s); /* before anybody else has their memory */
    for (i = 0; i < all - kept; i++) {
        g->retired_bytes -= free_ones[i].bytes;
        segment_give(&s->segment, free_ones[i].offset, free_ones[i].bytes);
    }
    free(free_ones);
}

/* The policy to the pool; its offset, or 0. */
static uint64_t place(struct session *s, const struct wire_policy *policy)
{
    uint64_t offset;
    if (!policy_fits(policy->bytes) || s->gate.retired_bytes + policy->bytes > RETIRED_BYTES_MOST)
        return 0;
    offset = segment_take(&s->segment, policy->bytes);
    if (offset)
        memcpy(s->segment.wire.base + offset, policy, policy->bytes);
    return offset;
}

int session_policy_publish(struct session *s, const struct wire_policy *policy, uint32_t bits, uint32_t *gate)
{
    struct gate_side *g = &s->gate;
    uint64_t offset = 0;
    int e;
    if (!session_still_ours(s))
        return -ESTALE;
    if (session_is_emergency(s))
        return -EPERM;
    if (policy && !(offset = place(s, policy)))
        return session_still_ours(s) ? -ENOSPC : -ESTALE;
    e = gate_swing(s, bits & (WIRE_GATE_SERIAL - 1), offset, gate);
    if (e) { /* never in force */
        if (offset)
            segment_give(&s->segment, offset, policy->bytes);
        return e;
    }
    retire(s, g->offset, g->bytes, g->own, *gate);
    retired_list(s);
    g->offset = offset;
    g->own = *gate;
    g->bytes = offset ? policy->bytes : 0;
    return 0;
}

/* Its memory is in use. 0: the place, or what lies there, makes no sense, or it has been adopted already. */
static uint64_t adopt(struct session *s, uint64_t offset)
{
    uint64_t grown = s->segment.grown_bytes; /* of rings alone */
    const struct wire_policy *p = wire_at(&s->segment.wire, offset, sizeof *p);
    uint64_t bytes = p ? p->bytes : 0;
    if (!policy_fits(bytes) || segment_adopt(&s->segment, offset, bytes))
        return 0;
    s->segment.grown_bytes = grown;
    return bytes;
}

static uint32_t gate_at(const struct session *s, uint64_t offset)
{
    const struct wire_policy *p = offset ? wire_at(&s->segment.wire, offset, sizeof *p) : NULL;
    return p ? p->gate : WIRE_ACTING_NOT;
}

/* In force: it keeps its memory as long as it makes sense. Else nobody knows what is to be recorded, and nothing is until
 * somebody says so. */
static void adopt_in_force(struct session *s)
{
    uint32_t gate = session_gate(s);
    uint64_t offset = gate ? load_relaxed(wire_policy_word(&s->segment.wire, gate)) : 0;
    uint64_t bytes = offset && gate_at(s, offset) == gate ? adopt(s, offset) : 0;
    if (bytes) {
        s->gate.offset = offset;
        s->gate.bytes = bytes;
        s->gate.own = gate;
    } else if (offset) {
        gate_swing(s, WIRE_GATE_LIFE, 0, &gate);
    }
}

/* Replaced: a thread that stood still all the while may yet read it. */
static void adopt_if_read(struct session *s, uint64_t offset)
{
    uint32_t gate = gate_at(s, offset);
    uint64_t bytes;
    if (gate == WIRE_ACTING_NOT || !is_read(s, gate) || s->gate.retired_bytes >= RETIRED_BYTES_MOST || !(bytes = adopt(s, offset)))
        return;
    retire(s, offset, bytes, gate, load_relaxed(&wire_pulse_of(&s->segment.wire)->gate_serial));
}

void policy_adopt_last(struct session *s)
{
    const struct wire_pulse *pulse = wire_pulse_of(&s->segment.wire);
    uint64_t offset = load_acquire(&pulse->policy_retired); /* pairs with retired_list */
    uint64_t words[2] = {load_relaxed(&pulse->policy[0]), load_relaxed(&pulse->policy[1])};
    unsigned most = RETIRED_BYTES_MOST / WIRE_PAGE;
    adopt_in_force(s);
    while (offset && most--) {
        const struct wire_policy *p = wire_at(&s->segment.wire, offset, sizeof *p);
        uint64_t before = p ? p->retired_before : 0;
        adopt_if_read(s, offset);
        offset = before;
    }
    for (unsigned i = 0; i < 2; i++) /* one of them may not have come into the list */
        adopt_if_read(s, words[i]);
    retired_list(s);
}

/* ---- what hooks and collector tell each other of rules ---- */

void session_thread_rules(struct session *s, uint32_t slot, uint32_t rules)
{
    if (slot < s->made && session_still_ours(s))
        store_release(&s->lanes[slot]->slot->rules, (uint64_t)session_gate(s) << 32 | rules);
}

void session_each_thread(const struct session *s, void (*fn)(void *context, uint32_t slot, uint32_t process, uint32_t thread, uint32_t tid),
                         void *context)
{
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        const struct lane *l = s->lanes[i];
        if (l->live && !l->gone && l->process)
            fn(context, i, l->process->id, l->thread, l->tid);
    }
}

static atomic_u64 *tokens_of(const struct session *s, unsigned rule)
{
    return rule < WIRE_RULES_MAX ? &wire_tokens_of(&s->segment.wire)->rule[rule].left : NULL;
}

void session_tokens_set(struct session *s, unsigned rule, int64_t tokens)
{
    atomic_u64 *left = tokens_of(s, rule);
    if (left && session_still_ours(s))
        store_relaxed(left, (uint64_t)tokens);
}

void session_tokens_add(struct session *s, unsigned rule, int64_t tokens)
{
    atomic_u64 *left = tokens_of(s, rule);
    if (left && session_still_ours(s))
        add_relaxed(left, (uint64_t)tokens);
}

int64_t session_tokens(const struct session *s, unsigned rule)
{
    const atomic_u64 *left = tokens_of(s, rule);
    return left ? (int64_t)load_relaxed(left) : 0;
}

/* The thread's page, at the place that the collector gave it. NULL: the slot is unusable. */
static const struct wire_home *home_of(const struct session *s, const struct lane *l)
{
    return l->scratch ? wire_at(&s->segment.wire, l->scratch + WIRE_SCRATCH_UNWIND_BYTES, sizeof(struct wire_home)) : NULL;
}

uint64_t session_hits(const struct session *s, unsigned rule)
{
    uint64_t sum = 0;
    uint32_t i;
    for (i = 0; rule < WIRE_RULES_MAX && i < s->made; i++) {
        const struct wire_home *home = home_of(s, s->lanes[i]);
        sum += home ? load_relaxed(&home->hits[rule]) : 0;
    }
    return sum;
}

uint64_t session_calls(const struct session *s)
{
    uint64_t sum = 0;
    uint32_t i;
    for (i = 0; i < s->made; i++) {
        const struct wire_home *home = home_of(s, s->lanes[i]);
        sum += home ? load_relaxed(&home->calls) : 0;
    }
    return sum;
}

/* ---- modules ---- */

uint64_t session_modules_version(const struct session *s) { return image_changes(); }

void session_each_module(const struct session *s, void (*fn)(void *context, uint32_t serial, uint64_t begin, uint64_t end, uint64_t bias,
                                                             uint32_t module), void *context)
{
    size_t i, j;
    for (i = 0; i < s->registry.image_count; i++) {
        const struct registered *m = s->registry.images[i];
        for (j = 0; !m->gone && m->image.modules && j < m->image.modules->count; j++) {
            const struct image_range *r = m->image.modules->ranges + j;
            fn(context, m->image.serial, r->start, r->end, r->bias, r->module);
        }
    }
}
