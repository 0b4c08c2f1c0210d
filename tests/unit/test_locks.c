/*
 * tests/unit/test_locks.c - locks: which one is meant, who has it, for how
 * long it was held and waited for.
 */
#include "lock_play.h"
#include "suite.h"

#include "graph/graph_lock_times.h"

enum { M = 0x601000, N = 0x601040, C = 0x601080 };

/* ---- custody -------------------------------------------------------------- */

START_TEST(taken_and_given)
{
    some_threads(1);
    take(MUTEX, M);
    give(MUTEX, M);
    take(MUTEX, M);
    said("lock l1 first @20 t1\n"
         "acquire l1 @20 t1\n"
         "release l1 @30 t1\n"
         "acquire l1 @40 t1\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_locks, 1);
    ck_assert_uint_eq(v->locks[0].acquisitions, 2);
    ck_assert_uint_eq(v->locks[0].contended, 0);
    ck_assert_uint_eq(v->locks[0].hold.count, 1);
    ck_assert_uint_eq(v->locks[0].hold.total_ns, 10000);
    ck_assert_uint_eq(v->n_holds, 1);
    ck_assert_uint_eq(v->holds[0].lock, 1);
    ck_assert_uint_eq(v->holds[0].thread, 1);
    ck_assert_uint_eq(v->holds[0].since_ns, 40000);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(contended)
{
    some_threads(2);
    take(MUTEX, M);
    who(1, 2);
    by_stack(5);
    wait_for(MUTEX, M);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_waits, 1);
    ck_assert_uint_eq(v->waits[0].thread, 2);
    ck_assert(!v->waits[0].timed);
    view_free(v);
    who(1, 1);
    give(MUTEX, M);
    who(1, 2);
    take(MUTEX, M);
    said("lock l1 first @50 t1\n"
         "acquire l1 @50 t1\n"
         "wait l1 @60 t2\n"
         "release l1 @70 t1\n"
         "acquire l1 waited 20 @80 t2\n");
    v = view_now();
    ck_assert_uint_eq(v->n_waits, 0);
    ck_assert_uint_eq(v->locks[0].contended, 1);
    ck_assert_uint_eq(v->locks[0].wait.total_ns, 20000);
    ck_assert_uint_eq(v->lock_classes[0].wait.max_ns, 20000);
    ck_assert_uint_eq(v->n_lock_sites, 2);
    ck_assert_uint_eq(stack_of(v, v->lock_sites[1].stack), 5);
    ck_assert_uint_eq(v->lock_sites[1].contended, 1);
    ck_assert_uint_eq(v->lock_sites[0].contended, 0);
    view_free(v);
    finish();
}
END_TEST

START_TEST(wait_that_fails)
{
    some_threads(2);
    take(MUTEX, M);
    who(1, 2);
    wait_a_while(MUTEX, M);
    wait_end(MUTEX, M, ETIMEDOUT);
    hush();
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_waits, 0);
    ck_assert_uint_eq(v->locks[0].contended, 0);
    ck_assert_uint_eq(v->locks[0].wait.count, 1);
    ck_assert_uint_eq(v->locks[0].wait.total_ns, 10000);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(recursive)
{
    some_threads(1);
    play_type = RECURSIVE;
    take(MUTEX, M);
    take(MUTEX, M);
    give(MUTEX, M);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_holds, 1);
    ck_assert_uint_eq(v->locks[0].acquisitions, 2);
    view_free(v);
    give(MUTEX, M);
    v = view_now();
    ck_assert_uint_eq(v->n_holds, 0);
    ck_assert_uint_eq(v->locks[0].hold.count, 1);
    ck_assert_uint_eq(v->locks[0].hold.total_ns, 30000);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(readers_share)
{
    some_threads(3);
    take(SHARED, M);
    who(1, 2);
    take(SHARED, M);
    take(SHARED, M);
    give(RWLOCK, M);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_holds, 2);
    ck_assert(v->holds[0].shared && v->holds[1].shared);
    ck_assert_uint_eq(v->locks[0].shared_acquisitions, 3);
    view_free(v);
    give(RWLOCK, M);
    who(1, 1);
    give(RWLOCK, M);
    who(1, 3);
    take(RWLOCK, M);
    give(RWLOCK, M);
    said("lock l1 first @80 t1\n"
         "acquire l1 shared @80 t1\n"
         "acquire l1 shared @90 t2\n"
         "acquire l1 shared @100 t2\n"
         "release l1 shared @110 t2\n"
         "release l1 shared @120 t2\n"
         "release l1 shared @130 t1\n"
         "acquire l1 @140 t3\n"
         "release l1 @150 t3\n");
    found("");
    finish();
}
END_TEST

START_TEST(nobody_holds_a_semaphore)
{
    some_threads(2);
    lock_init(SEM, M, 0);
    take(SEM, M);
    who(1, 2);
    take(SEM, M);
    give(SEM, M);
    give(SEM, M);
    give(SEM, M);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_holds, 0);
    ck_assert_uint_eq(v->locks[0].acquisitions, 2);
    ck_assert_uint_eq(v->locks[0].hold.count, 0);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(condition_gives_the_mutex_up)
{
    some_threads(2);
    take(MUTEX, M);
    cond_wait(C, M);
    who(1, 2);
    take(MUTEX, M);
    cond_signal(C);
    give(MUTEX, M);
    who(1, 1);
    cond_woken(C, M, 0);
    give(MUTEX, M);
    said("lock l1 first @50 t1\n"
         "acquire l1 @50 t1\n"
         "release l1 cond-wait @60 t1\n"
         "lock l2 first @60 t1\n"
         "wait l2 @60 t1\n"
         "acquire l1 @70 t2\n"
         "release l1 @90 t2\n"
         "wait-end l2 waited 40 @100 t1\n"
         "acquire l1 cond-wait @100 t1\n"
         "release l1 @110 t1\n");
    struct view *v = view_now();
    ck_assert_uint_eq(v->locks[0].wait.count, 0);     /* waiting counts for the condition */
    ck_assert_uint_eq(v->locks[0].contended, 0);
    ck_assert_uint_eq(v->locks[1].wait.total_ns, 40000);
    ck_assert_uint_eq(v->locks[1].family, COND);
    view_free(v);
    found("");
    finish();
}
END_TEST

START_TEST(barrier_waits)
{
    some_threads(1);
    lock_init(BARRIER, M, 0);
    wait_for(BARRIER, M);
    take(BARRIER, M);
    struct view *v = view_now();
    ck_assert_uint_eq(v->locks[0].wait.total_ns, 10000);
    ck_assert_uint_eq(v->n_holds, 0);
    view_free(v);
    finish();
}
END_TEST

/* ---- never in two hands --------------------------------------------------------- */

START_TEST(inversion_is_repaired)
{
    some_threads(2);
    take(MUTEX, M);
    hush();
    who(1, 2);
    at(100000);
    take(MUTEX, M);      /* stamped before the release that let it */
    at(100040);
    give(MUTEX, M);
    who(1, 1);
    at(100080);
    give(MUTEX, M);
    graph_settle(play, UINT64_MAX);
    said("release l1 @100 t1\n"
         "acquire l1 @100 t2\n"
         "release l1 @100 t2\n");
    found("");
    finish();
}
END_TEST

START_TEST(unseen_release)
{
    some_threads(2);
    take(MUTEX, M);
    hush();
    who(1, 2);
    take(MUTEX, M);
    who(1, 1);
    take(MUTEX, N);      /* time passes */
    give(MUTEX, N);
    who(1, 2);
    give(MUTEX, M);
    who(1, 1);
    give(MUTEX, M);      /* who knows */
    graph_settle(play, UINT64_MAX);
    said("acquire l1 unseen @60 t2\n"
         "lock l2 first @70 t1\n"
         "acquire l2 @70 t1\n"
         "release l2 @80 t1\n"
         "release l1 @90 t2\n"
         "release l1 @100 t1\n");
    found("");
    finish();
}
END_TEST

START_TEST(cond_woken_waits_for_the_release)
{
    some_threads(2);
    take(MUTEX, M);
    cond_wait(C, M);
    who(1, 2);
    take(MUTEX, M);
    hush();
    who(1, 1);
    at(200000);
    cond_woken(C, M, 0);
    who(1, 2);
    at(200040);
    give(MUTEX, M);
    graph_settle(play, UINT64_MAX);
    said("release l1 @200 t2\n"
         "wait-end l2 waited 140 @200 t1\n"
         "acquire l1 cond-wait @200 t1\n");
    finish();
}
END_TEST

START_TEST(writer_after_readers)
{
    some_threads(3);
    take(SHARED, M);
    who(1, 2);
    take(SHARED, M);
    hush();
    who(1, 3);
    at(300000);
    take(RWLOCK, M);
    who(1, 1);
    at(300010);
    give(RWLOCK, M);
    who(1, 2);
    at(300020);
    give(RWLOCK, M);
    graph_settle(play, UINT64_MAX);
    said("release l1 shared @300 t1\n"
         "release l1 shared @300 t2\n"
         "acquire l1 @300 t3\n");
    finish();
}
END_TEST

/* A block is written by two threads, one after the other. */
static void written_by_two(uint64_t first, uint64_t second)
{
    some_threads(3);
    make(0x8000, 64);
    for (uint32_t t = 2; t <= 3; t++) {
        who(1, t);
        take(MUTEX, t == 2 ? first : second);
        put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMSET, .address = 0x8000, .size = 64 });
        give(MUTEX, t == 2 ? first : second);
    }
}

START_TEST(a_lock_orders)
{
    written_by_two(M, M);
    found("");
}
END_TEST

START_TEST(two_locks_order_nothing)
{
    written_by_two(M, N);
    ck_assert_ptr_nonnull(strstr(findings(), "unordered-borrow"));
}
END_TEST

START_TEST(an_unseen_release_orders)
{
    some_threads(3);
    make(0x8000, 64);
    for (uint32_t t = 2; t <= 3; t++) {
        who(1, t);
        take(MUTEX, M);
        put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMSET, .address = 0x8000, .size = 64 });
    }
    graph_settle(play, UINT64_MAX);
    found("");
}
END_TEST

START_TEST(owner_died)
{
    some_threads(2);
    play_type = ROBUST;
    take(MUTEX, M);
    thread_exit(0);
    hush();
    who(1, 2);
    play_type = ROBUST | WIRE_LOCK_TYPE_OWNER_DIED;
    take(MUTEX, M);
    lock_event(EVENT_LOCK_CONSISTENT, MUTEX, M, 0, 0);
    give(MUTEX, M);
    said("acquire l1 owner-died @70 t2\n"
         "lock l1 consistent @80 t2\n"
         "release l1 @90 t2\n");
    found("");
    finish();
}
END_TEST

/* ---- times --------------------------------------------------------------------------- */

static int compare_ns(const void *a, const void *b)
{
    uint64_t p = *(const uint64_t *)a, q = *(const uint64_t *)b;
    return (p > q) - (p < q);
}

START_TEST(percentiles_within_three_percent)
{
    struct times t = { 0 };
    enum { SAMPLES = 20000 };
    static uint64_t all[SAMPLES];
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < SAMPLES; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        all[i] = x >> (x % 40 + 4);
        times_add(&t, all[i], times_bucket(all[i]));
    }
    qsort(all, SAMPLES, sizeof *all, compare_ns);
    for (uint64_t part = 1; part <= 99; part++) {
        double is = (double)times_percentile(&t, part, 100), was = (double)all[(SAMPLES * part + 99) / 100 - 1];
        ck_assert_msg(is <= was * 1.015 + 1 && is >= was / 1.015 - 1, "p%lu is %f, was %f", (unsigned long)part, is, was);
    }
    ck_assert_uint_eq(t.max_ns, all[SAMPLES - 1]);
    ck_assert_uint_eq(t.count, SAMPLES);
    times_clear(&t);
}
END_TEST

START_TEST(times_of_few)
{
    struct times t = { 0 };
    ck_assert_uint_eq(times_view(&t).p99_ns, 0);
    for (int i = 0; i < 3; i++)
        times_add(&t, 1000, times_bucket(1000));
    ck_assert_ptr_null(t.slots);         /* one bucket costs nothing */
    ck_assert_uint_eq(times_view(&t).p50_ns, 1000);
    times_add(&t, UINT64_MAX, times_bucket(UINT64_MAX));
    times_add(&t, 0, times_bucket(0));
    ck_assert_uint_eq(t.used, 3);
    ck_assert_uint_eq(t.max_ns, UINT64_MAX);
    ck_assert_uint_le(times_view(&t).p50_ns, 1015);
    ck_assert_uint_ge(times_view(&t).p50_ns, 985);
    times_clear(&t);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("locks");
    TCase *tc = tcase_create("custody");
    tcase_add_checked_fixture(tc, play_start, play_stop);
    tcase_add_test(tc, taken_and_given);
    tcase_add_test(tc, contended);
    tcase_add_test(tc, wait_that_fails);
    tcase_add_test(tc, recursive);
    tcase_add_test(tc, readers_share);
    tcase_add_test(tc, nobody_holds_a_semaphore);
    tcase_add_test(tc, condition_gives_the_mutex_up);
    tcase_add_test(tc, barrier_waits);
    tcase_add_test(tc, inversion_is_repaired);
    tcase_add_test(tc, unseen_release);
    tcase_add_test(tc, cond_woken_waits_for_the_release);
    tcase_add_test(tc, writer_after_readers);
    tcase_add_test(tc, owner_died);
    tcase_add_test(tc, a_lock_orders);
    tcase_add_test(tc, two_locks_order_nothing);
    tcase_add_test(tc, an_unseen_release_orders);
    suite_add_tcase(s, tc);
    tc = tcase_create("times");
    tcase_add_test(tc, percentiles_within_three_percent);
    tcase_add_test(tc, times_of_few);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
