/*
 * collector/serve/checkpoints.c - see checkpoints.h.
 */
#include "serve/checkpoints.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "serve/aside.h"

/* EVENTS_A_ROW, BYTES_A_BYTE: of the state; what makes a checkpoint small beside what came since the last one.
 * BYTES_A_ROW: what one takes as long as none was written.
 * END_PART: the last one pays off sooner, since the end is what most want to see. */
enum { EVENTS_A_ROW = 8, BYTES_A_BYTE = 8, BYTES_A_ROW = 3, END_PART = 4 };

struct checkpoints {
    struct checkpoints_host host;
    uint64_t every;             /* 0: none */
    bool lacking;               /* the file does not have what was folded */
    uint64_t aside_rows;
    bool sparing;               /* nobody said how often: as often as it costs little */
    uint64_t last;              /* event of the last one */
    uint64_t last_rows;         /* of its state; 0: there was none */
    uint64_t last_bytes;        /* of the trace then, without checkpoints */
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
    k->aside_rows = o->aside_rows ? o->aside_rows : CHECKPOINT_ASIDE_ROWS;
    k->sparing = !o->given;
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

static uint64_t bytes_now(const struct checkpoints *k)
{
    uint64_t state;
    return k->host.sizes(k->host.context, &state);
}

/* The trace has grown so much since the last one that a state of so many rows is small beside that. */
static bool has_grown(const struct checkpoints *k, uint64_t rows)
{
    uint64_t state, bytes = k->host.sizes(k->host.context, &state);
    double a_row = state && k->last_rows ? (double)state / (double)k->last_rows : BYTES_A_ROW;
    return bytes >= k->last_bytes && (double)(bytes - k->last_bytes) >= BYTES_A_BYTE * a_row * (double)rows;
}

static bool is_due(const struct checkpoints *k, unsigned part)
{
    uint64_t since = graph_events(k->host.graph) - k->last, wanted = k->every / part, rows;
    if (k->lacking || !k->every || !since || since < wanted)
        return false;
    if (!k->sparing)
        return true;
    rows = graph_rows(k->host.graph);
    if (wanted < EVENTS_A_ROW * rows / part)
        wanted = EVENTS_A_ROW * rows / part;
    return since >= wanted && (since - wanted >= CHECKPOINT_WAIT_EVENTS || has_grown(k, rows));
}

/* The moment is now. False: the file does not have what the graph has, and never will. */
static bool cut(struct checkpoints *k)
{
    k->place = k->next ? CHECKPOINT_NEXT : CHECKPOINT_HERE;
    k->next = false;
    k->event = k->host.cut(k->host.context);
    k->ns = graph_now_ns(k->host.graph);
    k->last = graph_events(k->host.graph);
    k->last_rows = graph_rows(k->host.graph);
    k->last_bytes = bytes_now(k);
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
    if (k->place == CHECKPOINT_NEXT)
        k->last_bytes = bytes_now(k);
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
