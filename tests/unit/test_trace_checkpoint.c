/*
 * tests/unit/test_trace_checkpoint.c - checkpoints, cuts and places in a trace
 * file: what is written comes back, a reader that seeks sees what one sees that
 * reads from the start, and a damaged checkpoint costs nothing but itself.
 */
#include "trace_check.h"

#include <errno.h>

#include "trace/trace_format.h"

static struct make k;

/* ---- states: some numbers that depend on a seed -------------------------------- */

static void state_walk(struct archive *a, uint64_t seed, size_t numbers)
{
    struct make r = { .seed = seed * 2654435761u + 88172645463325252u };
    for (size_t i = 0; i < numbers; i++) {
        uint64_t made = make_random(&r) >> make_random(&r) % 64, v = made;
        archive_u64(a, &v);
        archive_need(a, v == made, "another number than was written");
    }
}

static struct archive state_make(uint64_t seed, size_t numbers)
{
    struct archive a;
    archive_write_begin(&a);
    state_walk(&a, seed, numbers);
    archive_write_end(&a);
    return a;
}

/* 0 when checkpoint `i` is the state of `seed`. */
static int state_read(struct trace *t, size_t i, uint64_t seed, size_t numbers)
{
    struct archive a;
    int error = trace_checkpoint_begin(t, i, &a);
    if (!error)
        state_walk(&a, seed, numbers);
    int ended = trace_checkpoint_end(t, &a);
    return error ? error : ended;
}

/* ---- files: cuts and checkpoints that come some events later -------------------- */

enum { SMALL = 100, LARGE = 1500000 };      /* numbers; the large state has several parts */

struct plan { size_t cut, late, numbers; };     /* a cut after so many events, its state so many events later */

static void check_list(struct trace *t, const struct plan *plans, size_t n)
{
    const struct trace_checkpoint *list;
    ck_assert_uint_eq(trace_checkpoints(t, &list), n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_uint_eq(list[i].event, plans[i].cut);
        ck_assert_uint_eq(list[i].ns, plans[i].cut * 3);
        ck_assert_uint_eq(list[i].version, ARCHIVE_VERSION);
        ck_assert_uint_ge(list[i].raw_bytes, plans[i].numbers);
        ck_assert_uint_gt(list[i].stored_bytes, 0);
    }
}

static void write_planned(const struct plan *plans, size_t n, size_t flush)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    size_t cut = 0, given = 0;
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    for (size_t i = 0; i <= k.count; i++) {
        if (cut < n && plans[cut].cut == i)
            ck_assert_uint_eq(trace_write_cut(w, k.code), plans[cut++].cut);
        if (given < n && plans[given].cut + plans[given].late == i) {
            struct archive a = state_make(given, plans[given].numbers);
            ck_assert_int_eq(trace_write_checkpoint(w, k.code, plans[given].cut, plans[given].cut * 3, &a), 0);
            given++;
        }
        if (i < k.count)
            ck_assert_int_eq(trace_write_event(w, k.code, &k.events[i]), 0);
        if (flush && i % flush == flush - 1)
            ck_assert_int_eq(trace_write_flush(w, k.code), 0);
    }
    ck_assert_uint_eq(given, n);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
}

/* The next `count` events are those from number event + 1 on. */
static void check_from(struct trace *t, uint64_t event, size_t count)
{
    struct event e;
    ck_assert_uint_eq(trace_event_number(t), event);
    for (size_t i = 0; i < count && event < k.count; i++) {
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert_msg(make_equal(&e, &k.events[event]), "event %zu differs", (size_t)event + 1);
        ck_assert_uint_eq(trace_event_number(t), ++event);
    }
    if (event == k.count)
        ck_assert_int_eq(trace_next(t, &e), 0);
    ck_assert_uint_eq(trace_event_number(t), event);
}

START_TEST(round_trip)
{
    static const struct plan plans[] = { { 1000, 0, SMALL }, { 1500, 700, LARGE }, { 9000, 11000, SMALL }, { 30000, 0, 0 } };
    make_init(&k, 1);
    make_heap_events(&k, 30000);
    while (k.count > 30000)
        free((char *)k.events[--k.count].text);
    write_planned(plans, 4, _i ? 777 : 0);
    check_whole(&k);
    struct trace *t;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_events_before(t), 0);
    check_list(t, plans, 4);
    for (size_t i = 4; i-- > 0;) {
        ck_assert_int_eq(state_read(t, i, i, plans[i].numbers), 0);
        ck_assert_int_eq(trace_seek(t, plans[i].cut), 0);
        check_from(t, plans[i].cut, 3000);
    }
    /* another state than was written, one that ends early, one that ends late */
    ck_assert_int_eq(state_read(t, 1, 2, LARGE), -EBADMSG);
    ck_assert_int_eq(state_read(t, 1, 1, LARGE + 1), -EBADMSG);
    ck_assert_int_eq(state_read(t, 1, 1, LARGE - 1), -EBADMSG);
    ck_assert_int_eq(state_read(t, 1, 1, SMALL), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(t), "more in it"));
    ck_assert_int_eq(state_read(t, 1, 1, LARGE), 0);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* A checkpoint is read in the middle of events, which go on where they were. */
START_TEST(read_between)
{
    static const struct plan plans[] = { { 2000, 5, LARGE } };
    make_init(&k, 2);
    make_random_events(&k, 5000);
    write_planned(plans, 1, 0);
    struct trace *t;
    struct event e;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (size_t i = 0; i < k.count; i++) {
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert_msg(make_equal(&e, &k.events[i]), "event %zu differs", i + 1);
        if (i % 1000 == 500)
            ck_assert_int_eq(state_read(t, 0, 0, LARGE), 0);
    }
    ck_assert_int_eq(trace_next(t, &e), 0);
    check_code(k.code, trace_code(t));
    trace_close(t);
    make_free(&k);
}
END_TEST

START_TEST(seek_everywhere)
{
    static const struct plan plans[] = { { 1, 0, 0 }, { 300, 100, SMALL }, { 301, 600, SMALL }, { 2500, 0, SMALL } };
    make_init(&k, 3 + (uint64_t)_i);
    if (_i % 2)
        make_random_events(&k, 3000);
    else
        make_lock_events(&k, 3000, 9);
    write_planned(plans, 4, _i < 2 ? 150 : 0);
    struct trace *t;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (uint64_t event = 0; event <= k.count; event += 7) {    /* onward */
        ck_assert_int_eq(trace_seek(t, event), 0);
        check_from(t, event, 3);
    }
    for (uint64_t event = k.count + 1; event-- > 0;) {          /* backward, and past the end */
        ck_assert_int_eq(trace_seek(t, event), 0);
        check_from(t, event, event % 50 ? 1 : 400);
    }
    ck_assert_int_eq(trace_seek(t, UINT64_MAX), 0);
    check_from(t, k.count, 1);
    trace_rewind(t);
    check_from(t, 0, k.count);
    check_code(k.code, trace_code(t));
    trace_close(t);
    for (size_t i = 0; i < 200; i++) {                          /* each in a new reader: tables are loaded as far as needed */
        uint64_t event = make_random(&k) % (k.count + 1);
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        ck_assert_int_eq(trace_seek(t, event), 0);
        check_from(t, event, 100);
        trace_close(t);
    }
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace_checkpoint");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, round_trip, 0, 2);
    tcase_add_test(c, read_between);
    tcase_add_loop_test(c, seek_everywhere, 0, 4);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
