/*
 * collector/graph/graph_lock_rules.c - rules about one lock that were broken,
 * with all that explains them.
 *
 * Nothing is said that rests on a hold from before events were lost, or on a
 * lock that somebody gave up unseen. Run by the folding thread.
 */
#include "graph/graph_claims.h"
#include "graph/graph_lock_state.h"

enum { EVIDENCE_MAX = 24, HELD_MAX = 16 };

struct view_evidence evidence_held(const struct graph *g, const struct hold *h)
{
    return (struct view_evidence){ .role = EVIDENCE_HELD, .stack = h->stack, .thread = thread_at(g, h->thread)->serial,
                                   .ns = h->since_ns, .lock = lock_at(g->locks, h->lock)->id };
}

/* Where it was initialised, where its block was made. */
static size_t evidence_of_lock(const struct graph *g, const struct lock *lock, struct view_evidence *to)
{
    size_t n = 0;
    if (lock->init_ns || lock->init_stack)
        to[n++] = (struct view_evidence){ .role = EVIDENCE_INIT, .stack = lock->init_stack, .thread = lock->init_thread,
                                          .ns = lock->init_ns, .lock = lock->id };
    if (lock->block)
        to[n++] = evidence_made(g, pool_at(&g->pool, lock->block));
    return n;
}

static struct view_finding finding_of(const struct graph *g, enum finding_rule rule, const struct event *e,
                                      const struct lock *lock)
{
    bool drop = e->type == EVENT_DROP || e->type == EVENT_REALLOC_END;
    struct view_finding f = { .rule = (uint8_t)rule, .family = drop ? e->family : lock->family, .lock = lock->id,
                              .address = lock->address, .process = process_at(g, lock->process)->serial,
                              .thread = e->thread };
    if (lock->block) {
        const struct block *b = pool_at(&g->pool, lock->block);
        f.block = b->id;
        f.block_address = b->address;
        f.block_size = b->size;
        f.made_family = b->family;
        f.offset = (int64_t)(lock->address - b->address);
    }
    return f;
}

/* The use, who has the lock for certain, its origin: noted. Without a holder
 * nothing is, where `held` is asked for. */
static void rule_note(struct graph *g, enum finding_rule rule, const struct event *e, struct lock *lock, bool held)
{
    struct view_evidence evidence[EVIDENCE_MAX];
    size_t n = 0;
    evidence[n++] = finding_here(e, EVIDENCE_USED);
    evidence[0].lock = lock->id;
    for (uint32_t at = lock->holds; at && n < HELD_MAX; at = g->locks->holds[at].next_of_lock)
        if (hold_certain(g, &g->locks->holds[at]))
            evidence[n++] = evidence_held(g, &g->locks->holds[at]);
    if (held && n == 1)
        return;
    n += evidence_of_lock(g, lock, &evidence[n]);
    lock->flags |= LOCK_NAMED;
    finding_note(g, e, finding_of(g, rule, e, lock), evidence, n);
}

void rule_relock(struct graph *g, const struct event *e, uint32_t place, const struct hold *h)
{
    struct lock *lock = lock_at(g->locks, place);
    struct view_evidence evidence[EVIDENCE_MAX];
    size_t n = 0;
    if (h && !hold_certain(g, h))
        return;
    evidence[n++] = finding_here(e, EVIDENCE_USED);
    evidence[0].lock = lock->id;
    if (h)
        evidence[n++] = evidence_held(g, h);
    n += evidence_of_lock(g, lock, &evidence[n]);
    lock->flags |= LOCK_NAMED;
    finding_note(g, e, finding_of(g, RULE_RELOCK, e, lock), evidence, n);
}

/* Nobody has it, and if somebody had, that would have been seen. */
static bool life_seen(const struct graph *g, const struct process *p, const struct lock *lock)
{
    if (lock->flags & LOCK_UNSEEN || p->forked || !p->started || lost_ns(g, p) || cover_locks_gap(g))
        return false;
    if (lock->type & WIRE_LOCK_TYPE_SHARED)   /* another process may have got it */
        return false;
    return lock->acquisitions || lock->init_ns || lock->where.kind != VIEW_WHERE_ADDRESS;
}

void rule_stranger(struct graph *g, struct process *p, const struct event *e, struct lock *lock)
{
    if (lock->holds || life_seen(g, p, lock))
        rule_note(g, RULE_RELEASED_BY_STRANGER, e, lock, lock->holds != 0);
}

void rule_destroyed(struct graph *g, const struct event *e, struct lock *lock)
{
    rule_note(g, RULE_DESTROYED_WHILE_HELD, e, lock, true);
}

void rule_dropped(struct graph *g, const struct event *e, struct lock *lock)
{
    rule_note(g, RULE_DROPPED_WHILE_LOCKED, e, lock, true);
}

void rule_exited(struct graph *g, const struct event *e, const struct thread *t, const struct hold *h)
{
    struct lock *lock = lock_at(g->locks, h->lock);
    struct view_evidence evidence[EVIDENCE_MAX];
    size_t n = 0;
    if (!hold_certain(g, h))
        return;
    evidence[n++] = evidence_held(g, h);
    n += evidence_of_lock(g, lock, &evidence[n]);
    struct event end = { .type = EVENT_THREAD_EXIT, .thread = t->serial, .process = e->process, .ns = t->ended_ns };
    lock->flags |= LOCK_NAMED;
    finding_note(g, &end, finding_of(g, RULE_EXITED_HOLDING, &end, lock), evidence, n);
}

void rule_buried(struct graph *g, struct process *p, const struct event *e, struct lock *lock, const struct grave *grave)
{
    struct view_evidence evidence[3] = { finding_here(e, EVIDENCE_USED) };
    struct view_finding f = finding_of(g, RULE_USE_AFTER_DROP, e, lock);
    evidence_grave(g, grave, evidence + 1);
    evidence[0].lock = lock->id;
    f.block = grave->id;
    f.block_address = grave->address;
    f.block_size = grave->size;
    f.made_family = grave->made_family;
    f.offset = (int64_t)(lock->address - grave->address);
    lock->flags |= LOCK_NAMED;
    claim_note(g, p, e, CLAIM_DROPPED, grave->ns, f, evidence, 3);
}
