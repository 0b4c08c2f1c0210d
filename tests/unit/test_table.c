/*
 * tests/unit/test_table.c - tables: every line of every table keeps the rules
 * (width, no blank at its end, nothing that steers a terminal), and says what
 * the document says.
 */
#include "cli/table.h"
#include "cli/table_line.h"
#include "doc_scratch.h"
#include "export/event_json.h"
#include "suite.h"
#include "table_check.h"

static struct symbols *symbols;
static struct doc_context context;

static void setup(void)
{
    symbols = symbols_new();
    context = (struct doc_context){ .symbols = symbols, .complete = true };
}

static void teardown(void)
{
    symbols_free(symbols);
}

START_TEST(numbers)
{
    static const struct { uint64_t n; const char *count, *plain, *bytes, *time; } rows[] = {
        { 0, "0", "0", "0 B", "0 ns" }, { 999, "999", "999", "999 B", "999 ns" }, { 1000, "1,000", "1000", "1.0 KiB", "1.0 us" },
        { 1048576, "1,048,576", "1048576", "1.0 MiB", "1.0 ms" }, { 1536, "1,536", "1536", "1.5 KiB", "1.5 us" },
        { 999949, "999,949", "999949", "976.5 KiB", "999.9 us" }, { 999950, "999,950", "999950", "976.5 KiB", "1.0 ms" },
        { 12345678901, "12,345,678,901", "12345678901", "11.5 GiB", "12.346 s" }, { 125000000000, "125,000,000,000", "125000000000", "116.4 GiB", "2 min 05 s" },
        { 7260000000000, "7,260,000,000,000", "7260000000000", "6.6 TiB", "2 h 01 min" },
        { UINT64_MAX, "18,446,744,073,709,551,615", "18446744073709551615", "16.0 EiB", "5124095 h 34 min" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_str_eq(number_count(rows[i].n).text, rows[i].count);
        ck_assert_str_eq(number_plain(rows[i].n).text, rows[i].plain);
        ck_assert_str_eq(number_bytes(rows[i].n).text, rows[i].bytes);
        ck_assert_str_eq(number_time(rows[i].n).text, rows[i].time);
    }
    ck_assert_str_eq(number_short(9999999).text, "9,999,999");
    ck_assert_str_eq(number_short(12400312).text, "12.4 M");
    ck_assert_str_eq(number_share(1, 0).text, "-");
    ck_assert_str_eq(number_share(1, 3).text, "33.3%");
}
END_TEST

static void wrap(FILE *f, const json_t *doc, const struct table_style *s)
{
    line_wrapped(f, s, LOOK_WARN, 2, 4, json_string_value(doc));
}

START_TEST(lines_wrap_and_cut)
{
    json_t *text = json_string("word another \033[2J\xe2\x82\xac and aword-that-is-far-too-long-to-fit-into-one-line-of-eighty-columns-whatever-one-does-with-it-at-all end");
    char *t = checked(wrap, text);
    says(t, "?[2J?");
    says(t, "\n    aword");
    says(t, "\n    end\n");
    free(t);
    json_decref(text);
}
END_TEST

START_TEST(frames_as_text)
{
    static const struct { const char *json; unsigned columns; const char *text; } rows[] = {
        { "{\"function\":\"load\",\"file\":\"/src/app.c\",\"line\":12}", 60, "load (app.c:12)" },
        { "{\"function\":\"load\",\"module\":\"/lib/libfoo.so.1\",\"offset\":\"0x12\"}", 60, "load (libfoo.so.1)" },
        { "{\"module\":\"/lib/libfoo.so.1\",\"offset\":\"0x12\"}", 60, "0x12 (libfoo.so.1)" },
        { "{\"offset\":\"0x7f12\"}", 60, "0x7f12 (generated code)" },
        { "{\"function\":\"[truncated]\"}", 60, "[truncated]" },
        { "{\"function\":\"void ns::(anonymous namespace)::put<std::pair<int, long> >(std::map<int, int> const&, char)\",\"file\":\"a.cc\",\"line\":3}", 46,
          "ns::(anonymous)::put<> (a.cc:3)" },
        { "{\"function\":\"Matrix<double>::operator()(int, int) const\",\"file\":\"a.cc\",\"line\":3}", 40, "Matrix<>::operator() (a.cc:3)" },
        { "{\"function\":\"a_function_with_a_name_that_is_long\",\"file\":\"a.c\",\"line\":3}", 30, "a_function_with_a_na.. (a.c:3)" },
        { "{}", 60, "? (generated code)" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *frame = json_loads(rows[i].json, 0, NULL);
        char *text = frame_text(frame, rows[i].columns, false);
        ck_assert_str_eq(text, rows[i].text);
        free(text);
        json_decref(frame);
    }
}
END_TEST

START_TEST(report_table)
{
    struct view v = scratch_view();
    json_t *doc = doc_report(&v, &context, NULL);
    char *t = checked(table_report, doc);
    says(t, "ownscope: app --do\n");
    says(t, " on, exit code 3; 2 processes, 3 threads, 300 events");
    says(t, "allocations              151  10.3 KiB asked for");
    says(t, "peak                 9.8 KiB  at 500 ns");
    says(t, "in 3 blocks");
    says(t, "taken 4, outlived 1");
    says(t, "lost events                7  no-collector 7");
    says(t, "     5.9 KiB   60.0%          50  0x7f0000001235 (generated code)");
    says(t, "by 0x1000 (app)");
    says(t, "9 blocks, 9 B, from t2 to t1, 1 ns in flight");
    says(t, "(no stack)");
    says(t, "p2       4001  SIGKILL ");
    says(t, "Not covered\n  7 events were lost: the collector was dead or stopped\n");
    free(t);
    json_decref(doc);
}
END_TEST

/* What samples stand for is nowhere shown as if it had been counted. */
START_TEST(report_of_samples)
{
    struct view v = scratch_view();
    json_t *doc = doc_report(&v, &context, NULL), *totals = json_object_get(doc, "totals");
    json_t *row = json_array_get(json_object_get(json_object_get(doc, "top"), "peak"), 0);
    json_object_set_new(totals, "estimated", json_true());
    json_object_set_new(totals, "error", json_pack("{s:i}", "allocations", 9));
    json_object_set_new(row, "error", json_pack("{s:i}", "peak_bytes", 1024));
    char *t = checked(table_report, doc);
    says(t, "Most memory at the peak (~9.8 KiB at 500 ns)\n");
    says(t, "    ~5.9 KiB    ?1.0 KiB   60.0%         ~50  0x7f0000001235"); /* no UTF-8 here */
    says(t, "     3.9 KiB               40.0%         100  0x2000");
    says(t, "in ~3 blocks)\n");
    free(t);
    json_decref(doc);
}
END_TEST

START_TEST(tables_of_nothing)
{
    struct view v = { 0 };
    json_t *report = doc_report(&v, &context, NULL), *threads = doc_threads(&v, &context, NULL), *empty = json_object(), *null = json_null();
    static const table tables[] = { table_report, table_threads, table_history, table_one_event };
    char *t = checked(table_report, report);
    says(t, "nothing was seen");
    says(t, "no process seen");
    free(t);
    free(checked(table_threads, threads));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        free(checked(tables[i], empty));
        free(checked(tables[i], null));
        free(checked(tables[i], report));
    }
    json_decref(report), json_decref(threads), json_decref(empty);
}
END_TEST

START_TEST(threads_table)
{
    struct view v = scratch_view();
    json_t *doc = doc_threads(&v, &context, NULL);
    char *t = checked(table_threads, doc);
    says(t, "t1    p1  main");
    says(t, "w??\"x");
    says(t, "101   9.8 KiB");
    says(t, "           9        9 B  t2       t1          1 ns");
    says(t, "made at     0x2000 (app)");
    free(t);
    json_array_append(json_object_get(doc, "handoffs"), json_array_get(json_object_get(doc, "handoffs"), 0));
    t = checked(table_threads, doc);
    says(t, "          18       18 B  t2       t1          1 ns");
    free(t);
    json_decref(doc);
}
END_TEST

static const char *const events[] = {
    "{\"event\":1,\"ns\":1200000007,\"type\":\"new\",\"process\":\"p1\",\"thread\":\"t1\",\"node\":\"b1\",\"by\":null,\"address\":\"0x7f00\",\"size_bytes\":4096,"
    "\"family\":\"new[]\",\"stack\":[{\"function\":\"xmalloc\"},{\"function\":\"work\",\"file\":\"w.c\",\"line\":9},{\"function\":\"main\"}]}",
    "{\"event\":2,\"ns\":5,\"type\":\"move\",\"process\":\"p1\",\"thread\":\"t2\",\"node\":\"b1\",\"by\":\"taken\",\"from\":\"t1\",\"to\":\"t2\",\"stack\":[]}",
    "{\"event\":3,\"ns\":5,\"type\":\"move\",\"process\":\"p1\",\"thread\":\"t2\",\"node\":\"b1\",\"by\":\"realloc\",\"from\":\"t2\",\"to\":\"t2\",\"address\":\"0x9\","
    "\"old_address\":\"0x7\",\"size_bytes\":77}",
    "{\"event\":4,\"ns\":5,\"type\":\"drop\",\"process\":\"p1\",\"thread\":\"t2\",\"node\":null,\"by\":null,\"address\":\"0x7\",\"family\":\"free\"}",
    "{\"event\":5,\"ns\":5,\"type\":\"borrow\",\"process\":\"p1\",\"thread\":\"t1\",\"node\":\"b1\",\"by\":\"thread-arg\",\"to\":\"t2\"}",
    "{\"event\":6,\"ns\":5,\"type\":\"thread\",\"process\":\"p1\",\"thread\":\"t1\",\"node\":\"t2\",\"by\":\"name\",\"text\":\"wor\\u001bk\\ner\\n\"}",
    "{\"event\":7,\"ns\":5,\"type\":\"lost\",\"process\":\"p1\",\"thread\":null,\"node\":null,\"by\":null,\"reason\":\"ring-full\",\"count\":12}",
    "{\"event\":8,\"ns\":5,\"type\":\"drop\",\"process\":\"p1\",\"thread\":null,\"node\":\"b1\",\"by\":\"unseen\",\"address\":\"0x7\"}" };

static int text_put(void *file, const char *bytes, size_t n)
{
    return fwrite(bytes, 1, n, file) == n ? 0 : -1;
}

static json_t *event_document(const struct fact *f, struct frames *frames)
{
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    struct json_writer *w = malloc(sizeof *w);
    jw_init(w, text_put, to);
    jw_object(w);
    event_json_members(w, f);
    JW_KEY(w, "stack");
    frames_write(frames, w, frames_code_stack(frames, f->stack));
    jw_end(w);
    ck_assert_int_eq(jw_finish(w), 0);
    fclose(to);
    json_t *event = json_loadb(text, n, 0, NULL);
    ck_assert_ptr_nonnull(event);
    free(w);
    free(text);
    return event;
}

START_TEST(event_lines)
{
    static const char *const expect[] = {
        "  1.200000007  t1     b1              4,096  new operator new[]  work (w.c:9)\n",
        "  0.000000005  t2     b1                     move t1 -> t2, taken\n",
        "  0.000000005  t2     b1                 77  move 0x7 -> 0x9\n",
        "  0.000000005  t2     -                      drop free 0x7\n",
        "  0.000000005  t1     b1                     borrow t2, thread-arg\n",
        "  0.000000005  t1     t2                     thread name wor?k er?\n",
        "  0.000000005  p1     -                      lost 12, ring-full\n",
        "  0.000000005  p1     b1                     drop unseen\n" };
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        json_t *e = json_loads(events[i], 0, NULL);
        ck_assert_ptr_nonnull(e);
        char *t = checked(table_one_event, e);
        ck_assert_str_eq(t, expect[i]);
        free(t);
        json_decref(e);
    }
}
END_TEST

/* In a file nothing is cut; a name too long for a line loses what its <> hold. */
START_TEST(event_lines_whole)
{
    static const struct table_style file = { .width = 80, .whole = true };
    json_t *e = json_pack("{s:I,s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:s,s:i}]}", "ns", (json_int_t)5, "type", "drop", "thread", "t1",
                          "node", "b123456789012", "address", "0x7f0000000010", "family", "free", "stack",
                          "function", "int a_namespace_of_some_length::a_class<another::type>::a_method_of_some_length<int>(int)", "file", "/src/a_file_of_some_length.cc", "line", 7);
    ck_assert_ptr_nonnull(e);
    char *t = rendered(table_one_event, e, &file);
    ck_assert_str_eq(t, "  0.000000005  t1     b123456789012             drop free 0x7f0000000010  "
                        "a_namespace_of_some_length::a_class<>::a_method_of_some_length<> (a_file_of_some_length.cc:7)\n");
    free(t);
    json_decref(e);
}
END_TEST

/* A fact's row is the row of its document, in a file and on a terminal. */
START_TEST(event_rows_of_facts)
{
    static const struct fact facts[] = {
        { .ns = 1200000007, .type = FACT_NEW, .thread = 1, .process = 1, .block = 12, .address = 0x7f00, .size = 4096, .family = WIRE_NEW_ARRAY, .stack = 1 },
        { .type = FACT_NEW, .thread = 1, .process = 1, .block = 123456789012, .address = UINT64_MAX, .size = 1234567890123, .family = WIRE_MALLOC, .by = "clone", .stack = 2 },
        { .type = FACT_DROP, .thread = 2, .process = 1, .block = 12, .address = 0x7f00, .size = 4096, .family = WIRE_FREE, .stack = 3 },
        { .type = FACT_DROP, .thread = 2, .process = 1, .address = 0x7f00, .family = WIRE_FREE },
        { .type = FACT_DROP, .process = 1, .block = 12, .address = 0x7f00, .by = "exec" },
        { .type = FACT_MOVE, .thread = 2, .process = 1, .block = 12, .address = 0x7f00, .size = 7, .from_thread = 1, .to_thread = 2, .by = "taken", .family = WIRE_FREE },
        { .type = FACT_MOVE, .thread = 2, .process = 1, .block = 12, .address = 0x7f00, .size = 77, .old_address = 0x6f00, .old_size = 7, .by = "realloc", .stack = 1 },
        { .type = FACT_MOVE, .process = 1, .block = 12, .address = 0x7f00, .size = 77, .from_thread = 2, .by = "outlived" },
        { .type = FACT_BORROW, .thread = 1, .process = 1, .block = 12, .address = 0x7f00, .size = 2000, .offset = 8, .by = "copied", .family = WIRE_COPY_MEMCPY, .is_mutable = true },
        { .type = FACT_BORROW, .thread = 1, .process = 1, .block = 12, .address = 0x7f00, .size = 20, .to_thread = 2, .by = "thread-arg" },
        { .type = FACT_BORROW_END, .thread = 2, .process = 1, .block = 12, .address = 0x7f00, .size = 20, .to_thread = 2, .by = "thread-arg" },
        { .type = FACT_ACQUIRE, .thread = 1, .process = 1, .lock = 3, .address = 0x10, .lock_family = WIRE_LOCK_MUTEX, .wait_ns = 1500 },
        { .type = FACT_ACQUIRE, .thread = 1, .process = 1, .lock = 3, .address = 0x10, .lock_family = WIRE_LOCK_RWLOCK, .shared = true, .by = "try" },
        { .type = FACT_RELEASE, .thread = 1, .process = 1, .lock = 3, .address = 0x10, .lock_family = WIRE_LOCK_RWLOCK, .shared = true },
        { .type = FACT_WAIT_END, .thread = 1, .process = 1, .lock = 3, .address = 0x10, .lock_family = WIRE_LOCK_MUTEX, .size = 110 },
        { .type = FACT_LOCK, .thread = 1, .process = 1, .lock = 3, .address = 0x10, .lock_family = WIRE_LOCK_MUTEX, .by = "init" },
        { .type = FACT_THREAD, .thread = 1, .process = 1, .to_thread = 2, .by = "name", .text = "wor\033k er ", .text_bytes = 9 },
        { .type = FACT_MARK, .thread = 1, .process = 1, .text = "\303\244 mark", .text_bytes = 7 },
        { .type = FACT_LOST, .process = 1, .address = 1, .size = 12 },
        { .type = FACT_PROCESS, .process = 1, .by = "exit", .address = 3 },
        { .type = FACT_SNAPSHOT, .process = 1, .by = "asked", .address = 3, .size = 123456 } };
    static const struct table_style wanted[] = { { .width = 80, .whole = true }, { .width = 80, .whole = true, .utf8 = true }, { .width = 80 },
                                                 { .width = 132, .colour = true } };
    struct code *code = code_new();
    uint32_t module = code_module_id(code, "/lib/lib\001odd.so", 15, NULL, 0), plain = code_module_id(code, "/lib/libplain.so", 16, NULL, 0), stack = 0;
    for (uint32_t i = 0; i < 3; i++)
        stack = code_stack_id(code, i == 2 ? 0 : stack, code_frame_id(code, i == 2 ? module : plain, 0x1000 + i, 0));
    struct frames *frames = frames_new(NULL, NULL, code);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        json_t *event = event_document(&facts[i], frames);
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
            char *expect = rendered(table_one_event, event, &wanted[k]), *text;
            size_t n;
            FILE *f = open_memstream(&text, &n);
            struct event_table *t = table_events_new(f, &wanted[k]);
            table_event_fact(t, &facts[i], frames, frames_code_stack(frames, facts[i].stack));
            table_events_free(t);
            fclose(f);
            ck_assert_str_eq(text, expect);
            free(expect);
            free(text);
        }
        json_decref(event);
    }
    frames_free(frames);
    code_free(code);
}
END_TEST

START_TEST(history_table)
{
    json_t *doc = json_pack("{s:{s:s,s:I,s:s,s:s,s:s,s:I,s:I},s:[o,o,o],s:i,s:{s:s,s:I,s:I,s:s,s:I,s:[]},s:n,s:I}", "node", "id", "b1", "size_bytes", (json_int_t)4096,
                            "address", "0x7f00", "family", "malloc", "thread", "t1", "born_ns", (json_int_t)5, "dropped_ns", (json_int_t)1205,
                            "events", json_loads(events[0], 0, NULL), json_loads(events[1], 0, NULL), json_loads(events[3], 0, NULL),
                            "events_total", 9, "before", "id", "b0", "size_bytes", (json_int_t)8, "born_ns", (json_int_t)2, "thread", "t3",
                            "dropped_ns", (json_int_t)4, "stack", "after", "since_ns", (json_int_t)7);
    ck_assert_ptr_nonnull(doc);
    char *t = checked(table_history, doc);
    says(t, "block b1: 4,096 bytes at 0x7f00, made by malloc in t1\n  lived 1.2 us, from 5 ns to 1.2 us\n");
    says(t, "before at that address: b0, 8 bytes, made at 2 ns by t3, dropped at 4 ns\n");
    says(t, "below, what happened after 7 ns\n");
    ck_assert_ptr_null(strstr(t, "after at that address"));
    says(t, "new operator new[] 0x7f00, 4,096 bytes\n                     work (w.c:9) via xmalloc\n                       by main\n");
    says(t, "and 6 more");
    free(t);
    json_decref(doc);
}
END_TEST

START_TEST(style_of_a_stream)
{
    struct table_style s;
    FILE *f = tmpfile();
    setenv("COLUMNS", "133", 1);
    setenv("LC_ALL", "de_DE.UTF-8", 1);
    table_style_init(&s, f, true);
    ck_assert(s.width == 133 && s.utf8 && s.colour && !s.brief && !s.whole);
    setenv("COLUMNS", "7", 1);
    setenv("LC_ALL", "C", 1);
    table_style_init(&s, f, false);
    ck_assert(s.width == 80 && !s.utf8 && !s.colour);
    unsetenv("COLUMNS");
    table_style_init(&s, f, false);
    ck_assert(s.width == 80 && s.whole);
    fclose(f);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *tc = tcase_create("table");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, numbers);
    tcase_add_test(tc, lines_wrap_and_cut);
    tcase_add_test(tc, frames_as_text);
    tcase_add_test(tc, report_table);
    tcase_add_test(tc, report_of_samples);
    tcase_add_test(tc, tables_of_nothing);
    tcase_add_test(tc, threads_table);
    tcase_add_test(tc, event_lines);
    tcase_add_test(tc, event_lines_whole);
    tcase_add_test(tc, event_rows_of_facts);
    tcase_add_test(tc, history_table);
    tcase_add_test(tc, style_of_a_stream);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
