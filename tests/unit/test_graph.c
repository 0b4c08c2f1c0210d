/*
 * tests/unit/test_graph.c - rules 1 to 5 of custody, each with its clean twin:
 * events in, facts out, in exact order.
 */
#include "graph_play.h"
#include "suite.h"

/* ---- rule 1: New and Drop ------------------------------------------------- */

START_TEST(new_and_drop)
{
    make(0x1000, 64);
    drop(0x1000);
    make(0x1000, 32);
    said("new b1 1000+64 @10 t1\n"
         "drop b1 1000+64 @20 t1\n"
         "new b2 1000+32 @30 t1\n");
    struct view_totals t = totals();
    ck_assert_uint_eq(t.allocations, 2);
    ck_assert_uint_eq(t.frees, 1);
    ck_assert_uint_eq(t.bytes_allocated, 96);
    ck_assert_uint_eq(t.live_blocks, 1);
    ck_assert_uint_eq(t.live_bytes, 32);
    ck_assert_uint_eq(t.peak_bytes, 64);
    ck_assert_uint_eq(t.peak_ns, 10000);
    finish();
}
END_TEST

START_TEST(drop_of_unknown)
{
    drop(0x9000);
    unmap(0x90000, 4096);
    said("drop b0 9000+0 @10 t1\n"
         "drop b0 90000+4096 @20 t1\n");
    ck_assert_uint_eq(totals().unknown_drops, 2);
    ck_assert_uint_eq(totals().frees, 0);
    finish();
}
END_TEST

START_TEST(temporary_only_without_another_new)
{
    make(0x1000, 8);
    drop(0x1000);            /* temporary */
    make(0x1000, 8);
    make(0x2000, 8);
    drop(0x1000);            /* not: a New between */
    drop(0x2000);            /* temporary: a drop between is none */
    ck_assert_uint_eq(totals().temporary, 2);
    two_threads();
    make(0x3000, 8);
    who(1, 2);
    drop(0x3000);            /* not: by another */
    ck_assert_uint_eq(totals().temporary, 2);
    finish();
}
END_TEST

/* ---- rule 2: taken ---------------------------------------------------------- */

START_TEST(taken_by_drop)
{
    two_threads();
    make(0x1000, 64);
    who(1, 2);
    drop(0x1000);
    said("new b1 1000+64 @50 t1\n"
         "move b1 taken t1->t2 @60 t2\n"
         "drop b1 1000+64 @60 t2\n");
    finish();
}
END_TEST

START_TEST(taken_by_realloc_stays)
{
    two_threads();
    make(0x1000, 64);
    who(1, 2);
    begin(0x1000, 128);
    end(0x1000, 0x2000, 128);
    begin(0x2000, 16);
    end(0x2000, 0x2000, 16);
    drop(0x2000);
    said("new b1 1000+64 @50 t1\n"
         "move b1 taken t1->t2 @60 t2\n"
         "move b1 realloc 1000+64-> 2000+128 @70 t2\n"
         "move b1 realloc 2000+128-> 2000+16 @90 t2\n"
         "drop b1 2000+16 @100 t2\n");
    ck_assert_uint_eq(totals().reallocations, 2);
    ck_assert_uint_eq(totals().bytes_allocated, 128);
    finish();
}
END_TEST

START_TEST(handoffs_by_both_stacks)
{
    two_threads();
    for (int i = 0; i < 3; i++) {
        by_stack(i == 2 ? 8 : 7);
        who(1, 1);
        make(0x1000, 10);
        by_stack(9);
        who(1, 2);
        drop(0x1000);
    }
    who(1, 2);
    make(0x1000, 10);
    drop(0x1000);    /* its own: none */
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->n_handoffs, 2);
    ck_assert_uint_eq(v->handoffs[0].blocks, 2);
    ck_assert_uint_eq(v->handoffs[0].bytes, 20);
    ck_assert_uint_eq(v->handoffs[0].flight_ns, 20000);
    ck_assert_uint_eq(v->handoffs[0].from, 1);
    ck_assert_uint_eq(v->handoffs[0].to, 2);
    ck_assert_uint_eq(v->handoffs[1].blocks, 1);
    view_free(v);
    finish();
}
END_TEST

/* ---- rule 3: thread-arg ------------------------------------------------------- */

START_TEST(argument_dropped_by_its_thread)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    thread_create(0x1000, 2);
    thread_created(P2, 2);
    who(1, 2);
    thread_start(P2, 102);
    drop(0x1000);
    thread_exit(0);
    said("process start '/bin/x' @10 t1\n"
         "new b1 1000+64 @20 t1\n"
         "thread create to=t2 @30 t1\n"
         "borrow b1 thread-arg to=t2 @30 t1\n"
         "thread start to=t2 @50 t2\n"
         "move b1 thread-arg t1->t2 @30 t2\n"
         "drop b1 1000+64 @60 t2\n"
         "thread exit to=t2 @70 t2\n");
    finish();
}
END_TEST

START_TEST(argument_only_borrowed)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    thread_create(0x1030, 2);      /* interior */
    thread_created(P2, 2);
    who(1, 2);
    thread_exit(0);
    who(1, 1);
    hush();
    thread_join(P2, 0);
    drop(0x1000);
    said("thread join to=t2 @60 t1\n"
         "drop b1 1000+64 @70 t1\n");
    finish();
}
END_TEST

START_TEST(borrow_ends_at_exit)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    thread_create(0x1030, 2);
    thread_created(P2, 2);
    hush();
    who(1, 2);
    thread_exit(0);
    said("thread exit to=t2 @50 t2\n"
         "borrow-end b1 thread-arg to=t2 @50 t2\n");
    who(1, 2);
    drop(0x1000);      /* its destructors: still what it was handed */
    said("move b1 thread-arg t1->t2 @30 t2\n"
         "drop b1 1000+64 @60 t2\n");
    finish();
}
END_TEST

START_TEST(borrow_ends_when_gone)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    thread_create(0x1000, 2);
    who(1, 2);
    hush();
    thread_gone();
    said("thread gone to=t2 @40 t0\n"
         "borrow-end b1 thread-arg to=t2 @40 t0\n");
    finish();
}
END_TEST

START_TEST(create_failed_undoes_the_borrow)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    hush();
    thread_create(0x1000, 2);
    thread_created(0, 2);
    said("thread create to=t2 @30 t1\n"
         "borrow b1 thread-arg to=t2 @30 t1\n"
         "borrow-end b1 thread-arg to=t2 @40 t1\n");
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_threads, 1);
    ck_assert_uint_eq(v->blocks[0].borrower, 0);
    view_free(v);
    finish();
}
END_TEST

START_TEST(argument_outside_of_blocks)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x10000, 64);
    hush();
    thread_create(0x10040, 2);   /* one past its end */
    thread_create(0xffff, 3);    /* one before its start */
    thread_create(5, 4);         /* a number */
    said("thread create to=t2 @30 t1\n"
         "thread create to=t3 @40 t1\n"
         "thread create to=t4 @50 t1\n");
    finish();
}
END_TEST

START_TEST(argument_inside_blocks_far_and_near)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x100000, 1 << 20);
    make(0x300000, 8);
    make(0x300008, 8);
    hush();
    thread_create(0x1fffff, 2);
    thread_create(0x30000f, 3);
    said("thread create to=t2 @50 t1\n"
         "borrow b1 thread-arg to=t2 @50 t1\n"
         "thread create to=t3 @60 t1\n"
         "borrow b3 thread-arg to=t3 @60 t1\n");
    drop(0x300008);
    make(0x300010, 8);
    hush();
    thread_create(0x30000f, 4);   /* dropped */
    thread_create(0x300011, 5);   /* made after the first question */
    said("thread create to=t4 @90 t1\n"
         "thread create to=t5 @100 t1\n"
         "borrow b4 thread-arg to=t5 @100 t1\n");
    begin(0x100000, 16);
    end(0x100000, 0x400000, 1 << 12);
    hush();
    thread_create(0x100010, 6);
    thread_create(0x400010, 7);   /* moved */
    said("thread create to=t6 @130 t1\n"
         "thread create to=t7 @140 t1\n"
         "borrow b1 thread-arg to=t7 @140 t1\n");
    finish();
}
END_TEST

START_TEST(argument_in_mapped_memory)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    map(0x100000, 8192);
    hush();
    thread_create(0x101000, 2);
    who(1, 2);
    unmap(0x100000, 8192);
    said("thread create to=t2 @30 t1\n"
         "borrow b1 thread-arg to=t2 @30 t1\n"
         "move b1 thread-arg t1->t2 @30 t2\n"
         "drop b1 100000+8192 @40 t2\n");
    finish();
}
END_TEST

/* ---- rule 4: joined ------------------------------------------------------------ */

START_TEST(joined_value_goes_to_the_joiner)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    make(0x2000, 32);
    thread_exit(0x1008);
    who(1, 1);
    hush();
    thread_join(P2, 0x1008);
    drop(0x1000);
    drop(0x2000);
    said("thread join to=t2 @80 t1\n"
         "move b1 joined t2->t1 @80 t1\n"
         "move b2 outlived t2->t0 @70 t0\n"
         "drop b1 1000+64 @90 t1\n"
         "move b2 taken t0->t1 @100 t1\n"
         "drop b2 2000+32 @100 t1\n");
    finish();
}
END_TEST

START_TEST(join_wins_over_outlived)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    make(0x2000, 32);
    thread_exit(0x1000);
    hush();
    thread_gone();       /* found gone before the joiner's event */
    said("thread gone to=t2 @80 t0\n"
         "move b2 outlived t2->t0 @70 t0\n");
    who(1, 1);
    thread_join(P2, 0x1000);
    said("thread join to=t2 @90 t1\n"
         "move b1 joined t2->t1 @90 t1\n");
    finish();
}
END_TEST

START_TEST(detached_result_is_outlived)
{
    two_threads();
    thread_detach(P2);
    who(1, 2);
    make(0x1000, 64);
    thread_exit(0x1000);
    hush();
    thread_gone();
    said("thread gone to=t2 @80 t0\n"
         "move b1 outlived t2->t0 @70 t0\n");
    finish();
}
END_TEST

START_TEST(detached_after_its_end)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    thread_exit(0x1000);
    thread_gone();
    who(1, 1);
    hush();
    thread_detach(P2);
    said("thread detach to=t2 @80 t1\n"
         "move b1 outlived t2->t0 @60 t0\n");
    finish();
}
END_TEST

START_TEST(joined_value_of_another_is_no_move)
{
    two_threads();
    make(0x1000, 64);
    who(1, 2);
    thread_exit(0x1000);
    who(1, 1);
    hush();
    thread_join(P2, 0x1000);
    said("thread join to=t2 @70 t1\n");
    finish();
}
END_TEST

START_TEST(join_means_the_thread_that_exited)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    thread_exit(0x1000);
    who(1, 1);
    thread_create(0, 3);         /* gets the same pthread_t before the join is seen */
    thread_created(P2, 3);
    hush();
    thread_join(P2, 0x1000);
    thread_name(P2, "third");
    said("thread join to=t2 @90 t1\n"
         "move b1 joined t2->t1 @90 t1\n"
         "thread name to=t3 'third' @100 t1\n");
    finish();
}
END_TEST

/* ---- rule 5: outlived -------------------------------------------------------- */

START_TEST(outlived_when_gone_dated_at_exit)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    thread_exit(0);
    make(0x2000, 8);     /* by its destructors: still its own */
    drop(0x2000);
    hush();
    thread_gone();
    said("thread gone to=t2 @90 t0\n"
         "move b1 outlived t2->t0 @60 t0\n");
    who(1, 1);
    drop(0x1000);
    said("move b1 taken t0->t1 @100 t1\n"
         "drop b1 1000+64 @100 t1\n");
    finish();
}
END_TEST

START_TEST(outlived_before_gone_for_one_block)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    make(0x2000, 64);
    thread_exit(0);
    drop(0x2000);        /* its own destructor: no move */
    hush();
    who(1, 1);
    drop(0x1000);
    said("move b1 outlived t2->t0 @70 t0\n"
         "move b1 taken t0->t1 @90 t1\n"
         "drop b1 1000+64 @90 t1\n");
    finish();
}
END_TEST

START_TEST(nothing_outlives_the_process)
{
    two_threads();
    make(0x1000, 64);
    who(1, 2);
    make(0x2000, 64);
    hush();
    thread_gone();       /* killed with the process… */
    who(1, 1);
    thread_gone();
    process_gone(true, 9);
    said("thread gone to=t2 @70 t0\n"
         "thread gone to=t1 @80 t0\n"
         "process gone @90 t0\n");
    ck_assert_uint_eq(totals().live_blocks, 2);
    finish();
}
END_TEST

START_TEST(gone_without_exit_while_the_process_lives)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    thread_gone();
    hush();
    who(1, 1);
    make(0x2000, 8);     /* the proof */
    said("move b1 outlived t2->t0 @60 t0\n"
         "new b2 2000+8 @70 t1\n");
    finish();
}
END_TEST

START_TEST(first_thread_may_leave_its_process)
{
    two_threads();
    make(0x1000, 64);
    map(0x100000, 4096);
    thread_exit(0);
    thread_gone();
    hush();
    who(1, 2);
    make(0x2000, 8);
    said("move b1 outlived t1->t0 @70 t0\n"
         "move b2 outlived t1->t0 @70 t0\n"
         "new b3 2000+8 @90 t2\n");
    finish();
}
END_TEST

START_TEST(outlived_counts_only_what_is_still_owned)
{
    two_threads();
    who(1, 2);
    for (uint64_t i = 0; i < 1000; i++)
        make(0x10000 + i * 64, 16);
    for (uint64_t i = 0; i < 1000; i++)
        if (i != 500)
            drop(0x10000 + i * 64);
    for (uint64_t i = 0; i < 100; i++) {   /* places used again by the other thread */
        who(1, 1);
        make(0x10000 + i * 64, 16);
    }
    who(1, 2);
    thread_exit(0);
    hush();
    thread_gone();
    ck_assert_ptr_nonnull(strstr(play_log, "move b501 outlived t2->t0"));
    ck_assert_ptr_null(strstr(strstr(play_log, "outlived") + 1, "outlived"));
    hush();
    finish();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph");
    const TTest *const tests[] = {
        new_and_drop, drop_of_unknown, temporary_only_without_another_new, taken_by_drop, taken_by_realloc_stays,
        handoffs_by_both_stacks, argument_dropped_by_its_thread, argument_only_borrowed, borrow_ends_at_exit,
        borrow_ends_when_gone, create_failed_undoes_the_borrow, argument_outside_of_blocks,
        argument_inside_blocks_far_and_near, argument_in_mapped_memory, joined_value_goes_to_the_joiner,
        join_wins_over_outlived, detached_result_is_outlived, detached_after_its_end,
        joined_value_of_another_is_no_move, join_means_the_thread_that_exited, outlived_when_gone_dated_at_exit,
        outlived_before_gone_for_one_block, nothing_outlives_the_process, gone_without_exit_while_the_process_lives,
        first_thread_may_leave_its_process, outlived_counts_only_what_is_still_owned,
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
