/*
 * tests/unit/test_deadlock.c - threads that wait for each other, and such that
 * only wait.
 */
#include "lock_play.h"
#include "suite.h"

enum { A = 0x601000, B = 0x602000, C = 0x603000 };

static void hold(uint32_t thread, unsigned family, uint64_t lock)
{
    who(1, thread);
    by_stack(10 + thread);
    take(family, lock);
}
static void blocks(uint32_t thread, unsigned family, uint64_t lock)
{
    who(1, thread);
    by_stack(20 + thread);
    wait_for(family, lock);
}

static size_t deadlocks(void)
{
    struct view *v = view_now();
    size_t n = v->n_deadlocks;
    view_free(v);
    return n;
}

START_TEST(deadlock)
{
    started(3);
    hold(1, MUTEX, A);
    hold(2, MUTEX, B);
    blocks(1, MUTEX, B);
    blocks(3, MUTEX, B);               /* beside it */
    ck_assert_uint_eq(graph_deadlocks(play), 0);
    blocks(2, MUTEX, A);
    ck_assert_uint_eq(graph_deadlocks(play), 1);
    const char *text = findings();
    ck_assert(strstr(text, "deadlock t2 l1 b0 x1: held l2 t2 12 waited l1 t2 22 held l1 t1 11 waited l2 t1 21\n") ||
              strstr(text, "deadlock t2 l1 b0 x1: held l1 t1 11 waited l2 t1 21 held l2 t2 12 waited l1 t2 22\n"));
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_deadlocks, 1);
    ck_assert_uint_eq(v->deadlocks[0].n, 2);
    for (int i = 0; i < 2; i++)
        ck_assert_uint_eq(v->deadlock_edges[i].taken, v->deadlock_edges[!i].held);
    view_free(v);
    who(1, 0);
    process_gone(true, 9);
    ck_assert_uint_eq(deadlocks(), 0);
    ck_assert_uint_eq(graph_deadlocks(play), 1);
    finish();
}
END_TEST

START_TEST(deadlock_of_three_with_readers)
{
    started(4);
    hold(1, SHARED, A);
    hold(4, SHARED, A);
    hold(2, MUTEX, B);
    hold(3, SPIN, C);
    blocks(1, MUTEX, B);
    blocks(2, SPIN, C);
    ck_assert_uint_eq(graph_deadlocks(play), 0);
    blocks(3, RWLOCK, A);
    ck_assert_uint_eq(graph_deadlocks(play), 1);
    struct view *v = view_now();
    ck_assert_uint_eq(v->deadlocks[0].n, 3);
    view_free(v);
}
END_TEST

START_TEST(no_deadlock)
{
    started(3);
    hold(1, MUTEX, A);
    hold(2, MUTEX, B);
    blocks(1, MUTEX | WIRE_LOCK_FLAG, B);   /* gives up after a while */
    blocks(2, MUTEX, A);
    ck_assert_uint_eq(graph_deadlocks(play), 0);
    who(1, 1);
    wait_end(MUTEX, B, ETIMEDOUT);
    give(MUTEX, A);
    who(1, 2);
    take(MUTEX, A);
    give(MUTEX, A);
    hold(1, SHARED, C);
    hold(3, SHARED, C);
    blocks(1, MUTEX, B);
    blocks(3, SHARED, C);                   /* behind a writer, not behind t1 */
    ck_assert_uint_eq(graph_deadlocks(play), 0);
    ck_assert_uint_eq(deadlocks(), 0);
}
END_TEST

START_TEST(deadlock_that_a_signal_ends)
{
    started(2);
    hold(1, MUTEX, A);
    hold(2, MUTEX, B);
    blocks(1, MUTEX, B);
    blocks(2, MUTEX, A);
    ck_assert_uint_eq(deadlocks(), 1);
    wait_end(MUTEX, A, EINTR);
    ck_assert_uint_eq(deadlocks(), 0);
}
END_TEST

static uint64_t told(enum finding_rule rule)
{
    struct view *v = view_now();
    uint64_t n = v->findings_by_rule[rule];
    view_free(v);
    return n;
}

START_TEST(deadlock_closed_by_either)
{
    started(2);
    for (uint32_t last = 1; last <= 2; last++) {
        hold(1, MUTEX, A);
        hold(2, MUTEX, B);
        blocks(3 - last, MUTEX, last == 1 ? A : B);
        blocks(last, MUTEX, last == 1 ? B : A);
        wait_end(MUTEX, last == 1 ? B : A, EINTR);
        who(1, 3 - last);
        wait_end(MUTEX, last == 1 ? A : B, EINTR);
        who(1, 1);
        give(MUTEX, A);
        who(1, 2);
        give(MUTEX, B);
    }
    ck_assert_uint_eq(graph_deadlocks(play), 2);
    struct view *v = view_now();
    size_t rows = 0;
    for (size_t i = 0; i < v->n_findings; i++)
        rows += v->findings[i].rule == RULE_DEADLOCK;
    ck_assert_uint_eq(rows, 1);
    view_free(v);
}
END_TEST

START_TEST(deadlock_with_more_behind_it)
{
    started(4);
    hold(1, MUTEX, A);
    hold(2, SHARED, C);
    hold(3, SHARED, C);
    hold(4, SHARED, C);
    blocks(1, RWLOCK, C);
    for (uint32_t i = 2; i <= 4; i++) {
        blocks(i, MUTEX, A);           /* each closes a circle with t1, which is stuck since the first */
        ck_assert_uint_eq(graph_deadlocks(play), 1);
        ck_assert_uint_eq(told(RULE_DEADLOCK), 1);
        struct view *v = view_now();
        ck_assert_uint_eq(v->n_deadlocks, 1);
        ck_assert_uint_eq(v->n_deadlock_edges, 2);
        for (size_t k = 0; k < 2; k++)
            ck_assert(v->deadlock_edges[k].thread == 1 || v->deadlock_edges[k].thread == 2);
        view_free(v);
    }
}
END_TEST

START_TEST(deadlock_that_takes_anothers_place)
{
    started(3);
    hold(1, MUTEX, A);
    hold(2, SHARED, C);
    hold(3, SHARED, C);
    blocks(1, RWLOCK, C);
    blocks(2, MUTEX, A);
    wait_end(MUTEX, A, EINTR);         /* t1 is not stuck any more */
    ck_assert_uint_eq(deadlocks(), 0);
    blocks(3, MUTEX, A);
    ck_assert_uint_eq(graph_deadlocks(play), 2);
    ck_assert_uint_eq(deadlocks(), 1);
}
END_TEST

START_TEST(deadlock_beside_one)
{
    started(4);
    hold(1, MUTEX, A);
    hold(3, SHARED, C);
    hold(2, SHARED, C);
    hold(4, MUTEX, B);
    blocks(1, RWLOCK, C);
    blocks(2, MUTEX, A);
    blocks(3, MUTEX, B);
    blocks(4, RWLOCK, C);              /* behind t2, which is stuck; but also with t3, which was not */
    ck_assert_uint_eq(graph_deadlocks(play), 2);
    ck_assert_uint_eq(deadlocks(), 2);
}
END_TEST

START_TEST(deadlock_of_many)
{
    enum { N = 1000 };
    started(N);
    for (uint32_t i = 0; i < N; i++) {
        who(1, 1 + i);
        take(MUTEX, A + 16 * (uint64_t)i);
        hush();
    }
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_uint_eq(graph_deadlocks(play), 0);
        who(1, 1 + i);
        wait_for(MUTEX, A + 16 * (uint64_t)((i + 1) % N));
        hush();
    }
    ck_assert_uint_eq(graph_deadlocks(play), 1);
    ck_assert_uint_eq(told(RULE_DEADLOCK), 1);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_deadlocks, 1);
    ck_assert_uint_eq(v->n_deadlock_edges, N);
    for (size_t i = 0; i < v->n_findings; i++)
        ck_assert_uint_le(v->findings[i].n, FINDING_EVIDENCE_MAX);
    view_free(v);
}
END_TEST

START_TEST(deadlock_after_a_loss)
{
    started(2);
    hold(1, MUTEX, A);
    lost();
    hold(2, MUTEX, B);
    blocks(1, MUTEX, B);
    blocks(2, MUTEX, A);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->findings[0].rule, RULE_DEADLOCK);
    ck_assert_uint_eq(v->findings[0].doubt, DOUBT_LOST);
    view_free(v);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("deadlock");
    const TTest *const tests[] = {
        deadlock, deadlock_of_three_with_readers, no_deadlock, deadlock_that_a_signal_ends, deadlock_closed_by_either,
        deadlock_with_more_behind_it, deadlock_that_takes_anothers_place, deadlock_beside_one, deadlock_of_many,
        deadlock_after_a_loss,
    };
    TCase *c = tcase_create("deadlock");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 60);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(c, tests[i]);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
