/*
 * preload/rules_lock.c - which events of locks are recorded under a filtered
 * gate (wire/policy.h says the rules).
 *
 * Runs in the traced thread, within a record. What is drawn is an acquisition: whether it
 * is, is decided once, by its first event (that the thread waits, or that it got the lock or not),
 * and holds for its others, to the release. A thread's lists are of what it holds:
 * when they are full, an acquisition is not recorded. A thread that comes from
 * recording everything may hold locks that stand in no list: it owes their releases, and
 * tells them from others by a list of the acquisitions that were not recorded.
 */
#include "preload/rules.h"

static bool list_has(const uint64_t *list, uint32_t n, uint64_t lock)
{
    while (n--)
        if (list[n] == lock)
            return true;
    return false;
}

static bool list_take(uint64_t *list, uint32_t *n, uint64_t lock)
{
    for (uint32_t i = *n; i--;)
        if (list[i] == lock) {
            list[i] = list[--*n];
            return true;
        }
    return false;
}

static bool list_add(uint64_t *list, uint32_t *n, uint64_t lock)
{
    if (*n == RULES_LOCKS)
        return false;
    list[(*n)++] = lock;
    return true;
}

/* A semaphore, a barrier, a condition and a once are got, but not held. */
static bool is_held(unsigned family)
{
    const unsigned held = 1u << WIRE_LOCK_MUTEX | 1u << WIRE_LOCK_RWLOCK | 1u << WIRE_LOCK_RWLOCK_SHARED | 1u << WIRE_LOCK_SPIN |
                          1u << WIRE_LOCK_MTX;
    return held >> family & 1;
}

static bool follows(const struct rules_own *own, uint64_t lock) { return list_has(own->followed, own->followed_count, lock); }

/* A wait begins. A handler may have jumped out of the innermost ones. */
static void pending_push(struct rules_own *own, uint64_t lock, bool drawn, uint64_t mutex)
{
    if (own->pending_count == RULES_PENDING)
        own->pending_count = 0;
    own->pending[own->pending_count++] = (struct rules_pending){lock, mutex, drawn};
}

/* It ended; with all that were begun in it. */
static bool pending_pop(struct rules_own *own, uint64_t lock, struct rules_pending *to)
{
    for (uint32_t i = own->pending_count; i--;)
        if (own->pending[i].lock == lock) {
            *to = own->pending[i];
            own->pending_count = i;
            return true;
        }
    return false;
}

/* A new acquisition: one of a lock that the thread follows already belongs to it. */
static bool draws(struct context *c, const struct hook_frame *site, unsigned family, uint64_t lock)
{
    struct rules_own *own = rules_own(c);
    if (is_held(family) && own->followed_count == RULES_LOCKS)
        return false;
    return follows(own, lock) || rules_draws(c, site, WIRE_RULE_LOCK, family, 0, 0);
}

static bool acquired(struct rules_own *own, unsigned family, uint64_t lock, bool drawn)
{
    if (!is_held(family))
        return drawn;
    if (drawn)
        return list_add(own->followed, &own->followed_count, lock);
    if (own->owes && !list_add(own->ignored, &own->ignored_count, lock))
        own->owes = false;
    return false;
}

static bool released(struct rules_own *own, uint64_t lock)
{
    if (list_take(own->followed, &own->followed_count, lock))
        return true;
    return own->owes && !list_take(own->ignored, &own->ignored_count, lock);
}

/* The mutex is given up, or had again, by a condition's wait. */
static bool cond_wait(struct context *c, const struct hook_frame *site, unsigned family, uint64_t cond, uint64_t *mutex)
{
    struct rules_own *own = rules_own(c);
    bool followed = *mutex && follows(own, *mutex), drawn;
    if (!followed && *mutex && own->owes && !list_has(own->ignored, own->ignored_count, *mutex))
        followed = list_add(own->followed, &own->followed_count, *mutex);
    drawn = followed || rules_draws(c, site, WIRE_RULE_LOCK, family, 0, 0);
    if (!followed)
        *mutex = 0;
    pending_push(own, cond, drawn, *mutex);
    return drawn;
}

static bool cond_woken(struct rules_own *own, uint64_t cond, uint64_t *mutex)
{
    struct rules_pending p;
    if (!pending_pop(own, cond, &p)) /* its beginning was under another policy */
        return own->owes && (!*mutex || list_add(own->followed, &own->followed_count, *mutex));
    if (p.mutex && !*mutex) /* it could not be had again: there will be no release */
        list_take(own->followed, &own->followed_count, p.mutex);
    *mutex = p.mutex && *mutex ? *mutex : 0;
    return p.drawn;
}

bool rules_wants_lock(struct context *c, const struct hook_frame *site, unsigned type, unsigned family, uint64_t address,
                       uint64_t size, uint64_t *word)
{
    struct rules_own *own = rules_own(c);
    struct rules_pending p;
    bool drawn;
    switch (type) {
    case WIRE_WAIT:
        drawn = draws(c, site, family, address);
        pending_push(own, address, drawn, 0);
        return drawn;
    case WIRE_ACQUIRE:
        return acquired(own, family, address, pending_pop(own, address, &p) ? p.drawn : draws(c, site, family, address));
    case WIRE_WAIT_END:
        return pending_pop(own, address, &p) ? p.drawn : draws(c, site, family, address);
    case WIRE_RELEASE:
        return is_held(family) ? released(own, address) : rules_draws(c, site, WIRE_RULE_LOCK, family, 0, 0);
    case WIRE_COND_WAIT:
        return cond_wait(c, site, family, address, word);
    case WIRE_COND_WOKEN:
        return cond_woken(own, address, word);
    case WIRE_SIGNAL:
        return rules_draws(c, site, WIRE_RULE_LOCK, family, 0, 0);
    default: /* a lock's life: another one may be at its address later */
        return (own->of[__builtin_ctz(WIRE_RULE_LOCK)] & ~own->excludes) != 0;
    }
}
