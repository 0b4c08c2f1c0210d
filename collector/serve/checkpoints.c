/*
 * collector/serve/checkpoints.c - see checkpoints.h.
 */
#include "serve/checkpoints.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "serve/aside.h"

/* EVENTS_A_ROW: of the state; what makes a checkpoint small beside the events since the last one.
 * END_PART: the last one pays off sooner, since the end is what most want to see. */
enum { EVENTS_A_ROW = 8, END_PART = 4 };

struct checkpoints {
    struct checkpoints_host host;
    uint64_t every;             /* 0: none */
    bool lacking;               /* the file does not have what was folded */
    unsigned events_a_row;
    uint64_t aside_rows;
    uint64_t last;              /* event of the last one */
    struct aside aside;
    bool lent;                  /* the graph is, to the thread beside */
    struct archive state;       /* what is being saved, and of which moment */
    uint64_t event, ns;
    enum checkpoint_place place;
    bool next;                  /* a next file is asked for */
};

struct checkpoints *checkpoints_new(const struct checkpoints_host *h, const struct checkpoints_options *o, uint64_t last)
{
    struct checkpoints *k = xcalloc(1, sizeof *k);
    k->host = *h;
    k->every = o->given ? o->every : CHECKPOINT_EVENTS;
    k->events_a_row = o->given ? 0 : EVENTS_A_ROW;
    k->aside_rows = o->aside_rows ? o->aside_rows : CHECKPOINT_ASIDE_ROWS;
    k->last = last;
    return k;
}

/* What is being saved is of no use any more. */
void checkpoints_free(struct checkpoints *k)
{
    if (!k)
        return;
    aside_ended(&k->aside, true);
    if (k->lent)
        archive_free(&k->state);
    free(k);
}

static bool is_due(const struct checkpoints *k, unsigned part)
{
    uint64_t since = graph_events(k->host.graph) - k->last;
    return !k->lacking && k->every && since && since >= k->every / part && since >= k->events_a_row * graph_rows(k->host.graph) / part;
}

/* The moment is now. False: the file does not have what the graph has, and never will. */
static bool cut(struct checkpoints *k)
{
    k->place = k->next ? CHECKPOINT_NEXT : CHECKPOINT_HERE;
    k->next = false;
    k->event = k->host.cut(k->host.context);
    k->ns = graph_now_ns(k->host.graph);
    k->last = graph_events(k->host.graph);
    k->lacking = k->event != k->last;
    return !k->lacking;
}

static void save(void *context)
{
    struct checkpoints *k = context;
    archive_write_begin(&k->state);
    graph_save(k->host.graph, &k->state);
    archive_write_end(&k->state);
}

static void saved(struct checkpoints *k)
{
    k->host.write(k->host.context, k->place, k->event, k->ns, &k->state);
}

static void back(struct checkpoints *k, bool wait)
{
    if (!k->lent || !aside_ended(&k->aside, wait))
        return;
    k->lent = false;
    k->host.lend(k->host.context, false, k->place);
    saved(k);
}

void checkpoints_round(struct checkpoints *k, bool may)
{
    back(k, false);
    if (k->lent || !may || !(k->next || is_due(k, 1)) || !cut(k))
        return;
    if (graph_rows(k->host.graph) < k->aside_rows) {
        save(k);
        saved(k);
        return;
    }
    k->lent = true;
    k->host.lend(k->host.context, true, k->place);
    aside_start(&k->aside, k->host.session, save, k);
}

void checkpoints_next(struct checkpoints *k) { k->next = !k->lacking; }

void checkpoints_wait(struct checkpoints *k)
{
    if (k)
        back(k, true);
}

void checkpoints_finish(struct checkpoints *k)
{
    checkpoints_wait(k);
    if (!is_due(k, END_PART) || !cut(k))
        return;
    save(k);
    saved(k);
}
