/*
 * tests/unit/test_export_heap.c - heaps in exports: the JSON document, V8's
 * format, drawings; and snapshots that nobody would make, as a damaged file
 * may hold them.
 */
#include "graph_scratch.h"
#include "suite.h"

static struct scratch_text out;

static const char *export_of(int (*make)(const struct view *v, const struct doc_context *c), struct view *v)
{
    struct doc_context c = { 0 };
    out.bytes = 0;
    ck_assert_int_eq(make(v, &c), 0);
    return out.text;
}

static int json(const struct view *v, const struct doc_context *c)
{
    return doc_export_json(v, NULL, c, &(struct doc_export_options){ 0 }, scratch_sink, &out);
}
static int v8(const struct view *v, const struct doc_context *c) { return doc_export_heapsnapshot(v, c, scratch_sink, &out); }
static int dot(const struct view *v, const struct doc_context *c)
{
    return doc_export_dot(v, c, &(struct doc_options){ 0 }, scratch_sink, &out);
}
static int dot_of(const struct view *v, const struct doc_context *c)
{
    return doc_export_dot(v, c, &(struct doc_options){ .of = "b1" }, scratch_sink, &out);
}

static json_t *document(const char *json_text)
{
    json_error_t error;
    json_t *j = json_loads(json_text, 0, &error);
    ck_assert_msg(j != NULL, "%s", error.text);
    return j;
}

static const json_t *node_of(const json_t *doc, const char *id)
{
    const json_t *nodes = json_object_get(doc, "nodes");
    for (size_t i = 0; i < json_array_size(nodes); i++)
        if (!strcmp(json_string_value(json_object_get(json_array_get(nodes, i), "id")), id))
            return json_array_get(nodes, i);
    return NULL;
}

START_TEST(json_knows_holders)
{
    struct view v = graph_view();
    json_t *doc = document(export_of(json, &v));
    /* The view has blocks b7 and b8 alone: what the snapshot has besides is gone. */
    const json_t *b7 = node_of(doc, "b7"), *r2 = node_of(doc, "r2"), *edges = json_object_get(doc, "edges");
    ck_assert_str_eq(json_string_value(json_object_get(b7, "holder")), "r2");
    ck_assert_str_eq(json_string_value(json_object_get(b7, "class")), "possible");
    ck_assert_int_eq(json_integer_value(json_object_get(b7, "retained_bytes")), 50);
    ck_assert_str_eq(json_string_value(json_object_get(r2, "root")), "stack");
    ck_assert_ptr_null(node_of(doc, "r4"));     /* registers that hold nothing */
    size_t contains = 0;
    for (size_t i = 0; i < json_array_size(edges); i++) {
        const json_t *e = json_array_get(edges, i);
        if (strcmp(json_string_value(json_object_get(e, "kind")), "contains"))
            continue;
        contains++;
        ck_assert_str_eq(json_string_value(json_object_get(e, "from")), "r2");
        ck_assert_str_eq(json_string_value(json_object_get(e, "to")), "b7");
        ck_assert(json_is_true(json_object_get(e, "interior")));
        ck_assert_int_eq(json_integer_value(json_object_get(e, "offset_bytes")), 16);
    }
    ck_assert_uint_eq(contains, 1);
    json_decref(doc);
    snapshot_free(graph_snapshots[0]);
}
END_TEST

/* Field `at` of node i of a V8 file. */
static json_int_t field(const json_t *doc, size_t i, size_t at) { return json_integer_value(json_array_get(json_object_get(doc, "nodes"), i * 7 + at)); }

START_TEST(v8_counts)
{
    struct view v = graph_view();
    json_t *doc = document(export_of(v8, &v));
    const json_t *snapshot = json_object_get(doc, "snapshot"), *edges = json_object_get(doc, "edges"), *strings = json_object_get(doc, "strings");
    json_int_t nodes = json_integer_value(json_object_get(snapshot, "node_count"));
    /* top, 4 parts, leaked, 8 blocks, threads t1 and t2 */
    ck_assert_int_eq(nodes, 16);
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "nodes")), 16 * 7);
    ck_assert_uint_eq(json_array_size(edges), 3 * (size_t)json_integer_value(json_object_get(snapshot, "edge_count")));
    json_int_t of_nodes = 0, weak = 0;
    for (size_t i = 0; i < (size_t)nodes; i++) {
        of_nodes += field(doc, i, 4);
        ck_assert_int_lt(field(doc, i, 1), (json_int_t)json_array_size(strings));
    }
    ck_assert_int_eq(of_nodes * 3, (json_int_t)json_array_size(edges));
    for (size_t i = 0; i < json_array_size(edges); i += 3)
        weak += json_integer_value(json_array_get(edges, i)) == 6;
    ck_assert_int_eq(weak, 8);      /* seven are owned by a thread, one is borrowed */
    json_decref(doc);
    snapshot_free(graph_snapshots[0]);
}
END_TEST

START_TEST(drawings)
{
    struct view v = graph_view();
    const char *drawing = export_of(dot, &v);
    ck_assert_ptr_nonnull(strstr(drawing, "\"b1\" -> \"b4\""));
    ck_assert_ptr_nonnull(strstr(drawing, "abc::Foo"));
    ck_assert_ptr_null(strstr(drawing, "not drawn"));
    drawing = export_of(dot_of, &v);
    ck_assert_ptr_nonnull(strstr(drawing, "\"r1\" -> \"b1\" [label=\"+0x28\""));
    ck_assert_ptr_nonnull(strstr(drawing, "\"b1\" -> \"b3\" [label=\"+0x18\""));
    struct doc_context c = { 0 };
    ck_assert_int_eq(doc_export_dot(&v, &c, &(struct doc_options){ .of = "b99" }, scratch_sink, &out), -ENOENT);
    ck_assert_int_eq(doc_export_dot(&v, &c, &(struct doc_options){ .sites = 1, .depth = 1 }, scratch_sink, &out), 0);
    ck_assert_ptr_nonnull(strstr(out.text, "3 more that are not drawn"));
    snapshot_free(graph_snapshots[0]);
}
END_TEST

/* Sound, and yet nothing that a scan makes: words in no order, roots and frames over each other, names that are none. */
static struct snapshot *odd(void)
{
    uint32_t blocks = play_random(40), roots = play_random(6);
    struct snapshot *s = play_any(blocks, roots, play_random(120));
    for (size_t e = 0; e < s->n_edges; e++)
        s->at[e] = play_random(4) ? play_random(60) : UINT32_MAX - play_random(2);
    for (uint32_t i = 0; i < blocks; i++) {
        s->stack[i] = play_random(9);
        s->owner[i] = play_random(5);
        s->id[i] = play_random(3) ? s->id[i] : play_random(20);
    }
    for (uint32_t i = 0; i < roots; i++)
        s->roots[i] = (struct snapshot_root){ .address = play_random(3) * 0x1000, .bytes = play_random(600), .offset = play_random(0x5000),
                                              .module = play_random(4), .thread = play_random(4), .kind = (uint8_t)(1 + play_random(ROOT_KINDS - 1)) };
    s->n_frames = roots ? play_random(8) : 0;
    s->frames = xcalloc(s->n_frames, sizeof *s->frames);
    for (size_t i = 0; i < s->n_frames; i++)
        s->frames[i] = (struct snapshot_frame){ .address = play_random(0x3000), .root = play_random(roots), .frame = play_random(9) };
    s->n_types = play_random(3);
    s->types = xcalloc(s->n_types, sizeof *s->types);
    for (size_t i = 0; i < s->n_types; i++)
        s->types[i] = (struct snapshot_type){ .module = play_random(5), .name = play_random(2) ? xstrdup("9\xff") : NULL };
    for (uint32_t i = 0; i < blocks; i++)
        s->type[i] = play_random((uint32_t)s->n_types + 1);
    ck_assert(snapshot_sound(s));
    return s;
}

START_TEST(odd_ones)
{
    static const struct doc_options all[] = { { 0 }, { .by = "type" }, { .by = "site" }, { .by = "module" }, { .by = "thread" }, { .by = "root" },
                                              { .of = "b3" }, { .of = "r1" }, { .of = "r4" }, { .of = "0x1010" }, { .of = "0x100010" }, { .depth = 64, .sites = UINT32_MAX } };
    struct symbols *symbols = symbols_new();
    for (unsigned round = 0; round < 1500; round++) {
        struct view v = scratch_view();
        struct doc_context c = { .symbols = round % 2 ? symbols : NULL };
        struct snapshot *list[2] = { odd(), odd() };
        list[0]->process = 1;
        list[1]->process = 2;
        v.snapshots = list;
        v.n_snapshots = 1 + round % 2;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            json_decref(doc_graph(&v, &c, &all[i]));
        json_t *doc = document(export_of(v8, &v));
        ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(doc, "snapshot"), "edge_count")) * 3,
                         (json_int_t)json_array_size(json_object_get(doc, "edges")));
        json_decref(doc);
        json_decref(document(export_of(json, &v)));
        export_of(dot, &v);
        snapshot_free(list[0]);
        snapshot_free(list[1]);
    }
    symbols_free(symbols);
}
END_TEST

START_TEST(a_sink_that_fails)
{
    struct view v = graph_view();
    struct doc_context c = { 0 };
    out.bytes = 0;
    out.fail_after = 100;
    ck_assert_int_eq(doc_export_heapsnapshot(&v, &c, scratch_sink, &out), -ENOSPC);
    ck_assert_int_eq(dot(&v, &c), -ENOSPC);
    out.fail_after = 0;
    snapshot_free(graph_snapshots[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("export_heap");
    TCase *t = tcase_create("exports");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, json_knows_holders);
    tcase_add_test(t, v8_counts);
    tcase_add_test(t, drawings);
    tcase_add_test(t, odd_ones);
    tcase_add_test(t, a_sink_that_fails);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
