/*
 * tests/unit/test_history.c - the life of a block or lock, found by checkpoints
 * and groups, is what a fold of every event tells.
 *
 * The naive side keeps every fact of a whole replay, and takes from them what
 * the document must have: the events of the block, of locks in it, releases of its
 * place after its end; who was there before and after.
 */
#include <errno.h>

#include "export/block_life.h"
#include "export/doc.h"
#include "export/replay.h"
#include "moment_make.h"
#include "suite.h"

/* ---- all facts ---- */

struct facts { struct fact *list; size_t n, capacity; };

static void facts_add(void *context, const struct fact *f)
{
    struct facts *all = context;
    all->list = xgrow(all->list, &all->capacity, all->n + 1, sizeof *all->list);
    all->list[all->n++] = *f;
}

static struct facts facts_of(const struct make *k, uint64_t until)
{
    struct facts all = { 0 };
    struct graph *g = graph_new(k->code);
    graph_observe(g, facts_add, &all);
    for (size_t i = 0; i < k->count && i < until; i++)
        graph_fold(g, &k->events[i]);
    graph_settle(g, UINT64_MAX);
    graph_free(g);
    return all;
}

static bool comes(const struct fact *f) { return f->block && (f->type == FACT_NEW || (f->type == FACT_MOVE && f->old_size)); }
static bool holds(const struct fact *f, uint64_t address) { return address >= f->address && address - f->address < (f->size ? f->size : 1); }

/* ---- what of them is a block's ---- */

struct expected { size_t events[4096]; size_t n; struct block_life life; uint64_t before, after; };

static struct expected expect_block(const struct facts *all, uint64_t id)
{
    struct expected x = { .life = { .id = id } };
    bool taken = false;
    size_t arrival = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct fact *f = &all->list[i];
        struct block_life *l = &x.life;
        bool its = f->block == id;
        if (its) {
            arrival = comes(f) ? i : arrival;
            block_life_fold(l, f);
        } else if (l->dropped && !taken && f->address == l->address && f->process == l->process) {
            taken = f->block && (f->type == FACT_NEW || f->type == FACT_MOVE);
            its = f->type == FACT_DROP && !f->block;
        }
        if (!its && l->process && !l->dropped && f->lock && f->process == l->process && f->address - l->address < l->size)
            its = true;
        if (its && x.n < 4096)
            x.events[x.n++] = i;
        if (l->dropped && !x.after && f->block != id && f->process == l->process && comes(f) && holds(f, l->address))
            x.after = f->block;
    }
    for (size_t i = 0; i < arrival; i++) {
        const struct fact *f = &all->list[i];
        if (f->block != id && f->process == x.life.process && comes(f) && holds(f, x.life.address))
            x.before = f->block;
    }
    return x;
}

static struct expected expect_lock(const struct facts *all, uint64_t id)
{
    struct expected x = { 0 };
    for (size_t i = 0; i < all->n; i++)
        if (all->list[i].lock == id && x.n < 4096)
            x.events[x.n++] = i;
    return x;
}

/* ---- is it so? ---- */

static uint64_t number(const json_t *j, const char *key) { return (uint64_t)json_integer_value(json_object_get(j, key)); }

static uint64_t neighbour(const json_t *doc, const char *key)
{
    const char *id = json_string_value(json_object_get(json_object_get(doc, key), "id"));
    return id ? strtoull(id + 1, NULL, 10) : 0;
}

/* Of the neighbour its whole life is told. */
static void neighbour_check(const struct facts *all, const json_t *doc, const char *key, const char *target)
{
    uint64_t id = neighbour(doc, key);
    if (!id)
        return;
    struct expected x = expect_block(all, id);
    const json_t *n = json_object_get(doc, key);
    ck_assert_msg(number(n, "born_ns") == x.life.born_ns && number(n, "size_bytes") == x.life.size &&
                  (x.life.dropped ? number(n, "dropped_ns") == x.life.dropped_ns : json_is_null(json_object_get(n, "dropped_ns"))),
                  "%s: the life of %s b%lu is told wrong", target, key, (unsigned long)id);
}

static void check(struct trace *t, const struct doc_context *c, const struct facts *all, const char *text, uint64_t until, uint64_t since)
{
    struct doc_target target;
    struct doc_history_options o = { .until_event = until, .since = since, .since_event = since };
    json_t *doc, *e;
    size_t i, at = 0;
    ck_assert_int_eq(doc_target_parse(&target, text), 0);
    struct expected x = target.is_lock ? expect_lock(all, target.value) : expect_block(all, target.value);
    int error = doc_history(t, c, &target, &o, &doc);
    ck_assert_msg(error == (x.n ? 0 : -ENOENT), "%s until %lu: %d, %zu events", text, (unsigned long)until, error, x.n);
    if (!x.n)
        return;
    while (at < x.n && all->list[x.events[at]].event <= since)
        at++;
    ck_assert_msg(number(doc, "events_total") == x.n - at, "%s until %lu: %lu events, not %zu", text, (unsigned long)until,
                  (unsigned long)number(doc, "events_total"), x.n - at);
    json_array_foreach(json_object_get(doc, "events"), i, e) {
        const struct fact *f = &all->list[x.events[at + i]];
        ck_assert_msg(number(e, "event") == f->event && number(e, "ns") == f->ns && !strcmp(json_string_value(json_object_get(e, "type")), fact_type_name(f->type)),
                      "%s: event %zu is %lu, not %lu", text, i, (unsigned long)number(e, "event"), (unsigned long)f->event);
    }
    if (!target.is_lock) {
        ck_assert_msg(neighbour(doc, "before") == x.before, "%s until %lu: before b%lu, not b%lu", text, (unsigned long)until,
                      (unsigned long)neighbour(doc, "before"), (unsigned long)x.before);
        ck_assert_msg(neighbour(doc, "after") == x.after, "%s until %lu: after b%lu, not b%lu", text, (unsigned long)until,
                      (unsigned long)neighbour(doc, "after"), (unsigned long)x.after);
        neighbour_check(all, doc, "before", text);
        neighbour_check(all, doc, "after", text);
    }
    json_decref(doc);
}

/* By address: who lives there, else who was last there. */
static void check_address(struct trace *t, const struct doc_context *c, const struct facts *all, uint64_t address, uint64_t until)
{
    struct doc_target target = { .is_address = true, .value = address };
    struct doc_history_options o = { .until_event = until };
    json_t *doc;
    if (doc_history(t, c, &target, &o, &doc))
        return;
    uint64_t id = neighbour(doc, "node"), last = 0;
    struct expected x = expect_block(all, id);
    for (size_t i = 0; i < all->n; i++)
        if (comes(&all->list[i]) && holds(&all->list[i], address))
            last = all->list[i].block;
    if ((x.life.dropped || address - x.life.address >= x.life.size) && last != id)
        ck_assert_msg(expect_block(all, last).life.cloned_from, "0x%lx: b%lu was there after b%lu", (unsigned long)address, (unsigned long)last, (unsigned long)id);
    json_decref(doc);
}

START_TEST(lives_are_equal)
{
    static const size_t checkpoints[] = { 0, 500, 1700, 4000 };
    struct make k;
    struct trace *t;
    make_init(&k, (uint64_t)_i + 11);
    moment_events(&k, 6000);
    moment_file(&k, checkpoints[_i % 4]);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols };
    for (unsigned round = 0; round < 2; round++) {
        uint64_t until = round ? k.count / 2 * round + make_random(&k) % 1000 : 0, ids = 1, locks = 1;
        struct facts all = facts_of(&k, until ? until : UINT64_MAX);
        for (size_t i = 0; i < all.n; i++) {
            ids = all.list[i].block > ids ? all.list[i].block : ids;
            locks = all.list[i].lock > locks ? all.list[i].lock : locks;
        }
        for (unsigned i = 0; i < 25; i++) {
            char text[24];
            snprintf(text, sizeof text, "b%lu", (unsigned long)(1 + make_random(&k) % (ids + 1)));
            check(t, &c, &all, text, until, i % 4 ? 0 : 1 + make_random(&k) % k.count);
        }
        for (unsigned i = 0; i < 5; i++) {
            char text[24];
            snprintf(text, sizeof text, "l%lu", (unsigned long)(1 + make_random(&k) % (locks + 1)));
            check(t, &c, &all, text, until, 0);
            check_address(t, &c, &all, moment_place((uint32_t)(make_random(&k) % MOMENT_ADDRESSES)) + i, until);
        }
        free(all.list);
    }
    symbols_free(symbols);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* ---- in a file that begins behind them ---- */

static json_t *told(struct trace *t, const struct doc_context *c, uint64_t id)
{
    struct doc_target target = { .value = id };
    json_t *doc;
    return doc_history(t, c, &target, NULL, &doc) ? NULL : doc;
}

/* The whole trace, and the part of it behind event `before` in `later`. */
static void write_both(struct make *k, const char *later, size_t before)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct graph *g = graph_new(k->code);
    struct archive a;
    char first[100];
    snprintf(first, sizeof first, "%s.first", later);
    moment_file(k, 0);
    ck_assert_int_eq(trace_write_open(&w, first, &meta), 0);
    for (size_t i = 0; i < k->count; i++) {
        if (i == before) {
            state_save(g, &a);
            ck_assert_int_eq(trace_write_next(w, later, k->code, graph_now_ns(g), &a), 0);
        }
        ck_assert_int_eq(trace_write_event(w, k->code, &k->events[i]), 0);
        graph_fold(g, &k->events[i]);
    }
    graph_free(g);
    ck_assert_int_eq(trace_write_close(w, k->code, k->events[k->count - 1].ns + 5), 0);
    unlink(first);
}

/* Of what lived there the node is the same, and the events are those behind the beginning. */
static size_t inherited_check(const json_t *whole, const json_t *part, uint64_t before, uint64_t id)
{
    const json_t *events = json_object_get(part, "events"), *e;
    size_t i, at = 0;
    ck_assert_msg(json_equal(json_object_get(whole, "node"), json_object_get(part, "node")), "b%lu: %s, not %s", (unsigned long)id,
                  json_dumps(json_object_get(part, "node"), 0), json_dumps(json_object_get(whole, "node"), 0));
    json_array_foreach(json_object_get(whole, "events"), i, e) {
        if (number(e, "event") <= before)
            continue;
        ck_assert_msg(json_equal(e, json_array_get(events, at)), "b%lu: event %zu is %s, not %s", (unsigned long)id, at,
                      json_dumps(json_array_get(events, at), 0), json_dumps(e, 0));
        at++;
    }
    ck_assert_uint_eq(at, json_array_size(events));
    ck_assert_uint_eq(number(json_object_get(part, "begins"), "events_before"), before);
    return at;
}

START_TEST(what_lived_when_the_file_began)
{
    enum { BEFORE = 3000 };
    struct make k;
    struct trace *t, *part;
    char later[80];
    size_t lived = 0, silent = 0;
    make_init(&k, (uint64_t)_i + 31);
    moment_events(&k, 6000);
    snprintf(later, sizeof later, "%s.later", k.path);
    write_both(&k, later, BEFORE);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    ck_assert_int_eq(trace_open(&part, later), 0);
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols };
    struct graph *g;
    struct view_block b;
    ck_assert_int_eq(replay_to(t, BEFORE, &g, NULL), 0);
    for (uint64_t id = 1 + make_random(&k) % 4; id < 2000; id += getenv("TORTURE") ? 1 : 23) {
        if (!graph_block(g, id, &b))
            continue;
        json_t *all = told(t, &c, id), *some = told(part, &c, id);
        ck_assert_msg(some && (all || b.cloned_from), "b%lu is not known", (unsigned long)id);
        if (!all) {             /* a fork's copy that nothing happened to: no event tells of it */
            json_decref(some);
            continue;
        }
        lived++;
        silent += inherited_check(all, some, BEFORE, id) == 0;
        json_decref(all);
        json_decref(some);
    }
    ck_assert_uint_gt(lived, 3);
    ck_assert_uint_gt(silent, 0);
    graph_free(g);
    symbols_free(symbols);
    trace_close(t);
    trace_close(part);
    unlink(later);
    make_free(&k);
}
END_TEST

/* Part of a mapping is moved: what is left of it gets lives of its own, whichever side of a checkpoint the halves lie on. */
START_TEST(a_mapping_moves_across_a_checkpoint)
{
    enum { NOISE = 400, PAGE = 4096, OLD = 0x7000000, NEW = 0x9000000 };
    const struct event events[] = {
        { .type = EVENT_PROCESS_START, .family = WIRE_BORN_EXEC, .extra = { 10, 1 }, .text = "/x\0x", .text_bytes = 4 },
        { .type = EVENT_NEW, .family = WIRE_MMAP_ANON, .address = OLD, .size = 5 * PAGE },
        { .type = EVENT_NEW, .family = WIRE_MALLOC, .address = 0x1000, .size = 16 },
        { .type = EVENT_REALLOC_BEGIN, .family = WIRE_MREMAP, .address = OLD + PAGE, .size = 2 * PAGE },
        { .type = EVENT_REALLOC_END, .family = WIRE_MREMAP, .address = NEW, .size = 2 * PAGE, .extra = { OLD + PAGE, PAGE } },
        { .type = EVENT_DROP, .family = WIRE_FREE, .address = 0x1000 },
        { .type = EVENT_DROP, .family = WIRE_MUNMAP, .address = NEW, .extra = { 2 * PAGE } },
        { .type = EVENT_DROP, .family = WIRE_MUNMAP, .address = OLD, .extra = { 5 * PAGE } } };
    enum { COUNT = sizeof events / sizeof *events };
    struct make k;
    struct trace *t;
    make_init(&k, 1);
    for (size_t i = 0; i < COUNT; i++) {
        struct event e = events[i];
        e.process = e.thread = 1;
        for (unsigned n = 0; n <= NOISE; n++) {     /* so much that a look ahead is taken */
            e.ns = 1000 * (k.count + 1);
            make_add(&k, e);
            e = (struct event){ .type = n % 2 ? EVENT_DROP : EVENT_NEW, .family = n % 2 ? WIRE_FREE : WIRE_MALLOC, .process = 1, .thread = 2,
                                .address = 0x5000, .size = n % 2 ? 0 : 16 };
        }
    }
    moment_file(&k, _i ? NOISE / 2 + (size_t)_i * NOISE / 4 : 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols };
    struct facts all = facts_of(&k, UINT64_MAX);
    for (size_t i = 0; i < all.n; i++) {
        char text[24];
        snprintf(text, sizeof text, "b%lu", (unsigned long)all.list[i].block);
        if (all.list[i].block && all.list[i].address >= OLD)
            check(t, &c, &all, text, 0, 0);
    }
    for (unsigned page = 0; page < 5; page++) {
        check_address(t, &c, &all, OLD + page * PAGE + 8, 0);
        check_address(t, &c, &all, NEW + page % 2 * PAGE, 0);
    }
    free(all.list);
    symbols_free(symbols);
    trace_close(t);
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("history");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, lives_are_equal, 0, getenv("TORTURE") ? 60 : 5);
    tcase_add_loop_test(c, what_lived_when_the_file_began, 0, getenv("TORTURE") ? 30 : 2);
    tcase_add_loop_test(c, a_mapping_moves_across_a_checkpoint, 0, 8);
    suite_add_tcase(s, c);
    return suite_run(s);
}
