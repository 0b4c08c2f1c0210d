/*
 * tests/unit/test_event_reach.c - what is left out because no fact that is asked for can come of it: the answers are those of
 * a fold of everything, of a session that forks, ends threads and maps, and in which each part uses other places.
 */
#include "export/event_filter.h"
#include "export/event_reach.h"
#include "moment_make.h"
#include "sql_scratch.h"
#include "suite.h"

enum { PHASE = 17000, EVENTS = 4 * PHASE, ROUNDS = 12 };

static struct make k;
static uint64_t seed = 4242;

static void setup(void)
{
    make_init(&k, seed);
    moment_phases(&k, EVENTS, PHASE);
    moment_file(&k, PHASE);
}

static void teardown(void) { make_free(&k); }

struct facts { struct fact *list; size_t n, capacity; };

static void facts_add(void *context, const struct fact *f)
{
    struct facts *all = context;
    all->list = xgrow(all->list, &all->capacity, all->n + 1, sizeof *all->list);
    all->list[all->n++] = *f;
}

static struct facts facts_of_all(void)
{
    struct facts all = { 0 };
    struct graph *g = graph_new(k.code);
    graph_observe(g, facts_add, &all);
    for (size_t i = 0; i < k.count; i++)
        graph_fold(g, &k.events[i]);
    graph_settle(g, UINT64_MAX);
    graph_free(g);
    return all;
}

struct expected { const struct facts *all; struct event_filter *filter; size_t at, met; };

/* The next fact of all that passes is this one. */
static int same(void *context, const struct fact *f, struct frames *frames, uint32_t stack)
{
    struct expected *x = context;
    uint32_t its;
    while (x->at < x->all->n && !event_filter_wants(x->filter, &x->all->list[x->at], &its))
        x->at++;
    ck_assert_uint_lt(x->at, x->all->n);
    const struct fact *is = &x->all->list[x->at++];
    ck_assert_msg(is->event == f->event && is->type == f->type && is->block == f->block && is->lock == f->lock && is->address == f->address,
                  "a %s of event %lu came, and not the %s of event %lu", fact_type_name(f->type), (unsigned long)f->event, fact_type_name(is->type),
                  (unsigned long)is->event);
    x->met++;
    return 0;
}

static void events_check(struct trace *t, const struct facts *all, const struct doc_events_options *o, size_t *met)
{
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols };
    struct frames *frames = frames_new(symbols, NULL, k.code);
    struct expected x = { .all = all, .filter = event_filter_new(o, frames) };
    uint32_t its;
    ck_assert_int_eq(doc_events_each(t, &c, o, same, &x), 0);
    for (; x.at < all->n; x.at++)
        ck_assert_msg(!event_filter_wants(x.filter, &all->list[x.at], &its), "the %s of event %lu, at 0x%lx, is not told",
                      fact_type_name(all->list[x.at].type), (unsigned long)all->list[x.at].event, (unsigned long)all->list[x.at].address);
    *met += x.met;
    event_filter_free(x.filter);
    frames_free(frames);
    symbols_free(symbols);
}

START_TEST(addresses_leave_nothing_out)
{
    static const uint32_t types[] = { 0, 0, 1u << FACT_NEW, 1u << FACT_DROP, 1u << FACT_MOVE | 1u << FACT_NEW, 1u << FACT_BORROW_END, 1u << FACT_LOCK };
    struct facts all = facts_of_all();
    struct trace *t;
    size_t met = 0;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct doc_events_options o = { .types = types[make_random(&k) % 7], .addresses = true };
        o.low_address = moment_place((uint32_t)(make_random(&k) % MOMENT_ADDRESSES)) + make_random(&k) % 128;
        o.high_address = o.low_address + 1 + (i % 2 ? make_random(&k) % 400 : 0);
        if (i % 4 == 3)
            o.low_address = 0x7e0000000000 + make_random(&k) % (MOMENT_ADDRESSES / 8 * 4096), o.high_address = o.low_address + 1 + make_random(&k) % 5000;
        o.process = i % 5 ? 0 : 1 + (uint32_t)(make_random(&k) % 5);
        o.last_event = i % 3 ? 0 : make_random(&k) % k.count;
        events_check(t, &all, &o, &met);
    }
    ck_assert_uint_gt(met, 100);
    trace_close(t);
    free(all.list);
}
END_TEST

/* The number of events that are read for a question; its answer is that of one that SQLite alone narrows. */
static uint64_t question_check(struct sql *s, const char *narrow, const char *plain)
{
    size_t rows, others;
    char *one = xasprintf("SELECT * FROM events WHERE %s ORDER BY rowid", narrow), *two = xasprintf("SELECT * FROM events WHERE %s ORDER BY rowid", plain);
    uint64_t before = sql_cost(s).decoded, print = ask_print(s, one, &rows), read = sql_cost(s).decoded - before;
    ck_assert_msg(print == ask_print(s, two, &others), "%s gives %zu rows, not %zu others", narrow, rows, others);
    free(one);
    free(two);
    return read;
}

START_TEST(questions_leave_nothing_out)
{
    static const char *const columns[] = { "block", "block", "stack", "address", "block" };
    static const char *const and[] = { "", "", " AND type = 'new'", " AND type <> 'new'", " AND process = 2", " AND event < 40000", " AND thread = 2" };
    struct sql *s = ask_open(k.path, NULL, NULL);
    uint64_t little = 0, blocks = (uint64_t)ask_number(s, "SELECT max(block) FROM events");
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *column = columns[i % 5], *more = and[make_random(&k) % 7], *op = i % 5 == 4 ? ">" : "=";
        uint64_t value = *column == 'b' ? 1 + make_random(&k) % (blocks + 2) : *column == 's' ? 1 + make_random(&k) % 18 :
                                                                              moment_place((uint32_t)(make_random(&k) % MOMENT_ADDRESSES));
        char *narrow = xasprintf("%s %s %lu%s", column, op, (unsigned long)value, more), *plain = xasprintf("+%s %s %lu%s", column, op, (unsigned long)value, more);
        little += question_check(s, narrow, plain) < EVENTS / 2;
        free(narrow);
        free(plain);
    }
    ck_assert_uint_ge(little, ROUNDS / 4);
    sql_close(s);
}
END_TEST

/* ---- what tells of a block far from all that names it ---- */

static uint64_t far_ns;

static void far(struct event e)
{
    e.ns = far_ns += 2000;
    e.process = 1;
    make_add(&k, e);
}

/* A group of the first thread's, at places of its own. */
static void far_noise(size_t until)
{
    for (bool drop = false; k.count < until || drop; drop = !drop)
        far((struct event){ .type = drop ? EVENT_DROP : EVENT_NEW, .family = drop ? WIRE_FREE : WIRE_MALLOC, .thread = 1, .address = 0x100000, .size = drop ? 0 : 16 });
}

enum { FAR_OWNED = 0x200000, FAR_LENT = 0x300000, FAR_LARGE = 0x400000, FAR_HALF = 0x600000, FAR_MAPPED = 0x7000000 };

static void far_make(void)
{
    make_init(&k, 1);
    far((struct event){ .type = EVENT_PROCESS_START, .family = WIRE_BORN_EXEC, .thread = 1, .extra = { 10, 1 }, .text = "/x\0x", .text_bytes = 4 });
    far((struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .thread = 1, .address = FAR_LENT, .size = 64 });
    far((struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .thread = 1, .address = FAR_LARGE, .size = 1 << 20 });
    far((struct event){ .type = EVENT_NEW, .family = WIRE_MMAP_ANON, .thread = 1, .address = FAR_MAPPED, .size = 8192 });
    far((struct event){ .type = EVENT_THREAD_CREATE, .thread = 1, .address = FAR_LENT, .extra = { 2 } });
    far((struct event){ .type = EVENT_THREAD_CREATED, .thread = 1, .address = 0x9002, .extra = { 2 } });
    far((struct event){ .type = EVENT_THREAD_START, .thread = 2, .address = 0x9002, .extra = { 11 } });
    far((struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .thread = 2, .address = FAR_OWNED, .size = 64 });
    far((struct event){ .type = EVENT_THREAD_START, .thread = 3, .address = 0x9003, .extra = { 12 } });
    far((struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .thread = 3, .address = FAR_HALF, .size = 64 });
    far_noise(PHASE);
    far((struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .thread = 1, .address = FAR_LENT });
    far_noise(2 * PHASE);
    far((struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .thread = 1, .address = FAR_LARGE });
    far_noise(3 * PHASE);
    far((struct event){ .type = EVENT_THREAD_EXIT, .thread = 2 });
    far((struct event){ .type = EVENT_THREAD_GONE, .thread = 2 });
    far_noise(4 * PHASE);
    far((struct event){ .type = EVENT_PROCESS_FORK, .thread = 1 });
    far((struct event){ .type = EVENT_PROCESS_FORKED, .thread = 1, .address = 20 });
    far((struct event){ .type = EVENT_PROCESS_START, .family = WIRE_BORN_FORK, .thread = 4, .address = 1, .extra = { 20, 10 } });
    k.events[k.count - 1].process = 2;
    far_noise(5 * PHASE);
    far((struct event){ .type = EVENT_NEW, .family = WIRE_MMAP_ANON, .thread = 4, .address = 0xa000000, .size = 100 });
    k.events[k.count - 1].process = 2;
    far_noise(6 * PHASE);
    far((struct event){ .type = EVENT_REALLOC_BEGIN, .family = WIRE_REALLOC, .thread = 3, .address = FAR_HALF, .size = 80 });
    far_noise(7 * PHASE);
    far((struct event){ .type = EVENT_REALLOC_BEGIN, .family = WIRE_REALLOC, .thread = 3, .address = 0x100000, .size = 80 });
    far_noise(8 * PHASE);
    moment_file(&k, PHASE);
}

START_TEST(what_comes_from_afar_is_told)
{
    static const struct { uint64_t address; size_t facts; } rows[] = {
        { FAR_OWNED, 2 }, { FAR_LENT, 3 }, { FAR_LARGE + 5000, 2 }, { FAR_HALF, 2 }, { FAR_MAPPED + 4096, 2 } };
    far_ns = 0;
    far_make();
    struct facts all = facts_of_all();
    struct trace *t;
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t met = 0;
        struct doc_events_options o = { .addresses = true, .low_address = rows[i].address, .high_address = rows[i].address + 1 };
        events_check(t, &all, &o, &met);
        ck_assert_msg(met == rows[i].facts, "0x%lx: %zu facts", (unsigned long)rows[i].address, met);
    }
    struct sql *s = ask_open(k.path, NULL, NULL);
    for (size_t i = 0; i < all.n; i++)
        if (all.list[i].type == FACT_NEW && all.list[i].address != 0x100000) {
            char *narrow = xasprintf("block = %lu", (unsigned long)all.list[i].block), *plain = xasprintf("+%s", narrow);
            question_check(s, narrow, plain);
            free(narrow);
            free(plain);
        }
    sql_close(s);
    trace_close(t);
    free(all.list);
    make_free(&k);
}
END_TEST

int main(void)
{
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : seed;
    Suite *s = suite_create("event_reach");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, addresses_leave_nothing_out);
    tcase_add_test(c, questions_leave_nothing_out);
    suite_add_tcase(s, c);
    c = tcase_create("far");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, what_comes_from_afar_is_told);
    suite_add_tcase(s, c);
    return suite_run(s);
}
