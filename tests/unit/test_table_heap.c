/*
 * tests/unit/test_table_heap.c - what the tables of leaks and of the graph say
 * where little is known, or much is to be shown. The snapshots are made by hand (leak_play.h).
 */
#include "cli/verdict.h"
#include "export/doc_leaks.h"
#include "leak_play.h"
#include "suite.h"
#include "table_check.h"

static struct doc_context context = { .complete = true };
static const struct table_style wide = { .width = 120 };

static void has(const char *shown, const char *wanted) { ck_assert_msg(strstr(shown, wanted) != NULL, "no '%s' in: %s", wanted, shown); }
static void lacks(const char *shown, const char *wrong) { ck_assert_msg(!strstr(shown, wrong), "'%s' in: %s", wrong, shown); }

/* The table of a document, which is freed. */
static char *table_of(table print, json_t *doc)
{
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        char *shown = rendered(print, doc, &styles[i]);
        check_rules(shown, &styles[i]);
        free(shown);
    }
    char *shown = rendered(print, doc, &wide);
    json_decref(doc);
    return shown;
}

START_TEST(no_zeros_where_classes_are_unknown)
{
    struct snapshot *s[5] = { leak_snapshot_refused(1), leak_snapshot(2), leak_snapshot(3), leak_snapshot(4), leak_snapshot(5) };
    struct view v = leak_view(s, 1);
    char *shown = table_of(table_leaks, doc_leaks(&v, &context, NULL));
    has(shown, "classes unknown: ");
    lacks(shown, " lost ");
    has(shown, "of unknown class ");
    free(shown);
    shown = table_of(table_report, doc_report(&v, &context, NULL));
    has(shown, "\nLeaks\n");
    lacks(shown, "definitely lost");
    has(shown, "of unknown class ");
    free(shown);
    v.n_snapshots = 5;
    shown = table_of(table_leaks, doc_leaks(&v, &context, NULL));
    has(shown, "definitely lost ");
    has(shown, "\n  p1           4000               -           -           -           -       1,380\n");
    free(shown);
    v.n_snapshots = 1;
    s[0]->number = 0;
    s[0]->ns = 5000000;
    shown = table_of(table_graph, doc_graph(&v, &context, &(struct doc_options){ 0 }));
    has(shown, "p1: 10 blocks at 5.0 ms, no snapshot");
    free(shown);
    for (size_t i = 0; i < 5; i++)
        snapshot_free(s[i]);
}
END_TEST

START_TEST(rows_of_several_processes)
{
    struct snapshot *s[2] = { leak_snapshot(1), leak_snapshot(2) };
    struct view v = leak_view(s, 2);
    struct doc_options by = { .by = "root" }, tree = { 0 };
    char *shown = table_of(table_graph, doc_graph(&v, &context, &tree));
    has(shown, "lost: nothing holds it (p1)\n");
    has(shown, "lost: nothing holds it (p2)\n");
    lacks(shown, "only blocks made after");
    free(shown);
    shown = table_of(table_graph, doc_graph(&v, &context, &by));
    has(shown, "lost: nothing holds it (p2)\n");
    free(shown);
    tree.since_ns = by.since_ns = 500;
    v.n_snapshots = 1;
    shown = table_of(table_graph, doc_graph(&v, &context, &tree));
    has(shown, "below, only blocks made after 500 ns count\n");
    lacks(shown, "(p1)");
    free(shown);
    shown = table_of(table_graph, doc_graph(&v, &context, &by));
    has(shown, "below, only blocks made after 500 ns count\n");
    free(shown);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

static char *table_of_node(const struct view *v, const char *of)
{
    struct doc_options o = { .of = of };
    return table_of(table_graph, doc_graph(v, &context, &o));
}

START_TEST(who_holds_a_node)
{
    struct snapshot *s = leak_snapshot(1);
    struct view v = leak_view(&s, 1);
    static const struct { const char *of, *holder; } nodes[] = { { "b4", "  holder      nothing\n" }, { "b9", "  holder      nothing\n" },
                                                                 { "b5", "  holder      b4 " }, { "b1", "  holder      r1 " } };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char *shown = table_of_node(&v, nodes[i].of);
        has(shown, nodes[i].holder);
        free(shown);
    }
    char *shown = table_of_node(&v, "r1");
    lacks(shown, "  holder ");
    free(shown);
    snapshot_free(s);
    struct play p = play_new(1, 2);
    play_edge(&p, play_root(&p, 0), 0);
    play_edge(&p, play_root(&p, 1), 0);
    s = play_done(&p);
    shown = table_of_node(&v, "b1");
    has(shown, "  holder      no single one\n");
    free(shown);
    snapshot_free(s);
}
END_TEST

/* A document with one leak, made at a stack of `inner` frames of a library that tell nothing and `own` of the program. */
static json_t *leak_at(size_t inner, size_t own)
{
    json_t *stack = json_array();
    for (size_t i = 0; i < inner + own; i++) {
        char name[40];
        snprintf(name, sizeof name, i < inner ? "std::vector<int>::f%zu" : i + 1 < inner + own ? "own%zu" : "main", i);
        json_array_append_new(stack, json_pack("{s:s,s:s}", "function", name, "module", "/usr/bin/app"));
    }
    json_array_append_new(stack, json_pack("{s:s,s:s}", "function", "__libc_start_main", "module", "/lib/libc.so.6"));
    return json_pack("{s:[{s:s,s:i,s:i,s:o}]}", "leaks", "class", "definite", "blocks", 1, "bytes", 8, "stack", stack);
}

static size_t lines_with(const char *shown, const char *word)
{
    size_t n = 0;
    for (const char *at = shown; (at = strstr(at, word)); at++)
        n++;
    return n;
}

START_TEST(long_stacks_of_leaks)
{
    char *shown = table_of(table_leaks, leak_at(9, 3));     /* all of twelve */
    ck_assert_uint_eq(lines_with(shown, "::f"), 9);
    has(shown, "by main (app)\n");
    lacks(shown, "...");
    lacks(shown, "libc_start");
    free(shown);
    shown = table_of(table_leaks, leak_at(1, 20));          /* the innermost tell */
    has(shown, "by own11 (app)\n                            ... 9 more frames\n");
    lacks(shown, "own12");
    free(shown);
    shown = table_of(table_leaks, leak_at(30, 3));          /* only what called the library tells */
    ck_assert_uint_eq(lines_with(shown, "::f"), 6);
    has(shown, "... 24 more frames\n");
    has(shown, "by own30 (app)\n");
    has(shown, "by main (app)\n");
    ck_assert_uint_eq(lines_with(shown, "..."), 1);
    free(shown);
    shown = table_of(table_leaks, leak_at(8, 20));
    has(shown, "... 2 more frames\n");
    has(shown, "by own13 (app)\n                            ... 14 more frames\n");
    free(shown);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table_heap");
    TCase *c = tcase_create("all");
    tcase_add_unchecked_fixture(c, scratch_make, scratch_clean);
    tcase_add_test(c, no_zeros_where_classes_are_unknown);
    tcase_add_test(c, rows_of_several_processes);
    tcase_add_test(c, who_holds_a_node);
    tcase_add_test(c, long_stacks_of_leaks);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
