/*
 * collector/graph/graph_uses.c - see graph_uses.h.
 */
#include "graph/graph_uses.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_clock_state.h"
#include "graph/graph_cover.h"

void uses_clear(struct uses *u)
{
    free(u->of);
    free(u->uses);
    *u = (struct uses){ 0 };
}

/* ---- the table ------------------------------------------------------------------ */

static struct block_uses *uses_of(struct uses *u, uint32_t place)
{
    if (graph_unlikely(place >= u->capacity)) {
        size_t old = u->capacity;
        u->of = xgrow(u->of, &u->capacity, (size_t)place + 1, sizeof *u->of);
        memset(u->of + old, 0, (u->capacity - old) * sizeof *u->of);
    }
    return &u->of[place];
}

static void use_unlink(struct uses *u, uint32_t at)
{
    uint32_t *link = &u->of[u->uses[at].block].newest;
    while (*link != at)
        link = &u->uses[*link].next;
    *link = u->uses[at].next;
}

/* A free place; past the limit that of one of the oldest. */
static uint32_t use_take(struct uses *u)
{
    uint32_t at = u->free;
    if (at) {
        u->free = u->uses[at].next;
        return at;
    }
    if (u->next < USES_MAX) {
        at = u->next ? u->next : 1;
        u->uses = xgrow(u->uses, &u->uses_capacity, (size_t)at + 1, sizeof *u->uses);
        u->next = at + 1;
        return at;
    }
    at = u->hand = u->hand + 1 < u->next ? u->hand + 1 : 1;
    use_unlink(u, at);
    return at;
}

static void use_give(struct uses *u, uint32_t at)
{
    u->uses[at] = (struct past_use){ .next = u->free };
    u->free = at;
}

/* Takes out the oldest use but the newest. */
static void use_forget_oldest(struct uses *u, uint32_t first)
{
    uint32_t oldest = u->uses[first].next;
    for (uint32_t at = oldest; at; at = u->uses[at].next)
        if (u->uses[at].ns < u->uses[oldest].ns)
            oldest = at;
    use_unlink(u, oldest);
    use_give(u, oldest);
}

/* ---- a use ------------------------------------------------------------------------ */

static inline bool changes(unsigned use) { return use != CLOCKS_READ; }

static inline bool clash(const struct past_use *before, const struct past_use *now)
{
    if (now->use == CLOCKS_DROP ? !changes(before->use) : !changes(before->use) && !changes(now->use))
        return false;
    return before->offset < now->end && now->offset < before->end;
}

static inline bool covers(const struct past_use *now, const struct past_use *before)
{
    return (changes(now->use) || !changes(before->use)) && now->offset <= before->offset && before->end <= now->end;
}

/* One copy goes on where the other ended, from one place in the code and with
 * no release between them: as one. */
static inline bool goes_on(const struct thread *t, const struct past_use *before, const struct past_use *now)
{
    return before->thread == now->thread && before->use == now->use && before->stack == now->stack &&
           before->ns > t->clock.released_ns && before->offset <= now->end && now->offset <= before->end;
}

static inline uint32_t user_bit(const struct thread *t) { return 1u << t->place % USERS; }

/* Several own what t drops, and the last of them does: see graph_uses.h. */
static bool owner_drops(const struct graph *g, const struct thread *t, const struct block *b, const struct past_use *now,
                        const struct past_use *before)
{
    bool by_delete = now->family >= WIRE_DELETE && now->family <= WIRE_DELETE_ARRAY_ALIGNED;
    return b->maker != t->place &&
           (by_delete || b->maker != before->thread || g->clocks->uses.of[now->block].users & user_bit(t));
}

/* Nothing orders `now` behind `before`. True: they clash. */
static bool use_unordered(struct graph *g, struct process *p, const struct thread *t, const struct event *e,
                          const struct past_use *now, const struct past_use *before)
{
    const struct block *b = pool_at(&g->pool, now->block);
    const struct thread *other = thread_at(g, before->thread);
    if (before->use == CLOCKS_MOVE)     /* where it is now was told it by unseen means */
        unordered_handed(g, p, t, other, b->id ^ before->ns << 20);
    if (!clash(before, now))
        return false;
    if (now->use == CLOCKS_DROP && (p->exit_seen || owner_drops(g, t, b, now, before)))
        g->clocks->unordered.left_out++;
    else
        unordered_note(g, e, now, before);
    if (now->use == CLOCKS_DROP)
        unordered_dropped(g, p, t, other);
    return true;
}

/* Holds `now` against the uses before; those that it makes needless go, those
 * that it goes on from become part of *kept. Returns how many are left; in
 * *clashed: the thread of the newest that it clashes with. */
static unsigned use_check(struct graph *g, struct process *p, const struct thread *t, const struct event *e,
                          const struct past_use *now, struct past_use *kept, uint32_t *clashed)
{
    struct uses *u = &g->clocks->uses;
    uint32_t *link = &u->of[now->block].newest;
    unsigned n = 0;
    while (*link) {
        uint32_t at = *link;
        struct past_use *before = &u->uses[at];
        bool mine = before->thread == now->thread;
        bool ordered = mine || clocks_ordered(p, t, thread_at(g, before->thread), before->ns);
        if (graph_unlikely(!ordered) && use_unordered(g, p, t, e, now, before) && !*clashed)
            *clashed = before->thread;
        bool joins = mine && goes_on(t, before, kept);
        if (joins) {
            kept->offset = before->offset < kept->offset ? before->offset : kept->offset;
            kept->end = before->end > kept->end ? before->end : kept->end;
        }
        if (joins || (ordered && covers(kept, before))) {
            *link = before->next;
            use_give(u, at);
            continue;
        }
        link = &before->next;
        n++;
    }
    return n;
}

void clocks_use(struct graph *g, struct process *p, struct thread *t, const struct event *e, uint32_t place,
                enum clocks_use use, uint64_t offset, uint64_t length)
{
    struct block *b = pool_at(&g->pool, place);
    if (!p->threaded || (b->flags & BLOCK_MAP) || cover_orders_unknown(g) || !clocks_enter(g, t, e->ns))
        return;
    struct uses *u = &clocks_of(g)->uses;
    struct block_uses *of = uses_of(u, place);
    if (!(b->flags & BLOCK_USED)) {
        clocks_block_gone(g, place);    /* what lived at this place ended in some other way */
        b->flags |= BLOCK_USED;
    }
    if (t->clock.now_ns <= t->clock.released_ns)    /* stamps tie: it came after the release all the same */
        t->clock.now_ns = t->clock.released_ns + 1;
    if (!(of->users & user_bit(t)))
        clocks_handed(g, p, t, b, e->ns);
    struct past_use now = { .ns = t->clock.now_ns, .offset = offset, .end = offset + length, .thread = t->place,
                       .stack = e->stack, .block = place, .use = (uint8_t)use, .family = e->family };
    if (use == CLOCKS_MOVE || use == CLOCKS_DROP) {
        now.offset = 0;
        now.end = UINT64_MAX;
    } else if (now.end < offset) {
        now.end = UINT64_MAX;
    }
    struct past_use kept = now;
    uint32_t clashed = 0;
    unsigned n = use_check(g, p, t, e, &now, &kept, &clashed);
    if (use == CLOCKS_DROP)
        return;
    if (graph_unlikely(clashed || of->users & USES_CLASHED)) {
        of->users |= USES_CLASHED;
        unordered_turn(g, b->id, &now, clashed);
    }
    uint32_t at = use_take(u);
    kept.next = of->newest;
    u->uses[at] = kept;
    of->newest = at;
    of->users |= user_bit(t);
    if (n >= USES_A_BLOCK)
        use_forget_oldest(u, at);
}

void clocks_block_gone(struct graph *g, uint32_t place)
{
    struct uses *u = &clocks_of(g)->uses;
    if (place >= u->capacity)
        return;
    while (u->of[place].newest) {
        uint32_t at = u->of[place].newest;
        u->of[place].newest = u->uses[at].next;
        use_give(u, at);
    }
    u->of[place].users = 0;
}
