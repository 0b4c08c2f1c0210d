/*
 * tests/unit/test_sql.c - the tables of ownscope sql against the documents and
 * the trace; what is pushed down against what is not; questions that may not be.
 */
#include <inttypes.h>
#include <stdarg.h>

#include "export/replay.h"
#include "sql_scratch.h"
#include "suite.h"

static char *path;

static void setup(void)
{
    scratch_make();
    path = play_trace("play.own", 7);
}

static void teardown(void)
{
    free(path);
    scratch_clean();
}

/* ---- rows against documents ---- */

/* A member of a document as SQL has it: "b12", "0x7f…" and true are numbers where the column is one. */
static json_int_t plain(const json_t *j)
{
    const char *text = json_string_value(j);
    if (json_is_boolean(j))
        return json_is_true(j);
    if (json_is_integer(j))
        return json_integer_value(j);
    return (json_int_t)strtoull(text + (*text >= 'a' && *text <= 'z'), NULL, !strncmp(text, "0x", 2) ? 16 : 10);
}

static void same(const json_t *row, const char *column, const json_t *member, const char *what)
{
    const json_t *value = json_object_get(row, column);
    ck_assert_msg(value != NULL, "%s has no column %s", what, column);
    if (!member || json_is_null(member)) {
        ck_assert_msg(json_is_null(value), "%s: %s is not NULL", what, column);
        return;
    }
    if (json_is_string(value)) {
        ck_assert_msg(json_is_string(member) && !strcmp(json_string_value(value), json_string_value(member)), "%s: %s is %s, not %s", what, column,
                      json_string_value(value), json_string_value(member));
        return;
    }
    ck_assert_msg(json_is_integer(value), "%s: %s is no number", what, column);
    if (json_is_string(member) && !strncmp(json_string_value(member), "0x", 2))
        ck_assert_uint_eq((uint64_t)json_integer_value(value), strtoull(json_string_value(member), NULL, 16));
    else
        ck_assert_msg(json_integer_value(value) == plain(member), "%s: %s is %" PRId64 ", not %" PRId64, what, column,
                      (int64_t)json_integer_value(value), (int64_t)plain(member));
}

/* "column" or "column=key" each; the row has what the object has. */
static void same_all(const json_t *row, const json_t *object, const char *columns, const char *what)
{
    char *copy = strdup(columns);
    for (char *save, *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *key = strchr(word, '=');
        if (key)
            *key++ = 0;
        same(row, word, json_object_get(object, key ? key : word), what);
    }
    free(copy);
}

static json_t *lines_of(const char *file)
{
    struct trace *t;
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols };
    struct doc_events_options o = { 0 };
    struct scratch_text text = { 0 };
    ck_assert_int_eq(trace_open(&t, file), 0);
    ck_assert_int_eq(doc_events(t, &c, &o, scratch_sink, &text, NULL), 0);
    json_t *list = json_array();
    for (char *save, *line = strtok_r(text.text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        json_array_append_new(list, json_loads(line, 0, NULL));
    free(text.text);
    symbols_free(symbols);
    trace_close(t);
    return list;
}

START_TEST(events_are_those_of_the_document)
{
    struct sql *s = ask_open(path, NULL, NULL);
    json_t *rows = ask(s, "SELECT * FROM events"), *lines = lines_of(path), *row;
    size_t i, dated = 0, copies = 0;
    ck_assert_uint_eq(json_array_size(rows), json_array_size(lines));
    json_array_foreach(rows, i, row) {
        const json_t *line = json_array_get(lines, i);
        same_all(row, line, "event type process thread node by address size_bytes family old_address old_size_bytes offset_bytes "
                            "copied_by lock_kind shared wait_ns mutable errno text", "events");
        same(row, "from_thread", json_object_get(line, "from"), "events");
        if (json_is_null(json_object_get(row, "dated_ns")))
            same(row, "ns", json_object_get(line, "ns"), "events");
        else
            same(row, "dated_ns", json_object_get(line, "ns"), "events");
        dated += !json_is_null(json_object_get(row, "dated_ns"));
        copies += !json_is_null(json_object_get(row, "copied_by"));
    }
    ck_assert_uint_ge(dated, 1);
    ck_assert_uint_ge(copies, 10);
    json_decref(rows);
    json_decref(lines);
    sql_close(s);
}
END_TEST

START_TEST(records_are_those_of_the_trace)
{
    struct sql *s = ask_open(path, NULL, NULL);
    json_t *rows = ask(s, "SELECT * FROM records"), *row;
    struct trace *t;
    struct event e;
    size_t i;
    ck_assert_int_eq(trace_open(&t, path), 0);
    ck_assert_uint_eq(json_array_size(rows), trace_events(t));
    json_array_foreach(rows, i, row) {
        ck_assert_int_eq(trace_next(t, &e), 1);
        ck_assert_int_eq(number(row, "event"), (json_int_t)i + 1);
        ck_assert_int_eq(number(row, "ns"), (json_int_t)e.ns);
        ck_assert_str_eq(text(row, "type"), event_type_name(e.type));
        const json_t *address = json_object_get(row, "address"), *other = json_object_get(row, "number");
        ck_assert_int_eq(json_integer_value(json_is_null(address) ? other : address), (json_int_t)e.address);
        ck_assert_int_eq(number(row, "size_bytes"), (json_int_t)e.size);
        ck_assert_int_eq(number(row, "extra1"), (json_int_t)e.extra[0]);
        ck_assert_int_eq(e.stack ? number(row, "stack") : 0, e.stack);
    }
    trace_close(t);
    json_decref(rows);
    sql_close(s);
}
END_TEST

/* The whole document of a moment, with what is gone. */
static json_t *export_at(const char *at, bool all)
{
    struct source_options so = { .flags = VIEW_BLOCKS, .heaps = true };
    struct source s;
    struct scratch_text text = { 0 };
    if (at)
        ck_assert_int_eq(source_at_parse(&so.at, at), 0);
    ck_assert_int_eq(source_open(&s, path, &so), 0);
    struct doc_export_options o = { .all = all, .until_event = s.whole ? 0 : s.events };
    ck_assert_int_eq(doc_export_json(s.view, s.trace, &s.doc, &o, scratch_sink, &text), 0);
    source_close(&s);
    json_t *j = json_loads(text.text, 0, NULL);
    free(text.text);
    return j;
}

static const json_t *row_of(const json_t *rows, const char *key, json_int_t id)
{
    const json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
        if (json_integer_value(json_object_get(row, key)) == id)
            return row;
    return NULL;
}

static size_t nodes_check(const json_t *document, const char *kind, const json_t *rows, const char *columns)
{
    const json_t *node;
    size_t i, n = 0;
    json_array_foreach(json_object_get(document, "nodes"), i, node) {
        if (strcmp(text(node, "kind"), kind))
            continue;
        const json_t *row = row_of(rows, "id", plain(json_object_get(node, "id")));
        ck_assert_msg(row != NULL, "no row of %s", text(node, "id"));
        same_all(row, node, columns, kind);
        n++;
    }
    return n;
}

static void state_check(const char *at)
{
    struct sql *s = ask_open(path, at, NULL);
    json_t *document = export_at(at, true);
    json_t *blocks = ask(s, "SELECT * FROM blocks"), *threads = ask(s, "SELECT * FROM threads"), *locks = ask(s, "SELECT * FROM locks");
    ck_assert_uint_eq(nodes_check(document, "block", blocks, "process address size_bytes family born_ns dropped_ns thread owned_by borrower "
                                                             "dropped_by drop_family dropped_how holder type class"), json_array_size(blocks));
    ck_assert_uint_eq(nodes_check(document, "thread", threads, "process tid name creator joined_by born_ns ended_ns"), json_array_size(threads));
    ck_assert_uint_eq(nodes_check(document, "lock", locks, "process kind=lock_kind place=where address block born_ns ended_ns acquisitions "
                                                           "shared_acquisitions contended"), json_array_size(locks));
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM processes WHERE pid = 4000"), 1);
    json_decref(blocks);
    json_decref(threads);
    json_decref(locks);
    json_decref(document);
    sql_close(s);
}

START_TEST(state_is_that_of_the_document)
{
    state_check(NULL);
    state_check("event:1");
    state_check("event:3333");
    state_check("mark:half");
    state_check("peak");
}
END_TEST

START_TEST(edges_are_those_of_the_document)
{
    static const char *const moments[] = { NULL, "event:1500", "event:4100" };
    for (size_t m = 0; m < 3; m++) {
        struct sql *s = ask_open(path, moments[m], NULL);
        json_t *document = export_at(moments[m], false), *rows = ask(s, "SELECT * FROM edges"), *edge;
        const json_t *edges = json_object_get(document, "edges");
        size_t i, k;
        ck_assert_uint_eq(json_array_size(edges), json_array_size(rows));
        json_array_foreach(edges, i, edge) {
            const json_t *row, *found = NULL;
            json_array_foreach(rows, k, row)
                if (!strcmp(text(row, "from"), text(edge, "from")) && !strcmp(text(row, "to"), text(edge, "to")) &&
                    !strcmp(text(row, "kind"), text(edge, "kind")) && number(row, "since_ns") == number(edge, "since_ns"))
                    found = row;
            ck_assert_msg(found != NULL, "no edge %s %s %s", text(edge, "from"), text(edge, "kind"), text(edge, "to"));
            same_all(found, edge, "until_ns by count bytes", "edges");
        }
        json_decref(rows);
        json_decref(document);
        sql_close(s);
    }
}
END_TEST

START_TEST(sites_and_stacks)
{
    struct source_options so = { 0 };
    struct source src;
    ck_assert_int_eq(source_open(&src, path, &so), 0);
    struct sql *s = ask_open(path, NULL, NULL);
    json_t *rows = ask(s, "SELECT * FROM sites"), *row;
    size_t i;
    ck_assert_uint_eq(json_array_size(rows), src.view->n_sites);
    json_array_foreach(rows, i, row) {
        const struct view_site *site = &src.view->sites[i];
        ck_assert_int_eq(number(row, "allocations"), (json_int_t)site->allocations);
        ck_assert_int_eq(number(row, "live_bytes"), (json_int_t)site->live_bytes);
        ck_assert_int_eq(number(row, "peak_bytes"), (json_int_t)site->peak_bytes);
    }
    /* The view's stacks are the trace's: by site both add up to the same. */
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM sites LEFT JOIN (SELECT stack, count(*) n FROM events WHERE type = 'new' GROUP BY stack) e "
                                   "ON e.stack = sites.stack WHERE e.n IS NOT sites.allocations"), 0);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM stacks"), PLAY_STACKS + 3);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM frames WHERE stack = 9"), 4);
    ck_assert_int_eq(ask_number(s, "SELECT max(depth) FROM stacks"), 4);
    ck_assert_int_eq(ask_number(s, "SELECT count(DISTINCT fingerprint) FROM stacks") >= 1, 1);
    json_decref(rows);
    sql_close(s);
    source_close(&src);
}
END_TEST

START_TEST(findings_are_those_of_the_document)
{
    struct sql *s = ask_open(path, NULL, NULL);
    json_t *document = export_at(NULL, false), *rows = ask(s, "SELECT * FROM findings"), *row;
    const json_t *findings = json_object_get(document, "findings");
    size_t i;
    ck_assert_uint_ge(json_array_size(findings), 1);    /* a block is dropped twice */
    ck_assert_uint_eq(json_array_size(rows), json_array_size(findings));
    json_array_foreach(rows, i, row)
        same_all(row, json_array_get(findings, i), "rule count process thread ns event node message fingerprint", "findings");
    json_decref(rows);
    json_decref(document);
    sql_close(s);
}
END_TEST

/* ---- what is pushed down ---- */

struct column { const char *table, *name; int64_t most; };
static const struct column columns[] = {
    { "events", "event", PLAY_EVENTS + 10 }, { "events", "ns", PLAY_EVENTS * 1000 }, { "events", "thread", 5 }, { "events", "process", 3 },
    { "events", "block", 2000 }, { "events", "lock", 5 }, { "events", "stack", 16 }, { "events", "size_bytes", 5000 },
    { "events", "address", INT64_C(0x7f0000000000) + 0x10000 * PLAY_BLOCKS },
    { "records", "event", PLAY_EVENTS + 10 }, { "records", "ns", PLAY_EVENTS * 1000 }, { "records", "thread", 5 }, { "records", "process", 3 },
    { "records", "stack", 16 }, { "records", "size_bytes", 5000 }, { "records", "address", INT64_C(0x7f0000000000) + 0x10000 * PLAY_BLOCKS },
    { "blocks", "id", 2000 }, { "blocks", "dropped_ns", PLAY_EVENTS * 1000 }, { "stacks", "id", 20 }, { "frames", "stack", 20 } };
enum { COLUMNS = sizeof columns / sizeof *columns };

/* One constraint, with `plus` before each name: SQLite keeps it to itself then. */
static char *constraint(const struct column *c, const char *plus)
{
    int64_t a = (int64_t)chance((uint64_t)c->most), b = (int64_t)chance((uint64_t)c->most), low = a < b ? a : b, high = a < b ? b : a;
    switch (chance(9)) {
    case 0: return xasprintf("%s%s = %" PRId64, plus, c->name, a);
    case 1: return xasprintf("%s%s < %" PRId64, plus, c->name, a);
    case 2: return xasprintf("%s%s >= %" PRId64, plus, c->name, a);
    case 3: return xasprintf("%s%s IN (%" PRId64 ", %" PRId64 ", NULL)", plus, c->name, a, b);
    case 4: return xasprintf("%s%s > %" PRId64 ".5", plus, c->name, a);
    case 5: return xasprintf("%s%s <= %" PRId64 ".0", plus, c->name, a);
    case 6: return xasprintf("%s%s IS NULL", plus, c->name);
    case 7: return xasprintf("(%s%s = %" PRId64 " OR %s%s > %" PRId64 ")", plus, c->name, low, plus, c->name, high);
    default: return xasprintf("%s%s BETWEEN %" PRId64 " AND %" PRId64, plus, c->name, low, high);
    }
}

static char *type_constraint(const char *plus)
{
    static const char *const types[] = { "new", "drop", "move", "borrow", "acquire", "mark", "none" };
    const char *one = types[chance(7)], *two = types[chance(7)];
    switch (chance(4)) {
    case 0: return xasprintf("%stype = '%s'", plus, one);
    case 1: return xasprintf("%stype IN ('%s', '%s')", plus, one, two);
    case 2: return xasprintf("%stype > '%s'", plus, one);
    default: return xasprintf("%stype = '%s' COLLATE NOCASE", plus, strcmp(one, "new") ? one : "NEW");
    }
}

/* The same question twice: with names and with names behind a plus. Chance is wound back between. */
static char *where(const struct column *first, const char *plus)
{
    char *text = constraint(first, plus);
    for (uint64_t more = chance(3); more; more--) {
        const struct column *c = &columns[chance(COLUMNS)];
        bool type = chance(3) == 0 && (!strcmp(first->table, "events") || !strcmp(first->table, "records"));
        char *next = type ? type_constraint(plus) : !strcmp(c->table, first->table) ? constraint(c, plus) : NULL;
        char *longer = next ? xasprintf("%s AND %s", text, next) : xstrdup(text);
        free(next);
        free(text);
        text = longer;
    }
    return text;
}

START_TEST(pushing_down_changes_no_answer)
{
    struct sql *s = ask_open(path, NULL, NULL);
    size_t some = 0;
    chance_state = 99;
    for (int round = 0; round < 150; round++) {
        const struct column *first = &columns[chance(COLUMNS)];
        uint64_t then = chance_state;
        char *pushed = where(first, "");
        chance_state = then;
        char *plain_ = where(first, "+");
        char *one = xasprintf("SELECT * FROM %s WHERE %s ORDER BY rowid", first->table, pushed), *two = xasprintf("SELECT * FROM %s WHERE %s ORDER BY rowid", first->table, plain_);
        size_t rows, more;
        uint64_t print = ask_print(s, one, &rows);
        ck_assert_msg(print == ask_print(s, two, &more), "%s gives %zu rows, and %s %zu others", one, rows, two, more);
        some += rows > 0;
        free(one);
        free(two);
        free(pushed);
        free(plain_);
    }
    ck_assert_uint_ge(some, 40);
    sql_close(s);
}
END_TEST

static uint64_t decoded(struct sql *s, const char *query)
{
    uint64_t before = sql_cost(s).decoded;
    json_decref(ask(s, query));
    return sql_cost(s).decoded - before;
}

START_TEST(a_narrow_question_reads_little)
{
    struct sql *s = ask_open(path, NULL, NULL);
    uint64_t all = sql_cost(s).events;
    ck_assert_uint_eq(all, PLAY_EVENTS + 5);
    ck_assert_uint_eq(decoded(s, "SELECT count(*) FROM records"), all);
    ck_assert_uint_eq(decoded(s, "SELECT count(*) FROM events"), all);
    ck_assert_uint_le(decoded(s, "SELECT count(*) FROM events WHERE event > 5500"), 1200);
    ck_assert_uint_eq(decoded(s, "SELECT count(*) FROM events WHERE event > 1000000"), 0);
    ck_assert_uint_eq(decoded(s, "SELECT count(*) FROM events WHERE type = 'nothing'"), 0);
    ck_assert_uint_le(decoded(s, "SELECT count(*) FROM blocks WHERE dropped_ns IS NULL"), 10);    /* there is a checkpoint near the end */
    ck_assert_uint_le(decoded(s, "SELECT count(*) FROM edges"), 10);
    ck_assert_uint_ge(decoded(s, "SELECT count(*) FROM blocks"), all);
    /* The inner side of a join does not read it again for each row. */
    ck_assert_uint_le(decoded(s, "SELECT count(b.id) FROM (SELECT block FROM records r JOIN events e USING (event) WHERE event < 100) x "
                                 "CROSS JOIN blocks b ON b.id = x.block"), all * 120);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM (SELECT DISTINCT block FROM events WHERE block IS NOT NULL) x CROSS JOIN blocks b ON b.id = x.block"),
                     ask_number(s, "SELECT count(*) FROM blocks"));
    ck_assert_uint_eq(sql_cost(s).symbols, 0);
    sql_close(s);
}
END_TEST

START_TEST(a_moment_and_what_came_since)
{
    struct sql *s = ask_open(path, "event:3000", "event:2000");
    char *error;
    uint64_t since, last;
    ck_assert_int_eq(sql_range(s, &since, &last), 0);
    ck_assert_uint_eq(since, 2000);
    ck_assert_uint_eq(last, 3000);
    ck_assert_int_eq(ask_number(s, "SELECT min(event) FROM records"), 2001);
    ck_assert_int_eq(ask_number(s, "SELECT max(event) FROM records"), 3000);
    ck_assert_int_eq(ask_number(s, "SELECT min(event) >= 2001 AND max(event) <= 3000 FROM events"), 1);
    ck_assert_int_eq(sql_move(s, "event:100", NULL, &error), 0);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM records"), 100);
    ck_assert_int_eq(sql_move(s, "mark:no", NULL, &error), -ENOENT);
    free(error);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM records"), 100);
    ck_assert_int_eq(sql_move(s, "sometime", NULL, &error), -EINVAL);
    free(error);
    sql_close(s);
}
END_TEST

/* ---- bisect ---- */

START_TEST(bisect_finds_the_first_moment)
{
    struct sql *s = ask_open(path, NULL, NULL);
    struct sql_moment m;
    json_t *row = ask(s, "SELECT event, thread, stack, ns FROM events WHERE type = 'new' AND block = 700");
    struct sql_bisect b = { .condition = "SELECT count(*) > 0, count(*) FROM blocks WHERE id = 700", .steps = 10 };
    ck_assert_int_eq(sql_bisect(s, &b, &m), 0);
    ck_assert(m.found && !m.from_start);
    ck_assert_uint_eq(m.event, (uint64_t)number(json_array_get(row, 0), "event"));
    ck_assert_uint_eq(m.before, m.event - 1);
    ck_assert_uint_eq(m.thread, (uint64_t)number(json_array_get(row, 0), "thread"));
    ck_assert_uint_eq(m.stack, (uint64_t)number(json_array_get(row, 0), "stack"));
    ck_assert_uint_eq(m.ns, (uint64_t)number(json_array_get(row, 0), "ns"));
    ck_assert_str_eq(m.type, "new");
    ck_assert_str_eq(m.value, "1|1");
    ck_assert_str_eq(m.value_before, "0|0");
    sql_moment_free(&m);
    json_decref(row);
    for (int id = 301; id < 309; id++) {    /* whichever way halving goes */
        char *first = xasprintf("SELECT event FROM events WHERE type = 'new' AND block = %d", id);
        char *made = xasprintf("SELECT count(*) FROM blocks WHERE id >= %d", id);
        uint64_t event = (uint64_t)ask_number(s, first);
        b.condition = made;
        ck_assert_int_eq(sql_bisect(s, &b, &m), 0);
        ck_assert_uint_eq(m.event, event);
        ck_assert_uint_eq(m.before, event - 1);
        sql_moment_free(&m);
        free(first);
        free(made);
        char *error;
        ck_assert_int_eq(sql_move(s, NULL, NULL, &error), 0);
    }
    b.condition = "SELECT 0";
    ck_assert_int_eq(sql_bisect(s, &b, &m), 0);
    ck_assert(!m.found);
    sql_moment_free(&m);
    b.condition = "SELECT 1";
    ck_assert_int_eq(sql_bisect(s, &b, &m), 0);
    ck_assert(m.found && m.from_start);
    sql_moment_free(&m);
    b.condition = "SELECT nothing";
    ck_assert_int_eq(sql_bisect(s, &b, &m), -EINVAL);
    sql_moment_free(&m);
    sql_close(s);
}
END_TEST

/* ---- what may not be ---- */

static bool soon(void *context)
{
    unsigned *asked = context;
    return ++*asked > 50;
}

START_TEST(nothing_but_questions)
{
    static const char *const wrong[] = {
        "ATTACH '/tmp/x' AS x", "CREATE TABLE t(a)", "CREATE TEMP TABLE t(a)", "CREATE VIRTUAL TABLE t USING events", "INSERT INTO events DEFAULT VALUES",
        "UPDATE blocks SET id = 1", "DELETE FROM records", "DROP TABLE events", "PRAGMA journal_mode = WAL", "PRAGMA writable_schema = 1",
        "VACUUM INTO '/tmp/x'", "BEGIN", "SAVEPOINT a", "ANALYZE", "SELECT load_extension('/tmp/x')", "SELECT * FROM nothing",
        "SELECT zeroblob(1000000000)", "SELECT ?1", "SELECT fts3_tokenizer('x')", "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END",
        "SELECT 'a' REGEXP '('", "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) INSERT INTO events SELECT x FROM c" };
    struct sql *s = ask_open(path, NULL, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(ask_refused(s, wrong[i]) == -EINVAL, "%s", wrong[i]);
        ck_assert_uint_gt(strlen(sql_error(s)), 0);
    }
    char *deep = xcalloc(1, 100000);
    strcpy(deep, "SELECT ");
    memset(deep + 7, '(', 40000);
    deep[40007] = '1';
    memset(deep + 40008, ')', 40000);
    ck_assert_int_eq(ask_refused(s, deep), -EINVAL);
    free(deep);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM events WHERE thread = '1'"), ask_number(s, "SELECT count(*) FROM events WHERE thread = 1"));
    ck_assert_int_eq(ask_number(s, "SELECT 'abc' REGEXP '^a.c$' AND address(255) = '0xff'"), 1);
    ck_assert_int_eq(ask_refused(s, "SELECT * FROM pragma_database_list"), -EINVAL);
    ck_assert_int_eq(ask_refused(s, "SELECT * FROM pragma_journal_mode"), -EINVAL);
    ck_assert_int_eq(ask_number(s, "SELECT count(*) FROM pragma_table_info('sites') WHERE name = 'stack' AND type = 'INTEGER'"), 1);
    ck_assert_int_ge(ask_number(s, "SELECT count(*) FROM sites, pragma_table_xinfo('sites')"), 2);
    sql_close(s);
}
END_TEST

START_TEST(endless_questions_are_stopped)
{
    static const char *const endless[] = {
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "SELECT count(*) FROM events a, events b, events c", "SELECT count(*) FROM records a, records b WHERE a.size_bytes < b.size_bytes" };
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        unsigned asked = 0;
        struct sql_options o = { .stop = soon, .context = &asked };
        struct sql *s;
        char *error;
        ck_assert_int_eq(sql_open(&s, path, &o, &error), 0);
        ck_assert_int_eq(ask_refused(s, endless[i]), -EINTR);
        ck_assert_str_eq(sql_error(s), "stopped");
        sql_close(s);
    }
}
END_TEST

START_TEST(sources_that_cannot_be_read)
{
    struct sql_options o = { 0 };
    struct sql *s;
    char *error;
    ck_assert_int_eq(sql_open(&s, "/nowhere/x.own", &o, &error), -ENOENT);
    free(error);
    scratch_write("bad.own", "nonsense, and more of it than a header has", 42);
    char *bad = scratch_path("bad.own");
    ck_assert_int_eq(sql_open(&s, bad, &o, &error), -EBADMSG);
    free(error);
    free(bad);
    /* Cut off: what lies before is there. */
    char command[256];
    snprintf(command, sizeof command, "head -c $(($(stat -c %%s '%s') / 2)) '%s' > '%s/torn.own'", path, path, scratch_dir);
    ck_assert_int_eq(system(command), 0);
    char *torn = scratch_path("torn.own");
    s = ask_open(torn, NULL, NULL);
    json_int_t n = ask_number(s, "SELECT count(*) FROM records");
    ck_assert(n > 0 && n < PLAY_EVENTS);
    ck_assert_int_eq(ask_number(s, "SELECT max(event) FROM events"), n);
    sql_close(s);
    free(torn);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sql");
    TCase *t = tcase_create("sql");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, events_are_those_of_the_document);
    tcase_add_test(t, records_are_those_of_the_trace);
    tcase_add_test(t, state_is_that_of_the_document);
    tcase_add_test(t, edges_are_those_of_the_document);
    tcase_add_test(t, sites_and_stacks);
    tcase_add_test(t, findings_are_those_of_the_document);
    tcase_add_test(t, pushing_down_changes_no_answer);
    tcase_add_test(t, a_narrow_question_reads_little);
    tcase_add_test(t, a_moment_and_what_came_since);
    tcase_add_test(t, bisect_finds_the_first_moment);
    tcase_add_test(t, nothing_but_questions);
    tcase_add_test(t, endless_questions_are_stopped);
    tcase_add_test(t, sources_that_cannot_be_read);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
