/*
 * tests/fuzz/fuzz_graph.c - any events in any order with any numbers.
 *
 * Each event takes 10 bytes of input and more where a number is to be wild;
 * most numbers are small, so that events meet each other's blocks, locks,
 * threads and processes: locks lie in blocks, in modules and in nothing, are
 * released by strangers, waited for by nobody, and copies run past everything.
 * Views are made on the way, and what view.h promises is checked.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "event/code.h"
#include "event/snapshot.h"
#include "graph/graph.h"
#include "graph/repair.h"
#include "graph/view.h"

struct input { const uint8_t *at; size_t left; };

static uint64_t take(struct input *in, size_t bytes)
{
    uint64_t n = 0;
    if (bytes > in->left)
        bytes = in->left;
    memcpy(&n, in->at, bytes);
    in->at += bytes;
    in->left -= bytes;
    return n;
}

/* A byte; above 250, the eight bytes behind it. */
static uint64_t number(struct input *in, unsigned shift)
{
    uint64_t n = take(in, 1);
    return n > 250 ? take(in, 8) : n << shift;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_heap(const struct view *v, unsigned flags)
{
    uint64_t live_blocks = 0, live_bytes = 0, peak = 0, heap = 0;
    for (size_t i = 0; i < v->n_sites; i++) {
        live_blocks += v->sites[i].live_blocks;
        live_bytes += v->sites[i].live_bytes;
        peak += v->sites[i].peak_bytes;
    }
    check(live_blocks == v->totals.live_blocks);
    check(live_bytes == v->totals.live_bytes);
    check(peak == v->totals.peak_bytes);
    check(v->sampled || v->totals.allocations <=   /* sums of samples are rounded, one by one; frees has drops of clones as well */
          v->totals.frees + v->totals.unseen_drops + v->totals.live_blocks + v->totals.exec_blocks);
    for (size_t i = 0; i < v->n_blocks; i++)
        heap += !v->blocks[i].cloned_from && !family_is_map(v->blocks[i].family);
    check(!(flags & VIEW_BLOCKS) || v->sampled || heap == v->totals.live_blocks);
}

/* Nothing in two hands, and the sums of what locks count. */
static void check_estimate(const struct view_estimate *m)
{
    const double variances[] = { m->allocations, m->bytes, m->live_blocks, m->live_bytes, m->peak_bytes, m->frees, m->heaviest };
    for (size_t i = 0; i < sizeof variances / sizeof *variances; i++)
        check(isfinite(variances[i]) && variances[i] >= 0);
    check(m->live <= m->samples);
    check(m->live || (m->live_blocks == 0 && m->live_bytes == 0));
}

static void check_samples(const struct view *v)
{
    uint64_t samples = 0, live = 0;
    for (size_t i = 0; i < v->n_sites; i++) {
        check(v->sites[i].estimate <= v->n_estimates);
        if (!v->sites[i].estimate)
            continue;
        const struct view_estimate *m = &v->estimates[v->sites[i].estimate - 1];
        check_estimate(m);
        samples += m->samples;
        live += m->live;
    }
    check_estimate(&v->estimate);
    check(samples == v->estimate.samples && live == v->estimate.live);
    for (size_t i = 0; i < v->n_blocks; i++)
        check(v->blocks[i].rate ? v->sampled && v->blocks[i].drawn >= v->blocks[i].size : !v->blocks[i].drawn);
}

static void check_locks(const struct view *v)
{
    uint64_t classes = 0, sites = 0;
    for (size_t i = 1; i < v->n_holds; i++) {
        const struct view_hold *a = &v->holds[i - 1], *b = &v->holds[i];
        check(a->lock <= b->lock);
        check(a->lock != b->lock || (a->shared && b->shared && a->thread != b->thread));
    }
    for (size_t i = 0; i < v->n_lock_classes; i++)
        classes += v->lock_classes[i].acquisitions;
    for (size_t i = 0; i < v->n_lock_sites; i++)
        sites += v->lock_sites[i].acquisitions;
    check(classes == sites);
    for (size_t i = 0; i < v->n_locks; i++) {
        check(v->locks[i].hold.p50_ns <= v->locks[i].hold.p99_ns && v->locks[i].hold.p99_ns <= v->locks[i].hold.max_ns);
        check(v->locks[i].class <= v->n_lock_classes);
    }
    for (size_t i = 0; i < v->n_cycles; i++)
        check(v->cycles[i].n > 1 && v->cycles[i].first + v->cycles[i].n <= v->n_order_edges);
    for (size_t i = 0; i < v->n_deadlocks; i++)
        check(v->deadlocks[i].n && v->deadlocks[i].first + v->deadlocks[i].n <= v->n_deadlock_edges);
}

static void check_edges(const struct view_cycle *cycles, size_t n, size_t edges)
{
    for (size_t i = 0; i < n; i++)
        check(cycles[i].n && cycles[i].first <= edges && cycles[i].n <= edges - cycles[i].first);
}

/* What names a row, an edge or a stack names one that is there. */
static void check_names(const struct view *v, bool with_code)
{
    for (size_t i = 0; i < v->n_locks; i++)
        check(v->locks[i].id && v->locks[i].class <= v->n_lock_classes);
    for (size_t i = 0; i < v->n_lock_sites; i++)
        check(v->lock_sites[i].class <= v->n_lock_classes);
    check_edges(v->cycles, v->n_cycles, v->n_order_edges);
    check_edges(v->deadlocks, v->n_deadlocks, v->n_deadlock_edges);
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct view_finding *f = &v->findings[i];
        check(f->rule < RULES && f->count && f->first <= v->n_evidence && f->n <= v->n_evidence - f->first);
        check(v->findings_by_rule[f->rule] >= f->count);
    }
    for (size_t i = 0; i < v->n_evidence && with_code; i++)
        check(v->evidence[i].role < EVIDENCES && v->evidence[i].stack <= v->n_stacks);
}

static void view(struct graph *g, const struct code *code, unsigned flags)
{
    struct view *v = graph_view_make(g, code, flags);
    check_heap(v, flags);
    check_samples(v);
    check_locks(v);
    check_names(v, code != NULL);
    view_free(v);
}

/* What would go into a heap snapshot of any process is sound, and no more than lives there. */
static void heaps(struct graph *g)
{
    size_t n = graph_heaps(g, NULL, 0);
    struct graph_heap *all = calloc(n + 1, sizeof *all);
    check(graph_heaps(g, all, n) == n);
    for (size_t i = 0; i < n; i++) {
        struct snapshot *s = snapshot_new();
        check(!graph_heap_take(g, all[i].process, true, s));
        check(snapshot_sound(s) && s->n_blocks <= all[i].blocks && s->event == all[i].snapshot_event);
        snapshot_free(s);
    }
    free(all);
}

static void observe(void *context, const struct fact *f)
{
    uint64_t *facts = context;
    *facts += f->text_bytes ? (uint8_t)f->text[f->text_bytes - 1] : 1;
}

enum { MODULES = 3, STACKS = 12, TYPE_SETTLE = EVENT_TYPES, TYPE_VIEW, TYPES };

static struct code *code_make(void)
{
    struct code *c = code_new();
    for (uint32_t i = 1; i <= MODULES; i++)
        code_module_id(c, "/lib/x", i + 3, NULL, 0);
    for (uint32_t i = 1; i <= STACKS; i++)
        code_stack_id(c, i / 3, code_frame_id(c, i % (MODULES + 1), i * 8, 0));
    return c;
}

/* The event of a head of 4 bytes: type, family, thread, process, stack, time, wild. */
static struct event event_of(struct input *in, uint64_t *ns)
{
    uint64_t head = take(in, 4);
    struct event e = { .type = (uint8_t)(head % 64 % TYPES), .family = head >> 6 & 31, .thread = head >> 11 & 7,
                       .process = head >> 14 & 3, .stack = head >> 16 & 7 };
    *ns += (head >> 19 & 31) * 100;
    e.ns = head >> 24 & 1 ? number(in, 6) : *ns;
    if (head >> 25 & 1) {
        e.thread = (uint32_t)number(in, 0);
        e.process = (uint32_t)number(in, 0);
        e.stack = (uint32_t)number(in, 0);
        e.family = (uint8_t)number(in, 0);
    }
    e.address = number(in, e.type <= EVENT_REALLOC_END && family_is_map(e.family) ? 12 : 3);
    e.size = number(in, 0);
    e.extra[0] = number(in, e.type >= EVENT_THREAD_START && e.type <= EVENT_THREAD_GONE ? 0 : 3);
    if (e.type == EVENT_REALLOC_END || e.type == EVENT_PROCESS_GONE || e.type >= EVENT_WAIT)
        e.extra[1] = number(in, e.type >= EVENT_WAIT ? 0 : 8);
    if ((e.type == EVENT_MARK || e.type == EVENT_CONTROL || e.type == EVENT_PROCESS_START || e.type == EVENT_THREAD_NAME) && in->left) {
        e.text = (const char *)in->at;
        e.text_bytes = in->left < 40 ? (uint16_t)in->left : 40;
    }
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input in = { data, bytes };
    uint64_t ns = 0, facts = 0, how = take(&in, 1);
    struct code *code = how & 2 ? code_make() : NULL;
    struct graph *g = graph_new(code);
    if (how & 1)
        graph_observe(g, observe, &facts);
    while (in.left) {
        struct event e = event_of(&in, &ns);
        if (code)   /* as whoever hands events over has checked */
            e.stack %= STACKS + 1;
        if (code && e.type == EVENT_MODULE)
            e.extra[1] %= MODULES + 1;
        if (e.type == TYPE_SETTLE)
            graph_settle(g, e.ns);
        else if (e.type == TYPE_VIEW)
            view(g, code, e.family & 1);
        else
            graph_fold(g, &e);
        check(g->n_parked <= PARKED_MAX + 1);
    }
    graph_settle(g, UINT64_MAX);
    check(!g->n_parked);    /* whoever must no longer wait does not */
    view(g, code, VIEW_BLOCKS);
    heaps(g);
    graph_free(g);
    code_free(code);
    return 0;
}
