/*
 * tests/unit/test_trace.c - the trace file: what is written is read, whole or
 * torn, and what is damaged is told.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "suite.h"
#include "trace_check.h"

START_TEST(anything_comes_back)
{
    struct make k;
    make_init(&k, (uint64_t)_i + 1);
    make_random_events(&k, _i ? 5000 : 70000);
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

START_TEST(a_heap_comes_back)
{
    struct make k;
    make_init(&k, (uint64_t)_i + 100);
    make_heap_events(&k, _i ? 30000 : 1200000);
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

/* What the models foresee costs next to nothing, however many blocks are held. */
START_TEST(an_orderly_heap_is_small)
{
    static const size_t held[] = { 3, 200, 1000, 20000, 33000 };
    struct make k;
    make_init(&k, 1);
    make_orderly_events(&k, 400000, held[_i], 40);
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    if (held[_i] < 32768)
        ck_assert_uint_lt(file_bytes(k.path), k.count / 40);
    make_free(&k);
}
END_TEST

/* The nanoseconds of a tick are kept, and cost nothing where there are none. */
START_TEST(stamps_are_exact)
{
    uint64_t coarse;
    struct make k;
    make_init(&k, 1);
    make_orderly_events(&k, 100000, 10, 100);
    for (size_t i = 0; i < k.count; i++)
        k.events[i].ns += make_random(&k) % 32 * 4;
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    coarse = file_bytes(k.path);
    for (size_t i = 0; i < k.count; i++)
        k.events[i].ns += make_random(&k) % 4;
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    ck_assert_uint_gt(file_bytes(k.path), coarse + k.count / 5);
    make_free(&k);
}
END_TEST

START_TEST(every_type_and_extreme)
{
    static const uint64_t values[] = { 0, 1, 127, 128, INT64_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX };
    struct make k;
    make_init(&k, 1);
    make_stack(&k);
    for (uint8_t type = 1; type < EVENT_TYPES; type++) {
        for (unsigned field = 0; field < 5; field++) {
            for (unsigned v = 0; v < sizeof values / sizeof *values; v++) {
                struct event e = { .type = type, .thread = (uint32_t)values[v], .process = (uint32_t)values[7 - v] };
                e.family = (uint8_t)values[v];
                *(uint64_t *[]){ &e.ns, &e.address, &e.size, &e.extra[0], &e.extra[1] }[field] = values[v];
                e.stack = v % 2 ? code_stacks(k.code) : 0;
                make_add(&k, e);
            }
        }
    }
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

START_TEST(long_texts)
{
    struct make k;
    make_init(&k, 1);
    char *text = xmalloc(UINT16_MAX);
    for (int i = 0; i < 100; i++) {
        memset(text, 'a' + i % 26, UINT16_MAX);
        make_add(&k, (struct event){ .type = EVENT_PROCESS_START, .text = text,
                                     .text_bytes = (uint16_t)(i % 3 ? UINT16_MAX : i) });
    }
    free(text);
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

START_TEST(many_kinds_and_definitions)
{
    struct make k;
    make_init(&k, 1);
    for (uint32_t i = 0; i < 150000; i++)
        code_stack_id(k.code, i / 3, code_frame_id(k.code, 0, i * 16, 0));
    char *path = xmalloc(CODE_PATH_MAX);
    memset(path, 'p', CODE_PATH_MAX);
    for (unsigned i = 0; i < 200; i++) {
        memcpy(path, &(char[]){ (char)('a' + i % 26), (char)('a' + i / 26) }, 2);
        ck_assert_uint_eq(code_module_id(k.code, path, CODE_PATH_MAX, NULL, 0), i + 1);
    }
    free(path);
    for (unsigned i = 0; i < EVENT_VERIFY * 256; i++)
        make_add(&k, (struct event){ .type = (uint8_t)(1 + i % EVENT_VERIFY + i / EVENT_VERIFY % 2 * 14),
                                     .family = (uint8_t)(i / EVENT_VERIFY), .stack = i });
    ck_assert_int_eq(make_file(&k, 0), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

START_TEST(flush_at_every_event)
{
    struct make k;
    make_init(&k, 1);
    make_heap_events(&k, 2000);
    ck_assert_int_eq(make_file(&k, 1), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

START_TEST(an_empty_session)
{
    struct make k;
    make_init(&k, 1);
    ck_assert_int_eq(make_file(&k, 3), 0);
    check_whole(&k);
    struct stat st;
    ck_assert_int_eq(stat(k.path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    make_free(&k);
}
END_TEST

START_TEST(meta_comes_back)
{
    struct make k;
    struct trace *t;
    struct trace_writer *w;
    struct trace_meta sparse = { .host = (char *)"h" };
    make_init(&k, 1);
    ck_assert_int_eq(make_file(&k, 0), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    const struct trace_meta *m = trace_meta(t), want = make_meta();
    ck_assert_str_eq(m->command, want.command);
    ck_assert_str_eq(m->host, want.host);
    ck_assert_str_eq(m->session, want.session);
    ck_assert_str_eq(m->options, want.options);
    ck_assert_uint_eq(m->start_real_ns, want.start_real_ns);
    ck_assert_uint_eq(m->clock_hz, want.clock_hz);
    ck_assert_uint_eq(m->clock, want.clock);
    ck_assert_uint_eq(m->stacks, want.stacks);
    trace_close(t);
    ck_assert_int_eq(trace_write_open(&w, k.path, &sparse), 0);
    ck_assert_int_eq(trace_write_close(w, k.code, 0), 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_str_eq(trace_meta(t)->command, "");
    ck_assert_str_eq(trace_meta(t)->host, "h");
    trace_close(t);
    make_free(&k);
}
END_TEST

/* A reader sees all that was flushed while the writer goes on. */
START_TEST(read_while_written)
{
    struct make k;
    struct trace_writer *w;
    struct trace_meta meta = make_meta();
    make_init(&k, 1);
    make_heap_events(&k, 1000);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    for (size_t i = 0; i < k.count; i++) {
        ck_assert_int_eq(trace_write_event(w, k.code, &k.events[i]), 0);
        if (i % 97)
            continue;
        struct trace *t;
        int error;
        ck_assert_int_eq(trace_write_flush(w, k.code), 0);
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        ck_assert_uint_eq(read_prefix(&k, t, &error), i + 1);
        ck_assert_int_eq(error, 0);
        ck_assert(!trace_end(t)->present);
        ck_assert_uint_eq(trace_torn_bytes(t), 0);
        trace_close(t);
    }
    ck_assert_uint_eq(trace_write_events(w), k.count);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

START_TEST(wrong_events_are_refused)
{
    struct make k;
    struct trace_writer *w;
    struct trace_meta meta = make_meta();
    make_init(&k, 1);
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    ck_assert_int_eq(trace_write_event(w, k.code, &(struct event){ .type = 0 }), -EINVAL);
    ck_assert_int_eq(trace_write_event(w, k.code, &(struct event){ .type = EVENT_TYPES }), -EINVAL);
    ck_assert_int_eq(trace_write_event(w, k.code, &(struct event){ .type = EVENT_NEW, .stack = 1 }), -EINVAL);
    ck_assert_int_eq(trace_write_event(w, k.code, &(struct event){ .type = EVENT_MODULE, .extra = { 0, 1 } }), -EINVAL);
    ck_assert_uint_eq(trace_write_dropped(w), 4);
    ck_assert_int_eq(trace_write_close(w, k.code, 12345), 0);
    check_whole(&k);
    make_free(&k);
}
END_TEST

/* Cut anywhere: not a trace, or a whole prefix; and a writer can go on there. */
START_TEST(cut_at_every_byte)
{
    struct make k;
    size_t bytes, last = 0;
    make_init(&k, 1);
    make_heap_events(&k, 40);
    ck_assert_int_eq(make_file(&k, 20), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    for (size_t cut = 0; cut < bytes; cut++) {
        struct trace *t;
        struct trace_writer *w;
        int error;
        uint64_t events = 0;
        make_spill(k.path, data, cut);
        error = trace_open(&t, k.path);
        struct code *code = code_new();
        int reopened = trace_write_reopen(&w, k.path, code, &events);
        ck_assert_int_eq(reopened, error);
        if (error) {
            ck_assert_int_eq(error, -EBADMSG);
            ck_assert_str_ne(trace_error_text(NULL), "no error");
            ck_assert_uint_eq(last, 0);
            code_free(code);
            continue;
        }
        size_t n = read_prefix(&k, t, &error);
        ck_assert_int_eq(error, 0);
        ck_assert_uint_ge(n, last);
        ck_assert_uint_eq(n % 20, 0);
        ck_assert_uint_eq(events, n);
        last = n;
        trace_close(t);
        /* What ids the tables give is settled by the order of interning. */
        for (uint32_t s = code_stacks(code) + 1; s <= code_stacks(k.code); s++) {
            const struct code_stack *stack = code_stack(k.code, s);
            const struct code_frame *f = code_frame(k.code, stack->frame);
            const struct code_module *m = code_module(k.code, f->module);
            if (m)
                code_module_id(code, m->path, strlen(m->path), m->build_id, m->build_id_bytes);
            code_frame_id(code, f->module, f->offset, f->flags);
            code_stack_id(code, stack->parent, stack->frame);
        }
        for (size_t i = n; i < k.count; i++)
            ck_assert_int_eq(trace_write_event(w, code, &k.events[i]), 0);
        ck_assert_int_eq(trace_write_close(w, code, 12345), 0);
        check_whole(&k);
        code_free(code);
    }
    ck_assert_uint_eq(last, k.count);
    free(data);
    make_free(&k);
}
END_TEST

/* Any flipped bit: an error or a prefix of the truth. */
START_TEST(flip_at_every_byte)
{
    struct make k;
    size_t bytes, errors = 0;
    make_init(&k, 1);
    make_heap_events(&k, 40);
    ck_assert_int_eq(make_file(&k, 20), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    for (size_t at = 0; at < bytes; at++) {
        struct trace *t;
        data[at] ^= (uint8_t)(1u << at % 8);
        make_spill(k.path, data, bytes);
        data[at] ^= (uint8_t)(1u << at % 8);
        int error = trace_open(&t, k.path);
        if (error) {
            ck_assert_int_eq(error, -EBADMSG);
            errors++;
            continue;
        }
        size_t n = read_prefix(&k, t, &error);
        ck_assert(error == 0 || error == -EBADMSG);
        if (error) {
            struct event e;
            ck_assert_ptr_nonnull(strstr(trace_error_text(t), "damaged at byte"));
            ck_assert_int_eq(trace_next(t, &e), -EBADMSG);
            errors++;
        } else {
            ck_assert_uint_eq(n, k.count);
        }
        trace_close(t);
    }
    /* Only index and tail can be done without. */
    ck_assert_uint_gt(errors, bytes * 8 / 10);
    free(data);
    make_free(&k);
}
END_TEST

START_TEST(reopen_refuses_damage_and_keeps_it)
{
    struct make k;
    size_t bytes, after;
    struct trace_writer *w;
    uint64_t events;
    make_init(&k, 1);
    make_heap_events(&k, 60);
    ck_assert_int_eq(make_file(&k, 20), 0);
    uint8_t *data = make_slurp(k.path, &bytes);
    struct code *code = code_new();
    uint8_t *middle = memmem(data + bytes / 3, bytes / 2, "CHNK", 4);
    middle[8] ^= 1;
    make_spill(k.path, data, bytes - 24);
    ck_assert_int_eq(trace_write_reopen(&w, k.path, code, &events), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(NULL), "damaged at byte"));
    uint8_t *now = make_slurp(k.path, &after);
    ck_assert_uint_eq(after, bytes - 24);
    ck_assert_mem_eq(now, data, after);
    free(now);
    free(data);
    code_free(code);
    make_free(&k);
}
END_TEST

/* Garbage behind a whole file is told, and in nobody's way. */
START_TEST(garbage_behind_the_end)
{
    struct make k;
    struct trace *t;
    int error;
    make_init(&k, 1);
    make_heap_events(&k, 100);
    ck_assert_int_eq(make_file(&k, 0), 0);
    int fd = open(k.path, O_WRONLY | O_APPEND);
    ck_assert_int_eq(write(fd, "garbage", 7), 7);
    close(fd);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_uint_eq(trace_torn_bytes(t), 7);
    ck_assert(trace_end(t)->present);
    ck_assert_uint_eq(read_prefix(&k, t, &error), k.count);
    ck_assert_int_eq(error, 0);
    trace_close(t);
    make_free(&k);
}
END_TEST

START_TEST(not_a_trace)
{
    struct make k;
    struct trace *t;
    make_init(&k, 1);
    ck_assert_int_eq(trace_open(&t, "/nonexistent/x"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(trace_error_text(NULL), "No such file"));
    ck_assert_int_eq(trace_open(&t, "/tmp"), -EISDIR);
    ck_assert_int_eq(trace_open(&t, "/dev/null"), -EBADMSG);
    ck_assert_int_eq(trace_open(&t, "/proc/self/exe"), -EBADMSG);
    ck_assert_str_eq(trace_error_text(NULL), "not a trace file");
    make_file(&k, 0);
    int fd = open(k.path, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "\x07", 1, 8), 1);
    close(fd);
    ck_assert_int_eq(trace_open(&t, k.path), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(trace_error_text(NULL), "version 7"));
    make_free(&k);
}
END_TEST

START_TEST(no_space_at_all)
{
    struct trace_writer *w;
    struct trace_meta meta = make_meta();
    ck_assert_int_eq(trace_write_open(&w, "/dev/full", &meta), -ENOSPC);
    ck_assert_ptr_null(w);
    ck_assert_int_eq(trace_write_open(&w, "/nonexistent/x", &meta), -ENOENT);
    ck_assert_int_eq(access("/dev/full", F_OK), 0);
}
END_TEST

struct outcome {
    int open_error, error, close_error;
    bool error_changed;
    uint64_t good, dropped, events, bytes, file_bytes;
};

/* Writes into files of at most `most` bytes, flushing every `flush` events (0: never). Asserts nothing: the limit holds
 * for libcheck's own files too. */
static struct outcome fill_up(const struct make *k, rlim_t most, size_t flush)
{
    struct outcome o = { 0 };
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct stat st = { 0 };
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ most, RLIM_INFINITY });
    o.open_error = trace_write_open(&w, k->path, &meta);
    for (size_t i = 0; i < k->count && !o.open_error; i++) {
        int error = trace_write_event(w, k->code, &k->events[i]);
        if (flush && i % flush == flush - 1)
            error = trace_write_flush(w, k->code);
        o.error_changed |= o.error && error != o.error;
        o.error = error;
        o.good += !error;
    }
    if (!o.open_error) {
        o.dropped = trace_write_dropped(w);
        o.events = trace_write_events(w);
        o.bytes = trace_write_bytes(w);
        stat(k->path, &st);
        o.file_bytes = (uint64_t)st.st_size;
        o.close_error = trace_write_close(w, k->code, 12345);
    }
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
    return o;
}

/* The disk fills up at any byte: what was written stays a whole trace. */
START_TEST(space_runs_out)
{
    struct make k;
    size_t n = 0;
    make_init(&k, 1);
    make_heap_events(&k, 3000);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t most = 100; most < 8000; most += 37) {
        struct outcome o = fill_up(&k, most, 100);
        struct trace *t;
        int error;
        if (o.open_error) {
            ck_assert_int_eq(o.open_error, -EFBIG);
            ck_assert_int_ne(access(k.path, F_OK), 0);
            continue;
        }
        ck_assert_int_eq(o.error, -EFBIG);
        ck_assert(!o.error_changed);
        ck_assert_int_eq(o.close_error, -EFBIG);
        ck_assert_uint_eq(o.dropped + o.events, k.count);
        ck_assert_uint_eq(o.file_bytes, o.bytes);
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        ck_assert_uint_eq(trace_torn_bytes(t), 0);
        n = read_prefix(&k, t, &error);
        ck_assert_int_eq(error, 0);
        ck_assert_uint_eq(n, o.events);
        ck_assert_uint_le(n, o.good + 1);
        ck_assert_uint_ge(n + 100, o.good);
        trace_close(t);
    }
    ck_assert_uint_gt(n, 0);
    make_free(&k);
}
END_TEST

/* The same in chunks that are written behind the writer's back. */
START_TEST(space_runs_out_in_the_background)
{
    struct make k;
    make_init(&k, 1);
    make_heap_events(&k, 500000);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t most = 10000; most < 1000000; most += 150001) {
        struct outcome o = fill_up(&k, most, 0);
        struct trace *t;
        int error;
        ck_assert_int_eq(o.open_error, 0);
        ck_assert_int_eq(o.close_error, -EFBIG);
        ck_assert_uint_eq(o.dropped + o.events, k.count);
        ck_assert_uint_eq(o.file_bytes, o.bytes);
        ck_assert_int_eq(trace_open(&t, k.path), 0);
        ck_assert_uint_eq(trace_torn_bytes(t), 0);
        ck_assert_uint_eq(read_prefix(&k, t, &error), o.events);
        ck_assert_int_eq(error, 0);
        trace_close(t);
    }
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("trace");
    TCase *t = tcase_create("round trip");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, anything_comes_back, 0, 4);
    tcase_add_loop_test(t, a_heap_comes_back, 0, 4);
    tcase_add_loop_test(t, an_orderly_heap_is_small, 0, 5);
    tcase_add_test(t, stamps_are_exact);
    tcase_add_test(t, every_type_and_extreme);
    tcase_add_test(t, long_texts);
    tcase_add_test(t, many_kinds_and_definitions);
    tcase_add_test(t, flush_at_every_event);
    tcase_add_test(t, an_empty_session);
    tcase_add_test(t, meta_comes_back);
    tcase_add_test(t, read_while_written);
    tcase_add_test(t, wrong_events_are_refused);
    suite_add_tcase(s, t);
    t = tcase_create("damage");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, cut_at_every_byte);
    tcase_add_test(t, flip_at_every_byte);
    tcase_add_test(t, reopen_refuses_damage_and_keeps_it);
    tcase_add_test(t, garbage_behind_the_end);
    tcase_add_test(t, not_a_trace);
    tcase_add_test(t, no_space_at_all);
    tcase_add_test(t, space_runs_out);
    tcase_add_test(t, space_runs_out_in_the_background);
    suite_add_tcase(s, t);
    return suite_run(s);
}
