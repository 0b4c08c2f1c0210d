/*
 * tests/unit/test_doc_graph.c - the document `graph` of a heap made by hand.
 */
#include "export/interval.h"
#include "graph_scratch.h"
#include "suite.h"

static json_t *graph(const struct doc_options *o)
{
    static struct view v;
    v = graph_view();
    struct doc_context c = { 0 };
    json_t *doc = doc_graph(&v, &c, o);
    snapshot_free(graph_snapshots[0]);
    return doc;
}

static const char *str(const json_t *j, const char *key)
{
    const char *text = json_string_value(json_object_get(j, key));
    return text ? text : "-";
}
static json_int_t num(const json_t *j, const char *key) { return json_integer_value(json_object_get(j, key)); }

/* "b1:190/3" and what hangs below in brackets. */
static void tree_text(const json_t *list, char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i), *children = json_object_get(j, "children");
        sprintf(text + strlen(text), "%s%s:%lld/%lld", i ? " " : "", str(j, "id"), num(j, "retained_bytes"), num(j, "retained_blocks"));
        if (json_array_size(children)) {
            strcat(text, "(");
            tree_text(children, text);
            strcat(text, ")");
        }
    }
}

START_TEST(tree)
{
    json_t *doc = graph(&(struct doc_options){ 0 });
    char text[512] = "";
    tree_text(json_object_get(doc, "dominators"), text);
    ck_assert_str_eq(text, "b8:4096/1 b1:190/4(b4:40/1 b3:30/1 b2:20/1) lost:130/2(b6:130/2(b5:70/1)) r2:50/1(b7:50/1)");
    ck_assert_int_eq(num(doc, "dominators_total"), 4);
    const json_t *b1 = json_array_get(json_object_get(doc, "dominators"), 1);
    ck_assert_str_eq(str(b1, "kind"), "block");
    ck_assert_int_eq(num(b1, "size_bytes"), 100);
    ck_assert_int_eq(num(b1, "children_total"), 3);
    ck_assert(json_is_null(json_object_get(b1, "holder")));
    ck_assert_str_eq(str(b1, "class"), "reachable");
    ck_assert_str_eq(str(b1, "type"), "app+0x2000");
    ck_assert_str_eq(str(b1, "type_by"), "site");
    const json_t *b4 = json_array_get(json_object_get(b1, "children"), 0);
    ck_assert_str_eq(str(b4, "holder"), "b1");
    ck_assert_str_eq(str(b4, "type"), "abc::Foo");
    ck_assert_str_eq(str(b4, "type_by"), "vtable");
    ck_assert_str_eq(str(json_array_get(json_object_get(doc, "dominators"), 0), "family"), "mmap");
    const json_t *totals = json_object_get(doc, "totals");
    ck_assert_int_eq(num(totals, "blocks"), 7);
    ck_assert_int_eq(num(totals, "mapped_bytes"), 4096);
    ck_assert_int_eq(num(json_object_get(totals, "definite"), "bytes"), 60);
    ck_assert_int_eq(num(json_object_get(totals, "possible"), "blocks"), 1);
    ck_assert(json_is_null(json_object_get(doc, "refused")));
    json_decref(doc);
}
END_TEST

/* Born in the order of addresses: b6, b5 and b8 are the last. Who holds none of them is not told of. */
START_TEST(since)
{
    json_t *doc = graph(&(struct doc_options){ .since_ns = 6 });
    char text[512] = "";
    tree_text(json_object_get(doc, "dominators"), text);
    ck_assert_str_eq(text, "b8:4096/1 lost:130/2(b6:130/2(b5:70/1))");
    ck_assert_int_eq(num(doc, "dominators_total"), 2);
    ck_assert_int_eq(num(doc, "since_ns"), 6);
    ck_assert_int_eq(num(doc, "roots_total"), 0);
    json_decref(doc);
    doc = graph(&(struct doc_options){ .since_ns = 4 });    /* of what b1 holds, b4 alone */
    const json_t *b1 = json_array_get(json_object_get(doc, "dominators"), 3);
    ck_assert_str_eq(str(b1, "id"), "b1");
    ck_assert_int_eq(num(b1, "retained_bytes"), 40);
    ck_assert_int_eq(num(b1, "children_total"), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(b1, "children")), 1);
    json_decref(doc);
    doc = graph(&(struct doc_options){ .since_ns = 6, .by = "site" });
    const json_t *groups = json_object_get(doc, "groups");
    json_int_t blocks = 0, bytes = 0;
    for (size_t i = 0; i < json_array_size(groups); i++) {
        blocks += num(json_array_get(groups, i), "blocks");
        bytes += num(json_array_get(groups, i), "bytes");
    }
    ck_assert_uint_eq(json_array_size(groups), 1);
    ck_assert_int_eq(num(doc, "groups_total"), 1);
    ck_assert_int_eq(blocks, 3);
    ck_assert_int_eq(bytes, 4096 + 60 + 70);
    json_decref(doc);
    doc = graph(&(struct doc_options){ .since_ns = 9, .by = "root" });
    ck_assert_uint_eq(json_array_size(json_object_get(doc, "groups")), 0);
    ck_assert_int_eq(num(doc, "groups_total"), 0);
    json_decref(doc);
}
END_TEST

START_TEST(rows_and_depth)
{
    json_t *doc = graph(&(struct doc_options){ .sites = 2, .depth = 1 });
    char text[512] = "";
    tree_text(json_object_get(doc, "dominators"), text);
    ck_assert_str_eq(text, "b8:4096/1 b1:190/4");
    ck_assert_int_eq(num(doc, "dominators_total"), 4);
    ck_assert_int_eq(json_array_size(json_object_get(doc, "roots")), 2);
    json_decref(doc);
}
END_TEST

START_TEST(roots)
{
    json_t *doc = graph(&(struct doc_options){ 0 });
    const json_t *list = json_object_get(doc, "roots"), *frame = json_array_get(list, 0), *data = json_array_get(list, 1);
    ck_assert_int_eq(num(doc, "roots_total"), 3);   /* the registers hold nothing */
    ck_assert_str_eq(str(frame, "id"), "r2");
    ck_assert_str_eq(str(frame, "root"), "stack");
    ck_assert_str_eq(str(frame, "where"), "stack of t1");
    ck_assert_int_eq(num(frame, "retained_bytes"), 50);
    ck_assert_str_eq(str(frame, "thread"), "t1");
    ck_assert_str_eq(str(data, "id"), "r1");
    ck_assert_str_eq(str(data, "where"), "app+0x4000");
    ck_assert_str_eq(str(data, "module"), "/gone/app");
    ck_assert_int_eq(num(data, "retained_bytes"), 0);
    ck_assert_int_eq(num(data, "pointers"), 1);
    json_decref(doc);
}
END_TEST

/* "name:blocks/bytes/retained", in order. */
static const char *groups(const char *by, const char *key)
{
    static char text[512];
    json_t *doc = graph(&(struct doc_options){ .by = by }), *list = json_object_get(doc, "groups");
    ck_assert_str_eq(str(doc, "by"), by);
    ck_assert_int_eq(num(doc, "groups_total"), json_array_size(list));
    *text = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        sprintf(text + strlen(text), "%s%s:%lld/%lld/%lld", i ? " " : "", str(j, key), num(j, "blocks"), num(j, "bytes"), num(j, "retained_bytes"));
    }
    json_decref(doc);
    return text;
}

START_TEST(by_each)
{
    /* b1 and b2 have one type: what b2 retains is in b1's sum. */
    ck_assert_str_eq(groups("type", "type"), "-:4/4276/4276 app+0x2000:2/120/190 abc::Foo:1/40/40 0x7f0000001235:1/30/30");
    ck_assert_str_eq(groups("thread", "thread"), "t1:6/4416/4466 -:1/30/30 t2:1/20/20");
    ck_assert_str_eq(groups("module", "module"), "-:6/4346/4346 /gone/app:2/120/190");
    ck_assert_str_eq(groups("root", "kind"), "loose:1/4096/4096 several:1/100/190 lost:1/60/130 root:1/50/50");
    ck_assert_str_eq(groups("root", "id"), "-:1/4096/4096 -:1/100/190 lost:1/60/130 r2:1/50/50");
    ck_assert(doc_graph_by_known("site") && !doc_graph_by_known("sit") && !doc_graph_by_known(""));
}
END_TEST

/* Two samples, and a mapping that is known whole: each group says what its own stand for and how far off that may be, and their
 * sums are the totals'. */
START_TEST(by_of_samples)
{
    static const char *const keys[] = { "type", "site", "module", "thread", "root" };
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        struct view v = graph_view();
        struct snapshot *s = graph_snapshots[0];
        struct doc_context c = { 0 };
        struct interval_sum four = { 0 }, both;
        s->rate = xcalloc(s->n_blocks, sizeof *s->rate);
        s->rate[3] = 1000;                  /* b4, of 40 bytes, the only abc::Foo; held by b1 */
        s->rate[4] = 500;                   /* b7, of 50 */
        interval_add(&four, 40, 40, 1000);
        both = four;
        interval_add(&both, 50, 50, 500);
        json_t *doc = doc_graph(&v, &c, &(struct doc_options){ .by = keys[k] }), *list = json_object_get(doc, "groups");
        json_int_t samples = 0, blocks = 0;
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *j = json_array_get(list, i), *e = json_object_get(j, "estimated");
            samples += num(e, "samples");
            blocks += e ? num(e, "blocks") : num(j, "blocks");
            ck_assert(!e || num(e, "bytes") > num(j, "bytes"));
            ck_assert(!e || (num(e, "error_bytes") > 0 && num(e, "error_blocks") > 0));
            if (!strcmp(str(j, "type"), "abc::Foo")) {
                ck_assert_int_eq(num(e, "bytes"), (json_int_t)interval_sum_count(&four).bytes);
                ck_assert_int_eq(num(e, "error_bytes"), (json_int_t)interval_half(four.bytes_variance, 1000));
                ck_assert_int_eq(num(e, "error_blocks"), (json_int_t)interval_half(four.blocks_variance, four.heaviest));
            }
        }
        bool by_root = !strcmp(keys[k], "root");  /* whose groups are of what they hold directly */
        ck_assert_int_eq(samples, by_root ? 1 : 2);
        if (!by_root)
            ck_assert_int_eq(blocks, 6 + (json_int_t)interval_sum_count(&both).blocks);
        json_decref(doc);
        snapshot_free(s);
    }
}
END_TEST

/* "r1+40 b1+8 b2" */
static const char *way(const json_t *doc, const char *key)
{
    static char text[256];
    const json_t *list = json_object_get(doc, key);
    *text = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i), *offset = json_object_get(j, "offset_bytes");
        sprintf(text + strlen(text), "%s%s", i ? " " : "", str(j, "id"));
        if (json_is_integer(offset))
            sprintf(text + strlen(text), "+%lld%s", json_integer_value(offset), json_is_true(json_object_get(j, "interior")) ? "i" : "");
    }
    return text;
}

static json_t *of(const char *id)
{
    ck_assert(doc_graph_of_known(id));
    return graph(&(struct doc_options){ .of = id });
}

START_TEST(one_node)
{
    json_t *doc = of("b4");
    ck_assert_str_eq(str(json_object_get(doc, "node"), "id"), "b4");
    ck_assert_str_eq(str(doc, "holder"), "b1");
    ck_assert_str_eq(str(json_object_get(doc, "holder_node"), "id"), "b1");
    ck_assert_str_eq(str(doc, "owner"), "t1");
    ck_assert_str_eq(way(doc, "path"), "r1+40 b1+8 b2+0 b4");
    ck_assert_str_eq(way(doc, "pointed_by"), "b2+0 b3+16");
    ck_assert_int_eq(num(doc, "pointed_by_total"), 2);
    ck_assert_int_eq(json_array_size(json_object_get(doc, "holds")), 0);
    json_decref(doc);
    doc = of("b1");
    ck_assert(json_is_null(json_object_get(doc, "holder")));
    ck_assert_str_eq(way(doc, "holds"), "b4 b3+24 b2+8");
    const json_t *b4 = json_array_get(json_object_get(doc, "holds"), 0);
    ck_assert(json_is_true(json_object_get(b4, "dominated")) && json_is_false(json_object_get(b4, "pointed")));
    json_decref(doc);
}
END_TEST

START_TEST(other_nodes)
{
    json_t *doc = of("0x100131");           /* the last byte of b7 */
    ck_assert_str_eq(str(json_object_get(doc, "node"), "id"), "b7");
    json_decref(doc);
    doc = of("0x100132");
    ck_assert(json_is_null(json_object_get(doc, "node")));
    json_decref(doc);
    doc = of("b7");
    ck_assert_str_eq(way(doc, "path"), "r2+16i b7");
    ck_assert_str_eq(str(json_array_get(json_object_get(doc, "borrowers"), 0), "thread"), "t2");
    json_decref(doc);
    doc = of("b5");                         /* lost: the way begins at the block that was lost first */
    ck_assert_str_eq(way(doc, "path"), "b6+0 b5");
    ck_assert_str_eq(str(doc, "holder"), "b6");
    json_decref(doc);
    doc = of("r3");
    ck_assert_str_eq(str(json_object_get(doc, "node"), "address"), "0x7108");
    ck_assert_str_eq(way(doc, "holds"), "b1+0");
    ck_assert(json_is_false(json_object_get(json_array_get(json_object_get(doc, "holds"), 0), "dominated")));
    json_decref(doc);
    static const char *const none[] = { "b99", "r9", "l1", "0x1" };
    for (size_t i = 0; i < 4; i++) {
        doc = of(none[i]);
        ck_assert(json_is_null(json_object_get(doc, "node")));
        json_decref(doc);
    }
    ck_assert(!doc_graph_of_known("r") && !doc_graph_of_known("x1") && !doc_graph_of_known("r1x"));
}
END_TEST

START_TEST(nothing_known)
{
    struct view v = scratch_view();
    struct doc_context c = { 0 };
    json_t *doc = doc_graph(&v, &c, &(struct doc_options){ 0 });
    ck_assert_str_eq(str(doc, "refused"), "no snapshot of the heap was taken up to that moment");
    ck_assert_int_eq(json_array_size(json_object_get(doc, "dominators")), 0);
    json_decref(doc);
    v = graph_view();
    struct snapshot *s = graph_snapshots[0];
    free(s->first);
    s->first = NULL;
    s->n_edges = 0;
    s->how = SNAPSHOT_UNREAD;
    s->refused = xstrdup("not permitted");
    static const struct doc_options all[] = { { 0 }, { .by = "type" }, { .by = "root" }, { .of = "b1" } };
    for (size_t i = 0; i < 4; i++) {
        doc = doc_graph(&v, &c, &all[i]);
        ck_assert_str_eq(str(doc, "refused"), "not permitted");
        ck_assert(json_is_null(json_object_get(json_object_get(doc, "totals"), "definite")));
        if (all[i].of)
            ck_assert(json_is_null(json_object_get(json_object_get(doc, "node"), "class")));
        json_decref(doc);
    }
    snapshot_free(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("doc_graph");
    TCase *t = tcase_create("graph");
    tcase_add_test(t, tree);
    tcase_add_test(t, since);
    tcase_add_test(t, rows_and_depth);
    tcase_add_test(t, roots);
    tcase_add_test(t, by_each);
    tcase_add_test(t, by_of_samples);
    tcase_add_test(t, one_node);
    tcase_add_test(t, other_nodes);
    tcase_add_test(t, nothing_known);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
