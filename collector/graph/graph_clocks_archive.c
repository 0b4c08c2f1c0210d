/*
 * collector/graph/graph_clocks_archive.c - happens-before in a checkpoint: see
 * graph_archive.h for the rules, graph_clock_state.h for what is kept.
 *
 * Vectors are numbered in the order in which their holders come (processes,
 * threads, sync objects of locks), each written once, so that who shares one
 * shares it again. Sync objects are numbered by the places of their locks, which
 * are the only ones that have any. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_clock_state.h"
#include "graph/graph_lock_state.h"

#define SWEEP_BYTES_MAX ((size_t)1 << 37)   /* twice what all threads can have */

/* ---- vectors ---------------------------------------------------------------------------- */

/* Vectors by number, from 1. */
struct numbered { struct vector **at; size_t n, capacity; struct dict number_of; };

static uint32_t vector_number(struct numbered *v, struct vector *vector)
{
    if (!vector)
        return 0;
    uint32_t known = dict_get(&v->number_of, (uintptr_t)vector);
    if (known)
        return known;
    v->at = xgrow(v->at, &v->capacity, v->n + 1, sizeof *v->at);
    v->at[v->n++] = vector;
    dict_set(&v->number_of, (uintptr_t)vector, (uint32_t)v->n);
    return (uint32_t)v->n;
}

static struct vector *vector_numbered(const struct numbered *v, uint32_t number)
{
    return number ? vector_share(v->at[number - 1]) : NULL;
}

/* Loading: empty ones of so many components each, held by nobody yet. */
static void vectors_make(struct archive *a, struct graph *g, struct numbered *v, const uint32_t *components)
{
    for (size_t i = 0; i < v->n; i++) {
        if (!archive_need(a, components[i] % VECTOR_STEP == 0, "a vector of clocks makes no sense"))
            return;
        v->at[i] = archive_room(a, 1, vector_bytes(components[i]));
        if (!v->at[i])
            return;
        v->at[i]->n = components[i];
        g->clocks->vectors.bytes += vector_bytes(components[i]);
    }
}

static void vectors_archive(struct archive *a, struct graph *g, struct numbered *v)
{
    archive_count(a, &v->n, UINT32_MAX - 1);
    archive_need(a, g->clocks || !v->n, "vectors are nobody's");
    uint32_t *components = archive_scratch(a, v->n, sizeof *components);
    uint64_t *floors = archive_scratch(a, v->n, sizeof *floors);
    if (a->reading)
        v->at = archive_room(a, v->n, sizeof *v->at);
    for (size_t i = 0; i < v->n && !a->reading; i++) {
        components[i] = v->at[i]->n;
        floors[i] = v->at[i]->floor_ns;
    }
    archive_column(a, components, sizeof *components, sizeof *components, v->n);
    archive_column_below(a, components, sizeof *components, sizeof *components, v->n, CLOCK_THREADS_MAX + 1);
    archive_column(a, floors, sizeof *floors, sizeof *floors, v->n);
    if (a->reading && !archive_bad(a))
        vectors_make(a, g, v, components);
    for (size_t i = 0; i < v->n && !archive_bad(a); i++) {
        v->at[i]->floor_ns = floors[i];
        archive_column(a, v->at[i]->at, sizeof(uint64_t), sizeof(uint64_t), v->at[i]->n);
    }
    free(components);
    free(floors);
}

/* What nobody took is nobody's to free. */
static void vectors_close(struct archive *a, struct graph *g, struct numbered *v)
{
    for (size_t i = 0; i < v->n && v->at && a->reading; i++) {
        struct vector *left = v->at[i];
        if (!left || left->refs)
            continue;
        archive_fail(a, "a vector of clocks is nobody's");
        g->clocks->vectors.bytes -= vector_bytes(left->n);
        free(left);
    }
    free(v->at);
    dict_clear(&v->number_of);
}

/* ---- threads, and processes that give them their indexes ---------------------------------- */

/* With the number of the vector that each holds. */
struct process_row { struct process_clocks clocks; uint32_t published; };
struct thread_row { struct thread_clock clock; uint32_t seen; };
struct sync_row { struct sync sync; uint32_t seen, lock; };
struct rows {
    struct numbered vectors;
    struct process_row *processes;
    struct thread_row *threads;
    struct sync_row *sync; size_t n_sync;
};

static void process_fields(struct archive *a, struct graph *g, struct rows *r)
{
    ARCHIVE_FIELD(a, r->processes, g->n_processes, clocks.floor_ns);
    ARCHIVE_FIELD(a, r->processes, g->n_processes, clocks.lost_event);
    ARCHIVE_INDEX(a, r->processes, g->n_processes, clocks.unseen, 2);
    ARCHIVE_INDEX(a, r->processes, g->n_processes, clocks.n, CLOCK_THREADS_MAX + 1);
    ARCHIVE_INDEX(a, r->processes, g->n_processes, clocks.n_free, CLOCK_THREADS_MAX + 1);
    ARCHIVE_INDEX(a, r->processes, g->n_processes, published, r->vectors.n + 1);
}

static void processes_give(struct archive *a, struct graph *g, const struct rows *r)
{
    for (size_t i = 0; i < g->n_processes; i++) {
        struct process_clocks *to = &g->processes[i]->clocks;
        *to = r->processes[i].clocks;
        to->published = vector_numbered(&r->vectors, r->processes[i].published);
        if (!archive_need(a, to->n_free <= to->n && (i || !to->n), "indexes of threads make no sense") || !to->n)
            continue;
        to->holders = archive_room(a, to->n, sizeof *to->holders);
        to->free = archive_room(a, to->n, sizeof *to->free);
        to->capacity = to->n;
    }
}

static void thread_fields(struct archive *a, struct graph *g, struct rows *r)
{
    ARCHIVE_INDEX(a, r->threads, g->n_threads, clock.index, CLOCK_THREADS_MAX + 1);
    ARCHIVE_INDEX(a, r->threads, g->n_threads, clock.created, 2);
    ARCHIVE_FIELD(a, r->threads, g->n_threads, clock.since_ns);
    ARCHIVE_FIELD(a, r->threads, g->n_threads, clock.now_ns);
    ARCHIVE_FIELD(a, r->threads, g->n_threads, clock.released_ns);
    ARCHIVE_INDEX(a, r->threads, g->n_threads, seen, r->vectors.n + 1);
}

static void threads_give(struct archive *a, struct graph *g, const struct rows *r)
{
    for (size_t i = 0; i < g->n_threads; i++) {
        struct thread *t = g->threads[i];
        t->clock = r->threads[i].clock;
        t->clock.seen = vector_numbered(&r->vectors, r->threads[i].seen);
        archive_need(a, t->clock.index <= process_at(g, t->process)->clocks.n, "a thread has an index that there is not");
    }
}

/* Loading: each index is its holder's, or free. */
static void holders_check(struct archive *a, const struct graph *g, const struct process *p)
{
    const struct process_clocks *c = &p->clocks;
    uint32_t n_free = 0;
    bool valid = true;
    for (uint32_t i = 0; i < c->n && valid; i++) {
        const struct thread *t = c->holders[i] < g->n_threads ? thread_at(g, c->holders[i]) : NULL;
        valid = t && (!t->place || (t->process == p->place && t->clock.index == i + 1));
        n_free += !c->holders[i];
    }
    for (uint32_t i = 0; i < c->n_free && valid; i++)
        valid = c->free[i] < c->n && !c->holders[c->free[i]];
    if (archive_need(a, valid && n_free == c->n_free, "an index of threads has a wrong holder"))
        archive_places(a, c->free, c->n_free, c->n);
}

static void holders_archive(struct archive *a, struct graph *g)
{
    for (size_t i = 0; i < g->n_processes && !archive_bad(a); i++) {
        struct process_clocks *c = &g->processes[i]->clocks;
        archive_column(a, c->holders, sizeof *c->holders, sizeof *c->holders, c->n);
        archive_column(a, c->free, sizeof *c->free, sizeof *c->free, c->n_free);
        if (a->reading && !archive_bad(a))
            holders_check(a, g, g->processes[i]);
    }
}

/* ---- sync objects of locks ------------------------------------------------------------------- */

static void sync_fields(struct archive *a, struct graph *g, struct rows *r)
{
    ARCHIVE_INDEX(a, r->sync, r->n_sync, lock, g->locks ? g->locks->next : 0);
    ARCHIVE_FIELD(a, r->sync, r->n_sync, sync.ns);
    ARCHIVE_FIELD(a, r->sync, r->n_sync, sync.changed_ns);
    ARCHIVE_FIELD(a, r->sync, r->n_sync, sync.acquired_ns);
    ARCHIVE_INDEX(a, r->sync, r->n_sync, sync.acquirer, g->n_threads);
    ARCHIVE_INDEX(a, r->sync, r->n_sync, sync.owner, g->n_threads);
    ARCHIVE_INDEX(a, r->sync, r->n_sync, seen, r->vectors.n + 1);
}

static void sync_give(struct archive *a, struct graph *g, const struct rows *r)
{
    struct clocks *c = g->clocks;
    c->sync = archive_room(a, r->n_sync + 1, sizeof *c->sync);
    if (!c->sync)
        return;
    c->n_sync = c->sync_capacity = r->n_sync + 1;
    for (uint32_t i = 0; i < r->n_sync; i++) {
        const struct sync_row *row = &r->sync[i];
        if (!archive_need(a, row->lock && lock_at(g->locks, row->lock)->id && (!i || row[-1].lock < row->lock), "a clock is of no lock"))
            return;
        lock_at(g->locks, row->lock)->clock = i + 1;
        c->sync[i + 1] = row->sync;
        c->sync[i + 1].used = true;
        c->sync[i + 1].seen = vector_numbered(&r->vectors, row->seen);
    }
}

/* ---- all of it --------------------------------------------------------------------------------- */

/* What is written, its vectors numbered as they come. */
static void rows_take(const struct graph *g, struct rows *r)
{
    const struct locks *l = g->locks;
    for (size_t i = 0; i < g->n_processes; i++)
        r->processes[i] = (struct process_row){ g->processes[i]->clocks, vector_number(&r->vectors, g->processes[i]->clocks.published) };
    for (size_t i = 0; i < g->n_threads; i++)
        r->threads[i] = (struct thread_row){ g->threads[i]->clock, vector_number(&r->vectors, g->threads[i]->clock.seen) };
    for (uint32_t place = 1, n = 0; l && place < l->next; place++)
        if (lock_at(l, place)->id && lock_at(l, place)->clock) {
            const struct sync *s = &g->clocks->sync[lock_at(l, place)->clock];
            r->sync[n++] = (struct sync_row){ *s, vector_number(&r->vectors, s->seen), place };
        }
}

static size_t sync_count(const struct graph *g)
{
    const struct locks *l = g->locks;
    size_t n = 0;
    for (uint32_t place = 1; l && place < l->next; place++)
        n += lock_at(l, place)->id && lock_at(l, place)->clock;
    return n;
}

/* Loading: the rows are whole. */
static void rows_give(struct archive *a, struct graph *g, const struct rows *r)
{
    processes_give(a, g, r);
    threads_give(a, g, r);
    if (archive_need(a, g->clocks || !r->n_sync, "clocks are nobody's") && r->n_sync)
        sync_give(a, g, r);
}

static void rows_archive(struct archive *a, struct graph *g, struct rows *r)
{
    r->n_sync = a->reading ? 0 : sync_count(g);
    archive_count(a, &r->n_sync, LOCKS_LIVE_MAX);
    r->processes = archive_scratch(a, g->n_processes, sizeof *r->processes);
    r->threads = archive_scratch(a, g->n_threads, sizeof *r->threads);
    r->sync = archive_scratch(a, r->n_sync, sizeof *r->sync);
    if (!a->reading)
        rows_take(g, r);
    vectors_archive(a, g, &r->vectors);
    if (archive_bad(a))
        return;
    process_fields(a, g, r);
    thread_fields(a, g, r);
    sync_fields(a, g, r);
    if (a->reading && !archive_bad(a))
        rows_give(a, g, r);
    holders_archive(a, g);
}

void clocks_archive(struct archive *a, struct graph *g)
{
    struct rows r = { 0 };
    bool any = g->clocks != NULL;
    archive_bool(a, &g->without_locks);
    archive_bool(a, &any);
    if (archive_bad(a))
        return;
    if (a->reading && any)
        clocks_of(g);
    rows_archive(a, g, &r);
    vectors_close(a, g, &r.vectors);
    free(r.processes);
    free(r.threads);
    free(r.sync);
    if (!any || archive_bad(a))
        return;
    archive_size(a, &g->clocks->sweep_bytes);
    archive_need(a, g->clocks->sweep_bytes >= CLOCK_BYTES_MAX && g->clocks->sweep_bytes <= SWEEP_BYTES_MAX, "vectors may take too much");
    archive_u64(a, &g->clocks->futex_threads);
    archive_u32(a, &g->clocks->futex_stack);
    uses_archive(a, g);
    unordered_archive(a, g);
}
