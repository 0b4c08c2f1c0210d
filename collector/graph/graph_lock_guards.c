/*
 * collector/graph/graph_lock_guards.c - which locks guard which blocks: those
 * that are held when blocks of one site are copied to, from, or dropped.
 *
 * Blocks are counted as they change: a row that meets two blocks in turn
 * counts each turn, so `blocks` is a bound from above for few, and near the
 * truth for loops over many. Run by the folding thread.
 */
#include "event/xalloc.h"
#include "graph/graph_lock_state.h"

static uint64_t guard_key(uint64_t lock, uint32_t site) { return lock_mix(lock_mix(1, lock), site); }

/* *key: where it stands, or may be put. */
static struct guard *guard_find(const struct locks *l, uint64_t lock, uint32_t site, uint64_t *key)
{
    *key = guard_key(lock, site);
    for (uint32_t at; (at = dict_get(&l->guard_of, *key)) != 0; ++*key)
        if (l->guards[at - 1].lock == lock && l->guards[at - 1].site == site)
            return &l->guards[at - 1];
    return NULL;
}

bool lock_guards_index(struct locks *l)
{
    uint64_t key;
    for (size_t i = 0; i < l->n_guards; i++) {
        const struct guard *row = &l->guards[i];
        if (guard_find(l, row->lock, row->site, &key) || key - guard_key(row->lock, row->site) > LOCK_CHAIN_MAX)
            return false;
        dict_set(&l->guard_of, key, (uint32_t)i + 1);
    }
    return true;
}

static struct guard *guard_of(struct locks *l, uint64_t lock, uint32_t site)
{
    uint64_t key;
    struct guard *known = guard_find(l, lock, site, &key);
    if (known)
        return known;
    if (l->n_guards >= LOCK_GUARDS_MAX)
        return NULL;
    l->guards = xgrow(l->guards, &l->guards_capacity, l->n_guards + 1, sizeof *l->guards);
    l->guards[l->n_guards++] = (struct guard){ .lock = lock, .site = site };
    dict_set(&l->guard_of, key, (uint32_t)l->n_guards);
    return &l->guards[l->n_guards - 1];
}

void locks_touched_slow(struct graph *g, const struct thread *t, const struct block *b)
{
    enum { HELD_MAX = 16 };
    struct locks *l = g->locks;
    int n = 0;
    for (uint32_t at = t->holds; at && n < HELD_MAX; at = l->holds[at].next_of_thread, n++) {
        const struct lock *lock = lock_at(l, l->holds[at].lock);
        struct guard *row = guard_of(l, lock->id, b->site);
        if (!row)
            return;
        row->touches++;
        row->blocks += row->last_block != b->id;
        row->last_block = b->id;
    }
}
