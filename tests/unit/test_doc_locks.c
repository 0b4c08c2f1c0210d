/*
 * tests/unit/test_doc_locks.c - locks, copies, and what the other documents
 * tell of them: of a view made by hand, held against the schemas.
 */
#include "doc_scratch_locks.h"
#include "suite.h"

static struct symbols *symbols;
static struct doc_context context;
static struct trace_meta meta = { .stacks = 2, .options = (char *)"--stacks full --locks on --copies 256 --on-full wait" };

static void setup(void)
{
    symbols = symbols_new();
    context = (struct doc_context){ .symbols = symbols, .complete = true, .meta = &meta };
    scratch_make();
}

static void teardown(void)
{
    symbols_free(symbols);
    scratch_clean();
}

static const json_t *by_id(const json_t *list, const char *id)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(text(json_array_get(list, i), "id"), id))
            return json_array_get(list, i);
    ck_abort_msg("no %s", id);
}

static size_t members(const json_t *object, const char *key) { return json_array_size(json_object_get(object, key)); }

START_TEST(locks_of_view)
{
    struct view v = scratch_lock_view();
    json_t *j = doc_locks(&v, &context, NULL);
    const json_t *list = json_object_get(j, "locks");
    ck_assert_uint_eq(json_array_size(list), 4);
    ck_assert_str_eq(text(json_array_get(list, 0), "id"), "l9");    /* waited for longest */
    ck_assert_str_eq(text(json_array_get(list, 1), "id"), "l4");
    ck_assert_str_eq(text(json_array_get(list, 2), "id"), "l2");    /* taken most */
    ck_assert_str_eq(text(json_array_get(list, 3), "id"), "l5");
    const json_t *l = by_id(list, "l4");
    has_keys(l, "id kind where acquisitions contended wait_ns hold_ns sites address block block_stack offset class type process holder sharers waiters init_stack guards");
    ck_assert_str_eq(text(l, "where"), "b7+0x10");
    ck_assert_str_eq(text(l, "kind"), "mutex");
    ck_assert_str_eq(text(l, "class"), "c1");
    ck_assert_int_eq(number(json_object_get(l, "wait_ns"), "total"), 500);
    ck_assert_int_eq(number(json_object_get(l, "wait_ns"), "count"), 2);
    ck_assert_int_eq(number(json_object_get(l, "hold_ns"), "p99"), 300);
    ck_assert_int_eq(number(json_object_get(l, "hold_ns"), "p50"), 90);
    ck_assert_int_eq(number(json_object_get(l, "hold_ns"), "max"), 300);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(l, "type"), 1)), "robust");
    ck_assert_uint_eq(members(l, "sites"), 2);
    ck_assert_int_eq(number(json_array_get(json_object_get(l, "sites"), 0), "acquisitions"), 10);
    ck_assert(json_is_true(json_object_get(l, "sites_of_class")));
    ck_assert_str_eq(text(json_object_get(l, "holder"), "thread"), "t1");
    ck_assert_uint_eq(members(l, "sharers"), 0);
    ck_assert_str_eq(text(json_array_get(json_object_get(l, "waiters"), 0), "thread"), "t2");
    ck_assert_int_eq(number(json_array_get(json_object_get(l, "guards"), 0), "touches"), 9);
    l = by_id(list, "l2");
    ck_assert_str_eq(text(l, "where"), "0x7ffe10");
    ck_assert_uint_eq(members(l, "sharers"), 2);
    ck_assert(json_is_null(json_object_get(l, "holder")) && json_is_null(json_object_get(l, "init_stack")));
    l = by_id(list, "l9");
    ck_assert_str_eq(text(l, "where"), "app+0x4010");
    ck_assert_str_eq(text(l, "module"), "/gone/app");
    ck_assert_int_eq(number(by_id(list, "l5"), "ended_ns"), 9);
    const json_t *classes = json_object_get(j, "classes");
    ck_assert_int_eq(number(by_id(classes, "c1"), "locks"), 2);
    ck_assert_int_eq(number(json_object_get(j, "totals"), "locks"), 7);
    ck_assert_int_eq(number(json_object_get(j, "totals"), "left_out"), 3);
    ck_assert_int_eq(number(json_object_get(j, "totals"), "acquisitions"), 104);
    json_decref(j);
    scratch_locks[2].family = scratch_classes[2].family = WIRE_LOCK_COND;   /* waiting there is no contention */
    j = doc_locks(&v, &context, NULL);
    scratch_locks[2].family = scratch_classes[2].family = WIRE_LOCK_SPIN;
    ck_assert_str_eq(text(json_array_get(json_object_get(j, "locks"), 0), "id"), "l4");
    ck_assert_int_eq(number(json_object_get(j, "totals"), "contended"), 3);
    ck_assert_int_eq(number(json_object_get(j, "totals"), "lock_contended"), 2);
    ck_assert_int_eq(number(json_object_get(j, "totals"), "lock_wait_ns"), 500);
    json_decref(j);
    struct doc_options o = { .sites = 1 };
    j = doc_locks(&v, &context, &o);
    ck_assert_uint_eq(members(j, "locks"), 1);
    ck_assert_int_eq(number(j, "locks_total"), 4);
    json_decref(j);
}
END_TEST

START_TEST(circles_of_view)
{
    struct view v = scratch_lock_view();
    json_t *j = doc_locks(&v, &context, NULL);
    const json_t *cycle = json_object_get(json_array_get(json_object_get(j, "order"), 0), "cycle");
    ck_assert_uint_eq(json_array_size(cycle), 2);
    has_keys(json_array_get(cycle, 0), "lock thread stack_held stack_taken");
    ck_assert_str_eq(text(json_array_get(cycle, 0), "lock"), "l4");
    ck_assert_str_eq(text(json_array_get(cycle, 1), "lock"), "l9");
    ck_assert_str_eq(text(json_array_get(cycle, 1), "then"), "l4");
    ck_assert(json_is_true(json_object_get(json_array_get(json_object_get(j, "order"), 0), "by_class")));
    const json_t *dead = json_array_get(json_object_get(j, "deadlocks"), 0), *t = json_array_get(json_object_get(dead, "threads"), 1);
    ck_assert_str_eq(text(dead, "process"), "p1");
    ck_assert_str_eq(text(t, "thread"), "t2");
    ck_assert_str_eq(text(t, "holds"), "l9");
    ck_assert_str_eq(text(t, "waits"), "l4");
    ck_assert_str_eq(text(t, "waits_where"), "b7+0x10");
    ck_assert_str_eq(text(t, "waits_kind"), "mutex");
    ck_assert_int_eq(number(t, "since_ns"), 800);
    ck_assert_uint_eq(members(t, "stack_waited"), 1);
    json_decref(j);
}
END_TEST

START_TEST(copies_of_view)
{
    struct view v = scratch_lock_view();
    json_t *j = doc_copies(&v, &context, NULL);
    const json_t *totals = json_object_get(j, "totals"), *sites = json_object_get(j, "sites"), *flows = json_object_get(j, "flows");
    ck_assert_int_eq(number(totals, "copies"), 7);
    ck_assert_int_eq(number(totals, "bytes"), 9500);
    ck_assert_double_eq_tol(json_real_value(json_object_get(totals, "amplification")), 5250.0 / 10501, 1e-9);
    ck_assert_int_eq(number(json_array_get(sites, 0), "bytes"), 9000);  /* largest first */
    ck_assert_int_eq(number(json_array_get(flows, 0), "bytes"), 9000);
    ck_assert(json_is_null(json_object_get(json_array_get(flows, 0), "from_site")));
    ck_assert_uint_eq(members(json_array_get(flows, 1), "from_site"), 2);
    json_decref(j);
    v.totals.bytes_allocated = 0;
    j = doc_copies(&v, &context, NULL);
    ck_assert(json_is_null(json_object_get(json_object_get(j, "totals"), "amplification")));
    json_decref(j);
}
END_TEST

/* The coverage item of a kind whose words hold `what`. */
static const json_t *covers(const json_t *j, const char *kind, const char *what)
{
    const json_t *list = json_object_get(j, "coverage");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!strcmp(text(item, "kind"), kind) && (strstr(text(item, "what"), what) || strstr(text(item, "why"), what)))
            return item;
    }
    return NULL;
}

START_TEST(report_tells_of_them)
{
    struct view v = scratch_lock_view();
    json_t *j = doc_report(&v, &context, NULL);
    const json_t *f = json_object_get(j, "findings"), *top = json_object_get(j, "findings_top"), *l = json_object_get(j, "locks_top");
    ck_assert_uint_eq(json_object_size(f), 2);
    ck_assert_int_eq(number(f, "out-of-bounds"), 1);
    ck_assert_int_eq(number(f, "deadlock"), 1);
    has_keys(json_array_get(top, 0), "rule count message stack fingerprint");
    ck_assert_int_eq(number(json_array_get(top, 0), "count"), 12);
    ck_assert_int_eq(number(json_array_get(top, 0), "findings"), 1);
    ck_assert_uint_eq(json_array_size(l), 2);   /* the contended ones */
    ck_assert_str_eq(text(json_array_get(l, 0), "where"), "app+0x4010");
    ck_assert_int_eq(number(json_object_get(j, "copies"), "bytes"), 9500);
    ck_assert_int_eq(number(json_object_get(j, "events"), "acquire"), 104);
    ck_assert(covers(j, "locks", "first at 0x2000 in app"));
    ck_assert(covers(j, "locks", "3 locks are not listed") && covers(j, "order", "4 borrows") && covers(j, "drops", "1 finding about a block"));
    ck_assert(covers(j, "copies", "fewer than 256 bytes") && !covers(j, "locks", "--locks off"));
    json_decref(j);
    struct view_finding alike[] = { scratch_findings[0], scratch_findings[0], scratch_findings[1] };
    v.findings = alike, v.n_findings = 3;       /* the same functions and sentence: told once */
    j = doc_report(&v, &context, NULL);
    top = json_object_get(j, "findings_top");
    ck_assert_uint_eq(json_array_size(top), 2);
    ck_assert_int_eq(number(json_array_get(top, 0), "count"), 24);
    ck_assert_int_eq(number(json_array_get(top, 0), "findings"), 2);
    ck_assert_int_eq(number(json_object_get(j, "findings"), "out-of-bounds"), 2);
    json_decref(j);
    meta.options = (char *)"--stacks full --locks off --copies off --on-full wait";
    j = doc_report(&v, &context, NULL);
    ck_assert(covers(j, "copies", "--copies off") && covers(j, "locks", "--locks off"));
    json_decref(j);
    meta.options = (char *)"--stacks full --locks on --copies 1 --on-full wait";
    struct view plain = scratch_view();
    j = doc_report(&plain, &context, NULL);
    ck_assert(!covers(j, "copies", "") && !covers(j, "locks", "") && !covers(j, "order", ""));
    ck_assert_uint_eq(json_object_size(json_object_get(j, "findings")), 0);
    json_decref(j);
}
END_TEST

START_TEST(threads_tell_of_them)
{
    struct view v = scratch_lock_view();
    json_t *j = doc_threads(&v, &context, NULL);
    const json_t *t = by_id(json_object_get(j, "threads"), "t1"), *held = json_object_get(t, "locks_held");
    ck_assert_uint_eq(members(t, "holds"), 2);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(t, "holds"), 0)), "l2");
    ck_assert(json_is_true(json_object_get(json_array_get(held, 0), "shared")));
    ck_assert_str_eq(text(json_array_get(held, 1), "where"), "b7+0x10");
    ck_assert_str_eq(text(t, "waits"), "l9");
    ck_assert(json_is_true(json_object_get(json_object_get(t, "waits_for"), "timed")));
    t = by_id(json_object_get(j, "threads"), "t3");
    ck_assert_uint_eq(members(t, "holds"), 1);
    ck_assert(json_is_null(json_object_get(t, "waits")) && json_is_null(json_object_get(t, "waits_for")));
    json_decref(j);
}
END_TEST

static json_t *exported(const struct view *v)
{
    struct scratch_text t = { 0 };
    struct doc_export_options o = { 0 };
    ck_assert_int_eq(doc_export_json(v, NULL, &context, &o, scratch_sink, &t), 0);
    return parsed(&t);
}

static size_t edges_of(const json_t *j, const char *kind, const char *from, const char *to)
{
    const json_t *list = json_object_get(j, "edges");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *e = json_array_get(list, i);
        n += !strcmp(text(e, "kind"), kind) && !strcmp(text(e, "from"), from) && !strcmp(text(e, "to"), to);
    }
    return n;
}

START_TEST(export_tells_of_them)
{
    struct view v = scratch_lock_view();
    json_t *j = exported(&v);
    const json_t *l = by_id(json_object_get(j, "nodes"), "l4"), *findings = json_object_get(j, "findings");
    ck_assert_str_eq(text(l, "where"), "b7+0x10");
    ck_assert_str_eq(text(l, "lock_kind"), "mutex");
    ck_assert_str_eq(text(l, "block"), "b7");
    ck_assert(json_is_integer(json_object_get(l, "init_stack")));
    ck_assert_uint_eq(edges_of(j, "owns", "t1", "l4"), 1);
    ck_assert_uint_eq(edges_of(j, "borrows", "t3", "l2"), 1);
    ck_assert_uint_eq(edges_of(j, "waits", "t2", "l4"), 1);
    ck_assert_uint_eq(edges_of(j, "flows", "b7", "b8"), 1);
    ck_assert_uint_eq(edges_of(j, "flows", "b7", "b99"), 0);        /* it is gone: no node */
    size_t nodes = members(j, "nodes");
    ck_assert_uint_eq(nodes, 2 + 3 + 2 + 3);                        /* l5 is gone too */
    ck_assert_uint_eq(json_array_size(findings), 2);
    const json_t *stack = json_object_get(json_object_get(json_array_get(findings, 0), "stacks"), "used");
    ck_assert(json_is_integer(stack) && (size_t)json_integer_value(stack) < members(j, "stacks"));
    ck_assert_uint_eq(json_object_size(json_object_get(json_array_get(findings, 1), "stacks")), 4);
    json_decref(j);
}
END_TEST

/* A view may come from a file that somebody made: nothing in it is believed. */
START_TEST(numbers_that_lead_nowhere)
{
    struct view v = scratch_lock_view();
    struct view_lock bad_locks[] = { { .id = 1, .class = 77, .family = 200, .type = 255, .where = { 9, 1, 2, 3, 4, 5 }, .init_stack = UINT32_MAX },
                                     { .id = 1, .where = { VIEW_WHERE_MODULE, 1, 0, 0, UINT32_MAX, 5 }, .wait = { 1, UINT64_MAX, 1, 1, 1 } },
                                     { .id = UINT64_MAX, .where = { VIEW_WHERE_BLOCK, 1, UINT64_MAX, UINT32_MAX, 0, UINT64_MAX } } };
    struct view_order_edge bad_edge = { UINT64_MAX, 5, 900, 900, UINT32_MAX, UINT32_MAX, UINT32_MAX, 0, 0 };
    struct view_cycle bad_cycles[] = { { UINT32_MAX, UINT32_MAX, true }, { 0, UINT32_MAX, false } };
    struct view_lock_site bad_site = { .class = UINT32_MAX, .stack = UINT32_MAX };
    struct view_hold bad_hold = { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX, false };
    struct view_wait bad_wait = { UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX, false };
    v.locks = bad_locks, v.n_locks = 3;
    v.order_edges = v.deadlock_edges = &bad_edge, v.n_order_edges = v.n_deadlock_edges = 1;
    v.cycles = v.deadlocks = bad_cycles, v.n_cycles = v.n_deadlocks = 2;
    v.lock_sites = &bad_site, v.n_lock_sites = 1;
    v.holds = &bad_hold, v.n_holds = 1;
    v.waits = &bad_wait, v.n_waits = 1;
    json_decref(doc_locks(&v, &context, NULL));
    json_decref(doc_copies(&v, &context, NULL));
    json_decref(doc_threads(&v, &context, NULL));
    json_decref(doc_report(&v, &context, NULL));
    json_decref(exported(&v));
}
END_TEST

/* A lock's story is told by its id or address; a block's has the locks in it and the copies of it. */
START_TEST(targets)
{
    struct doc_target t;
    ck_assert_int_eq(doc_target_parse(&t, "l3"), 0);
    ck_assert(t.is_lock && !t.is_address && t.value == 3);
    ck_assert_int_eq(doc_target_parse(&t, "b3"), 0);
    ck_assert(!t.is_lock);
    ck_assert_int_eq(doc_target_parse(&t, "l"), -EINVAL);
    ck_assert_int_eq(doc_target_parse(&t, "l0"), -EINVAL);
    ck_assert_int_eq(doc_target_parse(&t, "lb3"), -EINVAL);
    uint32_t types;
    ck_assert_int_eq(doc_event_types_parse(&types, "acquire,release,wait,wait-end,lock"), 0);
    ck_assert_uint_eq(types, 1u << FACT_ACQUIRE | 1u << FACT_RELEASE | 1u << FACT_WAIT | 1u << FACT_WAIT_END | 1u << FACT_LOCK);
}
END_TEST

START_TEST(schemas)
{
    struct view v = scratch_lock_view(), nothing = { 0 };
    const struct { const char *schema, *file; json_t *doc; } docs[] = {
        { "locks", "locks.json", doc_locks(&v, &context, NULL) }, { "locks", "locks0.json", doc_locks(&nothing, &context, NULL) },
        { "copies", "copies.json", doc_copies(&v, &context, NULL) }, { "copies", "copies0.json", doc_copies(&nothing, &context, NULL) },
        { "findings", "findings.json", doc_findings(&v, &context, NULL) }, { "report", "report.json", doc_report(&v, &context, NULL) },
        { "threads", "threads.json", doc_threads(&v, &context, NULL) }, { "export", "export.json", exported(&v) } };
    char *command = xstrdup("python3 tests/unit/schema_check.py");
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        char *out = json_dumps(docs[i].doc, 0);
        scratch_write(docs[i].file, out, strlen(out));
        char *more = xasprintf("%s collector/export/schema/ownscope-%s.schema.json %s/%s", command, docs[i].schema, scratch_dir, docs[i].file);
        free(command), free(out);
        command = more;
        json_decref(docs[i].doc);
    }
    int status = system(command);
    ck_assert(status == 0 || status == 77 << 8);
    free(command);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doc_locks");
    TCase *tc = tcase_create("doc_locks");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, locks_of_view);
    tcase_add_test(tc, circles_of_view);
    tcase_add_test(tc, copies_of_view);
    tcase_add_test(tc, report_tells_of_them);
    tcase_add_test(tc, threads_tell_of_them);
    tcase_add_test(tc, export_tells_of_them);
    tcase_add_test(tc, numbers_that_lead_nowhere);
    tcase_add_test(tc, targets);
    tcase_add_test(tc, schemas);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
