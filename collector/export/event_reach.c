/*
 * collector/export/event_reach.c - see event_reach.h.
 */
#include "export/event_reach.h"

#include <string.h>

#include "export/history_walk.h"

/* ---- types ---- */

#define TYPE(t) (1ull << (t))
static const uint64_t process_events = TYPE(EVENT_PROCESS_START) | TYPE(EVENT_PROCESS_FORK) | TYPE(EVENT_PROCESS_FORKED) | TYPE(EVENT_PROCESS_EXEC) |
                                       TYPE(EVENT_PROCESS_EXEC_FAILED) | TYPE(EVENT_PROCESS_EXIT) | TYPE(EVENT_PROCESS_GONE);
static const uint64_t thread_events = TYPE(EVENT_THREAD_START) | TYPE(EVENT_THREAD_CREATE) | TYPE(EVENT_THREAD_CREATED) | TYPE(EVENT_THREAD_EXIT) |
                                      TYPE(EVENT_THREAD_JOIN) | TYPE(EVENT_THREAD_DETACH) | TYPE(EVENT_THREAD_NAME) | TYPE(EVENT_THREAD_GONE);

/* The events that facts of these types come from; 0: from any. */
static uint64_t events_of(uint32_t types)
{
    uint64_t events = 0;
    for (unsigned type = 1; type < FACT_TYPES; type++) {
        if (!(types >> type & 1))
            continue;
        switch (type) {
        case FACT_MARK: events |= TYPE(EVENT_MARK); break;
        case FACT_LOST: events |= TYPE(EVENT_LOST); break;
        case FACT_SNAPSHOT: events |= TYPE(EVENT_SNAPSHOT); break;
        case FACT_RATE: events |= TYPE(EVENT_RATE); break;
        case FACT_COVER: events |= TYPE(EVENT_COVER); break;
        case FACT_CONTROL: events |= TYPE(EVENT_CONTROL); break;
        case FACT_PROCESS: events |= process_events; break;
        case FACT_THREAD: events |= thread_events | process_events; break;
        default: return 0;
        }
    }
    return events;
}

/* A clone's New is its process's first thread's, whoever touched it first. */
static bool has_forks(const struct trace *t)
{
    const struct trace_group *groups;
    const struct trace_filter forks = { .types = TYPE(EVENT_PROCESS_FORK) };
    size_t n = trace_groups(t, &groups);
    for (size_t i = 0; i < n; i++)
        if (trace_group_may(t, i, &forks))
            return true;
    return false;
}

/* ---- several filters ---- */

struct reach { struct trace_filter *filters; size_t n; };

/* Where there is no room for another, the last one takes it in. */
static void reach_add(struct reach *r, struct trace_filter f)
{
    if (r->n < EVENT_FILTERS_MAX) {
        r->filters[r->n++] = f;
        return;
    }
    struct trace_filter *last = &r->filters[r->n - 1];
    uint64_t first = f.first_event < last->first_event ? f.first_event : last->first_event;
    uint64_t end = !f.last_event || !last->last_event ? 0 : f.last_event > last->last_event ? f.last_event : last->last_event;
    *last = (struct trace_filter){ .first_event = first, .last_event = end };
}

/* Only what passes `f` as well. */
static void reach_within(struct reach *r, const struct trace_filter *f)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct trace_filter both = r->filters[i];
        if ((both.types && f->types && !(both.types & f->types)) || (both.process && f->process && both.process != f->process))
            continue;
        both.types = both.types && f->types ? both.types & f->types : both.types | f->types;
        both.process = both.process ? both.process : f->process;
        both.thread = both.thread ? both.thread : f->thread;
        r->filters[n++] = both;
    }
    r->n = n;
    if (!n)     /* nothing can be */
        reach_add(r, (struct trace_filter){ .first_event = UINT64_MAX });
}

/* ---- children ---- */

/* What forked children do, each until its next image. False: it cannot be read. */
static bool reach_children(struct trace *t, struct reach *r, uint64_t until)
{
    const struct trace_filter f = { .types = TYPE(EVENT_PROCESS_START) | TYPE(EVENT_PROCESS_GONE), .last_event = until };
    struct event e;
    int got = trace_select(t, &f, 0);
    size_t first = r->n;
    while (!got && (got = trace_next(t, &e)) > 0) {
        got = 0;
        for (size_t i = first; i < r->n; i++)
            if (r->filters[i].process == e.process && !r->filters[i].last_event)
                r->filters[i].last_event = trace_event_number(t);
        if (e.type == EVENT_PROCESS_START && e.family == WIRE_BORN_FORK)
            reach_add(r, (struct trace_filter){ .process = e.process, .first_event = trace_event_number(t) });
    }
    return !got;
}

static bool makes(const struct doc_events_options *o) { return !o->types || o->types >> FACT_NEW & 1; }

/* ---- a range of addresses ---- */

enum { PAGE = 4096 };   /* a mapping's last one counts as its own, and a block has some bytes more than were asked for */

/* The bytes of blocks that lie in [low, high), if only in part, with those of the range. */
static bool blocks_within(struct trace *t, uint64_t until, uint64_t *low, uint64_t *high)
{
    const uint64_t from = *low > PAGE ? *low - PAGE : 0, to = *high;
    const struct trace_filter f = { .types = TYPE(EVENT_NEW) | TYPE(EVENT_REALLOC_END) | TYPE(EVENT_USABLE), .last_event = until,
                                    .low_address = from, .high_address = to };
    struct event e;
    int got = trace_select(t, &f, TRACE_SIZES | TRACE_ADDRESSES);
    *low = from;
    while (!got && (got = trace_next(t, &e)) > 0) {
        got = 0;
        uint64_t end = e.size > UINT64_MAX - e.address ? UINT64_MAX : e.address + e.size;
        if (e.address >= to || (end < from && e.address < from))
            continue;           /* it is where it came from that lies there */
        *low = e.address < *low ? e.address : *low;
        *high = end > *high ? end : *high;
    }
    *high = *high > UINT64_MAX - PAGE ? UINT64_MAX : *high + PAGE;
    return !got;
}

static bool reach_addresses(struct trace *t, struct reach *r, const struct event_reach *q)
{
    enum { HANDS = 1u << FACT_MOVE | 1u << FACT_BORROW | 1u << FACT_BORROW_END };
    uint64_t low = q->o->low_address, high = q->o->high_address;
    if (!high || low >= high || !blocks_within(t, q->until, &low, &high) || (makes(q->o) && !reach_children(t, r, q->until)))
        return false;
    reach_add(r, (struct trace_filter){ .low_address = low, .high_address = high });
    reach_add(r, (struct trace_filter){ .types = process_events | (!q->o->types || q->o->types & HANDS ? thread_events : 0) });
    return true;
}

/* ---- a block ---- */

enum { NEAR_EVENTS = 1 << 14 };

struct block_events {
    struct block_life life;
    struct reach *reach;
    uint64_t borrowed;          /* times that are not over */
};

static void block_fact(void *context, const struct fact *f)
{
    struct block_events *b = context;
    if (f->block != b->life.id)
        return;
    block_life_fold(&b->life, f);
    if (f->type == FACT_BORROW && strcmp(f->by, "copied") != 0)
        b->borrowed++;
    else if (f->type == FACT_BORROW_END && b->borrowed)
        b->borrowed--;
    struct trace_filter *last = b->reach->n ? &b->reach->filters[b->reach->n - 1] : NULL;
    if (last && f->event >= last->first_event && f->event <= last->last_event + NEAR_EVENTS)
        last->last_event = f->event > last->last_event ? f->event : last->last_event;
    else
        reach_add(b->reach, (struct trace_filter){ .first_event = f->event, .last_event = f->event });
}

static const struct block_life *block_subject(void *context)
{
    const struct block_events *b = context;
    return b->life.dropped ? NULL : &b->life;
}

/* Who borrows a block that is dropped gives it back when it ends. */
static bool reach_block(struct trace *t, struct reach *r, const struct event_reach *q)
{
    struct block_events b = { .life = { .id = q->block }, .reach = r };
    struct history_walk walk = { .trace = t, .block = q->block, .until = q->until, .observer = block_fact, .context = &b, .subject = block_subject };
    if (history_walk(&walk))
        return false;
    if (b.borrowed && b.life.dropped)
        reach_add(r, (struct trace_filter){ .types = thread_events | process_events, .process = b.life.process });
    if (!r->n)
        reach_add(r, (struct trace_filter){ .first_event = UINT64_MAX });
    return true;
}

/* ---- all ---- */

/* It would be of no use, or not all of it can be known. */
static bool unknown(const struct trace *t)
{
    const struct trace_checkpoint *checkpoints;
    const struct trace_group *groups;
    return trace_events_before(t) || !trace_checkpoints(t, &checkpoints) || !trace_groups(t, &groups);
}

/* By the closest of what is asked for. */
static bool reach_closest(struct trace *t, struct reach *r, const struct event_reach *q)
{
    if (q->block)
        return reach_block(t, r, q);
    if (q->stack) {
        reach_add(r, (struct trace_filter){ .stack = q->stack });
        return !makes(q->o) || reach_children(t, r, q->until);
    }
    return q->o->addresses && reach_addresses(t, r, q);
}

size_t event_reach(struct trace *t, const struct event_reach *q, struct trace_filter filters[EVENT_FILTERS_MAX])
{
    const struct doc_events_options *o = q->o;
    struct trace_filter f = { .types = events_of(o->types), .process = o->process };
    struct reach r = { .filters = filters };
    if (o->thread && (!makes(o) || !has_forks(t)))
        f.thread = o->thread;
    if (!unknown(t) && reach_closest(t, &r, q)) {
        reach_within(&r, &f);
    } else {
        r.n = f.types || f.process || f.thread;
        filters[0] = f;
    }
    trace_rewind(t);
    return r.n;
}

uint64_t event_before_block(struct trace *t, uint64_t block, uint64_t until)
{
    return unknown(t) ? 0 : history_begin(t, block, until);
}
