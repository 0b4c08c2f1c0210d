/*
 * tests/unit/test_graph_cover.c - what is claimed, and what is not, where not
 * all was recorded; and the orders that the fold keeps.
 */
#include "graph_play.h"
#include "suite.h"

static void setup(void)
{
    play_start();
    process_start(100, 0, WIRE_BORN_EXEC);
    hush();
}
static void teardown(void) { play_stop(); }

static void cover(unsigned bits) { put((struct event){ .type = EVENT_COVER, .thread = UINT32_MAX, .family = (uint8_t)bits }); }
static void order(unsigned kind, unsigned state, const char *text)
{
    put((struct event){ .type = EVENT_CONTROL, .thread = UINT32_MAX, .family = (uint8_t)kind, .address = state, .text = text,
                        .text_bytes = (uint16_t)strlen(text) });
}

enum { SAMPLED = EVENT_COVER_ALL & ~EVENT_COVER_MEMORY, PAUSED = EVENT_COVER_LIFE };

static uint64_t found(unsigned rule)
{
    struct view *v = graph_view_make(play, NULL, 0);
    uint64_t n = v->findings_by_rule[rule];
    view_free(v);
    return n;
}

START_TEST(a_second_drop_is_claimed_of_whole_times_alone)
{
    make(0x1000, 32); drop(0x1000); drop(0x1000);
    ck_assert_uint_eq(found(RULE_DOUBLE_DROP), 1);
    make(0x2000, 32); drop(0x2000);
    cover(SAMPLED);
    drop(0x2000);                       /* a block that was not drawn may have lived there */
    make(0x3000, 32); drop(0x3000); drop(0x3000);
    ck_assert_uint_eq(found(RULE_DOUBLE_DROP), 1);
    cover(EVENT_COVER_ALL);
    drop(0x3000);                       /* dropped when not all was told */
    ck_assert_uint_eq(found(RULE_DOUBLE_DROP), 1);
    make(0x4000, 32); drop(0x4000); drop(0x4000);
    ck_assert_uint_eq(found(RULE_DOUBLE_DROP), 2);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert(v->cover.told && v->cover.memory_ns && v->cover.memory_ns != UINT64_MAX);
    ck_assert_uint_eq(v->cover.unknown_drops, 4);
    ck_assert_uint_eq(v->totals.unknown_drops, 1);
    view_free(v);
}
END_TEST

static void copy_from(uint64_t from, uint64_t bytes)
{
    put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMCPY, .address = 0x7f00000000, .size = bytes, .extra = { from } });
}

START_TEST(a_use_after_the_drop_needs_whole_times)
{
    make(0x1000, 64); drop(0x1000); copy_from(0x1000, 16);
    ck_assert_uint_eq(found(RULE_USE_AFTER_DROP), 1);
    make(0x2000, 64); drop(0x2000);
    cover(SAMPLED);
    copy_from(0x2000, 16);
    ck_assert_uint_eq(found(RULE_USE_AFTER_DROP), 1);
}
END_TEST

START_TEST(what_lived_through_a_pause_may_be_gone)
{
    make(0x1000, 64); make(0x2000, 64);
    copy_from(0x1000, 80);              /* past its end */
    ck_assert_uint_eq(found(RULE_OUT_OF_BOUNDS), 1);
    cover(PAUSED);
    cover(EVENT_COVER_ALL);
    copy_from(0x2000, 80);
    put((struct event){ .type = EVENT_DROP, .family = WIRE_DELETE, .address = 0x2000 });
    ck_assert_uint_eq(found(RULE_OUT_OF_BOUNDS), 1);
    ck_assert_uint_eq(found(RULE_MISMATCHED_DROP), 0);
    make(0x5000, 64);
    copy_from(0x5000, 80);
    ck_assert_uint_eq(found(RULE_OUT_OF_BOUNDS), 2);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->cover.withheld, 2);
    view_free(v);
}
END_TEST

START_TEST(an_address_given_out_again_was_dropped_in_the_pause)
{
    make(0x1000, 64);
    cover(PAUSED);
    cover(EVENT_COVER_ALL);
    make(0x1000, 32);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->totals.unseen_drops, 1);
    ck_assert_uint_eq(v->totals.live_blocks, 1);
    view_free(v);
    make(0x9000, 64);
    copy_from(0x9000, 80);              /* and no doubt falls on this one */
    ck_assert_uint_eq(found(RULE_OUT_OF_BOUNDS), 1);
}
END_TEST

START_TEST(what_lies_where_a_block_is_made_was_dropped_in_the_pause)
{
    make(0x1400, 32); make(0x2000, 64);
    cover(PAUSED);
    cover(EVENT_COVER_ALL);
    make(0x1000, 0x1000); drop(0x1000);
    make(0x1000, 0x1000);
    copy_from(0x1800, 16);              /* in the block that lives, behind one that does not */
    ck_assert_uint_eq(found(RULE_USE_AFTER_DROP), 0);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->totals.unseen_drops, 1);
    ck_assert_uint_eq(v->totals.live_blocks, 2);
    view_free(v);
}
END_TEST

START_TEST(what_lies_where_a_block_is_made_was_dropped_in_what_was_lost)
{
    make(0x1400, 32);
    put((struct event){ .type = EVENT_LOST, .thread = UINT32_MAX, .address = WIRE_LOST_COLLECTOR_DIED, .size = 10 });
    make(0x1000, 0x1000); drop(0x1000);
    make(0x1000, 0x1000);
    copy_from(0x1800, 16);
    ck_assert_uint_eq(found(RULE_USE_AFTER_DROP), 0);
}
END_TEST

static void lock_event(unsigned type, uint64_t address) { put((struct event){ .type = (uint8_t)type, .family = WIRE_LOCK_MUTEX, .address = address }); }

START_TEST(a_lock_held_before_a_pause_may_be_free)
{
    two_threads();
    lock_event(EVENT_ACQUIRE, 0x8000);
    cover(PAUSED);
    cover(EVENT_COVER_ALL);
    lock_event(EVENT_WAIT, 0x8000);     /* else: locked again by who has it */
    ck_assert_uint_eq(found(RULE_RELOCK), 0);
    lock_event(EVENT_ACQUIRE, 0x8040);
    lock_event(EVENT_WAIT, 0x8040);
    ck_assert_uint_eq(found(RULE_RELOCK), 1);
    lock_event(EVENT_RELEASE, 0x8080);  /* its acquisition was not recorded, for all that is known */
    ck_assert_uint_eq(found(RULE_RELEASED_BY_STRANGER), 0);
}
END_TEST

/* t1 and t2 write to one block of t1's without a lock. */
static void unordered(uint64_t address)
{
    who(1, 1);
    make(address, 64);
    copy_from(address, 8);
    put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMSET, .address = address, .size = 8 });
    who(1, 2);
    put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMSET, .address = address, .size = 8 });
    who(1, 1);
}

START_TEST(nothing_is_unordered_while_locks_are_sampled)
{
    two_threads();
    lock_event(EVENT_ACQUIRE, 0x8000);
    lock_event(EVENT_RELEASE, 0x8000);
    by_stack(1);
    cover(EVENT_COVER_ALL & ~EVENT_COVER_LOCKS);
    unordered(0x1000);
    cover(EVENT_COVER_ALL);
    ck_assert_uint_eq(found(RULE_UNORDERED_BORROW), 0);
    unordered(0x2000);
    ck_assert_uint_eq(found(RULE_UNORDERED_BORROW), 1);
}
END_TEST

START_TEST(orders_are_kept_with_who_and_why)
{
    order(EVENT_CONTROL_VERB, EVENT_PAUSED, "stop (uid 1000, pid 4711 bash)");
    cover(PAUSED);
    order(EVENT_CONTROL_VERB, EVENT_RECORDING, "start (uid 0, pid 1 sh)");
    cover(EVENT_COVER_ALL);
    make(0x1000, 8);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->cover.n_controls, 2);
    ck_assert_str_eq(v->cover.controls[0].text, "stop (uid 1000, pid 4711 bash)");
    ck_assert_uint_eq(v->cover.controls[1].was, EVENT_PAUSED);
    ck_assert_uint_eq(v->cover.state, EVENT_RECORDING);
    ck_assert_uint_eq(v->cover.ns_by_state[EVENT_PAUSED], 20000);
    ck_assert_uint_eq(v->cover.without_ns[0], 20000);
    ck_assert_uint_eq(v->cover.without_ns[4], 0);
    ck_assert_uint_eq(v->cover.n_spans, 2);
    ck_assert_uint_eq(v->cover.spans[0].bits, PAUSED);
    view_free(v);
    for (int i = 0; i < 3000; i++, hush())
        order(EVENT_CONTROL_BUDGET, EVENT_RECORDING, i % 2 ? "cpu=3%: 64k -> 128k" : "");
    v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->cover.orders, 3002);
    ck_assert_uint_eq(v->cover.n_controls, 1024);
    ck_assert_str_eq(v->cover.controls[1023].text, "cpu=3%: 64k -> 128k");
    view_free(v);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph cover");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_second_drop_is_claimed_of_whole_times_alone);
    tcase_add_test(c, a_use_after_the_drop_needs_whole_times);
    tcase_add_test(c, what_lived_through_a_pause_may_be_gone);
    tcase_add_test(c, an_address_given_out_again_was_dropped_in_the_pause);
    tcase_add_test(c, what_lies_where_a_block_is_made_was_dropped_in_the_pause);
    tcase_add_test(c, what_lies_where_a_block_is_made_was_dropped_in_what_was_lost);
    tcase_add_test(c, a_lock_held_before_a_pause_may_be_free);
    tcase_add_test(c, nothing_is_unordered_while_locks_are_sampled);
    tcase_add_test(c, orders_are_kept_with_who_and_why);
    suite_add_tcase(s, c);
    return suite_run(s);
}
