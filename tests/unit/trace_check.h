/*
 * tests/unit/trace_check.h - whether a file holds what was made, for the tests
 * of the trace room.
 */
#ifndef TRACE_CHECK_H
#define TRACE_CHECK_H

#include <check.h>

#include "trace_make.h"

static inline void check_code(const struct code *a, const struct code *b)
{
    ck_assert_uint_eq(code_modules(a), code_modules(b));
    ck_assert_uint_eq(code_frames(a), code_frames(b));
    ck_assert_uint_eq(code_stacks(a), code_stacks(b));
    for (uint32_t i = 1; i <= code_modules(a); i++) {
        const struct code_module *x = code_module(a, i), *y = code_module(b, i);
        ck_assert_str_eq(x->path, y->path);
        ck_assert_mem_eq(x->build_id, y->build_id, CODE_BUILD_ID_MAX);
    }
    for (uint32_t i = 1; i <= code_frames(a); i++)
        ck_assert_mem_eq(code_frame(a, i), code_frame(b, i), sizeof(struct code_frame));
    for (uint32_t i = 1; i <= code_stacks(a); i++)
        ck_assert_mem_eq(code_stack(a, i), code_stack(b, i), sizeof(struct code_stack));
}

/* Reads the file; every event must be the one made. Returns how many came,
 * *error what ended it. */
static inline size_t read_prefix(const struct make *k, struct trace *t, int *error)
{
    struct event e;
    size_t n = 0;
    while ((*error = trace_next(t, &e)) == 1) {
        ck_assert_uint_lt(n, k->count);
        ck_assert_msg(make_equal(&e, &k->events[n]), "event %zu differs", n);
        ck_assert_uint_le(e.stack, code_stacks(trace_code(t)));
        n++;
    }
    return n;
}

static inline void check_whole(const struct make *k)
{
    struct trace *t;
    int error;
    ck_assert_int_eq(trace_open(&t, k->path), 0);
    ck_assert_uint_eq(trace_events(t), k->count);
    ck_assert_uint_eq(read_prefix(k, t, &error), k->count);
    ck_assert_int_eq(error, 0);
    check_code(k->code, trace_code(t));
    ck_assert(trace_end(t)->present);
    ck_assert_uint_eq(trace_end(t)->end_ns, 12345);
    ck_assert_uint_eq(trace_end(t)->events, k->count);
    ck_assert_uint_eq(trace_torn_bytes(t), 0);
    trace_rewind(t);
    ck_assert_uint_eq(read_prefix(k, t, &error), k->count);
    ck_assert_int_eq(error, 0);
    check_code(k->code, trace_code(t));
    trace_close(t);
}

static inline uint64_t file_bytes(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

#endif
