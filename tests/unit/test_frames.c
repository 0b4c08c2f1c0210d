/*
 * tests/unit/test_frames.c - what documents are made of: the JSON writer,
 * stacks as places, lives of blocks.
 */
#include <inttypes.h>

#include "doc_scratch.h"
#include "export/block_life.h"
#include "export/frames.h"
#include "export/json_writer.h"
#include "export/plumbing.h"
#include "export/text.h"
#include "suite.h"

static struct symbols *symbols;

static void setup(void)
{
    symbols = symbols_new();
}

static void teardown(void)
{
    symbols_free(symbols);
}

/* ---- the writer ---- */

START_TEST(writer_escapes)
{
    static const struct { const char *in; size_t n; const char *out; size_t m; } rows[] = {
        { "plain", 5, "plain", 5 }, { "\"\\/", 3, "\"\\/", 3 }, { "\b\f\n\r\t\x01\x1f\x7f\v", 9, "\b\f\n\r\t\x01\x1f\x7f\v", 9 },
        { "a\0b", 3, "a\0b", 3 }, { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9 },
        { "\xff", 1, "\xef\xbf\xbd", 3 }, { "\xc3", 1, "\xef\xbf\xbd", 3 }, { "\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6 },
        { "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9 }, { "\xf4\x90\x80\x80x", 5, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx", 13 },
        { "a\xe2\x82z", 4, "a\xef\xbf\xbd\xef\xbf\xbdz", 8 }, { "", 0, "", 0 } };
    struct scratch_text t = { 0 };
    struct json_writer *w = malloc(sizeof *w);
    jw_init(w, scratch_sink, &t);
    jw_array(w);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        jw_text(w, rows[i].in, rows[i].n);
    jw_end(w);
    ck_assert_int_eq(jw_finish(w), 0);
    json_t *j = parsed(&t);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *s = json_array_get(j, i), *same = text_json(rows[i].in, rows[i].n);
        ck_assert_uint_eq(json_string_length(s), rows[i].m);
        ck_assert_int_eq(memcmp(json_string_value(s), rows[i].out, rows[i].m), 0);
        ck_assert(json_equal(s, same));
        json_decref(same);
    }
    json_decref(j);
    free(w);
}
END_TEST

START_TEST(writer_numbers)
{
    static const uint64_t values[] = { 0, 1, 9, 10, 99, 100, 101, 999, 1000, 12345678901, INT64_MAX, UINT64_MAX };
    struct scratch_text t = { 0 };
    struct json_writer *w = malloc(sizeof *w);
    jw_init(w, scratch_sink, &t);
    jw_array(w);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        jw_u64(w, values[i]);
        jw_address(w, values[i]);
        jw_id(w, 'b', values[i]);
    }
    jw_bool(w, true);
    jw_bool(w, false);
    jw_null(w);
    jw_string(w, NULL);
    jw_end(w);
    jw_finish(w);
    json_t *j = parsed(&t);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char address[32], id[32];
        uint64_t v = values[i];
        snprintf(address, sizeof address, "0x%" PRIx64, v);
        snprintf(id, sizeof id, "b%" PRIu64, v);
        ck_assert_uint_eq((uint64_t)json_integer_value(json_array_get(j, 3 * i)), v > INT64_MAX ? INT64_MAX : v);
        ck_assert_str_eq(json_string_value(json_array_get(j, 3 * i + 1)), address);
        if (v)
            ck_assert_str_eq(json_string_value(json_array_get(j, 3 * i + 2)), id);
        else
            ck_assert(json_is_null(json_array_get(j, 3 * i + 2)));
    }
    ck_assert_uint_eq(json_array_size(j), 3 * 12 + 4);
    json_decref(j);
    free(w);
}
END_TEST

START_TEST(writer_beyond_its_buffer)
{
    enum { LONG = 3 * JW_BUFFER_BYTES + 17 };
    char *big = malloc(LONG);
    for (int i = 0; i < LONG; i++)
        big[i] = "ab\"\n\xff"[i % 5];
    char *plain = malloc(LONG);
    memset(plain, 'p', LONG);
    struct scratch_text t = { 0 };
    struct json_writer *w = malloc(sizeof *w);
    jw_init(w, scratch_sink, &t);
    jw_object(w);
    for (int i = 0; i < 20000; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        jw_key(w, key);
        jw_u64(w, (uint64_t)i);
    }
    jw_key(w, "big");
    jw_text(w, big, LONG);
    jw_key(w, "plain");
    jw_text(w, plain, LONG);
    jw_end(w);
    ck_assert_int_eq(jw_finish(w), 0);
    json_t *j = parsed(&t), *same = text_json(big, LONG);
    ck_assert_uint_eq(json_object_size(j), 20002);
    ck_assert_uint_eq(json_string_length(json_object_get(j, "plain")), LONG);
    ck_assert_int_eq(number(j, "k19999"), 19999);
    ck_assert(json_equal(json_object_get(j, "big"), same));
    json_decref(same);
    json_decref(j);
    t.fail_after = 1000;
    jw_init(w, scratch_sink, &t);
    jw_text(w, big, LONG);
    ck_assert_int_eq(jw_finish(w), -ENOSPC);
    free(t.text);
    free(big);
    free(plain);
    free(w);
}
END_TEST

/* ---- frames ---- */

START_TEST(frames_of_both_sides_meet)
{
    struct view v = scratch_view();
    struct code *c = code_new();
    uint32_t app = code_module_id(c, "/gone/app", 9, NULL, 0);
    uint32_t outer = code_stack_id(c, 0, code_frame_id(c, app, 0x1001, 0));
    uint32_t inner = code_stack_id(c, outer, code_frame_id(c, app, 0x2001, 0));
    struct frames *f = frames_new(symbols, &v, c);
    ck_assert_uint_eq(frames_view_stack(f, 2), frames_code_stack(f, inner));
    ck_assert_uint_ne(frames_view_stack(f, 3), frames_code_stack(f, inner));
    ck_assert_uint_eq(frames_view_stack(f, 0), 0);
    ck_assert_uint_eq(frames_view_stack(f, 99), 0);
    const struct frame_place *p;
    ck_assert_uint_eq(frames_places(f, frames_view_stack(f, 3), 0, &p), 2);   /* the shim's frame is left out */
    ck_assert_uint_eq(p[0].offset, 0x2000);                                    /* the call, not the return address */
    ck_assert_str_eq(p[0].module, "/gone/app");
    ck_assert_uint_eq(frames_places(f, frames_view_stack(f, 5), 0, &p), 2);
    ck_assert_uint_eq(p[0].offset, 0x7f0000001235);
    ck_assert_ptr_null(p[0].module);
    ck_assert(p[1].truncated);
    json_t *j = frames_json(f, frames_view_stack(f, 5));
    ck_assert_str_eq(text(json_array_get(j, 1), "function"), "[truncated]");
    ck_assert_ptr_null(json_object_get(json_array_get(j, 1), "offset"));
    ck_assert_str_eq(text(json_array_get(j, 0), "offset"), "0x7f0000001235");
    json_decref(j);
    frames_free(f);
    code_free(c);
}
END_TEST

START_TEST(frames_of_nonsense)
{
    struct code_frame frames[] = { { .module = 77, .offset = 0 }, { .module = 1, .offset = 0 } };
    struct code_stack stacks[] = { { 1, 1, 1 }, { 3, 2, 9 }, { 2, 99, 1 }, { 4000000000u, 4000000000u, 0 } };
    struct view v = scratch_view();
    v.frames = frames, v.n_frames = 2, v.stacks = stacks, v.n_stacks = 4;
    struct frames *f = frames_new(symbols, &v, NULL);
    const struct frame_place *p;
    for (uint32_t i = 0; i < 7; i++)
        frames_places(f, frames_view_stack(f, i), 0, &p);
    ck_assert_uint_eq(frames_places(f, frames_view_stack(f, 2), 0, &p), 1);   /* its parent is younger: no parent */
    frames_free(f);
}
END_TEST

START_TEST(frames_telling_part)
{
    struct frame_place p[] = {
        { .function = "xmalloc", .plumbing = true }, { .function = "std::x", .plumbing = true }, { .function = "work" },
        { .function = "std::y", .plumbing = true }, { .function = "run" }, { .function = "main" }, { .function = "__libc_start_call_main", .outer = true } };
    uint32_t at[8];
    ck_assert_uint_eq(frames_telling(p, 7, 4, at), 3);
    ck_assert(at[0] == 2 && at[1] == 4 && at[2] == 5);
    ck_assert_uint_eq(frames_telling(p, 7, 2, at), 2);
    ck_assert_uint_eq(frames_telling(p, 2, 4, at), 2);         /* nothing but plumbing */
    ck_assert(at[0] == 0 && at[1] == 1);
    ck_assert_uint_eq(frames_telling(p + 6, 1, 4, at), 1);     /* nothing but start-up */
    ck_assert_uint_eq(frames_telling(p, 0, 4, at), 0);
}
END_TEST

START_TEST(plumbing_by_name)
{
    static const char *const yes[] = { "xmalloc", "PyObject_Malloc", "sqlite3MemMalloc", "g_malloc0", "my_calloc", "xrealloc", "strdup",
        "operator new(unsigned long)", "__gthread_mutex_lock(pthread_mutex_t*)", "std::__glibcxx_rwlock_rdlock(pthread_rwlock_t*)", "std::vector<int, std::allocator<int> >::push_back(int const&)",
        "void std::__cxx11::basic_string<char>::_M_construct<char*>(char*, char*)", "__gnu_cxx::new_allocator<Foo>::allocate(unsigned long, void const*)",
        "pool::Arena<int>::alloc(unsigned long)", "PyType_GenericAlloc", "mallocWithAlarm" };
    static const char *const no[] = { "main", "work", "subtype_dealloc", "malloc_free_all", "load(std::string const&)", "Foo::parse(int)",
        "app::(anonymous namespace)::build(std::vector<int>)", "allocator_stats", "operator+(A, B)", "" };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        ck_assert_msg(plumbing_inner(yes[i], "/x/app"), "%s", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        ck_assert_msg(!plumbing_inner(no[i], "/x/app"), "%s", no[i]);
    ck_assert(plumbing_inner(NULL, "/usr/lib/libstdc++.so.6") && !plumbing_inner("f", "/usr/lib/libstdc++.so.6"));
    ck_assert(!plumbing_inner(NULL, NULL) && !plumbing_outer(NULL) && !plumbing_is_main(NULL));
    ck_assert(plumbing_outer("start_thread") && plumbing_outer("__libc_start_main@@GLIBC_2.34") && !plumbing_outer("main"));
    ck_assert(plumbing_is_main("main") && !plumbing_is_main("main_loop"));
}
END_TEST

/* ---- lives ---- */

START_TEST(lives_come_and_go)
{
    enum { N = 20000 };
    static uint64_t ids[N + 1];
    for (uint64_t id = 1; id <= N; id++)
        ids[id] = (uint64_t)(random() & 0xfffffff) << 16 | id;
    struct block_lives *t = block_lives_new();
    for (uint64_t id = 1; id <= N; id++)
        block_lives_at(t, ids[id])->size = id;
    for (uint64_t id = 1; id <= N; id++)
        if (id % 3)
            block_lives_forget(t, ids[id]);
    block_lives_forget(t, 5);
    for (uint64_t id = 1; id <= N; id++)
        ck_assert_uint_eq(block_lives_at(t, ids[id])->size, id % 3 ? 0 : id);
    block_lives_free(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frames");
    TCase *tc = tcase_create("frames");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, writer_escapes);
    tcase_add_test(tc, writer_numbers);
    tcase_add_test(tc, writer_beyond_its_buffer);
    tcase_add_test(tc, frames_of_both_sides_meet);
    tcase_add_test(tc, frames_of_nonsense);
    tcase_add_test(tc, frames_telling_part);
    tcase_add_test(tc, plumbing_by_name);
    tcase_add_test(tc, lives_come_and_go);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
