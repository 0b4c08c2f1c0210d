/*
 * collector/graph/graph_lock_identity.c - which lock is meant: addresses,
 * lives, classes.
 *
 * An address means one lock as long as what it lies in lives: the block, the
 * module, else until it is initialised anew or destroyed. So no two locks are
 * ever joined because an address was used again. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_facts.h"
#include "graph/graph_lock_state.h"
#include "graph/graph_modules.h"
#include "graph/graph_pointee.h"

static struct locks *locks_of(struct graph *g)
{
    if (g->locks)
        return g->locks;
    struct locks *l = g->locks = xcalloc(1, sizeof *l);
    l->next = l->next_id = l->next_hold = 1;
    l->classes = xgrow(NULL, &l->classes_capacity, 1, sizeof *l->classes);
    l->sites = xgrow(NULL, &l->sites_capacity, 1, sizeof *l->sites);
    l->classes[0] = (struct lock_class){ 0 };
    l->sites[0] = (struct lock_site){ 0 };
    l->n_classes = l->n_sites = 1;
    return l;
}

/* ---- lists by neighbourhood ---------------------------------------------------- */

static uint32_t near_first(const struct locks *l, const struct process *p, uint32_t block)
{
    return block ? dict_get(&l->near_block, block) : p->locks;
}

static void near_set(struct locks *l, struct process *p, uint32_t block, uint32_t first)
{
    if (!block)
        p->locks = first;
    else if (first)
        dict_set(&l->near_block, block, first);
    else
        dict_remove(&l->near_block, block);
}

static void near_link(struct locks *l, struct process *p, struct lock *lock, uint32_t place, uint32_t block)
{
    lock->block = block;
    lock->prev_near = 0;
    lock->next_near = near_first(l, p, block);
    if (lock->next_near)
        lock_at(l, lock->next_near)->prev_near = place;
    near_set(l, p, block, place);
}

static void near_unlink(struct locks *l, struct process *p, struct lock *lock)
{
    if (lock->next_near)
        lock_at(l, lock->next_near)->prev_near = lock->prev_near;
    if (lock->prev_near)
        lock_at(l, lock->prev_near)->next_near = lock->next_near;
    else
        near_set(l, p, lock->block, lock->next_near);
}

/* ---- birth ------------------------------------------------------------------------ */

static uint32_t lock_take(struct locks *l)
{
    uint32_t place = l->free;
    if (place) {
        l->free = lock_at(l, place)->next_near;
    } else if (l->live >= LOCKS_LIVE_MAX) {
        return 0;
    } else {
        place = l->next++;
        if (place >> LOCK_CHUNK_BITS >= l->n_chunks) {
            l->chunks = xgrow(l->chunks, &l->chunks_capacity, l->n_chunks + 1, sizeof *l->chunks);
            l->chunks[l->n_chunks++] = xmalloc(LOCK_CHUNK * sizeof **l->chunks);
        }
    }
    l->live++;
    return place;
}

static void where_find(struct graph *g, struct process *p, struct lock *lock, uint32_t place)
{
    uint32_t block = custody_pointee(g, p, lock->address);
    uint64_t offset;
    lock->where = (struct view_where){ .kind = VIEW_WHERE_ADDRESS, .address = lock->address };
    if (block) {
        struct block *b = pool_at(&g->pool, block);
        lock->where.kind = VIEW_WHERE_BLOCK;
        lock->where.block = b->id;
        lock->where.block_stack = g->site_stacks[b->site];
        lock->where.offset = lock->address - b->address;
        b->flags |= BLOCK_LOCKS;
    } else if ((lock->where.module = modules_at(p, lock->address, &offset)) != 0) {
        lock->where.kind = VIEW_WHERE_MODULE;
        lock->where.offset = offset;
    }
    near_link(g->locks, p, lock, place, block);
}

static uint32_t lock_make(struct graph *g, struct process *p, const struct event *e, uint64_t address, unsigned family)
{
    struct locks *l = locks_of(g);
    bool init = e->type == EVENT_LOCK_INIT;
    uint32_t place = lock_take(l);
    if (!place) {
        l->unfollowed++;
        p->clocks.unseen = true;    /* what it orders nobody sees */
        return 0;
    }
    if (!p->lock_image)
        p->lock_image = ++l->next_image;
    struct lock *lock = lock_at(l, place);
    *lock = (struct lock){ .id = l->next_id++, .address = address, .process = p->place, .family = (uint8_t)family,
                           .born_ns = e->ns };
    if (init) {
        lock->type = (uint8_t)e->size;
        lock->init_stack = e->stack;
        lock->init_thread = e->thread;
        lock->init_ns = e->ns;
    }
    where_find(g, p, lock, place);
    lock->class = lock_class_get(g, p, lock);
    l->classes[lock->class].locks++;
    dict_set(&p->lock_of, address, place);
    fact_lock(g, FACT_LOCK, e, lock, init ? "init" : "first");
    return place;
}

/* A lock that is new to us, in no block that lives: was it in one? */
static void lock_bury(struct graph *g, struct process *p, struct lock *lock)
{
    struct grave grave;
    if (lock->where.kind == VIEW_WHERE_ADDRESS && graves_find(g, p, lock->address, &grave))
        lock->flags |= LOCK_BURIED;
}

/* A use of a lock in a dropped block. False: somebody was given that memory since. */
static bool lock_dug_up(struct graph *g, struct process *p, const struct event *e, uint32_t place)
{
    struct lock *lock = lock_at(g->locks, place);
    const struct thread *t = thread_at(g, dict_get(&g->thread_of, e->thread));
    struct grave grave;
    if (!graves_find(g, p, lock->address, &grave))
        return false;
    /* Who waited told it when he began to. */
    if (e->type != EVENT_COND_WOKEN && lock_waited(g, t) != place)
        rule_buried(g, p, e, lock, &grave);
    return true;
}

uint32_t lock_get_slow(struct graph *g, struct process *p, const struct event *e, uint32_t place, uint64_t address,
                       unsigned family)
{
    if (place && lock_at(g->locks, place)->family == family && lock_dug_up(g, p, e, place))
        return place;
    if (place)   /* something else was made there, unseen */
        lock_end(g, e, place, "gone");
    place = lock_make(g, p, e, address, family);
    if (place) {
        lock_bury(g, p, lock_at(g->locks, place));
        if (lock_at(g->locks, place)->flags & LOCK_BURIED)
            lock_dug_up(g, p, e, place);
    }
    return place;
}

uint32_t lock_init(struct graph *g, struct process *p, const struct event *e)
{
    uint32_t place = lock_find(p, e->address);
    if (place)
        lock_end(g, e, place, "gone");
    return lock_make(g, p, e, e->address, lock_family(e->family));
}

/* ---- end -------------------------------------------------------------------------- */

static int compare_ended(const void *a, const void *b)
{
    const struct view_lock *x = a, *y = b;
    if (x->wait.total_ns != y->wait.total_ns)
        return x->wait.total_ns < y->wait.total_ns ? 1 : -1;
    if (x->acquisitions != y->acquisitions)
        return x->acquisitions < y->acquisitions ? 1 : -1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Keeps a row of what ended: of many, those most waited for. What findings
 * name goes before. */
static void ended_keep(struct graph *g, const struct lock *lock, uint64_t ns)
{
    struct locks *l = g->locks;
    if (l->n_kept >= 2 * LOCKS_ENDED_MAX) {
        size_t named = 0;
        for (size_t i = 0; i < l->n_kept; i++)
            if (l->ended[i].named) {
                struct view_lock v = l->ended[named];
                l->ended[named++] = l->ended[i];
                l->ended[i] = v;
            }
        if (named > LOCKS_ENDED_MAX)
            named = LOCKS_ENDED_MAX;
        qsort(l->ended + named, l->n_kept - named, sizeof *l->ended, compare_ended);
        l->n_kept = LOCKS_ENDED_MAX;
    }
    l->ended = xgrow(l->ended, &l->ended_capacity, l->n_kept + 1, sizeof *l->ended);
    l->ended[l->n_kept++] = view_lock_of(g, lock, ns);
}

void lock_end(struct graph *g, const struct event *e, uint32_t place, const char *by)
{
    struct locks *l = g->locks;
    struct lock *lock = lock_at(l, place);
    struct process *p = process_at(g, lock->process);
    while (lock->holds)
        hold_end(g, lock->holds, e->ns);
    fact_lock(g, FACT_LOCK, e, lock, by);
    ended_keep(g, lock, e->ns);
    order_lock_ended(l, lock);
    near_unlink(l, p, lock);
    dict_remove(&p->lock_of, lock->address);
    clocks_forget(g, &lock->clock);
    times_clear(&lock->wait);
    times_clear(&lock->hold);
    *lock = (struct lock){ .next_near = l->free };
    l->free = place;
    l->live--;
    l->n_ended++;
}

/* ---- what they lie in ------------------------------------------------------------------ */

static bool lock_in(const struct lock *lock, uint64_t address, uint64_t bytes)
{
    return lock->address >= address && lock->address - address < bytes;
}

static void near_end(struct graph *g, const struct event *e, uint32_t first, uint64_t address, uint64_t bytes, bool seen)
{
    for (uint32_t at = first, next; at; at = next) {
        struct lock *lock = lock_at(g->locks, at);
        next = lock->next_near;
        if (!lock_in(lock, address, bytes))
            continue;
        if (seen && lock->n_holds)
            rule_dropped(g, e, lock);
        lock_end(g, e, at, "gone");
    }
}

void locks_block_gone(struct graph *g, const struct event *e, uint32_t place)
{
    if (g->locks)
        near_end(g, e, dict_get(&g->locks->near_block, place), 0, UINT64_MAX, true);
}

void locks_block_unseen(struct graph *g, const struct event *e, uint32_t place)
{
    if (g->locks)
        near_end(g, e, dict_get(&g->locks->near_block, place), 0, UINT64_MAX, false);
}

void locks_part_gone(struct graph *g, const struct event *e, uint32_t place, uint64_t address, uint64_t bytes)
{
    if (g->locks)
        near_end(g, e, dict_get(&g->locks->near_block, place), address, bytes, true);
}

void locks_block_split(struct graph *g, uint32_t from, uint32_t part)
{
    struct block *b = pool_at(&g->pool, part);
    struct locks *l = g->locks;
    for (uint32_t at = l ? dict_get(&l->near_block, from) : 0, next; at; at = next) {
        struct lock *lock = lock_at(l, at);
        struct process *p = process_at(g, lock->process);
        next = lock->next_near;
        if (!lock_in(lock, b->address, b->size))
            continue;
        near_unlink(l, p, lock);
        near_link(l, p, lock, at, part);
        lock->where.block = b->id;
        lock->where.offset = lock->address - b->address;
        b->flags |= BLOCK_LOCKS;
    }
}

/* A module is known to lie where a lock was found before: only its name changes. */
static void lock_settle(struct graph *g, struct process *p, struct lock *lock, uint32_t module, uint64_t offset)
{
    lock->where.kind = VIEW_WHERE_MODULE;
    lock->where.module = module;
    lock->where.offset = offset;
    lock_class_settle(g, p, lock);
}

void locks_range_gone(struct graph *g, struct process *p, const struct event *e, uint64_t address, uint64_t bytes)
{
    for (uint32_t at = p->locks, next; at; at = next) {
        struct lock *lock = lock_at(g->locks, at);
        uint64_t offset;
        next = lock->next_near;
        if (!lock_in(lock, address, bytes))
            continue;
        uint32_t module = modules_at(p, lock->address, &offset);
        if (module && lock->where.kind == VIEW_WHERE_ADDRESS)
            lock_settle(g, p, lock, module, offset);
        else if (!module || lock->where.module != module || lock->where.offset != offset)
            lock_end(g, e, at, "gone");
    }
}

static int compare_places(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void locks_process_ended(struct graph *g, struct process *p, const struct event *e)
{
    uint32_t n = 0;
    if (!p->lock_of.used)
        return;
    struct { uint64_t id; uint32_t place; } *of = xmalloc(p->lock_of.used * sizeof *of);
    for (uint32_t i = 0; i < p->lock_of.capacity; i++)
        if (p->lock_of.entries[i].value) {
            of[n].place = p->lock_of.entries[i].value;
            of[n].id = lock_at(g->locks, of[n].place)->id;
            n++;
        }
    qsort(of, n, sizeof *of, compare_places);
    for (uint32_t i = 0; i < n; i++)
        lock_end(g, e, of[i].place, "gone");
    free(of);
    dict_clear(&p->lock_of);
    p->lock_image = 0;
}
