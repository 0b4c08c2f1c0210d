/*
 * tests/unit/test_doc.c - documents of a view made by hand and of traces
 * written here; all of them against their schemas. Whether names are right is
 * the business of test_symbols.
 */
#include <inttypes.h>
#include <time.h>

#include "doc_scratch.h"
#include "suite.h"

static struct symbols *symbols;
static struct doc_context context;

static void setup(void)
{
    symbols = symbols_new();
    context = (struct doc_context){ .symbols = symbols, .complete = true };
    scratch_make();
}

static void teardown(void)
{
    symbols_free(symbols);
    scratch_clean();
}

/* ---- documents of a view ---- */

START_TEST(report_of_view)
{
    struct view v = scratch_view();
    json_t *j = doc_report(&v, &context, NULL);
    has_keys(j, "metadata totals events lost processes sites findings coverage handoffs sites_total top moves");
    has_keys(json_object_get(j, "metadata"), "command host started duration_ns at_ns clock processes events lost sampling coverage");
    has_keys(json_object_get(j, "totals"), "allocations frees bytes_allocated peak_bytes peak_ns live_blocks live_bytes temporary reallocations mapped_bytes");
    ck_assert_int_eq(number(json_object_get(j, "totals"), "peak_bytes"), 10000);
    has_keys(json_object_get(j, "events"), "new borrow move drop total");
    ck_assert_int_eq(number(json_object_get(j, "events"), "total"), 246);
    ck_assert_int_eq(number(json_object_get(j, "lost"), "events"), 7);
    ck_assert_int_eq(number(json_object_get(json_object_get(j, "lost"), "by_reason"), "no-collector"), 7);
    const json_t *sites = json_object_get(j, "sites"), *p = json_object_get(j, "processes");
    ck_assert_uint_eq(json_array_size(sites), 3);
    ck_assert_int_eq(number(json_array_get(sites, 0), "peak_bytes"), 6000);
    has_keys(json_array_get(sites, 0), "stack allocations bytes live_blocks live_bytes peak_bytes temporary");
    has_keys(json_array_get(p, 0), "id pid parent exe started_ns ended_ns exit");
    ck_assert_int_eq(number(json_object_get(json_array_get(p, 0), "exit"), "code"), 3);
    ck_assert_int_eq(number(json_object_get(json_array_get(p, 1), "exit"), "signal"), 9);
    ck_assert(json_is_null(json_object_get(json_array_get(p, 0), "parent")));
    ck_assert_str_eq(text(json_array_get(p, 1), "parent"), "p1");
    const json_t *h = json_array_get(json_object_get(j, "handoffs"), 1);
    ck_assert_int_eq(number(h, "mean_ns"), 1000);
    ck_assert_uint_eq(json_array_size(json_object_get(h, "stack_new")), 2);
    ck_assert_uint_eq(json_object_size(json_object_get(j, "findings")), 0);
    json_decref(j);
}
END_TEST

START_TEST(report_limits)
{
    struct view v = scratch_view();
    struct doc_options o = { .sites = 1, .handoffs = 1, .top = 1, .top_frames = 1 };
    json_t *j = doc_report(&v, &context, &o);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "sites")), 2);   /* first by peak, first by the others */
    ck_assert_int_eq(number(j, "sites_total"), 3);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "handoffs")), 1);
    ck_assert_int_eq(number(json_array_get(json_object_get(j, "handoffs"), 0), "blocks"), 9);
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(j, "top"), "peak")), 1);
    json_decref(j);
}
END_TEST

START_TEST(report_adds_up_groups)
{
    enum { SITES = 500 };
    struct code *c = scratch_code(SITES, 30);
    struct code_frame *frames = calloc(code_frames(c), sizeof *frames);
    struct code_stack *stacks = calloc(code_stacks(c) * 2, sizeof *stacks);
    struct view_site *sites = calloc(SITES, sizeof *sites);
    uint32_t n_stacks = code_stacks(c);
    for (uint32_t i = 0; i < code_frames(c); i++)
        frames[i] = *code_frame(c, i + 1);
    for (uint32_t i = 0; i < n_stacks; i++)
        stacks[i] = *code_stack(c, i + 1);
    /* On top of every different stack one and the same frame. */
    for (uint32_t i = 0; i < SITES; i++) {
        stacks[n_stacks + i] = (struct code_stack){ 30 + i, 1, 31 };
        sites[i] = (struct view_site){ .stack = n_stacks + i + 1, .allocations = 2, .bytes = 20, .live_blocks = 1, .live_bytes = 10, .peak_bytes = i };
    }
    struct code_module module = *code_module(c, 1);
    struct view v = { .sites = sites, .n_sites = SITES, .modules = &module, .n_modules = 1, .frames = frames, .n_frames = code_frames(c),
                      .stacks = stacks, .n_stacks = n_stacks + SITES };
    struct doc_options o = { .top_frames = 1 };
    json_t *j = doc_report(&v, &context, &o);
    const json_t *top = json_object_get(json_object_get(j, "top"), "live");
    ck_assert_uint_eq(json_array_size(top), 1);
    ck_assert_int_eq(number(json_array_get(top, 0), "sites"), SITES);
    ck_assert_int_eq(number(json_array_get(top, 0), "allocations"), 2 * SITES);
    ck_assert_int_eq(number(json_array_get(top, 0), "peak_bytes"), SITES * (SITES - 1) / 2);
    json_decref(j);
    o.top_frames = 2;
    o.top = UINT32_MAX;
    j = doc_report(&v, &context, &o);
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(j, "top"), "live")), SITES);
    json_decref(j);
    free(frames), free(stacks), free(sites);
    code_free(c);
}
END_TEST

START_TEST(report_of_nothing)
{
    struct view v = { 0 };
    json_t *j = doc_report(&v, &context, NULL);
    ck_assert_str_eq(text(json_array_get(json_object_get(j, "coverage"), 0), "kind"), "nothing");
    ck_assert_uint_eq(json_array_size(json_object_get(j, "sites")), 0);
    json_decref(j);
    j = doc_threads(&v, &context, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "threads")), 0);
    json_decref(j);
}
END_TEST

static bool covers(const json_t *j, const char *kind)
{
    const json_t *list = json_object_get(j, "coverage");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(text(json_array_get(list, i), "kind"), kind))
            return true;
    return false;
}

START_TEST(coverage_says_what_is_missing)
{
    struct view v = scratch_view();
    json_t *j = doc_report(&v, &context, NULL);
    ck_assert(covers(j, "lost") && covers(j, "names") && !covers(j, "file") && !covers(j, "drops") && !covers(j, "process") && !covers(j, "nothing"));
    json_decref(j);
    struct trace_meta meta = { .stacks = 1 };
    struct doc_context c = { .symbols = symbols, .meta = &meta, .trace_path = "x", .torn_bytes = 3 };
    scratch_processes[0].untraced_image = true;
    v.totals.unseen_drops = 1;
    j = doc_report(&v, &c, NULL);
    ck_assert(covers(j, "file") && covers(j, "drops") && covers(j, "process") && covers(j, "stacks"));
    json_decref(j);
    scratch_processes[0].untraced_image = false;
    c = (struct doc_context){ .symbols = symbols, .trace_path = "x", .complete = true, .torn_bytes = 3 };
    j = doc_report(&v, &c, NULL);
    ck_assert(covers(j, "file"));
    json_decref(j);
    c = (struct doc_context){ .symbols = symbols, .trace_path = "x", .damage = "chunk 3" };
    j = doc_report(&v, &c, NULL);
    ck_assert(covers(j, "file"));
    json_decref(j);
}
END_TEST

START_TEST(threads_of_view)
{
    struct view v = scratch_view();
    json_t *j = doc_threads(&v, &context, NULL);
    const json_t *t = json_object_get(j, "threads");
    for (size_t i = 0; i < 3; i++)
        has_keys(json_array_get(t, i), "id tid name process made dropped owns holds waits creator born_ns ended_ns");
    ck_assert_str_eq(text(json_array_get(t, 0), "id"), "t1");
    ck_assert_str_eq(text(json_array_get(t, 1), "name"), "w\xef\xbf\xbd\x01\"x");
    ck_assert_int_eq(number(json_object_get(json_array_get(t, 0), "owns"), "bytes"), 224);
    ck_assert(json_is_null(json_object_get(json_array_get(t, 2), "tid")));
    ck_assert_int_eq(number(json_array_get(t, 1), "ended_ns"), 900);
    has_keys(json_array_get(json_object_get(j, "handoffs"), 0), "from to blocks bytes mean_ns stack_new stack_drop");
    json_decref(j);
}
END_TEST

/* ---- the streamed export ---- */

/* Every reference of an export leads somewhere. */
static void check_references(const json_t *j)
{
    json_t *ids = json_object(), *node, *edge;
    size_t i, stacks = json_array_size(json_object_get(j, "stacks"));
    static const char *const parties[] = { "thread", "owner", "borrower", "process", "creator", "dropped_by" };
    json_array_foreach(json_object_get(j, "nodes"), i, node) {
        ck_assert_msg(!json_object_get(ids, text(node, "id")), "%s twice", text(node, "id"));
        json_object_set(ids, text(node, "id"), node);
    }
    json_array_foreach(json_object_get(j, "nodes"), i, node) {
        for (size_t p = 0; p < sizeof parties / sizeof *parties; p++)
            if (text(node, parties[p]))
                ck_assert_msg(json_object_get(ids, text(node, parties[p])) != NULL, "%s of %s", parties[p], text(node, "id"));
        const json_t *stack = json_object_get(node, "stack"), *drop = json_object_get(node, "drop_stack");
        ck_assert(!json_is_integer(stack) || (size_t)json_integer_value(stack) < stacks);
        ck_assert(!json_is_integer(drop) || (size_t)json_integer_value(drop) < stacks);
    }
    json_array_foreach(json_object_get(j, "edges"), i, edge) {
        ck_assert_msg(json_object_get(ids, text(edge, "from")) != NULL, "from %s", text(edge, "from"));
        ck_assert_msg(json_object_get(ids, text(edge, "to")) != NULL, "to %s", text(edge, "to"));
    }
    json_array_foreach(json_object_get(j, "events"), i, edge) {
        const json_t *stack = json_object_get(edge, "stack");
        ck_assert(!json_is_integer(stack) || (size_t)json_integer_value(stack) < stacks);
    }
    json_decref(ids);
}

START_TEST(export_of_view)
{
    struct view v = scratch_view();
    struct scratch_text t = { 0 };
    struct doc_export_options o = { .events = true, .all = true };
    ck_assert_int_eq(doc_export_json(&v, NULL, &context, &o, scratch_sink, &t), 0);
    json_t *j = parsed(&t);
    has_keys(j, "ownscope metadata nodes edges events stacks findings");
    ck_assert_int_eq(number(j, "ownscope"), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "nodes")), 2 + 3 + 2);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "edges")), 2 + 1 + 2);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "stacks")), 2);
    check_references(j);
    const json_t *b = json_array_get(json_object_get(j, "nodes"), 5), *c = json_array_get(json_object_get(j, "nodes"), 6);
    has_keys(b, "id kind process address size_bytes family born_ns dropped_ns thread owner holder stack drop_stack type retained_bytes");
    ck_assert_str_eq(text(b, "owner"), "t2");
    ck_assert_str_eq(text(c, "owner"), "p1");
    ck_assert_int_eq(number(c, "size_bytes"), INT64_MAX);
    ck_assert_str_eq(text(c, "cloned_from"), "b7");
    ck_assert(json_is_null(json_object_get(b, "dropped_ns")));
    json_decref(j);
    t.fail_after = 10;
    ck_assert_int_eq(doc_export_json(&v, NULL, &context, &o, scratch_sink, &t), -ENOSPC);
    free(t.text);
}
END_TEST

/* ---- traces ---- */

/* One process, main and a worker: b1 lives, b2 is taken by the worker, b3 grows, then `pairs` of new and drop. */
enum { DEPTH = 18, LEAF = DEPTH };  /* the first stack of full depth */

static size_t story(struct event *e, size_t pairs, uint32_t stacks)
{
    size_t n = 0;
    static const char start[] = "/gone/app\0app\0--do";
#define EVENT(who, ...) (e[n] = (struct event){ .ns = n * 10, .thread = who, .process = 1, __VA_ARGS__ }, n++)
    EVENT(1, .type = EVENT_PROCESS_START, .extra = { 4000, 1 }, .text = start, .text_bytes = sizeof start);
    EVENT(1, .type = EVENT_THREAD_START, .address = 0x7000, .extra = { 4000 });
    EVENT(1, .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x1000, .size = 16, .stack = LEAF);
    EVENT(1, .type = EVENT_NEW, .family = WIRE_CALLOC, .address = 0x2000, .size = 32, .stack = LEAF + 2 % stacks);
    EVENT(1, .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x3000, .size = 48, .stack = LEAF + 3 % stacks);
    EVENT(2, .type = EVENT_THREAD_START, .address = 0x8000, .extra = { 4001 });
    EVENT(2, .type = EVENT_DROP, .family = WIRE_FREE, .address = 0x2000, .stack = LEAF + 4 % stacks);
    EVENT(1, .type = EVENT_REALLOC_BEGIN, .family = WIRE_REALLOC, .address = 0x3000, .size = 480, .stack = LEAF);
    EVENT(1, .type = EVENT_REALLOC_END, .family = WIRE_REALLOC, .address = 0x4000, .size = 480, .extra = { 0x3000 }, .stack = LEAF);
    EVENT(1, .type = EVENT_DROP, .family = WIRE_FREE, .address = 0x4000, .stack = LEAF);
    EVENT(1, .type = EVENT_DROP, .family = WIRE_FREE, .address = 0x4000, .stack = LEAF + 2 % stacks);
    for (size_t i = 0; i < pairs; i++) {
        uint32_t stack = LEAF + (uint32_t)(i % stacks);
        EVENT(1, .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x100000 + i * 64, .size = 40 + i % 7, .stack = stack);
        EVENT(1, .type = EVENT_DROP, .family = WIRE_FREE, .address = 0x100000 + i * 64, .stack = stack);
    }
    EVENT(1, .type = EVENT_MARK, .text = "half", .text_bytes = 4);
#undef EVENT
    return n;
}

static char *story_trace(size_t pairs, uint32_t stacks, size_t *n)
{
    struct event *e = calloc(pairs * 2 + 20, sizeof *e);
    struct code *c = scratch_code(stacks, DEPTH);
    *n = story(e, pairs, stacks);
    char *path = scratch_trace("story.own", c, e, *n);
    code_free(c);
    free(e);
    return path;
}

static struct source open_source(const char *path, const char *at)
{
    struct source s;
    struct source_options o = { .flags = VIEW_BLOCKS };
    ck_assert_int_eq(source_at_parse(&o.at, at), 0);
    int error = source_open(&s, path, &o);
    ck_assert_msg(!error, "%d: %s", error, source_error());
    return s;
}

START_TEST(export_of_trace)
{
    size_t n;
    char *path = story_trace(30, 9, &n);
    struct source s = open_source(path, "end");
    struct scratch_text t = { 0 };
    struct doc_export_options o = { 0 };
    ck_assert_int_eq(doc_export_json(s.view, s.trace, &s.doc, &o, scratch_sink, &t), 0);
    json_t *j = parsed(&t);
    check_references(j);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "events")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "nodes")), 1 + 2 + 1);
    ck_assert_str_eq(text(json_object_get(j, "metadata"), "started"), "2023-11-14T22:13:20.123456789Z");
    json_decref(j);
    o.all = o.events = true;
    ck_assert_int_eq(doc_export_json(s.view, s.trace, &s.doc, &o, scratch_sink, &t), 0);
    j = parsed(&t);
    check_references(j);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "nodes")), 1 + 2 + 33);
    ck_assert_int_eq((json_int_t)json_array_size(json_object_get(j, "events")), number(json_object_get(json_object_get(j, "metadata"), "events"), "total"));
    /* b2: owned by t1, then t2 until its drop */
    size_t i, owned = 0;
    json_t *edge;
    json_array_foreach(json_object_get(j, "edges"), i, edge)
        if (!strcmp(text(edge, "to"), "b2") && !strcmp(text(edge, "kind"), "owns")) {
            owned++;
            ck_assert_str_eq(text(edge, "from"), owned == 1 ? "t1" : "t2");
            ck_assert_int_eq(number(edge, "until_ns"), 60);
        }
    ck_assert_uint_eq(owned, 2);
    json_decref(j);
    source_close(&s);
    free(path);
}
END_TEST

START_TEST(events_and_filters)
{
    static const struct { struct doc_events_options o; uint64_t lines; } rows[] = {
        { { .types = 1u << FACT_NEW }, 5 }, { { .types = 1u << FACT_DROP }, 5 }, { { .thread = 2, .types = 1u << FACT_DROP }, 1 },
        { { .process = 2 }, 0 }, { { .types = 1u << FACT_NEW, .first_event = 4, .last_event = 5 }, 2 }, { { .types = 1u << FACT_MOVE }, 2 },
        { { .types = 1u << FACT_MARK, .frames = 1 }, 1 } };
    size_t n;
    char *path = story_trace(2, 9, &n);
    struct source s = open_source(path, "end");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scratch_text t = { 0 };
        uint64_t lines;
        ck_assert_int_eq(doc_events(s.trace, &s.doc, &rows[i].o, scratch_sink, &t, &lines), 0);
        ck_assert_msg(lines == rows[i].lines, "row %zu: %" PRIu64, i, lines);
        uint64_t seen = 0;
        for (char *save, *l = t.text ? strtok_r(t.text, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save), seen++) {
            json_t *j = json_loads(l, 0, NULL);
            ck_assert_msg(j != NULL, "%s", l);
            has_keys(j, "ns type process thread node by");
            json_decref(j);
        }
        ck_assert_uint_eq(seen, lines);
        free(t.text);
    }
    uint32_t types;
    ck_assert_int_eq(doc_event_types_parse(&types, "new,drop"), 0);
    ck_assert_uint_eq(types, 1u << FACT_NEW | 1u << FACT_DROP);
    ck_assert_int_eq(doc_event_types_parse(&types, "new,dro"), -EINVAL);
    ck_assert_int_eq(doc_event_types_parse(&types, ""), -EINVAL);
    source_close(&s);
    free(path);
}
END_TEST

static json_t *history_of(struct source *s, const char *id, int expect)
{
    struct doc_target target;
    json_t *j = NULL;
    ck_assert_int_eq(doc_target_parse(&target, id), 0);
    ck_assert_int_eq(doc_history(s->trace, &s->doc, &target, NULL, &j), expect);
    return j;
}

static void event_types(const json_t *j, const char *expect)
{
    char found[256] = "";
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(j, "events"), i, e) {
        strcat(found, text(e, "type"));
        strcat(found, " ");
    }
    ck_assert_str_eq(found, expect);
}

START_TEST(history_of_blocks)
{
    size_t n;
    char *path = story_trace(2, 9, &n);
    struct source s = open_source(path, "end");
    json_t *j = history_of(&s, "b2", 0);
    event_types(j, "new move drop ");
    ck_assert_str_eq(text(json_object_get(j, "node"), "owner"), "t2");
    ck_assert_int_eq(number(json_object_get(j, "node"), "dropped_ns"), 60);
    has_keys(json_array_get(json_object_get(j, "events"), 0), "ns type thread by stack");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(json_object_get(j, "events"), 0), "stack")), DEPTH);
    json_decref(j);
    j = history_of(&s, "0x4000", 0);        /* b3, after its realloc, and the second release */
    event_types(j, "new move drop drop ");
    ck_assert_str_eq(text(json_object_get(j, "node"), "id"), "b3");
    ck_assert_int_eq(number(json_object_get(j, "node"), "size_bytes"), 480);
    ck_assert(json_is_null(json_object_get(j, "before")) && json_is_null(json_object_get(j, "after")));
    json_decref(j);
    j = history_of(&s, "0x41df", 0);        /* inside */
    ck_assert_str_eq(text(json_object_get(j, "node"), "id"), "b3");
    json_decref(j);
    ck_assert_ptr_null(history_of(&s, "0x41e0", -ENOENT));
    ck_assert_ptr_null(history_of(&s, "999", -ENOENT));
    struct doc_target target;
    static const char *const bad[] = { "", "b", "bx", "0x", "0xg", "12x", "-1", "0", "99999999999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(doc_target_parse(&target, bad[i]) == -EINVAL, "%s", bad[i]);
    source_close(&s);
    free(path);
}
END_TEST

START_TEST(moments)
{
    static const struct { const char *text; int error; int kind; uint64_t value; } rows[] = {
        { "end", 0, SOURCE_END, 0 }, { "peak", 0, SOURCE_PEAK, 0 }, { "12.5s", 0, SOURCE_NS, 12500000000 }, { "350ms", 0, SOURCE_NS, 350000000 },
        { "1.000000001s", 0, SOURCE_NS, 1000000001 }, { ".5us", 0, SOURCE_NS, 500 }, { "7ns", 0, SOURCE_NS, 7 }, { "event:12", 0, SOURCE_EVENT, 12 },
        { "mark:x", 0, SOURCE_MARK, 0 }, { "mark:", -EINVAL, 0, 0 }, { "event:", -EINVAL, 0, 0 }, { "event:-1", -EINVAL, 0, 0 }, { "12", -EINVAL, 0, 0 },
        { "s", -EINVAL, 0, 0 }, { ".s", -EINVAL, 0, 0 }, { "-1s", -EINVAL, 0, 0 }, { "99999999999999999999s", -EINVAL, 0, 0 }, { "", -EINVAL, 0, 0 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct source_at at;
        ck_assert_msg(source_at_parse(&at, rows[i].text) == rows[i].error, "%s", rows[i].text);
        if (!rows[i].error) {
            ck_assert_msg((int)at.kind == rows[i].kind, "%s", rows[i].text);
            ck_assert_uint_eq(at.value, rows[i].value);
        }
    }
    size_t n;
    char *path = story_trace(4, 9, &n);
    static const struct { const char *at; uint64_t live; bool whole; } states[] = {
        { "end", 16, true }, { "20ns", 16, false }, { "event:4", 48, false }, { "event:0", 0, false }, { "mark:half", 16, true }, { "peak", 496, false },
        { "event:99999", 16, true } };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct source s = open_source(path, states[i].at);
        ck_assert_msg(s.view->totals.live_bytes == states[i].live, "%s: %" PRIu64, states[i].at, s.view->totals.live_bytes);
        ck_assert_msg(s.whole == states[i].whole, "%s", states[i].at);
        source_close(&s);
    }
    struct source s;
    struct source_options o = { 0 };
    ck_assert_int_eq(source_at_parse(&o.at, "mark:never"), 0);
    ck_assert_int_eq(source_open(&s, path, &o), -ENOENT);
    ck_assert_int_eq(source_open(&s, "/nowhere/x.own", &o), -ENOENT);
    ck_assert(*source_error());
    free(path);
}
END_TEST

/* ---- all documents against their schemas ---- */

static void dump(const char *name, json_t *j)
{
    char *out = json_dumps(j, 0);
    scratch_write(name, out, strlen(out));
    free(out);
    json_decref(j);
}

START_TEST(documents_match_their_schemas)
{
    static const char *const pairs[][2] = { { "report", "report.json" }, { "report", "report2.json" }, { "report", "empty.json" },
        { "threads", "threads.json" }, { "history", "history.json" }, { "history", "history2.json" }, { "event", "events.jsonl" },
        { "export", "export.json" }, { "export", "export2.json" } };
    size_t n;
    char *path = story_trace(50, 9, &n);
    struct source s = open_source(path, "end");
    struct view v = scratch_view(), nothing = { 0 };
    struct scratch_text t = { 0 };
    struct doc_events_options every = { 0 };
    struct doc_export_options o = { .events = true, .all = true };
    dump("report.json", doc_report(&v, &context, NULL));
    dump("report2.json", doc_report(s.view, &s.doc, NULL));
    dump("empty.json", doc_report(&nothing, &context, NULL));
    dump("threads.json", doc_threads(&v, &context, NULL));
    dump("history.json", history_of(&s, "b3", 0));
    dump("history2.json", history_of(&s, "0x1000", 0));
    ck_assert_int_eq(doc_events(s.trace, &s.doc, &every, scratch_sink, &t, NULL), 0);
    scratch_write("events.jsonl", t.text, t.bytes);
    t.bytes = 0;
    ck_assert_int_eq(doc_export_json(s.view, s.trace, &s.doc, &o, scratch_sink, &t), 0);
    scratch_write("export.json", t.text, t.bytes);
    t.bytes = 0;
    ck_assert_int_eq(doc_export_json(&v, NULL, &context, &o, scratch_sink, &t), 0);
    scratch_write("export2.json", t.text, t.bytes);
    free(t.text);
    source_close(&s);
    char *command = xstrdup("python3 tests/unit/schema_check.py");
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *more = xasprintf("%s collector/export/schema/ownscope-%s.schema.json %s/%s", command, pairs[i][0], scratch_dir, pairs[i][1]);
        free(command);
        command = more;
    }
    int status = system(command);
    if (status == 77 << 8)
        fprintf(stderr, "python3-jsonschema is missing: schemas not checked\n");
    else
        ck_assert_int_eq(status, 0);
    free(command);
    free(path);
}
END_TEST

/* ---- time ---- */

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int null_sink(void *ctx, const char *bytes, size_t n)
{
    *(size_t *)ctx += n;
    return 0;
}

START_TEST(thousand_events_in_time)
{
    size_t n, bytes = 0;
    char *path = story_trace(494, 40, &n);
    ck_assert_uint_eq(n, 1000);
    struct source s = open_source(path, "end");
    struct doc_export_options o = { .events = true };
    double best = 1e9;
    for (int i = 0; i < 20; i++) {
        bytes = 0;
        double start = now_us();
        ck_assert_int_eq(doc_export_json(s.view, s.trace, &s.doc, &o, null_sink, &bytes), 0);
        double took = now_us() - start;
        best = took < best ? took : best;
    }
    fprintf(stderr, "export of %zu events, %zu bytes: %.0f us\n", n, bytes, best);
    ck_assert(best < 5000);
    source_close(&s);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doc");
    TCase *tc = tcase_create("doc");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, report_of_view);
    tcase_add_test(tc, report_limits);
    tcase_add_test(tc, report_adds_up_groups);
    tcase_add_test(tc, report_of_nothing);
    tcase_add_test(tc, coverage_says_what_is_missing);
    tcase_add_test(tc, threads_of_view);
    tcase_add_test(tc, export_of_view);
    tcase_add_test(tc, export_of_trace);
    tcase_add_test(tc, events_and_filters);
    tcase_add_test(tc, history_of_blocks);
    tcase_add_test(tc, moments);
    tcase_add_test(tc, documents_match_their_schemas);
    tcase_add_test(tc, thousand_events_in_time);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
