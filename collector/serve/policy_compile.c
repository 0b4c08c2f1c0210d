/*
 * collector/serve/policy_compile.c - what is wanted as one struct wire_policy, and what
 * of all that happens it records. Changes nothing. Ingest thread.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "serve/policy_state.h"

enum { MEMORY = WIRE_RULE_HEAP | WIRE_RULE_MAP };

bool policy_implies(const struct policy_spec *spec)
{
    for (size_t i = 0; i < spec->n_rules; i++)
        if (!spec->rules[i].exclude)
            return false;
    return spec->n_rules || spec->sample_bytes || spec->locks_every > 1 || spec->copies_every > 1;
}

static uint64_t coarser(uint64_t a, uint64_t b) { return a > b ? a : b; }

static void floors_set(struct wire_rule *w, const struct policy_spec *spec)
{
    w->sample_bytes = coarser(w->sample_bytes, spec->sample_bytes);
    w->locks_every = (uint32_t)coarser(w->locks_every, spec->locks_every);
    w->copies_every = (uint32_t)coarser(w->copies_every, spec->copies_every);
}

static struct wire_rule rule_of(const struct rule *r)
{
    struct wire_rule w = {.flags = WIRE_RULE_USED, .events = r->events, .families = r->families, .size_min = r->size_min,
                          .size_max = r->size_max};
    if (r->functions.n || r->modules.n)
        w.flags |= WIRE_RULE_SITE;
    if (r->stacks.n)
        w.flags |= WIRE_RULE_STACK;
    if (r->threads.n || r->processes.n)
        w.flags |= WIRE_RULE_MASKED;
    if (r->exclude) {
        w.flags |= WIRE_RULE_EXCLUDE;
        return w;
    }
    if (r->limit || r->per_second > 0)
        w.flags |= WIRE_RULE_TOKENS;
    w.sample_bytes = r->sample_bytes;
    w.locks_every = w.copies_every = r->every;
    return w;
}

static struct wire_rule rule_of_all(void)
{
    return (struct wire_rule){.flags = WIRE_RULE_USED, .events = WIRE_RULE_EVENTS, .families = UINT32_MAX, .size_max = UINT64_MAX};
}

/* Each event of these kinds, but for its rate. */
static bool is_of_all(const struct wire_rule *w, uint32_t events)
{
    return (w->events & events) == events && !(w->flags & (WIRE_RULE_SITE | WIRE_RULE_STACK | WIRE_RULE_MASKED | WIRE_RULE_TOKENS)) && !w->size_min &&
           w->size_max == UINT64_MAX && (!(events & MEMORY) || w->families == UINT32_MAX);
}

static bool is_each(const struct wire_rule *w, uint32_t events)
{
    return (!(events & MEMORY) || !w->sample_bytes) && (!(events & WIRE_RULE_LOCK) || w->locks_every <= 1) &&
           (!(events & WIRE_RULE_COPY) || w->copies_every <= 1);
}

/* All events of these kinds are recorded. */
static bool covers(const struct wire_policy *w, uint32_t events)
{
    bool all = false;
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++) {
        const struct wire_rule *r = &w->rules[i];
        if (w->excludes & 1u << i && r->events & events)
            return false;
        all |= (w->includes & 1u << i) && is_of_all(r, events) && is_each(r, events);
    }
    return all;
}

/* Bits of the gate that this session has no use for. */
static uint32_t never_recorded(const struct policy *p)
{
    const struct wire_plan *plan = session_plan(p->host.session);
    return (plan->locks ? 0u : WIRE_GATE_LOCKS) | (plan->copies_min_bytes != UINT64_MAX ? 0u : WIRE_GATE_COPIES);
}

/* What the session leaves out from its start on is no gap. */
static uint32_t cover_beside(const struct policy *p)
{
    uint32_t never = never_recorded(p);
    return (never & WIRE_GATE_LOCKS ? EVENT_COVER_LOCKS : 0u) | (never & WIRE_GATE_COPIES ? EVENT_COVER_COPIES : 0u);
}

static uint32_t cover_of(const struct wire_policy *w, uint32_t bits)
{
    uint32_t cover = bits & WIRE_GATE_LIFE ? EVENT_COVER_LIFE : 0;
    if (bits & WIRE_GATE_MEMORY)
        cover |= EVENT_COVER_DROPS | (!w || covers(w, MEMORY) ? EVENT_COVER_MEMORY : 0);
    if (bits & WIRE_GATE_LOCKS && (!w || covers(w, WIRE_RULE_LOCK)))
        cover |= EVENT_COVER_LOCKS;
    if (bits & WIRE_GATE_COPIES && (!w || covers(w, WIRE_RULE_COPY)))
        cover |= EVENT_COVER_COPIES;
    return cover;
}

uint32_t policy_cover_of_gate(const struct policy *p, uint32_t gate)
{
    static const struct wire_policy nothing;
    return cover_of(gate & WIRE_GATE_FILTERED ? &nothing : NULL, gate) | cover_beside(p);
}

/* The only rule that has to do with memory, and it is of all memory. */
static void simple_find(struct wire_policy *w)
{
    unsigned of_memory = 0;
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
        if ((w->includes | w->excludes) & 1u << i && w->rules[i].events & MEMORY) {
            of_memory++;
            w->simple = i;
        }
    if (of_memory == 1 && w->includes & 1u << w->simple && is_of_all(&w->rules[w->simple], MEMORY))
        w->flags |= WIRE_POLICY_SIMPLE;
    else
        w->simple = 0;
}

/* What no rule is of needs no look at the policy. Memory stays: what lives is followed. */
static uint32_t bits_of(const struct wire_policy *w, uint32_t bits)
{
    uint32_t events = 0;
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
        events |= w->includes & 1u << i ? w->rules[i].events : 0;
    if (!(events & WIRE_RULE_LOCK))
        bits &= ~(uint32_t)WIRE_GATE_LOCKS;
    if (!(events & WIRE_RULE_COPY))
        bits &= ~(uint32_t)WIRE_GATE_COPIES;
    return bits;
}

static void rule_put(struct wire_policy *w, unsigned slot, const struct wire_rule *r)
{
    w->rules[slot] = *r;
    if (r->flags & WIRE_RULE_EXCLUDE)
        w->excludes |= 1u << slot;
    else
        w->includes |= 1u << slot;
}

static void lists_put(struct wire_policy *w, const struct policy *p, bool by_site, bool drops_all)
{
    uint8_t *base = (uint8_t *)w;
    w->ranges_offset = sizeof *w;
    w->ranges_count = by_site ? (uint32_t)p->ranges.n : 0;
    w->born_offset = sizeof *w + w->ranges_count * sizeof(struct wire_range);
    w->born_words = drops_all ? 0 : p->born.n;
    w->born_serial = p->born.serial;
    if (w->ranges_count)
        memcpy(base + w->ranges_offset, p->ranges.at, w->ranges_count * sizeof(struct wire_range));
    if (w->born_words)
        memcpy(base + w->born_offset, p->born.words, w->born_words * 8);
}

struct policy_compiled policy_compile(const struct policy *p, const struct policy_spec *spec, const uint8_t *slot_of, unsigned implied_slot,
                                      bool drops_all)
{
    static const uint32_t all = WIRE_GATE_MEMORY | WIRE_GATE_LOCKS | WIRE_GATE_COPIES;
    uint32_t never = never_recorded(p), beside = cover_beside(p);
    struct policy_compiled c = {.bits = spec->gate & WIRE_GATE_ALL & ~never};
    struct wire_policy head = {0};
    uint32_t flags = 0;
    if (!(c.bits & all) || (!spec->n_rules && implied_slot == WIRE_RULES_MAX)) {
        c.cover = cover_of(NULL, c.bits) | beside;
        return c;
    }
    for (size_t i = 0; i < spec->n_rules; i++) {
        struct wire_rule r = rule_of(&spec->rules[i]);
        if (!spec->rules[i].exclude)
            floors_set(&r, spec);
        flags |= r.flags;
        rule_put(&head, slot_of[i], &r);
    }
    if (implied_slot < WIRE_RULES_MAX) {
        struct wire_rule r = rule_of_all();
        floors_set(&r, spec);
        rule_put(&head, implied_slot, &r);
    }
    c.by_site = flags & (WIRE_RULE_SITE | WIRE_RULE_STACK);
    c.by_thread = flags & WIRE_RULE_MASKED;
    c.bits = bits_of(&head, c.bits);
    c.cover = cover_of(&head, c.bits) | beside;
    if (!(c.bits & all))
        return c;
    simple_find(&head);
    if (drops_all)
        head.flags |= WIRE_POLICY_DROPS_ALL;
    if (spec->settles && c.by_site)
        head.flags |= WIRE_POLICY_SETTLES;
    c.bits |= WIRE_GATE_FILTERED;
    head.bytes = sizeof head + (c.by_site ? p->ranges.n : 0) * sizeof(struct wire_range) + (drops_all ? 0 : p->born.n) * 8;
    c.policy = xcalloc(1, head.bytes);
    *c.policy = head;
    lists_put(c.policy, p, c.by_site, drops_all);
    return c;
}
