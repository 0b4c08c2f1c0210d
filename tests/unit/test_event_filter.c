/*
 * tests/unit/test_event_filter.c - the words of --size, --address and --site,
 * and which facts they let through.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "export/event_filter.h"
#include "suite.h"

START_TEST(sizes)
{
    static const struct { const char *text; uint64_t low, high; } rows[] = {
        { "4096", 4096, 4096 }, { "4K..1M", 4096, 1 << 20 }, { "4k..", 4096, UINT64_MAX }, { "..64", 0, 64 }, { "0..0", 0, 0 },
        { "1GiB", 1 << 30, 1 << 30 }, { "2MB..3MB", 2 << 20, 3 << 20 } };
    static const char *const wrong[] = { "", "..", "x", "4K-1M", "5..4", "4..x", "4Q", "99999999999999999999", "18446744073709551615K", "-1", "4 " };
    uint64_t low, high;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_int_eq(parse_sizes(rows[i].text, &low, &high), 0);
        ck_assert_uint_eq(low, rows[i].low);
        ck_assert_uint_eq(high, rows[i].high);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(parse_sizes(wrong[i], &low, &high) != 0, "%s", wrong[i]);
}
END_TEST

START_TEST(addresses)
{
    static const char *const wrong[] = { "", "..", "1000", "0x", "0x1000..0x10", "0x10..1", "0x10-0x20", "0x11111111111111111" };
    uint64_t low, high;
    ck_assert_int_eq(event_addresses_parse("0x1000", &low, &high), 0);
    ck_assert(low == 0x1000 && high == 0x1001);
    ck_assert_int_eq(event_addresses_parse("0x1000..0x2000", &low, &high), 0);
    ck_assert(low == 0x1000 && high == 0x2000);
    ck_assert_int_eq(event_addresses_parse("0X7F00..", &low, &high), 0);
    ck_assert(low == 0x7f00 && high == UINT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(event_addresses_parse(wrong[i], &low, &high) != 0, "%s", wrong[i]);
}
END_TEST

START_TEST(site_words)
{
    char *error;
    ck_assert_int_eq(event_site_check("^parse_(json|xml)$", &error), 0);
    ck_assert_ptr_null(error);
    ck_assert_int_ne(event_site_check("a(b", &error), 0);
    ck_assert_ptr_nonnull(error);
    free(error);
}
END_TEST

static bool wants(const struct doc_events_options *o, const struct fact *f, struct frames *frames)
{
    uint32_t stack;
    struct event_filter *filter = event_filter_new(o, frames);
    bool first = event_filter_wants(filter, f, &stack);
    ck_assert(event_filter_wants(filter, f, &stack) == first);  /* what is remembered of a stack is no other answer */
    event_filter_free(filter);
    return first;
}

START_TEST(facts_that_pass)
{
    struct code *code = code_new();
    uint32_t a = code_module_id(code, "/lib/libalpha.so", 16, NULL, 0), b = code_module_id(code, "/bin/beta", 9, NULL, 0);
    uint32_t outer = code_stack_id(code, 0, code_frame_id(code, b, 0x100, 0)), inner = code_stack_id(code, outer, code_frame_id(code, a, 0x200, 0));
    struct frames *frames = frames_new(NULL, NULL, code);
    struct fact block = { .type = FACT_NEW, .thread = 3, .process = 1, .event = 10, .block = 1, .address = 0x1000, .size = 64, .stack = inner };
    struct fact moved = { .type = FACT_MOVE, .thread = 3, .process = 1, .event = 11, .block = 1, .address = 0x9000, .size = 64,
                          .old_address = 0x1000, .old_size = 32, .stack = outer };
    struct fact lock = { .type = FACT_ACQUIRE, .thread = 3, .process = 1, .event = 12, .lock = 1, .address = 0x1010 };
    const struct { struct doc_events_options o; bool block, moved, lock; } rows[] = {
        { { 0 }, true, true, true },
        { { .types = 1u << FACT_MOVE }, false, true, false },
        { { .thread = 4 }, false, false, false }, { { .process = 1 }, true, true, true }, { { .process = 2 }, false, false, false },
        { { .first_event = 11 }, false, true, true }, { { .last_event = 11 }, true, true, false },
        { { .sizes = true, .low_bytes = 64, .high_bytes = 64 }, true, true, false },
        { { .sizes = true, .low_bytes = 65, .high_bytes = UINT64_MAX }, false, false, false },
        { { .sizes = true, .high_bytes = 63 }, false, false, false },
        { { .addresses = true, .low_address = 0x103f, .high_address = 0x1040 }, true, false, false },
        { { .addresses = true, .low_address = 0x1040, .high_address = 0x1050 }, false, false, false },
        { { .addresses = true, .low_address = 0x1010, .high_address = 0x1011 }, true, true, true },
        { { .addresses = true, .low_address = 0x101f, .high_address = 0x1021 }, true, true, false },
        { { .addresses = true, .low_address = 0x9000, .high_address = UINT64_MAX }, false, true, false },
        { { .site = "libalpha" }, true, false, false }, { { .site = "beta$" }, true, true, false }, { { .site = "gamma" }, false, false, false } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_msg(wants(&rows[i].o, &block, frames) == rows[i].block, "row %zu, block", i);
        ck_assert_msg(wants(&rows[i].o, &moved, frames) == rows[i].moved, "row %zu, moved", i);
        ck_assert_msg(wants(&rows[i].o, &lock, frames) == rows[i].lock, "row %zu, lock", i);
    }
    frames_free(frames);
    code_free(code);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("event_filter");
    TCase *tc = tcase_create("all");
    tcase_add_test(tc, sizes);
    tcase_add_test(tc, addresses);
    tcase_add_test(tc, site_words);
    tcase_add_test(tc, facts_that_pass);
    suite_add_tcase(s, tc);
    return suite_run(s);
}
