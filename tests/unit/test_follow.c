/* The process's table of followed blocks: exact, at any size, beside other threads
 * and in a forked child; what is gone of those born before; the filter of those. The table
 * is compiled in here, so that SAN=thread sees into it. */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/follow.c"
#include "suite.h"

static uint64_t address_at(uint64_t i) { return 0x7f0000000000ull + i * 16; }

START_TEST(exact)
{
    enum { N = 100000 };
    for (uint64_t i = 0; i < N; i += 2)
        ck_assert(follow_add(address_at(i)));
    for (uint64_t i = 0; i < N; i++)
        ck_assert(follow_has(address_at(i)) == !(i % 2));
    ck_assert(follow_add(address_at(0)) && follow_add(address_at(0))); /* once is enough */
    for (uint64_t i = 0; i < N; i++)
        ck_assert(follow_take(address_at(i)) == !(i % 2));
    for (uint64_t i = 0; i < N; i++)
        ck_assert(!follow_has(address_at(i)) && !follow_take(address_at(i)));
    ck_assert(!follow_is_full());
}
END_TEST

/* Most other addresses are told by one look, and all are again when nothing is followed. */
START_TEST(counters)
{
    unsigned maybe = 0;
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert(follow_add(address_at(i * 3)));
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert(follow_maybe((void *)address_at(i * 3)));
    for (uint64_t i = 5000; i < 105000; i++)
        maybe += follow_maybe((void *)address_at(i));
    ck_assert_uint_lt(maybe, 4000);
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert(follow_take(address_at(i * 3)));
    for (uint64_t i = 0; i < 105000; i++)
        ck_assert(!follow_maybe((void *)address_at(i)));
}
END_TEST

/* A counter that was full once stays so: it tells nothing any more, and nothing wrong. */
START_TEST(counters_full)
{
    uint64_t same[300], n = 0;
    for (uint64_t i = 0; n < 300; i++)
        if (follow_counter(address_at(i)) == follow_counter(address_at(7)))
            same[n++] = address_at(i);
    for (unsigned i = 0; i < 300; i++)
        ck_assert(follow_add(same[i]));
    for (unsigned i = 0; i < 300; i++)
        ck_assert(follow_take(same[i]) && !follow_has(same[i]));
    ck_assert(follow_maybe((void *)same[0]));
}
END_TEST

/* Threads hand blocks to each other, and an address comes again after it was taken. */
enum { THREADS = 8, SLOTS = 512, TURNS = 3000 };
static atomic_u64 shared[SLOTS]; /* a block in each: 0 free, else address */
static atomic_u64 wrong, next_block;

static void *hand_over(void *seed)
{
    uint64_t state = (uintptr_t)seed;
    for (int i = 0; i < TURNS; i++) {
        atomic_u64 *slot;
        uint64_t block;
        state = state * 6364136223846793005u + 1442695040888963407u;
        slot = &shared[(state >> 33) % SLOTS];
        block = exchange_acq_rel(slot, 0);
        if (block && !follow_take(block))
            add_relaxed(&wrong, 1);
        if (block && follow_has(block))
            add_relaxed(&wrong, 1);
        if (!block || state >> 60 < 8)
            block = address_at(add_relaxed(&next_block, 1));
        if (!follow_add(block))
            add_relaxed(&wrong, 1);
        block = exchange_acq_rel(slot, block);
        if (block && !follow_take(block))
            add_relaxed(&wrong, 1);
    }
    return NULL;
}

START_TEST(threads)
{
    pthread_t t[THREADS];
    unsigned left = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        ck_assert(!pthread_create(&t[i], NULL, hand_over, (void *)(i * 77 + 1)));
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    ck_assert_uint_eq(load_relaxed(&wrong), 0);
    for (int i = 0; i < SLOTS; i++)
        if (shared[i])
            left += follow_take(shared[i]) ? 1 : 1000000;
    ck_assert_uint_le(left, SLOTS);
    for (uint64_t i = 0; i < load_relaxed(&next_block); i++)
        ck_assert(!follow_maybe((void *)address_at(i)) && !follow_has(address_at(i)));
}
END_TEST

START_TEST(forked)
{
    int status;
    pid_t child;
    ck_assert(follow_add(address_at(1)));
    child = fork();
    if (!child)
        _exit(!(follow_take(address_at(1)) && !follow_has(address_at(1)) && follow_add(address_at(2))));
    ck_assert(waitpid(child, &status, 0) == child && status == 0);
    ck_assert(follow_has(address_at(1)) && !follow_has(address_at(2)));
}
END_TEST

/* Forks come while another thread clears regions and changes mappings: whatever it was amid, the child is not hindered by it. */
enum { AMID_FORKS = 300, AMID_TAG = 9 };
static atomic_u32 amid_ends;

static void *be_amid(void *unused)
{
    for (uint16_t tag = 10; !load_relaxed(&amid_ends); tag = tag < 60000 ? tag + 1 : 10) {
        follow_gone_add(address_at(0), tag);
        follow_add_map(0x10000, 0x20000);
        follow_take_map(0x10000, 0x20000);
    }
    return unused;
}

static int amid_child(void)
{
    unsigned changing = 0;
    follow_reborn();
    follow_gone_add(address_at(0), AMID_TAG);
    if (!follow_gone(address_at(0), AMID_TAG))
        return 1;
    for (uint64_t i = 1; i <= MAPS; i++)
        changing += !follow_add_map(i << 20, (i << 20) + 4096);
    return changing > 1 ? 2 : 0; /* one may be whole at the fork */
}

START_TEST(forked_amid)
{
    pthread_t t;
    ck_assert(!pthread_create(&t, NULL, be_amid, NULL));
    for (int i = 0; i < AMID_FORKS; i++) {
        int status;
        pid_t child = fork();
        if (!child)
            _exit(amid_child());
        ck_assert(child > 0 && waitpid(child, &status, 0) == child);
        ck_assert_int_eq(status, 0);
    }
    store_relaxed(&amid_ends, 1);
    pthread_join(t, NULL);
}
END_TEST

/* As it stands when a thread was amid it, told exactly: this birth keeps off, the next takes it. */
START_TEST(left_amid)
{
    follow_gone_add(address_at(0), 3);
    for (unsigned i = 0; i < 1 << REGIONS_BITS; i++)
        if (load_relaxed(&regions[i].key))
            store_relaxed(&regions[i].key, region_key(address_at(0), BEING_CLEARED) | birth() << BIRTH_SHIFT);
    for (unsigned i = 0; i < MAPS; i++)
        store_relaxed(&maps[i].end, birth() + 1);
    follow_gone_add(address_at(0), 4);
    ck_assert(!follow_gone(address_at(0), 4) && !follow_gone(address_at(0), 3));
    ck_assert(!follow_add_map(0x10000, 0x20000) && !follow_take_map(0x10000, 0x20000));
    follow_reborn();
    follow_gone_add(address_at(1), 4);
    ck_assert(follow_gone(address_at(1), 4) && !follow_gone(address_at(0), 4));
    ck_assert(follow_add_map(0x10000, 0x20000) && follow_take_map(0x10000, 0x20000));
}
END_TEST

START_TEST(mappings)
{
    ck_assert(follow_add_map(0x10000, 0x20000) && follow_add_map(0x40000, 0x50000));
    ck_assert(!follow_take_map(0x20000, 0x40000));
    ck_assert(follow_take_map(0x18000, 0x19000));  /* a hole: the rest is followed still */
    ck_assert(follow_take_map(0x1f000, 0x40000));
    ck_assert(follow_take_map(0x10000, 0x20000));
    ck_assert(!follow_take_map(0x10000, 0x20000)); /* all of it went */
    ck_assert(follow_take_map(0, UINT64_MAX) && !follow_take_map(0, UINT64_MAX));
    for (uint64_t i = 1; i <= MAPS; i++)
        ck_assert(follow_add_map(i << 20, (i << 20) + 4096));
    ck_assert(!follow_is_full());
    ck_assert(!follow_add_map(0x1000, 0x2000) && follow_is_full());
}
END_TEST

START_TEST(gone_by_tag)
{
    enum { N = 50000 };
    for (uint64_t i = 0; i < N; i++)
        follow_gone_add(address_at(i), 7);
    for (uint64_t i = 0; i < N; i++)
        ck_assert(follow_gone(address_at(i), 7) && !follow_gone(address_at(i), 8));
    ck_assert(!follow_gone(address_at(N), 7) && !follow_has(address_at(0)));
    for (uint64_t i = 0; i < N; i++) /* the next filter's take their places */
        follow_gone_add(address_at(i), 8);
    for (uint64_t i = 0; i < N; i++)
        ck_assert(follow_gone(address_at(i), 8));
    for (uint64_t i = 0; i < N; i++)
        ck_assert(!follow_gone(address_at(i), 7));
    for (uint64_t i = 0; i < 100000; i++) /* more regions than there is room for: not remembered, and nothing else */
        follow_gone_add(i << 21, 8);
    for (uint64_t i = 0; i < 100000; i++)
        ck_assert(!follow_gone((i << 21) + 8, 8));
}
END_TEST

/* The filter of what was born before: never no of one that is in it, and seldom yes of others. */
START_TEST(born)
{
    enum { WORDS = 1 << 14, N = WORDS * 4 };
    uint64_t *filter = calloc(WORDS, 8), yes = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t hash = wire_born_hash(address_at(i * 3));
        filter[wire_born_word(hash, WORDS)] |= wire_born_bits(hash);
    }
    for (uint64_t i = 0; i < 3 * N; i++) {
        uint64_t hash = wire_born_hash(address_at(i)), bits = wire_born_bits(hash);
        bool has = (filter[wire_born_word(hash, WORDS)] & bits) == bits;
        ck_assert(i % 3 || has);
        yes += i % 3 && has;
    }
    ck_assert_uint_lt(yes, 2 * N / 20); /* 5%, at 16 bits an address */
    free(filter);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("follow");
    TCase *t = tcase_create("follow");
    tcase_add_test(t, exact);
    tcase_add_test(t, counters);
    tcase_add_test(t, counters_full);
    tcase_add_test(t, threads);
    tcase_add_test(t, forked);
    tcase_add_test(t, forked_amid);
    tcase_add_test(t, left_amid);
    tcase_add_test(t, mappings);
    tcase_add_test(t, gone_by_tag);
    tcase_add_test(t, born);
    suite_add_tcase(s, t);
    return suite_run(s);
}
