/*
 * tests/unit/test_graph_memory.c - what the graph keeps: at most 64 bytes a
 * live block, nothing an event; and its table of live blocks against a plain
 * list, where buckets overflow and around the table's end.
 */
#include <check.h>
#include <malloc.h>
#include <stdlib.h>

#include "graph/graph.h"
#include "graph/graph_table.h"
#include "graph/view.h"
#include "suite.h"

enum {
    SLACK_BYTES = 512 * 1024,   /* a chunk of the pool, what every graph has */
    THREADS = 3
};

static struct graph *graph;
static uint64_t now_ns;

static void setup(void)
{
    graph = graph_new(NULL);
    now_ns = 0;
    for (uint32_t t = 1; t <= THREADS; t++) {
        struct event e = {.type = EVENT_THREAD_START, .thread = t, .process = 1};
        graph_fold(graph, &e);
    }
}

static void teardown(void) { graph_free(graph); }

static void fold(unsigned type, uint32_t thread, uint64_t address, uint64_t size, uint64_t old)
{
    struct event e = {.type = (uint8_t)type, .thread = thread, .process = 1, .address = address, .size = size,
                      .stack = (uint32_t)(address >> 4) % 100 + 1, .ns = now_ns += 20, .extra = {old},
                      .family = type == EVENT_NEW ? WIRE_MALLOC : type == EVENT_DROP ? WIRE_FREE : WIRE_REALLOC};
    graph_fold(graph, &e);
}

/* Bytes that this process holds; 0 where a sanitizer has its own malloc. */
static size_t held_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static uint64_t address_of(uint64_t i) { return 0x7f0000000000 + i * 48; }

START_TEST(a_live_block_costs_64_bytes)
{
    size_t before = held_bytes();
    for (uint64_t n = 0; n < 1000000; n++) {
        fold(EVENT_NEW, 2, address_of(n), 32, 0); /* t2 keeps a list of what it owns */
        if (n % 4999 == 0 && before)
            ck_assert_uint_le(held_bytes() - before, 64 * (n + 1) + SLACK_BYTES);
    }
}
END_TEST

/* News, drops by the maker and by others, reallocs, drops of nothing: `turns` times with 1,000 live blocks. */
static void churn(uint64_t turns)
{
    for (uint64_t i = 0; i < turns; i++) {
        uint64_t at = address_of(i % 1000), elsewhere = address_of(5000 + i % 1000);
        uint32_t thread = 1 + (uint32_t)(i % THREADS);
        fold(EVENT_NEW, thread, at, 16 + i % 500, 0);
        fold(EVENT_REALLOC_BEGIN, thread, at, 700, 0);
        fold(EVENT_REALLOC_END, thread, elsewhere, 700, at);
        fold(EVENT_DROP, 1 + (uint32_t)(i % 7 % THREADS), elsewhere, 0, 0);
        fold(EVENT_DROP, thread, address_of(20000 + i), 0, 0);
    }
}

START_TEST(nothing_grows_with_events)
{
    size_t warm;
    churn(100000);
    warm = held_bytes();
    churn(1000000);
    ck_assert_uint_le(held_bytes(), warm + 4096);
}
END_TEST

/* ---- the table ---- */

enum { ADDRESSES = 4000 };
static uint64_t addresses[ADDRESSES];
static uint32_t places[ADDRESSES];
static struct pool pool;

/* Addresses whose homes in a table of any size are few: among the first and the last. */
static void crowd(unsigned seed)
{
    srand(seed);
    for (unsigned i = 0; i < ADDRESSES;) {
        uint64_t address = (uint64_t)rand() << 20 ^ (uint64_t)rand() << 4;
        uint32_t hash = table_hash(address);
        if (seed % 2 && hash >> 26 != 0 && hash >> 26 != 63)
            continue;
        addresses[i] = address;
        places[i] = pool_take(&pool);
        pool_at(&pool, places[i])->address = address;
        i++;
    }
}

START_TEST(table_is_as_a_list)
{
    struct table t = {0};
    bool in[ADDRESSES] = {false};
    uint32_t place, slot, used = 0;
    crowd((unsigned)_i);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = (unsigned)rand() % (step % 60000 < 30000 ? ADDRESSES : ADDRESSES / 8);
        slot = table_probe(&t, &pool, addresses[i], &place);
        if (place != (in[i] ? places[i] : 0))
            ck_abort_msg("address %u: place %u", i, place);
        if (in[i])
            table_cut(&t, slot);
        else
            table_put(&t, slot, addresses[i], places[i]);
        in[i] = !in[i];
        used += in[i] ? 1 : -1u;
        if (t.used != used || t.used > t.most)
            ck_abort_msg("%u used of %u", t.used, t.most);
    }
    for (unsigned i = 0; i < ADDRESSES; i++) {
        table_probe(&t, &pool, addresses[i], &place);
        ck_assert_uint_eq(place, in[i] ? places[i] : 0);
    }
    table_clear(&t);
    pool_clear(&pool);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph memory");
    TCase *c = tcase_create("memory"), *table = tcase_create("table");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_live_block_costs_64_bytes);
    tcase_add_test(c, nothing_grows_with_events);
    suite_add_tcase(s, c);
    tcase_add_loop_test(table, table_is_as_a_list, 0, 4);
    suite_add_tcase(s, table);
    return suite_run(s);
}
