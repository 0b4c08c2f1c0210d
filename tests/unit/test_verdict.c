/*
 * tests/unit/test_verdict.c - what becomes of a view's findings: silenced,
 * counted, told by --fail-on, printed as suppressions. The view is made by hand
 * (doc_scratch.h); its modules are gone, so that frames are known by their files.
 */
#include "cli/verdict.h"
#include "doc_scratch.h"
#include "export/suppressions.h"
#include "suite.h"
#include "table_check.h"

/* Two double drops at one stack of blocks made at two, an overlap, and a thread
 * that ended with a lock. */
static struct view_evidence evidence[] = {
    { .role = EVIDENCE_USED, .stack = 3 }, { .role = EVIDENCE_MADE, .stack = 1 },
    { .role = EVIDENCE_USED, .stack = 3 }, { .role = EVIDENCE_MADE, .stack = 2 },
    { .role = EVIDENCE_USED, .stack = 2 },
    { .role = EVIDENCE_USED }, { .role = EVIDENCE_HELD, .stack = 1 } };
static struct view_finding findings[] = {
    { .rule = RULE_DOUBLE_DROP, .use = USE_DROP, .family = WIRE_FREE, .made_family = WIRE_MALLOC, .count = 5, .first = 0, .n = 2, .process = 1 },
    { .rule = RULE_DOUBLE_DROP, .use = USE_DROP, .family = WIRE_FREE, .made_family = WIRE_MALLOC, .count = 1, .first = 2, .n = 2, .process = 1 },
    { .rule = RULE_OVERLAP, .use = USE_COPY, .family = WIRE_COPY_MEMCPY, .count = 2, .first = 4, .n = 1, .process = 1 },
    { .rule = RULE_EXITED_HOLDING, .count = 1, .first = 5, .n = 2, .process = 1 } };

static struct view view_of_findings(void)
{
    struct view v = scratch_view();
    v.findings = findings;
    v.n_findings = sizeof findings / sizeof *findings;
    v.evidence = evidence;
    v.n_evidence = sizeof evidence / sizeof *evidence;
    v.findings_by_rule[RULE_DOUBLE_DROP] = 6;
    v.findings_by_rule[RULE_OVERLAP] = 2;
    v.findings_by_rule[RULE_EXITED_HOLDING] = 1;
    return v;
}

static struct suppressions *set_of(const char *text)
{
    struct suppressions *s = suppressions_new();
    char *error;
    ck_assert_int_eq(suppressions_parse(s, "x.supp", text, strlen(text), &error), 0);
    return s;
}

START_TEST(rules_by_name)
{
    struct verdict_rules rules;
    char *error;
    ck_assert_int_eq(verdict_rules_parse(&rules, "double-drop,overlap", &error), 0);
    ck_assert_uint_eq(rules.rules, 1u << RULE_DOUBLE_DROP | 1u << RULE_OVERLAP);
    ck_assert_uint_eq(rules.leak_kinds, 0);
    ck_assert_int_eq(verdict_rules_parse(&rules, "any", &error), 0);
    ck_assert_uint_eq(rules.rules, (1u << RULES) - 1);
    ck_assert(!rules.leaks_named);
    ck_assert_int_eq(verdict_rules_parse(&rules, "relock,all", &error), 0);
    ck_assert_uint_eq(rules.rules, (1u << RULES) - 1);
    ck_assert(!rules.leaks_named);
    static const struct { const char *text; unsigned kinds; } leaks[] = {
        { "leak", LEAK_KIND_DEFINITE | LEAK_KIND_POSSIBLE }, { "leak=definite", LEAK_KIND_DEFINITE }, { "any,leak=all", LEAK_KINDS_ALL },
        { "leak=indirect,leak=reachable", LEAK_KIND_INDIRECT | LEAK_KIND_REACHABLE } };
    for (size_t i = 0; i < sizeof leaks / sizeof *leaks; i++) {
        ck_assert_int_eq(verdict_rules_parse(&rules, leaks[i].text, &error), 0);
        ck_assert(rules.leaks_named && rules.rules & 1u << RULE_LEAK);
        ck_assert_uint_eq(rules.leak_kinds, leaks[i].kinds);
    }
    static const char *const wrong[] = { "", ",", "double-free", "overlap,x", "Overlap", "leak=", "leak=lost", "leak=none", "leaks" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(verdict_rules_parse(&rules, wrong[i], &error), -EINVAL);
        ck_assert_ptr_nonnull(error);
        free(error);
    }
}
END_TEST

START_TEST(silenced_findings_are_gone_and_counted)
{
    struct view v = view_of_findings();
    struct frames *f = frames_new(NULL, &v, NULL);
    struct suppressions *s = set_of("relock:x\noverlap:/gone/app\n{\nthe second\nownscope:double-drop\nobj:/gone/app\nstack:made\nobj:*\nobj:*\n}\n");
    struct suppressed k;
    const struct view *kept = suppressed_view(&k, s, &v, f);
    ck_assert_uint_eq(k.n, 2);
    ck_assert_uint_eq(kept->n_findings, 2);
    ck_assert_uint_eq(kept->findings[0].count, 5);
    ck_assert_uint_eq(kept->findings[1].rule, RULE_EXITED_HOLDING);
    ck_assert_uint_eq(kept->findings_by_rule[RULE_DOUBLE_DROP], 5);
    ck_assert_uint_eq(kept->findings_by_rule[RULE_OVERLAP], 0);
    json_t *used = suppressed_used(&k);
    ck_assert_uint_eq(json_array_size(used), 2);
    ck_assert_str_eq(text(json_array_get(used, 0), "name"), "overlap:/gone/app");
    ck_assert_int_eq(number(json_array_get(used, 0), "count"), 2);
    ck_assert_str_eq(text(json_array_get(used, 1), "name"), "the second");
    ck_assert_int_eq(number(json_array_get(used, 1), "line"), 3);
    json_decref(used);
    suppressed_free(&k);
    ck_assert_ptr_ne(suppressed_view(&k, NULL, &v, f), &v);
    ck_assert_uint_eq(k.view.n_findings, 4);
    suppressed_free(&k);
    suppressions_free(s);
    frames_free(f);
}
END_TEST

START_TEST(blocks_silence_their_finding_alone)
{
    static const char *const blocks[] = {
        "{\n   <insert_a_suppression_name_here>\n   ownscope:double-drop\n   obj:/gone/app\n   obj:/gone/app\n   stack:made\n   obj:/gone/app\n}\n",
        "{\n   <insert_a_suppression_name_here>\n   ownscope:double-drop\n   obj:/gone/app\n   obj:/gone/app\n   stack:made\n   obj:/gone/app\n"
        "   obj:/gone/app\n}\n",
        "{\n   <insert_a_suppression_name_here>\n   ownscope:overlap\n   obj:/gone/app\n   obj:/gone/app\n}\n",
        "{\n   <insert_a_suppression_name_here>\n   ownscope:exited-holding\n   obj:/gone/app\n}\n" };
    /* made at main's only frame, or deeper: the first block is the beginning of the second's stack */
    static const unsigned silenced[] = { 3, 2, 4, 8 };
    struct view v = view_of_findings();
    struct frames *f = frames_new(NULL, &v, NULL);
    for (size_t i = 0; i < v.n_findings; i++) {
        char *block = suppression_block(&v, f, &v.findings[i]);
        ck_assert_str_eq(block, blocks[i]);
        struct suppressions *s = set_of(block);
        struct suppressed k;
        suppressed_view(&k, s, &v, f);
        unsigned which = 0;
        for (size_t j = 0; j < v.n_findings; j++)
            which |= (unsigned)(k.which[j] != 0) << j;
        ck_assert_uint_eq(which, silenced[i]);
        suppressed_free(&k);
        suppressions_free(s);
        free(block);
    }
    struct view_finding bare = { .rule = RULE_RELOCK, .first = 5, .n = 1 };
    ck_assert_ptr_null(suppression_block(&v, f, &bare));
    frames_free(f);
}
END_TEST

START_TEST(what_fails_a_run)
{
    struct view v = view_of_findings(), kept = v;
    uint32_t some = 1u << RULE_DOUBLE_DROP | 1u << RULE_OVERLAP | 1u << RULE_DEADLOCK;
    char *said = verdict_text(some, &v, &v);
    ck_assert_str_eq(said, "2 double-drop, 1 overlap");
    free(said);
    ck_assert_ptr_null(verdict_text(1u << RULE_DEADLOCK, &v, &v));
    ck_assert_ptr_null(verdict_text(0, &v, &v));
    kept.n_findings = 0;
    ck_assert_ptr_null(verdict_text(some, &v, &kept));
    v.findings_by_rule[RULE_OVERLAP] = 3;   /* one that there was no room for */
    said = verdict_text(some, &v, &kept);
    ck_assert_str_eq(said, "more overlap than are kept");
    free(said);
}
END_TEST

/* ---- as documents and tables ---- */

START_TEST(documents_say_what_is_silenced)
{
    struct view v = view_of_findings();
    struct doc_context context = { .complete = true };
    struct suppressions *s = set_of("double-drop:app\n");
    struct doc_options o = { .suppressions = s, .blocks = true };
    json_t *j = doc_findings(&v, &context, &o);
    ck_assert_int_eq(number(j, "findings_total"), 2);
    ck_assert_int_eq(number(j, "suppressed"), 2);
    ck_assert_ptr_null(json_object_get(json_object_get(j, "rules"), "double-drop"));
    ck_assert_ptr_null(json_object_get(json_object_get(j, "times"), "double-drop"));
    ck_assert_int_eq(number(json_array_get(json_object_get(j, "suppressions"), 0), "count"), 6);
    ck_assert_ptr_nonnull(strstr(text(json_array_get(json_object_get(j, "findings"), 0), "suppression"), "ownscope:overlap\n"));
    json_t *report = doc_report(&v, &context, &o);
    ck_assert_int_eq(number(report, "suppressed"), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "findings_top")), 2);
    struct table_style style = { .width = 100, .verbose = true };
    char *shown = rendered(table_findings, j, &style);
    ck_assert_ptr_nonnull(strstr(shown, "1 exited-holding; 2 suppressed\n"));
    ck_assert_ptr_nonnull(strstr(shown, "\n{\n   <insert_a_suppression_name_here>\n   ownscope:overlap\n"));
    ck_assert_ptr_nonnull(strstr(shown, "2 findings, 6 times: double-drop:app (x.supp:1)\n"));
    free(shown);
    shown = rendered(table_report, report, &style);
    ck_assert_ptr_nonnull(strstr(shown, "; 2 suppressed)"));
    free(shown);
    json_decref(report);
    json_decref(j);
    suppressions_free(s);
}
END_TEST

static unsigned asked;
static bool second_only(void) { return ++asked == 2; }

START_TEST(a_person_may_be_asked)
{
    struct view v = view_of_findings();
    struct doc_context context = { .complete = true };
    struct doc_options o = { .blocks = true };
    json_t *j = doc_findings(&v, &context, &o);
    struct table_style style = { .width = 100, .ask = second_only };
    char *shown = rendered(table_findings, j, &style);
    ck_assert_uint_eq(asked, 4);
    unsigned blocks = 0;
    for (size_t i = 0; shown[i]; i++)
        blocks += !strncmp(&shown[i], "\n{\n", 3);
    ck_assert_uint_eq(blocks, 1);
    free(shown);
    json_decref(j);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *c = tcase_create("all");
    tcase_add_test(c, rules_by_name);
    tcase_add_test(c, silenced_findings_are_gone_and_counted);
    tcase_add_test(c, blocks_silence_their_finding_alone);
    tcase_add_test(c, what_fails_a_run);
    tcase_add_test(c, documents_say_what_is_silenced);
    tcase_add_test(c, a_person_may_be_asked);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
