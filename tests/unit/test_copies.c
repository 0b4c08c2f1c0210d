/*
 * tests/unit/test_copies.c - copies: borrows of the blocks at both ends, sums
 * by site and by block, and the rules that a copy can break.
 */
#include "play_findings.h"
#include "suite.h"

#define found_is(text) ck_assert_str_eq(found(), text)

/* ---- facts and sums ---------------------------------------------------------------- */

static char borrowed[4096];
static size_t borrowed_used;

static void borrow_observer(void *context, const struct fact *f)
{
    if (f->type != FACT_BORROW)
        return;
    borrowed_used += (size_t)snprintf(borrowed + borrowed_used, sizeof borrowed - borrowed_used, "%s b%lu+%lu %lu%s by t%u\n", f->by,
                                      (unsigned long)f->block, (unsigned long)f->offset, (unsigned long)f->size,
                                      f->is_mutable ? " mutable" : "", f->thread);
}

START_TEST(a_copy_borrows_both_blocks)
{
    graph_observe(play, borrow_observer, NULL);
    borrowed_used = 0;
    make(0x1000000, 100); make(0x2000000, 200000);
    copy(0x2000010, 0x1000008, 40);
    copy(0x7fff0000, 0x1000000, 8);
    copy(0x1000000, 0x7fff0000, 8);
    copy_by(WIRE_COPY_MEMSET, 0x2010000, 64, 0, 0);
    copy_by(WIRE_COPY_STRNCPY, 0x2000000, 64, 0x1000000, 5);
    copy(0x7fff0000, 0x7fff1000, 8);
    ck_assert_str_eq(borrowed, "copied b1+8 40 by t1\ncopied b2+16 40 mutable by t1\n"
                               "copied b1+0 8 by t1\n"
                               "copied b1+0 8 mutable by t1\n"
                               "copied b2+65536 64 mutable by t1\n"
                               "copied b1+0 5 by t1\ncopied b2+0 64 mutable by t1\n");
    found_is("");
}
END_TEST

START_TEST(sums_by_site_and_block)
{
    by_stack(1); make(0x1000000, 100); make(0x1000100, 100);
    by_stack(2); make(0x2000000, 100);
    by_stack(3); copy(0x2000000, 0x1000000, 50);
    by_stack(4); copy(0x2000000, 0x1000100, 20); copy(0x2000000, 0x1000100, 10);
    by_stack(3); copy(0x7fff0000, 0x2000000, 60); copy(0x7fff0000, 0x7fff1000, 5); copy(0x1000000, 0x1000100, 7);
    drop(0x1000000); drop(0x1000100);
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->copies, 6);
    ck_assert_uint_eq(v->copy_bytes, 152);
    ck_assert_uint_eq(v->copy_bytes_to_blocks, 87);
    ck_assert_uint_eq(v->n_copy_sites, 2);
    ck_assert_uint_eq(v->copy_sites[0].bytes, 122);
    ck_assert_uint_eq(v->copy_sites[0].copies, 4);
    ck_assert_uint_eq(v->copy_sites[1].bytes, 30);
    ck_assert_uint_eq(v->n_flows, 4);
    static const uint64_t bytes[] = { 80, 60, 7, 5 }, copies[] = { 3, 1, 1, 1 };
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(v->flows[i].bytes, bytes[i]);
        ck_assert_uint_eq(v->flows[i].copies, copies[i]);
    }
    ck_assert_uint_eq(v->n_block_flows, 3);
    const struct view_block_flow *b = v->block_flows;
    ck_assert(b[0].from == 1 && b[0].to == 3 && b[0].bytes == 50 && b[0].copies == 1 && b[0].first_ns == 40000 && b[0].last_ns == 40000);
    ck_assert(b[1].from == 2 && b[1].to == 3 && b[1].bytes == 30 && b[1].copies == 2 && b[1].first_ns == 50000 && b[1].last_ns == 60000);
    ck_assert(b[2].from == 2 && b[2].to == 1 && b[2].bytes == 7 && b[2].thread == 1);
    view_free(v);
    v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->n_block_flows, 0);
    view_free(v);
    finish();
}
END_TEST

/* Flows from one block to very many: a bounded number, the last ones; what is used all the time stays. */
START_TEST(block_flows_are_bounded)
{
    enum { BLOCKS = 100000, KEPT = 1 << 16 };
    graph_observe(play, NULL, NULL);
    make(0x1000000, 100); make(0x1000100, 100);
    for (uint64_t i = 0; i < BLOCKS; i++)
        make(0x10000000 + i * 32, 32);
    for (uint64_t i = 0; i < BLOCKS; i++) {
        copy(0x10000000 + i * 32, 0x1000000, 32);
        if (i % 100 == 0)
            copy(0x1000100, 0x1000000, 1);
    }
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_block_flows, KEPT);
    ck_assert_uint_eq(v->block_flows[0].to, 2);         /* 1000 of them; the hand passed it over */
    ck_assert_uint_eq(v->block_flows[0].copies, 1000);
    uint64_t least = UINT64_MAX;
    for (size_t i = 1; i < v->n_block_flows; i++)
        least = v->block_flows[i].to < least ? v->block_flows[i].to : least;
    ck_assert_uint_ge(least, 3 + BLOCKS - KEPT - 2);
    view_free(v);
    finish();
}
END_TEST

/* ---- out of bounds --------------------------------------------------------------------- */

START_TEST(past_the_end)
{
    by_stack(1); make(0x1000000, 100); make(0x1100000, 300000);
    by_stack(2); copy(0x1000000, 0x7fff0000, 100);      /* just fits */
    by_stack(3); copy(0x1000000, 0x7fff0000, 101);
    by_stack(4); copy(0x1000063, 0x7fff0000, 2);
    by_stack(5); copy(0x7fff0000, 0x1100000, 300001);   /* read */
    by_stack(6); copy_by(WIRE_COPY_STRNCPY, 0x7fff0000, 200, 0x1000000, 100);
    by_stack(7); copy_by(WIRE_COPY_STRNCPY, 0x7fff0000, 200, 0x1000000, 101);
    found_is("out-of-bounds b1 +0,101 used:3@40/t1 made:1@10/t1\n"
             "out-of-bounds b1 +99,2 used:4@50/t1 made:1@10/t1\n"
             "out-of-bounds b2 +0,300001 used:5@60/t1 made:1@20/t1\n"
             "out-of-bounds b1 +0,101 used:7@80/t1 made:1@10/t1\n");
    ck_assert(play->findings[0].writes);
    ck_assert(!play->findings[2].writes);
    ck_assert_uint_eq(play->findings[0].made_family, WIRE_MALLOC);
    ck_assert_uint_eq(play->findings[0].family, WIRE_COPY_MEMCPY);
    finish();
}
END_TEST

START_TEST(short_of_the_start)
{
    by_stack(1); make(0x1000100, 100);
    by_stack(2); copy(0x10000f0, 0x7fff0000, 16);       /* up to it */
    by_stack(3); copy(0x10000f0, 0x7fff0000, 17);
    by_stack(4); copy(0x7fff0000, 0x10000ff, 2);
    found_is("out-of-bounds b1 -16,17 used:3@30/t1 made:1@10/t1\n"
             "out-of-bounds b1 -1,2 used:4@40/t1 made:1@10/t1\n");
    finish();
}
END_TEST

/* A block at an odd address is found by its start alone: what seems to lie in no block may lie in it. */
START_TEST(short_of_the_start_but_perhaps_in_a_block)
{
    make(0x1000004, 0xfc); make(0x1000100, 100);
    copy(0x10000f0, 0x7fff0000, 17);
    found_is("");
    finish();
}
END_TEST

/* In memory that the program got by itself, or a module's, blocks of an allocator may lie anywhere. */
START_TEST(short_of_the_start_but_in_a_mapping)
{
    map(0x1000000, 0x10000);
    make(0x1000100, 100);
    copy(0x10000f0, 0x7fff0000, 100);
    make(0x2000100, 100);
    put((struct event){ .type = EVENT_MODULE, .address = 0x2000000, .size = 0x100, .extra = { 0x2000000, 1 } });
    copy(0x20000f0, 0x7fff0000, 100);
    found_is("");
    finish();
}
END_TEST

START_TEST(what_is_usable_is_the_programs)
{
    by_stack(1); make(0x1000000, 100);
    put((struct event){ .type = EVENT_USABLE, .address = 0x1000000, .size = 104 });
    by_stack(2); copy(0x1000000, 0x7fff0000, 104);
    copy(0x1000064, 0x7fff0000, 4);
    found_is("");
    by_stack(3); copy(0x1000064, 0x7fff0000, 5);
    found_is("out-of-bounds b1 +100,5 used:3@50/t1 made:1@10/t1\n");
    begin(0x1000000, 50); end(0x1000000, 0x1000000, 50);    /* it has to ask again */
    by_stack(4); copy(0x1000000, 0x7fff0000, 51);
    ck_assert_uint_eq(play->n_findings, 2);
    drop(0x1000000); make(0x1000000, 100);
    by_stack(5); copy(0x1000000, 0x7fff0000, 101);
    ck_assert_uint_eq(play->n_findings, 3);
    finish();
}
END_TEST

/* A program that asks for every block is believed to know its bounds, its children too. */
START_TEST(usable_bytes_that_are_not_told)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000000, 100);
    put((struct event){ .type = EVENT_USABLE });
    copy(0x1000000, 0x7fff0000, 104);
    process_fork(); process_forked(200);
    who(2, 2); process_start(200, 1, WIRE_BORN_FORK);
    copy(0x1000000, 0x7fff0000, 104);
    ck_assert_uint_eq(play->n_findings, 0);
    process_start(200, 1, WIRE_BORN_EXEC);
    make(0x1000000, 100); copy(0x1000000, 0x7fff0000, 104);
    ck_assert_uint_eq(play->n_findings, 1);
    finish();
}
END_TEST

START_TEST(pvalloc_gives_whole_pages)
{
    make_by(WIRE_PVALLOC, 0x1000000, 4097); make_by(WIRE_VALLOC, 0x2000000, 4097);
    copy(0x1000800, 0x7fff0000, 0x1800);
    found_is("");
    copy(0x1000800, 0x7fff0000, 0x1801);
    by_stack(2); copy(0x2000000, 0x7fff0000, 4098);
    ck_assert_uint_eq(play->n_findings, 2);
    finish();
}
END_TEST

/* Where a dropped block reached farther than the live one there, usable bytes are no use after a drop. */
START_TEST(usable_bytes_over_an_old_block)
{
    make(0x1000000, 200); drop(0x1000000); make(0x1000000, 100);
    put((struct event){ .type = EVENT_USABLE, .address = 0x1000000, .size = 104 });
    copy(0x1000064, 0x7fff0000, 4);
    found_is("");
    finish();
}
END_TEST

/* The same where nobody tells them any more: as much as an allocator rounds up. */
START_TEST(untold_bytes_over_an_old_block)
{
    make(0x1000000, 20000); drop(0x1000000); make(0x1000000, 16390);
    make(0x2000000 + 700000, 500); drop(0x2000000 + 700000);
    make(0x2000000 + 800000, 500); drop(0x2000000 + 800000);
    make(0x2000000, 600000);
    put((struct event){ .type = EVENT_USABLE });
    copy(0x1000000 + 17043, 0x7fff0000, 1500);
    copy(0x2000000 + 700000, 0x7fff0000, 300);
    found_is("");
    copy(0x2000000 + 800000, 0x7fff0000, 300);
    ck_assert_uint_eq(play->n_findings, 1);
    finish();
}
END_TEST

START_TEST(usable_bytes_of_a_forked_childs_copy)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000000, 100);
    put((struct event){ .type = EVENT_USABLE, .address = 0x1000000, .size = 104 });
    make(0x1000100, 100);
    process_fork(); process_forked(200);
    who(2, 2); process_start(200, 1, WIRE_BORN_FORK);
    copy(0x1000000, 0x7fff0000, 104);
    found_is("");
    by_stack(5); copy(0x1000100, 0x7fff0000, 104);
    found_is("out-of-bounds b4 +0,104 used:5@90/t2 made:0@50/t2\n");
    finish();
}
END_TEST

/* Only what a forked child touches of what it inherited becomes its own. */
START_TEST(a_forked_child_touches_what_it_copies)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000000, 100); make(0x1000100, 100); make(0x1000200, 100); make(0x2000000, 1 << 20);
    process_fork(); process_forked(200);
    who(2, 2); process_start(200, 1, WIRE_BORN_FORK);
    drop(0x1000200);
    hush();
    copy(0x1000110, 0x2000040, 8);
    said("new b8 clone 2000000+1048576 @60 t2\n"
         "new b6 clone 1000100+100 @60 t2\n"
         "borrow b8 copied to=t2 @100 t2\n"
         "borrow b6 copied to=t2 @100 t2\n");
    copy(0x1000210, 0x7fff0000, 8);
    ck_assert_uint_eq(play->findings_by_rule[RULE_USE_AFTER_DROP], 1);
    finish();
}
END_TEST

/* ---- overlap ------------------------------------------------------------------------------ */

START_TEST(overlapping)
{
    static const struct { uint8_t family; bool same, near; } rules[] = {
        { WIRE_COPY_MEMCPY, false, true }, { WIRE_COPY_MEMPCPY, false, true }, { WIRE_COPY_STRCPY, true, true }, { WIRE_COPY_STPCPY, true, true },
        { WIRE_COPY_STRNCPY, true, true }, { WIRE_COPY_STPNCPY, true, true }, { WIRE_COPY_STRCAT, true, true }, { WIRE_COPY_STRNCAT, true, true },
        { WIRE_COPY_MEMMOVE, false, false }, { WIRE_COPY_BCOPY, false, false }, { WIRE_COPY_MEMCPY | WIRE_COPY_CHECKED, false, true },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        uint64_t n = play->findings_by_rule[RULE_OVERLAP];
        copy_by(rules[i].family, 0x7fff0000, 100, 0x7fff0000, 0);
        ck_assert_msg(play->findings_by_rule[RULE_OVERLAP] == n + rules[i].same, "rule %zu", i);
        n = play->findings_by_rule[RULE_OVERLAP];
        copy_by(rules[i].family, 0x7fff0000, 100, 0x7fff0063, 0);
        copy_by(rules[i].family, 0x7fff0063, 100, 0x7fff0000, 0);
        ck_assert_msg(play->findings_by_rule[RULE_OVERLAP] == n + 2 * rules[i].near, "rule %zu", i);
        n = play->findings_by_rule[RULE_OVERLAP];
        copy_by(rules[i].family, 0x7fff0000, 100, 0x7fff0064, 0);
        copy_by(rules[i].family, 0x7fff0064, 100, 0x7fff0000, 0);
        copy_by(rules[i].family, 0x7fff0000, 100, 0x7ffeff90, 0x70);    /* read: up to it */
        ck_assert_msg(play->findings_by_rule[RULE_OVERLAP] == n, "rule %zu", i);
    }
    copy_by(WIRE_COPY_MEMSET, 0x10, 100, 0, 0);
    ck_assert_uint_eq(play->findings_by_rule[RULE_OVERLAP], 24);
    finish();
}
END_TEST

START_TEST(overlapping_in_a_block)
{
    by_stack(1); make(0x1000000, 100);
    by_stack(2); copy(0x1000010, 0x1000008, 20);
    lose(); copy(0x1000010, 0x1000008, 20);
    found_is("overlap b1 +16,20 x2 used:2@20/t1 made:1@10/t1\n");
    finish();
}
END_TEST

/* ---- after the drop ---------------------------------------------------------------------- */

START_TEST(to_and_from_what_was_dropped)
{
    by_stack(1); make(0x1000000, 100); make(0x1000100, 100);
    by_stack(2); drop(0x1000000);
    by_stack(3); copy(0x1000010, 0x1000100, 20);
    by_stack(4); copy(0x1000100, 0x1000020, 20);
    found_is("use-after-drop b1 +16,20 used:3@40/t1 made:1@10/t1 dropped:2@30/t1\n"
             "use-after-drop b1 +32,20 used:4@50/t1 made:1@10/t1 dropped:2@30/t1\n");
    ck_assert(play->findings[0].writes && !play->findings[1].writes);
    make(0x1000000, 40);
    copy(0x1000000, 0x1000100, 40);                 /* somebody else's by now */
    ck_assert_uint_eq(play->findings_by_rule[RULE_USE_AFTER_DROP], 2);
    finish();
}
END_TEST

/* ---- doubts ------------------------------------------------------------------------------- */

START_TEST(where_blocks_are_dropped_unseen)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    by_stack(1); make(0x1000000, 100); make(0x1000200, 100);
    by_stack(2); copy(0x1000000, 0x7fff0000, 101);
    ck_assert_uint_eq(play->n_findings, 1);
    make(0x1000200, 50);                            /* its drop was not seen */
    found_is("");
    by_stack(3); copy(0x1000000, 0x7fff0000, 102);
    found_is("");
    ck_assert_uint_eq(play->drops_withheld, 2);
    finish();
}
END_TEST

START_TEST(a_younger_block_in_an_old_one)
{
    make(0x1000000, 100); make(0x1000040, 16);
    copy(0x1000000, 0x7fff0000, 200);
    found_is("");
    ck_assert_uint_eq(play->drops_withheld, 1);
    finish();
}
END_TEST

START_TEST(after_a_loss)
{
    by_stack(1); make(0x1000000, 100);
    lose();
    by_stack(2); copy(0x1000000, 0x7fff0000, 101);
    make(0x1000100, 100);
    by_stack(3); copy(0x1000100, 0x7fff0000, 101);
    found_is("out-of-bounds b1 +0,101 doubt1 used:2@30/t1 made:1@10/t1\n"
             "out-of-bounds b2 +0,101 used:3@50/t1 made:2@40/t1\n");
    finish();
}
END_TEST

/* ---- wild numbers ------------------------------------------------------------------------- */

START_TEST(any_numbers)
{
    static const uint64_t odd[] = { 0, 1, 4095, 4096, 0x1000000, 0x1000001, 0x7fffffffffffffff, UINT64_MAX - 1, UINT64_MAX };
    enum { N = sizeof odd / sizeof *odd };
    graph_observe(play, NULL, NULL);
    make(0x1000000, 0); make(UINT64_MAX - 8, 100); make(0x2000000, UINT64_MAX); make(0x1000100, 16); drop(0x1000100);
    for (int i = 0; i < N * N * N; i++) {
        copy(odd[i % N], odd[i / N % N], odd[i / N / N]);
        copy_by((unsigned)i, odd[i % N], odd[i / N % N], odd[i / N / N], odd[(i * 7) % N]);
        put((struct event){ .type = EVENT_USABLE, .address = odd[i % N], .size = odd[i / N % N] });
    }
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("copies");
    TCase *c = tcase_create("copies");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_copy_borrows_both_blocks);
    tcase_add_test(c, sums_by_site_and_block);
    tcase_add_test(c, block_flows_are_bounded);
    tcase_add_test(c, past_the_end);
    tcase_add_test(c, short_of_the_start);
    tcase_add_test(c, short_of_the_start_but_perhaps_in_a_block);
    tcase_add_test(c, short_of_the_start_but_in_a_mapping);
    tcase_add_test(c, what_is_usable_is_the_programs);
    tcase_add_test(c, usable_bytes_that_are_not_told);
    tcase_add_test(c, pvalloc_gives_whole_pages);
    tcase_add_test(c, usable_bytes_over_an_old_block);
    tcase_add_test(c, untold_bytes_over_an_old_block);
    tcase_add_test(c, usable_bytes_of_a_forked_childs_copy);
    tcase_add_test(c, a_forked_child_touches_what_it_copies);
    tcase_add_test(c, overlapping);
    tcase_add_test(c, overlapping_in_a_block);
    tcase_add_test(c, to_and_from_what_was_dropped);
    tcase_add_test(c, where_blocks_are_dropped_unseen);
    tcase_add_test(c, a_younger_block_in_an_old_one);
    tcase_add_test(c, after_a_loss);
    tcase_add_test(c, any_numbers);
    suite_add_tcase(s, c);
    return suite_run(s);
}
