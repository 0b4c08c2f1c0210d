/*
 * tests/unit/test_clocks.c - happens-before: each edge with a twin that lacks
 * it, doubts that are decided for order, and random histories against
 * reachability over all of their events.
 */
#include "clocks_play.h"
#include "suite.h"

enum { A = 0x1000, B = 0x2000 };

/* ---- edges ------------------------------------------------------------------------ */

START_TEST(mutex_orders)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    clock_id lock = 0, another = 0;
    writes(2, A);
    release(2, &lock);
    acquire(3, lock);
    writes(3, A);
    shows(0);
    release(3, &another);
    acquire(2, lock);       /* which 3 never released */
    writes(2, A);
    shows(1);
}
END_TEST

START_TEST(release_does_not_order_what_follows)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    clock_id lock = 0;
    release(2, &lock);
    writes(2, A);
    acquire(3, lock);
    reads(3, A);
    shows(1);
}
END_TEST

START_TEST(stamps_that_tie)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    threads(3);
    clock_id lock = 0;
    release(2, &lock);
    play_ns -= 10000;       /* at the very same time */
    writes(2, A);
    acquire(3, lock);
    reads(3, A);
    shows(1);
    play_ns -= 10000;
    writes(3, B);
    play_ns -= 10000;
    release(3, &lock);
    acquire(2, lock);
    writes(2, B);
    shows(1);
}
END_TEST

/* A semaphore's post that is stamped just after the wait that it let go. */
START_TEST(stamps_out_of_order)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    threads(3);
    clock_id semaphore = 0;
    publish(2, &semaphore);
    writes(2, A);
    acquire(3, semaphore);
    play_ns -= 9500;
    publish(2, &semaphore);
    writes(3, A);
    shows(0);
    writes(2, B);
    acquire(3, semaphore);
    publish(2, &semaphore);     /* long after */
    writes(3, B);
    shows(1);
}
END_TEST

START_TEST(order_goes_through_others)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(4);
    clock_id x = 0, y = 0;
    writes(2, A);
    release(2, &x);
    acquire(3, x);
    release(3, &y);
    acquire(4, y);
    writes(4, A);
    shows(0);
}
END_TEST

START_TEST(replaced_or_joined)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    threads(5);
    clock_id mutex = 0, semaphore = 0;
    writes(2, A);
    writes(2, B);
    release(2, &mutex);
    publish(2, &semaphore);
    release(3, &mutex);
    publish(3, &semaphore);
    acquire(4, semaphore);
    writes(4, A);
    shows(0);
    acquire(5, mutex);
    writes(5, B);
    shows(1);
}
END_TEST

/* What one is behind comes along, also of threads that a vector had no room for. */
START_TEST(vectors_grow)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(20);
    clock_id own = 0, x = 0, y = 0, z = 0;
    for (uint32_t i = 2; i <= 20; i++)
        release(i, &own);
    writes(15, A);
    release(15, &x);
    acquire(2, x);
    release(2, &y);
    acquire(20, y);         /* made last: of what 2 is behind, it lacks 15 alone */
    writes(20, A);
    shows(0);
    release(20, &z);
    acquire(4, z);
    writes(4, A);
    shows(0);
}
END_TEST

/* The older objects' vectors become times; nothing looks unordered for that. */
START_TEST(vectors_stay_few)
{
    enum { LOCKS = 400 };
    static clock_id locks[LOCKS + 1];
    memset(locks, 0, sizeof locks);
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    threads(4);
    writes(2, A);
    for (int i = 0; i < LOCKS; i++) {
        release(2, &locks[i]);      /* each a vector of its own: 2 learns of 3 every time */
        release(3, &locks[i + 1]);
        acquire(2, locks[i + 1]);
        clocks_of(play)->sweep_bytes = 4096;
    }
    ck_assert_uint_le(play->clocks->vectors.bytes, 8192);
    ck_assert_uint_ge(play->clocks->sweep_bytes, 4096);
    acquire(4, locks[0]);
    writes(4, A);
    shows(0);
    writes(2, B);
    writes(4, B);
    shows(1);
}
END_TEST

START_TEST(creation_and_join)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(2);
    writes(1, A);           /* after the creation of 2, before that of 3 */
    who(1, 1);
    thread_create(0, 3);
    thread_created(0x7003, 3);
    who(1, 3);
    thread_start(0x7003, 103);
    writes(3, A);
    shows(0);
    thread_exit(0);
    who(1, 1);
    thread_join(0x7003, 0);
    writes(1, A);
    shows(0);
    reads(2, A);
    shows(1);
}
END_TEST

/* A static variable is made: the other finds it made, and calls nothing. */
START_TEST(published_to_all)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    threads(4);
    clock_id once = 0, lock = 0;
    writes(4, A);
    release(4, &lock);
    acquire(2, lock);
    writes(2, B);
    publish(2, &once);
    clocks_publish(play, process_at(play, 1), thread_of(2));
    writes(3, A);
    writes(3, B);
    shows(0);
    writes(2, B);           /* after it */
    shows(1);
}
END_TEST

START_TEST(forgotten_objects_order_nothing)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    clock_id lock = 0;
    writes(2, A);
    release(2, &lock);
    clocks_forget(play, &lock);
    ck_assert_uint_eq(lock, 0);
    acquire(3, lock);
    release(3, &lock);      /* at the same place */
    ck_assert_uint_eq(lock, 1);
    acquire(2, lock);
    writes(3, A);
    shows(1);
    clocks_forget(play, &lock);
    clocks_forget(play, &lock);
}
END_TEST

/* ---- doubts are decided for order --------------------------------------------------- */

START_TEST(thread_that_nobody_made)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(2);
    writes(2, A);
    who(1, 9);
    thread_start(0x7009, 109);
    writes(9, A);
    shows(0);
    writes(2, A);
    shows(1);
}
END_TEST

START_TEST(join_of_nobody)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    writes(2, A);
    who(1, 3);
    thread_join(0x9999, 0);
    writes(3, A);
    shows(0);
}
END_TEST

/* That all until some moment is ordered goes from thread to thread as well. */
START_TEST(floors_travel)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(5);
    clock_id lock = 0, another = 0;
    release(2, &lock);
    acquire(3, lock);
    writes(4, A);
    who(1, 2);
    thread_join(0x9999, 0);
    release(2, &lock);
    acquire(3, lock);
    release(3, &another);       /* its vector is shared now */
    release(5, &lock);
    acquire(3, lock);
    writes(3, A);
    shows(0);
}
END_TEST

START_TEST(lost_events)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    writes(2, A);
    put((struct event){ .type = EVENT_LOST, .address = WIRE_LOST_RING_FULL, .size = 1 });
    writes(3, A);
    shows(0);
    writes(2, A);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_int_eq(v->findings[0].doubt, DOUBT_UNSEEN);
    uint64_t event = v->findings[0].event;
    view_free(v);
    put((struct event){ .type = EVENT_LOST, .address = WIRE_LOST_RING_FULL, .size = 1 });
    v = graph_view_make(play, NULL, 0);
    ck_assert_int_eq(v->findings[0].doubt, DOUBT_LOST | DOUBT_UNSEEN);
    view_free(v);
    writes(2, A);
    writes(3, A);           /* the other way round: the same */
    v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->findings[0].count, 2);
    ck_assert_int_eq(v->findings[0].doubt, DOUBT_UNSEEN);
    ck_assert_uint_gt(v->findings[0].event, event);
    view_free(v);
}
END_TEST

START_TEST(more_threads_than_indexes)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(CLOCK_THREADS_MAX + 3);
    clock_id lock = 0;
    for (uint32_t i = 2; i <= CLOCK_THREADS_MAX + 3; i++)
        release(i, &lock);
    ck_assert_uint_eq(thread_of(CLOCK_THREADS_MAX + 3)->clock.index, 0);
    writes(CLOCK_THREADS_MAX + 3, A);
    writes(2, A);
    writes(CLOCK_THREADS_MAX + 3, A);
    shows(0);
    writes(3, A);           /* the others are what they were */
    shows(1);
    release(CLOCK_THREADS_MAX + 3, &lock);
    acquire(4, lock);
    writes(4, A);
    shows(1);
}
END_TEST

/* Threads come and go by thousands: their indexes are used again. */
START_TEST(indexes_are_used_again)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(2);
    clock_id lock = 0;
    for (uint32_t i = 3; i < 3000; i++) {
        who(1, 1);
        thread_create(0, i);
        thread_created(0x7fff, i);
        who(1, i);
        thread_start(0x7fff, i);
        acquire(i, lock);
        writes(i, A);
        release(i, &lock);
        thread_exit(0);
        who(1, 1);
        if (i % 2) {
            thread_join(0x7fff, 0);
        } else {
            thread_detach(0x7fff);
            who(1, i);
            thread_gone();
        }
        hush();
    }
    shows(0);
    ck_assert_uint_le(process_at(play, 1)->clocks.n, 4);
    writes(2, A);
    shows(1);
}
END_TEST

/* 2 had an index that 3 has now. */
START_TEST(whose_index)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(B, 64);
    threads(6);
    clock_id x = 0, y = 0, z = 0;
    who(1, 3);
    make(A, 64);
    writes(5, B);
    release(5, &x);
    acquire(2, x);
    release(2, &y);
    acquire(4, y);
    uint32_t index = thread_of(2)->clock.index;
    who(1, 2);
    thread_exit(0);
    who(1, 1);
    thread_join(0x7002, 0);
    release(3, &z);
    ck_assert_uint_eq(thread_of(3)->clock.index, index);
    writes(4, A);               /* it is behind 2, not behind 3, who made it */
    ck_assert_uint_eq(play->clocks->unordered.n_pairs, 1);
    acquire(6, z);              /* it is behind 3 now: that does not make it be behind 2 */
    acquire(6, y);
    writes(6, B);
    shows(0);
}
END_TEST

START_TEST(a_new_image_starts_anew)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    clock_id lock = 0;
    writes(2, A);
    release(2, &lock);
    who(1, 1);
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    who(1, 1);
    ck_assert_ptr_null(thread_of(2)->clock.seen);
    ck_assert_uint_eq(process_at(play, 1)->clocks.n, 0);
    thread_create(0, 12);
    thread_create(0, 13);
    writes(12, A);
    shows(0);
    acquire(12, lock);
    writes(13, A);
    shows(1);
}
END_TEST

#include "clocks_model.h"

START_TEST(random_histories) { model_run((unsigned)_i, false); }
END_TEST
START_TEST(random_histories_with_ends) { model_run((unsigned)_i, true); }
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("clocks");
    TCase *c = tcase_create("clocks");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, mutex_orders);
    tcase_add_test(c, release_does_not_order_what_follows);
    tcase_add_test(c, stamps_that_tie);
    tcase_add_test(c, stamps_out_of_order);
    tcase_add_test(c, order_goes_through_others);
    tcase_add_test(c, replaced_or_joined);
    tcase_add_test(c, vectors_grow);
    tcase_add_test(c, vectors_stay_few);
    tcase_add_test(c, creation_and_join);
    tcase_add_test(c, published_to_all);
    tcase_add_test(c, forgotten_objects_order_nothing);
    tcase_add_test(c, thread_that_nobody_made);
    tcase_add_test(c, join_of_nobody);
    tcase_add_test(c, floors_travel);
    tcase_add_test(c, lost_events);
    tcase_add_test(c, more_threads_than_indexes);
    tcase_add_test(c, indexes_are_used_again);
    tcase_add_test(c, whose_index);
    tcase_add_test(c, a_new_image_starts_anew);
    tcase_add_loop_test(c, random_histories, 0, 300);
    tcase_add_loop_test(c, random_histories_with_ends, 0, 300);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
