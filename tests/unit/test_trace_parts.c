/*
 * tests/unit/test_trace_parts.c - the trace room's parts by themselves: how
 * numbers are coded, how columns are packed, what the map of chunks says.
 */
#include <check.h>
#include <errno.h>
#include <xxhash.h>

#include "suite.h"
#include "trace/trace_reader.h"
#include "trace/trace_tables.h"
#include "trace_make.h"

static const uint64_t numbers[] = { 0, 1, 2, 7, 8, 63, 64, 127, 128, 255, 256, 16383, 16384, 1ull << 34, (1ull << 60) - 1,
                                    1ull << 60, INT64_MAX, 1ull << 63, (1ull << 63) + 1, UINT64_MAX - 8, UINT64_MAX };
enum { NUMBERS = sizeof numbers / sizeof *numbers };

START_TEST(numbers_come_back)
{
    struct make k;
    make_init(&k, 1);
    for (int i = 0; i < 100000; i++) {
        uint64_t v = i < NUMBERS ? numbers[i] : make_number(&k);
        ck_assert_uint_eq(unzigzag(zigzag(v)), v);
        ck_assert_uint_eq(zigzag(unzigzag(v)), v);
        ck_assert_uint_eq(unturn(turn(v)), v);
        ck_assert_uint_eq(turn(unturn(v)), v);
    }
    ck_assert_uint_eq(zigzag((uint64_t)-1), 1);
    ck_assert_uint_eq(zigzag(1), 2);
    ck_assert_uint_eq(turn(16), 4);
    ck_assert_uint_eq(turn((uint64_t)-16), 5);
    make_free(&k);
}
END_TEST

START_TEST(varints_are_bounded)
{
    uint8_t space[NUMBERS * 10];
    struct trace_column c = { .data = space, .capacity = sizeof space };
    struct trace_columns s = { .bad = false };
    for (int i = 0; i < NUMBERS; i++)
        column_varint(&c, numbers[i]);
    s.of[1] = (struct trace_cursor){ space, space + c.bytes };
    for (int i = 0; i < NUMBERS; i++)
        ck_assert_uint_eq(cursor_varint(&s, 1), numbers[i]);
    ck_assert(!s.bad);
    ck_assert_uint_eq(cursor_left(&s, 1), 0);
    ck_assert_uint_eq(cursor_varint(&s, 1), 0);
    ck_assert(s.bad);

    static const char *const wrong[] = { "\x80", "\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                         "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01" };
    for (int i = 0; i < 4; i++) {
        s.bad = false;
        s.of[1] = (struct trace_cursor){ (const uint8_t *)wrong[i], (const uint8_t *)wrong[i] + strlen(wrong[i]) };
        cursor_varint(&s, 1);
        ck_assert_msg(s.bad, "wrong varint %d", i);
    }
    s.bad = false;
    ck_assert_ptr_null(cursor_bytes(&s, 2, 1));
    ck_assert(s.bad);
}
END_TEST

/* A chunk in memory; `edit` may spoil its payload before hashes are made. */
static int open_chunk(uint8_t *payload, size_t bytes, size_t raw_bytes, struct chunk_opener *o, struct trace_columns *s)
{
    struct trace_frame frame = { .payload_bytes = (uint32_t)bytes, .raw_bytes = (uint32_t)raw_bytes };
    const char *flaw = NULL;
    o->payload.bytes = 0;
    column_reserve(&o->payload, bytes + 1);
    column_bytes(&o->payload, payload, bytes);
    int error = chunk_unpack(o, &frame, s, &flaw);
    ck_assert(!error || flaw);
    return error;
}

START_TEST(columns_are_packed)
{
    struct chunk_builder b = { 0 };
    struct chunk_opener o = { 0 };
    struct trace_columns s;
    struct trace_frame frame = { .type = TRACE_CHUNK_EVENTS };
    uint8_t same[5000] = { 0 }, few[3] = { 1, 2, 3 };
    chunk_begin(&b);
    chunk_column(&b, 3, same, sizeof same, CHUNK_PATTERNS);
    chunk_column(&b, 4, few, sizeof few, CHUNK_PATTERNS);
    chunk_column(&b, 5, few, 0, CHUNK_PATTERNS);
    chunk_column(&b, 31, few, 1, CHUNK_NOISE);
    chunk_finish(&b, &frame);
    ck_assert_ptr_null(chunk_frame_flaw(&frame));
    ck_assert_uint_lt(b.out.bytes, 200);
    ck_assert_uint_eq(frame.raw_bytes, 5004);
    uint8_t *payload = b.out.data + sizeof frame;
    ck_assert_int_eq(open_chunk(payload, frame.payload_bytes, 5004, &o, &s), 0);
    ck_assert_uint_eq(cursor_left(&s, 3), 5000);
    ck_assert_mem_eq(cursor_bytes(&s, 3, 5000), same, 5000);
    ck_assert_mem_eq(cursor_bytes(&s, 4, 3), few, 3);
    ck_assert_uint_eq(cursor_left(&s, 5), 0);
    ck_assert_uint_eq(cursor_byte(&s, 31), 1);
    /* Lengths that lie. */
    ck_assert_int_eq(open_chunk(payload, frame.payload_bytes, 5003, &o, &s), -EBADMSG);
    ck_assert_int_eq(open_chunk(payload, frame.payload_bytes, 5005, &o, &s), -EBADMSG);
    for (uint32_t cut = 0; cut < frame.payload_bytes; cut++)
        ck_assert_int_eq(open_chunk(payload, cut, 5004, &o, &s), -EBADMSG);
    chunk_builder_free(&b);
    chunk_opener_free(&o);
}
END_TEST

START_TEST(hostile_columns)
{
    struct chunk_opener o = { 0 };
    struct trace_columns s;
    static const struct {
        const char *bytes;
        size_t n, raw;
        int want;
    } cases[] = {
        { "\x01\x00\x01\x01" "A", 5, 1, 0 },
        { "\x3f\x00\x01\x01" "A", 5, 1, 0 },             /* a column of a later version */
        { "\x3f\x07\x01\x02" "AB", 6, 1, 0 },            /* and with its codec */
        { "\x01\x00\x01\x01" "A\x01\x00\x01\x01" "B", 10, 2, -EBADMSG },
        { "\x01\x00\x02\x01" "A", 5, 2, -EBADMSG },
        { "\x01\x02\x01\x01" "A", 5, 1, -EBADMSG },
        { "\x01\x01\x01\x01" "A", 5, 1, -EBADMSG },
        { "\x01\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "A", 14, 1, -EBADMSG },
        { "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01" "A", 14, 1, -EBADMSG },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(open_chunk((uint8_t *)cases[i].bytes, cases[i].n, cases[i].raw, &o, &s) == cases[i].want,
                      "case %zu", i);
    chunk_opener_free(&o);
}
END_TEST

START_TEST(frames_are_checked)
{
    struct chunk_builder b = { 0 };
    struct trace_frame frame = { .type = TRACE_CHUNK_END }, bad;
    chunk_begin(&b);
    chunk_finish(&b, &frame);
    ck_assert_ptr_null(chunk_frame_flaw(&frame));
    for (size_t i = 0; i < sizeof frame; i++) {
        bad = frame;
        ((uint8_t *)&bad)[i] ^= 0x10;
        ck_assert_ptr_nonnull(chunk_frame_flaw(&bad));
    }
    bad = frame;
    bad.raw_bytes = TRACE_RAW_MAX + 1;
    bad.frame_hash = XXH3_64bits(&bad, offsetof(struct trace_frame, frame_hash));
    ck_assert_ptr_nonnull(chunk_frame_flaw(&bad));
    chunk_builder_free(&b);
}
END_TEST

/* The map from the index is the map from walking, and tells the truth. */
START_TEST(index_and_walk_agree)
{
    struct make k;
    struct trace *t, *walked;
    size_t bytes;
    make_init(&k, 3);
    make_random_events(&k, 3000);
    ck_assert_int_eq(make_file(&k, 700), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    make_spill(k.path, data, bytes - sizeof(struct trace_tail));
    ck_assert_int_eq(trace_open(&walked, k.path), 0);
    ck_assert_uint_eq(walked->map.count, t->map.count + 1);
    for (size_t i = 0; i < t->map.count; i++) {
        const struct map_entry *a = &t->map.entries[i], *b = &walked->map.entries[i];
        ck_assert(a->offset == b->offset && a->first_event == b->first_event && a->low_ns == b->low_ns &&
                  a->high_ns == b->high_ns && a->span_bytes == b->span_bytes && a->count == b->count &&
                  a->type == b->type && a->flags == b->flags);
    }
    ck_assert_uint_eq(walked->map.events, k.count);
    for (size_t i = 0; i < t->map.count; i++) {
        const struct map_entry *e = &t->map.entries[i];
        uint64_t low = UINT64_MAX, high = 0;
        if (e->type != TRACE_CHUNK_EVENTS)
            continue;
        for (uint64_t n = e->first_event; n < e->first_event + e->count; n++) {
            low = k.events[n].ns < low ? k.events[n].ns : low;
            high = k.events[n].ns > high ? k.events[n].ns : high;
        }
        ck_assert_uint_eq(e->low_ns, low);
        ck_assert_uint_eq(e->high_ns, high);
    }
    trace_close(t);
    trace_close(walked);
    free(data);
    make_free(&k);
}
END_TEST

/* Definitions that name what is not there. */
START_TEST(hostile_definitions)
{
    static const struct {
        const char *counts, *parent, *frame;
        uint32_t count;
        int want;
    } cases[] = {
        { "\x00\x01\x01", "\x00", "\x00", 2, 0 },
        { "\x00\x01\x02", "\x01\x01", "\x00\x01", 3, -EBADMSG },    /* parent before the first */
        { "\x00\x01\x02", "\x00\x01", "\x00\x01", 3, -EBADMSG },    /* the same stack twice */
        { "\x00\x01\x01", "\x00", "\x02", 2, -EBADMSG },            /* frame 2 of 1 */
        { "\x00\x01\x01", "\x00", "\x01", 2, -EBADMSG },            /* frame 0 */
        { "\x00\x01\x02", "\x00\x00", "\x00\x01", 2, -EBADMSG },    /* count lies */
        { "\x00\x01\x02", "\x00", "\x00", 3, -EBADMSG },            /* columns end */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct code *code = code_new();
        struct trace_columns s = { .bad = false };
        const uint8_t *counts = (const uint8_t *)cases[i].counts, *zero = (const uint8_t *)"\0";
        const uint8_t *parent = (const uint8_t *)cases[i].parent, *frame = (const uint8_t *)cases[i].frame;
        size_t stacks = cases[i].count == 3 && i < 6 ? 2 : 1;
        s.of[CODE_COUNTS] = (struct trace_cursor){ counts, counts + 3 };
        s.of[CODE_FRAME_MODULE] = s.of[CODE_FRAME_OFFSET] = s.of[CODE_FRAME_FLAGS] = (struct trace_cursor){ zero, zero + 1 };
        s.of[CODE_STACK_PARENT] = (struct trace_cursor){ parent, parent + stacks };
        s.of[CODE_STACK_FRAME] = (struct trace_cursor){ frame, frame + stacks };
        ck_assert_msg(trace_tables_unpack(&s, cases[i].count, code) == cases[i].want, "case %zu", i);
        code_free(code);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace parts");
    TCase *t = tcase_create("parts");
    tcase_add_test(t, numbers_come_back);
    tcase_add_test(t, varints_are_bounded);
    tcase_add_test(t, columns_are_packed);
    tcase_add_test(t, hostile_columns);
    tcase_add_test(t, frames_are_checked);
    tcase_add_test(t, index_and_walk_agree);
    tcase_add_test(t, hostile_definitions);
    suite_add_tcase(s, t);
    return suite_run(s);
}
