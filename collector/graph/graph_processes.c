/*
 * collector/graph/graph_processes.c - see graph_processes.h.
 */
#include "graph/graph_processes.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_claims.h"
#include "graph/graph_clocks.h"
#include "graph/graph_custody.h"
#include "graph/graph_drops.h"
#include "graph/graph_facts.h"
#include "graph/graph_forks.h"
#include "graph/graph_heap.h"
#include "graph/graph_locks.h"
#include "graph/graph_maps.h"
#include "graph/graph_modules.h"
#include "graph/graph_sites.h"
#include "graph/graph_snapshot.h"
#include "graph/graph_threads.h"

struct process *process_find_slow(struct graph *g, uint32_t serial, uint64_t ns)
{
    uint32_t place = serial ? dict_get(&g->process_of, serial) : 0;
    if (serial && !place && g->n_processes < PROCESSES_MAX) {
        struct process *p = xcalloc(1, sizeof *p);
        p->place = place = (uint32_t)g->n_processes;
        p->serial = serial;
        p->started_ns = ns;
        p->images = 1;
        p->maps.seed = process_seed(p);
        g->processes = xgrow(g->processes, &g->processes_capacity, g->n_processes + 1, sizeof *g->processes);
        g->processes[g->n_processes++] = p;
        dict_set(&g->process_of, serial, place);
    }
    g->last_process = process_at(g, place);
    return g->last_process;
}

void process_free(struct process *p)
{
    forks_release(p);
    free(p->exe);
    free(p->command);
    free(p->leaving);
    table_clear(&p->heap);
    ranges_clear(&p->maps);
    starts_free(p->starts);
    threads_pthreads_clear(p);
    dict_clear(&p->lock_of);
    modules_clear(p);
    graves_clear(&p->graves);
    drops_clear(p);
    claims_clear(p);
    free(p);
}

/* ---- blocks of an image that is no more ------------------------------------ */

/* One block of an image that exec replaced. */
static void image_block(struct graph *g, struct process *p, const struct event *e, uint32_t place)
{
    const struct block *b = pool_at(&g->pool, place);
    fact_ended(g, e, b, "exec");
    if (b->flags & BLOCK_MAP) {
        maps_count(g, p, b, 0 - b->size);
    } else if (!(b->flags & BLOCK_CLONE)) {
        struct site *s = &g->sites[b->site];
        struct view_count n = block_counted(g, place, b);
        s->live_blocks -= n.blocks;
        site_shrink(g, s, !p->ended, n.bytes);
        g->totals.exec_blocks += n.blocks;
        g->totals.exec_bytes += n.bytes;
        custody_ended(g, place, b);
        if (graph_unlikely(b->rate))
            sampling_ended(g, p, place);
    }
    pool_give(&g->pool, place);
}

/* All blocks of a process, for an observer by id; *n of them, to be freed. */
static uint32_t *image_places(struct graph *g, struct process *p, size_t *n)
{
    uint32_t *places = NULL;
    size_t capacity = 0;
    *n = 0;
    places = xgrow(places, &capacity, (size_t)p->heap.used + p->maps.used + 1, sizeof *places);
    for (uint32_t i = 0; i < table_slots(&p->heap); i++)
        if (table_place(&p->heap, i))
            places[(*n)++] = table_place(&p->heap, i);
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block)
            places[(*n)++] = p->maps.nodes[i].block;
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process) {
        struct pending *q = &thread_at(g, at)->pending;
        if (!q->open || !q->block)
            continue;
        places = xgrow(places, &capacity, *n + 1, sizeof *places);
        places[(*n)++] = q->block;
    }
    if (g->observe)
        custody_sort(g, places, *n);
    return places;
}

/* Of blocks that go together, in whatever order they are found: their uses go in order of ids. */
static void image_uses_gone(struct graph *g, const uint32_t *places, size_t n, unsigned flags)
{
    uint32_t *used = NULL;
    size_t n_used = 0, capacity = 0;
    for (size_t i = 0; i < n; i++) {
        if ((pool_at(&g->pool, places[i])->flags & flags) != flags)
            continue;
        used = xgrow(used, &capacity, n_used + 1, sizeof *used);
        used[n_used++] = places[i];
    }
    custody_sort(g, used, n_used);
    for (size_t i = 0; i < n_used; i++)
        clocks_block_gone(g, used[i]);
    free(used);
}

static void image_ends(struct graph *g, struct process *p, const struct event *e)
{
    size_t n;
    locks_process_ended(g, p, e);
    snapshots_image_ended(g, p);
    uint32_t *places = image_places(g, p, &n);
    image_uses_gone(g, places, n, BLOCK_USED);
    for (size_t i = 0; i < n; i++)
        image_block(g, p, e, places[i]);
    free(places);
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process)
        thread_at(g, at)->pending.open = false;
    table_clear(&p->heap);
    ranges_clear(&p->maps);
    starts_free(p->starts);
    p->starts = NULL;
    modules_clear(p);
    graves_clear(&p->graves);
    drops_clear(p);
    claims_clear(p);
    forks_release(p);
    p->live_blocks = p->live_bytes = p->more_blocks = p->more_bytes = 0;
    g->ended_blocks -= p->ended_kept;
    p->ended_kept = 0;
}

/* ---- blocks of a process that is no more ------------------------------------ */

struct ending { struct graph *g; struct process *p; };

/* A block of a process that ends: stays live, runs no more. False: a clone, which goes. */
static bool end_block(void *context, uint32_t place)
{
    const struct ending *end = context;
    const struct block *b = pool_at(&end->g->pool, place);
    if (b->flags & BLOCK_CLONE) {
        if (!(b->flags & BLOCK_MAP)) {
            end->p->live_blocks--;
            end->p->live_bytes -= b->size;
        }
        pool_give(&end->g->pool, place);
        return false;
    }
    if (b->flags & BLOCK_MAP)
        end->g->mapped_running -= b->size;
    else
        site_stop_running(end->g, &end->g->sites[b->site], block_counted(end->g, place, b).bytes);
    return true;
}

static void end_blocks(struct graph *g, struct process *p)
{
    struct ending end = { g, p };
    table_filter(&p->heap, end_block, &end);
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block && !end_block(&end, p->maps.nodes[i].block))
            ranges_remove(&p->maps, i);
}

/* Lets go of what the process that ended first kept. */
static void ended_forget(struct graph *g, struct process *p, const struct event *e)
{
    size_t n;
    uint32_t *places = image_places(g, p, &n);
    locks_process_ended(g, p, e);   /* those that late events told of */
    image_uses_gone(g, places, n, BLOCK_USED);
    free(places);
    for (uint32_t i = 0; i < table_slots(&p->heap); i++)
        if (table_place(&p->heap, i))
            pool_give(&g->pool, table_place(&p->heap, i));
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block)
            pool_give(&g->pool, p->maps.nodes[i].block);
    table_clear(&p->heap);
    ranges_clear(&p->maps);
    starts_free(p->starts);     /* asked for by events behind its end */
    p->starts = NULL;
    g->ended_blocks -= p->ended_kept;
    p->ended_kept = 0;
}

static void ended_keep(struct graph *g, struct process *p, const struct event *e)
{
    p->ended_kept = (uint64_t)p->heap.used + p->maps.used;
    g->ended_blocks += p->ended_kept;
    g->ended_processes = xgrow(g->ended_processes, &g->ended_capacity, g->n_ended + 1, sizeof *g->ended_processes);
    g->ended_processes[g->n_ended++] = p->place;
    while (g->ended_blocks > ENDED_BLOCKS_MAX && g->ended_oldest + 1 < g->n_ended) {
        struct process *oldest = process_at(g, g->ended_processes[g->ended_oldest++]);
        if (oldest->ended_kept && oldest != p)
            ended_forget(g, oldest, e);
    }
}

static void end_clones(struct graph *g, struct process *p, const struct event *e)
{
    size_t n;
    uint32_t *places = image_places(g, p, &n);
    for (size_t i = 0; i < n; i++)
        if (pool_at(&g->pool, places[i])->flags & BLOCK_CLONE)
            fact_ended(g, e, pool_at(&g->pool, places[i]), "exit");
    image_uses_gone(g, places, n, BLOCK_USED | BLOCK_CLONE);
    free(places);
}

static void process_ends(struct graph *g, struct process *p, const struct event *e)
{
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process)
        pending_restore(g, p, thread_at(g, at), e);
    threads_end_all(g, p, e->ns, 0);
    locks_process_ended(g, p, e);
    clocks_image_ended(g, p);
    end_clones(g, p, e);
    if (p->inherit)
        for (uint32_t i = 0; i < p->inherit->frozen->n_heap; i++)
            if (!(p->inherit->touched[i / 8] & 1u << i % 8)) {
                p->live_blocks--;
                p->live_bytes -= p->inherit->frozen->blocks[i].size;
            }
    forks_release(p);
    end_blocks(g, p);
    starts_free(p->starts);
    p->starts = NULL;
    graves_clear(&p->graves);
    drops_clear(p);
    claims_clear(p);
    threads_pthreads_clear(p);
    free(p->leaving);
    p->leaving = NULL;
    p->n_leaving = p->leaving_capacity = 0;
    p->ended = true;
    p->ended_ns = e->ns;
    modules_clear(p);
    ended_keep(g, p, e);
}

/* ---- events ------------------------------------------------------------------ */

/* exe \0 argument \0 argument \0 … */
static void process_text(struct process *p, const struct event *e)
{
    if (!e->text || !e->text_bytes)
        return;
    size_t bytes = e->text_bytes < TEXT_KEPT_MAX ? e->text_bytes : TEXT_KEPT_MAX, exe = strnlen(e->text, bytes);
    free(p->exe);
    free(p->command);
    p->exe = xstrndup(e->text, exe);
    size_t from = exe < bytes ? exe + 1 : exe, n = bytes - from;
    p->command = xmalloc(n + 1);
    memcpy(p->command, e->text + from, n);
    while (n && !p->command[n - 1])
        n--;
    p->command[n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (!p->command[i])
            p->command[i] = ' ';
}

static void image_starts(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    image_ends(g, p, e);
    threads_end_all(g, p, e->ns, t->serial);
    clocks_image_ended(g, p);
    threads_pthreads_clear(p);
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process) {
        thread_at(g, at)->pthread_known = false;
        thread_at(g, at)->next_same_pthread = 0;
    }
    p->images++;
    p->execing = false;
    p->ended = p->exit_seen = p->exit_known = false;
    p->ended_ns = 0;
    p->first_thread = t->place;
    p->threaded = p->usable_asked = p->usable_untold = false;
    if (!t->place)
        return;
    t->exited = t->ended = t->detached = t->exit_told = false;
    t->name[0] = '\0';
    t->ended_ns = 0;
    t->arg.id = t->result.id = 0;
    custody_forget(t);
}

void processes_start(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    uint32_t parent = (uint32_t)e->address;
    fact_life(g, FACT_PROCESS, e, "start", t->serial);
    if (!p->place)
        return;
    if (p->started)
        image_starts(g, p, t, e);
    p->pid = (uint32_t)e->extra[0];
    p->ppid = (uint32_t)e->extra[1];
    p->execing = false;
    process_text(p, e);
    if (!p->started) {
        p->parent = parent == p->serial ? 0 : parent;
        p->forked = e->family == WIRE_BORN_FORK;
        if (e->family == WIRE_BORN_FORK && p->parent)
            forks_claim(g, p, p->parent, t);
    }
    p->started = true;
    if (t->place) {
        t->started = true;
        t->tid = t->tid ? t->tid : p->pid;
        p->first_thread = t->place;
    }
}

void processes_fork(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    forks_freeze(g, p, t, e);
}

void processes_forked(struct graph *g, struct process *p, struct thread *t, const struct event *e)
{
    forks_forked(g, p, t, e->address);
    if (e->address != (uint64_t)-1)
        fact_life(g, FACT_PROCESS, e, "fork", 0);
}

void processes_exec(struct graph *g, struct process *p, const struct event *e)
{
    fact_life(g, FACT_PROCESS, e, "exec", 0);
    if (e->extra[0] == p->pid)
        p->execing = true;
}

void processes_exec_failed(struct graph *g, struct process *p, const struct event *e)
{
    fact_life(g, FACT_PROCESS, e, "exec-failed", 0);
    if (e->extra[0] == p->pid)
        p->execing = false;
}

void processes_exit(struct graph *g, struct process *p, const struct event *e)
{
    fact_life(g, FACT_PROCESS, e, "exit", 0);
    p->exit_seen = true;
    p->exit_code = (int)(e->address & 0xff);
}

enum graph_end graph_process_end(const struct graph *g, uint32_t process, int *wait_status)
{
    const struct process *p = process_at(g, dict_get(&g->process_of, process));
    *wait_status = p->wait_status;
    if (!p->place || !p->ended)
        return GRAPH_END_NONE;
    if (p->exit_known)
        return GRAPH_END_SAID;
    return p->execing ? GRAPH_END_NONE : GRAPH_END_UNSEEN; /* it went on as another program */
}

void processes_gone(struct graph *g, struct process *p, const struct event *e)
{
    fact_life(g, FACT_PROCESS, e, "gone", 0);
    if (!p->place)
        return;
    if (e->extra[0] == 1) {
        p->exit_known = true;
        p->wait_status = (int)(uint32_t)e->extra[1];
    } else if (p->exit_seen && !p->exit_known) {
        p->exit_known = true;
        p->wait_status = p->exit_code << 8;
    }
    if (p->ended)
        return;
    drops_process_gone(g, p, e);
    if (p->execing)   /* into an image that is not traced */
        image_ends(g, p, e);
    process_ends(g, p, e);
}
