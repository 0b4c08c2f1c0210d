/*
 * tests/unit/test_graves.c - which dropped block an address belongs to: found
 * by start and inside, the newest first, and never where the memory may be
 * somebody else's by now.
 */
#include "graph_play.h"
#include "suite.h"

#include "graph/graph_state.h"

static struct grave grave;
static bool find(uint64_t address) { return graves_find(play, play->processes[play_process], address, &grave); }
static bool find_start(uint64_t address) { return graves_find_start(play, play->processes[play_process], address, &grave); }

START_TEST(a_drop_leaves_a_grave)
{
    by_stack(7);
    make(0x1000000, 100);
    ck_assert(!find(0x1000000));        /* it lives */
    by_stack(8);
    drop(0x1000000);
    ck_assert(find(0x1000000));
    ck_assert(find(0x1000063));
    ck_assert_uint_eq(grave.address, 0x1000000);
    ck_assert_uint_eq(grave.size, 100);
    ck_assert_uint_eq(grave.id, 1);
    ck_assert_uint_eq(grave.born_ns, 10000);
    ck_assert_uint_eq(grave.ns, 20000);
    ck_assert_uint_eq(play->site_stacks[grave.site], 7);
    ck_assert_uint_eq(grave.stack, 8);
    ck_assert_uint_eq(grave.thread, 1);
    ck_assert_uint_eq(grave.made_family, WIRE_MALLOC);
    ck_assert(!find(0x1000064));
    ck_assert(!find(0xffffff));
    ck_assert(find_start(0x1000000));
    ck_assert(!find_start(0x1000008));
    finish();
}
END_TEST

START_TEST(the_newest_that_holds_it)
{
    make(0x1000000, 100); drop(0x1000000);                             /* b1 */
    make(0x1000000, 16); make(0x1000020, 16); drop(0x1000020); drop(0x1000000);   /* b2, b3 */
    ck_assert(find(0x1000008)); ck_assert_uint_eq(grave.id, 2);
    ck_assert(find(0x1000028)); ck_assert_uint_eq(grave.id, 3);
    ck_assert(find(0x1000040)); ck_assert_uint_eq(grave.id, 1);
    make(0x2000010, 16); drop(0x2000010); make(0x2000000, 8192); drop(0x2000000);      /* b4, b5 */
    ck_assert(find(0x2000010)); ck_assert_uint_eq(grave.id, 5);
    make(0x1000040, 16);
    ck_assert(!find(0x1000040));        /* given out again */
    ck_assert(!find(0x1000048));
    ck_assert(find(0x1000050)); ck_assert_uint_eq(grave.id, 1);
    finish();
}
END_TEST

START_TEST(blocks_that_reach_into_other_pages)
{
    make(0x1000ff8, 4096); drop(0x1000ff8);
    make(0x2000008, 100000); drop(0x2000008);
    ck_assert(find(0x1000ff8)); ck_assert(find(0x1001ff7)); ck_assert(!find(0x1001ff8));
    ck_assert(find(0x2000008)); ck_assert(find(0x20186a7)); ck_assert(!find(0x20186a8));
    finish();
}
END_TEST

/* From 128 KiB on free() may give it back to the kernel: only the very start is still known. */
START_TEST(large_blocks_only_by_their_start)
{
    make(0x3000010, 128 << 10); drop(0x3000010);
    ck_assert(!find(0x3000010));
    ck_assert(!find(0x3000020));
    ck_assert(find_start(0x3000010));
    make(0x4000010, (128 << 10) - 1); drop(0x4000010);
    ck_assert(find(0x4000010));
    finish();
}
END_TEST

START_TEST(what_moved_leaves_a_grave_where_it_was)
{
    make(0x1000000, 32);
    by_stack(5);
    begin(0x1000000, 64); end(0x1000000, 0x1000100, 64);
    ck_assert(find(0x1000010));
    ck_assert_uint_eq(grave.id, 1);
    ck_assert_uint_eq(grave.size, 32);
    ck_assert_uint_eq(grave.stack, 5);
    ck_assert_uint_eq(grave.ns, 20000);
    ck_assert(!find(0x1000110));
    begin(0x1000100, 128); end(0x1000100, 0x1000100, 128);      /* in place */
    begin(0x1000100, 256); end(0x1000100, 0, 0);                /* failed */
    drop(0x1000100);
    ck_assert(find(0x1000110));
    finish();
}
END_TEST

START_TEST(memory_that_may_be_somebody_elses)
{
    make(0x1000000, 32); drop(0x1000000);
    make(0x2000000, 32); drop(0x2000000);
    make(0x3000000, 32); drop(0x3000000);
    map(0x4000000, 4096); make(0x4000010, 32); drop(0x4000010);
    map(0x1000000, 4096);
    ck_assert(!find(0x1000000));                    /* mapped since */
    unmap(0x1000000, 4096);
    thread_created(0x2400000, 2);
    ck_assert(!find(0x2000000));                    /* in the stack of t2 */
    thread_created(0x1c00000, 3);                   /* others come, in no order, and go */
    thread_created(0x27ff000, 4);
    thread_created(0x2000000, 5);
    ck_assert(!find(0x2000000));
    thread_join(0x2400000, 0);
    ck_assert(!find(0x2000000));                    /* in that of t4, barely */
    thread_join(0x27ff000, 0);
    ck_assert(find(0x2000000));
    put((struct event){ .type = EVENT_MODULE, .address = 0x3000000, .size = 4096, .extra = { 0x3000000, 1 } });
    ck_assert(!find(0x3000000));                    /* a module was loaded over it */
    ck_assert(find(0x4000010));                     /* an allocator's own mapping, older than the drop */
    finish();
}
END_TEST

START_TEST(nothing_is_known_after_a_loss)
{
    make(0x1000000, 32); drop(0x1000000);
    put((struct event){ .type = EVENT_LOST, .address = WIRE_LOST_RING_FULL, .size = 3, .extra = { 1 } });
    ck_assert(!find(0x1000000));
    make(0x1000000, 32); drop(0x1000000);
    ck_assert(find(0x1000000));
    finish();
}
END_TEST

START_TEST(nothing_is_known_of_another_image_or_process)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x1000000, 32); drop(0x1000000);
    who(2, 2);
    process_start(200, 0, WIRE_BORN_EXEC);
    ck_assert(!find(0x1000000));
    make(0x1000000, 32); drop(0x1000000);
    ck_assert(find(0x1000000)); ck_assert_uint_eq(grave.thread, 2);
    process_exec(200);
    process_start(200, 0, WIRE_BORN_EXEC);
    ck_assert(!find(0x1000000));
    who(1, 1);
    ck_assert(find(0x1000000)); ck_assert_uint_eq(grave.thread, 1);
    process_gone(true, 0);
    ck_assert(!find(0x1000000));
    finish();
}
END_TEST

static uint64_t seed;
static uint64_t rnd(uint64_t n)
{
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return (seed >> 12) % n;
}

/* Random blocks come and go in a small heap: the newest one dropped is found, as in a plain list. */
START_TEST(as_a_plain_list)
{
    enum { AREA = 1 << 18, BLOCKS = 4000 };
    static struct { uint64_t address, size; uint64_t dropped; } all[BLOCKS];
    uint64_t drops = 0, n = 0;
    seed = 88172645463325252ull + (uint64_t)_i;
    while (n < BLOCKS) {
        static const uint64_t most[] = { 40, 40, 300, 1100, 1100, 5000, 17000, 40000 };
        uint64_t address = 0x1000000 + 16 * rnd(AREA / 16), size = 1 + rnd(most[rnd(8)]), asked, newest = 0;
        bool taken = false;
        for (uint64_t i = 0; i < n; i++)
            taken |= !all[i].dropped && address < all[i].address + all[i].size && all[i].address < address + size;
        if (!taken) {
            make(address, size);
            all[n].address = address; all[n].size = size; all[n++].dropped = 0;
        }
        uint64_t which = n ? rnd(n) : 0;
        if (n && !all[which].dropped && rnd(2)) {
            drop(all[which].address);
            all[which].dropped = ++drops;
        }
        hush();
        asked = 0x1000000 + rnd(AREA);
        taken = false;
        for (uint64_t i = 0; i < n; i++) {
            if (asked - all[i].address >= all[i].size)
                continue;
            taken |= !all[i].dropped;
            if (all[i].dropped && (!newest || all[i].dropped > all[newest - 1].dropped))
                newest = i + 1;
        }
        must(find(asked) == (newest && !taken));
        must(!newest || taken || grave.id == newest);
    }
    finish();
}
END_TEST

/* More drops than are kept, with and without looking between. */
START_TEST(the_oldest_are_forgotten)
{
    enum { MORE = 3000 };
    for (uint64_t i = 0; i < GRAVES_MAX + MORE; i++) {
        uint64_t address = 0x1000000 + i * 48;
        make(address, 40); drop(address);
        hush();
        if (_i && i % (uint64_t)_i == 0)
            must(find(address + 8) && grave.id == i + 1);
    }
    for (uint64_t i = 0; i < GRAVES_MAX + MORE; i++) {
        bool known = find(0x1000000 + i * 48 + 8);
        must(known == (i >= MORE));
        must(!known || grave.id == i + 1);
    }
    finish();
}
END_TEST

/* One address given out and dropped for ever does not hide the others of its page. */
START_TEST(a_busy_address_does_not_crowd_its_page)
{
    make(0x1000000, 40); drop(0x1000000);
    for (int i = 0; i < 20000; i++) {
        make(0x1000100, 40); drop(0x1000100);
        hush();
        if (i % 7 == 0)
            must(find(0x1000110));
    }
    ck_assert(find(0x1000000)); ck_assert_uint_eq(grave.id, 1);
    ck_assert(find(0x1000100)); ck_assert_uint_eq(grave.id, 20001);
    finish();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graves");
    TCase *c = tcase_create("graves");
    tcase_add_checked_fixture(c, play_start, NULL);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_drop_leaves_a_grave);
    tcase_add_test(c, the_newest_that_holds_it);
    tcase_add_test(c, blocks_that_reach_into_other_pages);
    tcase_add_test(c, large_blocks_only_by_their_start);
    tcase_add_test(c, what_moved_leaves_a_grave_where_it_was);
    tcase_add_test(c, memory_that_may_be_somebody_elses);
    tcase_add_test(c, nothing_is_known_after_a_loss);
    tcase_add_test(c, nothing_is_known_of_another_image_or_process);
    tcase_add_loop_test(c, as_a_plain_list, 0, 3);
    tcase_add_loop_test(c, the_oldest_are_forgotten, 0, 3);
    tcase_add_test(c, a_busy_address_does_not_crowd_its_page);
    suite_add_tcase(s, c);
    return suite_run(s);
}
