/*
 * tests/unit/test_locks_model.c - many random events of locks: of threads that
 * keep every rule, held against a naive model; and of nobody that could be.
 */
#include "lock_play.h"
#include "suite.h"

enum { THREADS = 6, MUTEXES = 8, RWLOCKS = 4, LOCKS = MUTEXES + RWLOCKS, STEPS = 200000, BASE = 0x601000 };

static uint64_t random_state = 0x9e3779b97f4a7c15u;
static uint32_t rnd(uint32_t n)
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 33) % n;
}

static struct {
    uint32_t depth[THREADS + 1];
    bool shared;
    uint64_t since[THREADS + 1];
    uint64_t acquisitions, holds, held_ns;
} model[LOCKS];
static uint64_t model_ns;

static uint64_t address(int lock) { return BASE + 64 * (uint64_t)lock; }
static bool is_rw(int lock) { return lock >= MUTEXES; }
static bool is_recursive(int lock) { return lock % 4 == 3 && !is_rw(lock); }
static uint32_t holders(int lock, uint32_t but)
{
    uint32_t n = 0;
    for (uint32_t t = 1; t <= THREADS; t++)
        n += t != but && model[lock].depth[t];
    return n;
}
static int highest(uint32_t thread)
{
    for (int i = LOCKS - 1; i >= 0; i--)
        if (model[i].depth[thread])
            return i;
    return -1;
}

static void at_ns(uint32_t thread, uint64_t ns) { who(1, thread); by_stack(1 + rnd(20)); at(ns); }

static void model_take(uint32_t thread, int lock, bool shared, uint64_t ns)
{
    bool tried = highest(thread) >= lock || !rnd(4);    /* all others in one order */
    play_type = is_recursive(lock) ? RECURSIVE : 0;
    at_ns(thread, ns);
    take((is_rw(lock) ? shared ? SHARED : RWLOCK : MUTEX) | (tried ? WIRE_LOCK_FLAG : 0), address(lock));
    if (!model[lock].depth[thread]++)
        model[lock].since[thread] = ns;
    model[lock].shared = shared;
    model[lock].acquisitions++;
}

static void model_give(uint32_t thread, int lock)
{
    at_ns(thread, model_ns);
    give(is_rw(lock) ? RWLOCK : MUTEX, address(lock));
    if (--model[lock].depth[thread])
        return;
    model[lock].holds++;
    model[lock].held_ns += model_ns - model[lock].since[thread];
}

/* Given up, and taken by another at once, whose stamp lies before. */
static void model_hand_on(uint32_t thread, int lock)
{
    uint32_t next = 1 + rnd(THREADS);
    bool last = model[lock].depth[thread] == 1 && !holders(lock, thread) && next != thread;
    if (last)
        model_take(next, lock, false, model_ns - rnd(80));
    model_give(thread, lock);
    if (last)
        model[lock].shared = false;
}

static void model_step(void)
{
    uint32_t thread = 1 + rnd(THREADS);
    int lock = (int)rnd(LOCKS);
    bool shared = is_rw(lock) && rnd(3);
    model_ns += 2000 + rnd(100000);
    if (model[lock].depth[thread] && rnd(3))
        (rnd(2) ? model_give : model_hand_on)(thread, lock);
    else if (model[lock].depth[thread] && (is_recursive(lock) || (is_rw(lock) && model[lock].shared)))
        model_take(thread, lock, model[lock].shared, model_ns);
    else if (!model[lock].depth[thread] && (!holders(lock, thread) || (shared && model[lock].shared)))
        model_take(thread, lock, shared, model_ns);
}

static void model_check(void)
{
    graph_settle(play, UINT64_MAX);
    struct view *v = view_now();
    size_t holds = 0;
    for (int i = 0; i < LOCKS; i++)
        holds += holders(i, 0);
    must(v->n_holds == holds);
    for (size_t i = 0; i < v->n_locks; i++) {
        const struct view_lock *l = &v->locks[i];
        int lock = (int)((l->where.address - BASE) / 64);
        must(l->acquisitions == model[lock].acquisitions);
        must(l->hold.count == model[lock].holds);
        must(l->hold.total_ns == model[lock].held_ns);
    }
    for (size_t i = 0; i < v->n_holds; i++) {
        const struct view_hold *h = &v->holds[i];
        for (size_t j = 0; j < v->n_locks; j++)
            if (v->locks[j].id == h->lock)
                must(model[(v->locks[j].where.address - BASE) / 64].depth[h->thread]);
    }
    must(v->n_findings == 0);
    must(v->n_deadlocks == 0);
    view_free(v);
}

START_TEST(threads_that_keep_the_rules)
{
    some_threads(THREADS);
    graph_observe(play, NULL, NULL);
    model_ns = 1000000;
    for (int i = 0; i < STEPS; i++) {
        model_step();
        if (i % 5000 == 0)
            model_check();
    }
    model_check();
}
END_TEST

/* Custody keeps its promises, whatever comes. */
static void check_custody(void)
{
    struct view *v = view_now();
    for (size_t i = 1; i < v->n_holds; i++)
        must(v->holds[i].lock != v->holds[i - 1].lock || (v->holds[i].shared && v->holds[i - 1].shared));
    for (size_t i = 0; i < v->n_cycles; i++)
        for (uint32_t j = 0; j < v->cycles[i].n; j++) {
            const struct view_order_edge *e = &v->order_edges[v->cycles[i].first], *next = &e[(j + 1) % v->cycles[i].n];
            must(v->cycles[i].by_class ? e[j].taken_class == next->held_class : e[j].taken == next->held);
        }
    for (size_t i = 0; i < v->n_deadlocks; i++)
        for (uint32_t j = 0; j < v->deadlocks[i].n; j++) {
            const struct view_order_edge *e = &v->deadlock_edges[v->deadlocks[i].first];
            must(e[j].taken == e[(j + 1) % v->deadlocks[i].n].held);
        }
    view_free(v);
}

START_TEST(what_cannot_be)
{
    some_threads(THREADS);
    graph_observe(play, NULL, NULL);
    for (int i = 0; i < STEPS; i++) {
        struct event e = { .type = (uint8_t)(EVENT_WAIT + rnd(10)), .family = (uint8_t)rnd(32), .address = 0x8000 + 8 * rnd(40),
                           .size = rnd(20), .extra = { 0x8000 + 8 * rnd(40) } };
        if (rnd(8) == 0)
            e = (struct event){ .type = rnd(2) ? EVENT_NEW : EVENT_DROP, .family = WIRE_MALLOC, .address = 0x8000 + 64 * rnd(8), .size = 64 };
        if (rnd(500) == 0)
            e = (struct event){ .type = EVENT_MODULE, .address = 0x8000 + 64 * rnd(8), .size = 64, .extra = { 0, 1 + rnd(3) } };
        if (e.type == EVENT_ACQUIRE && rnd(2))
            e.family = (uint8_t[]){ MUTEX, SPIN, MTX, RWLOCK, SHARED }[rnd(5)];
        who(1, 1 + rnd(THREADS));
        by_stack(rnd(4));
        if (rnd(3))
            at(play_ns + 10000 - rnd(12000));
        put(e);
        if (i % 1000 == 0)
            check_custody();
    }
    finish();
    check_custody();
}
END_TEST

START_TEST(more_locks_than_rows)
{
    enum { ROWS_MAX = 1 << 14, ENDED = 4 * 4096 + 10, LIVE = 20000 };
    some_threads(2);
    graph_observe(play, NULL, NULL);
    for (uint64_t i = 0; i < ENDED; i++) {
        lock_init(MUTEX, BASE, 0);
        for (int used = 0; i != 16000 && used < 2; used++) {
            take(MUTEX, BASE);
            give(MUTEX, BASE);
        }
        if (i == 16000) {       /* the one that was waited for */
            who(1, 2);
            wait_for(MUTEX, BASE);
            take(MUTEX, BASE);
            give(MUTEX, BASE);
            who(1, 1);
        }
        lock_destroy(MUTEX, BASE);
    }
    for (uint64_t i = 0; i < LIVE; i++) {
        take(MUTEX, BASE + 64 * i);
        if (i != LIVE - 1)
            give(MUTEX, BASE + 64 * i);
    }
    struct view *v = view_now();
    ck_assert_uint_eq(v->n_locks, ROWS_MAX);
    ck_assert_uint_eq(v->locks_seen, ENDED + LIVE);
    ck_assert_uint_eq(v->locks_left_out, ENDED + LIVE - ROWS_MAX);
    size_t waited = 0;
    for (size_t i = 0; i < v->n_locks; i++)
        waited += v->locks[i].id == 16001 && v->locks[i].wait.count == 1;
    ck_assert_uint_eq(waited, 1);
    ck_assert_uint_eq(v->locks[ROWS_MAX - 1].id, ENDED + LIVE);   /* held: kept, though the last */
    ck_assert_uint_eq(v->lock_classes[0].locks, ENDED + 1);        /* without stacks: by address */
    view_free(v);
}
END_TEST

START_TEST(more_locks_than_are_followed)
{
    enum { FOLLOWED = 1 << 18 };
    some_threads(2);
    graph_observe(play, NULL, NULL);
    for (uint64_t i = 0; i < FOLLOWED + 10; i++)
        take(MUTEX, BASE + 64 * i);
    who(1, 2);
    take(MUTEX, BASE + 64 * (uint64_t)(FOLLOWED + 5));
    give(MUTEX, BASE + 64 * (uint64_t)(FOLLOWED + 6));
    struct view *v = view_now();
    ck_assert_uint_eq(v->locks_seen, FOLLOWED);
    ck_assert_uint_gt(v->locks_left_out, FOLLOWED - v->n_locks);
    ck_assert_uint_eq(v->n_findings, 0);
    view_free(v);
    who(1, 1);
    lock_destroy(MUTEX, BASE);          /* held: stays */
    give(MUTEX, BASE);
    lock_destroy(MUTEX, BASE);
    take(MUTEX, BASE + 64 * (uint64_t)FOLLOWED);    /* room again */
    v = view_now();
    ck_assert_uint_eq(v->locks_seen, FOLLOWED + 1);
    view_free(v);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("locks model");
    TCase *c = tcase_create("model");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 120);
    tcase_add_test(c, threads_that_keep_the_rules);
    tcase_add_test(c, what_cannot_be);
    tcase_add_test(c, more_locks_than_rows);
    tcase_add_test(c, more_locks_than_are_followed);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
