/*
 * collector/graph/graph_unordered.c - see graph_unordered.h.
 */
#include "graph/graph_unordered.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_clock_state.h"
#include "graph/graph_findings.h"

void unordered_clear(struct unordered *u)
{
    free(u->sets);
    free(u->clashes);
    free(u->handed);
    free(u->pairs);
    free(u->turns);
    dict_clear(&u->set_of);
    dict_clear(&u->handed_of);
    dict_clear(&u->pair_of);
    *u = (struct unordered){ 0 };
}

/* ---- what clashes ----------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t v)
{
    hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint32_t lesser(uint32_t x, uint32_t y) { return x < y ? x : y; }
static uint32_t greater(uint32_t x, uint32_t y) { return x < y ? y : x; }

/* The same stacks, whichever of the two uses came first. */
static bool set_is(const struct unordered *u, const struct clash_set *set, const struct clash *c)
{
    const struct view_evidence *x = u->clashes[set->first].evidence, *y = c->evidence;
    return u->clashes[set->first].finding.process == c->finding.process && x[2].stack == y[2].stack &&
           lesser(x[0].stack, x[1].stack) == lesser(y[0].stack, y[1].stack) &&
           greater(x[0].stack, x[1].stack) == greater(y[0].stack, y[1].stack);
}

/* The set of a clash + 1, 0: none. *key: where it stands, or may be put. */
static uint32_t set_known(const struct unordered *u, const struct clash *c, uint64_t *key)
{
    uint32_t used = c->evidence[0].stack, other = c->evidence[1].stack, at;
    *key = mix(mix(c->finding.process, (uint64_t)lesser(used, other) << 32 | greater(used, other)), c->evidence[2].stack);
    for (; (at = dict_get(&u->set_of, *key)) != 0; ++*key)   /* another set of the same hash stands there: the next key */
        if (set_is(u, &u->sets[at - 1], c))
            return at;
    return 0;
}

bool unordered_index(struct unordered *u)
{
    uint64_t key;
    for (uint32_t i = 0; i < u->n_sets; i++) {
        if (set_known(u, &u->clashes[u->sets[i].first], &key))
            return false;
        dict_set(&u->set_of, key, i + 1);
    }
    return true;
}

/* The set of a clash, made if it is new; NULL: there are too many. */
static struct clash_set *set_find(struct unordered *u, const struct clash *c)
{
    uint64_t key;
    uint32_t known = set_known(u, c, &key);
    if (known)
        return &u->sets[known - 1];
    if (u->n_sets == UNORDERED_MAX)
        return NULL;
    u->sets = xgrow(u->sets, &u->sets_capacity, u->n_sets + 1, sizeof *u->sets);
    u->sets[u->n_sets++] = (struct clash_set){ 0 };
    dict_set(&u->set_of, key, (uint32_t)u->n_sets);
    return &u->sets[u->n_sets - 1];
}

static void set_add(struct unordered *u, struct clash_set *set, const struct clash *c)
{
    u->clashes = xgrow(u->clashes, &u->clashes_capacity, u->n_clashes + 1, sizeof *u->clashes);
    uint32_t at = (uint32_t)u->n_clashes++;
    u->clashes[at] = *c;
    if (set->pairs++)
        u->clashes[set->last].next = at;
    else
        set->first = at;
    set->last = at;
}

static void set_count(struct graph *g, struct unordered *u, struct clash_set *set, const struct clash *c)
{
    uint32_t at = set->first;
    for (uint32_t n = 0; n < set->pairs; n++, at = u->clashes[at].next) {
        struct clash *known = &u->clashes[at];
        if (lesser(known->used, known->other) != lesser(c->used, c->other) ||
            greater(known->used, known->other) != greater(c->used, c->other))
            continue;
        const struct process *p = process_at(g, thread_at(g, c->used)->process);
        if (known->last_event <= p->clocks.lost_event) {     /* it rested on events before a loss: this does not */
            known->finding = c->finding;
            memcpy(known->evidence, c->evidence, sizeof known->evidence);
        }
        known->count++;
        known->last_event = c->last_event;
        return;
    }
    if (set->pairs < UNORDERED_PAIRS_MAX)
        set_add(u, set, c);
    else
        set->more++;
}

void unordered_note(struct graph *g, const struct event *e, const struct past_use *now, const struct past_use *before)
{
    struct unordered *u = &g->clocks->unordered;
    const struct block *b = pool_at(&g->pool, now->block);
    const struct thread *other = thread_at(g, before->thread), *maker = thread_at(g, b->maker);
    bool whole = now->use == CLOCKS_MOVE || now->use == CLOCKS_DROP;
    struct clash c = { .used = now->thread, .other = before->thread, .count = 1, .last_event = g->number };
    c.finding = (struct view_finding){
        .rule = RULE_UNORDERED_BORROW, .use = finding_use(e), .writes = now->use == CLOCKS_WRITE, .family = e->family,
        .made_family = b->family, .process = e->process, .thread = e->thread, .ns = e->ns, .event = g->number,
        .block = b->id, .block_address = b->address, .block_size = b->size, .address = b->address + now->offset,
        .offset = (int64_t)now->offset, .length = whole ? b->size : now->end - now->offset };
    c.evidence[0] = finding_here(e, EVIDENCE_USED);
    c.evidence[1] = (struct view_evidence){ .role = EVIDENCE_OTHER, .stack = before->stack, .thread = other->serial,
                                            .ns = before->ns };
    c.evidence[2] = (struct view_evidence){ .role = EVIDENCE_MADE, .stack = g->site_stacks[b->site],
                                            .thread = maker->serial, .ns = b->born_ns };
    struct clash_set *set = set_find(u, &c);
    if (!set)
        u->left_out++;
    else if (!set->pairs)
        set_add(u, set, &c);
    else
        set_count(g, u, set, &c);
}

/* ---- what tells that threads synchronise unseen ----------------------------------- */

enum { MADE, TAKEN };

/* True: that many different ones are known. */
static bool handed_count(struct unordered *u, uint32_t thread, int side, uint64_t id)
{
    uint32_t at = dict_get(&u->handed_of, thread);
    if (!at) {
        u->handed = xgrow(u->handed, &u->handed_capacity, u->n_handed + 1, sizeof *u->handed);
        u->handed[u->n_handed++] = (struct handed){ 0 };
        at = (uint32_t)u->n_handed;
        dict_set(&u->handed_of, thread, at);
    }
    struct handed *h = &u->handed[at - 1];
    for (int i = 0; i < h->n[side]; i++)
        if (h->blocks[side][i] == id)
            return h->n[side] == HANDED_MIN;
    if (h->n[side] < HANDED_MIN)
        h->blocks[side][h->n[side]++] = id;
    return h->n[side] == HANDED_MIN;
}

/* NULL: there are too many. */
static struct handed_pair *pair_find(struct unordered *u, uint32_t maker, uint32_t user)
{
    uint64_t key = (uint64_t)maker << 32 | user;
    uint32_t at = key == u->newest_key ? u->newest_pair : dict_get(&u->pair_of, key);
    if (!at && u->n_pairs == HANDED_PAIRS_MAX)
        return NULL;
    if (!at) {
        u->pairs = xgrow(u->pairs, &u->pairs_capacity, u->n_pairs + 1, sizeof *u->pairs);
        u->pairs[u->n_pairs++] = (struct handed_pair){ .maker = maker, .user = user };
        at = (uint32_t)u->n_pairs;
        dict_set(&u->pair_of, key, at);
    }
    u->newest_key = key;
    u->newest_pair = at;
    return &u->pairs[at - 1];
}

void unordered_handed(struct graph *g, struct process *p, const struct thread *t, const struct thread *maker, uint64_t id)
{
    struct unordered *u = &clocks_of(g)->unordered;
    struct handed_pair *pair = pair_find(u, maker->place, t->place);
    p->clocks.unseen |= !pair;
    if (!pair || pair->enough)
        return;
    pair->handed = true;
    bool made = handed_count(u, maker->place, MADE, id), taken = handed_count(u, t->place, TAKEN, id);
    pair->enough = made || taken;
}

void unordered_dropped(struct graph *g, struct process *p, const struct thread *t, const struct thread *other)
{
    struct handed_pair *pair = pair_find(&g->clocks->unordered, other->place, t->place);
    p->clocks.unseen |= !pair;
    if (pair && ++pair->drops >= DROPPED_MIN)
        pair->enough = true;
}

size_t unordered_turn_at(uint64_t block, uint64_t offset, uint64_t end)
{
    return mix(mix(block, offset), end) % TURNS_MAX;
}

static void turn_broken(struct unordered *u, uint32_t x, uint32_t y)
{
    struct handed_pair *pair = x && y && x != y ? pair_find(u, lesser(x, y), greater(x, y)) : NULL;
    if (pair)
        pair->broken = true;
}

static void turn_taken(struct unordered *u, struct turn *turn)
{
    if (++turn->turns < TURNS_MIN)
        return;
    struct handed_pair *pair = pair_find(u, lesser(turn->last, turn->other), greater(turn->last, turn->other));
    if (pair)
        pair->turned = true;
}

void unordered_turn(struct graph *g, uint64_t block, const struct past_use *now, uint32_t clashed)
{
    struct unordered *u = &g->clocks->unordered;
    if (!u->turns)
        u->turns = xcalloc(TURNS_MAX, sizeof *u->turns);
    struct turn *turn = &u->turns[unordered_turn_at(block, now->offset, now->end)];
    uint32_t t = now->thread;
    if (turn->block != block || turn->offset != now->offset || turn->end != now->end) {
        *turn = (struct turn){ .block = block, .offset = now->offset, .end = now->end, .last = t };
        return;
    }
    if (turn->last == t) {
        turn->turns = 0;
        if (!clashed)       /* whatever is between them is seen */
            return;
        turn_broken(u, t, clashed);
        turn_broken(u, t, turn->other);
        return;
    }
    if (!clashed || (turn->other && turn->other != t))      /* in a seen order, or a third thread */
        turn->turns = 0;
    turn->other = turn->last;
    turn->last = t;
    if (clashed)
        turn_taken(u, turn);
}

static bool handed_enough(const struct unordered *u, uint32_t thread, int side)
{
    uint32_t at = dict_get(&u->handed_of, thread);
    return at && u->handed[at - 1].n[side] == HANDED_MIN;
}

static uint32_t group_of(uint32_t *groups, uint32_t thread)
{
    while (groups[thread] != thread)
        thread = groups[thread] = groups[groups[thread]];
    return thread;
}

/* A group a thread, by place; to be freed. */
static uint32_t *groups_make(const struct graph *g, const struct unordered *u)
{
    uint32_t *groups = xmalloc(g->n_threads * sizeof *groups);
    for (uint32_t i = 0; i < g->n_threads; i++)
        groups[i] = i;
    for (size_t i = 0; i < u->n_pairs; i++)
        if (u->pairs[i].enough || (u->pairs[i].turned && !u->pairs[i].broken) ||
            (u->pairs[i].handed && (handed_enough(u, u->pairs[i].maker, MADE) || handed_enough(u, u->pairs[i].user, TAKEN))))
            groups[group_of(groups, u->pairs[i].maker)] = group_of(groups, u->pairs[i].user);
    return groups;
}

/* ---- view ----------------------------------------------------------------------- */

static bool clash_stands(const struct graph *g, uint32_t *groups, const struct clash *c)
{
    return !process_at(g, thread_at(g, c->used)->process)->clocks.unseen &&
           group_of(groups, c->used) != group_of(groups, c->other);
}

static bool clash_doubted(const struct graph *g, const struct clash *c)
{
    return c->last_event <= process_at(g, thread_at(g, c->used)->process)->clocks.lost_event;
}

struct findings_copy { struct view *v; size_t findings_capacity, evidence_capacity; };

static void copy_finding(struct findings_copy *to, const struct clash *c, uint64_t count, bool doubted)
{
    struct view *v = to->v;
    v->findings = xgrow(v->findings, &to->findings_capacity, v->n_findings + 1, sizeof *v->findings);
    v->evidence = xgrow(v->evidence, &to->evidence_capacity, v->n_evidence + 3, sizeof *v->evidence);
    struct view_finding *f = &v->findings[v->n_findings++];
    *f = c->finding;
    f->count = count;
    f->doubt = DOUBT_UNSEEN | (doubted ? DOUBT_LOST : 0);
    f->first = (uint32_t)v->n_evidence;
    f->n = 3;
    memcpy(&v->evidence[v->n_evidence], c->evidence, sizeof c->evidence);
    v->n_evidence += 3;
    v->findings_by_rule[RULE_UNORDERED_BORROW] += count;
}

/* One set of stacks is one finding: of the first pair of threads of which it
 * stands, without doubt if there is one. */
static void copy_set(const struct graph *g, struct findings_copy *to, uint32_t *groups, const struct clash_set *set)
{
    const struct unordered *u = &g->clocks->unordered;
    const struct clash *shown = NULL;
    uint64_t count = 0;
    uint32_t at = set->first;
    for (uint32_t n = 0; n < set->pairs; n++, at = u->clashes[at].next) {
        const struct clash *c = &u->clashes[at];
        if (!clash_stands(g, groups, c)) {
            to->v->unordered_withheld += c->count;
            continue;
        }
        count += c->count;
        if (!shown || (clash_doubted(g, shown) && !clash_doubted(g, c)))
            shown = c;
    }
    if (shown)
        copy_finding(to, shown, count + set->more, clash_doubted(g, shown));
    else
        to->v->unordered_withheld += set->more;
}

static int compare_findings(const void *a, const void *b)
{
    const struct view_finding *x = a, *y = b;
    if (x->event != y->event)
        return x->event < y->event ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

void view_clocks(const struct graph *g, struct view *v)
{
    const struct clocks *c = g->clocks;
    if (!c)
        return;
    v->futex_threads = c->futex_threads;
    v->futex_stack = c->futex_stack;
    v->unordered_withheld = c->unordered.left_out;
    if (!c->unordered.n_sets)
        return;
    struct findings_copy to = { v, v->n_findings, v->n_evidence };
    uint32_t *groups = groups_make(g, &c->unordered);
    for (size_t i = 0; i < c->unordered.n_sets; i++)
        copy_set(g, &to, groups, &c->unordered.sets[i]);
    free(groups);
    qsort(v->findings, v->n_findings, sizeof *v->findings, compare_findings);
}
