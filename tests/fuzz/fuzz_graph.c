/*
 * tests/fuzz/fuzz_graph.c - any events in any order with any numbers.
 *
 * Each event takes 8 bytes of input and more where a number is to be wild;
 * most numbers are small, so that events meet each other's blocks, threads and
 * processes. Views are made on the way, and the sums of view.h are checked.
 */
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"
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

/* Nothing in two hands, and the sums of what locks count. */
static void view_of_locks(const struct view *v)
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

static void view(struct graph *g, unsigned flags)
{
    uint64_t live_blocks = 0, live_bytes = 0, peak = 0, heap = 0;
    struct view *v = graph_view_make(g, NULL, flags);
    for (size_t i = 0; i < v->n_sites; i++) {
        live_blocks += v->sites[i].live_blocks;
        live_bytes += v->sites[i].live_bytes;
        peak += v->sites[i].peak_bytes;
    }
    check(live_blocks == v->totals.live_blocks);
    check(live_bytes == v->totals.live_bytes);
    check(peak == v->totals.peak_bytes);
    check(v->totals.allocations <=   /* frees has drops of clones as well */
          v->totals.frees + v->totals.unseen_drops + v->totals.live_blocks + v->totals.exec_blocks);
    for (size_t i = 0; i < v->n_blocks; i++)
        heap += !v->blocks[i].cloned_from && !family_is_map(v->blocks[i].family);
    check(!(flags & VIEW_BLOCKS) || heap == v->totals.live_blocks);
    view_of_locks(v);
    view_free(v);
}

static void observe(void *context, const struct fact *f)
{
    uint64_t *facts = context;
    *facts += f->text ? (uint8_t)f->text[f->text_bytes - 1] : 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct input in = { data, bytes };
    uint64_t ns = 0, facts = 0;
    struct graph *g = graph_new(NULL);
    if (take(&in, 1) & 1)
        graph_observe(g, observe, &facts);
    while (in.left) {
        uint64_t head = take(&in, 3);
        struct event e = { .type = head & 63, .family = head >> 6 & 31, .thread = head >> 11 & 7, .process = head >> 14 & 3,
                           .stack = head >> 16 & 3 };
        ns += (head >> 18 & 15) * 200;
        e.ns = head >> 22 & 1 ? number(&in, 6) : ns;
        if (head >> 23 & 1) {
            e.thread = (uint32_t)number(&in, 0);
            e.process = (uint32_t)number(&in, 0);
            e.stack = (uint32_t)number(&in, 0);
        }
        e.address = number(&in, e.type <= EVENT_REALLOC_END && family_is_map(e.family) ? 12 : 3);
        e.size = number(&in, 0);
        e.extra[0] = number(&in, 3);
        e.extra[1] = e.type == EVENT_REALLOC_END || e.type == EVENT_PROCESS_GONE || e.type >= EVENT_COPY ? number(&in, 8) : 0;
        if (e.type >= EVENT_THREAD_START && e.type <= EVENT_THREAD_GONE)
            e.extra[0] >>= 3;
        if ((e.type == EVENT_MARK || e.type == EVENT_PROCESS_START || e.type == EVENT_THREAD_NAME) && in.left) {
            e.text = (const char *)in.at;
            e.text_bytes = in.left < 40 ? (uint16_t)in.left : 40;
        }
        graph_fold(g, &e);
        if (e.type == 62)
            graph_settle(g, e.ns);
        if (e.type == 63)
            view(g, e.family & 1);
    }
    graph_settle(g, UINT64_MAX);
    view(g, VIEW_BLOCKS);
    graph_free(g);
    return 0;
}
