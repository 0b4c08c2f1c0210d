/*
 * collector/export/history_walk.c - see history_walk.h.
 */
#include "export/history_walk.h"

/* Events folded without a look ahead: most blocks live no longer. Less where the next checkpoint is near. */
enum { QUIET_MOST = 1 << 16, QUIET_LEAST = 64, QUIET_PART = 64 };

/* ---- where a block begins ---- */

static uint64_t next_block_at(struct trace *t, size_t i)
{
    struct archive a;
    uint64_t next = trace_checkpoint_begin(t, i, &a) ? 0 : graph_peek_next_block(&a);
    trace_checkpoint_end(t, &a);
    return next;
}

/* Checkpoints that cannot be read count as if they knew it. */
uint64_t history_begin(struct trace *t, uint64_t block, uint64_t until)
{
    const struct trace_checkpoint *list;
    size_t low = 0, high = trace_checkpoints(t, &list);
    while (high && list[high - 1].event > until)
        high--;
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint64_t next = next_block_at(t, middle);
        if (next && next <= block)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t event = low ? list[low - 1].event : trace_events_before(t), kept = replay_kept_event(t, block);
    return kept > event && kept <= until ? kept : event;
}

/* Of the first checkpoint behind an event, its place in the list. */
static size_t checkpoint_behind(struct trace *t, uint64_t event, const struct trace_checkpoint **list)
{
    size_t low = 0, high = trace_checkpoints(t, list);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((*list)[middle].event <= event)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The last checkpoint at or before an event; 0: none. */
static uint64_t checkpoint_before(struct trace *t, uint64_t event)
{
    const struct trace_checkpoint *list;
    size_t behind = checkpoint_behind(t, event, &list);
    return behind ? list[behind - 1].event : 0;
}

static uint64_t quiet_events(struct trace *t, uint64_t event)
{
    const struct trace_checkpoint *list;
    size_t behind = checkpoint_behind(t, event, &list);
    uint64_t part = behind < trace_checkpoints(t, &list) ? (list[behind].event - event) / QUIET_PART : QUIET_MOST;
    return part < QUIET_LEAST ? QUIET_LEAST : part < QUIET_MOST ? part : QUIET_MOST;
}

/* ---- what happens next ---- */

/* Bytes that count as the block's: malloc gives a little more than was asked for, and whole pages of large ones. */
static uint64_t room_of(const struct block_life *l)
{
    enum { SLACK = 64, PAGE = 4096, MAPPED_FROM = 1 << 16 };
    uint64_t slack = l->size < MAPPED_FROM ? SLACK : PAGE;
    return l->size > UINT64_MAX - l->address - slack ? UINT64_MAX - l->address : l->size + slack;
}

#define BIT(type) (1ull << (type))
static const uint64_t life_types = BIT(EVENT_THREAD_START) | BIT(EVENT_THREAD_CREATE) | BIT(EVENT_THREAD_CREATED) | BIT(EVENT_THREAD_EXIT) |
                                   BIT(EVENT_THREAD_JOIN) | BIT(EVENT_THREAD_DETACH) | BIT(EVENT_THREAD_GONE) | BIT(EVENT_PROCESS_START) |
                                   BIT(EVENT_PROCESS_GONE);
static const uint64_t place_types = BIT(EVENT_NEW) | BIT(EVENT_DROP) | BIT(EVENT_REALLOC_BEGIN) | BIT(EVENT_REALLOC_END);

static bool watched(const struct graph_watch *w, uint64_t thread)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->threads[i] == thread)
            return true;
    return false;
}

static bool watched_pthread(const struct graph_watch *w, uint64_t pthread)
{
    for (size_t i = 0; i < w->n; i++)
        if (!w->pthreads[i] || w->pthreads[i] == pthread)
            return true;
    return false;
}

/* An event of its process's life that may change what is known of a block. */
static bool concerns(const struct graph_watch *w, const struct event *e)
{
    switch (e->type) {
    case EVENT_THREAD_START: case EVENT_THREAD_EXIT: case EVENT_THREAD_GONE: return watched(w, e->thread);
    case EVENT_THREAD_CREATE: case EVENT_THREAD_CREATED: return watched(w, e->extra[0]);
    case EVENT_THREAD_JOIN: case EVENT_THREAD_DETACH: return watched_pthread(w, e->address);
    default: return true;
    }
}

/* The first event that passes the filter, and concerns the watch; `last` if there is none. */
static int first_of(struct trace *t, struct trace_filter *f, const struct graph_watch *w, uint64_t *number)
{
    struct event e;
    int got = trace_select(t, f, TRACE_ALL);
    if (got)
        return got;
    while ((got = trace_next(t, &e)) > 0 && w && !concerns(w, &e))
        ;
    *number = got > 0 ? trace_event_number(t) : UINT64_MAX;
    return got < 0 ? got : 0;
}

/* Number of the next event behind `event` that may concern the block; UINT64_MAX: there is none up to `until`. */
static int next_of(struct trace *t, const struct block_life *l, const struct graph_watch *w, uint64_t event, uint64_t until, uint64_t *number)
{
    struct trace_filter f = { .process = l->process, .first_event = event + 1, .last_event = until == UINT64_MAX ? 0 : until,
                              .low_address = l->address, .high_address = l->address + (l->dropped ? 1 : room_of(l)),
                              .types = l->dropped ? place_types : 0 };
    uint64_t named, life;
    *number = UINT64_MAX;
    int error = first_of(t, &f, NULL, &named);
    if (error || l->dropped) {
        *number = named;
        return error;
    }
    f.low_address = f.high_address = 0;
    f.types = life_types;
    if (named != UINT64_MAX)
        f.last_event = named;
    error = first_of(t, &f, w, &life);
    *number = life < named ? life : named;
    return error;
}

/* ---- the walk ---- */

struct walk {
    const struct history_walk *w;
    struct graph *g;
    uint64_t look_at;           /* folds on to there before it looks again */
};

/* Goes on behind `event`, from a checkpoint if one lies nearer. */
static int walk_jump(struct walk *k, uint64_t event)
{
    struct trace *t = k->w->trace;
    uint64_t now = graph_events(k->g);
    if (checkpoint_before(t, event) <= now)
        return trace_seek(t, now);
    graph_free(k->g);
    int error = replay_to(t, event, &k->g, NULL);
    if (k->g)
        graph_observe(k->g, k->w->observer, k->w->context);
    return error;
}

/* Nothing has happened for a while: on to where something does. 1; 0: nothing will. */
static int walk_look(struct walk *k, const struct block_life *l)
{
    struct graph_watch watch;
    uint64_t next, now = graph_events(k->g);
    k->look_at = now + quiet_events(k->w->trace, now);
    graph_watch(k->g, l->id, l->process, l->dropped ? 0 : l->owner, &watch);
    if (watch.unsettled)
        return 1;
    int error = next_of(k->w->trace, l, &watch, now, k->w->until, &next);
    if (error) {                /* damage behind: as far as one can fold */
        error = trace_seek(k->w->trace, now);
        return error ? error : 1;
    }
    if (next == UINT64_MAX)
        return 0;
    k->look_at = next + quiet_events(k->w->trace, next);
    error = walk_jump(k, next - 1);
    return error ? error : 1;
}

static int walk_on(struct walk *k)
{
    const struct history_walk *w = k->w;
    const struct block_life *l;
    int got = 1;
    while (got > 0 && graph_events(k->g) < w->until && (l = w->subject(w->context))) {
        if (l->process && graph_events(k->g) >= k->look_at && (got = walk_look(k, l)) <= 0)
            return got;
        if (!l->process)
            k->look_at = graph_events(k->g) + quiet_events(w->trace, graph_events(k->g));
        got = replay_some(w->trace, k->g, w->until);
    }
    return got;
}

int history_walk(const struct history_walk *w)
{
    struct walk k = { .w = w };
    int error = replay_to(w->trace, history_begin(w->trace, w->block, w->until), &k.g, NULL);
    if (error) {
        graph_free(k.g);
        return error;
    }
    graph_observe(k.g, w->observer, w->context);
    int got = walk_on(&k);
    if (k.g)
        graph_settle(k.g, UINT64_MAX);
    graph_free(k.g);
    return got < 0 ? got : 0;
}

uint64_t history_arrival_before(struct trace *t, uint64_t address, uint32_t process, uint64_t last)
{
    const struct trace_group *list;
    size_t n = trace_groups(t, &list);
    struct trace_filter f = { .types = BIT(EVENT_NEW) | BIT(EVENT_REALLOC_END), .process = process, .low_address = address, .high_address = address + 1 };
    struct event e;
    uint64_t found = 0;
    for (size_t i = n; i-- && !found;) {
        f.first_event = list[i].first_event;
        f.last_event = list[i].first_event + list[i].events - 1 < last ? list[i].first_event + list[i].events - 1 : last;
        if (list[i].first_event > last || !trace_group_may(t, i, &f))
            continue;
        if (trace_select(t, &f, TRACE_SIZES | TRACE_ADDRESSES))
            return 0;
        while (trace_next(t, &e) > 0)
            found = trace_event_number(t);
    }
    return found;
}
