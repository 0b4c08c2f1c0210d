/*
 * tests/unit/test_trace_spots.c - locks and copies in the trace file, and the
 * files of tests/golden that earlier writers left.
 */
#include "trace_check.h"

/* Locks and copies, as they mostly are and as nobody would expect them. */
START_TEST(locks_and_copies_come_back)
{
    static const unsigned wild[] = { 0, 50, 5, 1 };
    struct make k;
    make_init(&k, (uint64_t)_i + 7);
    make_lock_events(&k, _i ? 70000 : 1200000, wild[_i]);
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

/* What one thread does in a loop costs nothing, whatever its addresses do. */
START_TEST(orderly_locks_and_copies_are_small)
{
    struct make k;
    make_init(&k, 1);
    uint32_t s[6];
    for (unsigned i = 0; i < 6; i++)
        s[i] = make_stack(&k);
    for (uint64_t i = 0, ns = 0; k.count < 300000; i++) {
        uint64_t block = 0x555500000000 + i % 500 * 4096;
        struct event e = { .thread = 1, .process = 1 };
        e.ns = ns += 40, e.type = EVENT_NEW, e.family = WIRE_MALLOC, e.address = block, e.size = 4000, e.stack = s[0];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_LOCK_INIT, e.family = WIRE_LOCK_MUTEX, e.address = block + 8, e.size = 0;
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_ACQUIRE, e.address = block + 8, e.stack = s[1];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_COPY, e.family = WIRE_COPY_MEMCPY, e.address = block + 64, e.size = 400;
        e.extra[0] = 0x7fff00000000 + i * 400, e.stack = s[2];
        make_add(&k, e);
        e.ns = ns += 40, e.address = block + 464, e.extra[0] = block + 64, e.stack = s[3];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_RELEASE, e.family = WIRE_LOCK_MUTEX, e.address = block + 8, e.size = 0;
        e.extra[0] = 0, e.stack = s[4];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_DROP, e.family = WIRE_FREE, e.address = block, e.stack = s[5];
        make_add(&k, e);
    }
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    ck_assert_uint_lt(file_bytes(k.path), k.count / 40);
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace spots");
    TCase *t = tcase_create("round trip");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, locks_and_copies_come_back, 0, 4);
    tcase_add_test(t, orderly_locks_and_copies_are_small);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
