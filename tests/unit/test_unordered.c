/*
 * tests/unit/test_unordered.c - the rule unordered-borrow: what clashes with
 * what, which uses are kept, and what is taken for unseen synchronisation.
 */
#include "clocks_play.h"
#include "suite.h"

enum { A = 0x1000, B = 0x2000, C = 0x3000, D = 0x4000 };

/* ---- uses ------------------------------------------------------------------------- */

START_TEST(two_writers_clash)
{
    by_stack(7);
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    uint64_t made = play_ns;
    threads(3);
    by_stack(8);
    writes(2, A);
    uint64_t first = play_ns;
    shows(0);
    by_stack(9);
    use(3, A, CLOCKS_WRITE, 60, 4);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->n_findings, 1);
    const struct view_finding *f = &v->findings[0];
    const struct clash *c = &play->clocks->unordered.clashes[0];   /* stacks before the view's own numbers */
    ck_assert_uint_eq(c->evidence[0].stack, 9);
    ck_assert_uint_eq(c->evidence[1].stack, 8);
    ck_assert_uint_eq(c->evidence[2].stack, 7);
    ck_assert_int_eq(f->rule, RULE_UNORDERED_BORROW);
    ck_assert_int_eq(f->family, WIRE_COPY_MEMCPY);
    ck_assert_int_eq(f->made_family, WIRE_MALLOC);
    ck_assert_int_eq(f->use, USE_COPY);
    ck_assert(f->writes);
    ck_assert_uint_eq(f->process, 1);
    ck_assert_uint_eq(f->thread, 3);
    ck_assert_uint_eq(f->ns, play_ns);
    ck_assert_uint_eq(f->count, 1);
    ck_assert_uint_eq(f->block, 1);
    ck_assert_uint_eq(f->block_address, A);
    ck_assert_uint_eq(f->block_size, 64);
    ck_assert_uint_eq(f->address, A + 60);
    ck_assert_int_eq(f->offset, 60);
    ck_assert_uint_eq(f->length, 4);
    ck_assert_int_eq(f->doubt, DOUBT_UNSEEN);
    ck_assert_uint_eq(f->n, 3);
    const struct view_evidence *w = &v->evidence[f->first];
    ck_assert_int_eq(w[0].role, EVIDENCE_USED);
    ck_assert_uint_eq(w[0].thread, 3);
    ck_assert_uint_eq(w[0].ns, play_ns);
    ck_assert_int_eq(w[1].role, EVIDENCE_OTHER);
    ck_assert_uint_eq(w[1].thread, 2);
    ck_assert_uint_eq(w[1].ns, first);
    ck_assert_int_eq(w[2].role, EVIDENCE_MADE);
    ck_assert_uint_eq(w[2].thread, 1);
    ck_assert_uint_eq(w[2].ns, made);
    view_free(v);
}
END_TEST

/* A finding is a set of stacks: whichever came first. */
START_TEST(either_order_is_one_finding)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(4);
    for (int i = 0; i < 4; i++) {
        by_stack(8);
        writes(i < 2 ? 2 : 4, A);
        by_stack(9);
        writes(3, A);
    }
    struct said s = ask();
    ck_assert_uint_eq(s.findings, 2);       /* and 4 clashes with 2, by one and the same stack */
    ck_assert_uint_eq(play->clocks->unordered.n_sets, 2);
    ck_assert_uint_eq(play->clocks->unordered.n_clashes, 3);
    ck_assert_uint_eq(s.shown, 5 + 4 + 2);  /* 2 and 3, whose old uses stand; 3 and 4; 2 and 4 */
}
END_TEST

START_TEST(what_clashes_with_what)
{
    static const struct { enum clocks_use first, second; uint64_t offset; int clash; } cases[] = {
        { CLOCKS_READ, CLOCKS_READ, 0, 0 },   { CLOCKS_READ, CLOCKS_WRITE, 0, 1 },
        { CLOCKS_WRITE, CLOCKS_READ, 0, 1 },  { CLOCKS_WRITE, CLOCKS_WRITE, 63, 1 },
        { CLOCKS_WRITE, CLOCKS_WRITE, 64, 0 },{ CLOCKS_READ, CLOCKS_MOVE, 0, 1 },
        { CLOCKS_MOVE, CLOCKS_READ, 999, 1 }, { CLOCKS_WRITE, CLOCKS_MOVE, 0, 1 },
        { CLOCKS_WRITE, CLOCKS_DROP, 0, 1 },  { CLOCKS_MOVE, CLOCKS_DROP, 0, 1 },
        { CLOCKS_READ, CLOCKS_DROP, 0, 0 },   /* readers may count themselves */
    };
    process_start(100, 0, WIRE_BORN_EXEC);
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        make(A + 2 * WHOLE * (uint64_t)i, WHOLE);
    threads(3);
    uint64_t clashes = 0;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        by_stack(i);
        use(cases[i].second == CLOCKS_DROP ? 1 : 2, A + 2 * WHOLE * (uint64_t)i, cases[i].first, 0, 64);
        use(3, A + 2 * WHOLE * (uint64_t)i, cases[i].second, cases[i].offset, 64);
        clashes += (uint64_t)cases[i].clash;
        ck_assert_msg(ask().shown == clashes, "case %u", i);
    }
}
END_TEST

START_TEST(one_thread_never_clashes)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    writes(1, A);           /* alone: not even noted */
    ck_assert_ptr_null(play->clocks);
    threads(2);
    writes(2, A);
    writes(2, A);
    reads(2, A);
    use(2, A, CLOCKS_DROP, 0, 0);
    shows(0);
    ck_assert_uint_eq(play->clocks->uses.next, 3);  /* as many as one block ever had */
}
END_TEST

/* Copies beside each other, from two places in the code: each keeps its stack. */
START_TEST(stacks_are_kept_apart)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, WHOLE);
    threads(3);
    by_stack(1);
    use(2, A, CLOCKS_WRITE, 0, 64);
    by_stack(2);
    use(2, A, CLOCKS_WRITE, 64, 64);
    by_stack(3);
    use(3, A, CLOCKS_WRITE, 0, 64);
    shows(1);
    ck_assert_uint_eq(play->clocks->unordered.clashes[0].evidence[1].stack, 1);
}
END_TEST

START_TEST(a_new_block_has_no_uses)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    writes(2, A);
    who(1, 2);
    drop(A);
    who(1, 1);
    make(A, 64);
    writes(1, A);
    shows(0);
    use(2, A, CLOCKS_DROP, 0, 0);   /* nor users: 2 is no owner of this one */
    shows(1);
}
END_TEST

START_TEST(mappings_are_left_out)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    map(0x10000, 4096);
    threads(3);
    writes(2, 0x10000);
    writes(3, 0x10000);
    shows(0);
}
END_TEST

/* Copies one behind the other are one use; no more than a few are kept. */
START_TEST(uses_stay_few)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, WHOLE);
    threads(3);
    clock_id lock = 0;
    by_stack(1);
    for (uint64_t i = 0; i < 100; i++)
        use(2, A, CLOCKS_WRITE, 64 * i, 64);
    ck_assert_uint_le(play->clocks->uses.next, 3);
    for (uint64_t i = 0; i < 100; i++) {
        release(2, &lock);
        use(2, A, CLOCKS_WRITE, 128 * i, 64);
    }
    ck_assert_uint_le(play->clocks->uses.next, USES_A_BLOCK + 2);
    use(3, A, CLOCKS_READ, 128 * 99, 64);
    shows(1);
}
END_TEST

START_TEST(joined_copies_keep_their_order)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, WHOLE);
    threads(3);
    clock_id lock = 0;
    by_stack(1);
    use(2, A, CLOCKS_WRITE, 0, 64);
    release(2, &lock);
    use(2, A, CLOCKS_WRITE, 64, 64);
    acquire(3, lock);
    use(3, A, CLOCKS_WRITE, 0, 64);
    shows(0);
    use(3, A, CLOCKS_WRITE, 64, 64);
    shows(1);
}
END_TEST

/* ---- what nobody sees ------------------------------------------------------------- */

START_TEST(futex_speaks_for_its_process)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(4);
    writes(2, A);
    writes(3, A);
    shows(1);
    withholds(0);
    who(1, 4);
    by_stack(0);
    put((struct event){ .type = EVENT_FUTEX });
    shows(0);
    withholds(1);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->futex_threads, 1);
    ck_assert_uint_eq(v->n_findings, 0);
    view_free(v);
}
END_TEST

/* A module with locks of its own speaks for its process, and for what that forks. */
START_TEST(locks_of_a_module)
{
    for (uint32_t process = 1; process <= 2; process++) {
        who(process, process * 10);
        process_start(100 + process, process - 1, process == 1 ? WIRE_BORN_EXEC : WIRE_BORN_FORK);
        if (process == 1)
            put((struct event){ .type = EVENT_MODULE, .family = 1, .address = 0x5000, .size = 4096, .extra = { 0, 1 } });
        make(A, 64);
        thread_create(0, process * 10 + 1);
        thread_create(0, process * 10 + 2);
        writes(process * 10 + 1, A);
        writes(process * 10 + 2, A);
        shows(0);
        withholds(process);
    }
}
END_TEST

/* One block whose pointer went unseen ways may be a mistake: shown. Three of
 * them are the program's way: withheld, what was shown before too. */
START_TEST(handed_unseen)
{
    threads(3);
    who(1, 2);
    make(A, 64);
    make(B, 64);
    make(C, 64);
    writes(2, A);
    writes(3, A);
    shows(1);
    writes(2, B);
    writes(3, B);
    writes(3, B);
    shows(3);
    reads(3, C);
    shows(0);
    withholds(3);
}
END_TEST

/* One block in many hands is one block. */
START_TEST(handed_to_many)
{
    threads(8);
    who(1, 2);
    make(A, 64);
    writes(2, A);
    for (uint32_t i = 3; i <= 8; i++)
        writes(i, A);
    ck_assert_uint_gt(ask().shown, 6);
    withholds(0);
}
END_TEST

START_TEST(handed_in_order_tells_nothing)
{
    threads(3);
    clock_id lock = 0;
    who(1, 2);
    for (uint64_t i = 0; i < 8; i++)
        make(A + 0x1000 * i, 64);
    writes(2, A);
    release(2, &lock);
    acquire(3, lock);
    for (uint64_t i = 0; i < 8; i++)
        writes(3, A + 0x1000 * i);
    writes(2, A);
    shows(1);
    withholds(0);
}
END_TEST

START_TEST(order_through_a_third)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(D, 64);
    threads(5);
    writes(2, D);
    writes(4, D);
    shows(1);
    who(1, 3);              /* 3 hands to 2 and to 4, a block each time, three in all */
    for (uint64_t i = 0; i < 3; i++) {
        make(A + 0x1000 * i + 16, 64);
        reads(i % 2 ? 2 : 4, A + 0x1000 * i + 16);
    }
    shows(0);
    withholds(1);
    writes(5, D);           /* clashes with 2 and with 4, and is in no group */
    shows(2);
    withholds(1);
}
END_TEST

START_TEST(many_makers_one_taker)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(D, 64);
    threads(5);
    writes(3, D);
    writes(2, D);
    shows(1);
    for (uint32_t i = 3; i <= 5; i++) {
        who(1, i);
        make(A + 0x10 * i, 8);
        use(2, A + 0x10 * i, CLOCKS_READ, 0, 8);
    }
    shows(0);
    withholds(1);
}
END_TEST

/* Each move of a block hands it on anew: a vector that threads grow in turn. */
START_TEST(moves_unseen)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    for (int i = 0; i < 3; i++) {
        use(2, A, CLOCKS_MOVE, 0, 64);
        ck_assert_uint_eq(ask().shown > 0, i > 0);
        use(3, A, CLOCKS_MOVE, 0, 64);
    }
    shows(0);
}
END_TEST

START_TEST(plain_drops_tell_it_too)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(D, 64);
    threads(3);
    writes(2, D);
    writes(3, D);
    for (uint64_t i = 0; i < 3; i++) {
        shows(1);
        who(1, 2);
        make(A + 0x100 * i, 64);
        who(1, 3);
        drop(A + 0x100 * i);
    }
    shows(0);
    withholds(1);
}
END_TEST

/* A drop of a family's. */
static void drop_by(uint32_t thread, uint64_t address, unsigned family)
{
    struct event e = act(thread);
    struct process *p = process_at(play, dict_get(&play->process_of, play_process));
    uint32_t place = custody_pointee(play, p, address);
    e.type = EVENT_DROP;
    e.family = (uint8_t)family;
    clocks_use(play, p, thread_of(thread), &e, place, CLOCKS_DROP, 0, 0);
    clocks_block_gone(play, place);
}

/* ---- drops -------------------------------------------------------------------------- */

/* Several own it, and the last one drops it. */
START_TEST(drop_by_the_last_owner)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    make(C, 64);
    threads(3);
    clock_id lock = 0;
    for (uint64_t block = A; block <= B; block += B - A) {
        writes(1, block);
        release(1, &lock);
        acquire(3, lock);
        writes(3, block);
        release(3, &lock);
        acquire(2, lock);
        writes(2, block);
    }
    use(3, A, CLOCKS_DROP, 0, 0);
    shows(0);
    withholds(1);
    use(1, B, CLOCKS_DROP, 0, 0);       /* made it, and lent it */
    shows(1);                           /* it clashes with 2, which came after 3 */
}
END_TEST

/* Neither who wrote it nor who drops it made it; or a delete, by a thread that
 * never used it: C++'s shared_ptr. What its maker writes another may not free. */
START_TEST(drop_by_an_owner_that_only_holds)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    make(B, 64);
    make(C, 64);
    threads(3);
    writes(2, A);
    use(3, A, CLOCKS_DROP, 0, 0);
    shows(0);
    withholds(1);
    writes(1, B);
    drop_by(3, B, WIRE_DELETE);
    shows(0);
    withholds(2);
    writes(1, C);
    drop_by(3, C, WIRE_FREE);
    shows(1);
    withholds(2);
}
END_TEST

/* But who made it does not drop it while others write. */
START_TEST(drop_by_the_maker)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(2);
    writes(2, A);
    drop_by(1, A, WIRE_DELETE);
    shows(1);
    withholds(0);
}
END_TEST

/* Once more: a pair of threads that does it time and again counts owners. */
START_TEST(drops_time_and_again)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    for (uint64_t i = 0; i < 6; i++)
        make(A + 0x100 * i, 64);
    threads(5);
    for (uint64_t i = 0; i < 3; i++) {
        writes((uint32_t)(2 + i), A + 0x100 * i);
        use(1, A + 0x100 * i, CLOCKS_DROP, 0, 0);
    }
    shows(3);                           /* three threads lent one block each */
    for (uint64_t i = 3; i < 6; i++) {
        shows(i < 5 ? i : 2);
        writes(2, A + 0x100 * i);
        use(1, A + 0x100 * i, CLOCKS_DROP, 0, 0);
    }
}
END_TEST

START_TEST(drops_at_exit)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(2);
    writes(2, A);
    process_exit(0);
    use(1, A, CLOCKS_DROP, 0, 0);
    shows(0);
    withholds(1);
}
END_TEST

START_TEST(without_locks_nothing_is_said)
{
    graph_without_locks(play);
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    writes(2, A);
    writes(3, A);
    shows(0);
    withholds(0);
}
END_TEST

START_TEST(one_set_of_stacks_many_threads)
{
    enum { N = 60 };
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(N);
    for (int round = 0; round < 3; round++)
        for (uint32_t i = 2; i <= N; i++)
            writes(i, A);
    struct said s = ask();
    ck_assert_uint_eq(s.findings, 1);
    ck_assert_uint_gt(s.shown, 2 * N);
    ck_assert_uint_eq(s.withheld, 0);
    ck_assert_uint_le(play->clocks->unordered.n_clashes, UNORDERED_PAIRS_MAX);
    who(1, 2);
    put((struct event){ .type = EVENT_FUTEX });
    ck_assert_uint_eq(ask().withheld, s.shown);
    shows(0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("unordered");
    TCase *c = tcase_create("unordered");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, two_writers_clash);
    tcase_add_test(c, either_order_is_one_finding);
    tcase_add_test(c, what_clashes_with_what);
    tcase_add_test(c, one_thread_never_clashes);
    tcase_add_test(c, stacks_are_kept_apart);
    tcase_add_test(c, a_new_block_has_no_uses);
    tcase_add_test(c, mappings_are_left_out);
    tcase_add_test(c, uses_stay_few);
    tcase_add_test(c, joined_copies_keep_their_order);
    tcase_add_test(c, futex_speaks_for_its_process);
    tcase_add_test(c, locks_of_a_module);
    tcase_add_test(c, handed_unseen);
    tcase_add_test(c, handed_to_many);
    tcase_add_test(c, handed_in_order_tells_nothing);
    tcase_add_test(c, order_through_a_third);
    tcase_add_test(c, many_makers_one_taker);
    tcase_add_test(c, moves_unseen);
    tcase_add_test(c, plain_drops_tell_it_too);
    tcase_add_test(c, drop_by_the_last_owner);
    tcase_add_test(c, drop_by_an_owner_that_only_holds);
    tcase_add_test(c, drop_by_the_maker);
    tcase_add_test(c, drops_time_and_again);
    tcase_add_test(c, drops_at_exit);
    tcase_add_test(c, without_locks_nothing_is_said);
    tcase_add_test(c, one_set_of_stacks_many_threads);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
