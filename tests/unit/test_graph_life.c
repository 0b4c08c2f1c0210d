/*
 * tests/unit/test_graph_life.c - what realloc, fork, exec and the end of a process make
 * of blocks: events in, facts out, in exact order.
 */
#include "graph_play.h"
#include "suite.h"

/* ---- rule 6: realloc ------------------------------------------------------------ */

START_TEST(realloc_keeps_the_block)
{
    by_stack(5);
    make(0x1000, 64);
    by_stack(6);
    begin(0x1000, 100);
    end(0x1000, 0x1000, 100);
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_sites, 1);
    ck_assert_uint_eq(v->sites[0].live_bytes, 100);
    ck_assert_uint_eq(v->sites[0].bytes, 100);
    ck_assert_uint_eq(v->blocks[0].id, 1);
    ck_assert_uint_eq(v->blocks[0].size, 100);
    ck_assert_uint_eq(v->moves_by[4], 1);
    view_free(v);
    finish();
}
END_TEST

START_TEST(realloc_failed_restores)
{
    make(0x1000, 64);
    begin(0x1000, UINT64_MAX);
    end(0x1000, 0, 0);
    drop(0x1000);
    said("new b1 1000+64 @10 t1\n"
         "drop b1 1000+64 @40 t1\n");
    ck_assert_uint_eq(totals().reallocations, 0);
    finish();
}
END_TEST

START_TEST(old_place_is_free_during_a_realloc)
{
    two_threads();
    make(0x1000, 64);
    begin(0x1000, 128);
    who(1, 2);
    make(0x1000, 32);        /* another thread is given it before the end is seen */
    who(1, 1);
    end(0x1000, 0x2000, 128);
    said("new b1 1000+64 @50 t1\n"
         "new b2 1000+32 @70 t2\n"
         "move b1 realloc 1000+64-> 2000+128 @80 t1\n");
    ck_assert_uint_eq(totals().unseen_drops, 0);
    finish();
}
END_TEST

START_TEST(realloc_of_unknown_is_a_new)
{
    begin(0x5000, 10);
    end(0x5000, 0x6000, 10);
    begin(0x5000, 10);
    end(0x5000, 0, 0);
    said("new b1 6000+10 @20 t1\n");
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->blocks[0].family, WIRE_REALLOC);
    view_free(v);
    finish();
}
END_TEST

START_TEST(realloc_end_without_its_begin)
{
    make(0x1000, 64);
    end(0x1000, 0x2000, 8);
    begin(0x2000, 8);
    hush();
    make(0x3000, 8);
    end(0x3000, 0x3000, 16);   /* not the one that was begun: that one is lost */
    said("new b2 3000+8 @40 t1\n"
         "drop b1 2000+8 @50 t1\n"
         "move b2 realloc 3000+8-> 3000+16 @50 t1\n");
    finish();
}
END_TEST

START_TEST(gone_in_the_middle_of_a_realloc)
{
    two_threads();
    who(1, 2);
    make(0x1000, 64);
    begin(0x1000, 128);
    hush();
    thread_gone();
    said("thread gone to=t2 @70 t0\n"
         "drop b1 1000+64 @70 t2\n");
    ck_assert_uint_eq(totals().frees, 1);
    finish();
}
END_TEST

START_TEST(killed_in_the_middle_of_a_realloc)
{
    make(0x1000, 64);
    begin(0x1000, 128);
    check_all();
    hush();
    process_gone(true, 9);
    said("process gone @30 t0\n");
    ck_assert_uint_eq(totals().live_bytes, 64);
    finish();
}
END_TEST

/* ---- rule 9: fork ------------------------------------------------------------------ */

START_TEST(fork_clones_what_lived)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    make(0x2000, 32);
    map(0x100000, 4096);
    process_fork();          /* reserves b4, b5, b6 */
    drop(0x2000);
    make(0x3000, 8);
    hush();
    who(2, 2);
    process_start(101, 1, WIRE_BORN_FORK);
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->totals.live_blocks, 2);
    ck_assert_uint_eq(v->processes[1].live_blocks, 2);
    ck_assert_uint_eq(v->processes[1].live_bytes, 96);
    ck_assert_uint_eq(v->n_blocks, 6);
    ck_assert_uint_eq(v->blocks[3].id, 5);
    ck_assert_uint_eq(v->blocks[3].cloned_from, 2);
    ck_assert_uint_eq(v->blocks[3].process, 2);
    ck_assert_uint_eq(v->blocks[3].owner, 2);
    ck_assert_uint_eq(v->blocks[3].born_ns, 50000);
    view_free(v);
    drop(0x2000);
    drop(0x2000);
    unmap(0x100000, 4096);
    begin(0x1000, 99);
    end(0x1000, 0x7000, 99);
    who(1, 1);
    drop(0x1000);
    said("process start '/bin/x' @80 t2\n"
         "new b5 clone 2000+32 @50 t2\n"
         "drop b5 2000+32 @90 t2\n"
         "drop b0 2000+0 @100 t2\n"
         "new b6 clone 100000+4096 @50 t2\n"
         "drop b6 100000+4096 @110 t2\n"
         "new b4 clone 1000+64 @50 t2\n"
         "move b4 realloc 1000+64-> 7000+99 @130 t2\n"
         "drop b1 1000+64 @140 t1\n");
    struct view_totals t = totals();
    ck_assert_uint_eq(t.allocations, 3);
    ck_assert_uint_eq(t.frees, 3);    /* one of them the child's, of a clone */
    ck_assert_uint_eq(t.reallocations, 1);   /* the child's, of a clone */
    ck_assert_uint_eq(t.live_blocks, 1);
    ck_assert_uint_eq(t.mapped_bytes, 4096);
    finish();
    v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->processes[1].live_blocks, 1);
    ck_assert_uint_eq(v->processes[1].live_bytes, 99);
    view_free(v);
    who(2, 2);
    hush();
    process_gone(true, 0);
    said("process gone @150 t0\n"
         "drop b4 exit 7000+99 @150 t0\n");
    v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->processes[1].live_blocks, 0);
    ck_assert_uint_eq(v->totals.live_blocks, 1);
    view_free(v);
    finish();
}
END_TEST

START_TEST(fork_failed_is_forgotten)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    hush();
    process_fork();
    process_forked((uint64_t)-1);
    who(2, 2);
    process_start(101, 1, WIRE_BORN_FORK);
    drop(0x1000);
    said("process start '/bin/x' @50 t2\n"
         "drop b0 1000+0 @60 t2\n");
    finish();
}
END_TEST

START_TEST(forks_of_two_threads_at_once)
{
    two_threads();
    make(0x1000, 1);
    process_fork();
    who(1, 2);
    make(0x2000, 2);
    process_fork();
    process_forked(202);    /* says so before its child starts */
    who(2, 3);
    process_start(202, 1, WIRE_BORN_FORK);
    hush();
    drop(0x2000);
    who(3, 4);
    process_start(203, 1, WIRE_BORN_FORK);
    drop(0x1000);
    drop(0x2000);
    said("new b5 clone 2000+2 @80 t3\n"
         "drop b5 2000+2 @110 t3\n"
         "process start '/bin/x' @120 t4\n"
         "new b2 clone 1000+1 @60 t4\n"
         "drop b2 1000+1 @130 t4\n"
         "drop b0 2000+0 @140 t4\n");
    finish();
}
END_TEST

START_TEST(grandchild_clones_clones)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    process_fork();
    process_forked(101);
    who(2, 2);
    process_start(101, 1, WIRE_BORN_FORK);
    make(0x2000, 8);
    process_fork();
    process_forked(102);
    who(3, 3);
    process_start(102, 2, WIRE_BORN_FORK);
    hush();
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->n_blocks, 5);
    ck_assert_uint_eq(v->blocks[3].cloned_from, 2);
    ck_assert_uint_eq(v->blocks[4].cloned_from, 3);
    view_free(v);
    drop(0x1000);
    drop(0x2000);
    said("new b4 clone 1000+64 @70 t3\n"
         "drop b4 1000+64 @100 t3\n"
         "new b5 clone 2000+8 @70 t3\n"
         "drop b5 2000+8 @110 t3\n");
    finish();
}
END_TEST

START_TEST(argument_in_a_clone)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    process_fork();
    who(2, 2);
    process_start(101, 1, WIRE_BORN_FORK);
    hush();
    thread_create(0x1010, 3);
    said("thread create to=t3 @50 t2\n"
         "new b2 clone 1000+64 @30 t2\n"
         "borrow b2 thread-arg to=t3 @50 t2\n");
    who(2, 3);
    drop(0x1000);
    said("move b2 thread-arg t2->t3 @50 t3\n"
         "drop b2 1000+64 @60 t3\n");
    finish();
}
END_TEST

/* ---- exec and the end ---------------------------------------------------------------- */

START_TEST(exec_replaces_the_image)
{
    two_threads();
    make(0x1000, 64);
    map(0x100000, 4096);
    process_exec(100);
    who(1, 3);
    hush();
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 8);
    said("process start '/bin/x' @80 t3\n"
         "drop b1 exec 1000+64 @80 t0\n"
         "drop b2 exec 100000+4096 @80 t0\n"
         "new b3 1000+8 @90 t3\n");
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->totals.exec_blocks, 1);
    ck_assert_uint_eq(v->totals.exec_bytes, 64);
    ck_assert_uint_eq(v->totals.live_blocks, 1);
    ck_assert_uint_eq(v->totals.mapped_bytes, 0);
    ck_assert_uint_eq(v->processes[0].images, 2);
    ck_assert(v->threads[0].ended && v->threads[1].ended && !v->threads[2].ended);
    ck_assert_uint_eq(v->n_blocks, 1);
    view_free(v);
    finish();
}
END_TEST

START_TEST(exec_that_failed_changes_nothing)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    process_exec(100);
    process_exec_failed(100);
    process_exec(555);        /* a vfork child's */
    process_gone(true, 0);
    ck_assert_uint_eq(totals().exec_blocks, 0);
    ck_assert_uint_eq(totals().live_blocks, 1);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert(!v->processes[0].untraced_image);
    view_free(v);
    finish();
}
END_TEST

START_TEST(exec_into_what_is_not_traced)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000, 64);
    process_exec(100);
    process_gone(true, 0);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert(v->processes[0].untraced_image);
    ck_assert_uint_eq(v->totals.exec_blocks, 1);
    ck_assert_uint_eq(v->totals.live_blocks, 0);
    view_free(v);
    finish();
}
END_TEST

START_TEST(exit_status_is_kept)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    process_exit(3);
    process_gone(false, 0);
    who(2, 2);
    process_start(101, 0, WIRE_BORN_EXEC);
    process_exit(3);
    process_gone(true, 9);
    who(3, 3);
    process_start(102, 0, WIRE_BORN_EXEC);
    process_gone(false, 0);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert(v->processes[0].exit_known);
    ck_assert_int_eq(v->processes[0].wait_status, 3 << 8);
    ck_assert_int_eq(v->processes[1].wait_status, 9);
    ck_assert(!v->processes[2].exit_known);
    ck_assert(v->processes[2].ended);
    view_free(v);
    finish();
}
END_TEST

START_TEST(peak_is_of_what_runs)
{
    by_stack(1);
    who(1, 1);
    make(0x1000, 100);
    process_gone(true, 0);
    by_stack(2);
    who(2, 2);
    make(0x1000, 60);       /* 100 stay live, but use no memory any more */
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->totals.peak_bytes, 100);
    ck_assert_uint_eq(v->totals.live_bytes, 160);
    ck_assert_uint_eq(v->sites[0].peak_bytes, 100);
    ck_assert_uint_eq(v->sites[1].peak_bytes, 0);
    view_free(v);
    make(0x2000, 50);
    v = graph_view_make(play, NULL, VIEW_BLOCKS);
    ck_assert_uint_eq(v->totals.peak_bytes, 110);
    ck_assert_uint_eq(v->sites[0].peak_bytes, 0);
    ck_assert_uint_eq(v->sites[1].peak_bytes, 110);
    view_free(v);
    finish();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("graph life");
    const TTest *const tests[] = {
        realloc_keeps_the_block, realloc_failed_restores, old_place_is_free_during_a_realloc,
        realloc_of_unknown_is_a_new, realloc_end_without_its_begin, gone_in_the_middle_of_a_realloc,
        killed_in_the_middle_of_a_realloc, fork_clones_what_lived, fork_failed_is_forgotten,
        forks_of_two_threads_at_once, grandchild_clones_clones, argument_in_a_clone, exec_replaces_the_image,
        exec_that_failed_changes_nothing, exec_into_what_is_not_traced, exit_status_is_kept, peak_is_of_what_runs,
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
