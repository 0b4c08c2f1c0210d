/*
 * tests/unit/doc_scratch.h - views and traces made by hand for the tests of
 * documents and tables.
 */
#ifndef DOC_SCRATCH_H
#define DOC_SCRATCH_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "export/doc.h"
#include "export/source.h"

/* Bytes that a sink collects. */
struct scratch_text { char *text; size_t bytes, capacity; int fail_after; };

static inline int scratch_sink(void *context, const char *bytes, size_t n)
{
    struct scratch_text *t = context;
    if (t->fail_after && t->bytes + n > (size_t)t->fail_after)
        return -ENOSPC;
    t->text = xgrow(t->text, &t->capacity, t->bytes + n + 1, 1);
    memcpy(t->text + t->bytes, bytes, n);
    t->bytes += n;
    t->text[t->bytes] = 0;
    return 0;
}

/* The hand-made view: two processes, three threads, stacks
 *   1: frame 1 (outermost)   2: 2 < 1   3: shim < 2 < 1   4: truncated   5: 3 < truncated */
static struct code_module scratch_modules[] = {
    { .path = (char *)"/gone/app" }, { .path = (char *)"/gone/lib/libownscope.so" } };
static struct code_frame scratch_frames[] = {
    { .module = 1, .offset = 0x1001 }, { .module = 1, .offset = 0x2001 }, { .module = 2, .offset = 0x99 },
    { .flags = CODE_FRAME_TRUNCATED }, { .module = 0, .offset = 0x7f0000001235, .flags = CODE_FRAME_EXACT } };
static struct code_stack scratch_stacks[] = {
    { 0, 1, 1 }, { 1, 2, 2 }, { 2, 3, 3 }, { 0, 4, 1 }, { 4, 5, 2 } };
static struct view_site scratch_sites[] = {
    { .stack = 3, .allocations = 100, .bytes = 10000, .live_blocks = 2, .live_bytes = 200, .peak_bytes = 4000, .temporary = 10 },
    { .stack = 5, .allocations = 50, .bytes = 500, .live_blocks = 1, .live_bytes = 24, .peak_bytes = 6000 },
    { .stack = 0, .allocations = 1, .bytes = 1 } };
static struct view_thread scratch_threads[] = {
    { .id = 1, .process = 1, .tid = 100, .name = "main", .made = { 101, 10001 }, .dropped = { 90, 9000 }, .owns = { 3, 224 } },
    { .id = 2, .process = 1, .tid = 101, .creator = 1, .name = "w\xff\x01\"x", .born_ns = 5, .ended_ns = 900, .ended = true, .joined_by = 1 },
    { .id = 3, .process = 2, .detached = true } };
static struct view_handoff scratch_handoffs[] = {
    { .from = 1, .to = 2, .stack_new = 3, .stack_drop = 1, .blocks = 4, .bytes = 64, .flight_ns = 4000 },
    { .from = 2, .to = 1, .stack_new = 5, .stack_drop = 0, .blocks = 9, .bytes = 9, .flight_ns = 9 } };
static struct view_move scratch_moves[] = {
    { .process = 1, .from = 1, .to = 2, .by = 0, .blocks = 4, .bytes = 64, .first_ns = 10, .last_ns = 20 },
    { .process = 1, .from = 2, .to = 0, .by = 3, .blocks = 1, .bytes = 24, .first_ns = 900, .last_ns = 900 } };
static struct view_process scratch_processes[] = {
    { .id = 1, .pid = 4000, .ppid = 1, .exe = (char *)"/gone/app", .command = (char *)"app --do", .ended = true, .ended_ns = 1000,
      .exit_known = true, .wait_status = 3 << 8, .images = 1, .live_blocks = 3, .live_bytes = 224, .allocations = 151 },
    { .id = 2, .parent = 1, .pid = 4001, .ppid = 4000, .exe = (char *)"", .command = (char *)"", .started_ns = 50, .ended = true, .ended_ns = 60,
      .exit_known = true, .wait_status = 9, .images = 1 } };
static struct view_block scratch_blocks[] = {
    { .id = 7, .address = 0x1000, .size = 100, .born_ns = 5, .process = 1, .thread = 1, .owner = 2, .borrower = 2, .borrowed_ns = 6,
      .owned_since_ns = 8, .stack = 3, .family = WIRE_MALLOC, .owned_by = "taken" },
    { .id = 8, .address = 0x2000, .size = UINT64_MAX, .born_ns = 6, .process = 1, .thread = 1, .owner = 0, .owned_since_ns = 900,
      .stack = 5, .family = WIRE_NEW_ARRAY, .owned_by = "outlived", .cloned_from = 7 } };

static inline struct view scratch_view(void)
{
    struct view v = {
        .at_ns = 1000, .events = 300, .by_fact = { [FACT_NEW] = 151, [FACT_DROP] = 90, [FACT_MOVE] = 5 }, .moves_by = { 4, 0, 0, 1, 0 },
        .lost = { 0, 7 }, .totals = { .allocations = 151, .frees = 90, .bytes_allocated = 10501, .live_blocks = 3, .live_bytes = 224,
                                      .peak_bytes = 10000, .peak_ns = 500, .temporary = 10 },
        .sites = scratch_sites, .n_sites = 3, .threads = scratch_threads, .n_threads = 3, .handoffs = scratch_handoffs, .n_handoffs = 2,
        .moves = scratch_moves, .n_moves = 2, .processes = scratch_processes, .n_processes = 2, .blocks = scratch_blocks, .n_blocks = 2,
        .modules = scratch_modules, .n_modules = 2, .frames = scratch_frames, .n_frames = 5, .stacks = scratch_stacks, .n_stacks = 5 };
    return v;
}

/* A folder of this program's own, removed by scratch_clean. */
static char scratch_dir[64];
static inline void scratch_make(void)
{
    strcpy(scratch_dir, "/tmp/ownscope-doc-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch_dir));
}

static inline void scratch_clean(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_dir);
    ck_assert_int_eq(system(command), 0);
}

static inline char *scratch_path(const char *name)
{
    return xasprintf("%s/%s", scratch_dir, name);
}

static inline void scratch_write(const char *name, const char *text, size_t n)
{
    char *path = scratch_path(name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
    free(path);
}

/* Writes events with the stacks of `code` as a trace; returns its path. */
static inline char *scratch_trace(const char *name, const struct code *code, const struct event *events, size_t n)
{
    struct trace_meta meta = { .command = (char *)"app --do", .host = (char *)"here", .session = (char *)"s1", .start_real_ns = 1700000000123456789,
                               .clock_hz = 1000000000, .stacks = 2, .options = (char *)"" };
    struct trace_writer *w;
    char *path = scratch_path(name);
    ck_assert_int_eq(trace_write_open(&w, path, &meta), 0);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(trace_write_event(w, code, &events[i]), 0);
    ck_assert_int_eq(trace_write_close(w, code, n ? events[n - 1].ns + 5 : 0), 0);
    return path;
}

/* Code with `n` stacks of the given depth in modules that do not exist. */
static inline struct code *scratch_code(unsigned n, unsigned depth)
{
    struct code *c = code_new();
    uint32_t module = code_module_id(c, "/gone/app", 9, NULL, 0), parent = 0;
    for (unsigned d = 1; d < depth; d++)
        parent = code_stack_id(c, parent, code_frame_id(c, module, 0x100 * d, 0));
    for (unsigned i = 0; i < n; i++)
        code_stack_id(c, parent, code_frame_id(c, module, 0x100000 + 0x10 * i, 0));
    return c;
}

/* ---- what tests ask of documents ---- */

static inline void has_keys(const json_t *object, const char *keys)
{
    char *copy = strdup(keys);
    for (char *save, *key = strtok_r(copy, " ", &save); key; key = strtok_r(NULL, " ", &save))
        ck_assert_msg(json_object_get(object, key) != NULL, "no key %s", key);
    free(copy);
}

static inline json_int_t number(const json_t *object, const char *key)
{
    const json_t *n = json_object_get(object, key);
    ck_assert_msg(json_is_integer(n), "%s is no integer", key);
    return json_integer_value(n);
}

static inline const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static inline json_t *parsed(struct scratch_text *t)
{
    json_error_t error;
    json_t *j = json_loadb(t->text, t->bytes, JSON_ALLOW_NUL, &error);
    ck_assert_msg(j != NULL, "%s at %d: %s", error.text, error.position, t->text);
    free(t->text);
    *t = (struct scratch_text){ 0 };
    return j;
}

#endif
