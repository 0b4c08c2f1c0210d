/*
 * tests/unit/test_drops.c - double, invalid and mismatched drops and uses of
 * what was dropped: found with the right stacks, and nothing where another
 * explanation is left.
 */
#include <signal.h>

#include "play_findings.h"
#include "suite.h"

#define found_is(text) ck_assert_str_eq(found(), text)

/* ---- double drops -------------------------------------------------------------- */

START_TEST(dropped_twice)
{
    by_stack(1); make(0x1000000, 32);
    by_stack(2); drop(0x1000000);
    by_stack(3); drop(0x1000000);
    found_is("double-drop b1 used:3@30/t1 made:1@10/t1 dropped:2@20/t1\n");
    drop(0x1000000);
    found_is("double-drop b1 x2 used:3@30/t1 made:1@10/t1 dropped:2@20/t1\n");
    finish();
}
END_TEST

START_TEST(an_address_used_again_is_no_double_drop)
{
    for (int i = 0; i < 5; i++) { make(0x1000000, 32 + (uint64_t)i); drop(0x1000000); }
    make(0x1000100, 32); begin(0x1000100, 64); end(0x1000100, 0x1000200, 64); make(0x1000100, 32);
    drop(0x1000100); drop(0x1000200);
    found_is("");
    finish();
}
END_TEST

START_TEST(dropped_where_it_was_before_a_realloc)
{
    by_stack(1); make(0x1000000, 32);
    by_stack(2); begin(0x1000000, 64); end(0x1000000, 0x1000100, 64);
    by_stack(3); drop(0x1000000);
    found_is("double-drop b1 used:3@40/t1 made:1@10/t1 dropped:2@20/t1\n");
    finish();
}
END_TEST

START_TEST(a_large_block_dropped_twice)
{
    by_stack(1); make(0x1000010, 1 << 20); drop(0x1000010);
    by_stack(2); drop(0x1000010);
    process_gone(true, SIGSEGV);
    found_is("double-drop b1 used:2@30/t1 made:1@10/t1 dropped:1@20/t1\n");
    finish();
}
END_TEST

START_TEST(a_forked_child_drops_its_copy_once)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    by_stack(1); make(0x1000000, 32);
    process_fork(); process_forked(200);
    by_stack(2); drop(0x1000000);
    who(2, 2); process_start(200, 1, WIRE_BORN_FORK);
    by_stack(3); drop(0x1000000);
    found_is("");
    by_stack(4); drop(0x1000000);
    found_is("double-drop b2 used:4@80/t2 made:1@30/t2 dropped:3@70/t2\n");
    finish();
}
END_TEST

/* ---- blocks that nobody saw made ---------------------------------------------------- */

START_TEST(blocks_of_an_unseen_allocator)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    by_stack(1); make(0x1000000, 32); drop(0x1000000); drop(0x1000000);
    ck_assert_uint_eq(play->n_findings, 1);
    by_stack(2); drop(0x2000000);                   /* never seen: harmless, for the thread goes on */
    make(0x3000000, 8); drop(0x3000000);
    found_is("");
    ck_assert_uint_eq(play->drops_withheld, 1);
    drop(0x3000000);
    make(0x3000000, 8);
    found_is("");
    ck_assert_uint_eq(play->drops_withheld, 2);
    ck_assert_uint_eq(play->findings_by_rule[RULE_DOUBLE_DROP], 0);
    finish();
}
END_TEST

START_TEST(unless_it_died_of_it)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x3000000, 8); drop(0x3000000); drop(0x2000000); make(0x3000000, 8);
    by_stack(1); drop(0x3000000);
    by_stack(2); drop(0x3000000);
    found_is("");
    process_gone(true, SIGABRT);
    found_is("double-drop b2 used:2@70/t1 made:0@50/t1 dropped:1@60/t1\n");
    ck_assert_uint_eq(play->drops_withheld, 0);
    finish();
}
END_TEST

/* One thread dies of its double drop while another shows that there is an unseen allocator. */
START_TEST(it_died_of_what_was_taken_back)
{
    two_threads();
    by_stack(1); make(0x1000000, 32); drop(0x1000000); drop(0x1000000);
    who(1, 2);
    drop(0x6ffff000); make(0x2000000, 8);
    found_is("");
    process_gone(true, SIGABRT);
    found_is("double-drop b1 used:1@70/t1 made:1@50/t1 dropped:1@60/t1\n");
    ck_assert_uint_eq(play->drops_withheld, 0);
    finish();
}
END_TEST

START_TEST(one_processs_allocator_is_not_anothers)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    drop(0x2000000); make(0x1000000, 8);
    who(2, 2); process_start(200, 0, WIRE_BORN_EXEC);
    make(0x1000000, 8); drop(0x1000000); drop(0x1000000);
    ck_assert_uint_eq(play->findings_by_rule[RULE_DOUBLE_DROP], 1);
    finish();
}
END_TEST

/* A drop stamped a little before its New, by clocks of two processors. */
START_TEST(a_drop_stamped_before_its_new)
{
    two_threads();
    make(0x1000000, 32); drop(0x1000000);
    at(200000); who(1, 2); drop(0x1000000);
    at(200100); make(0x2000000, 8);
    at(200200); who(1, 1); make(0x1000000, 32);
    found_is("");
    at(300000); make(0x3000000, 8);
    ck_assert_uint_eq(play->drops_withheld, 0);
    finish();
}
END_TEST

/* ---- invalid drops ---------------------------------------------------------------- */

START_TEST(into_the_middle)
{
    by_stack(1); make(0x1000000, 64); make(0x2000000, 1 << 20);
    by_stack(2); drop(0x1000008); drop(0x2080000);
    make(0x5000000, 8);
    found_is("invalid-drop b1 +8,0 x2 used:2@30/t1 made:1@10/t1\n");
    finish();
}
END_TEST

START_TEST(of_nothing_and_died_of_it)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000000, 64);
    by_stack(2); drop(0x7ffff000);
    found_is("");
    thread_gone();      /* told by the collector: the thread itself did nothing */
    process_gone(true, SIGABRT);
    found_is("invalid-drop b0 used:2@30/t1\n");
    finish();
}
END_TEST

/* 0: ended well; 1: how is unknown; 2: killed from outside; 3: another thread went on long after;
 * 4: the thread itself went on; 5: there are blocks that nobody saw made. */
START_TEST(of_nothing_and_not_died_of_it)
{
    two_threads();
    make(0x1000000, 64);
    if (_i == 5)
        drop(0x6ffff000), make(0x1000100, 8);
    drop(0x7ffff000);
    if (_i == 3) {
        who(1, 2);
        for (int i = 0; i < 3000; i++) { make(0x1100000, 8); drop(0x1100000); hush(); }
    }
    if (_i == 4)
        make(0x1000200, 8);
    static const int status[] = { 0, SIGABRT, SIGKILL, SIGABRT, SIGABRT, SIGABRT };
    process_gone(_i != 1, status[_i]);
    found_is("");
    finish();
}
END_TEST

/* A block that was dropped unseen is no block: another lies in it now. */
START_TEST(into_the_middle_of_what_is_not_there)
{
    make(0x1000000, 64); make(0x1000020, 16);
    drop(0x1000010);
    found_is("");
    ck_assert_uint_eq(play->drops_withheld, 1);
    make(0x2000000, 64); make(0x2000020, 16); drop(0x2000020);
    drop(0x2000028);
    found_is("");
    ck_assert_uint_eq(play->drops_withheld, 2);
    finish();
}
END_TEST

/* ---- mismatched drops ---------------------------------------------------------------- */

START_TEST(by_another_family)
{
    static const struct { uint8_t made, dropped; bool good; } pairs[] = {
        { WIRE_MALLOC, WIRE_FREE, true }, { WIRE_POSIX_MEMALIGN, WIRE_FREE, true }, { WIRE_CALLOC, WIRE_FREE_SIZED, true },
        { WIRE_MALLOC, WIRE_DELETE, false }, { WIRE_MALLOC, WIRE_DELETE_ARRAY, false },
        { WIRE_NEW_SCALAR, WIRE_DELETE, true }, { WIRE_NEW_SCALAR, WIRE_DELETE_ARRAY, false }, { WIRE_NEW_SCALAR, WIRE_FREE, false },
        { WIRE_NEW_ARRAY, WIRE_DELETE_ARRAY, true }, { WIRE_NEW_ARRAY, WIRE_DELETE, false },
        { WIRE_NEW_ALIGNED, WIRE_DELETE_ALIGNED, true }, { WIRE_NEW_ALIGNED, WIRE_DELETE, false },
        { WIRE_NEW_ARRAY_ALIGNED, WIRE_DELETE_ARRAY_ALIGNED, true }, { WIRE_NEW_SCALAR, WIRE_DELETE_ALIGNED, false },
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        uint64_t before = play->findings_by_rule[RULE_MISMATCHED_DROP];
        by_stack(2 * (uint32_t)i + 1); make_by(pairs[i].made, 0x1000000, 32);
        by_stack(2 * (uint32_t)i + 2); drop_by(pairs[i].dropped, 0x1000000, 0);
        ck_assert_msg((play->findings_by_rule[RULE_MISMATCHED_DROP] == before) == pairs[i].good, "pair %zu", i);
        ck_assert_uint_eq(totals().frees, i + 1);       /* it counts all the same */
    }
    ck_assert_uint_eq(totals().live_blocks, 0);
    finish();
}
END_TEST

START_TEST(by_another_size)
{
    by_stack(1); make_by(WIRE_NEW_SCALAR, 0x1000000, 32); make_by(WIRE_NEW_ARRAY, 0x1000100, 32); make_by(WIRE_NEW_SCALAR, 0x1000200, 32);
    by_stack(2); drop_by(WIRE_DELETE, 0x1000000, 24);
    by_stack(3); drop_by(WIRE_DELETE, 0x1000100, 24);
    by_stack(4); drop_by(WIRE_DELETE, 0x1000200, 32);
    found_is("mismatched-drop b1 +0,24 used:2@40/t1 made:1@10/t1\n"
             "mismatched-drop b2 +0,24 used:3@50/t1 made:1@20/t1\n");
    finish();
}
END_TEST

START_TEST(by_realloc)
{
    by_stack(1); make_by(WIRE_NEW_SCALAR, 0x1000000, 32);
    by_stack(2); begin(0x1000000, 64); end(0x1000000, 0x1000000, 64);
    by_stack(3); drop_by(WIRE_DELETE, 0x1000000, 64);
    found_is("mismatched-drop b1 used:2@20/t1 made:1@10/t1\n");
    finish();
}
END_TEST

/* ---- uses after the drop ---------------------------------------------------------------- */

START_TEST(reallocated_after_its_drop)
{
    by_stack(1); make(0x1000000, 32);
    by_stack(2); drop(0x1000000);
    by_stack(3); begin(0x1000000, 64);
    process_gone(true, SIGABRT);
    found_is("use-after-drop b1 used:3@30/t1 made:1@10/t1 dropped:2@20/t1\n");
    finish();
}
END_TEST

START_TEST(passed_to_a_thread_after_its_drop)
{
    by_stack(1); make(0x1000000, 32);
    by_stack(2); drop(0x1000000);
    by_stack(3); thread_create(0x1000008, 2);
    thread_create(0x2000000, 3); thread_create(5, 4);
    found_is("use-after-drop b1 +8,0 used:3@30/t1 made:1@10/t1 dropped:2@20/t1\n");
    finish();
}
END_TEST

/* A lock in what was dropped; 1: the process has blocks that nobody saw made. */
START_TEST(locked_after_its_drop)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    by_stack(1); make(0x1000000, 64);
    by_stack(2); drop(0x1000000);
    if (_i)
        drop(0x6ffff000);
    at(50000); by_stack(3);
    put((struct event){ .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .address = 0x1000010 });
    found_is(_i ? "" : "use-after-drop b1 +16,0 used:3@50/t1 made:1@20/t1 dropped:2@30/t1\n");
    ck_assert_uint_eq(play->drops_withheld, (uint64_t)_i);
    finish();
}
END_TEST

/* ---- losses ----------------------------------------------------------------------------- */

START_TEST(after_a_loss)
{
    by_stack(1); make(0x1000000, 32); make_by(WIRE_NEW_SCALAR, 0x1000100, 32); make(0x1000200, 32); drop(0x1000200);
    lose();
    by_stack(2); drop_by(WIRE_DELETE, 0x1000000, 0);    /* may be another block by now */
    by_stack(3); drop(0x1000108);
    drop(0x1000200);                                    /* may have been made again */
    make(0x1000300, 8);
    by_stack(4); make(0x1000400, 32); drop(0x1000400); drop(0x1000400);
    found_is("mismatched-drop b1 doubt1 used:2@60/t1 made:1@10/t1\n"
             "invalid-drop b2 +8,0 doubt1 used:3@70/t1 made:1@20/t1\n"
             "double-drop b5 used:4@120/t1 made:4@100/t1 dropped:4@110/t1\n");
    ck_assert_uint_eq(play->drops_withheld, 0);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("drops");
    TCase *c = tcase_create("drops");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, dropped_twice);
    tcase_add_test(c, an_address_used_again_is_no_double_drop);
    tcase_add_test(c, dropped_where_it_was_before_a_realloc);
    tcase_add_test(c, a_large_block_dropped_twice);
    tcase_add_test(c, a_forked_child_drops_its_copy_once);
    tcase_add_test(c, blocks_of_an_unseen_allocator);
    tcase_add_test(c, unless_it_died_of_it);
    tcase_add_test(c, it_died_of_what_was_taken_back);
    tcase_add_test(c, one_processs_allocator_is_not_anothers);
    tcase_add_test(c, a_drop_stamped_before_its_new);
    tcase_add_test(c, into_the_middle);
    tcase_add_test(c, of_nothing_and_died_of_it);
    tcase_add_loop_test(c, of_nothing_and_not_died_of_it, 0, 6);
    tcase_add_test(c, into_the_middle_of_what_is_not_there);
    tcase_add_test(c, by_another_family);
    tcase_add_test(c, by_another_size);
    tcase_add_test(c, by_realloc);
    tcase_add_test(c, reallocated_after_its_drop);
    tcase_add_test(c, passed_to_a_thread_after_its_drop);
    tcase_add_loop_test(c, locked_after_its_drop, 0, 2);
    tcase_add_test(c, after_a_loss);
    suite_add_tcase(s, c);
    return suite_run(s);
}
