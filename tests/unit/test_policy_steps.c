/* tests/unit/test_policy_steps.c - from recording everything to less and back: what is told of it
 * when, and the filter of the blocks that lived. */
#include "policy_play.h"
#include "suite.h"

#define ALL "memory,drops,locks,copies,life"

static struct fake_writer thread;

/* Somebody runs who was recorded. */
static void somebody(void)
{
    ck_assert_int_eq(fake_claim(&thread, &shared, fake_process(&shared)), 0);
    ck_assert_int_eq(fake_birth(&thread, 0, WIRE_BORN_EXEC), 0);
    ck_assert_int_eq(fake_new(&thread, 0x5000, 32), 0);
    while (!by_type[EVENT_NEW])
        round_one();
}

static void narrow(void) { rule_add(1, "size=1..9"); ck_assert_int_eq(set(), 0); }

/* ---- EVENT_COVER ---- */

START_TEST(test_nothing_to_tell)
{
    ck_assert_int_eq(set(), 0);
    settle_all();
    told_is("");
}
END_TEST

START_TEST(test_pause)
{
    somebody();
    gate_bits = WIRE_GATE_LIFE;
    ck_assert_int_eq(set(), 0);
    told_is("life");
    gate_bits = WIRE_GATE_ALL;
    ck_assert_int_eq(set(), 0);
    told_is("");                    /* somebody may act on the pause yet */
    settle_all();
    told_is(ALL);
}
END_TEST

/* A thread acts on what was before as long as it says so. */
START_TEST(test_acting)
{
    somebody();
    gate_bits = WIRE_GATE_LIFE;
    ck_assert_int_eq(set(), 0);
    settle_all();
    told_is("life");
    store_release(&thread.ring.slot->acting, gate_now());
    gate_bits = WIRE_GATE_ALL;
    ck_assert_int_eq(set(), 0);
    for (int i = 0; i < 100; i++) {
        round_one();
        usleep(1000);
    }
    told_is("");
    ck_assert(policy_waits_for(policy));
    store_release(&thread.ring.slot->acting, WIRE_ACTING_NOT);
    settle_all();
    told_is(ALL);
}
END_TEST

START_TEST(test_told_before_less)
{
    somebody();
    narrow();
    told_is("drops,life");
    settle_all();
    told_is("");
    rule_add(2, "events=lock,copy");
    ck_assert_int_eq(set(), 0);
    told_is("");
    settle_all();
    told_is("drops,locks,copies,life");
    while (n_rules)
        rules_drop(0);
    gate_bits = WIRE_GATE_LIFE | WIRE_GATE_LOCKS;   /* less here, and more there */
    ck_assert_int_eq(set(), 0);
    told_is("locks,life");
    gate_bits = WIRE_GATE_ALL;
    ck_assert_int_eq(set(), 0);
    settle_all();
    told_is(ALL);
}
END_TEST

START_TEST(test_cover_of_rules)
{
    static const struct { const char *rule, *other, *told; } cases[] = {
        {"events=memory", NULL, "memory,drops,life"},
        {"events=heap", NULL, "drops,life"},
        {"sample=64K", NULL, "drops,locks,copies,life"},
        {"sample=1/10", NULL, "memory,drops,life"},
        {"family=malloc", "events=lock", "drops,locks,life"},
        {"module=x", "events=copy rate=5/s", "drops,life"},
        {"events=lock,copy", "exclude events=lock thread=x", "drops,copies,life"},
        {"thread=x", "size=3..", "drops,life"},
    };
    somebody();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rule_add(1, cases[i].rule);
        if (cases[i].other)
            rule_add(2, cases[i].other);
        ck_assert_int_eq(set(), 0);
        ck_assert_msg(!strcmp(told, cases[i].told), "%s: %s", cases[i].rule, told);
        while (n_rules)
            rules_drop(0);
        ck_assert_int_eq(set(), 0);
        settle_all();
        told[0] = 0;
    }
}
END_TEST

/* ---- the blocks that lived ---- */

START_TEST(test_two_steps)
{
    somebody();
    live_first = 0x10000;
    live_count = 5000;
    narrow();
    const struct wire_policy *w = published();
    ck_assert_uint_eq(w->flags, WIRE_POLICY_DROPS_ALL);
    ck_assert_uint_eq(w->born_words, 0);
    ck_assert_uint_eq(live_asked, 0);       /* not before all is quiet */
    settle();
    w = published();
    ck_assert_uint_eq(w->flags, 0);
    ck_assert_uint_eq(w->born_words, 2048); /* 16 bits each, and the next power of two */
    for (uint64_t i = 0; i < live_count; i++)
        ck_assert(born_has(w, live_first + i * 16));
    unsigned strangers = 0;
    for (uint64_t i = 0; i < 10000; i++)
        strangers += born_has(w, 0x7f0000000000 + i * 16);
    ck_assert_uint_lt(strangers, 100);
    uint32_t serial = w->born_serial;
    ck_assert_uint_ne(serial, 0);

    live_asked = 0;                         /* the next policy has the same filter */
    rule_add(2, "size=100..200");
    ck_assert_int_eq(set(), 0);
    w = published();
    ck_assert(!(w->flags & WIRE_POLICY_DROPS_ALL));
    ck_assert_uint_eq(w->born_serial, serial);
    ck_assert(born_has(w, live_first) && born_has(w, live_first + 4999 * 16));
    settle();
    ck_assert_uint_eq(live_asked, 0);

    while (n_rules)                         /* everything again: then there are blocks that hooks do not know */
        rules_drop(0);
    ck_assert_int_eq(set(), 0);
    settle();
    live_first = 0x900000;
    narrow();
    ck_assert(published()->flags & WIRE_POLICY_DROPS_ALL);
    settle();
    w = published();
    ck_assert(born_has(w, live_first));
    ck_assert_uint_ne(w->born_serial, serial);
}
END_TEST

START_TEST(test_nothing_lived)
{
    narrow();                               /* nobody ran yet: no step is needed */
    ck_assert_uint_eq(published()->flags, 0);
    settle();
    ck_assert_uint_eq(live_asked, 0);
    while (n_rules)
        rules_drop(0);
    ck_assert_int_eq(set(), 0);
    somebody();
    narrow();                               /* now somebody may have: but all is dropped */
    ck_assert(published()->flags & WIRE_POLICY_DROPS_ALL);
    settle();
    ck_assert_uint_gt(live_asked, 0);
    ck_assert_uint_eq(published()->flags, 0);
    ck_assert_uint_eq(published()->born_words, 0);
}
END_TEST

static bool asked_often(void) { return live_asked > 20; }

START_TEST(test_graph_lent)
{
    somebody();
    live_count = 10;
    live_lent = true;
    narrow();
    ck_assert(rounds_until(asked_often));
    ck_assert(policy_waits_for(policy));
    ck_assert(published()->flags & WIRE_POLICY_DROPS_ALL);
    live_lent = false;
    settle();
    ck_assert_uint_eq(published()->born_words, 4);
}
END_TEST

static bool all_drops(void) { return policy_all_drops(policy); }

START_TEST(test_no_room)
{
    somebody();
    live_count = 10;
    live_claimed = 80 << 20;                /* their filter would have to be larger than any may be */
    narrow();
    ck_assert(!policy_all_drops(policy));
    ck_assert(rounds_until(all_drops));
    settle();
    ck_assert(published()->flags & WIRE_POLICY_DROPS_ALL);
    live_claimed = 0;                       /* the next order tries again */
    ck_assert_int_eq(set(), 0);
    ck_assert(!policy_all_drops(policy));
    settle();
    ck_assert(!(published()->flags & WIRE_POLICY_DROPS_ALL));
}
END_TEST

/* Where there is no room for a filter, it is made smaller. */
START_TEST(test_little_room)
{
    somebody();
    live_count = 10;
    live_claimed = 20 << 20;                /* as large as any may be: 32 MiB */
    narrow();
    settle();
    ck_assert_uint_eq(published()->born_words, 1 << 22);
    store_release(&thread.ring.slot->acting, gate_now());   /* what is replaced stays where it is */
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(published()->born_words, 1 << 22);
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(published()->flags, WIRE_POLICY_DROPS_ALL);
    store_release(&thread.ring.slot->acting, WIRE_ACTING_NOT);
    settle();
    ck_assert_uint_eq(published()->flags, 0);
    ck_assert_uint_eq(published()->born_words, 1 << 21);
    ck_assert(born_has(published(), live_first + 16));
    ck_assert(!policy_all_drops(policy));
}
END_TEST

/* What lived before a pause may live after it. */
START_TEST(test_over_a_pause)
{
    somebody();
    live_first = 0x10000;
    live_count = 10;
    gate_bits = WIRE_GATE_LIFE;
    narrow();
    settle();
    gate_bits = WIRE_GATE_ALL;
    ck_assert_int_eq(set(), 0);
    ck_assert(published()->flags & WIRE_POLICY_DROPS_ALL);
    settle();
    ck_assert(born_has(published(), 0x10000));
    gate_bits = WIRE_GATE_LIFE;
    ck_assert_int_eq(set(), 0);
    gate_bits = WIRE_GATE_ALL;
    ck_assert_int_eq(set(), 0);
    ck_assert(!(published()->flags & WIRE_POLICY_DROPS_ALL));
    ck_assert(born_has(published(), 0x10000));
}
END_TEST

/* ---- emergency stops ---- */

START_TEST(test_emergency)
{
    somebody();
    narrow();
    settle_all();
    told_is("drops,life");
    session_emergency(session);
    ck_assert_int_eq(set(), -EPERM);
    for (int i = 0; i < 10; i++)
        round_one();
    ck_assert_uint_eq(gate_now(), 0);
    told_is("");                            /* who stops tells it: nothing is recorded */
    session_emergency_end(session);
    while (n_rules)
        rules_drop(0);
    ck_assert_int_eq(set(), 0);
    ck_assert_uint_eq(bits_now(), WIRE_GATE_ALL);
    told_is("");
    settle_all();
    told_is(ALL);
}
END_TEST

/* It came and was lifted between two rounds. */
START_TEST(test_emergency_unseen)
{
    somebody();
    session_emergency(session);
    session_emergency_end(session);
    ck_assert_int_eq(set(), 0);
    told_is("");
    settle_all();
    told_is(ALL);
}
END_TEST

/* ---- another collector goes on ---- */

START_TEST(test_after_another)
{
    somebody();
    live_count = 10;
    narrow();
    settle_all();
    told_is("drops,life");
    policy_free(policy);
    struct policy_host host = {.session = session, .code = code, .live = live, .tell = tell, .cover = EVENT_COVER_DROPS | EVENT_COVER_LIFE};
    policy = policy_new(&host);
    ck_assert_int_eq(set(), 0);
    told_is("");
    ck_assert(published()->flags & WIRE_POLICY_DROPS_ALL);  /* it has the blocks, not the filter */
    settle();
    ck_assert(born_has(published(), live_first));
    rules_drop(0);
    ck_assert_int_eq(set(), 0);
    settle_all();
    told_is(ALL);
    policy_free(policy);                    /* and one whose file begins with nothing told */
    rule_add(5, "size=1..9");
    policy = policy_new(&host);
    ck_assert_int_eq(set(), 0);
    settle_all();
    policy_free(policy);
    told[0] = 0;
    host.cover = EVENT_COVER_ALL;
    policy = policy_new(&host);
    rules_drop(0);
    ck_assert_int_eq(set(), 0);
    told_is("drops,life");                  /* as it has been */
    settle_all();
    told_is(ALL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("policy_steps");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, policy_setup, policy_teardown);
    tcase_add_test(t, test_nothing_to_tell);
    tcase_add_test(t, test_pause);
    tcase_add_test(t, test_acting);
    tcase_add_test(t, test_told_before_less);
    tcase_add_test(t, test_cover_of_rules);
    tcase_add_test(t, test_two_steps);
    tcase_add_test(t, test_nothing_lived);
    tcase_add_test(t, test_graph_lent);
    tcase_add_test(t, test_no_room);
    tcase_add_test(t, test_little_room);
    tcase_add_test(t, test_over_a_pause);
    tcase_add_test(t, test_emergency);
    tcase_add_test(t, test_emergency_unseen);
    tcase_add_test(t, test_after_another);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return suite_run(s);
}
