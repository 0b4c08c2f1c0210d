/*
 * collector/graph/graph_holds_archive.c - who has and who waits for locks, in a
 * checkpoint: see graph_archive.h for the rules.
 *
 * Holds are numbered anew, thread by thread and newest first, for no place of one
 * is ever told; each says where it stands in its lock's list. Only a thread that
 * waits for a lock that still lives has a wait, which names nothing that a search
 * left behind (visit). Lists and counts are made again. Run by the folding thread.
 */
#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_lock_state.h"

/* ---- holds --------------------------------------------------------------------------- */

/* What is written of a hold, and where it stands in its lock's list. */
struct hold_row { struct hold hold; uint32_t at; };

static void holds_take(const struct graph *g, struct hold_row *rows)
{
    const struct locks *l = g->locks;
    uint32_t *at_of = xcalloc(l->next_hold, sizeof *at_of);
    size_t n = 0;
    for (uint32_t place = 1; place < l->next; place++) {
        uint32_t n_of = 0;
        for (uint32_t at = lock_at(l, place)->holds; at; at = l->holds[at].next_of_lock)
            at_of[at] = n_of++;
    }
    for (size_t i = 1; i < g->n_threads; i++)
        for (uint32_t at = g->threads[i]->holds; at; at = l->holds[at].next_of_thread)
            rows[n++] = (struct hold_row){ l->holds[at], at_of[at] };
    free(at_of);
}

static bool hold_valid(const struct graph *g, const struct hold *h)
{
    const struct locks *l = g->locks;
    if (!h->thread || h->thread >= g->n_threads || !h->lock || h->lock >= l->next || !h->site || h->site >= l->n_sites || !h->depth)
        return false;
    const struct lock *lock = lock_at(l, h->lock);
    return lock->id && lock_has_holder(lock->family);
}

/* Links hold number n (from 1) behind the one before, if that is of the same thread. */
static bool hold_link_thread(struct graph *g, uint32_t n)
{
    struct hold *h = &g->locks->holds[n];
    struct thread *t = thread_at(g, h->thread);
    uint32_t before = n - 1;
    if (before && h->thread < h[-1].thread)
        return false;
    if (before && h->thread == h[-1].thread) {
        h->prev_of_thread = before;
        h[-1].next_of_thread = n;
    } else {
        t->holds = n;
    }
    t->n_holds++;
    return true;
}

/* Lists of locks, each hold at its place in its lock's. `first`: by place of a lock, where its part of `of` begins. */
static void holds_link_locks(struct archive *a, struct locks *l, const struct hold_row *rows, size_t n, uint32_t *first, uint32_t *of)
{
    uint32_t sum = 0;
    for (uint32_t place = 1; place < l->next; place++) {
        first[place] = sum;
        sum += lock_at(l, place)->n_holds;
    }
    for (uint32_t i = 1; i <= n; i++) {
        const struct lock *lock = lock_at(l, l->holds[i].lock);
        uint32_t at = rows[i - 1].at;
        if (!archive_need(a, at < lock->n_holds && !of[first[l->holds[i].lock] + at] && (l->holds[i].shared || lock->n_holds == 1),
                          "holds of a lock make no sense"))
            return;
        of[first[l->holds[i].lock] + at] = i;
    }
    for (uint32_t place = 1; place < l->next; place++) {
        struct lock *lock = lock_at(l, place);
        uint32_t before = 0;
        for (uint32_t i = lock->n_holds; i--; before = of[first[place] + i]) {
            l->holds[of[first[place] + i]].next_of_lock = before;
            if (before)
                l->holds[before].prev_of_lock = of[first[place] + i];
        }
        lock->holds = before;
    }
}

static void holds_give(struct archive *a, struct graph *g, const struct hold_row *rows, size_t n)
{
    struct locks *l = g->locks;
    l->holds = archive_room(a, n + 1, sizeof *l->holds);
    if (!l->holds)
        return;
    l->holds_capacity = n + 1;
    for (uint32_t i = 1; i <= n; i++) {
        l->holds[i] = rows[i - 1].hold;
        if (!archive_need(a, hold_valid(g, &l->holds[i]) && hold_link_thread(g, i), "a hold of a lock makes no sense"))
            return;
        lock_at(l, l->holds[i].lock)->n_holds++;
        l->next_hold = i + 1;
    }
    uint32_t *first = archive_room(a, l->next, sizeof *first), *of = archive_room(a, n, sizeof *of);
    if (first && of)
        holds_link_locks(a, l, rows, n, first, of);
    free(first);
    free(of);
}

void holds_archive(struct archive *a, struct graph *g)
{
    size_t n = 0;
    for (size_t i = 1; i < g->n_threads && !a->reading; i++)
        n += g->threads[i]->n_holds;
    archive_count(a, &n, LOCK_HOLDS_MAX);
    struct hold_row *rows = archive_scratch(a, n, sizeof *rows);
    if (!rows)
        return;
    if (!a->reading)
        holds_take(g, rows);
    ARCHIVE_FIELD(a, rows, n, hold.thread);
    ARCHIVE_FIELD(a, rows, n, hold.lock);
    ARCHIVE_FIELD(a, rows, n, hold.since_ns);
    ARCHIVE_FIELD(a, rows, n, hold.stack);
    ARCHIVE_FIELD(a, rows, n, hold.site);
    ARCHIVE_FIELD(a, rows, n, hold.depth);
    if (a->version >= 2)
        ARCHIVE_FIELD(a, rows, n, hold.every);
    ARCHIVE_INDEX(a, rows, n, hold.shared, 2);
    ARCHIVE_FIELD(a, rows, n, at);
    if (a->reading && !archive_bad(a))
        holds_give(a, g, rows, n);
    free(rows);
}

/* ---- waits --------------------------------------------------------------------------- */

struct wait_row { uint32_t thread; struct waiting wait; };

static void waits_give(struct archive *a, struct graph *g, const struct wait_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct wait_row *r = &rows[i];
        bool valid = r->thread && r->thread < g->n_threads && (!i || rows[i - 1].thread < r->thread) && r->wait.lock &&
                     r->wait.lock < g->locks->next && lock_at(g->locks, r->wait.lock)->id;
        if (!archive_need(a, valid, "a thread waits for what is no lock"))
            return;
        thread_at(g, r->thread)->wait = r->wait;
        thread_at(g, r->thread)->wait.id = lock_at(g->locks, r->wait.lock)->id;
    }
}

void waits_archive(struct archive *a, struct graph *g)
{
    size_t n = 0, at = 0;
    for (size_t i = 1; i < g->n_threads && !a->reading; i++)
        n += lock_waited(g, g->threads[i]) != 0;
    archive_count(a, &n, THREADS_MAX);
    struct wait_row *rows = archive_scratch(a, n, sizeof *rows);
    if (!rows)
        return;
    for (size_t i = 1; i < g->n_threads && !a->reading; i++)
        if (lock_waited(g, g->threads[i]))
            rows[at++] = (struct wait_row){ (uint32_t)i, g->threads[i]->wait };
    ARCHIVE_FIELD(a, rows, n, thread);
    ARCHIVE_FIELD(a, rows, n, wait.lock);
    ARCHIVE_FIELD(a, rows, n, wait.since_ns);
    ARCHIVE_FIELD(a, rows, n, wait.stack);
    ARCHIVE_INDEX(a, rows, n, wait.timed, 2);
    ARCHIVE_INDEX(a, rows, n, wait.shared, 2);
    ARCHIVE_INDEX(a, rows, n, wait.told, 2);
    ARCHIVE_INDEX(a, rows, n, wait.stuck, 2);
    if (a->reading && !archive_bad(a))
        waits_give(a, g, rows, n);
    free(rows);
}
