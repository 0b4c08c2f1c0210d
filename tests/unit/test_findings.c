/*
 * tests/unit/test_findings.c - the table of findings: one row for each rule and
 * set of stacks, told as it was the first time with the least doubt, counted,
 * bounded, taken back.
 */
#include "play_findings.h"
#include "suite.h"

#include "graph/graph_findings.h"

#define found_is(text) ck_assert_str_eq(found(), text)

static struct event e;

/* A finding with stacks used and made. */
static uint32_t note(enum finding_rule rule, uint32_t used, uint32_t made, uint8_t doubt)
{
    struct view_finding f = { .rule = (uint8_t)rule, .doubt = doubt, .block = 100 + used };
    struct view_evidence evidence[2] = { { .role = EVIDENCE_USED, .stack = used, .thread = 1, .ns = e.ns },
                                         { .role = EVIDENCE_MADE, .stack = made, .thread = 1 } };
    play->number++;
    e.ns += 1000;
    evidence[0].ns = e.ns;
    return finding_note(play, &e, f, evidence, 2);
}

static void begin_test(void)
{
    play_start();
    e = (struct event){ .type = EVENT_DROP, .process = 1, .thread = 7 };
}

START_TEST(one_row_for_each_rule_and_stacks)
{
    ck_assert_uint_eq(note(RULE_DOUBLE_DROP, 1, 2, 0), 1);
    ck_assert_uint_eq(note(RULE_DOUBLE_DROP, 1, 2, 0), 1);
    ck_assert_uint_eq(note(RULE_DOUBLE_DROP, 2, 1, 0), 2);
    ck_assert_uint_eq(note(RULE_INVALID_DROP, 1, 2, 0), 3);
    ck_assert_uint_eq(note(RULE_DOUBLE_DROP, 1, 2, 0), 1);
    found_is("double-drop b101 x3 used:1@1/t1 made:2@0/t1\n"
             "double-drop b102 used:2@3/t1 made:1@0/t1\n"
             "invalid-drop b101 used:1@4/t1 made:2@0/t1\n");
    ck_assert_uint_eq(play->findings[0].thread, 7);
    ck_assert_uint_eq(play->findings[0].process, 1);
    ck_assert_uint_eq(play->findings[0].event, 1);
    ck_assert_uint_eq(play->findings[0].ns, 1000);
    ck_assert_uint_eq(play->findings_by_rule[RULE_DOUBLE_DROP], 4);
}
END_TEST

START_TEST(uses_of_another_kind_are_others)
{
    note(RULE_USE_AFTER_DROP, 1, 2, 0);
    e.type = EVENT_COPY;
    note(RULE_USE_AFTER_DROP, 1, 2, 0);
    struct view_finding f = { .rule = RULE_USE_AFTER_DROP, .family = WIRE_COPY_MEMSET };
    finding_note(play, &e, f, NULL, 0);
    f.family = WIRE_COPY_MEMCPY;
    finding_note(play, &e, f, NULL, 0);
    ck_assert_uint_eq(play->n_findings, 4);
}
END_TEST

START_TEST(the_least_doubt)
{
    note(RULE_DOUBLE_DROP, 1, 2, DOUBT_LOST | DOUBT_BY_CLASS);
    found_is("double-drop b101 doubt3 used:1@1/t1 made:2@0/t1\n");
    note(RULE_DOUBLE_DROP, 1, 2, DOUBT_LOST);
    found_is("double-drop b101 x2 doubt1 used:1@2/t1 made:2@0/t1\n");
    note(RULE_DOUBLE_DROP, 1, 2, DOUBT_BY_CLASS | DOUBT_LOST);
    note(RULE_DOUBLE_DROP, 1, 2, 0);
    note(RULE_DOUBLE_DROP, 1, 2, 0);
    note(RULE_DOUBLE_DROP, 1, 2, DOUBT_LOST);
    found_is("double-drop b101 x6 used:1@4/t1 made:2@0/t1\n");
}
END_TEST

START_TEST(taken_back)
{
    uint32_t row = note(RULE_DOUBLE_DROP, 1, 2, 0);
    note(RULE_DOUBLE_DROP, 1, 2, 0);
    note(RULE_DOUBLE_DROP, 3, 4, 0);
    finding_withdraw(play, row, 1);
    found_is("double-drop b101 used:1@1/t1 made:2@0/t1\ndouble-drop b103 used:3@3/t1 made:4@0/t1\n");
    finding_withdraw(play, row, 5);
    found_is("double-drop b103 used:3@3/t1 made:4@0/t1\n");
    ck_assert_uint_eq(play->findings_by_rule[RULE_DOUBLE_DROP], 1);
    struct view *v = graph_view_make(play, NULL, 0);
    ck_assert_uint_eq(v->n_findings, 1);
    ck_assert_uint_eq(v->n_evidence, 2);
    ck_assert_uint_eq(v->findings[0].first, 0);
    view_free(v);
    note(RULE_DOUBLE_DROP, 1, 2, DOUBT_LOST);       /* again, and no longer as it was */
    found_is("double-drop b101 doubt1 used:1@4/t1 made:2@0/t1\ndouble-drop b103 used:3@3/t1 made:4@0/t1\n");
}
END_TEST

START_TEST(doubt_since_a_loss)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    struct process *p = play->processes[1];
    ck_assert_uint_eq(finding_doubt(play, p, 0), 0);
    make(0x1000000, 8); lose();
    ck_assert_uint_eq(finding_doubt(play, p, 20000), DOUBT_LOST);
    ck_assert_uint_eq(finding_doubt(play, p, 30000), DOUBT_LOST);
    ck_assert_uint_eq(finding_doubt(play, p, 30001), 0);
    who(0, 0); lose();                              /* nobody knows whose */
    ck_assert_uint_eq(finding_doubt(play, p, 40000), DOUBT_LOST);
    ck_assert_uint_eq(finding_doubt(play, p, 40001), 0);
}
END_TEST

START_TEST(bounded)
{
    for (uint32_t i = 0; i < FINDINGS_MAX + 100; i++)
        ck_assert(note(RULE_OVERLAP, i, 1, 0) == (i < FINDINGS_MAX ? i + 1 : 0));
    ck_assert_uint_eq(note(RULE_OVERLAP, 5, 1, 0), 6);
    ck_assert_uint_eq(play->n_findings, FINDINGS_MAX);
    ck_assert_uint_eq(play->findings_by_rule[RULE_OVERLAP], FINDINGS_MAX + 101);
    struct view_evidence many[FINDING_EVIDENCE_MAX + 10] = { { .role = EVIDENCE_TAKEN } };
    play->n_findings--;
    finding_note(play, &e, (struct view_finding){ .rule = RULE_DEADLOCK }, many, FINDING_EVIDENCE_MAX + 10);
    ck_assert_uint_eq(play->findings[FINDINGS_MAX - 1].n, FINDING_EVIDENCE_MAX);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("findings");
    TCase *c = tcase_create("findings");
    tcase_add_checked_fixture(c, begin_test, play_stop);
    tcase_add_test(c, one_row_for_each_rule_and_stacks);
    tcase_add_test(c, uses_of_another_kind_are_others);
    tcase_add_test(c, the_least_doubt);
    tcase_add_test(c, taken_back);
    tcase_add_test(c, doubt_since_a_loss);
    tcase_add_test(c, bounded);
    suite_add_tcase(s, c);
    return suite_run(s);
}
