/* tests/unit/test_policy.c - rules and floors become a policy of integers: gate bits, numbers of
 * rules, rates, and the steps from one policy to the next. */
#include "policy_play.h"
#include "suite.h"

/* ---- bits ---- */

START_TEST(test_plain)
{
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(bits_now(), WIRE_GATE_ALL);
    ck_assert_ptr_null(published());
    gate_bits = WIRE_GATE_LIFE | WIRE_GATE_LOCKS;
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(bits_now(), WIRE_GATE_LIFE | WIRE_GATE_LOCKS);
    ck_assert_ptr_null(published());
    settle();
}
END_TEST

START_TEST(test_pause_with_rules)
{
    rule_add(1, "size=1..100");
    gate_bits = WIRE_GATE_LIFE;
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(bits_now(), WIRE_GATE_LIFE);
    ck_assert_ptr_null(published());
    gate_bits = WIRE_GATE_ALL;
    ck_assert_int_eq(set(), 0);
    ck_assert(bits_now() & WIRE_GATE_FILTERED);
    ck_assert_ptr_nonnull(published());
    ck_assert_uint_eq(published()->gate, gate_now());
}
END_TEST

/* Of what no rule speaks, hooks need not ask. Memory: what lives is followed. */
START_TEST(test_bits_of_rules)
{
    rule_add(1, "events=lock");
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(bits_now(), WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_LOCKS | WIRE_GATE_FILTERED);
    rules_drop(0);
    rule_add(2, "events=copy,heap");
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(bits_now(), WIRE_GATE_LIFE | WIRE_GATE_MEMORY | WIRE_GATE_COPIES | WIRE_GATE_FILTERED);
}
END_TEST

/* ---- rules ---- */

START_TEST(test_rule_words)
{
    rule_add(1, "function=f module=m size=10..20 events=heap family=malloc,calloc");
    rule_add(2, "thread=x sample=64K limit=5");
    rule_add(3, "exclude process=y events=lock");
    ck_assert_int_eq(set(), 0);
    const struct wire_policy *w = published();
    const struct wire_rule *one = &w->rules[slot_of(10)];
    ck_assert_uint_eq(one->flags, WIRE_RULE_USED | WIRE_RULE_SITE);
    ck_assert_uint_eq(one->events, WIRE_RULE_HEAP);
    ck_assert_uint_eq(one->families, 1u << WIRE_MALLOC | 1u << WIRE_CALLOC);
    ck_assert_uint_eq(one->size_max, 20);
    ck_assert_int_eq(__builtin_popcount(w->includes), 2);
    ck_assert_int_eq(__builtin_popcount(w->excludes), 1);
    ck_assert_uint_eq(w->includes & w->excludes, 0);
    ck_assert_uint_eq(w->rules[__builtin_ctz(w->excludes)].flags, WIRE_RULE_USED | WIRE_RULE_EXCLUDE | WIRE_RULE_MASKED);
    for (unsigned i = 0; i < WIRE_RULES_MAX; i++)
        if (w->includes & 1u << i && &w->rules[i] != one) {
            ck_assert_uint_eq(w->rules[i].flags, WIRE_RULE_USED | WIRE_RULE_MASKED | WIRE_RULE_TOKENS);
            ck_assert_uint_eq(w->rules[i].sample_bytes, 65536);
            ck_assert_int_eq(session_tokens(session, i), 5);
        }
    ck_assert(!(w->flags & WIRE_POLICY_SIMPLE));
}
END_TEST

START_TEST(test_floors)
{
    floor_bytes = 4096;
    ck_assert_int_eq(set(), 0);
    const struct wire_policy *w = published();
    ck_assert_uint_eq(w->flags, WIRE_POLICY_SIMPLE);
    ck_assert_uint_eq(w->includes, 1u << w->simple);
    ck_assert_uint_eq(w->rules[w->simple].sample_bytes, 4096);
    ck_assert_uint_eq(w->rules[w->simple].events, WIRE_RULE_EVENTS);
    rule_add(1, "size=1..9 sample=512");
    rule_add(2, "size=2..9 sample=64K");
    rule_add(3, "size=3..9");
    ck_assert_int_eq(set(), 0);
    w = published();
    ck_assert_uint_eq(w->rules[slot_of(1)].sample_bytes, 4096);
    ck_assert_uint_eq(w->rules[slot_of(2)].sample_bytes, 65536);
    ck_assert_uint_eq(w->rules[slot_of(3)].sample_bytes, 4096);
    floor_bytes = 0;
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(published()->rules[slot_of(1)].sample_bytes, 512);
}
END_TEST

START_TEST(test_simple)
{
    static const struct { const char *first, *second; bool simple; } cases[] = {
        {"sample=512K", NULL, true},        {"events=memory sample=512K", NULL, true},
        {"events=heap", NULL, false},       {"size=1..100", NULL, false},
        {"family=malloc", NULL, false},     {"thread=x", NULL, false},
        {"module=x", NULL, false},          {"limit=3", NULL, false},
        {"rate=5/s", NULL, false},          {"sample=1K", "events=lock", true},
        {"sample=1K", "size=1..2", false},  {"sample=1K", "exclude events=copy", true},
        {"sample=1K", "exclude module=x", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rule_add(1, cases[i].first);
        if (cases[i].second)
            rule_add(2, cases[i].second);
        ck_assert_int_eq(set(), 0);
        ck_assert_msg(!!(published()->flags & WIRE_POLICY_SIMPLE) == cases[i].simple, "%s + %s", cases[i].first, cases[i].second);
        while (n_rules)
            rules_drop(0);
    }
}
END_TEST

/* Rules that only exclude: all else is meant. */
START_TEST(test_excludes_alone)
{
    rule_add(1, "exclude size=7..9");
    ck_assert_int_eq(set(), 0);
    const struct wire_policy *w = published();
    ck_assert_uint_eq(w->excludes, 1u << slot_of(7));
    ck_assert_int_eq(__builtin_popcount(w->includes), 1);
    ck_assert_uint_eq(w->rules[__builtin_ctz(w->includes)].size_max, UINT64_MAX);
    rule_add(2, "size=1..2");
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(published()->includes, 1u << slot_of(1));
}
END_TEST

START_TEST(test_too_many)
{
    char text[32];
    for (uint32_t i = 1; i <= 32; i++) {
        snprintf(text, sizeof text, "size=%u..%u", i, i);
        rule_add(i, text);
    }
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(published()->includes, UINT32_MAX);
    rule_add(33, "size=33..33");
    ck_assert_int_eq(set(), -E2BIG);
    ck_assert_uint_eq(published()->includes, UINT32_MAX);
    ck_assert_uint_eq(policy_hits(policy, 33, NULL), 0);
}
END_TEST

/* ---- numbers of rules ---- */

static void hit(const struct fake_writer *w, unsigned slot, uint64_t events)
{
    count_up(&wire_home_of(&shared, w->ring.slot)->hits[slot], events);
}

/* Another collector is told where hooks count, and takes nothing for new. */
START_TEST(test_numbers_of_the_collector_before)
{
    struct fake_writer w;
    struct policy *before = policy;
    unsigned slot;
    uint64_t from;
    bool spent;
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    round_one();
    hit(&w, 1, 100);
    rule_add(7, "size=7..7");
    struct rule *r = rule_add(8, "size=8..8 limit=10");
    ck_assert(!policy_rule_place(before, 8, &slot, &from));
    ck_assert_int_eq(set(), 0);
    ck_assert(policy_rule_place(before, 8, &slot, &from));
    ck_assert_uint_eq(slot, 1);
    ck_assert_uint_eq(from, 100);
    hit(&w, slot, 4);
    session_tokens_add(session, slot, -4);
    policy = policy_new(&(struct policy_host){.session = session, .code = code, .live = live, .tell = tell, .cover = EVENT_COVER_ALL});
    policy_rule_known(policy, r, WIRE_RULES_MAX, 0);
    policy_rule_known(policy, r, slot, 1000);  /* no such place: none of ours wrote that */
    ck_assert(!policy_rule_place(policy, 8, &slot, &from));
    policy_rule_known(policy, r, slot, from);
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(slot_of(8), slot);
    ck_assert_uint_eq(policy_hits(policy, 8, &spent), 4);
    ck_assert(!spent);
    ck_assert_int_eq(session_tokens(session, slot), 6);
    policy_free(before);
}
END_TEST

START_TEST(test_numbers)
{
    struct fake_writer w;
    bool spent;
    ck_assert_int_eq(fake_claim(&w, &shared, fake_process(&shared)), 0);
    round_one();
    rule_add(1, "size=1..1 limit=10");
    rule_add(2, "size=2..2");
    rule_add(3, "size=3..3");
    ck_assert_int_eq(set(), 0);
    unsigned one = slot_of(1), two = slot_of(2), three = slot_of(3);
    hit(&w, one, 4);
    hit(&w, two, 7);
    session_tokens_add(session, one, -4);
    ck_assert_uint_eq(policy_hits(policy, 1, &spent), 4);
    ck_assert(!spent);
    ck_assert_uint_eq(policy_hits(policy, 2, &spent), 7);
    rules_drop(1);
    rule_add(4, "size=4..4");
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(slot_of(1), one);
    ck_assert_uint_eq(slot_of(3), three);
    ck_assert_uint_ne(slot_of(4), two);             /* somebody may count there yet */
    ck_assert_int_eq(session_tokens(session, one), 6); /* given once */
    ck_assert_uint_eq(policy_hits(policy, 2, NULL), 0);
    ck_assert_uint_eq(policy_hits(policy, 4, NULL), 0);
    for (uint32_t i = 5; i < 40; i++) {             /* until `two` is given out again */
        rules_drop(n_rules - 1);
        rule_add(i, "size=4..4");
        ck_assert_int_eq(set(), 0);
        if (slot_of(4) == two)
            break;
    }
    ck_assert_uint_eq(slot_of(4), two);
    ck_assert_uint_eq(policy_hits(policy, rules[n_rules - 1].number, NULL), 0);
    hit(&w, two, 1);
    ck_assert_uint_eq(policy_hits(policy, rules[n_rules - 1].number, NULL), 1);
    session_tokens_add(session, one, -6);
    policy_hits(policy, 1, &spent);
    ck_assert(spent);
}
END_TEST

/* ---- rates ---- */

START_TEST(test_rate)
{
    bool spent;
    rule_add(1, "size=1..1 rate=1000/s");
    ck_assert_int_eq(set(), 0);
    unsigned one = slot_of(1);
    ck_assert_int_eq(session_tokens(session, one), 0);
    round_one();
    ck_assert_int_eq(session_tokens(session, one), 100);    /* what may come at once */
    session_tokens_add(session, one, -100);
    play_ns += 50000000;
    round_one();
    ck_assert_int_eq(session_tokens(session, one), 50);
    play_ns += 1000000000;
    round_one();
    ck_assert_int_eq(session_tokens(session, one), 100);
    session_tokens_add(session, one, -130);                 /* threads that came at once */
    for (int i = 0; i < 1000; i++) {
        play_ns += 100000;                                  /* a tenth of a token each */
        round_one();
    }
    ck_assert_int_ge(session_tokens(session, one), 69);
    ck_assert_int_le(session_tokens(session, one), 70);
    policy_hits(policy, 1, &spent);
    ck_assert(!spent);
}
END_TEST

START_TEST(test_rate_and_limit)
{
    bool spent;
    rule_add(1, "size=1..1 rate=1000/s limit=120");
    ck_assert_int_eq(set(), 0);
    unsigned one = slot_of(1);
    round_one();
    ck_assert_int_eq(session_tokens(session, one), 100);
    session_tokens_add(session, one, -100);
    policy_hits(policy, 1, &spent);
    ck_assert(!spent);
    play_ns += 1000000000;
    round_one();
    ck_assert_int_eq(session_tokens(session, one), 20);
    session_tokens_add(session, one, -20);
    play_ns += 1000000000;
    round_one();
    ck_assert_int_eq(session_tokens(session, one), 0);
    policy_hits(policy, 1, &spent);
    ck_assert(spent);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, policy_setup, policy_teardown);
    tcase_add_test(t, test_plain);
    tcase_add_test(t, test_pause_with_rules);
    tcase_add_test(t, test_bits_of_rules);
    tcase_add_test(t, test_rule_words);
    tcase_add_test(t, test_floors);
    tcase_add_test(t, test_simple);
    tcase_add_test(t, test_excludes_alone);
    tcase_add_test(t, test_too_many);
    tcase_add_test(t, test_numbers);
    tcase_add_test(t, test_numbers_of_the_collector_before);
    tcase_add_test(t, test_rate);
    tcase_add_test(t, test_rate_and_limit);
    suite_add_tcase(s, t);
    return suite_run(s);
}
