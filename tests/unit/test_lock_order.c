/*
 * tests/unit/test_lock_order.c - locks taken in both orders, and what is not
 * that.
 */
#include "lock_play.h"
#include "suite.h"

enum { A = 0x601000, B = 0x602000, C = 0x603000, G = 0x604000, HEAP = 0x8000 };

/* A thread takes one, then the other, and gives them up. */
static void both(uint32_t thread, unsigned first_family, uint64_t first, unsigned second_family, uint64_t second)
{
    who(1, thread);
    by_stack(10 + thread);
    take(first_family, first);
    by_stack(20 + thread);
    take(second_family, second);
    give(second_family, second);
    give(first_family, first);
}
static void two(uint32_t thread, uint64_t first, uint64_t second) { both(thread, MUTEX, first, MUTEX, second); }
static void under(uint32_t thread, unsigned guard_family, uint64_t guard, uint64_t first, uint64_t second)
{
    who(1, thread);
    take(guard_family, guard);
    two(thread, first, second);
    give(guard_family, guard);
}

static size_t cycles(void)
{
    struct view *v = view_now();
    size_t n = v->n_cycles;
    view_free(v);
    return n;
}

/* ---- order ------------------------------------------------------------------- */

START_TEST(both_orders)
{
    started(2);
    two(1, A, B);
    two(1, A, B);
    found("");
    two(2, B, A);
    two(2, B, A);
    const char *text = findings();
    ck_assert(!strcmp(text, "lock-order t2 l1 b0 x1: held l1 t1 11 taken l2 t1 21 held l2 t2 12 taken l1 t2 22\n") ||
              !strcmp(text, "lock-order t2 l2 b0 x1: held l2 t2 12 taken l1 t2 22 held l1 t1 11 taken l2 t1 21\n"));
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_cycles, 1);
    ck_assert_uint_eq(v->n_order_edges, 2);
    ck_assert(!v->cycles[0].by_class);
    ck_assert_uint_eq(v->cycles[0].n, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(v->order_edges[i].count, 2);
        ck_assert_uint_eq(v->order_edges[i].taken, v->order_edges[!i].held);
        ck_assert_uint_ne(v->order_edges[i].thread, v->order_edges[!i].thread);
        ck_assert_uint_eq(stack_of(v, v->order_edges[i].stack_held), 10 + v->order_edges[i].thread);
        ck_assert_uint_eq(stack_of(v, v->order_edges[i].stack_taken), 20 + v->order_edges[i].thread);
    }
    ck_assert(v->locks[0].named && v->locks[1].named);
    view_free(v);
    finish();
}
END_TEST

START_TEST(one_thread_has_no_order)
{
    started(1);
    two(1, A, B);
    two(1, B, A);
    found("");
    ck_assert_uint_eq(cycles(), 0);
}
END_TEST

START_TEST(one_order)
{
    started(3);
    two(1, A, B);
    two(2, B, C);
    two(3, A, C);
    found("");
}
END_TEST

START_TEST(ring_of_three)
{
    started(3);
    two(1, A, B);
    two(2, B, C);
    found("");
    two(3, C, A);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->findings[0].n, 6);
    ck_assert_uint_eq(v->cycles[0].n, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(v->order_edges[i].taken, v->order_edges[(i + 1) % 3].held);
    view_free(v);
}
END_TEST

START_TEST(the_wait_is_enough)
{
    started(2);
    two(1, A, B);
    who(1, 2);
    take(MUTEX, B);
    who(1, 1);
    take(MUTEX, A);
    who(1, 2);
    wait_for(MUTEX, A);
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(guarded)
{
    started(2);
    under(1, MUTEX, G, A, B);
    under(2, MUTEX, G, B, A);
    found("");
    two(1, A, B);            /* one without is no cycle yet: the other has it */
    ck_assert_uint_eq(cycles(), 1);
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(guarded_once)
{
    started(2);
    under(1, MUTEX, G, A, B);
    two(2, B, A);
    ck_assert_uint_eq(cycles(), 1);    /* the other had no guard */
}
END_TEST

START_TEST(guard_of_readers)
{
    started(2);
    under(1, SHARED, G, A, B);
    under(2, SHARED, G, B, A);
    ck_assert_uint_eq(cycles(), 1);    /* both may be inside */
}
END_TEST

START_TEST(guard_of_reader_and_writer)
{
    started(2);
    under(1, SHARED, G, A, B);
    under(2, RWLOCK, G, B, A);
    found("");
}
END_TEST

START_TEST(unguarded_at_last)
{
    started(3);
    for (uint32_t i = 0; i < 6; i++)
        under(1, MUTEX, G + 64 * i, A, B);
    under(2, MUTEX, G, B, A);
    for (uint32_t i = 0; i < 6; i++)
        under(2, MUTEX, G, B, A);
    ck_assert_uint_eq(cycles(), 1);    /* G and another guard nothing */
}
END_TEST

START_TEST(tried)
{
    started(2);
    two(1, A, B);
    both(2, MUTEX, B, MUTEX | WIRE_LOCK_FLAG, A);
    found("");
    both(2, MUTEX | WIRE_LOCK_FLAG, B, MUTEX, A);    /* held by trylock, taken by a call that blocks */
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(readers_alone)
{
    started(2);
    both(1, SHARED, A, SHARED, B);
    both(2, SHARED, B, SHARED, A);
    found("");
    both(1, SHARED, A, RWLOCK, C);
    both(2, SHARED, C, RWLOCK, A);
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(shared_at_both_ends)
{
    started(2);
    both(1, SHARED, A, MUTEX, B);
    both(2, MUTEX, B, SHARED, A);      /* readers of A let each other in */
    both(1, MUTEX, C, SHARED, G);
    both(2, SHARED, G, MUTEX, C);
    found("");
    both(2, MUTEX, B, RWLOCK, A);      /* a writer does not */
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(relock_is_no_order)
{
    started(2);
    who(1, 1);
    take(MUTEX, A);
    take(MUTEX, B);
    wait_a_while(MUTEX, A);
    ck_assert_uint_eq(cycles(), 0);
    wait_end(MUTEX, A, ETIMEDOUT);
    give(MUTEX, B);
    give(MUTEX, A);
    two(2, A, B);
    ck_assert_uint_eq(cycles(), 0);
}
END_TEST

START_TEST(recursion_is_no_order)
{
    started(2);
    play_type = RECURSIVE;
    who(1, 1);
    take(MUTEX, A);
    take(MUTEX, B);
    take(MUTEX, A);
    found("");
    give(MUTEX, A);
    give(MUTEX, B);
    give(MUTEX, A);
    two(2, A, B);
    found("");
}
END_TEST

START_TEST(condition_takes_again)
{
    started(2);
    two(2, A, B);
    who(1, 1);
    take(MUTEX, A);
    give(MUTEX, A);
    take(MUTEX, A);
    take(MUTEX, B);
    cond_wait(C, A);
    found("");
    cond_woken(C, A, 0);    /* has B, takes A */
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(alone)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    module_at(MODULE, 0x10000, 1);
    hush();
    two(1, A, B);                      /* no other thread yet: all that come are behind this */
    thread_create(0, 2);
    thread_created(P1 + 1, 2);
    who(1, 2);
    thread_start(P1 + 1, 102);
    two(2, B, A);
    found("");
    two(1, A, B);                      /* and now it may be at the same time */
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(one_address_many_lives)
{
    enum { STACK = 0x7fff0000 };
    started(2);
    two(1, STACK, A);                  /* a mutex of C++ on a stack: nobody saw it made, nobody its end */
    two(2, A, STACK);
    found("");
    two(1, STACK, B);                  /* nor does it stand between two others */
    two(2, B, A);
    found("");
    lock_init(MUTEX, STACK, 0);        /* one that somebody did see made */
    two(1, STACK, C);
    two(2, C, STACK);
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

static void ring(int n)
{
    by_stack(5);
    for (int i = 0; i < n; i++) {
        who(1, 1 + (uint32_t)i);
        take(MUTEX, A + 64 * (uint64_t)i);
        take(MUTEX, A + 64 * (uint64_t)((i + 1) % n));
        give(MUTEX, A + 64 * (uint64_t)((i + 1) % n));
        give(MUTEX, A + 64 * (uint64_t)i);
    }
}

START_TEST(ring_of_many)
{
    started(32);
    ring(32);
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->findings[0].n, 64);
    ck_assert_uint_eq(v->cycles[0].n, 32);
    view_free(v);
}
END_TEST

START_TEST(ring_of_too_many)
{
    started(33);
    ring(33);
    found("");
}
END_TEST

START_TEST(short_beside_long)
{
    enum { N = 25 };
    started(3 + N);
    two(2, B, A);
    by_stack(5);
    for (uint32_t i = 0; i < N; i++) {           /* after it, all ways that lead nowhere */
        who(1, 3 + i);
        for (uint32_t j = i + 1; j < N; j++) {
            uint64_t first = i ? C + 64 * (uint64_t)i : B, then = C + 64 * (uint64_t)j;
            take(MUTEX, first);
            take(MUTEX, then);
            give(MUTEX, then);
            give(MUTEX, first);
        }
    }
    found("");
    two(1, A, B);
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

START_TEST(many_ways_on)
{
    enum { WAYS = 15000 };
    some_threads(2);
    module_at(MODULE, 0x1000000, 1);
    for (uint32_t i = 1; i < WAYS; i++) {      /* a search that looked at all: seconds of them */
        two(1, A, A + 64 * i);
        two(2, A + 64 * (WAYS + i), A);
        hush();
    }
    found("");
}
END_TEST

/* ---- one class ------------------------------------------------------------------- */

static uint64_t node(int i) { return HEAP + 0x100 * (uint64_t)i; }
static void nodes(int n)
{
    who(1, 1);
    by_stack(3);
    for (int i = 0; i < n; i++)
        make(node(i), 64);
}

START_TEST(one_class_in_order_of_address)
{
    started(2);
    nodes(6);
    for (int i = 0; i < 5; i++) {
        two(1, node(i), node(i + 1));
        two(2, node(0), node(i + 1));
    }
    found("");
    two(2, node(4), node(1));     /* 1 … 4 in three steps */
    ck_assert_uint_eq(cycles(), 1);
    finish();
}
END_TEST

START_TEST(one_class_in_both_orders)
{
    started(2);
    nodes(4);
    two(1, node(0), node(1));
    two(2, node(1), node(0));
    ck_assert_uint_eq(cycles(), 1);
    two(1, node(2), node(3));
    two(2, node(3), node(2));
    ck_assert_uint_eq(cycles(), 1);    /* the same code with others */
    struct view *v = view_now();
    ck_assert_uint_eq(v->findings[0].doubt, 0);
    view_free(v);
}
END_TEST

START_TEST(ended_locks_close_nothing)
{
    started(2);
    for (int i = 0; i < 4; i++) {
        nodes(2);
        two(1 + i % 2, node(i % 2), node(1 - i % 2));
        who(1, 1);
        drop(node(0));
        drop(node(1));
    }
    found("");
    finish();
}
END_TEST

START_TEST(many_that_come_and_go)
{
    started(2);
    for (int round = 0; round < 80; round++) {
        nodes(100);
        for (int i = 0; i < 99; i++) {
            who(1, 1);
            take(MUTEX, node(i));
            for (int j = i + 1; j < 100; j += 5) {
                take(MUTEX, node(j));
                give(MUTEX, node(j));
            }
            give(MUTEX, node(i));
        }
        hush();
        for (int i = 0; i < 100; i++)
            drop(node(i));
        hush();
    }
    ck_assert_uint_eq(cycles(), 0);
    nodes(2);
    two(1, node(0), node(1));
    two(2, node(1), node(0));
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

/* ---- by class ---------------------------------------------------------------------- */

START_TEST(by_class)
{
    started(2);
    nodes(2);
    two(1, node(0), node(0) + 40);
    two(2, node(1) + 40, node(1));
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->findings[0].doubt, DOUBT_BY_CLASS);
    ck_assert(v->cycles[0].by_class);
    view_free(v);
    two(2, node(0) + 40, node(0));     /* and now the very locks */
    v = view_now();
    ck_assert_uint_eq(v->n_findings, 1);    /* the same stacks, no doubt any more */
    ck_assert_uint_eq(v->findings[0].doubt, 0);
    ck_assert_uint_eq(v->n_cycles, 1);
    ck_assert(!v->cycles[0].by_class);
    ck_assert_uint_eq(v->findings[0].count, 1);
    view_free(v);
}
END_TEST

START_TEST(by_class_until_it_is_certain)
{
    started(3);
    nodes(2);
    two(1, node(0), node(0) + 40);
    two(2, node(1) + 40, node(1));
    two(3, node(0) + 40, node(0));     /* by other stacks: another finding, and the first is none */
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->findings[0].doubt, 0);
    ck_assert_uint_eq(v->findings_by_rule[RULE_LOCK_ORDER], 1);
    ck_assert_uint_eq(v->n_cycles, 1);
    view_free(v);
}
END_TEST

START_TEST(by_class_with_a_guard_of_each_object)
{
    started(2);
    nodes(2);
    under(1, MUTEX, node(0) + 48, node(0), node(0) + 40);
    under(2, MUTEX, node(1) + 48, node(1) + 40, node(1));
    found("");
}
END_TEST

START_TEST(addresses_are_no_class)
{
    started(2);
    for (int i = 0; i < 2; i++) {      /* on a stack, each for one call */
        by_stack(8);
        lock_init(MUTEX, 0x7fff0000, 0);
        by_stack(9);
        lock_init(MUTEX, 0x7fff0040, 0);
        two(1 + (uint32_t)i, 0x7fff0000 + 0x40 * (uint64_t)i, 0x7fff0040 - 0x40 * (uint64_t)i);
        lock_destroy(MUTEX, 0x7fff0000);
        lock_destroy(MUTEX, 0x7fff0040);
    }
    found("");
}
END_TEST

START_TEST(processes_apart)
{
    started(2);
    two(1, A, B);
    who(2, 3);
    process_start(101, 1, WIRE_BORN_FORK);
    thread_create(0, 4);
    who(2, 4);
    thread_start(P1, 104);
    take(MUTEX, B);
    take(MUTEX, A);
    found("");
}
END_TEST

START_TEST(lost_before)
{
    started(2);
    two(1, A, B);
    lost();
    two(2, B, A);
    struct view *v = view_now();
    ck_assert_uint_eq(v->findings[0].doubt, DOUBT_LOST);
    view_free(v);
    who(1, 1);
    take(MUTEX, A);
    lost();                            /* perhaps its release */
    take(MUTEX, C);
    give(MUTEX, C);
    two(2, C, A);
    ck_assert_uint_eq(cycles(), 1);
}
END_TEST

/* ---- guards of blocks ------------------------------------------------------------------ */

START_TEST(guards)
{
    started(1);
    nodes(3);
    take(MUTEX, A);
    for (int i = 0; i < 2; i++)
        put((struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMSET, .address = node(0), .size = 64 });
    for (int i = 0; i < 3; i++)
        drop(node(i));
    give(MUTEX, A);
    nodes(1);
    drop(node(0));
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_guards, 1);
    ck_assert_uint_eq(v->guards[0].lock, 1);
    ck_assert_uint_eq(stack_of(v, v->guards[0].site_stack), 3);
    ck_assert_uint_eq(v->guards[0].touches, 5);
    ck_assert_uint_eq(v->guards[0].blocks, 3);
    view_free(v);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("lock order");
    const TTest *const tests[] = {
        both_orders, one_thread_has_no_order, one_order, ring_of_three, the_wait_is_enough, guarded, guarded_once,
        guard_of_readers, guard_of_reader_and_writer, unguarded_at_last, tried, readers_alone, shared_at_both_ends,
        relock_is_no_order, recursion_is_no_order, condition_takes_again, alone, one_address_many_lives, ring_of_many,
        ring_of_too_many, short_beside_long, many_ways_on, one_class_in_order_of_address, one_class_in_both_orders,
        ended_locks_close_nothing, many_that_come_and_go, by_class, by_class_until_it_is_certain,
        by_class_with_a_guard_of_each_object, addresses_are_no_class, processes_apart, lost_before, guards,
    };
    TCase *c = tcase_create("order");
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
