/*
 * collector/graph/view_since.c - see view_since.h. Any thread; the earlier view
 * is only read.
 */
#include "graph/view_since.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/view_join.h"

static uint64_t less(uint64_t now, uint64_t then) { return now > then ? now - then : 0; }
#define LESS(row, old, field) ((row)->field = less((row)->field, (old)->field))

/* Rows of `before` by what tells them apart. */
struct key { uint64_t of[4]; uint32_t at; };

static int compare_keys(const void *x, const void *y)
{
    const uint64_t *p = ((const struct key *)x)->of, *q = ((const struct key *)y)->of;
    for (int i = 0; i < 4; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}

struct keys { struct key *list; size_t n; };

/* The row with that key, as an index + 1; 0: there is none. */
static size_t keys_find(const struct keys *k, struct key key)
{
    const struct key *found = k->n ? bsearch(&key, k->list, k->n, sizeof *k->list, compare_keys) : NULL;
    return found ? found->at + 1u : 0;
}

#define KEYS(keys, rows, count, ...)                                                                  \
    do {                                                                                              \
        (keys).n = (count);                                                                           \
        (keys).list = xcalloc((count) + 1, sizeof *(keys).list);                                      \
        for (size_t i = 0; i < (count); i++) {                                                        \
            const __typeof__((rows)[0]) *r = &(rows)[i];                                              \
            (keys).list[i] = (struct key){ .of = { __VA_ARGS__ }, .at = (uint32_t)i };                \
        }                                                                                             \
        if ((keys).n)                                                                                 \
            qsort((keys).list, (keys).n, sizeof *(keys).list, compare_keys);                          \
    } while (0)

/* Takes from each row of v what its partner had, and lets rows go in which nothing happened. `join` are members of a key
 * of the earlier row r, with stacks in v's numbers; `same` of v's row r. */
#define ROWS(table, count, joined, own, subtract, keep)                                               \
    do {                                                                                              \
        struct keys keys;                                                                             \
        size_t kept = 0;                                                                              \
        KEYS(keys, before->table, before->count, joined);                                             \
        for (size_t i = 0; i < v->count; i++) {                                                       \
            __typeof__(v->table[0]) *r = &v->table[i];                                                \
            size_t at = keys_find(&keys, (struct key){ .of = { own } });                              \
            const __typeof__(v->table[0]) *old = at ? &before->table[at - 1] : NULL;                  \
            if (old) { subtract; }                                                                    \
            if (!old || (keep))                                                                       \
                v->table[kept++] = *r;                                                                \
        }                                                                                             \
        v->count = kept;                                                                              \
        free(keys.list);                                                                              \
    } while (0)
#define ARGS(...) __VA_ARGS__

static void times_less(struct view_times *t, const struct view_times *then)
{
    if (!then->count)
        return;
    *t = (struct view_times){ .count = less(t->count, then->count), .total_ns = less(t->total_ns, then->total_ns),
                              .max_ns = t->max_ns > then->max_ns ? t->max_ns : VIEW_UNKNOWN, .p50_ns = VIEW_UNKNOWN, .p99_ns = VIEW_UNKNOWN };
    if (!t->count)
        *t = (struct view_times){ 0 };
}

static void totals_since(struct view_totals *t, const struct view_totals *then)
{
    LESS(t, then, allocations);
    LESS(t, then, frees);
    LESS(t, then, reallocations);
    LESS(t, then, bytes_allocated);
    LESS(t, then, temporary);
    LESS(t, then, maps);
    LESS(t, then, unmaps);
    LESS(t, then, exec_blocks);
    LESS(t, then, exec_bytes);
    LESS(t, then, unseen_drops);
    LESS(t, then, unknown_drops);
}

static void list_less(uint64_t *list, const uint64_t *then, size_t n)
{
    for (size_t i = 0; i < n; i++)
        list[i] = less(list[i], then[i]);
}

static void counts_since(struct view *v, const struct view *before)
{
    totals_since(&v->totals, &before->totals);
    list_less(v->by_fact, before->by_fact, FACT_TYPES);
    list_less(v->moves_by, before->moves_by, sizeof v->moves_by / sizeof *v->moves_by);
    list_less(v->lost, before->lost, sizeof v->lost / sizeof *v->lost);
    list_less(v->verify, before->verify, WIRE_VERIFY_COUNTS);
    list_less(v->findings_by_rule, before->findings_by_rule, RULES);
    LESS(v, before, locks_seen);
    LESS(v, before, copies);
    LESS(v, before, copy_bytes);
    LESS(v, before, copy_bytes_to_blocks);
    LESS(v, before, unordered_withheld);
    LESS(v, before, bounds_withheld);
    LESS(v, before, drops_withheld);
}

/* ---- memory ---- */

static void sites_since(struct view *v, const struct view *before, const uint32_t *stack)
{
    ROWS(sites, n_sites, ARGS(stack[r->stack]), ARGS(r->stack), ARGS(LESS(r, old, allocations), LESS(r, old, bytes), LESS(r, old, temporary)),
         r->allocations || r->bytes || r->live_blocks != old->live_blocks || r->live_bytes != old->live_bytes);
    ROWS(handoffs, n_handoffs, ARGS(r->from, r->to, stack[r->stack_new], stack[r->stack_drop]), ARGS(r->from, r->to, r->stack_new, r->stack_drop),
         ARGS(LESS(r, old, blocks), LESS(r, old, bytes), LESS(r, old, flight_ns)), r->blocks);
    ROWS(moves, n_moves, ARGS(r->process, r->from, r->to, r->by), ARGS(r->process, r->from, r->to, r->by),
         ARGS(LESS(r, old, blocks), LESS(r, old, bytes)), r->blocks);
}

static bool thread_same(const struct view_thread *t, const struct view_thread *old)
{
    return !t->made.blocks && !t->made.bytes && !t->dropped.blocks && !t->dropped.bytes && t->owns.blocks == old->owns.blocks &&
           t->owns.bytes == old->owns.bytes && t->ended == old->ended && t->detached == old->detached && t->joined_by == old->joined_by &&
           t->tid == old->tid && !memcmp(t->name, old->name, sizeof t->name);
}

static void threads_since(struct view *v, const struct view *before)
{
    ROWS(threads, n_threads, ARGS(r->id), ARGS(r->id),
         ARGS(LESS(r, old, made.blocks), LESS(r, old, made.bytes), LESS(r, old, dropped.blocks), LESS(r, old, dropped.bytes), r->same = thread_same(r, old)),
         true);
    ROWS(processes, n_processes, ARGS(r->id), ARGS(r->id), ARGS(LESS(r, old, allocations)), true);
}

/* Those that were made since, or are not what they were. */
static void blocks_since(struct view *v, const struct view *before)
{
    ROWS(blocks, n_blocks, ARGS(r->id), ARGS(r->id), (void)0,
         r->address != old->address || r->size != old->size || r->owner != old->owner || r->owned_since_ns != old->owned_since_ns ||
             r->borrower != old->borrower || r->borrowed_ns != old->borrowed_ns);
}

/* ---- locks ---- */

#define LOCK_LESS(r, old) \
    LESS(r, old, acquisitions), LESS(r, old, shared_acquisitions), LESS(r, old, contended), times_less(&(r)->wait, &(old)->wait), \
    times_less(&(r)->hold, &(old)->hold)

/* In order of their first use, too; the class that one belongs to may have become another. */
static void lock_sites_since(struct view *v, const struct view *before, const uint32_t *stack)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n_lock_sites; i++) {
        struct view_lock_site r = v->lock_sites[i];
        const struct view_lock_site *old = i < before->n_lock_sites ? &before->lock_sites[i] : NULL;
        if (old && stack[old->stack] == r.stack)
            LOCK_LESS(&r, old);
        if (r.acquisitions || r.wait.count || r.hold.count)
            v->lock_sites[kept++] = r;
    }
    v->n_lock_sites = kept;
}

static void locks_since(struct view *v, const struct view *before, const uint32_t *stack)
{
    ROWS(locks, n_locks, ARGS(r->id), ARGS(r->id),
         ARGS(LOCK_LESS(r, old), r->same = !r->acquisitions && !r->wait.count && !r->hold.count && r->ended_ns == old->ended_ns), true);
    /* In order of their first use. */
    for (size_t i = 0; i < v->n_lock_classes && i < before->n_lock_classes; i++) {
        struct view_lock_class *r = &v->lock_classes[i];
        const struct view_lock_class *old = &before->lock_classes[i];
        LOCK_LESS(r, old);
        r->same = !r->acquisitions && !r->wait.count && !r->hold.count && r->locks == old->locks;
    }
    lock_sites_since(v, before, stack);
    ROWS(guards, n_guards, ARGS(r->lock, stack[r->site_stack]), ARGS(r->lock, r->site_stack), ARGS(LESS(r, old, touches), LESS(r, old, blocks)),
         r->touches || r->blocks);
}

/* Circles of which an edge is new. */
static void cycles_since(struct view *v, const struct view *before)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->n_cycles; i++) {
        bool closed = false;
        for (uint32_t k = 0; k < v->cycles[i].n; k++)
            closed |= v->order_edges[v->cycles[i].first + k].first_ns > before->at_ns;
        if (closed)
            v->cycles[kept++] = v->cycles[i];
    }
    v->n_cycles = kept;
}

/* ---- copies and findings ---- */

static void copies_since(struct view *v, const struct view *before, const uint32_t *stack)
{
    ROWS(copy_sites, n_copy_sites, ARGS(stack[r->stack]), ARGS(r->stack), ARGS(LESS(r, old, copies), LESS(r, old, bytes)), r->copies);
    ROWS(flows, n_flows, ARGS(stack[r->from_stack], stack[r->to_stack]), ARGS(r->from_stack, r->to_stack),
         ARGS(LESS(r, old, copies), LESS(r, old, bytes)), r->copies);
    ROWS(block_flows, n_block_flows, ARGS(r->from, r->to), ARGS(r->from, r->to), ARGS(LESS(r, old, copies), LESS(r, old, bytes)), r->copies);
}

/* Of where a finding's acts were. `stack`: of an earlier view, in v's numbers; NULL: v's own. */
static uint64_t finding_places(const struct view *v, const struct view_finding *f, const uint32_t *stack)
{
    uint64_t hash = f->family;
    for (uint32_t i = 0; i < f->n; i++) {
        const struct view_evidence *e = &v->evidence[f->first + i];
        hash = (hash ^ ((uint64_t)e->role << 32 | (stack ? stack[e->stack] : e->stack))) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return hash;
}

/* A finding is known by where it was made: when it comes again with less doubt, that is told of it. */
static void findings_since(struct view *v, const struct view *before, const uint32_t *stack)
{
    ROWS(findings, n_findings, ARGS(r->rule, finding_places(before, r, stack), (uint64_t)r->use << 8 | r->writes, r->n),
         ARGS(r->rule, finding_places(v, r, NULL), (uint64_t)r->use << 8 | r->writes, r->n), LESS(r, old, count), r->count);
}

void view_since(struct view *v, const struct view *before)
{
    uint32_t *stack = view_join_stacks(v, before);
    counts_since(v, before);
    sites_since(v, before, stack);
    threads_since(v, before);
    blocks_since(v, before);
    locks_since(v, before, stack);
    cycles_since(v, before);
    copies_since(v, before, stack);
    findings_since(v, before, stack);
    v->is_since = true;
    v->since_ns = before->at_ns;
    v->since_event = before->events;
    free(stack);
}
