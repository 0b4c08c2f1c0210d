/*
 * tests/unit/test_starts.c - the index of blocks by where they start, against a
 * plain list: random blocks of all sizes, that never overlap, come and go.
 */
#include <check.h>
#include <stdlib.h>

#include "graph/graph_starts.h"
#include "suite.h"

enum { SLOTS = 300, SLOT = 1 << 20 };

static const uint64_t base = 0x7f0000000000;
static struct { uint64_t address, size; bool live; } block[SLOTS];
static uint64_t seed;

static uint64_t rnd(uint64_t n)
{
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return (seed >> 12) % n;
}

static uint64_t some_size(void)
{
    static const uint64_t most[] = { 1, 64, 4096, 40000, STARTS_LARGE - 1, STARTS_LARGE, 3 * STARTS_LARGE };
    return most[rnd(7)] - rnd(2) * rnd(17);
}

/* A block in its own slot, or right behind the one before. */
static void come(int i)
{
    block[i].live = true;
    block[i].size = some_size();
    if (block[i].size > SLOT / 2)
        block[i].size = 1;
    block[i].address = base + (uint64_t)i * SLOT + 8 * rnd(SLOT / 16);
    if (i && block[i - 1].live && rnd(2))
        block[i].address = (block[i - 1].address + block[i - 1].size + 7) & ~7ull;
}

static bool overlaps(int i)
{
    for (int j = 0; j < SLOTS; j++)
        if (j != i && block[j].live && block[i].address < block[j].address + block[j].size + 8 &&
            block[j].address < block[i].address + block[i].size + 8)
            return true;
    return false;
}

static int holder(uint64_t address)
{
    for (int i = 0; i < SLOTS; i++)
        if (block[i].live && address - block[i].address < (block[i].size ? block[i].size : 1))
            return i;
    return -1;
}

static uint64_t lowest(uint64_t from, uint64_t to)
{
    uint64_t found = 0;
    for (int i = 0; i < SLOTS; i++)
        if (block[i].live && block[i].address >= from && block[i].address < to && (!found || block[i].address < found))
            found = block[i].address;
    return found;
}

static void ask(struct starts *s)
{
    int i = (int)rnd(SLOTS);
    uint64_t address = base + rnd((uint64_t)SLOTS * SLOT), start = 1, end;
    if (rnd(2))
        address = block[i].address + rnd(block[i].size + 20);
    int h = holder(address);
    if (h >= 0) {
        ck_assert(starts_below(s, address, &start));
        ck_assert_uint_eq(start, block[h].address);
        ck_assert(block[h].size >= STARTS_LARGE || starts_touched(s, address));
    } else if (starts_below(s, address, &start)) {
        ck_assert_uint_le(start, address);
    }
    if (h >= 0)
        return;
    end = address + rnd(rnd(2) ? 200 : 4 * SLOT);
    uint64_t first = lowest(address, end);
    ck_assert_int_eq(starts_between(s, address, end, &start), first != 0);
    ck_assert(!first || start == first);
}

START_TEST(as_a_plain_list)
{
    struct starts *s = starts_new();
    seed = 88172645463325252ull + (uint64_t)_i;
    for (int n = 0; n < 20000; n++) {
        int i = (int)rnd(SLOTS);
        if (block[i].live) {
            starts_remove(s, block[i].address, block[i].size);
            block[i].live = false;
        } else {
            come(i);
            block[i].live = !overlaps(i);
            if (block[i].live)
                starts_add(s, block[i].address, block[i].size);
        }
        for (int k = 0; k < 4; k++)
            ask(s);
    }
    ck_assert(!starts_loose(s));
    starts_free(s);
}
END_TEST

START_TEST(where_nothing_ever_lay)
{
    struct starts *s = starts_new();
    uint64_t start;
    starts_add(s, base + 8, 32768);     /* into the next region */
    ck_assert(starts_touched(s, base));
    ck_assert(starts_touched(s, base + 32768));
    ck_assert(!starts_touched(s, base + 65536));
    ck_assert(!starts_touched(s, base - 1));
    starts_remove(s, base + 8, 32768);
    ck_assert(starts_touched(s, base + 32768));     /* it did lie there */
    ck_assert(!starts_below(s, base + 100, &start));
    starts_touch(s, base + 0x1000000, 100);
    ck_assert(starts_touched(s, base + 0x1000000));
    ck_assert(!starts_below(s, base + 0x1000000, &start));
    ck_assert(!starts_touched(s, UINT64_MAX));
    starts_add(s, base, 16);            /* and a large block behind it, in the same region */
    starts_add(s, base + 0x1000, STARTS_LARGE);
    ck_assert(starts_below(s, base + 0x2000, &start) && start == base + 0x1000);
    ck_assert(starts_below(s, base + 8, &start) && start == base);
    starts_free(s);
}
END_TEST

START_TEST(odd_places_make_it_loose)
{
    struct starts *s = starts_new();
    starts_add(s, base, 8);
    ck_assert(!starts_loose(s));
    starts_add(s, base + 36, 8);
    ck_assert(starts_loose(s));
    starts_remove(s, base + 36, 8);
    uint64_t start;
    ck_assert(!starts_below(s, base - 1, &start));
    ck_assert(starts_below(s, base + 36, &start) && start == base);
    starts_free(s);
}
END_TEST

/* Wild numbers: bounded, and nothing breaks. */
START_TEST(anywhere)
{
    struct starts *s = starts_new();
    uint64_t start;
    seed = 4711;
    for (int i = 0; i < 200000; i++) {
        uint64_t address = rnd(UINT64_MAX) << 12 ^ rnd(UINT64_MAX), size = rnd(2) ? rnd(100) : rnd(UINT64_MAX);
        if (rnd(2))
            starts_add(s, address, size);
        else
            starts_remove(s, address, size);
        starts_below(s, address + 5, &start);
        starts_between(s, address, address + rnd(100000), &start);
    }
    ck_assert_uint_le(s->n_zones, 1 << 16);
    ck_assert(starts_loose(s));
    starts_free(s);
}
END_TEST

/* Ranges as long as memory: as quick, and as right, as short ones. */
START_TEST(between_all_there_is)
{
    struct starts *s = starts_new();
    static const uint64_t at[] = { 0x55550000, base, base + (1ull << 30), base + (5ull << 40) };
    uint64_t start = 0;
    for (int i = 3; i >= 0; i--)
        starts_add(s, at[i], 64);
    for (int i = 0; i < 1000; i++) {
        ck_assert(starts_between(s, 0, UINT64_MAX, &start) && start == at[0]);
        ck_assert(starts_between(s, at[0] + 1, UINT64_MAX - 7, &start) && start == at[1]);
        ck_assert(starts_between(s, at[1] + 8, 1ull << 63, &start) && start == at[2]);
        ck_assert(starts_between(s, at[2] + 8, at[3] + 1, &start) && start == at[3]);
        ck_assert(!starts_between(s, at[2] + 8, at[3], &start));
        ck_assert(!starts_between(s, at[3] + 8, UINT64_MAX, &start));
    }
    starts_free(s);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("starts");
    TCase *c = tcase_create("starts");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, as_a_plain_list, 0, 4);
    tcase_add_test(c, where_nothing_ever_lay);
    tcase_add_test(c, odd_places_make_it_loose);
    tcase_add_test(c, anywhere);
    tcase_add_test(c, between_all_there_is);
    suite_add_tcase(s, c);
    return suite_run(s);
}
