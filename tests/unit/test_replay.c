/*
 * tests/unit/test_replay.c - the state at any moment by checkpoints is what a
 * fold from the first event gives: the same document, and saved the same bytes.
 */
#include <errno.h>

#include "export/doc.h"
#include "export/replay.h"
#include "moment_make.h"
#include "suite.h"

struct text { char *text; size_t bytes, capacity; };

static int text_sink(void *context, const char *bytes, size_t n)
{
    struct text *t = context;
    t->text = xgrow(t->text, &t->capacity, t->bytes + n, 1);
    memcpy(t->text + t->bytes, bytes, n);
    t->bytes += n;
    return 0;
}

/* What the graph is, and what can be told of it. */
static struct text told(struct graph *g, const struct code *code)
{
    struct text text = { 0 };
    struct archive a;
    state_save(g, &a);
    for (size_t i = 0; i < a.n_parts; i++)
        text_sink(&text, (const char *)a.parts[i].data, a.parts[i].bytes);
    archive_free(&a);
    graph_settle(g, UINT64_MAX);
    struct symbols *symbols = symbols_new();
    struct doc_context c = { .symbols = symbols, .complete = true };
    struct doc_export_options o = { 0 };
    struct view *v = graph_view_make(g, code, VIEW_BLOCKS);
    ck_assert_int_eq(doc_export_json(v, NULL, &c, &o, text_sink, &text), 0);
    view_free(v);
    symbols_free(symbols);
    return text;
}

static struct text told_naively(const struct make *k, uint64_t event)
{
    struct graph *g = graph_new(k->code);
    for (size_t i = 0; i < event && i < k->count; i++)
        graph_fold(g, &k->events[i]);
    struct text text = told(g, k->code);
    graph_free(g);
    return text;
}

static void same(const struct make *k, struct trace *t, uint64_t event)
{
    struct graph *g;
    uint64_t reached;
    ck_assert_int_eq(replay_to(t, event, &g, &reached), 0);
    ck_assert_uint_eq(reached, event < k->count ? event : k->count);
    struct text is = told(g, trace_code(t)), should = told_naively(k, event);
    ck_assert_msg(is.bytes == should.bytes && !memcmp(is.text, should.text, is.bytes), "the state differs after event %lu", (unsigned long)event);
    free(is.text);
    free(should.text);
    graph_free(g);
}

START_TEST(moments_are_equal)
{
    struct make k;
    struct trace *t;
    make_init(&k, (uint64_t)_i + 1);
    moment_events(&k, 12000);
    moment_file(&k, _i ? 700 + 900 * (size_t)_i : 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    same(&k, t, UINT64_MAX);
    same(&k, t, 0);
    for (unsigned i = 0; i < 12; i++)
        same(&k, t, make_random(&k) % k.count);
    same(&k, t, 1600);
    same(&k, t, 1);
    trace_close(t);
    make_free(&k);
}
END_TEST

/* Also by a state that was kept, which is no other than that of a fold. */
START_TEST(a_kept_state_is_no_other)
{
    struct make k;
    struct trace *t;
    struct graph *g;
    make_init(&k, 31);
    moment_events(&k, 12000);
    moment_file(&k, _i ? 2500 : 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t event = 1 + make_random(&k) % (k.count - 500);
        ck_assert_int_eq(replay_to(t, event, &g, NULL), 0);
        replay_keep(t, g);
        graph_free(g);
        ck_assert_uint_eq(replay_kept_event(t, UINT64_MAX), event);
        ck_assert_uint_eq(replay_kept_event(t, 1), 0);
        same(&k, t, event);
        same(&k, t, event + 1 + make_random(&k) % 400);
        same(&k, t, event - 1);
        same(&k, t, UINT64_MAX);
    }
    replay_forget();
    ck_assert_uint_eq(replay_kept_event(t, UINT64_MAX), 0);
    trace_close(t);
    make_free(&k);
}
END_TEST

struct heard { uint64_t facts, sum, first, last, stop_after; };

static void hear(void *context, const struct fact *f)
{
    struct heard *h = context;
    if (!h->facts++)
        h->first = f->event;
    h->last = f->event;
    h->sum = h->sum * 31 + f->event + f->block * 7 + f->type;
}

static void hear_from(void *context, const struct fact *f)
{
    struct heard *h = context;
    if (f->event >= h->stop_after)      /* here: from which on */
        hear(h, f);
}

static bool enough(void *context)
{
    struct heard *h = context;
    return h->stop_after && h->facts >= h->stop_after;
}

/* A range's facts are those that a replay of all finds in it. */
START_TEST(ranges_are_equal)
{
    struct make k;
    struct trace *t;
    make_init(&k, 77);
    moment_events(&k, 12000);
    moment_file(&k, 1500);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t first = 1 + make_random(&k) % k.count, last = first + make_random(&k) % 3000;
        struct heard part = { 0 }, all = { .stop_after = first };
        struct replay r = { .trace = t, .first_event = first, .last_event = last, .observer = hear, .context = &part };
        ck_assert_int_eq(replay_run(&r), 0);
        struct replay whole = { .trace = t, .last_event = last, .observer = hear_from, .context = &all };
        ck_assert_int_eq(replay_run(&whole), 0);
        ck_assert_uint_gt(all.facts, 0);
        ck_assert_uint_eq(part.facts, all.facts);
        ck_assert_uint_eq(part.sum, all.sum);
        ck_assert_uint_eq(part.first, all.first);
    }
    trace_close(t);
    make_free(&k);
}
END_TEST

START_TEST(replay_stops_when_asked)
{
    struct make k;
    struct trace *t;
    make_init(&k, 5);
    moment_events(&k, 12000);
    moment_file(&k, 0);
    ck_assert_int_eq(trace_open(&t, k.path), 0);
    struct heard h = { .stop_after = 10 };
    struct replay r = { .trace = t, .observer = hear, .stop = enough, .context = &h };
    ck_assert_int_eq(replay_run(&r), 0);
    ck_assert_uint_ge(h.facts, 10);
    ck_assert_uint_lt(h.last, k.count / 2);
    trace_close(t);
    make_free(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("replay");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, moments_are_equal, 0, 4);
    tcase_add_loop_test(c, a_kept_state_is_no_other, 0, 2);
    tcase_add_test(c, ranges_are_equal);
    tcase_add_test(c, replay_stops_when_asked);
    suite_add_tcase(s, c);
    return suite_run(s);
}
