/*
 * collector/graph/graph_clocks.c - see graph_clocks.h.
 *
 * A sync object's clock is either of one owner, the thread that released it:
 * its vector as it was then and the time; or of nobody: a vector that joins
 * several, and a floor. The owner's component is enough to know that one is
 * behind all of it, since components only travel together with the vectors
 * they came with.
 */
#include "graph/graph_clocks.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_clock_state.h"
#include "graph/graph_cover.h"

struct clocks *clocks_of(struct graph *g)
{
    if (graph_unlikely(!g->clocks)) {
        g->clocks = xcalloc(1, sizeof *g->clocks);
        g->clocks->sweep_bytes = CLOCK_BYTES_MAX;
    }
    return g->clocks;
}

/* ---- indexes ------------------------------------------------------------------ */

static void index_give(struct process *p, uint32_t index)
{
    p->clocks.holders[index] = 0;
    p->clocks.free[p->clocks.n_free++] = index;
}

/* An index of a thread that is over, though it could still be joined. */
static uint32_t index_of_ended(const struct graph *g, const struct process *p)
{
    uint32_t i;
    for (i = 0; i < p->clocks.n; i++)
        if (thread_at(g, p->clocks.holders[i])->ended)
            break;
    return i;
}

/* CLOCK_THREADS_MAX: there is none. */
static uint32_t index_take(const struct graph *g, struct process *p)
{
    struct process_clocks *c = &p->clocks;
    if (c->n_free)
        return c->free[--c->n_free];
    if (c->n == CLOCK_THREADS_MAX) {
        uint32_t index = index_of_ended(g, p);
        return index < c->n ? index : CLOCK_THREADS_MAX;
    }
    if (c->n == c->capacity) {
        c->capacity = c->capacity ? c->capacity * 2 : 8;
        c->holders = xrealloc(c->holders, c->capacity * sizeof *c->holders);
        c->free = xrealloc(c->free, c->capacity * sizeof *c->free);
    }
    return c->n++;
}

bool clocks_enter_slow(struct graph *g, struct thread *t, uint64_t ns)
{
    struct process *p = process_at(g, t->process);
    if (!t->place || !p->place)
        return false;
    uint32_t index = index_take(g, p);
    if (index == CLOCK_THREADS_MAX)
        return false;
    p->clocks.holders[index] = t->place;
    t->clock.index = index + 1;
    t->clock.since_ns = ns;
    if (!t->clock.created && t->place != p->first_thread)
        vector_set_floor(&clocks_of(g)->vectors, &t->clock.seen, ns);
    return true;
}

void clocks_ended(struct graph *g, struct thread *t)
{
    struct process *p = process_at(g, t->process);
    if (!t->clock.index)
        return;
    vector_give(&clocks_of(g)->vectors, t->clock.seen);
    t->clock.seen = NULL;
    uint32_t index = t->clock.index - 1;
    if (index < p->clocks.n && p->clocks.holders[index] == t->place)
        index_give(p, index);
}

void clocks_image_ended(struct graph *g, struct process *p)
{
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process) {
        struct thread *t = thread_at(g, at);
        if (t->clock.seen)
            vector_give(&clocks_of(g)->vectors, t->clock.seen);
        t->clock = (struct thread_clock){ .now_ns = t->clock.now_ns };
    }
    if (p->clocks.published)
        vector_give(&clocks_of(g)->vectors, p->clocks.published);
    p->clocks.published = NULL;
    free(p->clocks.holders);
    free(p->clocks.free);
    p->clocks.holders = p->clocks.free = NULL;
    p->clocks.n = p->clocks.n_free = p->clocks.capacity = 0;
}

/* ---- what sync objects keep --------------------------------------------------- */

static void sync_own(struct clocks *c, struct sync *s, const struct thread *t, uint64_t ns)
{
    if (s->seen != t->clock.seen) {
        vector_give(&c->vectors, s->seen);
        s->seen = vector_share(t->clock.seen);
    }
    s->owner = t->place;
    s->ns = ns;
}

static void sync_floor(struct clocks *c, struct sync *s, uint64_t ns)
{
    vector_give(&c->vectors, s->seen);
    s->seen = NULL;
    s->owner = 0;
    s->ns = ns;
}

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The older half of the objects give up their vectors for times. */
static void sync_sweep(struct clocks *c)
{
    uint64_t *times = xmalloc((c->n_sync + 1) * sizeof *times);
    size_t n = 0;
    for (size_t i = 1; i < c->n_sync; i++)
        if (c->sync[i].used && c->sync[i].seen)
            times[n++] = c->sync[i].changed_ns;
    qsort(times, n, sizeof *times, compare_ns);
    uint64_t until_ns = n ? times[n / 2] : 0;
    for (size_t i = 1; i < c->n_sync; i++)
        if (c->sync[i].used && c->sync[i].seen && c->sync[i].changed_ns <= until_ns)
            sync_floor(c, &c->sync[i], c->sync[i].changed_ns);
    free(times);
    c->sweep_bytes = 2 * c->vectors.bytes > CLOCK_BYTES_MAX ? 2 * c->vectors.bytes : CLOCK_BYTES_MAX;
}

static clock_id sync_take(struct clocks *c)
{
    clock_id id = c->free_sync;
    if (id) {
        c->free_sync = c->sync[id].owner;
    } else {
        id = c->n_sync ? (clock_id)c->n_sync : 1;
        c->sync = xgrow(c->sync, &c->sync_capacity, (size_t)id + 1, sizeof *c->sync);
        c->n_sync = (size_t)id + 1;
    }
    c->sync[id] = (struct sync){ .used = true };
    return id;
}

void clocks_forget(struct graph *g, clock_id *clock)
{
    struct clocks *c = g->clocks;
    clock_id id = *clock;
    *clock = 0;
    if (!id || !c || id >= c->n_sync || !c->sync[id].used)
        return;
    vector_give(&c->vectors, c->sync[id].seen);
    c->sync[id] = (struct sync){ .owner = c->free_sync };
    c->free_sync = id;
}

/* t comes behind what a thread published at ns with `seen`. Its component
 * alone tells when t is behind already, if it was not another thread's before. */
static void thread_after(struct graph *g, struct thread *t, const struct thread *owner, struct vector *seen, uint64_t ns)
{
    struct clocks *c = g->clocks;
    const struct process *p = process_at(g, t->process);
    if (!owner->clock.index || owner->process != t->process) {   /* of an image that is gone */
        vector_set_floor(&c->vectors, &t->clock.seen, ns);
        return;
    }
    uint32_t index = owner->clock.index - 1;
    if (index < p->clocks.n && p->clocks.holders[index] == owner->place && vector_at(t->clock.seen, index) >= ns)
        return;
    vector_raise(&c->vectors, &t->clock.seen, seen);
    vector_set(&c->vectors, &t->clock.seen, index, ns);
}

static void sync_join(struct graph *g, struct sync *s, struct thread *t, uint64_t ns)
{
    struct clocks *c = g->clocks;
    const struct thread *owner = thread_at(g, s->owner);
    if (s->owner && owner->clock.index)
        vector_set(&c->vectors, &s->seen, owner->clock.index - 1, s->ns);
    else
        vector_set_floor(&c->vectors, &s->seen, s->ns);
    s->owner = 0;
    s->ns = 0;
    vector_raise(&c->vectors, &s->seen, t->clock.seen);
    vector_set(&c->vectors, &s->seen, t->clock.index - 1, ns);
}

/* t is behind all that s holds. */
static bool sync_known(const struct graph *g, const struct sync *s, const struct thread *t)
{
    const struct thread *owner = thread_at(g, s->owner);
    const struct process *p = process_at(g, t->process);
    if (!s->owner)
        return !s->seen && s->ns <= vector_floor(t->clock.seen);
    if (owner == t)
        return true;
    uint32_t index = owner->clock.index - 1;
    return owner->clock.index && index < p->clocks.n && p->clocks.holders[index] == owner->place &&
           vector_at(t->clock.seen, index) >= s->ns;
}

/* Stamps of two processors may be out of order by less than REPAIR_WINDOW_NS. Who
 * holds a lock cannot get it twice, so there the fold itself waits (repair.h); a
 * semaphore may have been acquired by this very release. */
static void release_late(struct graph *g, const struct sync *s, const struct thread *t, uint64_t ns)
{
    if (s->acquirer && s->acquirer != t->place && s->acquired_ns + REPAIR_WINDOW_NS >= ns)
        thread_after(g, thread_at(g, s->acquirer), t, t->clock.seen, ns);
}

void clocks_release(struct graph *g, struct thread *t, uint64_t ns, clock_id *clock, bool join)
{
    struct clocks *c = clocks_of(g);
    if (!*clock)
        *clock = sync_take(c);
    struct sync *s = &c->sync[*clock];
    if (!clocks_enter(g, t, ns)) {
        sync_floor(c, s, ns);
        return;
    }
    ns = t->clock.now_ns;
    t->clock.released_ns = ns;
    s->changed_ns = g->now_ns;
    if (join)
        release_late(g, s, t, ns);
    if (graph_likely(s->owner == t->place && s->seen == t->clock.seen))
        s->ns = ns;
    else if (!join || sync_known(g, s, t))
        sync_own(c, s, t, ns);
    else
        sync_join(g, s, t, ns);
    if (graph_unlikely(c->vectors.bytes > c->sweep_bytes))
        sync_sweep(c);
}

void clocks_acquire(struct graph *g, struct thread *t, clock_id clock)
{
    struct clocks *c = g->clocks;
    if (!clock || !c || !t->place)
        return;
    struct sync *s = &c->sync[clock];
    s->acquirer = t->place;
    s->acquired_ns = g->now_ns;
    if (s->owner == t->place || !clocks_enter(g, t, g->now_ns))
        return;
    if (s->owner) {
        thread_after(g, t, thread_at(g, s->owner), s->seen, s->ns);
        return;
    }
    vector_raise(&c->vectors, &t->clock.seen, s->seen);
    vector_set_floor(&c->vectors, &t->clock.seen, s->ns);
}

void clocks_publish(struct graph *g, struct process *p, const struct thread *t)
{
    struct clocks *c = clocks_of(g);
    if (!t->clock.index || t->process != p->place)
        return;
    vector_raise(&c->vectors, &p->clocks.published, t->clock.seen);
    vector_set(&c->vectors, &p->clocks.published, t->clock.index - 1, t->clock.released_ns);
}

/* ---- threads -------------------------------------------------------------------- */

void clocks_created(struct graph *g, struct thread *creator, struct thread *child, uint64_t ns)
{
    struct clocks *c = clocks_of(g);
    if (!child->place || child == creator || child->process != creator->process)
        return;
    if (!clocks_enter(g, creator, ns)) {
        vector_set_floor(&c->vectors, &child->clock.seen, ns);
        return;
    }
    child->clock.created = true;
    creator->clock.released_ns = creator->clock.now_ns;
    vector_raise(&c->vectors, &child->clock.seen, creator->clock.seen);
    vector_set(&c->vectors, &child->clock.seen, creator->clock.index - 1, creator->clock.now_ns);
}

void clocks_joined(struct graph *g, struct thread *joiner, struct thread *child, uint64_t ns)
{
    struct clocks *c = clocks_of(g);
    if (joiner->place && clocks_enter(g, joiner, ns)) {
        if (child->place && child->clock.index)
            thread_after(g, joiner, child, child->clock.seen, child->clock.now_ns > ns ? child->clock.now_ns : ns);
        else if (child->place)
            vector_raise(&c->vectors, &joiner->clock.seen, child->clock.seen);
        else
            vector_set_floor(&c->vectors, &joiner->clock.seen, ns);
    }
    clocks_ended(g, child);
}

void clocks_lost(struct graph *g, struct process *p, uint64_t ns)
{
    for (uint32_t i = p->place; i < (p->place ? p->place + 1 : g->n_processes); i++) {
        struct process_clocks *c = &process_at(g, i)->clocks;
        c->floor_ns = c->floor_ns > ns ? c->floor_ns : ns;
        c->lost_event = g->number;
    }
}

void clocks_handed(struct graph *g, struct process *p, struct thread *t, const struct block *b, uint64_t ns)
{
    const struct thread *maker = thread_at(g, b->maker);
    if (!p->threaded || maker == t || !maker->place || maker->process != p->place || cover_orders_unknown(g))
        return;
    if (clocks_enter(g, t, ns) && !clocks_ordered(p, t, maker, b->born_ns))
        unordered_handed(g, p, t, maker, b->id);
}

void clocks_unseen(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    struct clocks *c = clocks_of(g);
    p->clocks.unseen = true;
    c->futex_threads++;
    if (!c->futex_stack)
        c->futex_stack = e->stack;
}

void clocks_clear(struct graph *g)
{
    struct clocks *c = g->clocks;
    for (size_t i = 0; i < g->n_processes; i++)   /* they may have indices without it */
        clocks_image_ended(g, g->processes[i]);
    if (!c)
        return;
    for (size_t i = 0; i < g->n_threads; i++)     /* a state from a file may have threads in no process's list */
        if (g->threads[i]->clock.seen)
            vector_give(&c->vectors, g->threads[i]->clock.seen);
    for (size_t i = 1; i < c->n_sync; i++)
        vector_give(&c->vectors, c->sync[i].seen);
    free(c->sync);
    uses_clear(&c->uses);
    unordered_clear(&c->unordered);
    free(c);
    g->clocks = NULL;
}
