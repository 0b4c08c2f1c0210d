/*
 * tests/unit/test_heaps.c - which heap snapshots a reader of a trace gets at a
 * moment, and what it is told where there is none.
 */
#include "export/source.h"
#include "snapshot_make.h"
#include "suite.h"
#include "trace/trace_format.h"
#include "trace_check.h"

static struct make k;
static struct trace_writer *w;
static uint64_t ns;
static struct source source;

static void setup(void)
{
    struct trace_meta meta = make_meta();
    make_init(&k, 3);
    ns = 0;
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
}

static void teardown(void)
{
    source_close(&source);
    make_free(&k);
}

static void put(uint32_t process, struct event e)
{
    e.ns = ns += 10000;
    e.process = process;
    e.thread = e.type == EVENT_SNAPSHOT || e.type == EVENT_PROCESS_GONE ? 0 : process;
    make_add(&k, e);
    ck_assert_int_eq(trace_write_event(w, k.code, &k.events[k.count - 1]), 0);
}
static void start(uint32_t process) { put(process, (struct event){ .type = EVENT_PROCESS_START, .extra = { 100 + process } }); }
static void make_block(uint32_t process, uint64_t address, uint64_t size) { put(process, (struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .address = address, .size = size }); }
static void gone(uint32_t process, int status) { put(process, (struct event){ .type = EVENT_PROCESS_GONE, .extra = { 1, (uint64_t)status } }); }

/* As a collector does: the event, then, a little later, the snapshot. */
static struct snapshot *begin_snapshot(uint32_t process, uint32_t number)
{
    put(process, (struct event){ .type = EVENT_SNAPSHOT, .address = number, .size = 5, .family = SNAPSHOT_EXIT });
    struct snapshot *s = snapshot_random(&k, 5, 1, 4);
    s->process = process, s->number = number, s->event = k.count;
    return s;
}
static void end_snapshot(struct snapshot *s)
{
    ck_assert_int_eq(trace_write_snapshot(w, k.code, s), 0);
    snapshot_free(s);
}

static void finish(void) { ck_assert_int_eq(trace_write_close(w, k.code, ns), 0); }

/* The snapshots at a moment: "p1:2" number 2 of process 1; "p1:0 why". */
static const char *heaps_of(const char *path, const char *at, uint32_t process)
{
    static char text[1024];
    struct source_options o = { .heaps = true, .heap_process = process };
    size_t used = 0;
    source_close(&source);
    ck_assert_int_eq(source_at_parse(&o.at, at), 0);
    ck_assert_int_eq(source_open(&source, path, &o), 0);
    text[0] = '\0';
    for (size_t i = 0; i < source.view->n_snapshots; i++) {
        const struct snapshot *s = source.view->snapshots[i];
        ck_assert(snapshot_sound(s));
        used += (size_t)snprintf(text + used, sizeof text - used, "%sp%u:%u", i ? ", " : "", s->process, s->number);
        if (!s->number)
            used += (size_t)snprintf(text + used, sizeof text - used, " %zu blocks, %s", s->n_blocks, s->refused);
    }
    return text;
}
static const char *heaps(const char *at) { return heaps_of(k.path, at, 0); }

START_TEST(newest_of_each_process)
{
    start(1);
    make_block(1, 0x1000, 10);
    end_snapshot(begin_snapshot(1, 1));         /* event 3 */
    start(2);
    struct snapshot *second = begin_snapshot(2, 2);
    make_block(1, 0x2000, 10);
    struct snapshot *third = begin_snapshot(1, 3);
    end_snapshot(begin_snapshot(1, 4));         /* event 8; the scans of the others took longer */
    end_snapshot(third);
    end_snapshot(second);
    finish();
    ck_assert_str_eq(heaps("end"), "p1:4, p2:2");
    ck_assert_str_eq(heaps("event:7"), "p1:3, p2:2");
    ck_assert_str_eq(heaps("event:6"), "p1:1, p2:2");
    ck_assert_str_eq(heaps("event:4"), "p1:1");
    ck_assert_str_eq(heaps("event:2"), "p1:0 1 blocks, no snapshot of it was taken up to this moment");
    ck_assert_str_eq(heaps("event:1"), "");
    ck_assert_str_eq(heaps_of(k.path, "end", 2), "p2:2");
    ck_assert_uint_gt(source.view->n_stacks, 0);
}
END_TEST

/* As report lists them: all up to the moment, in order of their numbers. */
START_TEST(listed_in_a_report)
{
    start(1);
    struct snapshot *s = begin_snapshot(1, 1);
    free(s->refused), free(s->mark);
    s->refused = xstrdup("not permitted"), s->mark = xstrdup("here"), s->why = SNAPSHOT_MARK, s->how = SNAPSHOT_UNREAD;
    s->pause_ns = 77;
    end_snapshot(s);
    struct snapshot *second = begin_snapshot(1, 2);
    end_snapshot(begin_snapshot(1, 3));
    end_snapshot(second);
    finish();
    heaps("end");
    json_t *doc = doc_report(source.view, &source.doc, NULL), *list = json_object_get(doc, "snapshots"), *first = json_array_get(list, 0);
    ck_assert_uint_eq(json_array_size(list), 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(list, i), "number")), (json_int_t)i + 1);
    ck_assert_str_eq(json_string_value(json_object_get(first, "refused")), "not permitted");
    ck_assert_str_eq(json_string_value(json_object_get(first, "mark")), "here");
    ck_assert_str_eq(json_string_value(json_object_get(first, "why")), "mark");
    ck_assert_str_eq(json_string_value(json_object_get(first, "how")), "unread");
    ck_assert_str_eq(json_string_value(json_object_get(first, "process")), "p1");
    ck_assert_int_eq(json_integer_value(json_object_get(first, "pause_ns")), 77);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "blocks")), 5);
    json_decref(doc);
    heaps("event:3");
    doc = doc_report(source.view, &source.doc, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "snapshots")), 2);
    json_decref(doc);
}
END_TEST

static int append(void *context, const char *bytes, size_t n)
{
    char *text = context;
    strncat(text, bytes, n);
    return 0;
}

START_TEST(told_as_an_event)
{
    char text[4096] = "";
    struct doc_events_options o = { 0 };
    start(1);
    end_snapshot(begin_snapshot(1, 6));
    finish();
    heaps("end");
    ck_assert_int_eq(doc_event_types_parse(&o.types, "snapshot"), 0);
    ck_assert_int_eq(doc_events(source.trace, &source.doc, &o, append, text, NULL), 0);
    ck_assert_str_eq(text, "{\"event\":2,\"ns\":20000,\"type\":\"snapshot\",\"process\":\"p1\",\"thread\":null,\"node\":\"p1\","
                           "\"by\":\"exit\",\"number\":6,\"blocks\":5}\n");
}
END_TEST

START_TEST(of_the_program_that_runs)
{
    start(1);
    make_block(1, 0x1000, 10);
    end_snapshot(begin_snapshot(1, 1));
    put(1, (struct event){ .type = EVENT_PROCESS_EXEC, .extra = { 101 } });
    start(1);
    make_block(1, 0x3000, 10);
    make_block(1, 0x4000, 10);
    gone(1, 9);
    finish();
    ck_assert_str_eq(heaps("event:4"), "p1:1");
    ck_assert_str_eq(heaps("end"), "p1:0 2 blocks, it was ended by signal 9 before a snapshot was taken");
}
END_TEST

START_TEST(ended_without_one)
{
    start(1);
    make_block(1, 0x1000, 10);
    gone(1, 0);
    start(2);
    gone(2, 0);
    finish();
    ck_assert_str_eq(heaps("end"), "p1:0 1 blocks, it ended without a snapshot");
    const struct snapshot *s = source.view->snapshots[0];
    ck_assert_uint_eq(s->how, SNAPSHOT_UNREAD);
    ck_assert_uint_eq(s->address[0], 0x1000);
    ck_assert_uint_eq(s->pid, 101);
    ck_assert_ptr_null(s->first);
}
END_TEST

START_TEST(turned_off)
{
    struct trace_meta meta = make_meta();
    meta.options = (char *)"--locks off --no-snapshot-at-exit";
    finish();
    ck_assert_int_eq(trace_write_open(&w, k.path, &meta), 0);
    start(1);
    make_block(1, 0x1000, 10);
    gone(1, 0);
    finish();
    ck_assert_str_eq(heaps("end"), "p1:0 1 blocks, the session ran with --no-snapshot-at-exit");
}
END_TEST

START_TEST(not_whole)
{
    start(1);
    make_block(1, 0x1000, 10);
    struct snapshot *s = begin_snapshot(1, 7);
    snapshot_free(s);
    finish();
    ck_assert_str_eq(heaps("end"), "p1:0 1 blocks, snapshot 7 of it is not whole in the trace");
}
END_TEST

START_TEST(damaged)
{
    start(1);
    make_block(1, 0x1000, 10);
    end_snapshot(begin_snapshot(1, 1));
    finish();
    size_t bytes;
    uint8_t *file = make_slurp(k.path, &bytes);
    struct trace_frame frame;
    for (size_t at = sizeof(struct trace_file_head); at + sizeof frame < bytes; at += sizeof frame + frame.payload_bytes) {
        memcpy(&frame, file + at, sizeof frame);
        if (frame.type == TRACE_CHUNK_PART)
            file[at + sizeof frame + 3] ^= 1;
        if (frame.type == TRACE_CHUNK_INDEX)
            break;
    }
    make_spill(k.path, file, bytes);
    free(file);
    ck_assert_ptr_nonnull(strstr(heaps("end"), "p1:0 1 blocks, its snapshot cannot be read: damaged at byte"));
    ck_assert_uint_eq(source.events, k.count);
    ck_assert_ptr_null(source.damage);
}
END_TEST

START_TEST(of_an_older_version)
{
    char path[4096];
    finish();
    snprintf(path, sizeof path, "%.*s../golden/version-3-handoff.own", (int)(strrchr(__FILE__, '/') - __FILE__ + 1), __FILE__);
    ck_assert_ptr_nonnull(strstr(heaps_of(path, "end", 0), "blocks, the trace is of a version without snapshots"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heaps");
    TCase *c = tcase_create("heaps");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, newest_of_each_process);
    tcase_add_test(c, listed_in_a_report);
    tcase_add_test(c, told_as_an_event);
    tcase_add_test(c, of_the_program_that_runs);
    tcase_add_test(c, ended_without_one);
    tcase_add_test(c, turned_off);
    tcase_add_test(c, not_whole);
    tcase_add_test(c, damaged);
    tcase_add_test(c, of_an_older_version);
    suite_add_tcase(suite, c);
    return suite_run(suite);
}
