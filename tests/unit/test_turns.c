/*
 * tests/unit/test_turns.c - the rule unordered-borrow where two threads take
 * turns on the same bytes: they synchronise unseen, unless they break them.
 */
#include "clocks_play.h"
#include "suite.h"

enum { A = 0x1000, B = 0x2000 };

static void turns(uint32_t x, uint32_t y, int n, uint64_t offset)
{
    for (int i = 0; i < n; i++)
        use(i % 2 ? y : x, A, i % 2 ? CLOCKS_READ : CLOCKS_WRITE, offset, 64);
}

START_TEST(strict_turns)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, 64);
    threads(3);
    turns(2, 3, TURNS_MIN + 1, 0);      /* the first has nothing before it, the second is the first known */
    ck_assert_uint_gt(ask().shown, TURNS_MIN - 1);
    withholds(0);
    reads(3, A);                        /* TURNS_MIN + 1 was 2's */
    shows(0);
    ck_assert_uint_gt(ask().withheld, TURNS_MIN);
    writes(3, A);                       /* a break, late */
    ck_assert_uint_gt(ask().shown, TURNS_MIN);
    withholds(0);
    turns(2, 3, 4 * TURNS_MIN, 0);      /* for good */
    withholds(0);
}
END_TEST

/* Each place of a ring has its turns, whoever runs ahead. */
START_TEST(turns_in_a_ring)
{
    enum { SLOTS = 16 };
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, WHOLE);
    threads(3);
    for (int lap = 0; lap < TURNS_MIN; lap++) {
        for (uint64_t i = 0; i < SLOTS; i++)
            use(2, A, CLOCKS_WRITE, 64 * i, 64);
        for (uint64_t i = 0; i < SLOTS; i++)
            use(3, A, CLOCKS_READ, 64 * i, 64);
    }
    shows(0);
}
END_TEST

/* Who uses other bytes than the other, or is a third, takes no turns. */
START_TEST(turns_on_other_bytes)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, WHOLE);
    threads(5);
    for (int i = 0; i < 4 * TURNS_MIN; i++)
        use(2 + i % 2u, A, CLOCKS_WRITE, 32 * (i % 2u), 64);
    withholds(0);
    for (int i = 0; i < 4 * TURNS_MIN; i++)
        use(3 + i % 3u, A, CLOCKS_WRITE, 1000, 64);
    withholds(0);
}
END_TEST

/* Turns elsewhere excuse nothing where they are broken. */
START_TEST(turns_broken_elsewhere)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(A, WHOLE);
    make(B + WHOLE, 64);
    threads(3);
    turns(2, 3, 2 * TURNS_MIN, 0);
    shows(0);
    writes(2, B + WHOLE);
    writes(3, B + WHOLE);
    shows(0);
    writes(3, B + WHOLE);
    ck_assert_uint_gt(ask().shown, 2 * TURNS_MIN);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("turns");
    TCase *c = tcase_create("turns");
    tcase_add_checked_fixture(c, play_start, play_stop);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, strict_turns);
    tcase_add_test(c, turns_in_a_ring);
    tcase_add_test(c, turns_on_other_bytes);
    tcase_add_test(c, turns_broken_elsewhere);
    suite_add_tcase(s, c);
    return s;
}

int main(void)
{
    return suite_run(suite());
}
