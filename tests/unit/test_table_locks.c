/*
 * tests/unit/test_table_locks.c - tables of locks, copies and findings, and what
 * the report, threads, events and histories say of them.
 */
#include "cli/deadlock_watch.h"
#include "doc_scratch_locks.h"
#include "suite.h"
#include "table_check.h"

static struct doc_context context;

static void setup(void)
{
    context = (struct doc_context){ .symbols = symbols_new(), .complete = true };
}

static void teardown(void) { symbols_free(context.symbols); }

START_TEST(locks_table)
{
    struct view v = scratch_lock_view();
    json_t *doc = doc_locks(&v, &context, NULL);
    char *t = checked(table_locks, doc);
    says(t, "7 locks, 104 acquisitions, 3 contended; threads waited 9.5 us for locks; waiting\n  now: 2\n");
    says(t, "\nDeadlock in p1: 2 threads wait for each other\n"
            "  t1 (main) holds mutex b7+0x10 and waits for spin app+0x4010, for 190 ns now\n"
            "      taken at    0x2000 (app)\n");
    says(t, "\nLock order: locks of these origins were taken in an order that closes a circle\n"
            "  t1 took app+0x4010 while it held b7+0x10, 7 times\n");
    says(t, "\nHeld and waited for at the end\n");
    says(t, "  t1 holds mutex b7+0x10 for 300 ns, at 0x2000 (app)\n");
    says(t, "  t3 reads rwlock 0x7ffe10 for 390 ns, at ");
    says(t, "  t2 waits for mutex b7+0x10 for 200 ns, at ");
    says(t, "\nLocks\n acquired contended    waited  held p50      p99  lock\n"
            "        3         1    9.0 us         -        -  l9 spin app+0x4010\n"
            "       10         2    500 ns     90 ns   300 ns  l4 mutex b7+0x10\n"
            "       90         0         -         -        -  l2 rwlock 0x7ffe10\n");
    says(t, "  mutex b7+0x10: waited for 500 ns in all, in 2 of 10 acquisitions; taken and\n    waited, with others of its origin, by\n         10         -  0x2000 (app)\n");
    says(t, "    guards 2 blocks made at 0x2000 (app)");
    says(t, "\nLocks of one origin\n");
    says(t, "  2 mutex\n     set up at 0x2000 (app)\n");
    says(t, "\nNot covered\n  7 events were lost");
    says(t, "  3 locks are not listed");
    ck_assert(!strstr(t, "Conditions"));
    scratch_locks[1].family = WIRE_LOCK_BARRIER;
    json_t *meeting = doc_locks(&v, &context, NULL);
    scratch_locks[1].family = WIRE_LOCK_RWLOCK;
    free(t);
    t = checked(table_locks, meeting);
    json_decref(meeting);
    says(t, "  l5 mutex b8+0x10\n\nWaited for longest\n");
    says(t, "\nConditions, barriers, semaphores\n acquired contended    waited  held p50      p99\n"
            "       90         0         -         -        -  l2 barrier 0x7ffe10\n");
    free(t);
    json_object_del(doc, "deadlocks");
    json_object_set_new(doc, "order", json_array());
    t = checked(table_locks, doc);
    ck_assert(!strstr(t, "Deadlock") && !strstr(t, "Lock order"));
    free(t);
    json_decref(doc);
}
END_TEST

/* Of changes: locks that were used are counted, and what cannot be known is no 0. */
START_TEST(locks_since)
{
    struct view v = scratch_lock_view();
    json_t *doc = doc_locks(&v, &context, NULL), *lock;
    size_t i;
    json_object_set_new(doc, "since_ns", json_integer(5));
    json_object_set_new(doc, "locks_total", json_integer(3));
    json_array_foreach(json_object_get(doc, "locks"), i, lock)
        json_object_set_new(json_object_get(lock, "hold_ns"), "p50", json_null());
    char *t = checked(table_locks, doc);
    says(t, "3 locks, 104 acquisitions, ");
    says(t, "       10         2    500 ns         -   300 ns  l4 mutex b7+0x10\n");
    free(t);
    json_decref(doc);
}
END_TEST

START_TEST(deadlock_in_a_line)
{
    struct view v = scratch_lock_view();
    json_t *doc = doc_locks(&v, &context, NULL);
    char *t = deadlock_text(json_array_get(json_object_get(doc, "deadlocks"), 0));
    ck_assert_str_eq(t, "t1 (main) holds mutex b7+0x10, taken in 0x2000 (app), and waits for spin app+0x4010 in 0x2000 (app); "
                        "t2 (w\xef\xbf\xbd\x01\"x) holds spin app+0x4010, taken in 0x1000 (app), and waits for mutex b7+0x10 in 0x1000 (app)");
    free(t);
    json_decref(doc);
    json_t *many = json_pack("{s:[{},{},{},{},{},{}]}", "threads");
    t = deadlock_text(many);
    says(t, "; and 2 threads more");
    free(t);
    json_decref(many);
}
END_TEST

START_TEST(copies_table)
{
    struct view v = scratch_lock_view();
    json_t *doc = doc_copies(&v, &context, NULL);
    char *t = checked(table_copies, doc);
    says(t, "7 copies, 9.3 KiB; 5.1 KiB of it into blocks, 0.50 times what was allocated\n");
    says(t, "     8.8 KiB   94.7%           2  0x1000 (app)\n");
    says(t, "       400 B in 4 copies\n              made at   0x2000 (app)\n                          by 0x1000 (app)\n              into      0x7f");
    says(t, "made at   what is no heap block\n");
    free(t);
    json_t *sites = json_object_get(doc, "sites"), *again = json_deep_copy(json_array_get(sites, 0));
    json_array_append_new(sites, again);    /* another stack that reads the same: one row */
    t = checked(table_copies, doc);
    says(t, "    17.6 KiB  189.5%           4  0x1000 (app)\n");
    free(t);
    json_decref(doc);
}
END_TEST

START_TEST(findings_table)
{
    struct view v = scratch_lock_view();
    json_t *doc = doc_findings(&v, &context, NULL);
    char *t = checked(table_findings, doc);
    says(t, "2 findings: 1 out-of-bounds, 1 deadlock\n\nout-of-bounds, 12 times, first at 10 ns, b7, p1  [");
    says(t, "  memcpy wrote 24 bytes from offset 8 of a 16-byte block: 16 past its end\n    used in t2      0x2000 (app)\n");
    says(t, "    made in t1      0x2000 (app)\n");
    says(t, "\ndeadlock at 810 ns, l4 (b7+0x10), p1  [");
    says(t, "    t1 held b7+0x10, taken at\n                    0x2000 (app)\n");
    says(t, "    t2 waited for b7+0x10 at\n                    0x1000 (app)\n");
    says(t, "Not covered\n  7 events were lost");
    says(t, "2 threads call futex themselves: locks built on futexes");
    free(t);
    scratch_findings[0].doubt = DOUBT_LOST | DOUBT_BY_CLASS | DOUBT_UNSEEN;
    json_t *doubtful = doc_findings(&v, &context, NULL);
    scratch_findings[0].doubt = 0;
    t = checked(table_findings, doubtful);
    says(t, "    in doubt: events of this process were lost before");
    says(t, "    in doubt: no two locks were seen in both orders");
    says(t, "    in doubt: threads may synchronise by what is not seen");
    free(t);
    struct view nothing = { 0 };
    json_t *none = doc_findings(&nothing, &context, NULL);
    t = checked(table_findings, none);
    says(t, "no findings: no rule was seen broken\n");
    free(t);
    json_decref(doc), json_decref(doubtful), json_decref(none);
}
END_TEST

START_TEST(report_and_threads)
{
    struct view v = scratch_lock_view(), quiet = scratch_view();
    json_t *doc = doc_report(&v, &context, NULL), *silent = doc_report(&quiet, &context, NULL), *threads = doc_threads(&v, &context, NULL);
    char *t = checked(table_report, doc);
    says(t, "copied               9.3 KiB  in 7 copies\n");
    ck_assert(!strstr(t, "lock waits"));        /* microseconds */
    scratch_classes[2].wait.total_ns = scratch_locks[2].wait.total_ns = 9000000;
    json_t *slow = doc_report(&v, &context, NULL);
    scratch_classes[2].wait.total_ns = scratch_locks[2].wait.total_ns = 9000;
    char *slow_text = checked(table_report, slow);
    says(slow_text, "lock waits                 3  9.0 ms in all; 9.0 ms for spin app+0x4010\n");
    free(slow_text);
    json_decref(slow);
    says(t, "\nFindings (out-of-bounds 1, deadlock 1)\n  out-of-bounds 12 times in 0x2000 (app)\n    memcpy wrote 24 bytes");
    says(t, "  ownscope findings shows every stack\n");
    free(t);
    t = checked(table_report, silent);
    ck_assert(!strstr(t, "Findings") && !strstr(t, "lock waits") && !strstr(t, "copied"));
    free(t);
    t = checked(table_threads, threads);
    says(t, "\nLocks held and waited for\n  t1    reads      rwlock 0x7ffe10 since 600 ns, at 0x2000 (app)\n  t1    holds      mutex b7+0x10");
    says(t, "  t2    waits for  mutex b7+0x10 since 800 ns, at 0x1000 (app)\n");
    free(t);
    json_decref(doc), json_decref(silent), json_decref(threads);
}
END_TEST

START_TEST(event_lines)
{
    static const struct { const char *json, *line; } rows[] = {
        { "\"type\":\"acquire\",\"lock_kind\":\"mutex\",\"address\":\"0x10\",\"shared\":false,\"wait_ns\":1500", "acquire mutex after 1.5 us" },
        { "\"type\":\"acquire\",\"lock_kind\":\"rwlock\",\"address\":\"0x10\",\"shared\":true,\"wait_ns\":0,\"by\":\"try\"", "acquire rwlock, shared, try" },
        { "\"type\":\"release\",\"lock_kind\":\"mutex\",\"address\":\"0x10\",\"shared\":false,\"by\":\"cond-wait\"", "release mutex, cond-wait" },
        { "\"type\":\"wait\",\"lock_kind\":\"cond\",\"address\":\"0x10\"", "wait cond" },
        { "\"type\":\"wait-end\",\"lock_kind\":\"mutex\",\"address\":\"0x10\",\"errno\":110", "wait-end mutex, ETIMEDOUT" },
        { "\"type\":\"lock\",\"lock_kind\":\"mutex\",\"address\":\"0x10\",\"by\":\"init\"", "lock mutex init" },
        { "\"type\":\"borrow\",\"by\":\"copied\",\"copied_by\":\"memcpy\",\"mutable\":true,\"size_bytes\":24,\"offset_bytes\":8,\"address\":\"0x10\",\"to\":\"t1\"",
          "borrow memcpy writes 24 B at 8" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *whole = xasprintf("{\"ns\":5,\"thread\":\"t1\",\"node\":\"l1\",%s}", rows[i].json);
        json_t *e = json_loads(whole, 0, NULL);
        ck_assert_msg(e != NULL, "%s", whole);
        char *t = checked(table_one_event, e), *expect = xasprintf("  0.000000005  t1     l1                     %s\n", rows[i].line);
        ck_assert_str_eq(t, expect);
        free(t), free(expect), free(whole);
        json_decref(e);
    }
}
END_TEST

START_TEST(history_of_a_lock)
{
    json_t *doc = json_loads("{\"node\":{\"id\":\"l3\",\"kind\":\"lock\",\"lock_kind\":\"mutex\",\"where\":\"app:queue_lock\",\"acquisitions\":12,\"contended\":3,"
                             "\"wait_ns\":{\"total\":1500},\"hold_ns\":{\"total\":2500000}},\"events\":[{\"ns\":5,\"type\":\"wait\",\"thread\":\"t2\",\"node\":\"l3\","
                             "\"lock_kind\":\"mutex\",\"stack\":[{\"function\":\"work\"}]}],\"events_total\":1}", 0, NULL);
    ck_assert_ptr_nonnull(doc);
    char *t = checked(table_history, doc);
    says(t, "lock l3: mutex app:queue_lock\n  acquired 12 times, 3 contended; waited for 1.5 us, held for 2.5 ms\n");
    says(t, "wait mutex\n                     work");
    free(t);
    json_decref(doc);
}
END_TEST

START_TEST(tables_of_nothing)
{
    static const table tables[] = { table_locks, table_copies, table_findings };
    struct view v = { 0 }, some = scratch_lock_view();
    json_t *docs[] = { doc_locks(&v, &context, NULL), doc_copies(&v, &context, NULL), json_object(), json_null(), doc_report(&some, &context, NULL),
                       doc_findings(&some, &context, NULL), doc_locks(&some, &context, NULL) };
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        for (size_t k = 0; k < sizeof tables / sizeof *tables; k++)
            free(checked(tables[k], docs[i]));
        json_decref(docs[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table_locks");
    TCase *tc = tcase_create("table_locks");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, locks_table);
    tcase_add_test(tc, locks_since);
    tcase_add_test(tc, deadlock_in_a_line);
    tcase_add_test(tc, copies_table);
    tcase_add_test(tc, findings_table);
    tcase_add_test(tc, report_and_threads);
    tcase_add_test(tc, event_lines);
    tcase_add_test(tc, history_of_a_lock);
    tcase_add_test(tc, tables_of_nothing);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
