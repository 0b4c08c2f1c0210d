/*
 * collector/export/history_place.c - see history_place.h.
 */
#include "export/history_head.h"
#include "export/history_place.h"

#include <errno.h>

enum { TRIES = 64, BEHIND = 1 << 16 };  /* a fact may come so much later than its event */

static bool holds(const struct fact *f, uint64_t address)
{
    return address >= f->address && address - f->address < (f->size ? f->size : 1);
}

void place_life_fold(struct place_life *p, const struct block_life *of, const struct fact *f)
{
    if (f->block == of->id || f->process != of->process)
        return;
    if (!p->life.id && place_comes(f) && holds(f, of->address))
        p->whole = f->type == FACT_NEW && f->address == of->address;
    else if (!p->life.id || f->block != p->life.id)
        return;
    p->life.id = f->block;
    block_life_fold(&p->life, f);
}

/* ---- one life ---- */

static void life_fact(void *context, const struct fact *f)
{
    struct block_life *l = context;
    if (f->block == l->id)
        block_life_fold(l, f);
}

static const struct block_life *life_subject(void *context)
{
    const struct block_life *l = context;
    return l->dropped ? NULL : l;
}

int place_life_of(struct trace *t, uint64_t id, uint64_t until, struct block_life *life)
{
    struct history_walk walk = { .trace = t, .block = id, .until = until, .observer = life_fact, .context = life, .subject = life_subject };
    if (!head_block(t, id, life))
        *life = (struct block_life){ .id = id };
    return history_walk(&walk);
}

/* ---- who was there ---- */

struct tenants {
    uint64_t address;
    uint32_t process;           /* 0: of any */
    uint64_t but;               /* not this block: it ends the search */
    uint64_t arrival;           /* with that event; but 0: any block that comes with it or later does */
    bool over;
    struct place_life last;
};

static void tenant_fact(void *context, const struct fact *f)
{
    struct tenants *t = context;
    bool comes = place_comes(f);
    if (t->over)
        return;
    if (t->but && f->block == t->but) {
        t->over = comes && f->event >= t->arrival;
        return;
    }
    if (comes && (!t->process || f->process == t->process) && holds(f, t->address)) {
        if (f->block != t->last.life.id)
            t->last = (struct place_life){ .whole = f->type == FACT_NEW };
        t->last.life.id = f->block;
    }
    if (f->block && f->block == t->last.life.id)
        block_life_fold(&t->last.life, f);
}

static bool tenants_over(void *context) { return ((struct tenants *)context)->over; }

/* Where the process began as a copy of another, blocks come to places without an event that says so. 0: nowhere. */
static uint64_t copied_from(struct trace *t, uint32_t process)
{
    struct trace_filter f = { .types = 1ull << EVENT_PROCESS_START, .process = process };
    struct event e;
    if (!process || trace_select(t, &f, TRACE_ALL))
        return 0;
    while (trace_next(t, &e) > 0)
        if (e.family == WIRE_BORN_FORK)
            return trace_event_number(t);
    return 0;
}

/* All that is to be told of the block that came with `arrival` begins there, or with who came before it: that is not folded
 * again each time, unless keeping it costs as much. */
static void arrival_keep(struct trace *t, uint64_t address, uint64_t arrival)
{
    enum { EVENTS_PAY_ROW = 8 };
    const struct trace_checkpoint *list;
    size_t n = trace_checkpoints(t, &list);
    while (n && list[n - 1].event >= arrival)
        n--;
    uint64_t from = n ? list[n - 1].event : trace_events_before(t), before = history_arrival_before(t, address, 0, arrival - 1);
    uint64_t event = (before > from ? before : arrival) - 1;
    struct graph *g;
    if (!replay_to(t, event, &g, NULL) && graph_rows(g) < (event - from) / EVENTS_PAY_ROW)
        replay_keep(t, g);
    graph_free(g);
}

/* Folds from the newest event that may have brought a block there; further back as long as none did. */
static int tenants_find(struct trace *t, struct tenants *s, uint64_t last, uint64_t until)
{
    const struct trace_group *groups;
    uint64_t start = trace_groups(t, &groups) ? copied_from(t, s->process) : trace_events_before(t) + 1;
    int error = 0;
    for (unsigned tries = 0; !error && !s->last.life.id && last && tries < TRIES; tries++) {
        uint64_t from = start ? start : tries + 1 == TRIES ? 1 : history_arrival_before(t, s->address, s->process, last);
        if (!from)
            break;
        if (!s->but && !start)
            arrival_keep(t, s->address, from);
        uint64_t to = s->but || start ? last : from;    /* nobody came later */
        to = to > until - BEHIND || until < BEHIND ? until : to + BEHIND;
        s->over = false;
        struct replay r = { .trace = t, .first_event = from, .last_event = to == UINT64_MAX ? 0 : to, .observer = tenant_fact,
                            .stop = tenants_over, .context = s };
        error = replay_run(&r);
        last = start ? 0 : from - 1;
    }
    return error;
}

int place_before(struct trace *t, const struct block_life *of, uint64_t arrival, uint64_t until, struct block_life *life)
{
    struct tenants s = { .address = of->address, .process = of->process, .but = of->id, .arrival = arrival };
    *life = (struct block_life){ 0 };
    int error = arrival > 1 ? tenants_find(t, &s, arrival - 1, until) : 0;
    *life = s.last.life;
    if (!error && !life->id && arrival)
        life->id = head_block_at(t, of->process, of->address);
    if (life->id == of->id)
        life->id = 0;
    if (!error && life->id && !(s.last.whole && life->dropped))
        error = place_life_of(t, life->id, until, life);
    return error;
}

/* ---- what is there ---- */

static uint64_t lock_at_address(struct graph *g, const struct code *code, uint64_t address)
{
    uint64_t newest = 0;
    struct view *v = graph_view_make(g, code, 0);
    for (size_t i = 0; i < v->n_locks; i++)
        if (v->locks[i].where.address == address && v->locks[i].id > newest)
            newest = v->locks[i].id;
    view_free(v);
    return newest;
}

int place_find(struct trace *t, uint64_t address, uint64_t until, struct place_found *found)
{
    struct tenants s = { .address = address };
    struct graph *g;
    *found = (struct place_found){ 0 };
    int error = replay_to(t, until, &g, NULL);
    if (!g)
        return error;
    uint64_t now = graph_events(g);
    graph_settle(g, UINT64_MAX);
    found->id = graph_block_at(g, address);
    uint64_t lock = found->id ? 0 : lock_at_address(g, trace_code(t), address);
    graph_free(g);
    if (!found->id) {
        error = tenants_find(t, &s, now, now);
        found->id = s.last.life.id ? s.last.life.id : head_block_at(t, 0, address);
    }
    if (!found->id)
        *found = (struct place_found){ lock, true };
    return found->id ? 0 : error ? error : -ENOENT;
}
