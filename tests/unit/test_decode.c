/*
 * tests/unit/test_decode.c - records to events: fields, stacks, modules.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/decode.h"
#include "suite.h"

static struct decode decode;
static struct code *code;
static struct image image;
static struct decode_stack stack;
static struct event event;

static void setup(void)
{
    code = code_new();
    decode_begin(&decode);
    decode_use(&decode, code);
    image_begin(&image, 1, 1);
    decode_stack_begin(&stack);
}

static void teardown(void)
{
    image_end(&image);
    decode_stack_end(&stack);
    decode_end(&decode);
    code_free(code);
}

static uint64_t body[WIRE_EXTRA_MAX + WIRE_FRAMES_MAX + WIRE_TEXT_MAX / 8];

/* A record of `extras` words that stand in body, then frames. */
static int feed(unsigned type, uint64_t address, uint32_t size, unsigned extras, unsigned pop, unsigned push)
{
    struct ring_item item = {.body = (const uint8_t *)body};
    item.head = (struct wire_record){.address = address, .size = size, .type = (uint8_t)type, .pop = (uint8_t)pop,
                                     .push = (uint8_t)push, .family_extra = wire_pack_family(WIRE_MALLOC, extras)};
    item.bytes = wire_record_bytes(&item.head);
    if (!item.bytes)
        item.bytes = wire_record_bytes_escaped(&item.head, body[0]);
    ck_assert_uint_ne(item.bytes, 0);
    return decode_record(&decode, &image, &stack, &item, &event);
}

static int feed_text(unsigned type, unsigned extras, const char *text, size_t n)
{
    memcpy(body + extras, text, n);
    return feed(type, 0, (uint32_t)n, extras, 0, 0);
}

static int feed_module(const char *path, uint64_t bias, uint64_t start, uint64_t end)
{
    body[0] = bias;
    body[1] = start;
    body[2] = end;
    body[3] = 20;
    memset(body + 4, 0xab, 32);
    return feed_text(WIRE_MODULE, 8, path, strlen(path));
}

/* The frames of the event's stack as offsets, inside out. */
static size_t offsets(uint64_t *out, uint32_t *modules)
{
    uint32_t ids[64];
    size_t n = code_stack_frames(code, event.stack, ids, 64), i;
    for (i = 0; i < n; i++) {
        out[i] = code_frame(code, ids[i])->offset;
        if (modules)
            modules[i] = code_frame(code, ids[i])->module;
    }
    return n;
}

START_TEST(test_fields)
{
    body[0] = 64;
    ck_assert_int_eq(feed(WIRE_NEW, 0x1000, 48, 1, 0, 0), 1);
    ck_assert_uint_eq(event.type, EVENT_NEW);
    ck_assert_uint_eq(event.address, 0x1000);
    ck_assert_uint_eq(event.size, 48);
    ck_assert_uint_eq(event.extra[0], 64);
    ck_assert_uint_eq(event.family, WIRE_MALLOC);
    ck_assert_uint_eq(event.stack, 0);

    body[0] = 16;
    body[1] = 5ull << 32; /* behind the extra words: the size */
    ck_assert_int_eq(feed(WIRE_NEW, 0x1000, WIRE_SIZE_IN_EXTRA, 2, 0, 0), 1);
    ck_assert_uint_eq(event.size, 5ull << 32);
    ck_assert_uint_eq(event.extra[0], 16);
    ck_assert_uint_eq(event.extra[1], 0);
    ck_assert_int_eq(feed(WIRE_NEW, 0x1000, WIRE_SIZE_IN_EXTRA, 0, 0, 0), -EBADMSG);
    stack.broken = false;

    body[0] = 4096;
    ck_assert_int_eq(feed(WIRE_DROP, 0x2000, 0, 1, 0, 0), 1);
    ck_assert_uint_eq(event.extra[0], 4096);
    ck_assert_int_eq(feed(WIRE_DROP, 0x2000, 8192, 0, 0, 0), 1);
    ck_assert_uint_eq(event.extra[0], 8192);
    ck_assert_uint_eq(event.size, 0);

    body[0] = 0x1000;
    body[1] = 77;
    ck_assert_int_eq(feed(WIRE_REALLOC_END, 0x3000, 99, 2, 0, 0), 1);
    ck_assert_uint_eq(event.extra[0], 0x1000);
    ck_assert_uint_eq(event.extra[1], 77);

    body[0] = 0x4444;
    ck_assert_int_eq(feed(WIRE_THREAD_START, 0x7000, 1234, 1, 0, 0), 1);
    ck_assert_uint_eq(event.extra[0], 1234);
    ck_assert_uint_eq(event.extra[1], 0x4444);
    ck_assert_int_eq(feed(WIRE_PROCESS_FORKED, (uint64_t)-1, 0, 0, 0, 0), 1);
    ck_assert_uint_eq(event.address, (uint64_t)-1);
    body[0] = 7;
    ck_assert_int_eq(feed(WIRE_LOST, WIRE_LOST_RING_FULL, 20, 1, 0, 0), 1);
    ck_assert_uint_eq(event.size, 20);
    ck_assert_uint_eq(event.extra[0], 7);
}
END_TEST

START_TEST(test_text)
{
    body[0] = 10ull << 32 | 9;
    body[1] = 3ull << 32 | WIRE_BORN_FORK;
    ck_assert_int_eq(feed_text(WIRE_PROCESS_START, 2, "/bin/a\0a\0b", 11), 1);
    ck_assert_uint_eq(event.extra[0], 10);
    ck_assert_uint_eq(event.extra[1], 9);
    ck_assert_uint_eq(event.family, WIRE_BORN_FORK);
    ck_assert_uint_eq(event.text_bytes, 11);
    ck_assert(!memcmp(event.text, "/bin/a\0a\0b", 11));
    body[0] = 0x7777;
    ck_assert_int_eq(feed_text(WIRE_THREAD_NAME, 1, "worker", 6), 1);
    ck_assert_uint_eq(event.address, 0x7777);
    ck_assert_int_eq(feed_text(WIRE_MARK, 0, "", 0), 1);
    ck_assert_uint_eq(event.text_bytes, 0);
}
END_TEST

START_TEST(test_stacks)
{
    uint64_t at[64];
    uint32_t first, modules[64];

    ck_assert_int_eq(feed_module("/bin/a", 0x400000, 0x400000, 0x500000), 1);
    body[0] = 0x400010; /* outermost */
    body[1] = 0x400020;
    body[2] = 0x400030;
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 0, 3), 1);
    ck_assert_uint_eq(offsets(at, modules), 3);
    ck_assert_uint_eq(at[0], 0x30);
    ck_assert_uint_eq(at[2], 0x10);
    ck_assert_uint_eq(modules[0], 1);
    first = event.stack;

    ck_assert_int_eq(feed(WIRE_DROP, 1, 0, 0, 0, 0), 1); /* the same place */
    ck_assert_uint_eq(event.stack, first);
    ck_assert_int_eq(feed(WIRE_THREAD_EXIT, 1, 0, 0, 0, 0), 1); /* takes no stack */
    ck_assert_uint_eq(event.stack, 0);

    body[0] = 0x600040;
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 2, 1), 1);
    ck_assert_uint_eq(offsets(at, modules), 2);
    ck_assert_uint_eq(at[0], 0x600040); /* in no module: the address */
    ck_assert_uint_eq(modules[0], 0);
    ck_assert_uint_eq(at[1], 0x10);

    body[0] = 0x400020;
    body[1] = 0x400030;
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 1, 2), 1);
    ck_assert_uint_eq(event.stack, first);

    body[0] = WIRE_FRAME_TRUNCATED;
    body[1] = 0x400010 | WIRE_FRAME_EXACT;
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 3, 2), 1);
    ck_assert_uint_eq(offsets(at, NULL), 2);
    ck_assert_uint_eq(code_frame(code, code_stack(code, event.stack)->frame)->flags, CODE_FRAME_EXACT);
    ck_assert_uint_eq(at[1], 0);
}
END_TEST

/* A chain that cannot be right is unknown until everything is popped. */
START_TEST(test_broken_chain)
{
    unsigned i;
    body[0] = 0x10;
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 0, 1), 1);
    ck_assert_uint_ne(event.stack, 0);
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 2, 1), 1); /* pops more than there is */
    ck_assert_uint_eq(event.stack, 0);
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 0, 1), 1);
    ck_assert_uint_eq(event.stack, 0);
    body[0] = (uint64_t)(WIRE_FRAMES_MAX + 1) << 32 | 2;
    body[1] = 0x10;
    body[2] = 0x20;
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 1, WIRE_STACK_ESCAPE, 0), 1);
    ck_assert_uint_ne(event.stack, 0);
    ck_assert_uint_eq(stack.depth, 2);

    for (i = 0; i < 20; i++) { /* deeper than any stack is */
        body[0] = WIRE_FRAMES_MAX;
        ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 1, WIRE_STACK_ESCAPE, 0), 1);
    }
    ck_assert_uint_eq(event.stack, 0);
    ck_assert_uint_le(stack.depth, DECODE_DEPTH_MAX);
}
END_TEST

/* Every record from WAIT to COPY is the event of its name, by the short way and by the long one alike. */
START_TEST(test_locks_and_copies)
{
    static const char *const names[] = {"wait", "acquire", "release", "wait-end", "cond-wait", "cond-woken", "signal",
                                        "lock-init", "lock-destroy", "lock-consistent", "futex", "copy"};
    for (unsigned type = WIRE_WAIT; type <= WIRE_COPY; type++) {
        for (unsigned family = 0; family < 32; family++) { /* unknown ones are handed on */
            struct event plain;
            struct ring_item item = {.body = (const uint8_t *)body, .bytes = 24 + 16 + 8};
            body[0] = 0x5000;
            body[1] = 77;
            body[2] = 0x400001;
            item.head = (struct wire_record){.type = (uint8_t)type, .address = 0x1000, .size = 9, .pop = 1, .push = 1,
                                             .family_extra = wire_pack_family(family, 2)};
            decode_stack_begin(&stack);
            decode_stack_change(&decode, &image, &stack, 0, 1, (const uint8_t *)(body + 2));
            ck_assert(decode_plain(&decode, &image, &stack, &item, &plain));
            ck_assert_str_eq(event_type_name(plain.type), names[type - WIRE_WAIT]);
            ck_assert_uint_eq(plain.address, 0x1000);
            ck_assert_uint_eq(plain.size, 9);
            ck_assert_uint_eq(plain.extra[0], 0x5000);
            ck_assert_uint_eq(plain.extra[1], 77);
            ck_assert_uint_eq(plain.family, family);
            ck_assert_uint_ne(plain.stack, 0);
            body[2] = 9; /* the size, behind the extra words */
            body[3] = 0x400001;
            item.head.size = WIRE_SIZE_IN_EXTRA;
            item.head.family_extra = wire_pack_family(family, 3);
            item.bytes += 8;
            event = (struct event){0};
            ck_assert(!decode_plain(&decode, &image, &stack, &item, &event));
            ck_assert_int_eq(decode_record(&decode, &image, &stack, &item, &event), 1);
            ck_assert(event.type == plain.type && event.family == plain.family && event.address == plain.address &&
                      event.size == plain.size && event.extra[0] == plain.extra[0] &&
                      event.extra[1] == plain.extra[1] && event.stack == plain.stack && !event.text_bytes);
        }
    }
    ck_assert_int_eq(feed(WIRE_USABLE, 0x1000, 24, 0, 0, 0), 1);
    ck_assert_uint_eq(event.type, EVENT_USABLE);
    ck_assert_uint_eq(event.size, 24);
    ck_assert_uint_eq(event.stack, 0);
    ck_assert_int_eq(feed(WIRE_COPY, 1, WIRE_SIZE_IN_EXTRA, 0, 0, 0), -EBADMSG);
}
END_TEST

/* The count that was checked is not the one that is found: a lie. */
START_TEST(test_changed_counts)
{
    struct ring_item item = {.body = (const uint8_t *)body};
    item.head = (struct wire_record){.type = WIRE_NEW, .pop = WIRE_STACK_ESCAPE, .family_extra = wire_pack_family(0, 1)};
    item.bytes = wire_record_bytes_escaped(&item.head, 2);
    body[0] = 500;
    ck_assert_int_eq(decode_record(&decode, &image, &stack, &item, &event), -EBADMSG);
    ck_assert(stack.broken);
}
END_TEST

START_TEST(test_modules)
{
    struct image child;
    uint64_t at[8];
    uint32_t modules[8], id;
    ck_assert_int_eq(feed_module("/lib/a", 0x1000, 0x1000, 0x3000), 1);
    ck_assert_uint_eq(event.type, EVENT_MODULE);
    ck_assert_uint_eq(event.address, 0x1000);
    ck_assert_uint_eq(event.size, 0x2000);
    ck_assert_uint_eq(event.extra[0], 0x1000);
    ck_assert_uint_eq(event.extra[1], 1);
    ck_assert_uint_eq(event.text_bytes, 0);
    ck_assert_int_eq(feed_module("/lib/b", 0x3000, 0x3000, 0x4000), 1);
    body[0] = 0x3000; /* a return address behind the last call of /lib/a */
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 0, 1), 1);
    offsets(at, modules);
    ck_assert_uint_eq(modules[0], 1);
    ck_assert_uint_eq(at[0], 0x2000);

    image_begin(&child, 2, 2);
    image_inherit(&child, &image);
    ck_assert_uint_eq(image_find(&child, 0x3500)->module, 2);
    ck_assert_int_eq(feed_module("/lib/c", 0x2800, 0x2800, 0x3800), 1); /* where a and b were */
    ck_assert_uint_eq(image_find(&child, 0x3500)->module, 2);   /* not there */
    ck_assert_ptr_null(image_find(&image, 0x1500));
    ck_assert_ptr_null(image_find(&image, 0x3900));
    id = image_find(&image, 0x3500)->module;
    ck_assert_str_eq(code_module(code, id)->path, "/lib/c");
    body[0] = 0x3000; /* the same address is another frame now */
    ck_assert_int_eq(feed(WIRE_NEW, 1, 1, 0, 1, 1), 1);
    offsets(at, modules);
    ck_assert_uint_eq(modules[0], id);
    ck_assert_uint_eq(at[0], 0x800);
    image_end(&child);

    ck_assert_int_eq(feed_module("/lib/d", 0, 0x5000, 0x5000), -EBADMSG);
    body[3] = 33;
    ck_assert_int_eq(feed(WIRE_MODULE, 0, 4, 8, 0, 0), -EBADMSG);
    ck_assert_int_eq(feed(WIRE_MODULE, 0, 4, 2, 0, 0), -EBADMSG);
}
END_TEST

START_TEST(test_any_bytes)
{
    unsigned i, k;
    srand(3);
    for (i = 0; i < 200000; i++) {
        struct ring_item item = {.body = (const uint8_t *)body};
        uint32_t *words = (uint32_t *)body;
        for (k = 0; k < 24; k++)
            words[k] = (uint32_t)rand() >> rand() % 32;
        memcpy(&item.head, words + 32, sizeof item.head);
        item.head = (struct wire_record){.type = (uint8_t)(rand() % (WIRE_TYPES + 1)), .size = (uint32_t)rand() >> rand() % 32,
                                         .pop = (uint8_t)rand(), .push = (uint8_t)rand(), .family_extra = (uint8_t)rand()};
        if (i % 4 == 0)
            item.head.pop = WIRE_STACK_ESCAPE;
        item.bytes = wire_record_bytes(&item.head);
        if (!item.bytes && item.head.type < WIRE_TYPES && item.head.pop == WIRE_STACK_ESCAPE)
            item.bytes = wire_record_bytes_escaped(&item.head, body[0]);
        if (item.bytes && item.bytes <= sizeof body)
            decode_record(&decode, &image, &stack, &item, &event);
    }
    ck_assert_uint_le(stack.depth, DECODE_DEPTH_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("decode");
    TCase *t = tcase_create("decode");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_fields);
    tcase_add_test(t, test_text);
    tcase_add_test(t, test_stacks);
    tcase_add_test(t, test_broken_chain);
    tcase_add_test(t, test_locks_and_copies);
    tcase_add_test(t, test_changed_counts);
    tcase_add_test(t, test_modules);
    tcase_add_test(t, test_any_bytes);
    suite_add_tcase(s, t);
    return suite_run(s);
}
