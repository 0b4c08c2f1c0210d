/* tests/unit/test_graph_live.c - the addresses of what lives, for hooks that are to follow it:
 * none is left out, whatever became of its process. */
#include "event/snapshot.h"
#include "graph_play.h"
#include "suite.h"

enum { SPAN = 1 << 12 };
static uint8_t told[SPAN];

static void tell(void *context, uint64_t address)
{
    ck_assert_ptr_eq(context, told);
    must(address % 16 == 0 && address / 16 < SPAN);
    told[address / 16]++;
}

static uint64_t ask(void)
{
    memset(told, 0, sizeof told);
    return graph_live_addresses(play, tell, told);
}

static bool lives(uint64_t address) { return told[address / 16]; }

/* How many addresses were told. */
static size_t told_in_all(void)
{
    size_t n = 0;
    for (size_t i = 0; i < SPAN; i++)
        n += told[i] > 0;
    return n;
}

START_TEST(nothing)
{
    ck_assert_uint_eq(ask(), 0);
    process_start(100, 0, WIRE_BORN_EXEC);
    ck_assert_uint_eq(ask(), 0);
    ck_assert_uint_eq(told_in_all(), 0);
}
END_TEST

START_TEST(of_a_process)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x100, 1);
    make(0x200, 1);
    map(0x1000, 0x1000);
    drop(0x100);
    ck_assert_uint_eq(ask(), 2);
    ck_assert(!lives(0x100) && lives(0x200) && lives(0x1000));
    begin(0x200, 9);                    /* it may fail, and then is where it was */
    ask();
    ck_assert(lives(0x200));
    end(0x200, 0x300, 9);
    ask();
    ck_assert(!lives(0x200) && lives(0x300));
    ck_assert_uint_eq(graph_live_addresses(play, NULL, NULL), 2);
    process_exit(0);
    process_gone(true, 0);
    ck_assert_uint_eq(ask(), 0);        /* what it left is nobody's to drop */
    ck_assert_uint_eq(told_in_all(), 0);
}
END_TEST

/* A child has its parent's blocks, also those that the parent drops, before and after it speaks. */
START_TEST(of_a_fork)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    make(0x100, 1);
    make(0x200, 1);
    process_fork();
    process_forked(101);
    drop(0x100);
    ask();
    ck_assert(lives(0x100) && lives(0x200));
    who(2, 2);
    process_start(101, 1, WIRE_BORN_FORK);
    ask();
    ck_assert(lives(0x100) && lives(0x200));
    who(1, 1);
    drop(0x200);
    ask();
    ck_assert(lives(0x100) && lives(0x200));
    who(2, 2);
    drop(0x100);
    drop(0x200);
    make(0x300, 1);
    process_gone(true, 0);
    ck_assert_uint_eq(ask(), 0);
}
END_TEST

/* Against what snapshots say of each process. */
START_TEST(as_snapshots)
{
    srandom(7);
    for (uint32_t p = 1; p <= 3; p++) {
        who(p, p);
        process_start(100 + p, 0, WIRE_BORN_EXEC);
    }
    for (int i = 0; i < 20000; i++) {
        uint32_t p = 1 + (uint32_t)(random() % 3);
        uint64_t address = (uint64_t)(random() % SPAN) * 16;
        who(p, p);
        hush();
        if (random() % 2)
            make(address, 8);
        else
            drop(address);
        if (i % 1000)
            continue;
        size_t n = 0;
        uint64_t count = ask();
        for (p = 1; p <= 3; p++) {
            struct snapshot *s = snapshot_new();
            must(!graph_heap_take(play, p, false, s));
            for (size_t k = 0; k < s->n_blocks; k++)
                must(told[s->address[k] / 16]-- > 0);
            n += s->n_blocks;
            snapshot_free(s);
        }
        must(n == count && told_in_all() == 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph_live");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, play_start, play_stop);
    tcase_add_test(t, nothing);
    tcase_add_test(t, of_a_process);
    tcase_add_test(t, of_a_fork);
    tcase_add_test(t, as_snapshots);
    suite_add_tcase(s, t);
    return suite_run(s);
}
