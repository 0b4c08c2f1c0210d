/*
 * tests/unit/test_since.c - what happened between two moments: a view minus an
 * earlier one against counts that are made of the facts between, and against a
 * naive comparison row by row, stacks told apart by their words.
 */
#include "graph/view_since.h"
#include "moment_make.h"
#include "suite.h"

struct between { uint64_t facts[FACT_TYPES], news; struct { uint64_t stack, n; } sites[4096]; size_t n_sites; const struct code *code; };

static void hear(void *context, const struct fact *f)
{
    struct between *b = context;
    b->facts[f->type]++;
    if (f->type != FACT_NEW || f->by)
        return;
    b->news++;
    size_t i = 0;
    while (i < b->n_sites && b->sites[i].stack != f->stack)
        i++;
    ck_assert_uint_lt(i, 4096);
    b->n_sites += i == b->n_sites;
    b->sites[i].stack = f->stack;
    b->sites[i].n++;
}

/* A stack in words: the same in any view, and in the code that it came from. */
static void words_of(char *text, const struct code_module *modules, const struct code_frame *frames, const struct code_stack *stacks, uint32_t stack)
{
    for (*text = 0; stack; stack = stacks[stack - 1].parent) {
        const struct code_frame *f = &frames[stacks[stack - 1].frame - 1];
        text += sprintf(text, "%s+%lx/%x ", f->module ? modules[f->module - 1].path : "", (unsigned long)f->offset, f->flags);
    }
}

/* Of each row of a table: its stack in words. */
struct texts { char **of; size_t n; };

static void texts_add(struct texts *t, const char *text)
{
    t->of = xrealloc(t->of, (t->n + 1) * sizeof *t->of);
    t->of[t->n++] = xstrdup(text);
}

static struct texts texts_of(const struct view *v)
{
    struct texts t = { 0 };
    char text[65536];
    for (size_t i = 0; i < v->n_sites; i++) {
        words_of(text, v->modules, v->frames, v->stacks, v->sites[i].stack);
        texts_add(&t, text);
    }
    return t;
}

static struct texts texts_between(const struct between *b)
{
    struct texts t = { 0 };
    char text[65536], *at;
    for (size_t i = 0; i < b->n_sites; i++) {
        *(at = text) = 0;
        for (uint32_t s = (uint32_t)b->sites[i].stack; s; s = code_stack(b->code, s)->parent) {
            const struct code_frame *f = code_frame(b->code, code_stack(b->code, s)->frame);
            at += sprintf(at, "%s+%lx/%x ", f->module ? code_module(b->code, f->module)->path : "", (unsigned long)f->offset, f->flags);
        }
        texts_add(&t, text);
    }
    return t;
}

static void texts_free(struct texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->of[i]);
    free(t->of);
}

/* Rows of `now` with what `then` had of them taken away are those of `is`. */
static void check_sites(const struct view *is, const struct view *now, const struct view *then, const struct between *b)
{
    struct texts is_texts = texts_of(is), now_texts = texts_of(now), then_texts = texts_of(then), made_texts = texts_between(b);
    size_t rows = 0;
    for (size_t i = 0; i < now->n_sites; i++) {
        struct view_site s = now->sites[i];
        bool same = false;
        for (size_t k = 0; k < then->n_sites; k++)
            if (!strcmp(then_texts.of[k], now_texts.of[i])) {
                s.allocations -= then->sites[k].allocations, s.bytes -= then->sites[k].bytes, s.temporary -= then->sites[k].temporary;
                same = !s.allocations && !s.bytes && s.live_blocks == then->sites[k].live_blocks && s.live_bytes == then->sites[k].live_bytes;
            }
        if (same)
            continue;
        ck_assert_uint_lt(rows, is->n_sites);
        const struct view_site *row = &is->sites[rows++];
        ck_assert(row->allocations == s.allocations && row->bytes == s.bytes && row->temporary == s.temporary && row->live_bytes == s.live_bytes);
        uint64_t made = 0;
        for (size_t k = 0; k < b->n_sites; k++)
            made += !strcmp(made_texts.of[k], is_texts.of[rows - 1]) ? b->sites[k].n : 0;
        ck_assert_uint_eq(row->allocations, made);
    }
    ck_assert_uint_eq(rows, is->n_sites);
    texts_free(&is_texts);
    texts_free(&now_texts);
    texts_free(&then_texts);
    texts_free(&made_texts);
}

static void check_ids(const struct view *is, const struct view *now, const struct view *then)
{
    for (size_t i = 0; i < now->n_threads; i++) {
        struct view_thread t = now->threads[i];
        for (size_t k = 0; k < then->n_threads; k++)
            if (then->threads[k].id == t.id)
                t.made.blocks -= then->threads[k].made.blocks, t.dropped.bytes -= then->threads[k].dropped.bytes;
        ck_assert(is->threads[i].id == t.id && is->threads[i].made.blocks == t.made.blocks && is->threads[i].dropped.bytes == t.dropped.bytes);
        ck_assert(!(is->threads[i].same && (t.made.blocks || t.dropped.bytes)));
    }
    for (size_t i = 0; i < now->n_locks; i++) {
        struct view_lock l = now->locks[i];
        for (size_t k = 0; k < then->n_locks; k++)
            if (then->locks[k].id == l.id)
                l.acquisitions -= then->locks[k].acquisitions, l.hold.total_ns -= then->locks[k].hold.total_ns;
        ck_assert(is->locks[i].id == l.id && is->locks[i].acquisitions == l.acquisitions && is->locks[i].hold.total_ns == l.hold.total_ns);
        ck_assert(!(is->locks[i].same && l.acquisitions));
    }
}

/* Rows of sums: nothing may be lost on the way. */
#define SUM(v, table, count, field) ({ uint64_t sum = 0; for (size_t i = 0; i < (v)->count; i++) sum += (v)->table[i].field; sum; })
#define SUMS(table, count, field) ck_assert_uint_eq(SUM(is, table, count, field), SUM(now, table, count, field) - SUM(then, table, count, field))

static void check_sums(const struct view *is, const struct view *now, const struct view *then)
{
    SUMS(handoffs, n_handoffs, blocks);
    SUMS(handoffs, n_handoffs, flight_ns);
    SUMS(moves, n_moves, bytes);
    SUMS(copy_sites, n_copy_sites, bytes);
    SUMS(flows, n_flows, copies);
    SUMS(lock_sites, n_lock_sites, acquisitions);
    SUMS(lock_classes, n_lock_classes, acquisitions);
    ck_assert_uint_eq(is->copies, now->copies - then->copies);
    ck_assert_uint_eq(is->totals.frees, now->totals.frees - then->totals.frees);
    ck_assert_uint_eq(is->totals.live_bytes, now->totals.live_bytes);
    ck_assert_uint_eq(is->totals.peak_bytes, now->totals.peak_bytes);
    for (size_t i = 0; i < is->n_handoffs; i++)
        ck_assert_uint_gt(is->handoffs[i].blocks, 0);
    size_t rows = 0;
    for (size_t i = 0; i < now->n_findings; i++) {  /* others were withdrawn meanwhile */
        const struct view_finding *f = &now->findings[i];
        uint64_t count = f->count;
        for (size_t k = 0; k < then->n_findings; k++)
            if (then->findings[k].event == f->event && then->findings[k].rule == f->rule && then->findings[k].block == f->block)
                count = f->count > then->findings[k].count ? f->count - then->findings[k].count : 0;
        if (count)
            ck_assert(rows < is->n_findings && is->findings[rows++].count == count);
    }
    ck_assert_uint_eq(rows, is->n_findings);
    for (size_t i = 0; i < is->n_blocks; i++)       /* made since, or changed */
        for (size_t k = 0; k < then->n_blocks; k++)
            if (then->blocks[k].id == is->blocks[i].id)
                ck_assert(then->blocks[k].address != is->blocks[i].address || then->blocks[k].size != is->blocks[i].size ||
                          then->blocks[k].owner != is->blocks[i].owner || then->blocks[k].borrower != is->blocks[i].borrower ||
                          then->blocks[k].owned_since_ns != is->blocks[i].owned_since_ns || then->blocks[k].borrowed_ns != is->blocks[i].borrowed_ns);
}

START_TEST(changes_are_what_happened)
{
    struct make k;
    make_init(&k, (uint64_t)_i + 31);
    moment_events(&k, 5000);
    size_t from = make_random(&k) % k.count, to = from + make_random(&k) % (k.count - from), i = 0;
    struct graph *g = graph_new(k.code);
    for (; i < from; i++)
        graph_fold(g, &k.events[i]);
    struct view *then = graph_view_make(g, k.code, VIEW_BLOCKS);
    struct between *b = xcalloc(1, sizeof *b);
    b->code = k.code;
    graph_observe(g, hear, b);
    for (; i < to; i++)
        graph_fold(g, &k.events[i]);
    struct view *now = graph_view_make(g, k.code, VIEW_BLOCKS), *is = graph_view_make(g, k.code, VIEW_BLOCKS);
    view_since(is, then);
    ck_assert(is->is_since && is->since_event == from && is->since_ns == then->at_ns && is->events == to);
    for (unsigned type = 1; type < FACT_TYPES; type++)
        ck_assert_uint_eq(is->by_fact[type], b->facts[type]);
    ck_assert_uint_eq(is->totals.allocations, b->news);
    check_sites(is, now, then, b);
    check_ids(is, now, then);
    check_sums(is, now, then);
    view_free(then);
    view_free(now);
    view_free(is);
    free(b);
    graph_free(g);
    make_free(&k);
}
END_TEST

/* Durations: what is not known is not told. */
START_TEST(times_that_are_known)
{
    struct view_lock then_lock = { .id = 1, .acquisitions = 3, .hold = { 3, 60, 30, 20, 30 } };
    struct view_lock now_locks[] = { { .id = 1, .acquisitions = 5, .hold = { 5, 160, 70, 20, 70 } }, { .id = 2, .acquisitions = 1, .hold = { 1, 9, 9, 9, 9 } } };
    struct view then = { .locks = &then_lock, .n_locks = 1 }, v = { .locks = now_locks, .n_locks = 2 };
    view_since(&v, &then);
    ck_assert(v.locks[0].hold.count == 2 && v.locks[0].hold.total_ns == 100 && v.locks[0].hold.max_ns == 70 && v.locks[0].hold.p50_ns == VIEW_UNKNOWN);
    ck_assert(v.locks[1].hold.count == 1 && v.locks[1].hold.p99_ns == 9 && !v.locks[1].same);
    struct view_lock again[] = { { .id = 1, .acquisitions = 4, .hold = { 4, 65, 30, 20, 30 } } };
    struct view w = { .locks = again, .n_locks = 1 };
    view_since(&w, &then);
    ck_assert(w.locks[0].hold.count == 1 && w.locks[0].hold.total_ns == 5 && w.locks[0].hold.max_ns == VIEW_UNKNOWN);
    struct view_lock still[] = { then_lock };
    struct view x = { .locks = still, .n_locks = 1 };
    view_since(&x, &then);
    ck_assert(x.locks[0].same && !x.locks[0].hold.count && !x.locks[0].hold.max_ns);
}
END_TEST

/* One that came again with less doubt tells of another event, and is the same. */
START_TEST(a_finding_is_known_by_its_stacks)
{
    struct view_finding was = { .rule = RULE_DOUBLE_DROP, .doubt = DOUBT_LOST, .event = 5, .block = 1, .count = 3, .n = 1 };
    struct view_finding is[2] = { { .rule = RULE_DOUBLE_DROP, .event = 9, .block = 2, .count = 4, .n = 1 },
                                  { .rule = RULE_INVALID_DROP, .event = 10, .count = 2, .n = 1 } };
    struct view_evidence evidence = { .role = EVIDENCE_MADE };
    struct view then = { .findings = &was, .n_findings = 1, .evidence = &evidence, .n_evidence = 1 };
    struct view now = { .findings = is, .n_findings = 2, .evidence = &evidence, .n_evidence = 1 };
    view_since(&now, &then);
    ck_assert_uint_eq(now.n_findings, 2);
    ck_assert_uint_eq(now.findings[0].count, 1);
    ck_assert_uint_eq(now.findings[1].count, 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("since");
    TCase *c = tcase_create("all");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, a_finding_is_known_by_its_stacks);
    tcase_add_loop_test(c, changes_are_what_happened, 0, getenv("TORTURE") ? 200 : 12);
    tcase_add_test(c, times_that_are_known);
    suite_add_tcase(s, c);
    return suite_run(s);
}
