/*
 * collector/graph/graph_locks_archive.c - locks in a checkpoint: see
 * graph_archive.h for the rules, graph_lock_state.h for what is kept.
 *
 * Locks keep their places, and the order in which free ones come next; so do
 * classes, sites, guards and rows of ended locks. Lists of locks of one block, or
 * of one process and no block, are written as one row of places. Not written is
 * what is only remembered to be found sooner (last_site) or by searches (visit);
 * dicts are made again. Holds and waits: graph_holds_archive.c.
 *
 * A stack's id may be anything: who asks the code tables for it checks it. Run by
 * the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_lock_state.h"

/* ---- rows that lie in one array ---------------------------------------------------- */

#define WHERE_FIELDS(a, rows, n)                                          \
    do {                                                                  \
        ARCHIVE_INDEX(a, rows, n, where.kind, VIEW_WHERE_MODULE + 1);     \
        ARCHIVE_FIELD(a, rows, n, where.address);                         \
        ARCHIVE_FIELD(a, rows, n, where.block);                           \
        ARCHIVE_FIELD(a, rows, n, where.block_stack);                     \
        ARCHIVE_FIELD(a, rows, n, where.module);                          \
        ARCHIVE_FIELD(a, rows, n, where.offset);                          \
    } while (0)

#define TIMES_FIELDS(a, rows, n, times)                                   \
    do {                                                                  \
        ARCHIVE_FIELD(a, rows, n, times.count);                           \
        ARCHIVE_FIELD(a, rows, n, times.total_ns);                        \
        ARCHIVE_FIELD(a, rows, n, times.max_ns);                          \
    } while (0)

static void classes_archive(struct archive *a, struct locks *l)
{
    archive_rows(a, (void **)&l->classes, &l->n_classes, &l->classes_capacity, sizeof *l->classes, LOCK_CLASSES_MAX);
    ARCHIVE_INDEX(a, l->classes, l->n_classes, by, CLASS_BY_INIT + 1);
    ARCHIVE_INDEX(a, l->classes, l->n_classes, family, WIRE_LOCKS);
    ARCHIVE_FIELD(a, l->classes, l->n_classes, init_stack);
    ARCHIVE_FIELD(a, l->classes, l->n_classes, init_place);
    ARCHIVE_FIELD(a, l->classes, l->n_classes, image);
    WHERE_FIELDS(a, l->classes, l->n_classes);
    ARCHIVE_FIELD(a, l->classes, l->n_classes, locks);
    ARCHIVE_FIELD(a, l->classes, l->n_classes, rest);
}

static void lock_sites_archive(struct archive *a, struct locks *l)
{
    archive_rows(a, (void **)&l->sites, &l->n_sites, &l->sites_capacity, sizeof *l->sites, LOCK_SITES_MAX + LOCK_CLASSES_MAX + 1);
    ARCHIVE_INDEX(a, l->sites, l->n_sites, class, l->n_classes);
    ARCHIVE_FIELD(a, l->sites, l->n_sites, stack);
    ARCHIVE_FIELD(a, l->sites, l->n_sites, first_lock);
    ARCHIVE_FIELD(a, l->sites, l->n_sites, acquisitions);
    ARCHIVE_FIELD(a, l->sites, l->n_sites, shared_acquisitions);
    ARCHIVE_FIELD(a, l->sites, l->n_sites, contended);
    TIMES_FIELDS(a, l->sites, l->n_sites, wait);
    TIMES_FIELDS(a, l->sites, l->n_sites, hold);
}

/* Loading. A class's site for all other stacks is in no dict. */
static void lock_sites_index(struct archive *a, struct locks *l)
{
    bool *rest = archive_scratch(a, l->n_sites, 1);
    for (size_t i = 0; i < l->n_classes && rest; i++) {
        uint32_t site = l->classes[i].rest;
        if (!site)
            continue;
        if (!archive_need(a, site < l->n_sites && l->sites[site].class == i, "a class of locks has a site of another"))
            break;
        rest[site] = true;
    }
    for (size_t i = 1; i < l->n_sites && !archive_bad(a); i++) {
        uint64_t key = (uint64_t)l->sites[i].class << 32 | l->sites[i].stack;
        if (!rest[i] && archive_need(a, !dict_get(&l->site_of, key), "two sites of locks are one"))
            dict_set(&l->site_of, key, (uint32_t)i);
    }
    free(rest);
}

static void ended_archive(struct archive *a, struct locks *l)
{
    archive_rows(a, (void **)&l->ended, &l->n_kept, &l->ended_capacity, sizeof *l->ended, 2 * LOCKS_ENDED_MAX);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, id);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, process);
    ARCHIVE_INDEX(a, l->ended, l->n_kept, class, l->n_classes);
    ARCHIVE_INDEX(a, l->ended, l->n_kept, family, WIRE_LOCKS);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, type);
    WHERE_FIELDS(a, l->ended, l->n_kept);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, init_stack);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, born_ns);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, ended_ns);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, acquisitions);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, shared_acquisitions);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, contended);
    TIMES_FIELDS(a, l->ended, l->n_kept, wait);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, wait.p50_ns);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, wait.p99_ns);
    TIMES_FIELDS(a, l->ended, l->n_kept, hold);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, hold.p50_ns);
    ARCHIVE_FIELD(a, l->ended, l->n_kept, hold.p99_ns);
    ARCHIVE_INDEX(a, l->ended, l->n_kept, named, 2);
}

static void guards_archive(struct archive *a, struct graph *g)
{
    struct locks *l = g->locks;
    archive_rows(a, (void **)&l->guards, &l->n_guards, &l->guards_capacity, sizeof *l->guards, LOCK_GUARDS_MAX);
    ARCHIVE_FIELD(a, l->guards, l->n_guards, lock);
    ARCHIVE_INDEX(a, l->guards, l->n_guards, site, g->n_sites);
    ARCHIVE_FIELD(a, l->guards, l->n_guards, touches);
    ARCHIVE_FIELD(a, l->guards, l->n_guards, blocks);
    ARCHIVE_FIELD(a, l->guards, l->n_guards, last_block);
    if (a->reading && !archive_bad(a))
        archive_need(a, lock_guards_index(l), "two guards are one");
}

/* ---- locks: in chunks ------------------------------------------------------------- */

static void lock_column(struct archive *a, const struct locks *l, size_t offset, size_t width)
{
    for (uint32_t first = 1, end; first < l->next; first = end) {
        end = ((first >> LOCK_CHUNK_BITS) + 1) << LOCK_CHUNK_BITS;
        end = end < l->next ? end : l->next;
        archive_column(a, (uint8_t *)lock_at(l, first) + offset, width, sizeof(struct lock), end - first);
    }
}

static void lock_block_column(struct archive *a, struct graph *g)
{
    const struct locks *l = g->locks;
    for (uint32_t first = 1, end; first < l->next; first = end) {
        end = ((first >> LOCK_CHUNK_BITS) + 1) << LOCK_CHUNK_BITS;
        end = end < l->next ? end : l->next;
        archive_block_column(a, g, &lock_at(l, first)->block, sizeof(struct lock), end - first);
    }
}

#define LOCK_FIELD(a, l, field) \
    lock_column((a), (l), offsetof(struct lock, field), sizeof ((struct lock *)0)->field)

static void lock_fields(struct archive *a, struct graph *g)
{
    struct locks *l = g->locks;
    LOCK_FIELD(a, l, id);
    LOCK_FIELD(a, l, address);
    LOCK_FIELD(a, l, process);
    LOCK_FIELD(a, l, class);
    LOCK_FIELD(a, l, family);
    LOCK_FIELD(a, l, type);
    LOCK_FIELD(a, l, flags);
    LOCK_FIELD(a, l, acquisitions);
    LOCK_FIELD(a, l, shared_acquisitions);
    LOCK_FIELD(a, l, contended);
    LOCK_FIELD(a, l, wait.count);
    LOCK_FIELD(a, l, wait.total_ns);
    LOCK_FIELD(a, l, wait.max_ns);
    LOCK_FIELD(a, l, hold.count);
    LOCK_FIELD(a, l, hold.total_ns);
    LOCK_FIELD(a, l, hold.max_ns);
    LOCK_FIELD(a, l, where.kind);
    LOCK_FIELD(a, l, where.address);
    LOCK_FIELD(a, l, where.block);
    LOCK_FIELD(a, l, where.block_stack);
    LOCK_FIELD(a, l, where.module);
    LOCK_FIELD(a, l, where.offset);
    lock_block_column(a, g);
    LOCK_FIELD(a, l, init_stack);
    LOCK_FIELD(a, l, init_thread);
    LOCK_FIELD(a, l, init_ns);
    LOCK_FIELD(a, l, born_ns);
}

static bool lock_valid(const struct graph *g, const struct lock *lock)
{
    const struct block *b = lock->block ? pool_at(&g->pool, lock->block) : NULL;
    return lock->process && lock->process < g->n_processes && lock->class < g->locks->n_classes && lock->family &&
           lock->family < WIRE_LOCKS && lock->flags <= (LOCK_UNSEEN | LOCK_NAMED | LOCK_BURIED) &&
           lock->where.kind <= VIEW_WHERE_MODULE && lock->id < g->locks->next_id &&
           (!b || (b->id && b->flags & BLOCK_LOCKS));
}

/* Loading: room for so many, all free. */
static bool lock_room(struct archive *a, struct locks *l, size_t n)
{
    for (size_t chunk = 0; n && chunk <= n >> LOCK_CHUNK_BITS; chunk++) {
        struct lock *rows = archive_room(a, LOCK_CHUNK, sizeof *rows);
        if (!rows)
            return false;
        l->chunks = xgrow(l->chunks, &l->chunks_capacity, chunk + 1, sizeof *l->chunks);
        l->chunks[l->n_chunks++] = rows;
    }
    l->next = (uint32_t)n + 1;
    return true;
}

/* Loading: what is free is empty, all else is as it may be, and found by its address. */
static void locks_index(struct archive *a, struct graph *g)
{
    struct locks *l = g->locks;
    for (uint32_t place = 1; place < l->next && !archive_bad(a); place++) {
        struct lock *lock = lock_at(l, place);
        if (!lock->id) {
            *lock = (struct lock){ 0 };
            continue;
        }
        if (!archive_need(a, lock_valid(g, lock), "a lock makes no sense"))
            break;
        struct process *p = process_at(g, lock->process);
        l->live++;
        if (archive_need(a, !lock_find(p, lock->address), "two locks lie at one address"))
            dict_set(&p->lock_of, lock->address, place);
    }
}

/* Buckets of locks and of sites. */
static void lock_times_archive(struct archive *a, struct locks *l)
{
    size_t n = 2 * (l->live + l->n_sites), at = 0;
    struct times **times = archive_scratch(a, n, sizeof *times);
    if (!times)
        return;
    for (uint32_t place = 1; place < l->next; place++)
        if (lock_at(l, place)->id) {
            times[at++] = &lock_at(l, place)->wait;
            times[at++] = &lock_at(l, place)->hold;
        }
    for (size_t i = 0; i < l->n_sites; i++) {
        times[at++] = &l->sites[i].wait;
        times[at++] = &l->sites[i].hold;
    }
    times_archive(a, times, n);
    free(times);
}

/* In which order free places are given out. */
static void lock_free_archive(struct archive *a, struct locks *l)
{
    size_t n = l->next - 1 - l->live, at = 0;
    uint32_t *places = archive_scratch(a, n, sizeof *places);
    if (!places)
        return;
    for (uint32_t place = l->free; place && !a->reading; place = lock_at(l, place)->next_near)
        places[at++] = place;
    archive_column(a, places, sizeof *places, sizeof *places, n);
    if (a->reading && archive_places(a, places, n, l->next))
        for (at = n; at--;) {
            if (!archive_need(a, places[at] && !lock_at(l, places[at])->id, "a lock is in use and free"))
                break;
            lock_at(l, places[at])->next_near = l->free;
            l->free = places[at];
        }
    free(places);
}

/* ---- lists of those in one block, or in one process and no block ------------------------- */

static size_t near_take(const struct locks *l, uint32_t first, uint32_t *to)
{
    size_t n = 0;
    for (uint32_t at = first; at; at = lock_at(l, at)->next_near)
        to[n++] = at;
    return n;
}

/* Loading: places of live locks, list after list. */
static void near_give(struct archive *a, struct graph *g, const uint32_t *places, size_t n)
{
    struct locks *l = g->locks;
    const struct lock *before = NULL;
    for (size_t i = 0; i < n; i++) {
        struct lock *lock = places[i] ? lock_at(l, places[i]) : NULL;
        if (!archive_need(a, lock && lock->id, "a list of locks has one that is free"))
            return;
        struct process *p = process_at(g, lock->process);
        bool goes_on = before && before->block == lock->block && (lock->block || before->process == lock->process);
        if (goes_on) {
            lock->prev_near = places[i - 1];
            lock_at(l, places[i - 1])->next_near = places[i];
        } else if (!archive_need(a, !(lock->block ? dict_get(&l->near_block, lock->block) : p->locks), "locks of one block stand apart")) {
            return;
        } else if (lock->block) {
            dict_set(&l->near_block, lock->block, places[i]);
        } else {
            p->locks = places[i];
        }
        before = lock;
    }
}

static void near_archive(struct archive *a, struct graph *g)
{
    struct locks *l = g->locks;
    size_t n = 0;
    uint32_t *places = archive_scratch(a, l->live, sizeof *places);
    if (!places)
        return;
    for (size_t i = 1; i < g->n_processes && !a->reading; i++)
        n += near_take(l, g->processes[i]->locks, places + n);
    for (uint32_t at = 1; at < l->next && !a->reading; at++)
        if (lock_at(l, at)->id && lock_at(l, at)->block && !lock_at(l, at)->prev_near)
            n += near_take(l, at, places + n);
    archive_column(a, places, sizeof *places, sizeof *places, l->live);
    if (a->reading && archive_places(a, places, l->live, l->next))
        near_give(a, g, places, l->live);
    free(places);
}

/* ---- all of it ------------------------------------------------------------------------- */

static void lock_images_archive(struct archive *a, struct graph *g)
{
    for (size_t i = 0; i < g->n_processes; i++)
        archive_index(a, &g->processes[i]->lock_image, (uint64_t)g->locks->next_image + 1);
}

static void lock_counts(struct archive *a, struct locks *l)
{
    archive_u64(a, &l->next_id);
    archive_u64(a, &l->n_ended);
    archive_u64(a, &l->unfollowed);
    archive_u64(a, &l->deadlocks);
    archive_u32(a, &l->next_image);
    archive_need(a, l->next_id && l->next_id < (uint64_t)1 << 62, "locks have no number left");
}

void locks_archive(struct archive *a, struct graph *g)
{
    bool any = g->locks != NULL;
    archive_bool(a, &any);
    if (a->reading && any)
        g->locks = archive_room(a, 1, sizeof *g->locks);
    struct locks *l = g->locks;
    if (!l)
        return;
    if (a->reading)
        l->next = l->next_hold = 1;
    lock_counts(a, l);
    lock_images_archive(a, g);
    classes_archive(a, l);
    lock_sites_archive(a, l);
    archive_need(a, l->n_classes && l->n_sites, "locks have no first class");
    size_t n = l->next - 1;
    archive_count(a, &n, LOCKS_LIVE_MAX);
    if (a->reading && !lock_room(a, l, n))
        return;
    lock_fields(a, g);
    if (a->reading && !archive_bad(a)) {
        archive_need(a, lock_classes_index(l), "two classes of locks are one");
        lock_sites_index(a, l);
        locks_index(a, g);
    }
    if (archive_bad(a))
        return;
    lock_times_archive(a, l);
    lock_free_archive(a, l);
    near_archive(a, g);
    holds_archive(a, g);
    waits_archive(a, g);
    ended_archive(a, l);
    guards_archive(a, g);
}
