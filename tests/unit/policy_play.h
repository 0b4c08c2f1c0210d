/*
 * tests/unit/policy_play.h - a policy over a real session: what it publishes is read out of the
 * segment as hooks would, what lives and what is told stands here. For the tests of
 * collector/serve/policy*.c: `policy_setup` and `policy_teardown` are their checked fixture.
 */
#ifndef TESTS_POLICY_PLAY_H
#define TESTS_POLICY_PLAY_H

#include <errno.h>
#include <stdio.h>

#include "event/xalloc.h"
#include "serve/policy.h"
#include "session_fixture.h"

static struct policy *policy;
static struct rule rules[64];
static size_t n_rules;
static uint32_t gate_bits;
static uint64_t floor_bytes, play_ns;

/* ---- the graph ---- */
static uint64_t live_first, live_count;     /* addresses: every 16th byte from there on */
static uint64_t live_claimed;               /* so many are said to be, 0: live_count */
static bool live_lent;
static unsigned live_asked;

static bool live(void *context, void (*fn)(void *to, uint64_t address), void *to, uint64_t *count)
{
    live_asked++;
    if (live_lent)
        return false;
    *count = live_claimed ? live_claimed : live_count;
    for (uint64_t i = 0; fn && i < live_count; i++)
        fn(to, live_first + i * 16);
    return true;
}

/* ---- the stream ---- */
static char told[1024];     /* covers, in words, one after the other */

static void tell(void *context, const struct event *e)
{
    static const char *const names[] = {"memory", "drops", "locks", "copies", "life"};
    ck_assert_int_eq(e->type, EVENT_COVER);
    strcat(told, told[0] ? " | " : "");
    for (unsigned i = 0; i < 5; i++)
        if (e->family & 1u << i)
            strcat(strcat(told, names[i]), i < 4 ? "," : "");
}

static inline void told_is(const char *text)
{
    ck_assert_str_eq(told, text);
    told[0] = 0;
}

/* ---- what hooks see ---- */
static uint32_t gate_now(void) { return load_acquire(&wire_pulse_of(&shared)->gate); }
static const struct wire_policy *published(void)
{
    uint64_t offset = load_acquire(wire_policy_word(&shared, gate_now()));
    return offset ? wire_at(&shared, offset, sizeof(struct wire_policy)) : NULL;
}
static inline uint32_t bits_now(void) { return gate_now() & (WIRE_GATE_SERIAL - 1); }

static inline bool born_has(const struct wire_policy *w, uint64_t address)
{
    const uint64_t *words = (const uint64_t *)((const uint8_t *)w + w->born_offset);
    uint64_t hash = wire_born_hash(address), bits = wire_born_bits(hash);
    return w->born_words && (words[wire_born_word(hash, w->born_words)] & bits) == bits;
}

/* ---- acts ---- */
static void policy_setup(void)
{
    setup();
    struct policy_host host = {.session = session, .code = code, .live = live, .tell = tell, .cover = EVENT_COVER_ALL};
    policy = policy_new(&host);
    n_rules = 0;
    gate_bits = WIRE_GATE_ALL;
    floor_bytes = live_count = live_claimed = 0;
    live_lent = false;
    live_asked = 0;
    told[0] = 0;
    play_ns = wire_clock_monotonic_ns();
}

static inline void rules_drop(size_t i)
{
    rule_clear(&rules[i]);
    memmove(&rules[i], &rules[i + 1], (--n_rules - i) * sizeof *rules);
}

static void policy_teardown(void)
{
    while (n_rules)
        rules_drop(0);
    policy_free(policy);
    teardown();
}

static inline struct rule *rule_add(uint32_t number, const char *text)
{
    char *error = NULL;
    ck_assert_msg(!rule_parse(&rules[n_rules], text, &error), "%s: %s", text, error);
    rules[n_rules].number = number;
    return &rules[n_rules++];
}

static inline int set(void)
{
    struct policy_spec spec = {.gate = gate_bits, .rules = rules, .n_rules = n_rules, .sample_bytes = floor_bytes};
    return policy_set(policy, &spec);
}

static void round_one(void)
{
    ck_assert_int_ge(session_drain(session, code, keep, NULL), 0);
    policy_round(policy, play_ns);
}

/* Rounds until `done`, at most so long that a slow machine is no reason. */
static inline bool rounds_until(bool (*done)(void))
{
    uint64_t end = wire_clock_monotonic_ns() + 40000000000;
    for (round_one(); !done(); round_one()) {
        if (wire_clock_monotonic_ns() > end)
            return false;
        usleep(500);
    }
    return true;
}
static inline bool settled(void) { return !policy_waits_for(policy); }
static inline void settle(void) { ck_assert(rounds_until(settled)); }
/* And what was recorded before is folded. */
static inline void settle_all(void)
{
    settle();
    for (int i = 0; i < 4; i++)
        round_one();
}

/* The number that hooks know a rule by: that of this size. */
static inline unsigned slot_of(uint64_t size_min)
{
    const struct wire_policy *w = published();
    ck_assert_ptr_nonnull(w);
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
        if ((w->includes | w->excludes) & 1u << i && w->rules[i].size_min == size_min)
            return i;
    ck_abort_msg("no such rule is published");
    return 0;
}

#endif
