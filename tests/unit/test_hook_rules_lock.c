/* Locks under a policy: what was drawn is recorded from its wait to its release,
 * what was not leaves no half behind. Random threads are held against what a reader of
 * the records must find. */
#include "hook_rules_scratch.h"
#include "suite.h"

static uint64_t mutex_word; /* of the last condition's event, as recorded */

static bool lock_at(unsigned type, unsigned family, uint64_t lock, uint64_t mutex)
{
    struct hook_frame site = {0, 0x5000};
    bool recorded;
    mutex_word = mutex;
    recorded = rules_wants(c, &site, type | family << 8, lock, 0, &mutex_word);
    return recorded;
}
#define MUTEX(type, lock) lock_at(type, WIRE_LOCK_MUTEX, lock, 0)
#define COND(type, cond, mutex) lock_at(type, WIRE_LOCK_COND, cond, mutex)

/* One include of locks: of sites 0x5000, so that a policy with none there draws nothing. */
static uint32_t go(uint32_t every, bool here)
{
    policy_empty();
    policy_rule(0, WIRE_RULE_LOCK, WIRE_RULE_SITE)->locks_every = every;
    policy_range(0x1000, 0x9000, SCRATCH_PROCESS, here ? 1 : 0);
    return policy_go(SCRATCH_FILTERED);
}

START_TEST(to_the_release)
{
    go(1, true);
    ck_assert(MUTEX(WIRE_ACQUIRE, 8) && MUTEX(WIRE_ACQUIRE, 16));
    go(1, false); /* narrower: nothing new, but the ends of what was */
    ck_assert(!MUTEX(WIRE_ACQUIRE, 24) && !MUTEX(WIRE_RELEASE, 24));
    ck_assert(MUTEX(WIRE_RELEASE, 8) && !MUTEX(WIRE_RELEASE, 8));
    ck_assert(MUTEX(WIRE_ACQUIRE, 16) && MUTEX(WIRE_RELEASE, 16) && MUTEX(WIRE_RELEASE, 16) && !MUTEX(WIRE_RELEASE, 16)); /* recursive */
    ck_assert(MUTEX(WIRE_LOCK_INIT, 64) && MUTEX(WIRE_LOCK_DESTROY, 64));
}
END_TEST

/* Whether it is recorded is decided when it begins to wait, once. */
START_TEST(waits)
{
    uint64_t both = 0, n = 100000;
    go(10, true);
    for (uint64_t i = 0; i < n; i++) {
        bool told = MUTEX(WIRE_WAIT, 8);
        ck_assert(MUTEX(WIRE_ACQUIRE, 8) == told && MUTEX(WIRE_RELEASE, 8) == told);
        both += told;
        told = MUTEX(WIRE_WAIT, 8);
        ck_assert(MUTEX(WIRE_WAIT_END, 8) == told && !MUTEX(WIRE_RELEASE, 8));
        both += told;
    }
    ck_assert_double_eq_tol((double)both, 0.2 * n, 5.4 * 134.2);
    ck_assert_uint_eq(hits(0), both);
}
END_TEST

START_TEST(conditions)
{
    go(1, true);
    ck_assert(MUTEX(WIRE_ACQUIRE, 8));
    ck_assert(COND(WIRE_COND_WAIT, 100, 8) && mutex_word == 8);
    ck_assert(COND(WIRE_COND_WOKEN, 100, 8) && mutex_word == 8 && MUTEX(WIRE_RELEASE, 8));
    ck_assert(COND(WIRE_COND_WAIT, 100, 16) && mutex_word == 0); /* of a mutex that nobody knows to be held */
    ck_assert(COND(WIRE_COND_WOKEN, 100, 16) && mutex_word == 0 && !MUTEX(WIRE_RELEASE, 16));
    ck_assert(MUTEX(WIRE_ACQUIRE, 8) && COND(WIRE_COND_WAIT, 100, 8));
    go(1, false); /* amid the wait */
    ck_assert(COND(WIRE_COND_WOKEN, 100, 8) && mutex_word == 8 && MUTEX(WIRE_RELEASE, 8));
    ck_assert(!COND(WIRE_COND_WAIT, 100, 8) && !COND(WIRE_COND_WOKEN, 100, 8));
    go(1, true);
    ck_assert(MUTEX(WIRE_ACQUIRE, 8) && COND(WIRE_COND_WAIT, 100, 8));
    ck_assert(COND(WIRE_COND_WOKEN, 100, 0) && mutex_word == 0 && !MUTEX(WIRE_RELEASE, 8)); /* it could not be had again */
}
END_TEST

/* From recording everything: what is held then is released in the records too. */
START_TEST(owed)
{
    policy_go(WIRE_GATE_ALL);
    go(1, false);
    ck_assert(!MUTEX(WIRE_ACQUIRE, 8) && MUTEX(WIRE_RELEASE, 16) && !MUTEX(WIRE_RELEASE, 8));
    ck_assert(COND(WIRE_COND_WAIT, 100, 24) && mutex_word == 24); /* held before, given up and had again */
    ck_assert(COND(WIRE_COND_WOKEN, 100, 24) && mutex_word == 24);
    ck_assert(MUTEX(WIRE_RELEASE, 24));
    ck_assert(COND(WIRE_COND_WOKEN, 200, 32) && mutex_word == 32 && MUTEX(WIRE_RELEASE, 32)); /* narrowed amid the wait */
    for (uint64_t i = 1; i <= RULES_LOCKS + 1; i++)
        ck_assert(!MUTEX(WIRE_ACQUIRE, i * 8));
    ck_assert(!MUTEX(WIRE_RELEASE, 8) && !MUTEX(WIRE_RELEASE, 4096)); /* too many to tell apart: none any more */
}
END_TEST

START_TEST(full)
{
    go(1, true);
    for (uint64_t i = 1; i <= RULES_LOCKS; i++)
        ck_assert(MUTEX(WIRE_ACQUIRE, i * 8));
    ck_assert(!MUTEX(WIRE_ACQUIRE, 4096) && !MUTEX(WIRE_RELEASE, 4096) && !MUTEX(WIRE_WAIT, 4096) && !MUTEX(WIRE_ACQUIRE, 4096));
    ck_assert(lock_at(WIRE_ACQUIRE, WIRE_LOCK_SEM, 8192, 0)); /* got, not held */
    for (uint64_t i = 1; i <= RULES_LOCKS; i++)
        ck_assert(MUTEX(WIRE_RELEASE, i * 8) && !MUTEX(WIRE_RELEASE, i * 8));
    ck_assert(MUTEX(WIRE_ACQUIRE, 4096));
}
END_TEST

/* A thread does what it likes under policies that come and go: in the records each wait ends before the next, a lock is
 * given up as often as it was got, and never more. */
START_TEST(random_thread)
{
    enum { LOCKS = 12, STEPS = 300000 };
    int held[LOCKS] = {0}, seen[LOCKS] = {0}, bound = 0;
    uint64_t state = 12345;
    for (int i = 0; i < STEPS; i++) {
        unsigned k = (unsigned)(sample_random(&state) % LOCKS), what = (unsigned)(sample_random(&state) % 8);
        uint64_t lock = 0x1000 + 64 * k;
        unsigned family = k % 3 == 0 ? WIRE_LOCK_MUTEX : k % 3 == 1 ? WIRE_LOCK_RWLOCK_SHARED : WIRE_LOCK_SPIN;
        if (i % 1000 == 0)
            go((uint32_t)(1 + sample_random(&state) % 4), sample_random(&state) % 4 != 0);
        if (held[k] < 3 && what < 3) { /* waits, and has it or has not */
            bool told = what == 0 && lock_at(WIRE_WAIT, family, lock, 0), got = sample_random(&state) % 4 != 0;
            bool end = lock_at(got ? WIRE_ACQUIRE : WIRE_WAIT_END, family, lock, 0);
            ck_assert(what || told == end);
            held[k] += got;
            seen[k] += got && end;
        } else if (held[k] && what < 6) {
            held[k]--;
            seen[k] -= lock_at(WIRE_RELEASE, family, lock, 0);
        } else if (held[k] == 1 && !(k % 3)) {
            bool told = COND(WIRE_COND_WAIT, 0x9000, lock), woken;
            uint64_t named = mutex_word;
            ck_assert(!named == !seen[k]);
            woken = COND(WIRE_COND_WOKEN, 0x9000, lock);
            ck_assert(told == woken && mutex_word == named);
        }
        ck_assert(seen[k] >= 0 && seen[k] <= held[k]);
        bound += seen[k];
    }
    for (unsigned k = 0; k < LOCKS; k++)
        for (; held[k]; held[k]--)
            seen[k] -= lock_at(WIRE_RELEASE, WIRE_LOCK_MUTEX, 0x1000 + 64 * k, 0);
    for (unsigned k = 0; k < LOCKS; k++)
        ck_assert_int_eq(seen[k], 0);
    ck_assert_int_gt(bound, STEPS / 10);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rules_lock");
    TCase *t = tcase_create("rules_lock");
    tcase_add_checked_fixture(t, scratch_begin, scratch_end);
    tcase_add_test(t, to_the_release);
    tcase_add_test(t, waits);
    tcase_add_test(t, conditions);
    tcase_add_test(t, owed);
    tcase_add_test(t, full);
    tcase_add_test(t, random_thread);
    suite_add_tcase(s, t);
    return suite_run(s);
}
