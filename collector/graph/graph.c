/*
 * collector/graph/graph.c - the fold's entrance: takes events in order, says
 * which file of this room each is for. See graph.h for what callers may rely
 * on, graph_state.h for what is kept and its invariants.
 *
 * New and Drop are told apart first and go straight to their files; nobody
 * who waits (repair.c) costs them one branch.
 */
#include "graph/graph.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "graph/graph_clocks.h"
#include "graph/graph_copies.h"
#include "graph/graph_cover.h"
#include "graph/graph_drops.h"
#include "graph/graph_facts.h"
#include "graph/graph_findings.h"
#include "graph/graph_forks.h"
#include "graph/graph_heap.h"
#include "graph/graph_locks.h"
#include "graph/graph_maps.h"
#include "graph/graph_modules.h"
#include "graph/graph_processes.h"
#include "graph/graph_sampling.h"
#include "graph/graph_snapshot.h"
#include "graph/graph_state.h"
#include "graph/graph_threads.h"
#include "graph/repair.h"

struct graph *graph_new(const struct code *code)
{
    struct graph *g = xcalloc(1, sizeof *g);
    table_key_make();
    g->code = code;
    drops_table(g);
    g->next_block_id = 1;
    g->threads = xgrow(NULL, &g->threads_capacity, 1, sizeof *g->threads);
    g->threads[0] = xcalloc(1, sizeof **g->threads);
    g->n_threads = 1;
    g->processes = xgrow(NULL, &g->processes_capacity, 1, sizeof *g->processes);
    g->processes[0] = xcalloc(1, sizeof **g->processes);
    g->n_processes = 1;
    g->last_thread = g->threads[0];
    g->last_process = g->processes[0];
    return g;
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    repair_clear(g);
    clocks_clear(g);
    for (size_t i = 0; i < g->n_processes; i++)
        process_free(g->processes[i]);
    for (size_t i = 0; i < g->n_threads; i++) {
        free(g->threads[i]->owned);
        free(g->threads[i]);
    }
    forks_clear(g);
    pool_clear(&g->pool);
    dict_clear(&g->thread_of);
    dict_clear(&g->process_of);
    dict_clear(&g->site_of);
    free(g->threads);
    free(g->processes);
    free(g->sites);
    free(g->site_stacks);
    free(g->handoffs);
    free(g->handoff_slots);
    free(g->moves);
    dict_clear(&g->move_of);
    free(g->ended_processes);
    locks_clear(g);
    copies_clear(g);
    findings_clear(g);
    sampling_clear(g);
    cover_clear(g);
    free(g);
}

void graph_use_code(struct graph *g, const struct code *code) { g->code = code; }

void graph_without_locks(struct graph *g)
{
    g->without_locks = true;
}

void graph_observe(struct graph *g, graph_observer fn, void *context)
{
    g->observe = fn;
    g->observe_context = context;
}

void graph_count_lost(struct graph *g, unsigned reason, uint64_t events)
{
    if (reason < sizeof g->lost / sizeof *g->lost)
        g->lost[reason] += events;
}

static uint64_t lost_until(const struct event *e) { return e->extra[1] > e->ns ? e->extra[1] : e->ns; }

/* A loss is told after what came just before it was known: the newest findings
 * of the process may rest on it. */
static void lost_doubts(struct graph *g, const struct event *e)
{
    enum { NEWEST = 64 };
    const uint64_t near_ns = 1000000000;
    size_t first = g->n_findings > NEWEST ? g->n_findings - NEWEST : 0;
    for (size_t i = first; i < g->n_findings; i++) {
        struct view_finding *f = &g->findings[i];
        if (f->rule != RULE_OVERLAP && (!e->process || f->process == e->process) && f->ns + near_ns >= e->ns)
            f->doubt |= DOUBT_LOST;
    }
}

static void apply_life(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    switch (e->type) {
    case EVENT_THREAD_START: threads_start(g, p, t, e); break;
    case EVENT_THREAD_CREATE: threads_create(g, p, t, e); break;
    case EVENT_THREAD_CREATED: threads_created(g, p, e); break;
    case EVENT_THREAD_EXIT: threads_exit(g, p, t, e); break;
    case EVENT_THREAD_JOIN: threads_join(g, p, t, e); break;
    case EVENT_THREAD_DETACH: threads_detach(g, p, e); break;
    case EVENT_THREAD_NAME: threads_name(g, p, e); break;
    case EVENT_THREAD_GONE: threads_gone(g, p, t, e); break;
    case EVENT_PROCESS_START: processes_start(g, p, t, e); break;
    case EVENT_PROCESS_FORK: processes_fork(g, p, t, e); break;
    case EVENT_PROCESS_FORKED: processes_forked(g, p, t, e); break;
    case EVENT_PROCESS_EXEC: processes_exec(g, p, e); break;
    case EVENT_PROCESS_EXEC_FAILED: processes_exec_failed(g, p, e); break;
    case EVENT_PROCESS_EXIT: processes_exit(g, p, e); break;
    case EVENT_PROCESS_GONE: processes_gone(g, p, e); break;
    case EVENT_MARK: fact_life(g, FACT_MARK, e, NULL, 0); break;
    case EVENT_LOST:
        graph_count_lost(g, e->address < 8 ? (unsigned)e->address : 8, e->size);
        lost_note(g, p, lost_until(e));
        t->wait.lock = 0;
        fact_life(g, FACT_LOST, e, NULL, 0);
        clocks_lost(g, p, lost_until(e));
        lost_doubts(g, e);
        break;
    case EVENT_USABLE: copies_usable(g, p, e); break;
    case EVENT_FUTEX: clocks_unseen(g, p, t, e); break;
    case EVENT_MODULE: modules_fold(g, p, e); break;
    case EVENT_SNAPSHOT: snapshots_fold(g, p, e); break;
    case EVENT_RATE: sampling_rate(g, t, e); break;
    case EVENT_COVER: cover_changed(g, e); break;
    case EVENT_CONTROL: cover_ordered(g, e); break;
    case EVENT_VERIFY:
        g->verified = true;
        if (e->address < WIRE_VERIFY_COUNTS)
            g->verify[e->address] += e->size;
        break;
    default: break;
    }
}

bool graph_apply(struct graph *g, const struct event *e)
{
    struct process *p = process_find(g, e->process, e->ns);
    struct thread *t = thread_find(g, p, e->thread, e->ns);
    if (graph_unlikely(p->n_leaving | p->n_suspects)) {
        threads_alive(g, p, e);
        drops_watch(g, p, e);
    }
    switch (e->type) {
    case EVENT_NEW:
        if (graph_unlikely(family_maps(e->family)))
            return maps_new(g, p, t, e);
        return heap_new(g, p, t, e);
    case EVENT_DROP:
        if (graph_unlikely(family_maps(e->family)))
            maps_drop(g, p, t, e);
        else
            heap_drop(g, p, t, e);
        return true;
    case EVENT_REALLOC_BEGIN:
        if (family_maps(e->family))
            maps_remap_begin(g, p, t, e);
        else
            heap_realloc_begin(g, p, t, e);
        return true;
    case EVENT_REALLOC_END:
        return family_maps(e->family) ? maps_remap_end(g, p, t, e) : heap_realloc_end(g, p, t, e);
    case EVENT_WAIT: case EVENT_ACQUIRE: case EVENT_RELEASE: case EVENT_WAIT_END:
    case EVENT_COND_WAIT: case EVENT_COND_WOKEN: case EVENT_SIGNAL:
    case EVENT_LOCK_INIT: case EVENT_LOCK_DESTROY: case EVENT_LOCK_CONSISTENT:
        return locks_fold(g, p, t, e);
    case EVENT_COPY:
        copies_fold(g, p, t, e);
        return true;
    default:
        apply_life(g, p, t, e);
        return true;
    }
}

void graph_fold(struct graph *g, const struct event *e)
{
    g->number = ++g->events;
    if (e->ns > g->now_ns)
        g->now_ns = e->ns;
    if (graph_unlikely(g->n_parked))
        repair_fold(g, e);
    else if (graph_unlikely(!graph_apply(g, e)))
        repair_park(g, e);
}

void graph_settle(struct graph *g, uint64_t now_ns)
{
    repair_settle(g, now_ns);
}

bool graph_unsettled(const struct graph *g, uint64_t now_ns) { return repair_late(g, now_ns); }

uint64_t graph_events(const struct graph *g) { return g->events; }
uint64_t graph_now_ns(const struct graph *g) { return g->now_ns; }
uint64_t graph_peak_event(const struct graph *g) { return g->totals.peak_event; }
