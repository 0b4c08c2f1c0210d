/*
 * collector/graph/graph_snapshot.c - see graph_snapshot.h and graph.h.
 *
 * A process's blocks lie scattered in the pool, and are wanted by address. So
 * their places are sorted by address first (by digits, in arrays that are the
 * snapshot's own anyway: nothing is allocated besides), then each block is read
 * once. What a fork left and the child has not touched is no block of the pool
 * yet: its place is its number in the frozen copy, with INHERITED.
 */
#include "graph/graph_snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/snapshot.h"
#include "event/xalloc.h"
#include "graph/graph_cover.h"
#include "graph/graph_sampling.h"
#include "graph/graph_facts.h"
#include "graph/graph_forks.h"
#include "graph/graph_modules.h"
#include "graph/graph_places.h"

#define INHERITED (1u << 31)
enum { AHEAD = 24, FORKS_DEEP = 64 };  /* parents that are looked at */

void snapshots_fold(struct graph *g, struct process *p, const struct event *e)
{
    fact_life(g, FACT_SNAPSHOT, e, snapshot_why_name(e->family), 0);
    if (!p->place)
        return;
    p->snapshot = (struct process_snapshot){ .event = g->number, .number = (uint32_t)e->address, .why = e->family };
}

void snapshots_image_ended(struct graph *g, struct process *p)
{
    p->snapshot = (struct process_snapshot){ 0 };
    p->image_event = g->number;
}

static struct process *process_known(const struct graph *g, uint32_t serial)
{
    return process_at(g, serial ? dict_get(&g->process_of, serial) : 0);
}

/* ---- which blocks ------------------------------------------------------------ */

struct gathering {
    struct graph *g;
    const struct process *p;
    uint64_t *address;
    uint32_t *place;
    size_t n, room;
};

static bool pending_of(const struct graph *g, const struct thread *t, uint32_t *place)
{
    *place = t->pending.block;
    return t->pending.open && *place && pool_at(&g->pool, *place)->flags & BLOCK_PARKED;
}

static size_t blocks_at_most(const struct graph *g, const struct process *p, bool *moving)
{
    size_t n = (size_t)p->heap.used + p->maps.used + (p->inherit ? p->inherit->frozen->n : 0);
    uint32_t place;
    *moving = false;
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process)
        if (pending_of(g, thread_at(g, at), &place)) {
            *moving = true;
            n++;
        }
    return n;
}

int graph_heap_ready(const struct graph *g, uint32_t process, uint64_t *blocks)
{
    const struct process *p = process_known(g, process);
    bool moving;
    *blocks = p->place ? blocks_at_most(g, p, &moving) : 0;
    if (!p->place)
        return -ENOENT;
    return moving ? -EAGAIN : 0;
}

static int compare_heaps(const void *a, const void *b)
{
    uint32_t x = ((const struct graph_heap *)a)->process, y = ((const struct graph_heap *)b)->process;
    return (x > y) - (x < y);
}

size_t graph_heaps(const struct graph *g, struct graph_heap *heaps, size_t max)
{
    size_t n = g->n_processes - 1;
    bool moving;
    for (size_t i = 0; i < n && i < max; i++) {
        const struct process *p = process_at(g, (uint32_t)i + 1);
        heaps[i] = (struct graph_heap){
            .process = p->serial, .blocks = blocks_at_most(g, p, &moving), .image_event = p->image_event,
            .snapshot_event = p->snapshot.event, .snapshot = p->snapshot.number, .ended = p->ended,
            .exit_known = p->exit_known, .wait_status = p->wait_status };
    }
    if (n && n <= max)
        qsort(heaps, n, sizeof *heaps, compare_heaps);
    return n;
}

static void gather(struct gathering *to, uint64_t address, uint32_t place)
{
    if (to->n == to->room)
        return;
    to->address[to->n] = address;
    to->place[to->n++] = place;
}

static void gather_pool(struct gathering *to, uint32_t place)
{
    gather(to, pool_at(&to->g->pool, place)->address, place);
}

static void gather_heap(struct gathering *to)
{
    const struct table *t = &to->p->heap;
    const struct pool *pool = &to->g->pool;
    for (uint32_t i = 0, n = table_slots(t); i < n; i++) {
        uint32_t next = i + AHEAD < n ? table_place(t, i + AHEAD) : 0;
        if (next)
            __builtin_prefetch(pool_at(pool, next));
        if (table_place(t, i))
            gather_pool(to, table_place(t, i));
    }
}

/* Heap blocks come first: of two at one address the first stays. */
static void gather_all(struct gathering *to)
{
    const struct graph *g = to->g;
    const struct process *p = to->p;
    uint32_t place;
    gather_heap(to);
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process)
        if (pending_of(g, thread_at(g, at), &place))
            gather_pool(to, place);
    struct block clone;
    uint64_t from;
    for (uint32_t i = 0; p->inherit && i < p->inherit->frozen->n; i++)
        if (forks_clone(p, i, &clone, &from))
            gather(to, clone.address, i | INHERITED);
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block)
            gather_pool(to, p->maps.nodes[i].block);
}

/* ---- in order ---------------------------------------------------------------- */

/* Of blocks at one address the first stays. */
static size_t sole_addresses(uint64_t *address, uint32_t *place, size_t n)
{
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        if (left && address[left - 1] == address[i])
            continue;
        address[left] = address[i];
        place[left++] = place[i];
    }
    return left;
}

/* ---- the blocks --------------------------------------------------------------- */

static uint32_t owner_of(const struct graph *g, uint32_t place, const struct block *b)
{
    return thread_at(g, place & INHERITED ? b->maker : block_owner(g, place, b))->serial;
}

/* s->stack has the places. */
static void blocks_fill(const struct graph *g, const struct process *p, struct snapshot *s)
{
    struct block clone;
    uint64_t from;
    for (size_t i = 0; i < s->n_blocks; i++) {
        uint32_t place = s->stack[i], next = i + AHEAD < s->n_blocks ? s->stack[i + AHEAD] : INHERITED;
        const struct block *b = &clone;
        if (!(next & INHERITED))
            __builtin_prefetch(pool_at(&g->pool, next));
        if (place & INHERITED)
            forks_clone(p, place & ~INHERITED, &clone, &from);
        else
            b = pool_at(&g->pool, place);
        s->size[i] = b->size < UINT64_MAX - b->address ? b->size : UINT64_MAX - b->address;
        s->id[i] = b->id;
        s->born_ns[i] = b->born_ns;
        s->stack[i] = g->site_stacks[b->site];
        s->thread[i] = thread_at(g, b->maker)->serial;
        s->owner[i] = owner_of(g, place, b);
        s->family[i] = b->family;
        if (s->rate)
            s->rate[i] = sampling_rate_by_size(g, place, b);
    }
}

static void arrays_make(struct snapshot *s, size_t n)
{
    size_t room = n ? n : 1;
    s->address = xmalloc(room * sizeof *s->address);
    s->size = xmalloc(room * sizeof *s->size);
    s->id = xmalloc(room * sizeof *s->id);
    s->born_ns = xmalloc(room * sizeof *s->born_ns);
    s->stack = xmalloc(room * sizeof *s->stack);
    s->thread = xmalloc(room * sizeof *s->thread);
    s->owner = xmalloc(room * sizeof *s->owner);
    s->family = xmalloc(room * sizeof *s->family);
}

int graph_heap_take(struct graph *g, uint32_t process, bool force, struct snapshot *s)
{
    const struct process *p = process_known(g, process);
    bool moving;
    if (!p->place)
        return -ENOENT;
    size_t room = blocks_at_most(g, p, &moving);
    if (moving && !force)
        return -EAGAIN;
    if (room > SNAPSHOT_BLOCKS_MAX || g->pool.next >= INHERITED)
        return -EFBIG;
    arrays_make(s, room);
    struct gathering to = { .g = g, .p = p, .address = s->address, .place = s->stack, .room = room };
    gather_all(&to);
    places_sort(s->address, s->stack, s->size, s->thread, to.n);
    s->n_blocks = sole_addresses(s->address, s->stack, to.n);
    if (g->sampling)
        s->rate = xmalloc((room ? room : 1) * sizeof *s->rate);
    blocks_fill(g, p, s);
    s->process = p->serial;
    s->pid = p->pid;
    s->ns = g->now_ns;
    s->number = p->snapshot.number;
    s->event = p->snapshot.event;
    s->why = p->snapshot.why;
    s->doubtful = lost_ns(g, p) != 0;
    s->partial = cover_memory_partial(g);
    return 0;
}

/* ---- threads, modules ----------------------------------------------------------- */

static size_t threads_of(const struct graph *g, const struct process *p, bool forked_from, struct graph_thread *threads, size_t max)
{
    size_t n = 0;
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process) {
        const struct thread *t = thread_at(g, at);
        bool ended = t->ended || forked_from;
        if (t->failed)
            continue;
        if (n < max)
            threads[n] = (struct graph_thread){ .serial = forked_from ? 0 : t->serial, .tid = forked_from ? 0 : t->tid,
                                                .pthread = t->pthread_known || ended ? t->pthread : 0, .ended = ended };
        n++;
    }
    return n;
}

size_t graph_heap_threads(const struct graph *g, uint32_t process, struct graph_thread *threads, size_t max)
{
    const struct process *p = process_known(g, process);
    size_t n = threads_of(g, p, false, threads, max);
    for (int forks = 0; forks < FORKS_DEEP && p->place && p->forked && p->images == 1; forks++) {
        p = process_known(g, p->parent);
        n += threads_of(g, p, true, n < max ? threads + n : NULL, n < max ? max - n : 0);
    }
    return n;
}

size_t graph_heap_modules(const struct graph *g, uint32_t process, struct graph_module *modules, size_t max)
{
    const struct modules *m = process_known(g, process)->modules;
    for (size_t i = 0; m && i < m->n && i < max; i++)
        modules[i] = (struct graph_module){ .start = m->at[i].start, .end = m->at[i].end, .bias = m->at[i].bias,
                                            .module = m->at[i].module };
    return m ? m->n : 0;
}
