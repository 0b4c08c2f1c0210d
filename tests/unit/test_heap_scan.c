/*
 * tests/unit/test_heap_scan.c - the finder and the walk against the plainest way
 * to say the same: each word of each block, held against every block.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_scan.h"
#include "heap/heap_find.h"
#include "heap_fake.h"
#include "suite.h"
#include "wire/record.h"

static uint64_t seed;
static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return below ? seed % below : 0;
}

/* ---- the finder ------------------------------------------------------------- */

static uint32_t find_plainly(const uint64_t *address, const uint64_t *size, size_t n, uint64_t word)
{
    for (size_t i = n; i--;)
        if (word == address[i] || word - address[i] < size[i])
            return (uint32_t)i;
    return HEAP_FIND_NONE;
}

/* Blocks in clusters far apart, some large, some empty, at multiples of `align`. */
static size_t blocks_make(uint64_t *address, uint64_t *size, size_t max, uint64_t align, bool nested)
{
    static const uint64_t starts[] = {0x10000, 0x555555554000, 0x7f0000000000, 0x7fffffff0000};
    size_t n = 0;
    for (size_t c = 0; c < 4; c++) {
        uint64_t at = starts[c], outer_end = 0;
        for (size_t k = draw(max / 4); k && n < max && at < starts[c] + (1u << 31); k--) {
            uint64_t bytes = draw(20) ? draw(200) : draw(3) ? draw(5000000) : 0;
            address[n] = at;
            size[n] = bytes;
            if (nested && at >= outer_end && !draw(10) && bytes > 64) {
                outer_end = at + bytes;
                n++;
                at += align * (1 + draw(3));
                continue;
            }
            if (at < outer_end && bytes > outer_end - at)
                size[n] = bytes = outer_end - at;
            n++;
            at += (bytes + draw(100) + align) / align * align;
        }
    }
    return n;
}

static void finder_play(uint64_t align, bool nested)
{
    enum { MAX = 400 };
    uint64_t address[MAX], size[MAX], words[3000];
    uint32_t blocks[3000];
    struct heap_find f;
    size_t n = blocks_make(address, size, MAX, align, nested), m = 0;
    heap_find_init(&f, address, size, n);
    for (size_t i = 0; i < 3000 && n; i++) {
        size_t b = draw(n);
        uint64_t word = draw(2) ? address[b] + draw(size[b] + 40) - 16 : draw(8) ? draw(address[n - 1]) : draw(UINT64_MAX);
        uint32_t plain = find_plainly(address, size, n, word);
        ck_assert_msg(heap_find(&f, word) == plain, "%lx in %u, not %u", word, plain, heap_find(&f, word));
        if (heap_find_near(&f, word))
            words[m++] = word;
        else
            ck_assert_uint_eq(plain, HEAP_FIND_NONE);
    }
    heap_find_many(&f, words, blocks, m);
    for (size_t i = 0; i < m; i++) {
        uint32_t plain = find_plainly(address, size, n, words[i]);
        if (plain != HEAP_FIND_NONE && words[i] != address[plain])
            plain |= HEAP_FIND_INSIDE;
        ck_assert_uint_eq(blocks[i], plain);
    }
    heap_find_done(&f);
}

START_TEST(finder_agrees)
{
    static const uint64_t aligns[] = {16, 8, 1, 4096, 24};
    seed = 77;
    for (int i = 0; i < 200; i++)
        finder_play(aligns[i % 5], i % 3 == 0);
}
END_TEST

START_TEST(finder_of_wild_blocks)
{
    uint64_t address[] = {0, 1, UINT64_MAX / 2, UINT64_MAX - 16}, size[] = {0, UINT64_MAX / 4, 1, 16}, one = 8, none = 0;
    struct heap_find f;
    heap_find_init(&f, address, size, 4);
    ck_assert_uint_eq(heap_find(&f, 0), 0);
    ck_assert_uint_eq(heap_find(&f, 2), 1);
    ck_assert_uint_eq(heap_find(&f, UINT64_MAX / 2), 2);
    ck_assert_uint_eq(heap_find(&f, UINT64_MAX / 2 + 1), HEAP_FIND_NONE);
    ck_assert_uint_eq(heap_find(&f, UINT64_MAX - 1), 3);
    heap_find_done(&f);
    heap_find_init(&f, &one, &none, 1);
    ck_assert_uint_eq(heap_find(&f, 8), 0);
    ck_assert_uint_eq(heap_find(&f, 9), HEAP_FIND_NONE);
    heap_find_done(&f);
    heap_find_init(&f, NULL, NULL, 0);
    ck_assert_uint_eq(heap_find(&f, 8), HEAP_FIND_NONE);
    heap_find_done(&f);
}
END_TEST

START_TEST(finder_stays_small)
{
    enum { N = 1 << 20 };
    uint64_t *address = xmalloc(N * 8), *size = xmalloc(N * 8);
    struct heap_find f;
    for (size_t i = 0; i < N; i++) {
        address[i] = (i < N / 2 ? 0x555555555010 : 0x7f0000000010) + i * 64;
        size[i] = 40;
    }
    heap_find_init(&f, address, size, N);
    ck_assert(f.chunks != NULL);
    ck_assert_uint_le(heap_find_bytes(&f), N * 12ull);
    ck_assert_uint_eq(heap_find(&f, address[N - 1] + 39), N - 1);
    heap_find_done(&f);
    free(address);
    free(size);
}
END_TEST

/* ---- the walk ---------------------------------------------------------------- */

enum { WORLD = 0x40000 };

/* Memory of three pieces with holes between, and blocks in it that point to each other. */
struct world { struct heap_image image; struct fake_piece pieces[3]; struct snapshot *s; struct heap_stop stop; };

static void world_make(struct world *w, bool nested)
{
    uint64_t at = 0x7f0000000000;
    struct snapshot *s = w->s = snapshot_new();
    *w = (struct world){.s = s, .image = {.pieces = w->pieces, .n = 3}, .stop = {.pid = 1}};
    for (int i = 0; i < 3; i++) {
        w->pieces[i] = (struct fake_piece){at, xcalloc(1, WORLD), WORLD};
        at += WORLD + 0x1000 * (1 + draw(3));
    }
    s->address = xmalloc(2000 * 8);
    s->size = xmalloc(2000 * 8);
    s->family = xcalloc(2000, 1);
    for (at = w->pieces[0].start; at < w->pieces[2].start + WORLD - 0x3000 && s->n_blocks < 1900;) {
        uint64_t bytes = draw(30) ? draw(400) : draw(9000);
        s->address[s->n_blocks] = at;
        s->size[s->n_blocks] = bytes;
        s->family[s->n_blocks++] = draw(10) ? WIRE_MALLOC : nested ? WIRE_MMAP_ANON : WIRE_NEW_SCALAR;
        at += nested && !draw(6) && bytes > 32 ? 16 + draw(3) * 8 : (bytes + 16 + draw(64)) / 8 * 8;
    }
    for (int i = 0; i < 3; i++)
        for (size_t k = 0; k < WORLD / 8; k++) {
            size_t b = draw(s->n_blocks);
            uint64_t word = draw(4) ? draw(2) ? 0 : draw(UINT64_MAX) : s->address[b] + (draw(2) ? 0 : draw(s->size[b] + 30) - 10);
            memcpy(w->pieces[i].bytes + k * 8, &word, 8);
        }
}

static void world_free(struct world *w)
{
    for (int i = 0; i < 3; i++)
        free(w->pieces[i].bytes);
    free(w->image.window);
    snapshot_free(w->s);
}

static bool is_mapped(const struct snapshot *s, size_t i) { return s->family[i] == WIRE_MMAP_ANON; }

/* The block whose word this is: the innermost that holds it, none in what an allocator hands out. */
static uint32_t word_owner(const struct snapshot *s, uint64_t address)
{
    uint32_t i = HEAP_FIND_NONE;
    for (size_t k = s->n_blocks; k-- && i == HEAP_FIND_NONE;)
        if (address - s->address[k] < s->size[k])
            i = (uint32_t)k;
    for (size_t k = i + 1; i != HEAP_FIND_NONE && is_mapped(s, i) && k < s->n_blocks && s->address[k] < s->address[i] + s->size[i]; k++)
        if (!is_mapped(s, k))
            return HEAP_FIND_NONE;
    return i;
}

static void edges_check(struct world *w)
{
    struct snapshot *s = w->s;
    uint64_t *next = xmalloc((s->n_blocks + 1) * 8), edges = 0;
    memcpy(next, s->first, s->n_blocks * 8);
    for (int p = 0; p < 3; p++)
        for (size_t k = 0; k < WORLD; k += 8) {
            uint64_t address = w->pieces[p].start + k, word;
            uint32_t owner = word_owner(s, address), to;
            memcpy(&word, w->pieces[p].bytes + k, 8);
            if (owner == HEAP_FIND_NONE || s->address[owner] + s->size[owner] - address < 8)
                continue;
            /* A word that another block begins in is whole in none. */
            if (owner + 1 < s->n_blocks && s->address[owner + 1] < address + 8 && s->address[owner + 1] > address)
                continue;
            to = find_plainly(s->address, s->size, s->n_blocks, word);
            if (to == HEAP_FIND_NONE)
                continue;
            uint64_t e = next[owner]++;
            edges++;
            ck_assert_uint_lt(e, s->first[owner + 1]);
            ck_assert_uint_eq(s->to[e] & EDGE_TARGET, to);
            ck_assert_int_eq(!(s->to[e] & EDGE_INTERIOR), word == s->address[to]);
            ck_assert_uint_eq(s->at[e], (address - s->address[owner]) / 8);
        }
    ck_assert_uint_eq(edges, s->n_edges);
    free(next);
}

START_TEST(walk_agrees)
{
    seed = 5 + (uint64_t)_i;
    for (int i = 0; i < 6; i++) {
        struct world w;
        struct heap_code code;
        world_make(&w, i % 2);
        w.image.moves = i % 3 == 0;
        struct heap_scan_input in = {.image = &w.image, .stop = &w.stop};
        ck_assert_int_eq(heap_scan(w.s, &in, &code), 0);
        ck_assert(snapshot_sound(w.s));
        ck_assert_uint_eq(w.s->n_roots, 0);
        ck_assert_uint_gt(w.s->n_edges, 1000);
        edges_check(&w);
        heap_code_free(&code);
        world_free(&w);
    }
}
END_TEST

START_TEST(registers_are_roots)
{
    struct world w;
    struct heap_code code;
    struct heap_thread threads[3] = {{.tid = 1, .n_registers = 20}, {.tid = 2}, {.tid = 3, .n_registers = 5}};
    struct heap_known_thread known[] = {{.serial = 41, .tid = 1}, {.serial = 40, .tid = 3, .ended = true}, {.serial = 43, .tid = 3}};
    seed = 9;
    world_make(&w, false);
    w.stop.threads = threads;
    w.stop.n = 3;
    threads[0].registers[7] = w.s->address[12];
    threads[2].registers[4] = w.s->address[14];
    struct heap_scan_input in = {.image = &w.image, .stop = &w.stop, .threads = known, .n_threads = 3};
    ck_assert_int_eq(heap_scan(w.s, &in, &code), 0);
    ck_assert_uint_eq(w.s->n_roots, 2);
    ck_assert_uint_eq(w.s->roots[0].kind, ROOT_REGISTERS);
    ck_assert_uint_eq(w.s->roots[0].thread, 41);
    ck_assert_uint_eq(w.s->roots[1].thread, 43);
    uint64_t e = w.s->first[w.s->n_blocks];
    ck_assert_uint_eq(w.s->to[e], 12);
    ck_assert_uint_eq(w.s->at[e], 7);
    ck_assert_uint_eq(w.s->to[e + 1], 14);
    ck_assert_uint_eq(w.s->at[e + 1], 4);
    ck_assert_uint_eq(w.s->n_edges, e + 2);
    heap_code_free(&code);
    world_free(&w);
}
END_TEST

START_TEST(unsound_blocks_are_refused)
{
    struct world w;
    struct heap_code code;
    seed = 11;
    world_make(&w, false);
    w.s->address[5] = w.s->address[4];
    struct heap_scan_input in = {.image = &w.image, .stop = &w.stop};
    ck_assert_int_lt(heap_scan(w.s, &in, &code), 0);
    ck_assert_ptr_null(w.s->first);
    heap_code_free(&code);
    world_free(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_scan");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, finder_agrees);
    tcase_add_test(t, finder_of_wild_blocks);
    tcase_add_test(t, finder_stays_small);
    tcase_add_loop_test(t, walk_agrees, 0, 4);
    tcase_add_test(t, registers_are_roots);
    tcase_add_test(t, unsound_blocks_are_refused);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
