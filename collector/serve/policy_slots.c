/*
 * collector/serve/policy_slots.c - the numbers that hooks know rules by, and what is
 * counted under them: hits, and the tokens of limits and rates. Ingest thread.
 *
 * A rule keeps its number as long as it lasts. A number that was given back rests as
 * long as there are others: hooks may count under it for a moment yet.
 */
#include "serve/policy_state.h"

/* A rate may be used up at once for so long. */
static const double BURST_S = 0.1;

static int slot_with(const struct policy *p, uint32_t number)
{
    for (int i = 0; i < WIRE_RULES_MAX; i++)
        if (p->slots[i].used && p->slots[i].number == number)
            return i;
    return -1;
}

/* The one that has rested longest. */
static int slot_free(const struct policy *p)
{
    int best = -1;
    for (int i = 0; i < WIRE_RULES_MAX; i++)
        if (!p->slots[i].used && (best < 0 || p->slots[i].turn < p->slots[best].turn))
            best = i;
    return best;
}

static void slot_take(struct policy *p, int i, const struct rule *r)
{
    struct policy_slot *s = &p->slots[i];
    *s = (struct policy_slot){.used = true, .number = r ? r->number : 0, .turn = ++p->turns,
                              .hits_before = session_hits(p->host.session, (unsigned)i)};
    p->met &= ~(1u << i);
    if (!r || r->exclude || (!r->limit && r->per_second <= 0))
        return;
    s->limited = r->limit > 0;
    s->ungiven = r->limit;
    s->per_second = r->per_second;
    session_tokens_set(p->host.session, (unsigned)i, 0);
    if (s->per_second <= 0) {
        session_tokens_set(p->host.session, (unsigned)i, s->ungiven > INT64_MAX ? INT64_MAX : (int64_t)s->ungiven);
        s->ungiven = 0;
    }
}

bool policy_rule_place(const struct policy *p, uint32_t number, unsigned *slot, uint64_t *hits_before)
{
    int i = slot_with(p, number);
    if (i < 0)
        return false;
    *slot = (unsigned)i;
    *hits_before = p->slots[i].hits_before;
    return true;
}

/* Tokens that lie in the segment are what hooks have left of it: they are not touched. */
void policy_rule_known(struct policy *p, const struct rule *r, unsigned slot, uint64_t hits_before)
{
    uint64_t hits = session_hits(p->host.session, slot);
    int64_t tokens = session_tokens(p->host.session, slot);
    if (slot >= WIRE_RULES_MAX || p->slots[slot].used || hits < hits_before || tokens > (int64_t)(r->limit ? r->limit : INT64_MAX))
        return;
    p->slots[slot] = (struct policy_slot){.used = true, .number = r->number, .turn = ++p->turns, .hits_before = hits_before};
    if (r->exclude)
        return;
    struct policy_slot *s = &p->slots[slot];
    uint64_t used = hits - hits_before + (tokens > 0 ? (uint64_t)tokens : 0);
    s->limited = r->limit > 0;
    s->per_second = r->per_second;
    s->ungiven = s->per_second > 0 && r->limit > used ? r->limit - used : 0;
}

bool slots_assign(struct policy *p, const struct rule *rules, size_t n, bool implied, uint8_t *slot_of, unsigned *implied_slot)
{
    bool keep[WIRE_RULES_MAX] = {false};
    int at;
    *implied_slot = WIRE_RULES_MAX;
    if (n + implied > WIRE_RULES_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((at = slot_with(p, rules[i].number)) >= 0)
            keep[at] = true;
    if (implied && (at = slot_with(p, 0)) >= 0)
        keep[at] = true;
    for (int i = 0; i < WIRE_RULES_MAX; i++)
        if (p->slots[i].used && !keep[i])
            p->slots[i] = (struct policy_slot){.turn = ++p->turns};
    for (size_t i = 0; i < n; i++) {
        if ((at = slot_with(p, rules[i].number)) < 0)
            slot_take(p, at = slot_free(p), &rules[i]);
        slot_of[i] = (uint8_t)at;
    }
    if (implied && (at = slot_with(p, 0)) < 0)
        slot_take(p, at = slot_free(p), NULL);
    if (implied)
        *implied_slot = (unsigned)at;
    return true;
}

/* What time has earned since, in whole tokens; never more than a burst lies there. */
static void slot_earn(struct policy *p, unsigned i, uint64_t now_ns)
{
    struct policy_slot *s = &p->slots[i];
    double burst = s->per_second * BURST_S < 1 ? 1 : s->per_second * BURST_S, room;
    s->owed += s->given_ns ? (double)(now_ns - s->given_ns) * 1e-9 * s->per_second : burst;
    s->given_ns = now_ns;
    room = burst - (double)session_tokens(p->host.session, i);
    if (s->owed > room)
        s->owed = room > 0 ? room : 0;
    if (s->owed < 1)
        return;
    uint64_t tokens = (uint64_t)s->owed;
    s->owed -= (double)tokens;
    if (s->limited && tokens > s->ungiven)
        tokens = s->ungiven;
    s->ungiven -= s->limited ? tokens : 0;
    if (tokens)
        session_tokens_add(p->host.session, i, (int64_t)tokens);
}

void slots_round(struct policy *p, uint64_t now_ns)
{
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
        if (p->slots[i].used && p->slots[i].per_second > 0 && now_ns > p->slots[i].given_ns)
            slot_earn(p, i, now_ns);
}

uint64_t policy_hits(const struct policy *p, uint32_t number, bool *spent)
{
    int i = number ? slot_with(p, number) : -1;
    if (spent)
        *spent = false;
    if (i < 0)
        return 0;
    const struct policy_slot *s = &p->slots[i];
    uint64_t hits = session_hits(p->host.session, (unsigned)i);
    if (spent)
        *spent = s->limited && !s->ungiven && session_tokens(p->host.session, (unsigned)i) < 1;
    return hits > s->hits_before ? hits - s->hits_before : 0;
}

bool policy_unmet(const struct policy *p, uint32_t number)
{
    int i = number ? slot_with(p, number) : -1;
    for (size_t k = 0; i >= 0 && k < p->spec.n_rules; k++)
        if (p->spec.rules[k].number == number)
            return (p->spec.rules[k].functions.n || p->spec.rules[k].stacks.n || p->spec.rules[k].modules.n) && !(p->met & 1u << i);
    return false;
}
