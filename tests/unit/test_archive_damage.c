/*
 * tests/unit/test_archive_damage.c - damaged states are refused, or are nonsense
 * that harms nobody: numbers changed, bytes flipped, ends cut off. A short form
 * of fuzz_state; `make sanitize` runs it where every slip shows.
 */
#include <check.h>

#include "archive_damage.h"
#include "suite.h"

enum { ROUNDS = 150 };

static uint64_t seed;
static uint64_t rnd(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static uint64_t rounds(void) { return getenv("TORTURE") ? 100 * ROUNDS : ROUNDS; }

START_TEST(numbers_that_were_changed)
{
    const struct damage_base *base = damage_base((unsigned)_i);
    uint8_t *bytes = xmalloc(base->n + 64);
    seed = (uint64_t)_i;
    for (uint64_t i = 0; i < rounds(); i++) {
        size_t n = base->n;
        memcpy(bytes, base->bytes, n);
        for (uint64_t changes = 1 + rnd(3); changes; changes--)
            n = damage_number(bytes, n, rnd(n), rnd(3) ? rnd(40) : rnd(3) ? rnd(1 << 20) : rnd(1 << 20) << rnd(44));
        damage_load(bytes, n, base->code, (unsigned)_i, i);
    }
    free(bytes);
}
END_TEST

START_TEST(bytes_that_were_flipped_or_cut)
{
    const struct damage_base *base = damage_base((unsigned)_i);
    uint8_t *bytes = xmalloc(base->n);
    seed = 1000 + (uint64_t)_i;
    for (uint64_t i = 0; i < rounds() / 3; i++) {
        memcpy(bytes, base->bytes, base->n);
        bytes[rnd(base->n)] ^= (uint8_t)(1u << rnd(8));
        damage_load(bytes, base->n, base->code, (unsigned)_i, i);
        size_t n = rnd(base->n);
        ck_assert(!damage_load(base->bytes, n, base->code, (unsigned)_i, i));
    }
    free(bytes);
}
END_TEST

START_TEST(whole_ones_are_taken)
{
    const struct damage_base *base = damage_base((unsigned)_i);
    ck_assert(damage_load(base->bytes, base->n, base->code, (unsigned)_i, 1));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("archive damage");
    TCase *c = tcase_create("damage");
    tcase_set_timeout(c, 1200);
    tcase_add_loop_test(c, whole_ones_are_taken, 0, DAMAGE_KINDS);
    tcase_add_loop_test(c, numbers_that_were_changed, 0, DAMAGE_KINDS);
    tcase_add_loop_test(c, bytes_that_were_flipped_or_cut, 0, DAMAGE_KINDS);
    suite_add_tcase(s, c);
    return suite_run(s);
}
