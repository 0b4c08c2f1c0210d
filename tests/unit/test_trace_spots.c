/*
 * tests/unit/test_trace_spots.c - locks and copies in the trace file, and the
 * files of tests/golden that earlier writers left.
 */
#include <errno.h>
#include <xxhash.h>

#include "suite.h"
#include "trace_check.h"

/* Locks and copies, as they mostly are and as nobody would expect them. */
START_TEST(locks_and_copies_come_back)
{
    static const unsigned wild[] = { 0, 50, 5, 1 };
    struct make k;
    make_init(&k, (uint64_t)_i + 7);
    make_lock_events(&k, _i ? 70000 : 200000, wild[_i]);
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

/* What one thread does in a loop costs nothing, whatever its addresses do. */
START_TEST(orderly_locks_and_copies_are_small)
{
    struct make k;
    make_init(&k, 1);
    uint32_t s[6];
    for (unsigned i = 0; i < 6; i++)
        s[i] = make_stack(&k);
    for (uint64_t i = 0, ns = 0; k.count < 300000; i++) {
        uint64_t block = 0x555500000000 + i % 500 * 4096;
        struct event e = { .thread = 1, .process = 1 };
        e.ns = ns += 40, e.type = EVENT_NEW, e.family = WIRE_MALLOC, e.address = block, e.size = 4000, e.stack = s[0];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_LOCK_INIT, e.family = WIRE_LOCK_MUTEX, e.address = block + 8, e.size = 0;
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_ACQUIRE, e.address = block + 8, e.stack = s[1];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_COPY, e.family = WIRE_COPY_MEMCPY, e.address = block + 64, e.size = 400;
        e.extra[0] = 0x7fff00000000 + i * 400, e.stack = s[2];
        make_add(&k, e);
        e.ns = ns += 40, e.address = block + 464, e.extra[0] = block + 64, e.stack = s[3];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_RELEASE, e.family = WIRE_LOCK_MUTEX, e.address = block + 8, e.size = 0;
        e.extra[0] = 0, e.stack = s[4];
        make_add(&k, e);
        e.ns = ns += 40, e.type = EVENT_DROP, e.family = WIRE_FREE, e.address = block, e.stack = s[5];
        make_add(&k, e);
    }
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    ck_assert_uint_lt(file_bytes(k.path), k.count / 40);
    make_free(&k);
}
END_TEST

/* ---- files of earlier writers ---- */

static struct trace *golden_open(const char *name)
{
    char path[512];
    struct trace *t;
    snprintf(path, sizeof path, "%.*s../golden/%s", (int)(strrchr(__FILE__, '/') - __FILE__ + 1), __FILE__, name);
    ck_assert_msg(!trace_open(&t, path), "%s: %s", path, trace_error_text(NULL));
    return t;
}

/* Every field of every event, to its end. */
static uint64_t golden_hash(struct trace *t, uint64_t by_type[EVENT_TYPES])
{
    XXH3_state_t *h = XXH3_createState();
    struct event e;
    int r;
    XXH3_64bits_reset(h);
    while ((r = trace_next(t, &e)) == 1) {
        const uint64_t words[] = { e.ns, e.address, e.size, e.extra[0], e.extra[1], e.thread,
                                   e.process, e.stack, e.type, e.family, e.text_bytes };
        XXH3_64bits_update(h, words, sizeof words);
        if (e.text_bytes)
            XXH3_64bits_update(h, e.text, e.text_bytes);
        by_type[e.type]++;
    }
    ck_assert_int_eq(r, 0);
    ck_assert(trace_end(t)->present);
    uint64_t hash = XXH3_64bits_digest(h);
    XXH3_freeState(h);
    return hash;
}

START_TEST(version_2_is_read)
{
    struct trace *t = golden_open("version-2-handoff.own");
    uint64_t by[EVENT_TYPES] = { 0 };
    struct event e;
    ck_assert_uint_eq(golden_hash(t, by), 0x211a5508f645743au);
    ck_assert_uint_eq(by[EVENT_NEW], 1003);
    ck_assert_uint_eq(by[EVENT_DROP], 1000);
    ck_assert_uint_eq(by[EVENT_THREAD_START], 3);
    ck_assert_uint_eq(by[EVENT_MODULE], 0);
    ck_assert_uint_eq(trace_events(t), 2019);
    ck_assert_uint_eq(code_stacks(trace_code(t)), 29);
    ck_assert_str_eq(code_module(trace_code(t), 1)->path, "/srv/own/handoff");
    ck_assert_str_eq(trace_meta(t)->command, "./handoff");
    trace_rewind(t);
    ck_assert_int_eq(trace_next(t, &e), 1);
    ck_assert_uint_eq(e.type, EVENT_PROCESS_START);
    ck_assert_uint_eq(e.thread, 1);
    ck_assert_str_eq(e.text, "/srv/own/handoff");
    trace_close(t);
}
END_TEST

START_TEST(version_6_is_read)
{
    struct trace *t = golden_open("version-6-handoff.own");
    uint64_t by[EVENT_TYPES] = { 0 };
    struct event e;
    ck_assert_uint_eq(golden_hash(t, by), 3983947883918548359u);
    ck_assert_uint_eq(by[EVENT_NEW], 1001);
    ck_assert_uint_eq(by[EVENT_RATE], 2);
    ck_assert_uint_eq(by[EVENT_COVER], 1);
    ck_assert_uint_eq(by[EVENT_CONTROL], 1);
    trace_rewind(t);
    do
        ck_assert_int_eq(trace_next(t, &e), 1);
    while (e.type != EVENT_RATE);
    ck_assert_uint_eq(e.address, 4096);
    ck_assert_uint_eq(e.family, WIRE_RATE_MEMORY);
    trace_close(t);
}
END_TEST

START_TEST(version_3_is_read)
{
    struct trace *t = golden_open("version-3-handoff.own");
    uint64_t by[EVENT_TYPES] = { 0 }, copies[EVENT_TYPES] = { 0 };
    struct event e;
    ck_assert_uint_eq(golden_hash(t, by), 0x9c80c78b1cc1ec06u);
    ck_assert_uint_eq(trace_events(t), 2112);
    ck_assert_uint_eq(by[EVENT_NEW], 1003);
    ck_assert_uint_eq(by[EVENT_WAIT], 7);
    ck_assert_uint_eq(by[EVENT_ACQUIRE], 20);
    ck_assert_uint_eq(by[EVENT_RELEASE], 20);
    ck_assert_uint_eq(by[EVENT_COND_WAIT], 11);
    ck_assert_uint_eq(by[EVENT_COND_WOKEN], 11);
    ck_assert_uint_eq(by[EVENT_SIGNAL], 20);
    ck_assert_uint_eq(by[EVENT_MODULE], 4);
    trace_close(t);

    t = golden_open("version-3-copies.own");
    ck_assert_uint_eq(golden_hash(t, copies), 0x8948fed7827f2266u);
    ck_assert_uint_eq(copies[EVENT_COPY], 114);
    trace_rewind(t);
    do
        ck_assert_int_eq(trace_next(t, &e), 1);
    while (e.type != EVENT_COPY);
    ck_assert_uint_eq(e.address, 0x55b548c080d0);
    ck_assert_uint_eq(e.extra[0], 0x55b548c032a0);
    ck_assert_uint_eq(e.size, 12000);
    ck_assert_uint_eq(e.family, WIRE_COPY_MEMCPY);
    trace_close(t);
}
END_TEST

/* A file that says it is of version 2 has no types that version 2 did not know. */
START_TEST(version_2_knows_no_locks)
{
    struct make k;
    struct trace *t;
    struct event e;
    make_init(&k, 1);
    make_add(&k, (struct event){ .type = EVENT_NEW, .address = 16, .size = 1 });
    make_add(&k, (struct event){ .type = EVENT_ACQUIRE, .address = 16 });
    ck_assert_int_eq(make_file(&k, 1), 0);
    check_whole(&k);
    int fd = open(k.path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "\x02", 1, 8), 1);
    close(fd);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_int_eq(trace_next(t, &e), 1);
    ck_assert_int_eq(trace_next(t, &e), -EBADMSG);
    trace_close(t);

    struct trace_writer *w;
    uint64_t events;
    struct code *code = code_new();
    ck_assert_int_eq(trace_write_reopen(&w, k.path, code, &events), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(NULL), "version 2"));
    code_free(code);
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace spots");
    TCase *t = tcase_create("round trip");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, locks_and_copies_come_back, 0, 4);
    tcase_add_test(t, orderly_locks_and_copies_are_small);
    suite_add_tcase(s, t);
    t = tcase_create("versions");
    tcase_add_test(t, version_2_is_read);
    tcase_add_test(t, version_6_is_read);
    tcase_add_test(t, version_3_is_read);
    tcase_add_test(t, version_2_knows_no_locks);
    suite_add_tcase(s, t);
    return suite_run(s);
}
