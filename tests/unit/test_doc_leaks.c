/*
 * tests/unit/test_doc_leaks.c - leaks as documents: groups, sums, findings,
 * suppressions, what is said where classes are unknown, and their tables. The
 * snapshots are made by hand (leak_play.h).
 */
#include "export/doc_leaks.h"
#include "suite.h"

#include "cli/verdict.h"
#include "leak_play.h"
#include "table_check.h"

static struct doc_context context = { .complete = true };

static const json_t *sum(const json_t *doc, const char *class) { return json_object_get(json_object_get(doc, "totals"), class); }

/* Why classes are not known, or not surely. */
static const char *coverage_why(const json_t *doc)
{
    const json_t *list = json_object_get(json_object_get(doc, "metadata"), "coverage");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(text(json_array_get(list, i), "kind"), "classes"))
            return text(json_array_get(list, i), "why");
    return NULL;
}

static void is_sum(const json_t *one, json_int_t blocks, json_int_t bytes)
{
    ck_assert_int_eq(number(one, "blocks"), blocks);
    ck_assert_int_eq(number(one, "bytes"), bytes);
}

static json_t *leaks_of(struct snapshot **s, size_t n, const struct doc_options *o)
{
    struct view v = leak_view(s, n);
    return doc_leaks(&v, &context, o);
}

START_TEST(sums_and_groups)
{
    struct snapshot *s = leak_snapshot(1);
    json_t *j = leaks_of(&s, 1, NULL);
    is_sum(sum(j, "definite"), 3, 40 + 70 + 1000);
    is_sum(sum(j, "indirect"), 2, 50 + 60);
    is_sum(sum(j, "possible"), 1, 30);
    is_sum(sum(j, "reachable"), 3, 10 + 20 + 100);   /* no mapping, but what it holds */
    is_sum(sum(j, "suppressed"), 0, 0);
    ck_assert_ptr_null(sum(j, "unknown"));
    ck_assert(json_is_null(json_object_get(j, "refused")));
    const json_t *list = json_object_get(j, "leaks"), *one = json_array_get(list, 0);
    ck_assert_uint_eq(json_array_size(list), 3);
    ck_assert_str_eq(text(one, "class"), "definite");
    ck_assert_int_eq(number(one, "bytes"), 1000);
    ck_assert_str_eq(text(one, "made_by"), "operator new[]");
    one = json_array_get(list, 1);
    is_sum(one, 2, 110);
    is_sum(json_object_get(one, "indirect"), 2, 110);
    ck_assert_str_eq(text(one, "example"), "b7");
    ck_assert_int_eq(number(one, "example_size_bytes"), 70);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(one, "ids"), 0)), "b4");
    ck_assert_uint_eq(json_array_size(json_object_get(one, "ids")), 2);
    ck_assert_int_eq(number(one, "oldest_ns"), 400);
    ck_assert_int_eq(number(one, "newest_ns"), 700);
    ck_assert_str_eq(text(json_array_get(list, 2), "class"), "possible");
    const json_t *taken = json_array_get(json_object_get(j, "snapshots"), 0);
    ck_assert_str_eq(text(taken, "why"), "exit");
    ck_assert_int_eq(number(taken, "pause_ns"), 1500000);
    is_sum(json_object_get(json_object_get(taken, "totals"), "definite"), 3, 1110);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "live")), 0);
    json_decref(j);
    snapshot_free(s);
}
END_TEST

START_TEST(kinds_moments_processes)
{
    struct snapshot *s[2] = { leak_snapshot(1), leak_snapshot(2) };
    struct doc_options o = { .leak_kinds = LEAK_KINDS_ALL };
    json_t *j = leaks_of(s, 2, &o);
    const json_t *list = json_object_get(j, "leaks");
    static const char *const order = "definite definite definite definite possible possible indirect indirect reachable reachable";
    char *got = xstrdup("");
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *more = xasprintf("%s%s%s", got, i ? " " : "", text(json_array_get(list, i), "class"));
        free(got);
        got = more;
    }
    ck_assert_str_eq(got, order);
    free(got);
    is_sum(sum(j, "definite"), 6, 2220);
    is_sum(json_object_get(json_object_get(json_array_get(json_object_get(j, "snapshots"), 1), "totals"), "definite"), 3, 1110);
    json_decref(j);
    o = (struct doc_options){ .leak_kinds = LEAK_KIND_INDIRECT, .process = 2, .sites = 1 };
    j = leaks_of(s, 2, &o);
    ck_assert_int_eq(number(j, "leaks_total"), 1);
    ck_assert_str_eq(text(json_array_get(json_object_get(j, "leaks"), 0), "process"), "p2");
    is_sum(sum(j, "definite"), 3, 1110);
    json_decref(j);
    o = (struct doc_options){ .since_ns = 500, .process = 1 };   /* b5 and later */
    j = leaks_of(s, 2, &o);
    is_sum(sum(j, "definite"), 2, 1070);
    is_sum(sum(j, "indirect"), 2, 110);
    is_sum(sum(j, "reachable"), 1, 100);
    ck_assert_int_eq(number(json_object_get(json_array_get(json_object_get(j, "leaks"), 1), "indirect"), "blocks"), 0);
    json_decref(j);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

START_TEST(a_process_that_is_not_there)
{
    struct view v = leak_view(NULL, 0);
    struct doc_options o = { .process = 9 };
    v.snapshots_of = 9;
    json_t *j = doc_leaks(&v, &context, &o), *graph = doc_graph(&v, &context, &o);
    ck_assert_str_eq(text(j, "refused"), "there is no process p9");
    ck_assert_str_eq(text(graph, "refused"), "there is no process p9");
    char *shown = rendered(table_leaks, j, &(struct table_style){ .width = 100 });
    ck_assert_msg(strstr(shown, "no heap was looked at: there is no process p9") != NULL, "%s", shown);
    free(shown);
    json_decref(j);
    json_decref(graph);
}
END_TEST

START_TEST(many_stacks_are_told_apart)
{
    enum { N = 20000 };
    struct play p = play_new(N, 0);
    for (uint32_t i = 0; i < N; i++) {
        p.s->stack[i] = i % 5000;
        p.s->size[i] = 1 + i % 5000;
    }
    struct snapshot *s = play_done(&p);
    struct view v = leak_view(&s, 1);
    struct leaks *l = leaks_new(&v, 0);
    ck_assert_uint_eq(l->n, 5000);
    for (size_t i = 0; i < l->n; i++) {
        const struct leak_group *g = &l->groups[i];
        ck_assert_uint_eq(g->direct.blocks, 4);
        ck_assert_uint_eq(g->direct.bytes, 4 * (g->stack + 1));
        ck_assert_uint_eq(g->stack, 4999 - i);
    }
    for (uint32_t i = 0; i < N; i++)
        ck_assert_uint_eq(l->groups[l->group_of[0][i] - 1].stack, i % 5000);
    leaks_free(l);
    snapshot_free(s);
}
END_TEST

static void is_held(const json_t *leak, const char *id, const char *kind, json_int_t blocks, json_int_t bytes)
{
    const json_t *holder = json_object_get(leak, "holder");
    ck_assert_str_eq(text(holder, "kind"), kind);
    ck_assert_msg(id ? text(holder, "id") && !strcmp(text(holder, "id"), id) : json_is_null(json_object_get(holder, "id")), "%s", text(holder, "what"));
    is_sum(holder, blocks, bytes);
}

START_TEST(types_and_holders)
{
    struct snapshot *s = leak_snapshot(1);
    struct doc_options o = { .leak_kinds = LEAK_KINDS_ALL };
    s->types = xcalloc(1, sizeof *s->types);
    s->n_types = 1;
    s->types[0].name = xstrdup("N3abc3FooE");
    s->type[3] = s->type[6] = s->type[0] = s->type[9] = 1;
    json_t *j = leaks_of(&s, 1, &o), *list = json_object_get(j, "leaks");
    ck_assert(json_is_null(json_object_get(json_array_get(list, 0), "holder")));
    ck_assert_ptr_null(json_object_get(json_array_get(list, 0), "type"));
    ck_assert_str_eq(text(json_array_get(list, 1), "type"), "abc::Foo");
    ck_assert_str_eq(text(json_array_get(list, 1), "type_by"), "vtable");
    is_held(json_array_get(list, 2), "r1", "root", 1, 30);
    is_held(json_array_get(list, 3), "b5", "block", 1, 60);     /* b4 holds b5, that holds b6 */
    is_held(json_array_get(list, 4), "b9", "block", 1, 100);    /* of b1, b2 and b10 */
    ck_assert_ptr_null(json_object_get(json_array_get(list, 4), "type"));   /* some have none */
    struct table_style wide = { .width = 120 };
    char *shown = rendered(table_leaks, j, &wide);
    ck_assert_ptr_nonnull(strstr(shown, "  type abc::Foo\n"));
    ck_assert_ptr_nonnull(strstr(shown, "  held by r1 data at 0x1000\n"));
    ck_assert_ptr_nonnull(strstr(shown, " (1 of 3)\n"));
    free(shown);
    json_decref(j);
    struct snapshot *t = leak_snapshot(1);
    struct view a = leak_view(&t, 1), b = leak_view(&s, 1);
    j = doc_diff(&a, &context, &b, &context, NULL);
    list = json_object_get(j, "types");
    ck_assert_uint_eq(json_array_size(list), 1);
    ck_assert_str_eq(text(json_array_get(list, 0), "type"), "abc::Foo");
    is_sum(json_array_get(list, 0), 4, 10 + 40 + 70 + 100);
    json_decref(j);
    struct snapshot *unread = leak_snapshot_refused(1);    /* its objects could not tell: no type is new for that */
    a.snapshots = &unread;
    j = doc_diff(&a, &context, &b, &context, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "types")), 0);
    ck_assert(json_is_null(json_object_get(j, "classes")));
    json_decref(j);
    snapshot_free(unread);
    snapshot_free(s);
    snapshot_free(t);
    /* two roots hold it */
    struct play p = play_new(1, 2);
    play_edge(&p, play_root(&p, 0), 0);
    play_edge(&p, play_root(&p, 1), 0);
    s = play_done(&p);
    j = leaks_of(&s, 1, &o);
    is_held(json_array_get(json_object_get(j, "leaks"), 0), NULL, "roots", 1, 16);
    json_decref(j);
    snapshot_free(s);
}
END_TEST

/* ---- findings ---- */

START_TEST(leaks_are_findings)
{
    struct snapshot *s = leak_snapshot(1);
    struct view v = leak_view(&s, 1);
    struct doc_options o = { .blocks = true };
    json_t *j = doc_findings(&v, &context, &o), *list = json_object_get(j, "findings"), *one = json_array_get(list, 1);
    ck_assert_int_eq(number(json_object_get(j, "rules"), "leak"), 3);
    ck_assert_int_eq(number(json_object_get(j, "times"), "leak"), 4);
    ck_assert_str_eq(text(json_array_get(list, 0), "message"), "1000 bytes in 1 block are definitely lost");
    ck_assert_str_eq(text(one, "message"), "220 bytes in 2 blocks are definitely lost: 110 directly, 110 indirectly in 2 blocks that they hold");
    ck_assert_str_eq(text(json_array_get(list, 2), "message"), "30 bytes in 1 block are possibly lost");
    ck_assert_str_eq(text(one, "rule"), "leak");
    ck_assert_str_eq(text(one, "class"), "definite");
    ck_assert_str_eq(text(one, "node"), "b7");
    ck_assert_int_eq(number(one, "ns"), 990);
    ck_assert_int_eq(number(one, "event"), 290);
    has_keys(json_object_get(one, "stacks"), "made");
    ck_assert_uint_eq(json_array_size(json_object_get(one, "doubt")), 0);
    ck_assert_str_eq(text(one, "suppression"), "{\n   <insert_a_suppression_name_here>\n   Memcheck:Leak\n   match-leak-kinds: definite\n"
                                               "   fun:malloc\n   obj:/gone/app\n   obj:/gone/app\n}\n");
    json_t *all = doc_leaks(&v, &context, &o), *same = json_array_get(json_object_get(all, "leaks"), 1);
    ck_assert_str_eq(text(same, "fingerprint"), text(one, "fingerprint"));
    ck_assert_str_eq(text(same, "suppression"), text(one, "suppression"));
    json_decref(all);
    json_decref(j);
    s->doubtful = s->stacks_unknown = true;
    v.totals.unseen_drops = 1;
    j = doc_findings(&v, &context, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(json_object_get(j, "findings"), 0), "doubt")), 3);
    json_decref(j);
    snapshot_free(s);
}
END_TEST

static struct suppressions *set_of(const char *text)
{
    struct suppressions *s = suppressions_new();
    char *error;
    ck_assert_int_eq(suppressions_parse(s, "x.supp", text, strlen(text), &error), 0);
    return s;
}

START_TEST(suppressed_leaks)
{
    struct snapshot *s = leak_snapshot(1);
    struct suppressions *by = set_of("{\nthe array\nMemcheck:Leak\nmatch-leak-kinds: definite\nfun:_Znam\n...\n}\n");
    struct doc_options o = { .suppressions = by };
    json_t *j = leaks_of(&s, 1, &o);
    is_sum(sum(j, "definite"), 2, 110);
    is_sum(sum(j, "suppressed"), 1, 1000);
    ck_assert_int_eq(number(j, "suppressed"), 1);
    ck_assert_int_eq(number(j, "leaks_total"), 2);
    ck_assert_str_eq(text(json_array_get(json_object_get(j, "suppressions"), 0), "name"), "the array");
    json_decref(j);
    suppressions_free(by);
    o.suppressions = by = set_of("leak:/gone/app\n");
    j = leaks_of(&s, 1, &o);
    is_sum(sum(j, "definite"), 0, 0);
    is_sum(sum(j, "suppressed"), 7, 1110 + 30 + 130);  /* b5 and b6 have a stack of their own */
    json_decref(j);
    suppressions_free(by);
    snapshot_free(s);
}
END_TEST

START_TEST(each_block_silences_its_own)
{
    struct snapshot *s = leak_snapshot(1);
    struct doc_options o = { .blocks = true, .leak_kinds = LEAK_KINDS_ALL };
    json_t *j = leaks_of(&s, 1, &o), *list = json_object_get(j, "leaks");
    size_t n = json_array_size(list);
    ck_assert_uint_eq(n, 5);
    for (size_t i = 0; i < n; i++) {
        const char *block = text(json_array_get(list, i), "suppression");
        if (!block)     /* made where no stack is known */
            continue;
        struct suppressions *by = set_of(block);
        struct doc_options with = { .suppressions = by, .leak_kinds = LEAK_KINDS_ALL };
        json_t *left = leaks_of(&s, 1, &with);
        ck_assert_int_eq(number(left, "leaks_total"), (json_int_t)n - 1);
        for (size_t k = 0; k < n - 1; k++) {
            const json_t *one = json_array_get(json_object_get(left, "leaks"), k);
            ck_assert(!json_equal(json_object_get(one, "ids"), json_object_get(json_array_get(list, i), "ids")));
        }
        json_decref(left);
        suppressions_free(by);
    }
    json_decref(j);
    snapshot_free(s);
}
END_TEST

/* ---- what is not known ---- */

START_TEST(classes_unknown)
{
    struct snapshot *s = leak_snapshot_refused(1);
    struct view v = leak_view(&s, 1);
    json_t *j = doc_leaks(&v, &context, NULL);
    ck_assert_str_eq(text(j, "refused"), "classes unknown: may not trace it (yama)");
    is_sum(sum(j, "definite"), 0, 0);
    is_sum(sum(j, "unknown"), 9, 10 + 20 + 30 + 40 + 50 + 60 + 70 + 1000 + 100);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "leaks")), 0);
    const json_t *live = json_object_get(j, "live");
    ck_assert_uint_eq(json_array_size(live), 4);
    ck_assert_str_eq(text(json_array_get(live, 0), "class"), "unknown");
    is_sum(json_array_get(live, 0), 2, 1030);
    ck_assert_str_eq(coverage_why(j), "may not trace it (yama)");
    json_t *findings = doc_findings(&v, &context, NULL);
    ck_assert_int_eq(number(findings, "findings_total"), 0);
    json_decref(findings);
    struct table_style style = { .width = 100 };
    char *shown = rendered(table_leaks, j, &style);
    ck_assert_ptr_nonnull(strstr(shown, "classes unknown: may not trace it (yama)\n"));
    ck_assert_ptr_nonnull(strstr(shown, "\nOf unknown class\n"));
    free(shown);
    json_decref(j);
    snapshot_free(s);
}
END_TEST

START_TEST(gaps_are_told)
{
    struct snapshot *s = leak_snapshot(1);
    struct view_process p = { .id = 1, .pid = 4000, .ended = true, .exit_known = true, .live_blocks = 3 };
    struct view v = leak_view(&s, 1);
    struct verdict_rules named = { .rules = 1u << RULE_LEAK, .leaks_named = true }, other = { .rules = 1u << RULE_RELOCK }, any = { .rules = ~0u };
    bool fails;
    struct doc_context live = { .live = true }, earlier = { .complete = true, .earlier = true };
    v.processes = &p;
    v.n_processes = 1;
    json_t *j = doc_leaks(&v, &context, NULL);
    ck_assert_ptr_null(coverage_why(j));
    ck_assert_ptr_null(verdict_unanswered(&named, &v, &context, &fails));
    json_decref(j);
    v.n_snapshots = 0;
    j = doc_leaks(&v, &context, NULL);
    ck_assert_str_eq(coverage_why(j), "it ended without a snapshot");
    json_decref(j);
    char *said = verdict_unanswered(&named, &v, &context, &fails);
    ck_assert_str_eq(said, "the leak classes of p1 (pid 4000) are unknown: it ended without a snapshot");
    ck_assert(fails);
    free(said);
    said = verdict_unanswered(&any, &v, &context, &fails);
    ck_assert(said && !fails);
    free(said);
    ck_assert_ptr_null(verdict_unanswered(&other, &v, &context, &fails));
    p.exit_known = false;   /* killed, most likely: said, and no failure; but for who knows that none was to be taken */
    said = verdict_unanswered(&named, &v, &context, &fails);
    ck_assert_str_eq(said, "the leak classes of p1 (pid 4000) are unknown: it ended without a snapshot, and nobody saw how: most likely it was killed");
    ck_assert(!fails);
    free(said);
    struct trace_meta none = { .options = (char *)"--stacks full --no-snapshot-at-exit" };
    struct doc_context off = { .complete = true, .meta = &none };
    said = verdict_unanswered(&named, &v, &off, &fails);
    ck_assert(fails && strstr(said, ": the session ran with --no-snapshot-at-exit"));
    free(said);
    p.exit_known = true;
    p.wait_status = 9;      /* its own end tells enough */
    j = doc_leaks(&v, &context, NULL);
    ck_assert_str_eq(coverage_why(j), "it was ended by signal 9 before a snapshot was taken");
    ck_assert_ptr_null(verdict_unanswered(&named, &v, &context, &fails));
    json_decref(j);
    v.n_snapshots = 1;      /* one of the middle says nothing of the end */
    s->why = SNAPSHOT_MARK;
    j = doc_leaks(&v, &context, NULL);
    ck_assert_str_eq(coverage_why(j), "it was ended by signal 9 before a snapshot of its end was taken");
    ck_assert_int_gt(json_array_size(json_object_get(j, "leaks")), 0);
    json_decref(j);
    j = doc_findings(&v, &context, NULL);
    ck_assert_int_eq(json_array_size(json_object_get(j, "findings")), 0);
    json_decref(j);
    s->why = SNAPSHOT_SIGNAL;
    j = doc_findings(&v, &context, NULL);
    ck_assert_int_gt(json_array_size(json_object_get(j, "findings")), 0);
    json_decref(j);
    v.n_snapshots = 0;
    p.ended = false;
    j = doc_leaks(&v, &live, NULL);
    ck_assert_str_eq(coverage_why(j), "no snapshot was asked for yet; ownscope leaks -p takes one");
    json_decref(j);
    j = doc_leaks(&v, &earlier, NULL);
    ck_assert_str_eq(coverage_why(j), "there is no snapshot of it at or before this moment");
    json_decref(j);
    p.live_blocks = 0;      /* nothing can have leaked */
    j = doc_leaks(&v, &context, NULL);
    ck_assert_ptr_null(coverage_why(j));
    json_decref(j);
    snapshot_free(s);
}
END_TEST

/* ---- tables ---- */

START_TEST(tables)
{
    struct snapshot *s[2] = { leak_snapshot(1), leak_snapshot_refused(2) };
    struct doc_options o = { .leak_kinds = LEAK_KINDS_ALL, .blocks = true };
    struct view v = leak_view(s, 2);
    s[0]->mark = xstrdup("steady\x1b[31m");
    s[0]->why = SNAPSHOT_MARK;
    json_t *j = doc_leaks(&v, &context, &o), *report = doc_report(&v, &context, NULL), *nothing = json_object();
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        const struct table_style *style = &styles[i];
        static const table prints[] = { table_leaks, table_report };
        for (size_t k = 0; k < 2; k++) {
            char *shown = rendered(prints[k], k ? report : j, style);
            check_rules(shown, style);
            free(shown);
            shown = rendered(prints[k], nothing, style);
            check_rules(shown, style);
            free(shown);
        }
    }
    struct table_style wide = { .width = 120 };
    char *shown = rendered(table_leaks, j, &wide);
    ck_assert_ptr_nonnull(strstr(shown, "    definitely lost           1,110 bytes in 3 blocks\n"));
    ck_assert_ptr_nonnull(strstr(shown, "at the mark steady?[31m, at 990 ns; it stood still for 1.5 ms\n"));
    ck_assert_ptr_nonnull(strstr(shown, "       1,110           3  "));
    ck_assert_ptr_nonnull(strstr(shown, "       + 110           2  lost with them\n"));
    free(shown);
    shown = rendered(table_report, report, &wide);
    ck_assert_ptr_nonnull(strstr(shown, "\nLeaks\n"));
    ck_assert_ptr_nonnull(strstr(shown, "\n       1,110           3  "));
    free(shown);
    json_decref(j);
    json_decref(report);
    json_decref(nothing);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

START_TEST(tables_of_many_processes)
{
    struct snapshot *s[20];
    struct view v = leak_view(s, 20);
    for (uint32_t i = 0; i < 20; i++)
        s[i] = leak_snapshot(i + 1);
    struct play p = play_new(1, 1);     /* the second one has lost nothing */
    play_edge(&p, play_root(&p, 0), 0);
    snapshot_free(s[1]);
    s[1] = play_done(&p);
    s[1]->process = 2;
    json_t *j = doc_leaks(&v, &context, NULL);
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        char *shown = rendered(table_leaks, j, &styles[i]);
        check_rules(shown, &styles[i]);
        free(shown);
    }
    struct table_style wide = { .width = 120 };
    char *shown = rendered(table_leaks, j, &wide);
    ck_assert_ptr_nonnull(strstr(shown, "20 processes, by the newest snapshot of each\n"));
    ck_assert_ptr_nonnull(strstr(shown, "    definitely lost          21,090 bytes in 57 blocks\n"));
    ck_assert_ptr_nonnull(strstr(shown, "\n  p16          4015           1,110         110          30         130           0\n"));
    ck_assert_ptr_null(strstr(shown, "\n  p2 "));
    ck_assert_ptr_null(strstr(shown, "\n  p17 "));
    ck_assert_ptr_nonnull(strstr(shown, "  and 4 more: --process ID shows one\n  and 1 process that lost nothing\n"));
    ck_assert_ptr_nonnull(strstr(shown, "      21,090          57  "));
    ck_assert_ptr_nonnull(strstr(shown, "     + 2,090          38  lost with them\n"));
    ck_assert_ptr_nonnull(strstr(shown, "b8 and 56 more; in 19 processes; operator new[] in t1 first, 400 ns to 800 ns"));
    free(shown);
    json_decref(j);
    for (size_t i = 0; i < 20; i++)
        snapshot_free(s[i]);
}
END_TEST

/* ---- two moments ---- */

START_TEST(what_grew)
{
    struct snapshot *s = leak_snapshot(1), *t = leak_snapshot(1);
    struct view a = leak_view(&s, 1), b = leak_view(&t, 1);
    struct view_site now[] = { { .stack = 3, .live_blocks = 5, .live_bytes = 150 }, { .stack = 1, .live_blocks = 1, .live_bytes = 7 } };
    b.sites = now;
    b.n_sites = 2;
    b.totals.live_blocks = 6;
    b.totals.live_bytes = 157;
    t->size[7] = 900;
    json_t *j = doc_diff(&a, &context, &b, &context, NULL), *list = json_object_get(j, "sites");
    ck_assert_int_eq(number(json_object_get(j, "totals"), "blocks"), 3);
    ck_assert_int_eq(number(json_object_get(j, "totals"), "bytes"), 157 - 224);
    ck_assert_int_eq(number(json_object_get(json_object_get(j, "classes"), "definite"), "bytes"), -100);
    ck_assert_uint_eq(json_array_size(list), 3);
    ck_assert_str_eq(text(json_array_get(list, 0), "change"), "shrank");
    is_sum(json_array_get(list, 0), 3, -50);
    is_sum(json_object_get(json_array_get(list, 0), "before"), 2, 200);
    ck_assert_str_eq(text(json_array_get(list, 1), "change"), "gone");
    is_sum(json_array_get(list, 1), -1, -24);
    ck_assert_str_eq(text(json_array_get(list, 2), "change"), "new");
    struct doc_options two = { .sites = 2 };
    json_t *some = doc_diff(&a, &context, &b, &context, &two);
    ck_assert_uint_eq(json_array_size(json_object_get(some, "sites")), 2);
    ck_assert_int_eq(number(some, "sites_total"), 3);
    json_decref(some);
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        char *shown = rendered(table_diff, j, &styles[i]);
        check_rules(shown, &styles[i]);
        ck_assert_ptr_nonnull(strstr(shown, "Went"));
        free(shown);
    }
    json_decref(j);
    j = doc_diff(&a, &context, &a, &context, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(j, "sites")), 0);
    json_decref(j);
    snapshot_free(s);
    snapshot_free(t);
}
END_TEST

static void dump(const char *name, json_t *j)
{
    char *out = json_dumps(j, 0);
    scratch_write(name, out, strlen(out));
    free(out);
    json_decref(j);
}

START_TEST(schemas)
{
    struct snapshot *s[2] = { leak_snapshot(1), leak_snapshot_refused(2) };
    struct view v = leak_view(s, 2), none = leak_view(NULL, 0), one = leak_view(s, 1);
    struct doc_options o = { .leak_kinds = LEAK_KINDS_ALL, .blocks = true, .since_ns = 1 };
    dump("leaks", doc_leaks(&v, &context, &o));
    dump("none", doc_leaks(&none, &context, NULL));
    dump("findings", doc_findings(&v, &context, &o));
    dump("report", doc_report(&v, &context, &o));
    dump("diff", doc_diff(&none, &context, &v, &context, NULL));
    dump("classes", doc_diff(&one, &context, &one, &context, NULL));
    char *command = xasprintf("python3 tests/unit/schema_check.py"), *more;
    static const char *const pairs[][2] = { { "leaks", "leaks" }, { "leaks", "none" }, { "findings", "findings" }, { "report", "report" },
                                            { "diff", "diff" }, { "diff", "classes" } };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        more = xasprintf("%s collector/export/schema/ownscope-%s.schema.json %s/%s", command, pairs[i][0], scratch_dir, pairs[i][1]);
        free(command);
        command = more;
    }
    int status = system(command);
    ck_assert(status == 0 || status == 77 << 8);
    free(command);
    snapshot_free(s[0]);
    snapshot_free(s[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doc_leaks");
    TCase *c = tcase_create("all");
    tcase_add_unchecked_fixture(c, scratch_make, scratch_clean);
    tcase_add_test(c, sums_and_groups);
    tcase_add_test(c, kinds_moments_processes);
    tcase_add_test(c, a_process_that_is_not_there);
    tcase_add_test(c, many_stacks_are_told_apart);
    tcase_add_test(c, types_and_holders);
    tcase_add_test(c, leaks_are_findings);
    tcase_add_test(c, suppressed_leaks);
    tcase_add_test(c, each_block_silences_its_own);
    tcase_add_test(c, classes_unknown);
    tcase_add_test(c, gaps_are_told);
    tcase_add_test(c, tables);
    tcase_add_test(c, tables_of_many_processes);
    tcase_add_test(c, what_grew);
    tcase_add_test(c, schemas);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
