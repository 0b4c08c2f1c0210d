/*
 * tests/unit/test_heap_wild.c - a scan of memory that lies: modules that are not
 * there, tables and names that lead anywhere, stacks and registers of noise. It
 * ends, and what it says is sound.
 */
#include <check.h>

#include "event/xalloc.h"
#include "heap/heap_scan.h"
#include "heap_fake.h"
#include "suite.h"
#include "wire/record.h"
#include "wire/segment.h"

enum { MAPS = 12, PAGES = 4, PAGE = 4096, BLOCKS = 60, THREADS = 3 };

static uint64_t seed;
static uint64_t draw(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static const char *const paths[] = {"/none/libwild.so", "/none/libwild.so", "", "/none/libc.so.6", "[heap]", "", "/none/libother.so (deleted)",
                                    "/none/libother.so (deleted)", "[stack]", "/proc/self/exe", "/none/data", "[vvar]"};

struct wild {
    struct heap_image image;
    struct heap_map maps[MAPS];
    struct fake_piece pieces[MAPS];
    struct heap_thread threads[THREADS];
    struct heap_known_thread known[THREADS];
    struct heap_stop stop;
    struct snapshot *s;
};

static uint64_t somewhere(const struct wild *w)
{
    const struct heap_map *m = &w->maps[draw(MAPS)];
    switch (draw(6)) {
    case 0: return draw(UINT64_MAX);
    case 1: return m->start + draw(PAGES * PAGE);
    case 2: return m->end - draw(64);
    case 3: return 0;
    default: return m->start + draw(PAGES * PAGE / 8) * 8;
    }
}

/* What a reader looks for, in part: tables, bins, arenas, chunks, a thread that holds, a name without an end. */
static void tempt(struct wild *w)
{
    struct fake_piece *p = &w->pieces[draw(MAPS)];
    uint64_t at = draw(PAGES * PAGE / 8 - 300) * 8, *words = (uint64_t *)(void *)(p->bytes + at);
    switch (draw(5)) {
    case 0:
        words[0] = 0;
        words[1] = p->start + at + 40;
        words[5] = p->start + at + 16;
        words[6] = p->start + at + 64;
        memset(words + 8, 'x', draw(2000));
        break;
    case 1:
        for (int i = 0; i < 254; i++)
            words[i] = p->start + at + (uint64_t)(i / 2) * 16 - 16;
        break;
    case 2:
        words[0] = WIRE_HOLD_MAGIC;
        words[7] = p->start + at;
        break;
    case 3:
        memset(p->bytes + PAGES * PAGE - 64, 'y', 64);
        break;
    default:
        memset(words, 0, 64);
    }
}

static void wild_make(struct wild *w)
{
    uint64_t at = 0x7f0000000000 - 0x10000;
    *w = (struct wild){.s = snapshot_new()};
    w->image = (struct heap_image){.maps = {w->maps, MAPS}, .pieces = w->pieces, .n = MAPS, .moves = draw(2)};
    for (size_t i = 0; i < MAPS; i++) {
        at += draw(3) ? 0 : draw(5) * PAGE + (draw(10) ? 0 : 64 << 20);
        if (!draw(6))
            at = (at + (64 << 20) - 1) & ~(uint64_t)((64 << 20) - 1);
        w->maps[i] = (struct heap_map){at, at + PAGES * PAGE, draw(3) * PAGE, draw(3), draw(8) != 0, draw(3) != 0, draw(2), !draw(6), (char *)paths[i], UINT64_MAX};
        w->pieces[i] = (struct fake_piece){at, xcalloc(PAGES, PAGE), PAGES * PAGE};
        at += PAGES * PAGE;
    }
    for (size_t i = 0; i < MAPS; i++)
        for (size_t k = 0; k < PAGES * PAGE; k += 8) {
            uint64_t word = somewhere(w);
            memcpy(w->pieces[i].bytes + k, &word, 8);
        }
    for (int i = 0; i < 20; i++)
        tempt(w);
    struct snapshot *s = w->s;
    s->address = xcalloc(BLOCKS, 8);
    s->size = xcalloc(BLOCKS, 8);
    s->family = xcalloc(BLOCKS, 1);
    at = w->maps[0].start - draw(100);
    for (size_t i = 0; i < BLOCKS; i++) {
        at += 1 + draw(9 * PAGE / 4);
        s->address[i] = draw(4) ? at & ~7ull : at;
        if (i && s->address[i] <= s->address[i - 1])
            s->address[i] = s->address[i - 1] + 1;
        at = s->address[i];
        s->size[i] = draw(60) ? draw(3000) : draw(UINT64_MAX - at);
        s->family[i] = (uint8_t)draw(WIRE_FAMILIES);
    }
    s->n_blocks = BLOCKS;
    w->stop = (struct heap_stop){.pid = 1 + (pid_t)draw(3), .threads = w->threads, .n = THREADS};
    for (size_t i = 0; i < THREADS; i++) {
        struct heap_thread *t = &w->threads[i];
        *t = (struct heap_thread){.tid = (pid_t)i + 1, .sp = somewhere(w), .pc = somewhere(w), .thread_pointer = somewhere(w),
                                  .n_registers = draw(2) ? HEAP_REGISTERS_MAX : 0};
        for (size_t k = 0; k < HEAP_REGISTERS_MAX; k++)
            t->registers[k] = somewhere(w);
        w->known[i] = (struct heap_known_thread){(uint32_t)draw(3), (pid_t)draw(4), somewhere(w), draw(2)};
    }
}

START_TEST(wild_memory_is_only_read)
{
    seed = 1000 + (uint64_t)_i;
    for (int i = 0; i < 25; i++) {
        struct wild w;
        struct heap_code code;
        struct code *table = code_new();
        wild_make(&w);
        struct heap_scan_input in = {.image = &w.image, .stop = &w.stop, .threads = w.known, .n_threads = THREADS,
                                     .shim_path = paths[draw(MAPS)]};
        ck_assert_int_eq(heap_scan(w.s, &in, &code), 0);
        ck_assert(snapshot_sound(w.s));
        heap_intern(w.s, &code, table);
        ck_assert(snapshot_sound(w.s));
        for (size_t k = 0; k < w.s->n_types; k++)
            ck_assert(!w.s->types[k].name || strlen(w.s->types[k].name) < 4096);
        heap_code_free(&code);
        code_free(table);
        for (size_t k = 0; k < MAPS; k++)
            free(w.pieces[k].bytes);
        free(w.image.window);
        snapshot_free(w.s);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap_wild");
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, wild_memory_is_only_read, 0, 12);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
