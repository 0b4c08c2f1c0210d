/*
 * tests/unit/test_code.c - intern tables, names and families, allocation helpers.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/code.h"
#include "event/event.h"
#include "event/xalloc.h"
#include "suite.h"

static uint32_t module(struct code *c, const char *path, const char *id)
{
    return code_module_id(c, path, strlen(path), (const uint8_t *)id, strlen(id));
}

START_TEST(empty_tables)
{
    struct code *c = code_new();
    uint32_t out[4];
    ck_assert_uint_eq(code_modules(c), 0);
    ck_assert_uint_eq(code_frames(c), 0);
    ck_assert_uint_eq(code_stacks(c), 0);
    ck_assert_ptr_null(code_module(c, 0));
    ck_assert_ptr_null(code_frame(c, 1));
    ck_assert_ptr_null(code_stack(c, UINT32_MAX));
    ck_assert_uint_eq(code_stack_frames(c, 0, out, 4), 0);
    ck_assert_uint_eq(code_stack_frames(c, 9, out, 4), 0);
    code_free(c);
    code_free(NULL);
}
END_TEST

START_TEST(module_identity)
{
    struct code *c = code_new();
    ck_assert_uint_eq(module(c, "/a", "1"), 1);
    ck_assert_uint_eq(module(c, "/a", "2"), 2);
    ck_assert_uint_eq(module(c, "/b", "1"), 3);
    ck_assert_uint_eq(module(c, "/a", "1"), 1);
    ck_assert_uint_eq(module(c, "", ""), 4);
    ck_assert_uint_eq(code_module_id(c, "/a/never/seen", 2, (const uint8_t *)"2", 1), 2);
    ck_assert_str_eq(code_module(c, 3)->path, "/b");
    ck_assert_uint_eq(code_module(c, 2)->build_id_bytes, 1);
    ck_assert_uint_eq(code_module(c, 2)->build_id[0], '2');

    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "/lib/%d", i);
        ck_assert_uint_eq(module(c, name, "x"), 5 + (uint32_t)i);
    }
    for (int i = 4999; i >= 0; i--) {
        snprintf(name, sizeof name, "/lib/%d", i);
        ck_assert_uint_eq(module(c, name, "x"), 5 + (uint32_t)i);
    }
    code_free(c);
}
END_TEST

START_TEST(build_id_longer_than_the_limit_is_cut)
{
    struct code *c = code_new();
    uint8_t id[64];
    memset(id, 7, sizeof id);
    ck_assert_uint_eq(code_module_id(c, "/a", 2, id, sizeof id), 1);
    ck_assert_uint_eq(code_module(c, 1)->build_id_bytes, CODE_BUILD_ID_MAX);
    code_free(c);
}
END_TEST

START_TEST(frame_identity)
{
    struct code *c = code_new();
    uint32_t m = module(c, "/a", "1");
    ck_assert_uint_eq(code_frame_id(c, m, 0x10, 0), 1);
    ck_assert_uint_eq(code_frame_id(c, m, 0x10, CODE_FRAME_EXACT), 2);
    ck_assert_uint_eq(code_frame_id(c, 0, 0x10, 0), 3);
    ck_assert_uint_eq(code_frame_id(c, m, UINT64_MAX, 0), 4);
    ck_assert_uint_eq(code_frame_id(c, m, 0x10, 0), 1);
    ck_assert_uint_eq(code_frame_id(c, m + 1, 0x10, 0), 0);
    ck_assert_uint_eq(code_frame(c, 2)->flags, CODE_FRAME_EXACT);
    ck_assert_uint_eq(code_frame(c, 4)->offset, UINT64_MAX);
    ck_assert_uint_eq(code_frame(c, 3)->module, 0);
    ck_assert_uint_eq(code_frames(c), 4);
    code_free(c);
}
END_TEST

START_TEST(stacks_share_their_outer_frames)
{
    struct code *c = code_new();
    uint32_t f[3], out[8];
    for (uint32_t i = 0; i < 3; i++)
        f[i] = code_frame_id(c, 0, 100 + i, 0);
    uint32_t a = code_stack_id(c, 0, f[0]);
    uint32_t b = code_stack_id(c, a, f[1]);
    uint32_t d = code_stack_id(c, b, f[2]);
    uint32_t e = code_stack_id(c, b, f[0]);
    ck_assert_uint_eq(code_stacks(c), 4);
    ck_assert_uint_eq(code_stack_id(c, b, f[2]), d);
    ck_assert_uint_ne(d, e);
    ck_assert_uint_eq(code_stack(c, d)->depth, 3);
    ck_assert_uint_eq(code_stack_frames(c, d, out, 8), 3);
    ck_assert_uint_eq(out[0], f[2]);
    ck_assert_uint_eq(out[1], f[1]);
    ck_assert_uint_eq(out[2], f[0]);
    ck_assert_uint_eq(code_stack_frames(c, d, out, 2), 2);
    ck_assert_uint_eq(code_stack_id(c, d, 0), d);
    ck_assert_uint_eq(code_stack_id(c, d, 99), d);
    ck_assert_uint_eq(code_stack_id(c, 99, f[0]), 0);
    code_free(c);
}
END_TEST

START_TEST(depth_is_bounded)
{
    struct code *c = code_new();
    uint32_t f = code_frame_id(c, 0, 1, 0), s = 0;
    for (int i = 0; i < CODE_DEPTH_MAX; i++)
        s = code_stack_id(c, s, f);
    ck_assert_uint_eq(code_stack(c, s)->depth, CODE_DEPTH_MAX);
    ck_assert_uint_eq(code_stack_id(c, s, f), s);
    ck_assert_uint_eq(code_stacks(c), CODE_DEPTH_MAX);
    code_free(c);
}
END_TEST

/* Ids stay what they were while arrays and indexes double many times. */
START_TEST(many_keep_their_ids)
{
    enum { N = 200000 };
    struct code *c = code_new();
    for (uint32_t i = 0; i < N; i++)
        ck_assert_uint_eq(code_frame_id(c, 0, (uint64_t)i * 16, 0), i + 1);
    for (uint32_t i = 0; i < N; i++)
        ck_assert_uint_eq(code_stack_id(c, i / 2, N - i), i + 1);
    for (uint32_t i = 0; i < N; i++) {
        ck_assert_uint_eq(code_frame_id(c, 0, (uint64_t)i * 16, 0), i + 1);
        ck_assert_uint_eq(code_stack_id(c, i / 2, N - i), i + 1);
        ck_assert_uint_eq(code_stack(c, i + 1)->parent, i / 2);
    }
    ck_assert_uint_eq(code_stacks(c), N);
    code_free(c);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(event_type_name(0), "?");
    ck_assert_str_eq(event_type_name(EVENT_TYPES), "?");
    ck_assert_str_eq(event_type_name(EVENT_NEW), "new");
    ck_assert_str_eq(event_type_name(EVENT_LOST), "lost");
    for (unsigned i = 1; i < EVENT_TYPES; i++)
        ck_assert_str_ne(event_type_name(i), "?");
    ck_assert_str_eq(family_name(WIRE_FAMILIES), "?");
    for (unsigned i = 0; i < WIRE_FAMILIES; i++)
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(family_name(i), family_name(j));
    ck_assert_str_eq(family_name(WIRE_NEW_ARRAY), "new[]");
    ck_assert_str_eq(lost_name(WIRE_LOST_REASONS), "?");
    for (unsigned i = 0; i < WIRE_LOST_REASONS; i++)
        ck_assert_str_ne(lost_name(i), "?");
    ck_assert_str_eq(lost_name(WIRE_LOST_RING_FULL), "ring-full");
    ck_assert_str_eq(verify_name(WIRE_VERIFY_COUNTS), "?");
    for (unsigned i = 0; i < WIRE_VERIFY_COUNTS; i++)
        ck_assert_str_ne(verify_name(i), "?");
}
END_TEST

START_TEST(families)
{
    ck_assert(family_is_map(WIRE_MMAP_ANON) && family_is_map(WIRE_MREMAP) && family_is_map(WIRE_MUNMAP));
    ck_assert(!family_is_map(WIRE_MALLOC) && !family_is_map(WIRE_FAMILIES) && !family_is_map(0));
    for (unsigned made = WIRE_MALLOC; made <= WIRE_PVALLOC; made++) {
        ck_assert(family_matches(made, WIRE_FREE));
        ck_assert(family_matches(made, WIRE_REALLOC));
        ck_assert(!family_matches(made, WIRE_DELETE));
        ck_assert(!family_matches(made, WIRE_MUNMAP));
    }
    ck_assert(family_matches(WIRE_NEW_SCALAR, WIRE_DELETE));
    ck_assert(family_matches(WIRE_NEW_ARRAY, WIRE_DELETE_ARRAY));
    ck_assert(!family_matches(WIRE_NEW_ARRAY, WIRE_DELETE));
    ck_assert(!family_matches(WIRE_NEW_SCALAR, WIRE_DELETE_ARRAY));
    ck_assert(!family_matches(WIRE_NEW_SCALAR, WIRE_FREE));
    ck_assert(!family_matches(WIRE_NEW_ALIGNED, WIRE_DELETE));
    ck_assert(family_matches(WIRE_NEW_ALIGNED, WIRE_DELETE_ALIGNED));
    ck_assert(family_matches(WIRE_MMAP_FILE, WIRE_MUNMAP));
    ck_assert(family_matches(WIRE_MMAP_ANON, WIRE_MREMAP));
    ck_assert(!family_matches(WIRE_MALLOC, WIRE_MALLOC));
    ck_assert(!family_matches(WIRE_FREE, WIRE_FREE));
    ck_assert(!family_matches(WIRE_FAMILY_NONE, WIRE_FAMILY_NONE));
    ck_assert(!family_matches(WIRE_FAMILIES, WIRE_FREE));
    ck_assert(!family_matches(WIRE_MALLOC, WIRE_FAMILIES));
}
END_TEST

START_TEST(allocation_helpers)
{
    size_t capacity = 0;
    uint32_t *a = NULL;
    for (uint32_t i = 0; i < 1000; i++) {
        a = xgrow(a, &capacity, i + 1, sizeof *a);
        ck_assert_uint_gt(capacity, i);
        a[i] = i;
    }
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(a[i], i);
    free(a);
    char *s = xstrndup("abcdef", 3);
    ck_assert_str_eq(s, "abc");
    free(s);
    s = xasprintf("%d-%s", 7, "x");
    ck_assert_str_eq(s, "7-x");
    free(s);
}
END_TEST

START_TEST(exhaustion_ends_the_collector)
{
    size_t capacity = 0;
    xgrow(NULL, &capacity, SIZE_MAX / 2, 16);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("event");
    TCase *t = tcase_create("code");
    tcase_add_test(t, empty_tables);
    tcase_add_test(t, module_identity);
    tcase_add_test(t, build_id_longer_than_the_limit_is_cut);
    tcase_add_test(t, frame_identity);
    tcase_add_test(t, stacks_share_their_outer_frames);
    tcase_add_test(t, depth_is_bounded);
    tcase_add_test(t, many_keep_their_ids);
    suite_add_tcase(s, t);
    t = tcase_create("names");
    tcase_add_test(t, names);
    tcase_add_test(t, families);
    suite_add_tcase(s, t);
    t = tcase_create("xalloc");
    tcase_add_test(t, allocation_helpers);
    tcase_add_exit_test(t, exhaustion_ends_the_collector, 125);
    suite_add_tcase(s, t);
    return suite_run(s);
}
