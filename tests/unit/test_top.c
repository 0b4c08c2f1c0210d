/*
 * tests/unit/test_top.c - what `ownscope top` makes of documents: rows, their
 * order, the filter, growth, and the picture on a canvas.
 */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top.h"
#include "event/xalloc.h"
#include "suite.h"

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *doc = json_loads(text, 0, &error);
    ck_assert_msg(doc, "%s: %s", error.text, text);
    return doc;
}

/* A site of its own stack, by name. */
static json_t *site(const char *function, int live, int allocations)
{
    return json_pack("{s:[{s:s,s:s,s:s}],s:i,s:i,s:i}", "stack", "function", function, "module", "/bin/app", "offset", function,
                     "live_bytes", live, "live_blocks", 1, "allocations", allocations);
}

static json_t *sites(double at_s, int total, json_t *a, json_t *b)
{
    json_t *doc = json_pack("{s:I,s:i,s:[]}", "at_ns", (json_int_t)(at_s * 1e9), "sites_total", total, "sites");
    json_array_append_new(json_object_get(doc, "sites"), a);
    if (b)
        json_array_append_new(json_object_get(doc, "sites"), b);
    return doc;
}

static const struct top_grown *grown_of(const struct top_growth *g, const json_t *doc, size_t at)
{
    return top_growth_of(g, json_object_get(json_array_get(json_object_get(doc, "sites"), at), "stack"));
}

START_TEST(test_growth)
{
    struct top_growth g = { 0 };
    json_t *one = sites(1, 1, site("make", 100, 10), NULL), *two = sites(3, 2, site("make", 350, 30), site("late", 50, 4)),
           *three = sites(4, 2, site("make", 300, 31), site("late", 50, 4));
    top_growth_add(&g, one);
    ck_assert(grown_of(&g, one, 0)->now_live == 100 && grown_of(&g, one, 0)->first_live == 100);
    top_growth_add(&g, two);
    const struct top_grown *make = grown_of(&g, two, 0), *late = grown_of(&g, two, 1);
    ck_assert(make->now_live - make->first_live == 250 && make->now_live - make->last_live == 250);
    ck_assert(make->now_allocations - make->last_allocations == 20 && g.now_s - g.last_s == 2);
    ck_assert(late->first_live == 0 && late->now_live == 50);   /* all sites were known, so it began with nothing */
    top_growth_add(&g, three);
    top_growth_add(&g, three);  /* the same look again counts once */
    make = grown_of(&g, three, 0);
    ck_assert(make->now_live - make->first_live == 200 && make->now_live - make->last_live == -50 && make->history.n == 3);
    top_growth_reset(&g);
    ck_assert(make->now_live == make->first_live);
    top_growth_end(&g);
    json_decref(one);
    json_decref(two);
    json_decref(three);
}
END_TEST

/* Where a document does not have all sites, nobody knows what one had before it was seen. */
START_TEST(test_growth_of_some)
{
    struct top_growth g = { 0 };
    json_t *one = sites(1, 9, site("make", 100, 10), NULL), *two = sites(2, 9, site("make", 100, 10), site("late", 50, 4));
    top_growth_add(&g, one);
    top_growth_add(&g, two);
    ck_assert(grown_of(&g, two, 1)->first_live == 50 && grown_of(&g, two, 1)->last_live == 50);
    json_t *again = sites(0.5, 1, site("make", 7, 1), NULL);    /* time went back: another session */
    top_growth_add(&g, again);
    ck_assert(g.look == 1 && grown_of(&g, again, 0)->first_live == 7);
    top_growth_end(&g);
    json_decref(one);
    json_decref(two);
    json_decref(again);
}
END_TEST

static const char THREADS[] =
    "{\"at_ns\":5000000000,\"totals\":{\"live_bytes\":4096,\"live_blocks\":2,\"events\":7,\"lost\":0,\"threads\":3,\"ring_fill\":0.25},"
    "\"session\":{\"name\":\"run-1\",\"command\":\"./app\",\"uptime_ns\":65000000000,\"collector_cpu_share\":0.125},"
    "\"processes\":[],\"threads\":["
    "{\"id\":\"t2\",\"tid\":12,\"name\":\"worker\",\"state\":\"sleeping\",\"cpu_share\":0.5,\"rates\":{\"events_per_s\":10,\"allocations_per_s\":5,\"bytes_per_s\":2048},"
    "\"owns\":{\"blocks\":1,\"bytes\":9000},\"last\":{\"ns\":1,\"stack\":[{\"function\":\"deep_inside\",\"module\":\"/bin/app\",\"offset\":\"0x1\"}]},\"holds\":[],"
    "\"waits\":{\"lock\":\"l1\",\"kind\":\"mutex\",\"where\":\"app:queue\",\"since_ns\":3000000000,\"held_by\":[{\"thread\":\"t10\"}]}},"
    "{\"id\":\"t10\",\"tid\":20,\"name\":\"main\",\"state\":\"running\",\"cpu_share\":0.1,\"rates\":{\"events_per_s\":300,\"allocations_per_s\":1,\"bytes_per_s\":1},"
    "\"owns\":{\"blocks\":1,\"bytes\":20},\"last\":{\"ns\":1,\"stack\":[]},\"holds\":[],\"waits\":null},"
    "{\"id\":\"t1\",\"tid\":9,\"name\":\"idle\",\"state\":\"sleeping\",\"owns\":{},\"rates\":null,\"waits\":null}]}";

START_TEST(test_rows_order)
{
    struct top_rows r;
    json_t *doc = parse(THREADS);
    top_rows_make(&r, TOP_THREADS, doc, NULL);
    ck_assert_uint_eq(r.n, 3);
    top_rows_sort(&r, TOP_THREADS, 5, false);       /* EVENT/S: the most first, unknown last */
    ck_assert_str_eq(r.rows[0].key, "t10");
    ck_assert_str_eq(r.rows[2].key, "t1");
    top_rows_sort(&r, TOP_THREADS, 5, true);
    ck_assert_str_eq(r.rows[0].key, "t1");
    top_rows_sort(&r, TOP_THREADS, 0, false);       /* ID: t2 before t10 */
    ck_assert_str_eq(r.rows[0].key, "t1");
    ck_assert_str_eq(r.rows[1].key, "t2");
    ck_assert_uint_eq(top_rows_find(&r, "t10"), 2);
    ck_assert_uint_eq(top_rows_find(&r, "t11"), SIZE_MAX);
    ck_assert_str_eq(r.rows[1].cells[9].text, "waits for mutex app:queue of t10, 2.000 s");
    top_rows_end(&r);
    json_decref(doc);
}
END_TEST

START_TEST(test_rows_filter)
{
    static const struct { const char *filter; size_t left; } cases[] = { { "WORK", 1 }, { "deep_in", 1 }, { "e", 2 }, { "none of it", 0 }, { "", 3 }, { "t1", 3 } };
    json_t *doc = parse(THREADS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct top_rows r;
        top_rows_make(&r, TOP_THREADS, doc, NULL);
        top_rows_filter(&r, cases[i].filter);
        ck_assert_msg(r.n == cases[i].left, "'%s': %zu", cases[i].filter, r.n);
        top_rows_end(&r);
    }
    json_decref(doc);
}
END_TEST

/* Documents are input: of any shape, nothing is read that is not there. */
START_TEST(test_rows_hostile)
{
    static const char *const docs[] = { "{}", "{\"threads\":7,\"sites\":{},\"locks\":[1,null,\"x\",[]],\"findings\":[{}],\"processes\":[{\"pid\":-1,\"ended_ns\":0}]}",
        "{\"threads\":[{\"id\":5,\"waits\":{},\"holds\":[{}]}],\"sites\":[{\"stack\":[{},3,\"x\"],\"live_bytes\":-5}],\"locks\":[{\"holder\":3,\"wait_ns\":[]}]}" };
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++)
        for (unsigned s = 0; s < TOP_SCREENS; s++) {
            struct top t;
            struct canvas c = { 0 };
            top_begin(&t, s);
            t.docs.states = parse(docs[i]);
            t.docs.sites = parse(docs[i]);
            t.docs.control = parse(docs[i]);
            t.docs.screen = parse(docs[i]);
            t.docs.of = s;
            t.docs.link = TOP_LINK_LIVE;
            top_update(&t);
            canvas_size(&c, 80, 24, true);
            top_draw(&t, &c, false);
            top_key(&t, TOP_KEY_ENTER, 10);
            top_draw(&t, &c, false);
            canvas_free(&c);
            top_end(&t);
        }
}
END_TEST

/* ---- the picture ---- */

static char *picture(struct top *t, unsigned width, unsigned height)
{
    struct canvas c = { 0 };
    char *text = xstrdup("");
    canvas_size(&c, width, height, t->utf8);
    top_draw(t, &c, false);
    for (unsigned y = 0; y < height; y++) {
        char *line = canvas_line(&c, y), *longer = xasprintf("%s%s\n", text, line);
        ck_assert_uint_le(canvas_columns(&c, line), width);
        free(line);
        free(text);
        text = longer;
    }
    canvas_free(&c);
    return text;
}

static void top_of(struct top *t)
{
    top_begin(t, TOP_THREADS);
    t->docs.states = parse(THREADS);
    t->docs.control = parse("{\"state\":\"paused\",\"rules\":[{\"number\":4,\"rule\":\"function=foo\"}],\"limits\":{\"cpu\":{\"limit\":0.03,\"now\":0.021},\"breaker\":\"open\"}}");
    t->docs.link = TOP_LINK_LIVE;
    top_update(t);
}

START_TEST(test_picture)
{
    static const struct { unsigned width, height; const char *there, *not_there; } cases[] = {
        { 80, 24, "EVENT/S", "TID" }, { 200, 50, "BYTE/S", "too small" }, { 40, 10, "worker", "OWNS" }, { 39, 10, "too small: 39x10", "worker" }, { 1, 1, "~", "worker" } };
    struct top t;
    top_of(&t);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = picture(&t, cases[i].width, cases[i].height);
        ck_assert_msg(strstr(text, cases[i].there), "%ux%u: no '%s' in\n%s", cases[i].width, cases[i].height, cases[i].there, text);
        ck_assert_msg(!strstr(text, cases[i].not_there), "%ux%u: '%s' in\n%s", cases[i].width, cases[i].height, cases[i].not_there, text);
        free(text);
    }
    char *text = picture(&t, 120, 24);
    ck_assert(strstr(text, "PAUSED") && strstr(text, "up 1:05") && strstr(text, "records nothing") && strstr(text, "cpu 2.1% of 3%") && strstr(text, "breaker open"));
    for (const char *p = text; *p; p++)
        ck_assert((unsigned char)*p < 0x80);    /* no UTF-8 was asked for */
    free(text);
    top_end(&t);
}
END_TEST

/* The selection stays on what it was on, wherever that goes. */
START_TEST(test_selection)
{
    struct top t;
    top_of(&t);
    top_key(&t, TOP_KEY_DOWN, 10);
    ck_assert_str_eq(t.selected, t.rows.rows[1].key);
    char *key = xstrdup(t.selected);
    top_key(&t, 'I', 10);
    ck_assert_str_eq(t.rows.rows[t.at].key, key);
    top_key(&t, '/', 10);
    for (const char *p = key; *p; p++)
        top_key(&t, (uint32_t)*p, 10);
    ck_assert_str_eq(t.filter, key);
    top_key(&t, TOP_KEY_ENTER, 10);
    ck_assert_int_eq(t.prompt, TOP_ASK_NOTHING);
    top_key(&t, TOP_KEY_ESCAPE, 10);
    ck_assert_uint_eq(t.rows.n, 3);
    top_key(&t, TOP_KEY_END, 10);
    ck_assert_uint_eq(t.at, 2);
    top_key(&t, TOP_KEY_PAGE_DOWN, 10);
    ck_assert_uint_eq(t.at, 2);
    free(key);
    top_end(&t);
}
END_TEST

START_TEST(test_rules)
{
    static const struct { const char *function, *rule; } cases[] = {
        { "make", "function=make" }, { "ns::make(int, char*)", "function=ns::make" },
        { "std::vector<int, std::allocator<int> >::push(int)", "function=std::vector<int??std::allocator<int>?>::push" }, { "operator new[](unsigned long)", "function=operator?new??" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct top t;
        top_begin(&t, TOP_SITES);
        t.docs.link = TOP_LINK_LIVE;
        t.docs.sites = sites(1, 1, site(cases[i].function, 5, 1), NULL);
        top_update(&t);
        char *rule = top_rule(&t);
        ck_assert_str_eq(rule, cases[i].rule);
        free(rule);
        top_end(&t);
    }
}
END_TEST

START_TEST(test_answers)
{
    static const struct { const char *target, *doc; int status; const char *said; } cases[] = {
        { "/v1/stop", "{\"state\":\"paused\",\"was\":\"recording\",\"took_ns\":2000}", 200, "stop: recording -> paused, in 2.0 us" },
        { "/v1/trace?words=x", "{\"error\":\"no key x\"}", 400, "trace: no key x" },
        { "/v1/trace?words=x", "{\"state\":\"recording\",\"was\":\"recording\",\"rule\":\"function=f\",\"settled\":false}", 200, "trace: function=f: recording; not all hooks follow yet" },
        { "/v1/start", "{\"error\":\"no such document; see /v1/status\"}", 404, "start: this collector cannot do that" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct top t;
        json_t *doc = parse(cases[i].doc);
        top_of(&t);
        top_answered(&t, cases[i].target, doc, cases[i].status);
        ck_assert_str_eq(t.status, cases[i].said);
        json_decref(doc);
        top_end(&t);
    }
}
END_TEST

START_TEST(test_canvas)
{
    struct canvas c = { 0 };
    canvas_size(&c, 10, 2, true);
    ck_assert_uint_eq(canvas_text(&c, 0, 0, 6, TOP_PLAIN, "abcdefgh"), 6);
    char *line = canvas_line(&c, 0);
    ck_assert_str_eq(line, "abcde…");
    free(line);
    canvas_text(&c, 0, 1, 10, TOP_PLAIN, "\x1b[31m\xff\xe6\xbc\xa2z");    /* no byte steers; a wide one takes two */
    line = canvas_line(&c, 1);
    ck_assert_str_eq(line, "?[31m?漢z");
    free(line);
    canvas_text(&c, 9, 0, 10, TOP_PLAIN, "漢");
    canvas_text(&c, 11, 0, 10, TOP_PLAIN, "x");
    canvas_text(&c, 0, 7, 10, TOP_PLAIN, "x");
    canvas_right(&c, 4, 0, 6, TOP_PLAIN, "12");
    line = canvas_line(&c, 0);
    ck_assert_str_eq(line + strlen(line) - 2, "12");
    free(line);
    canvas_free(&c);
}
END_TEST

START_TEST(test_numbers)
{
    static const struct { double n; const char *shortly, *bytes, *growth; } cases[] = {
        { 0, "0", "0 B", "0" }, { 1.5, "1.5", "2 B", "+2 B" }, { 999, "999", "999 B", "+999 B" }, { 1024, "1024", "1.0 KiB", "+1.0 KiB" },
        { 226007, "226 k", "221 KiB", "+221 KiB" }, { -3072, "-3072", "-3.0 KiB", "-3.0 KiB" }, { 12345678, "12.3 M", "11.8 MiB", "+11.8 MiB" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_str_eq(top_short(cases[i].n).text, cases[i].shortly);
        ck_assert_str_eq(top_bytes(cases[i].n).text, cases[i].bytes);
        ck_assert_str_eq(top_growth_text(cases[i].n).text, cases[i].growth);
    }
    struct top_history h = { 0 };
    for (int i = 0; i < TOP_HISTORY + 8; i++)
        top_history_add(&h, 1000 + i);
    char *spark = top_sparkline(&h, 8, false);
    ck_assert_str_eq(spark, "_____...");/* 5% of the most is the least that is told apart */
    free(spark);
    h = (struct top_history){ .values = { 0, 50, 100 }, .n = 3 };
    spark = top_sparkline(&h, 8, true);
    ck_assert_str_eq(spark, "▁▅█");
    free(spark);
}
END_TEST

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    Suite *s = suite_create("top");
    TCase *t = tcase_create("top");
    suite_add_tcase(s, t);
    tcase_add_test(t, test_growth);
    tcase_add_test(t, test_growth_of_some);
    tcase_add_test(t, test_rows_order);
    tcase_add_test(t, test_rows_filter);
    tcase_add_test(t, test_rows_hostile);
    tcase_add_test(t, test_picture);
    tcase_add_test(t, test_selection);
    tcase_add_test(t, test_rules);
    tcase_add_test(t, test_answers);
    tcase_add_test(t, test_canvas);
    tcase_add_test(t, test_numbers);
    return suite_run(s);
}
