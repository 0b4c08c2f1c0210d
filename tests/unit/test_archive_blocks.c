/*
 * tests/unit/test_archive_blocks.c - many blocks in a checkpoint: numbers of any
 * size come back as they were, and so do runs of blocks that are cut anywhere.
 */
#include "archive_check.h"
#include "suite.h"

#include "graph/graph_state.h"

static uint64_t seed;
static uint64_t rnd(uint64_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (seed >> 33) % n;
}

static uint64_t any_number(void)
{
    static const uint64_t odd[] = { 0, 1, 127, 128, 255, 256, 1 << 14, INT64_MAX, 1ull << 63, UINT64_MAX };
    return rnd(3) ? rnd(1000) << rnd(54) : odd[rnd(sizeof odd / sizeof *odd)];
}

static void numbers_walk(struct archive *a, uint64_t *plain, uint64_t *noise, uint8_t *low, size_t n)
{
    archive_plain(a, plain, n);
    archive_noise(a, noise, low, n);
    archive_u64(a, &plain[n]);
}

/* So many that they lie in several parts. */
START_TEST(numbers_of_any_size)
{
    enum { N = 600000 };
    uint64_t *numbers = xcalloc(4 * (N + 1), sizeof *numbers), *plain = numbers + N + 1, *noise = plain + N + 1, *saved = noise + N + 1;
    uint8_t *low = xmalloc(N);
    struct archive a, in;
    struct archive_replay replay;
    for (size_t i = 0; i <= N; i++)
        saved[i] = numbers[i] = any_number();
    archive_write_begin(&a);
    numbers_walk(&a, numbers, saved, low, N);
    archive_write_end(&a);
    ck_assert_uint_gt(a.n_parts, 1);
    archive_read_again(&in, &replay, &a);
    numbers_walk(&in, plain, noise, low, N);
    ck_assert_msg(!in.flaw, "%s", in.flaw);
    ck_assert(in.at == in.end && !in.left_bytes);
    ck_assert(!memcmp(plain, numbers, (N + 1) * sizeof *numbers));
    ck_assert(!memcmp(noise, numbers, N * sizeof *numbers));
    archive_free(&in);
    archive_free(&a);
    free(low);
    free(numbers);
}
END_TEST

/* What is written of noise is a byte for each and nearly nothing besides. */
START_TEST(noise_is_short)
{
    enum { N = 1000 };
    uint64_t numbers[N];
    uint8_t low[N];
    struct archive a;
    for (size_t i = 0; i < N; i++)
        numbers[i] = 256 * i + 255 * (i % 2);
    archive_write_begin(&a);
    archive_noise(&a, numbers, low, N);
    archive_write_end(&a);
    ck_assert_uint_eq(archive_bytes_written(&a), 2 * N);
    archive_free(&a);
}
END_TEST

static void fold_new(struct graph *g, uint64_t i)
{
    struct event e = { .type = EVENT_NEW, .ns = 1000000 + 100 * i - rnd(90), .thread = 1 + (uint32_t)rnd(3), .process = 1,
                       .address = 0x10000 + 64 * i + 16 * rnd(2), .size = rnd(9) ? 24 : rnd(1ull << rnd(40)), .stack = 1 + (uint32_t)rnd(50) };
    graph_fold(g, &e);
}

/* As many as a run has, one more, one less, several; some that lived are gone. */
START_TEST(runs_of_blocks)
{
    static const uint64_t counts[] = { 1, 4095, 4096, 16383, 16384, 16385, 70000 };
    uint64_t n = counts[_i];
    struct code *code = code_new();
    struct graph *g = graph_new(code);
    seed = n;
    for (uint64_t i = 0; i < n + n / 4; i++)
        fold_new(g, i);
    for (uint64_t i = 0; i < n / 4; i++) {
        struct event e = { .type = EVENT_DROP, .ns = 10000000 + 100 * n, .thread = 1, .process = 1, .address = g->pool.chunks[0][1 + i % 4000].address };
        graph_fold(g, &e);
    }
    struct graph *loaded = graph_twin(g, code);
    ck_assert_uint_eq(loaded->pool.live, g->pool.live);
    saves_equal(g, loaded, "loaded");
    for (uint32_t number = 1, place = 1; place < g->pool.next && n < 5000; place++) {
        const struct block *b = pool_at(&g->pool, place), *l = pool_at(&loaded->pool, number);
        if (!b->id || b->id != l->id)
            continue;
        ck_assert(b->address == l->address && b->size == l->size && b->born_ns == l->born_ns && b->site == l->site && b->maker == l->maker);
        number++;
    }
    graph_free(loaded);
    graph_free(g);
    code_free(code);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("archive blocks");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, numbers_of_any_size);
    tcase_add_test(c, noise_is_short);
    tcase_add_loop_test(c, runs_of_blocks, 0, 7);
    suite_add_tcase(s, c);
    return suite_run(s);
}
