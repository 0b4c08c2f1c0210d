/*
 * tests/unit/test_doc_control.c - what a report says of orders, limits and rates.
 */
#include "cli/table.h"
#include "doc_scratch.h"
#include "export/doc_control.h"
#include "suite.h"

static json_t *control_of(struct view_control *rows, size_t n, uint64_t orders)
{
    struct view v = scratch_view();
    v.cover = (struct view_cover){ .told = true, .state = EVENT_TRIPPED, .ns_by_state = { 900, 0, 100 }, .controls = rows, .n_controls = n, .orders = orders };
    return doc_control(&v);
}

static char *table_of(const json_t *control, bool brief)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct table_style s;
    table_style_init(&s, out, false);
    s.brief = brief;
    table_control(out, control, &s);
    fclose(out);
    return text;
}

START_TEST(nothing_is_said_where_there_was_nothing)
{
    struct view v = scratch_view();
    ck_assert_ptr_null(doc_control(&v));
    v.cover.told = true; /* rules alone changed what is recorded */
    ck_assert_ptr_null(doc_control(&v));
    char *text = table_of(NULL, false);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

START_TEST(orders_and_rates_stand_apart)
{
    struct view_control rows[] = {
        { .ns = 10, .event = 1, .kind = EVENT_CONTROL_VERB, .text = (char *)"limits events/s=1k (uid 0)" },
        { .ns = 20, .event = 2, .kind = EVENT_CONTROL_BUDGET, .text = (char *)"cpu=3%: 4.1%: memory each -> 1.00KiB" },
        { .ns = 30, .event = 3, .kind = EVENT_CONTROL_LIMIT, .state = EVENT_TRIPPED, .text = (char *)"events/s=1k: 2.0k in a second: tripped" } };
    json_t *j = control_of(rows, 3, 3), *log = json_object_get(j, "log"), *budget = json_object_get(j, "budget");
    ck_assert_str_eq(json_string_value(json_object_get(j, "state")), "tripped");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(j, "time_ns"), "recording")), 900);
    ck_assert_ptr_null(json_object_get(json_object_get(j, "time_ns"), "paused"));
    ck_assert_int_eq(json_integer_value(json_object_get(j, "trips")), 1);
    ck_assert_uint_eq(json_array_size(log), 2);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(log, 1), "kind")), "limit");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(log, 1), "was")), "recording");
    ck_assert_int_eq(json_integer_value(json_object_get(budget, "changes")), 1);
    char *whole = table_of(j, false);
    ck_assert_msg(strstr(whole, "Control (recording 900 ns, tripped 100 ns; now tripped)"), "%s", whole);
    ck_assert(strstr(whole, "events/s=1k: 2.0k in a second: tripped") && strstr(whole, "Rates (1 change)") && strstr(whole, "each -> 1.00KiB"));
    free(whole);
    json_decref(j);
}
END_TEST

/* The newest are there, in order; how many there were is said. */
START_TEST(logs_are_bounded)
{
    enum { N = 500 };
    static struct view_control rows[N];
    static char texts[N][16];
    for (unsigned i = 0; i < N; i++) {
        snprintf(texts[i], sizeof texts[i], "row %u", i);
        rows[i] = (struct view_control){ .ns = i, .kind = i % 2 ? EVENT_CONTROL_BUDGET : EVENT_CONTROL_VERB, .text = texts[i] };
    }
    json_t *j = control_of(rows, N, N + 1000), *budget = json_object_get(json_object_get(j, "budget"), "log");
    ck_assert_uint_eq(json_array_size(json_object_get(j, "log")), 200);
    ck_assert_uint_eq(json_array_size(budget), 200);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(budget, 199), "text")), "row 499");
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(budget, 0), "text")), "row 101");
    char *brief = table_of(j, true);
    ck_assert(strstr(brief, "row 498") && strstr(brief, "row 499") && !strstr(brief, "row 490") && strstr(brief, "247 changes of rates before these"));
    free(brief);
    json_decref(j);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("doc_control");
    TCase *t = tcase_create("doc_control");
    tcase_add_test(t, nothing_is_said_where_there_was_nothing);
    tcase_add_test(t, orders_and_rates_stand_apart);
    tcase_add_test(t, logs_are_bounded);
    suite_add_tcase(s, t);
    return suite_run(s);
}
