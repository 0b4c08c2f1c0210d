/*
 * tests/unit/test_lock_rules.c - which lock is meant, and rules about one
 * lock, each with what looks like it and is right.
 */
#include "lock_play.h"
#include "suite.h"

enum { M = 0x601000, N = 0x601040, C = 0x601080, BLOCK = 0x8000, IN_BLOCK = 0x8010 };

/* ---- identity ------------------------------------------------------------------ */

START_TEST(a_block_ends_its_locks)
{
    started(1);
    make(BLOCK, 64);
    take(MUTEX, IN_BLOCK);
    give(MUTEX, IN_BLOCK);
    drop(BLOCK);
    make(BLOCK, 64);
    take(MUTEX, IN_BLOCK);
    give(MUTEX, IN_BLOCK);
    said("new b1 8000+64 @30 t1\n"
         "lock l1 first @40 t1\n"
         "acquire l1 @40 t1\n"
         "release l1 @50 t1\n"
         "lock l1 gone @60 t1\n"
         "drop b1 8000+64 @60 t1\n"
         "new b2 8000+64 @70 t1\n"
         "lock l2 first @80 t1\n"
         "acquire l2 @80 t1\n"
         "release l2 @90 t1\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_locks, 2);
    ck_assert_uint_eq(v->locks[0].ended_ns, 60000);
    ck_assert_uint_eq(v->locks[0].acquisitions, 1);
    ck_assert_uint_eq(v->locks[0].where.kind, VIEW_WHERE_BLOCK);
    ck_assert_uint_eq(v->locks[0].where.block, 1);
    ck_assert_uint_eq(v->locks[1].where.block, 2);
    ck_assert_uint_eq(v->locks[1].where.offset, 16);
    ck_assert_uint_eq(v->locks_seen, 2);
    ck_assert_uint_eq(v->locks_left_out, 0);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(embedded_locks_are_a_class)
{
    started(1);
    by_stack(3);
    make(BLOCK, 64);
    make(BLOCK + 64, 64);
    by_stack(4);
    make(BLOCK + 128, 64);
    for (int i = 0; i < 3; i++) {
        take(MUTEX, BLOCK + 64 * i);
        give(MUTEX, BLOCK + 64 * i);
        take(MUTEX, BLOCK + 64 * i + 8);
        give(MUTEX, BLOCK + 64 * i + 8);
    }
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_locks, 6);
    ck_assert_uint_eq(v->n_lock_classes, 4);     /* two offsets, two sites */
    ck_assert_uint_eq(v->locks[0].class, v->locks[2].class);
    ck_assert_uint_eq(v->locks[1].class, v->locks[3].class);
    ck_assert_uint_ne(v->locks[0].class, v->locks[1].class);
    ck_assert_uint_ne(v->locks[0].class, v->locks[4].class);
    ck_assert_uint_eq(v->lock_classes[0].locks, 2);
    ck_assert_uint_eq(v->lock_classes[0].acquisitions, 2);
    view_free(v);
    finish();
}
END_TEST

START_TEST(realloc_that_moves_ends_them)
{
    started(1);
    make(BLOCK, 64);
    take(MUTEX, IN_BLOCK);
    give(MUTEX, IN_BLOCK);
    begin(BLOCK, 32);
    end(BLOCK, BLOCK, 32);
    take(MUTEX, IN_BLOCK);    /* still l1 */
    give(MUTEX, IN_BLOCK);
    begin(BLOCK, 128);
    end(BLOCK, 0x9000, 128);
    take(MUTEX, 0x9010);
    give(MUTEX, 0x9010);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_locks, 2);
    ck_assert_uint_eq(v->locks[0].acquisitions, 2);
    ck_assert_uint_ne(v->locks[0].ended_ns, 0);
    ck_assert_uint_eq(v->locks[1].where.block, 1);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(init_and_destroy_bound_a_life)
{
    started(1);
    lock_init(MUTEX, M, RECURSIVE);
    take(MUTEX, M);
    give(MUTEX, M);
    lock_destroy(MUTEX, M);
    by_stack(9);
    lock_init(MUTEX, M, 0);
    lock_init(MUTEX, M, 0);
    said("lock l1 init @30 t1\n"
         "acquire l1 @40 t1\n"
         "release l1 @50 t1\n"
         "lock l1 destroy @60 t1\n"
         "lock l2 init @70 t1\n"
         "lock l2 gone @80 t1\n"
         "lock l3 init @80 t1\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_locks, 3);
    ck_assert_uint_eq(v->locks[1].class, v->locks[2].class);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(modules_and_their_locks)
{
    started(1);
    take(MUTEX, M);
    give(MUTEX, M);
    take(MUTEX, 0x700010);            /* nobody knows yet what lies there */
    module_at(0x700000, 0x1000, 2);
    give(MUTEX, 0x700010);
    struct view *v = view_now();
    ck_assert_uint_eq(v->locks[0].where.kind, VIEW_WHERE_MODULE);
    ck_assert_uint_eq(v->locks[0].where.offset, 0x1000);
    ck_assert_uint_eq(v->locks[1].where.kind, VIEW_WHERE_MODULE);
    ck_assert_uint_eq(v->locks[1].where.offset, 0x10);
    view_free(v);
    hush();
    module_at(MODULE, 0x10000, 1);    /* the same again */
    said("");
    module_at(MODULE, 0x10000, 3);    /* another in its place */
    said("lock l1 gone @90 t1\n");
    found("");
    finish();
}
END_TEST

START_TEST(a_hole_in_a_mapping)
{
    started(1);
    map(0x10000, 0x4000);
    take(MUTEX, 0x10010);
    give(MUTEX, 0x10010);
    take(MUTEX, 0x11010);
    give(MUTEX, 0x11010);
    take(MUTEX, 0x13010);
    hush();
    unmap(0x11000, 0x1000);
    give(MUTEX, 0x13010);
    said("lock l2 gone @90 t1\n"
         "new b2 split 12000+8192 @90 t1\n"
         "drop b1 part 11000+4096 @90 t1\n"
         "release l3 @100 t1\n");
    unmap(0x12000, 0x2000);
    ck_assert_ptr_nonnull(strstr(play_log, "lock l3 gone"));
    found("");
    finish();
}
END_TEST

START_TEST(exec_and_end_take_locks_with_them)
{
    started(2);
    take(MUTEX, M);
    make(BLOCK, 64);
    who(1, 2);
    take(MUTEX, IN_BLOCK);
    who(1, 1);
    process_exec(100);
    process_start(100, 0, WIRE_BORN_EXEC);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_holds, 0);
    view_free(v);
    take(MUTEX, M);
    who(1, 0);
    process_gone(true, 0);
    v = view_now();
    ck_assert_uint_eq(v->n_locks, 3);
    for (size_t i = 0; i < v->n_locks; i++)
        ck_assert_uint_ne(v->locks[i].ended_ns, 0);
    ck_assert_uint_eq(v->n_holds, 0);
    view_free(v);
    found("");
    finish();
}
END_TEST

/* ---- relock ------------------------------------------------------------------------ */

START_TEST(relock)
{
    started(1);
    by_stack(5);
    take(MUTEX, M);
    by_stack(6);
    wait_for(MUTEX, M);
    found("relock t1 l1 b0 x1: used l1 t1 6 held l1 t1 5\n");
    ck_assert_uint_eq(graph_deadlocks(play), 1);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_deadlocks, 1);
    ck_assert_uint_eq(v->deadlocks[0].n, 1);
    ck_assert_uint_eq(v->deadlock_edges[0].held, 1);
    ck_assert_uint_eq(v->deadlock_edges[0].taken, 1);
    view_free(v);
}
END_TEST

START_TEST(relock_refused)
{
    started(1);
    play_type = ERRORCHECK;
    take(MUTEX, M);
    wait_for(MUTEX, M);
    wait_end(MUTEX, M, EDEADLK);
    found("relock t1 l1 b0 x1: used l1 t1 0 held l1 t1 0\n");
    wait_end(MUTEX, M, EDEADLK);    /* not waited for at all */
    found("relock t1 l1 b0 x2: used l1 t1 0 held l1 t1 0\n");
    give(MUTEX, M);
    ck_assert_uint_eq(graph_deadlocks(play), 0);
}
END_TEST

START_TEST(relock_of_rwlock)
{
    started(1);
    take(RWLOCK, M);
    wait_for(RWLOCK, M);
    wait_end(RWLOCK, M, EDEADLK);
    found("relock t1 l1 b0 x1: used l1 t1 0 held l1 t1 0\n");
    ck_assert_uint_eq(graph_deadlocks(play), 0);
}
END_TEST

START_TEST(no_relock)
{
    started(2);
    play_type = RECURSIVE;
    take(MUTEX, M);
    take(MUTEX, M);
    give(MUTEX, M);
    give(MUTEX, M);
    play_type = 0;
    take(SHARED, N);
    who(1, 2);
    wait_for(RWLOCK, N);        /* a writer */
    who(1, 1);
    wait_a_while(SHARED, N);    /* a reader again */
    take(SHARED, N);
    found("");
}
END_TEST

/* ---- released by a stranger ---------------------------------------------------------- */

START_TEST(stranger)
{
    started(2);
    by_stack(5);
    take(MUTEX, M);
    who(1, 2);
    by_stack(6);
    give(MUTEX, M);
    found("released-by-stranger t2 l1 b0 x1: used l1 t2 6 held l1 t1 5\n");
    take(MUTEX, M);             /* it is free now */
    give(MUTEX, M);
    hush();
    who(1, 1);
    give(MUTEX, M);             /* nobody has it */
    ck_assert_ptr_nonnull(strstr(findings(), "released-by-stranger t1 l1 b0 x1: used l1 t1 6\n"));
}
END_TEST

START_TEST(stranger_refused)
{
    started(2);
    play_type = ERRORCHECK;
    take(MUTEX, M);
    who(1, 2);
    give(MUTEX, M);
    found("released-by-stranger t2 l1 b0 x1: used l1 t2 0 held l1 t1 0\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_holds, 1);
    view_free(v);
    who(1, 1);
    give(MUTEX, M);
    ck_assert_ptr_null(strstr(findings(), "x2"));
}
END_TEST

START_TEST(no_stranger)
{
    started(2);
    lock_init(SEM, M, 0);
    who(1, 2);
    give(SEM, M);
    give(0x30, N);              /* no such kind */
    give(MUTEX, 0xdead0000);    /* who knows what lies there */
    found("");
}
END_TEST

START_TEST(forked_child_gives_up_what_its_parent_had)
{
    started(1);
    take(MUTEX, M);
    process_fork();
    who(2, 3);
    process_start(101, 1, WIRE_BORN_FORK);
    give(MUTEX, M);
    take(MUTEX, M);
    give(MUTEX, M);
    who(1, 1);
    process_forked(101);
    give(MUTEX, M);
    found("");
}
END_TEST

START_TEST(nothing_certain_after_a_loss)
{
    started(2);
    make(BLOCK, 64);
    take(MUTEX, M);
    take(MUTEX, IN_BLOCK);
    lost();
    who(1, 2);
    give(MUTEX, M);
    give(MUTEX, N);
    lock_destroy(MUTEX, IN_BLOCK);
    drop(BLOCK);
    who(1, 1);
    wait_for(MUTEX, M);
    found("");
}
END_TEST

/* ---- ends while held --------------------------------------------------------------------- */

START_TEST(destroyed_while_held)
{
    started(2);
    by_stack(7);
    lock_init(MUTEX, M, 0);
    by_stack(8);
    take(MUTEX, M);
    by_stack(9);
    lock_destroy(MUTEX, M);
    found("destroyed-while-held t1 l1 b0 x1: used l1 t1 9 held l1 t1 8 init l1 t1 7\n");
    give(MUTEX, M);             /* libc refused to destroy it */
    lock_destroy(MUTEX, M);
    take(SHARED, N);
    who(1, 2);
    take(SHARED, N);
    lock_destroy(RWLOCK, N);
    ck_assert_ptr_nonnull(strstr(findings(), "destroyed-while-held t2 l2 b0 x1: used l2 t2 9 held l2 t2 9 held l2 t1 9\n"));
}
END_TEST

START_TEST(dropped_while_locked)
{
    started(1);
    by_stack(3);
    make(BLOCK, 64);
    by_stack(4);
    take(MUTEX, IN_BLOCK);
    by_stack(5);
    drop(BLOCK);
    found("dropped-while-locked t1 l1 b1 x1: used l1 t1 5 held l1 t1 4 made t1 3\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_holds, 0);
    ck_assert_uint_eq(v->findings[0].block_size, 64);
    ck_assert_uint_eq(v->findings[0].offset, 16);
    ck_assert_uint_eq(v->findings[0].family, WIRE_FREE);
    view_free(v);
    map(0x10000, 0x2000);
    take(SHARED, 0x11000);
    unmap(0x10000, 0x1000);
    ck_assert_ptr_null(strstr(findings(), "l2"));
    unmap(0x11000, 0x1000);
    ck_assert_ptr_nonnull(strstr(findings(), "dropped-while-locked t1 l2 b2"));
}
END_TEST

START_TEST(dropped_unseen_says_nothing)
{
    started(1);
    make(BLOCK, 64);
    take(MUTEX, IN_BLOCK);
    make(BLOCK, 64);            /* given out again: the drop was unseen */
    found("");
    finish();
}
END_TEST

START_TEST(used_after_drop)
{
    started(1);
    by_stack(3);
    make(BLOCK, 64);
    by_stack(4);
    drop(BLOCK);
    by_stack(5);
    take(MUTEX, IN_BLOCK);
    by_stack(6);
    give(MUTEX, IN_BLOCK);
    take(MUTEX, IN_BLOCK);
    give(MUTEX, IN_BLOCK);
    const char *twice = "use-after-drop t1 l1 b1 x1: used l1 t1 5 made t1 3 dropped t1 4\n"
                        "use-after-drop t1 l1 b1 x3: used l1 t1 6 made t1 3 dropped t1 4\n";
    found(twice);
    make(BLOCK, 64);
    take(MUTEX, IN_BLOCK);
    give(MUTEX, IN_BLOCK);
    found(twice);
    finish();
}
END_TEST

START_TEST(exited_holding)
{
    started(2);
    who(1, 2);
    by_stack(4);
    take(MUTEX, M);
    take(MUTEX, N);
    thread_exit(0);
    give(MUTEX, N);             /* a destructor of its own */
    found("");
    who(1, 1);
    thread_join(P2, 0);
    found("exited-holding t2 l1 b0 x1: held l1 t2 4\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->findings[0].thread, 2);
    ck_assert_uint_eq(v->findings[0].ns, 80000);
    view_free(v);
    hush();
    who(1, 1);
    take(MUTEX, M);             /* nobody can give it up any more: not waited for */
    said("acquire l1 unseen @110 t1\n");
}
END_TEST

START_TEST(process_that_exits_holding)
{
    started(2);
    take(MUTEX, M);
    who(1, 2);
    take(MUTEX, N);
    process_exit(0);
    who(1, 1);
    thread_gone();
    who(1, 2);
    thread_gone();
    process_gone(true, 0);
    found("");
    finish();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("lock rules");
    const TTest *const tests[] = {
        a_block_ends_its_locks, embedded_locks_are_a_class, realloc_that_moves_ends_them, init_and_destroy_bound_a_life,
        modules_and_their_locks, a_hole_in_a_mapping, exec_and_end_take_locks_with_them,
        relock, relock_refused, relock_of_rwlock, no_relock,
        stranger, stranger_refused, no_stranger, forked_child_gives_up_what_its_parent_had, nothing_certain_after_a_loss,
        destroyed_while_held, dropped_while_locked, dropped_unseen_says_nothing, used_after_drop,
        exited_holding, process_that_exits_holding,
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
