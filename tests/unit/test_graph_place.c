/*
 * tests/unit/test_graph_place.c - mapped memory, repair of inverted stamps, and the
 * rest: events in, facts out, in exact order.
 */
#include "graph_play.h"
#include "suite.h"

/* ---- mapped memory ---------------------------------------------------------------------- */

START_TEST(unmap_whole_part_and_middle)
{
    map(0x100000, 0x4000);
    unmap(0x103000, 0x1000);       /* tail */
    unmap(0x100000, 0x1000);       /* head */
    said("new b1 100000+16384 @10 t1\n"
         "drop b1 part 103000+4096 @20 t1\n"
         "drop b1 part 100000+4096 @30 t1\n");
    unmap(0x101000, 0x2000);
    said("drop b1 101000+8192 @40 t1\n");
    map(0x200000, 0x3000);
    unmap(0x201000, 0x1000);       /* middle */
    said("new b2 200000+12288 @50 t1\n"
         "new b3 split 202000+4096 @60 t1\n"
         "drop b2 part 201000+4096 @60 t1\n");
    unmap(0x200000, 0x3000);       /* both at once */
    said("drop b2 200000+4096 @70 t1\n"
         "drop b3 202000+4096 @70 t1\n");
    struct view_totals t = totals();
    ck_assert_uint_eq(t.maps, 2);
    ck_assert_uint_eq(t.unmaps, 5);
    ck_assert_uint_eq(t.mapped_bytes, 0);
    ck_assert_uint_eq(t.mapped_peak_bytes, 0x4000);
    ck_assert_uint_eq(t.allocations, 0);
    finish();
}
END_TEST

START_TEST(map_sizes_are_asked_for_but_cover_pages)
{
    map(0x100000, 100);
    unmap(0x100000, 0x1000);
    map(0x100000, 0x1001);
    unmap(0x101000, 1);
    said("new b1 100000+100 @10 t1\n"
         "drop b1 100000+100 @20 t1\n"
         "new b2 100000+4097 @30 t1\n"
         "drop b2 part 101000+1 @40 t1\n");
    finish();
}
END_TEST

START_TEST(map_over_a_mapping)
{
    map(0x100000, 0x3000);
    map(0x101000, 0x1000);
    said("new b1 100000+12288 @10 t1\n"
         "new b3 split 102000+4096 @20 t1\n"
         "drop b1 part 101000+4096 @20 t1\n"
         "new b2 101000+4096 @20 t1\n");
    map(0x100000, 0x3000);
    said("drop b1 replaced 100000+4096 @30 t1\n"
         "drop b2 replaced 101000+4096 @30 t1\n"
         "drop b3 replaced 102000+4096 @30 t1\n"
         "new b4 100000+12288 @30 t1\n");
    ck_assert_uint_eq(totals().mapped_bytes, 0x3000);
    finish();
}
END_TEST

START_TEST(mremap_moves_grows_and_fails)
{
    map(0x100000, 0x2000);
    remap_begin(0x100000, 0x4000);
    remap_end(0x100000, 0x2000, 0x200000, 0x4000);
    remap_begin(0x200000, 0x8000);
    remap_end(0x200000, 0x4000, 0, 0);
    unmap(0x200000, 0x4000);
    said("new b1 100000+8192 @10 t1\n"
         "move b1 realloc 100000+8192-> 200000+16384 @30 t1\n"
         "drop b1 200000+16384 @60 t1\n");
    ck_assert_uint_eq(totals().reallocations, 0);
    ck_assert_uint_eq(totals().mapped_peak_bytes, 0x4000);
    finish();
}
END_TEST

START_TEST(mremap_of_a_middle)
{
    map(0x100000, 0x3000);
    remap_begin(0x101000, 0x2000);
    remap_end(0x101000, 0x1000, 0x200000, 0x2000);
    said("new b1 100000+12288 @10 t1\n"
         "new b2 split 102000+4096 @30 t1\n"
         "new b3 split 101000+4096 @30 t1\n"
         "move b3 realloc 101000+4096-> 200000+8192 @30 t1\n");
    ck_assert_uint_eq(totals().mapped_bytes, 0x4000);
    remap_begin(0x900000, 1);
    remap_end(0x900000, 0x1000, 0xa00000, 0x1000);   /* mapped before tracing */
    said("new b4 a00000+4096 @50 t1\n");
    finish();
}
END_TEST

START_TEST(many_maps)
{
    graph_observe(play, NULL, NULL);
    for (uint64_t i = 0; i < 2000; i++)
        map(0x10000000 - i * 0x2000, 0x1000);
    for (uint64_t i = 0; i < 2000; i += 2)
        unmap(0x10000000 - i * 0x2000, 0x1000);
    ck_assert_uint_eq(totals().mapped_bytes, 1000 * 0x1000);
    unmap(0, 0x20000000);
    ck_assert_uint_eq(totals().mapped_bytes, 0);
    finish();
}
END_TEST

/* ---- repair ------------------------------------------------------------------------------- */

START_TEST(inversion_is_repaired)
{
    two_threads();
    make(0x1000, 64);
    hush();
    at(100000);
    make(0x1000, 32);       /* before its drop by t2 */
    said("");
    at(100200);
    thread_create(0x1000, 3);   /* what t1 does next waits with it */
    who(1, 2);
    at(100050);
    drop(0x1000);
    said("move b1 taken t1->t2 @100 t2\n"
         "drop b1 1000+64 @100 t2\n"
         "new b2 1000+32 @100 t1\n"
         "thread create to=t3 @100 t1\n"
         "borrow b2 thread-arg to=t3 @100 t1\n");
    ck_assert_uint_eq(totals().unseen_drops, 0);
    finish();
}
END_TEST

START_TEST(inversions_that_wait_for_each_other)
{
    two_threads();
    make(0x1000, 1);
    make(0x2000, 2);
    thread_create(0, 3);
    hush();
    at(100000);
    make(0x1000, 3);        /* t1 waits for t2's drop of 1000 … */
    at(100100);
    drop(0x2000);           /* … before it drops 2000 … */
    who(1, 3);
    at(100090);
    make(0x2000, 4);        /* … for which t3 waits */
    who(1, 2);
    at(100200);
    drop(0x1000);
    said("move b1 taken t1->t2 @100 t2\n"
         "drop b1 1000+1 @100 t2\n"
         "new b3 1000+3 @100 t1\n"
         "drop b2 2000+2 @100 t1\n"
         "new b4 2000+4 @100 t3\n");
    finish();
}
END_TEST

START_TEST(unseen_after_a_microsecond)
{
    two_threads();
    make(0x1000, 64);
    hush();
    at(100000);
    make(0x1000, 32);
    at(101000);
    who(1, 2);
    make(0x5000, 1);        /* not beyond it yet */
    said("new b2 5000+1 @101 t2\n");
    at(101001);
    make(0x6000, 1);
    said("drop b1 unseen 1000+64 @100 t0\n"
         "new b3 1000+32 @100 t1\n"
         "new b4 6000+1 @101 t2\n");
    ck_assert_uint_eq(totals().unseen_drops, 1);
    finish();
}
END_TEST

START_TEST(unseen_when_settled)
{
    two_threads();
    make(0x1000, 64);
    hush();
    at(100000);
    make(0x1000, 32);
    graph_settle(play, 101000);
    said("");
    graph_settle(play, UINT64_MAX);
    said("drop b1 unseen 1000+64 @100 t0\n"
         "new b2 1000+32 @100 t1\n");
    finish();
}
END_TEST

START_TEST(unseen_at_once_with_one_thread)
{
    make(0x1000, 64);
    make(0x1000, 32);
    drop(0x1000);
    said("new b1 1000+64 @10 t1\n"
         "drop b1 unseen 1000+64 @20 t0\n"
         "new b2 1000+32 @20 t1\n"
         "drop b2 1000+32 @30 t1\n");
    struct view_totals t = totals();
    ck_assert_uint_eq(t.unseen_drops, 1);
    ck_assert_uint_eq(t.frees, 1);
    finish();
}
END_TEST

START_TEST(realloc_end_waits_too)
{
    two_threads();
    make(0x1000, 64);
    make(0x2000, 32);
    hush();
    at(100000);
    begin(0x2000, 128);
    at(100100);
    end(0x2000, 0x1000, 128);
    who(1, 2);
    at(100300);
    begin(0x1000, 256);
    at(100400);
    end(0x1000, 0x3000, 256);
    said("move b1 taken t1->t2 @100 t2\n"
         "move b2 realloc 2000+32-> 1000+128 @100 t1\n"
         "move b1 realloc 1000+64-> 3000+256 @100 t2\n");
    finish();
}
END_TEST

START_TEST(mappings_wait_too)
{
    two_threads();
    map(0x100000, 0x1000);
    hush();
    at(100000);
    map(0x100000, 0x2000);
    said("");
    who(1, 2);
    at(100100);
    unmap(0x100000, 0x1000);
    said("move b1 taken t1->t2 @100 t2\n"
         "drop b1 100000+4096 @100 t2\n"
         "new b2 100000+8192 @100 t1\n");
    finish();
}
END_TEST

START_TEST(end_of_process_ends_the_waiting)
{
    two_threads();
    make(0x1000, 64);
    hush();
    at(100000);
    make(0x1000, 32);
    thread_name(P2, "late");
    process_gone(true, 0);
    said("drop b1 unseen 1000+64 @100 t0\n"
         "new b2 1000+32 @100 t1\n"
         "thread name to=t2 'late' @110 t1\n"
         "process gone @120 t0\n");
    finish();
}
END_TEST

/* ---- the rest ---------------------------------------------------------------------------------- */

START_TEST(marks_and_losses)
{
    put((struct event){ .type = EVENT_MARK, .text = "half", .text_bytes = 4 });
    put((struct event){ .type = EVENT_LOST, .address = WIRE_LOST_NO_COLLECTOR, .size = 7 });
    put((struct event){ .type = EVENT_LOST, .address = 1234567, .size = 7 });
    put((struct event){ .type = 200 });
    graph_count_lost(play, WIRE_LOST_NO_SLOT, 5);
    graph_count_lost(play, 99, 5);
    said("mark 'half' @10 t1\nlost @20 t1\nlost @30 t1\n");
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->lost[WIRE_LOST_NO_COLLECTOR], 7);
    ck_assert_uint_eq(v->lost[WIRE_LOST_NO_SLOT], 5);
    ck_assert_uint_eq(v->by_fact[FACT_LOST], 2);
    ck_assert_uint_eq(v->by_fact[FACT_MARK], 1);
    view_free(v);
    ck_assert_uint_eq(graph_events(play), 4);
    ck_assert_uint_eq(graph_now_ns(play), 40000);
}
END_TEST

START_TEST(verified_stacks_add_up)
{
    put((struct event){ .type = EVENT_MARK, .text = "half", .text_bytes = 4 });
    struct view *before = graph_view_make(play, NULL, 0);
    ck_assert(!before->verified);
    view_free(before);
    put((struct event){ .type = EVENT_VERIFY, .address = WIRE_VERIFY_SAME, .size = 7 });
    put((struct event){ .type = EVENT_VERIFY, .address = WIRE_VERIFY_SAME, .size = 5 });
    put((struct event){ .type = EVENT_VERIFY, .address = WIRE_VERIFY_FAILED, .size = 1 });
    put((struct event){ .type = EVENT_VERIFY, .address = WIRE_VERIFY_COUNTS, .size = 9 });
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert(v->verified);
    ck_assert_uint_eq(v->verify[WIRE_VERIFY_SAME], 12);
    ck_assert_uint_eq(v->verify[WIRE_VERIFY_DIFFERENT], 0);
    ck_assert_uint_eq(v->verify[WIRE_VERIFY_FAILED], 1);
    view_free(v);
}
END_TEST

START_TEST(a_thread_belongs_to_one_process)
{
    two_threads();
    play_nobody = true;
    who(9, 2);               /* t2 is p1's */
    make(0x1000, 8);
    drop(0x1000);
    begin(0x1000, 9);
    end(0x1000, 0x2000, 9);
    thread_gone();
    finish();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph place");
    const TTest *const tests[] = {
        unmap_whole_part_and_middle, map_sizes_are_asked_for_but_cover_pages, map_over_a_mapping,
        mremap_moves_grows_and_fails, mremap_of_a_middle, many_maps, inversion_is_repaired,
        inversions_that_wait_for_each_other, unseen_after_a_microsecond, unseen_when_settled,
        unseen_at_once_with_one_thread, realloc_end_waits_too, mappings_wait_too, end_of_process_ends_the_waiting,
        marks_and_losses, verified_stacks_add_up, a_thread_belongs_to_one_process,
    };
    TCase *c = tcase_create("rules");
    tcase_add_checked_fixture(c, play_start, play_stop);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
