/*
 * collector/graph/repair.c - see repair.h.
 */
#include "graph/repair.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_archive.h"
#include "graph/graph_processes.h"
#include "graph/graph_threads.h"

enum { NO_PROCESS = 0 };

static struct thread *parked_thread(const struct graph *g, const struct event *e)
{
    return thread_at(g, dict_get(&g->thread_of, e->thread));
}

void repair_park(struct graph *g, const struct event *e)
{
    g->parked = xgrow(g->parked, &g->parked_capacity, g->n_parked + 1, sizeof *g->parked);
    struct parked *k = &g->parked[g->n_parked++];
    *k = (struct parked){ .e = *e, .number = g->number };
    if (e->text && e->text_bytes) {
        k->text = xmalloc(e->text_bytes);
        memcpy(k->text, e->text, e->text_bytes);
    }
    k->e.text = k->text;
    parked_thread(g, e)->parked = true;
}

static bool waits_too_long(const struct parked *k, uint64_t now_ns)
{
    return now_ns == UINT64_MAX || (now_ns > k->e.ns && now_ns - k->e.ns > REPAIR_WINDOW_NS);
}

bool repair_late(const struct graph *g, uint64_t now_ns)
{
    for (size_t i = 0; i < g->n_parked; i++)
        if (waits_too_long(&g->parked[i], now_ns))
            return true;
    return false;
}

/* Applies one parked event; false if it still waits. It may be moved in the
 * array meanwhile only by us: applying parks nothing. */
static bool parked_apply(struct graph *g, struct parked *k, bool forced)
{
    uint64_t number = g->number;
    g->number = k->number;
    g->forced = forced;
    bool done = graph_apply(g, &k->e);
    g->forced = false;
    g->number = number;
    if (done)
        free(k->text);
    return done;
}

/* One pass in order: applies what can be, by force what is too old or of the
 * process that ends; a thread's later events wait for its first. True if
 * anything was applied. */
static bool repair_pass(struct graph *g, uint64_t now_ns, uint32_t ending)
{
    size_t n = g->n_parked, left = 0;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        parked_thread(g, &g->parked[i].e)->parked = false;   /* true again: its first still waits */
    for (size_t i = 0; i < n; i++) {
        struct parked *k = &g->parked[i];
        struct thread *t = parked_thread(g, &k->e);
        bool forced = waits_too_long(k, now_ns) || (ending != NO_PROCESS && k->e.process == ending);
        if (!t->parked && parked_apply(g, k, forced)) {
            any = true;
            continue;
        }
        t->parked = true;
        g->parked[left++] = *k;
    }
    g->n_parked = left;
    return any;
}

static void repair_run(struct graph *g, uint64_t now_ns, uint32_t ending)
{
    while (g->n_parked && repair_pass(g, now_ns, ending))
        ;
}

void repair_settle(struct graph *g, uint64_t now_ns)
{
    repair_run(g, now_ns, NO_PROCESS);
}

void repair_fold(struct graph *g, const struct event *e)
{
    bool ends = e->type == EVENT_PROCESS_GONE || e->type == EVENT_PROCESS_START || e->type == EVENT_SNAPSHOT;
    repair_run(g, g->n_parked >= PARKED_MAX ? UINT64_MAX : e->ns, ends ? e->process : NO_PROCESS);
    if (g->n_parked && parked_thread(g, e)->parked) {
        repair_park(g, e);
        return;
    }
    if (!graph_apply(g, e))
        repair_park(g, e);
    else if (g->n_parked)
        repair_settle(g, e->ns);
}

void repair_clear(struct graph *g)
{
    for (size_t i = 0; i < g->n_parked; i++)
        free(g->parked[i].text);
    free(g->parked);
    g->parked = NULL;
    g->n_parked = g->parked_capacity = 0;
}

static void parked_archive(struct archive *a, struct graph *g, struct parked *k)
{
    bool text = k->text;
    archive_event(a, &k->e);
    archive_u64(a, &k->number);
    archive_bool(a, &text);
    if (a->reading && text && archive_need(a, k->e.text_bytes, "a parked event's text is empty"))
        k->e.text = k->text = archive_room(a, k->e.text_bytes, 1);
    if (k->text)
        archive_bytes(a, k->text, k->e.text_bytes);
    if (a->reading && archive_need(a, parked_thread(g, &k->e)->place, "nobody waits with a parked event"))
        parked_thread(g, &k->e)->parked = true;
}

void repair_archive(struct archive *a, struct graph *g)
{
    archive_rows(a, (void **)&g->parked, &g->n_parked, &g->parked_capacity, sizeof *g->parked, PARKED_MAX);
    for (size_t i = 0; i < g->n_parked && !archive_bad(a); i++)
        parked_archive(a, g, &g->parked[i]);
}
