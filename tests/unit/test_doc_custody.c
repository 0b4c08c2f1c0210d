/*
 * tests/unit/test_doc_custody.c - locks and copies in what is told of a trace:
 * events, histories of locks and blocks, the export with everything in it.
 */
#include "doc_scratch.h"
#include "suite.h"

static struct code *code;

static void setup(void)
{
    scratch_make();
    code = scratch_code(4, 3);
}

static void teardown(void)
{
    code_free(code);
    scratch_clean();
}

/* b1 has a mutex at +16; main takes it, the worker waits and takes it, b1 is
 * copied into b2; then b1 goes, and another block and mutex take its place. */
static char *story(void)
{
    static struct event e[40];
    static const char start[] = "/gone/app\0app";
    size_t n = 0;
#define EVENT(who, ...) (e[n] = (struct event){ .ns = 1000 + n * 100, .thread = who, .process = 1, .stack = 3, __VA_ARGS__ }, n++)
    EVENT(1, .type = EVENT_PROCESS_START, .extra = { 4000, 1 }, .text = start, .text_bytes = sizeof start);
    EVENT(1, .type = EVENT_THREAD_START, .address = 0x7000, .extra = { 4000 });
    EVENT(1, .type = EVENT_THREAD_CREATE, .extra = { 2 });
    EVENT(1, .type = EVENT_THREAD_CREATED, .address = 0x8000, .extra = { 2 });
    EVENT(2, .type = EVENT_THREAD_START, .address = 0x8000, .extra = { 4001 });
    EVENT(1, .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x10000, .size = 600);
    EVENT(1, .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x20000, .size = 400);
    EVENT(1, .type = EVENT_LOCK_INIT, .family = WIRE_LOCK_MUTEX, .address = 0x10010, .size = WIRE_LOCK_TYPE_RECURSIVE);
    EVENT(1, .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
    EVENT(2, .type = EVENT_WAIT, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
    EVENT(1, .type = EVENT_COPY, .family = WIRE_COPY_MEMCPY, .address = 0x20008, .size = 300, .extra = { 0x10100 });
    EVENT(1, .type = EVENT_RELEASE, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
    EVENT(2, .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
    EVENT(2, .type = EVENT_RELEASE, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
    EVENT(1, .type = EVENT_ACQUIRE, .family = WIRE_LOCK_RWLOCK_SHARED, .address = 0x7ff00010);
    EVENT(2, .type = EVENT_WAIT, .family = WIRE_LOCK_SEM, .address = 0x7ff00100);
    EVENT(2, .type = EVENT_WAIT_END, .family = WIRE_LOCK_SEM, .address = 0x7ff00100, .size = ETIMEDOUT);
    EVENT(1, .type = EVENT_LOCK_DESTROY, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
    EVENT(1, .type = EVENT_DROP, .family = WIRE_FREE, .address = 0x10000);
    EVENT(1, .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x10000, .size = 100);
    EVENT(1, .type = EVENT_ACQUIRE, .family = WIRE_LOCK_MUTEX, .address = 0x10010);
#undef EVENT
    return scratch_trace("custody.own", code, e, n);
}

static struct source open_story(void)
{
    struct source s;
    struct source_options o = { .flags = VIEW_BLOCKS };
    char *path = story();
    int error = source_open(&s, path, &o);
    ck_assert_msg(!error, "%d: %s", error, source_error());
    free(path);
    return s;
}

static json_t *history_of(struct source *s, const char *id, int expect)
{
    struct doc_target target;
    json_t *j = NULL;
    ck_assert_int_eq(doc_target_parse(&target, id), 0);
    ck_assert_int_eq(doc_history(s->trace, &s->doc, &target, NULL, &j), expect);
    return j;
}

/* "type:by type:by …" */
static void tells(const json_t *j, const char *expect)
{
    char found[512] = "";
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(j, "events"), i, e) {
        size_t n = strlen(found);
        snprintf(found + n, sizeof found - n, "%s%s%s ", text(e, "type"), text(e, "by") ? ":" : "", text(e, "by") ? text(e, "by") : "");
    }
    ck_assert_str_eq(found, expect);
}

START_TEST(story_of_a_lock)
{
    struct source s = open_story();
    json_t *j = history_of(&s, "l1", 0);
    tells(j, "lock:init acquire wait release acquire release lock:destroy ");
    const json_t *node = json_object_get(j, "node"), *events = json_object_get(j, "events");
    ck_assert_str_eq(text(node, "kind"), "lock");
    ck_assert_str_eq(text(node, "lock_kind"), "mutex");
    ck_assert_str_eq(text(node, "where"), "b1+0x10");
    ck_assert_str_eq(text(node, "block"), "b1");
    ck_assert_int_eq(number(node, "acquisitions"), 2);
    ck_assert_int_eq(number(node, "contended"), 1);
    ck_assert_int_eq(number(json_object_get(node, "wait_ns"), "total"), 300);
    ck_assert_int_eq(number(json_array_get(events, 4), "wait_ns"), 300);
    ck_assert_str_eq(text(json_array_get(events, 4), "thread"), "t2");
    ck_assert_str_eq(text(json_array_get(events, 4), "node"), "l1");
    json_decref(j);
    ck_assert_ptr_null(history_of(&s, "l99", -ENOENT));
    json_t *by_address = history_of(&s, "0x7ff00010", 0);     /* no block was ever there */
    ck_assert_str_eq(text(json_object_get(by_address, "node"), "lock_kind"), "rwlock");
    json_decref(by_address);
    source_close(&s);
}
END_TEST

/* What lies in a block is told of it while it lives, and no longer. */
START_TEST(story_of_a_block)
{
    struct source s = open_story();
    json_t *j = history_of(&s, "b1", 0);
    tells(j, "new lock:init acquire wait borrow:copied release acquire release lock:destroy drop ");
    ck_assert(json_is_null(json_object_get(json_object_get(j, "node"), "borrower")));  /* the copy is over */
    const json_t *copy = json_array_get(json_object_get(j, "events"), 4);
    ck_assert_str_eq(text(copy, "copied_by"), "memcpy");
    ck_assert(json_is_false(json_object_get(copy, "mutable")));
    ck_assert_int_eq(number(copy, "size_bytes"), 300);
    ck_assert_int_eq(number(copy, "offset_bytes"), 0x100);
    ck_assert_str_eq(text(copy, "to"), "t1");
    json_decref(j);
    j = history_of(&s, "b2", 0);
    tells(j, "new borrow:copied ");
    ck_assert(json_is_true(json_object_get(json_array_get(json_object_get(j, "events"), 1), "mutable")));
    json_decref(j);
    source_close(&s);
}
END_TEST

START_TEST(events_by_type)
{
    static const struct { const char *types; size_t lines; } rows[] = { { "acquire", 4 }, { "release", 2 }, { "wait", 2 }, { "wait-end", 1 },
                                                                         { "acquire,release", 6 }, { "borrow", 2 } };
    struct source s = open_story();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct doc_events_options o = { 0 };
        struct scratch_text t = { 0 };
        uint64_t lines;
        ck_assert_int_eq(doc_event_types_parse(&o.types, rows[i].types), 0);
        ck_assert_int_eq(doc_events(s.trace, &s.doc, &o, scratch_sink, &t, &lines), 0);
        ck_assert_msg(lines == rows[i].lines, "%s: %llu", rows[i].types, (unsigned long long)lines);
        if (!strcmp(rows[i].types, "wait-end"))
            ck_assert_ptr_nonnull(strstr(t.text, "\"lock_kind\":\"sem\",\"errno\":110"));
        free(t.text);
    }
    source_close(&s);
}
END_TEST

static json_t *exported(struct source *s)
{
    struct scratch_text t = { 0 };
    struct doc_export_options o = { .all = true, .events = true };
    ck_assert_int_eq(doc_export_json(s->view, s->trace, &s->doc, &o, scratch_sink, &t), 0);
    return parsed(&t);
}

START_TEST(export_with_all)
{
    struct source s = open_story();
    json_t *j = exported(&s), *ids = json_object(), *node, *edge;
    size_t i, flows = 0, mutable_borrows = 0, reads = 0;
    json_array_foreach(json_object_get(j, "nodes"), i, node)
        json_object_set(ids, text(node, "id"), node);
    ck_assert(json_object_get(ids, "l1") && json_object_get(ids, "b1"));        /* both are gone */
    json_array_foreach(json_object_get(j, "edges"), i, edge) {
        ck_assert_msg(json_object_get(ids, text(edge, "from")) && json_object_get(ids, text(edge, "to")), "%s -> %s", text(edge, "from"), text(edge, "to"));
        mutable_borrows += !strcmp(text(edge, "kind"), "borrows_mut");
        reads += !strcmp(text(edge, "kind"), "borrows");
        if (!strcmp(text(edge, "kind"), "flows")) {
            flows++;
            ck_assert_str_eq(text(edge, "from"), "b1");
            ck_assert_str_eq(text(edge, "to"), "b2");
            ck_assert_int_eq(number(edge, "bytes"), 300);
            ck_assert_int_eq(number(edge, "count"), 1);
        }
    }
    ck_assert_uint_eq(flows, 1);
    ck_assert_uint_eq(reads, 1);
    ck_assert_uint_eq(mutable_borrows, 0);
    json_decref(ids), json_decref(j);
    source_close(&s);
}
END_TEST

START_TEST(schemas)
{
    struct source s = open_story();
    struct scratch_text lines = { 0 };
    struct doc_events_options every = { 0 };
    const struct { const char *schema, *file; json_t *doc; } docs[] = {
        { "history", "l1.json", history_of(&s, "l1", 0) }, { "history", "b1.json", history_of(&s, "b1", 0) }, { "export", "export.json", exported(&s) },
        { "locks", "locks.json", doc_locks(s.view, &s.doc, NULL) }, { "copies", "copies.json", doc_copies(s.view, &s.doc, NULL) },
        { "threads", "threads.json", doc_threads(s.view, &s.doc, NULL) }, { "findings", "findings.json", doc_findings(s.view, &s.doc, NULL) } };
    ck_assert_int_eq(doc_events(s.trace, &s.doc, &every, scratch_sink, &lines, NULL), 0);
    scratch_write("events.jsonl", lines.text, lines.bytes);
    free(lines.text);
    char *command = xasprintf("python3 tests/unit/schema_check.py collector/export/schema/ownscope-event.schema.json %s/events.jsonl", scratch_dir);
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
    source_close(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doc_custody");
    TCase *tc = tcase_create("doc_custody");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, story_of_a_lock);
    tcase_add_test(tc, story_of_a_block);
    tcase_add_test(tc, events_by_type);
    tcase_add_test(tc, export_with_all);
    tcase_add_test(tc, schemas);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
