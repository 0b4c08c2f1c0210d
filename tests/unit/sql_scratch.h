/*
 * tests/unit/sql_scratch.h - a trace made by chance, with checkpoints, and
 * answers of ownscope sql as JSON.
 */
#ifndef SQL_SCRATCH_H
#define SQL_SCRATCH_H

#include "doc_scratch.h"
#include "graph/graph.h"
#include "sql/sql.h"
#include "state_save.h"

enum { PLAY_EVENTS = 6000, PLAY_CUT = 1000, PLAY_BLOCKS = 200, PLAY_THREADS = 4, PLAY_STACKS = 12, PLAY_MARK = 2500 };

static uint64_t chance_state;
static inline uint64_t chance(uint64_t below)
{
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (chance_state >> 33) % below;
}

struct play {
    struct trace_writer *w;
    struct code *code;
    struct graph *g;
    uint64_t ns, n;
    uint64_t live[PLAY_BLOCKS];     /* addresses, 0: free */
    uint64_t held[PLAY_THREADS + 1];
};

static inline void play_event(struct play *p, struct event e)
{
    p->ns += 4 * (1 + chance(500));
    e.ns = p->ns;
    e.process = 1;
    ck_assert_int_eq(trace_write_event(p->w, p->code, &e), 0);
    graph_fold(p->g, &e);
    if (++p->n % PLAY_CUT)
        return;
    struct archive a;
    uint64_t cut = trace_write_cut(p->w, p->code);
    ck_assert_uint_eq(cut, p->n);
    state_save(p->g, &a);
    ck_assert_int_eq(trace_write_checkpoint(p->w, p->code, cut, p->ns, &a), 0);
}

static inline uint32_t play_stack(void) { return 4 + (uint32_t)chance(PLAY_STACKS); }

/* One step of a thread: memory mostly, at times a lock or a copy. */
static inline void play_step(struct play *p)
{
    uint32_t thread = 1 + (uint32_t)chance(PLAY_THREADS);
    size_t i = chance(PLAY_BLOCKS), k = chance(PLAY_BLOCKS);
    uint64_t place = 0x7f0000000000 + 0x10000 * i, lock = 0x601000 + 64 * chance(3), what = chance(20);
    struct event e = { .thread = thread, .stack = play_stack() };
    if (p->held[thread] && what < 14) {
        e.type = EVENT_RELEASE, e.family = WIRE_LOCK_MUTEX, e.address = p->held[thread];
        p->held[thread] = 0;
    } else if (what < 2 && !p->held[thread]) {
        for (size_t t = 1; t <= PLAY_THREADS; t++)
            if (p->held[t] == lock)
                return;
        if (chance(2))
            play_event(p, (struct event){ .type = EVENT_WAIT, .family = WIRE_LOCK_MUTEX, .address = lock, .thread = thread, .stack = e.stack });
        e.type = EVENT_ACQUIRE, e.family = WIRE_LOCK_MUTEX, e.address = p->held[thread] = lock;
    } else if (what < 4 && p->live[i] && p->live[k] && i != k) {
        e.type = EVENT_COPY, e.family = WIRE_COPY_MEMCPY, e.address = p->live[i], e.extra[0] = p->live[k], e.size = 1 + chance(16);
    } else if (what < 6 && p->live[i]) {
        uint64_t size = 16 + chance(5000);
        play_event(p, (struct event){ .type = EVENT_REALLOC_BEGIN, .family = WIRE_REALLOC, .address = p->live[i], .size = size,
                                      .thread = thread, .stack = e.stack });
        e.type = EVENT_REALLOC_END, e.family = WIRE_REALLOC, e.extra[0] = p->live[i], e.address = p->live[i] ^ 0x8000, e.size = size;
        p->live[i] = e.address;
    } else if (p->live[i]) {
        e.type = EVENT_DROP, e.family = WIRE_FREE, e.address = p->live[i];
        p->live[i] = 0;
    } else {
        e.type = EVENT_NEW, e.family = WIRE_MALLOC, e.address = p->live[i] = place, e.size = 16 + chance(5000);
    }
    play_event(p, e);
}

/* Writes it; returns its path. */
static inline char *play_trace(const char *name, uint64_t seed)
{
    struct trace_meta meta = { .command = (char *)"app", .host = (char *)"here", .session = (char *)"s", .clock_hz = 1000000000, .stacks = 2,
                               .options = (char *)"" };
    struct play p = { .code = scratch_code(PLAY_STACKS, 4) };
    char *path = scratch_path(name);
    chance_state = seed;
    p.g = graph_new(p.code);
    ck_assert_int_eq(trace_write_open(&p.w, path, &meta), 0);
    play_event(&p, (struct event){ .type = EVENT_PROCESS_START, .family = WIRE_BORN_EXEC, .thread = 1, .extra = { 4000, 1 }, .text = "/gone/app\0app\0", .text_bytes = 14 });
    play_event(&p, (struct event){ .type = EVENT_THREAD_START, .thread = 1, .address = 0x9001, .extra = { 4000 } });
    for (uint32_t t = 2; t <= PLAY_THREADS; t++) {
        uint64_t argument = 0x7e0000000000 + 0x1000 * t;    /* a block of its own, that it drops */
        play_event(&p, (struct event){ .type = EVENT_NEW, .family = WIRE_CALLOC, .thread = 1, .stack = 4, .address = argument, .size = 64 });
        play_event(&p, (struct event){ .type = EVENT_THREAD_CREATE, .thread = 1, .address = argument, .extra = { t } });
        play_event(&p, (struct event){ .type = EVENT_THREAD_CREATED, .thread = 1, .address = 0x9000 + t, .extra = { t } });
        play_event(&p, (struct event){ .type = EVENT_THREAD_START, .thread = t, .address = 0x9000 + t, .extra = { 4000 + t } });
    }
    while (p.n < PLAY_EVENTS) {
        if (p.n == PLAY_MARK)
            play_event(&p, (struct event){ .type = EVENT_MARK, .thread = 1, .text = "half", .text_bytes = 4 });
        play_step(&p);
    }
    for (uint32_t t = 2; t <= PLAY_THREADS; t++)
        play_event(&p, (struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .thread = t, .stack = 5, .address = 0x7e0000000000 + 0x1000 * t });
    play_event(&p, (struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .thread = 1, .stack = 5, .address = 0x7e0000002000 });
    play_event(&p, (struct event){ .type = EVENT_THREAD_EXIT, .thread = 4 });
    ck_assert_int_eq(trace_write_close(p.w, p.code, p.ns + 5), 0);
    graph_free(p.g);
    code_free(p.code);
    return path;
}

/* ---- answers ---- */

static inline struct sql *ask_open(const char *path, const char *at, const char *since)
{
    struct sql_options o = { .at = at, .since = since };
    struct sql *s;
    char *error = NULL;
    int failed = sql_open(&s, path, &o, &error);
    ck_assert_msg(!failed, "%s", error);
    return s;
}

static inline json_t *value_json(sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_NULL: return json_null();
    case SQLITE_INTEGER: return json_integer(sqlite3_column_int64(st, i));
    case SQLITE_FLOAT: return json_real(sqlite3_column_double(st, i));
    default: return json_string((const char *)sqlite3_column_text(st, i));
    }
}

/* All rows of one statement, as objects; a new reference. Fails the test when it fails. */
static inline json_t *ask(struct sql *s, const char *query)
{
    sqlite3_stmt *st = NULL;
    const char *tail;
    json_t *rows = json_array();
    int got = sql_prepare(s, query, &st, &tail);
    ck_assert_msg(!got, "%s: %s", query, sql_error(s));
    while ((got = sql_step(s, st)) > 0) {
        json_t *row = json_object();
        for (int i = 0; i < sqlite3_column_count(st); i++)
            json_object_set_new(row, sqlite3_column_name(st, i), value_json(st, i));
        json_array_append_new(rows, row);
    }
    sqlite3_finalize(st);
    ck_assert_msg(!got, "%s: %s", query, sql_error(s));
    return rows;
}

/* All values of all rows, as one number; and how many rows. */
static inline uint64_t ask_print(struct sql *s, const char *query, size_t *rows)
{
    sqlite3_stmt *st = NULL;
    const char *tail;
    uint64_t print = 1469598103934665603u;
    int got = sql_prepare(s, query, &st, &tail);
    for (*rows = 0; !got && (got = sql_step(s, st)) > 0; got = 0, ++*rows)
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const char *p = (const char *)sqlite3_column_text(st, i);
            for (p = p ? p : "\1"; *p; p++)
                print = (print ^ (unsigned char)*p) * 1099511628211u;
            print = (print ^ 2) * 1099511628211u;
        }
    sqlite3_finalize(st);
    ck_assert_msg(!got, "%s: %s", query, sql_error(s));
    return print;
}

static inline json_int_t ask_number(struct sql *s, const char *query)
{
    json_t *rows = ask(s, query);
    ck_assert_uint_eq(json_array_size(rows), 1);
    json_int_t n = json_integer_value(json_object_iter_value(json_object_iter(json_array_get(rows, 0))));
    json_decref(rows);
    return n;
}

/* How a statement ends that may not be run: sql_prepare's or sql_step's error, 0: it ran. */
static inline int ask_refused(struct sql *s, const char *query)
{
    sqlite3_stmt *st = NULL;
    const char *tail;
    int got = sql_prepare(s, query, &st, &tail);
    while (!got && st && (got = sql_step(s, st)) > 0)
        got = 0;
    sqlite3_finalize(st);
    return got;
}

#endif
