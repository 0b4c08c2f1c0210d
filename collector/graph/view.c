/*
 * collector/graph/view.c - copies what the graph knows into a view; see
 * view.h. Run by the graph's thread; what it makes holds no pointer into the
 * graph or its code tables.
 *
 * Order: sites by first use, threads, processes and blocks by id, hand-offs
 * by first use. The code that these use is copied by view_code.c.
 */
#include "graph/view.h"

#include <stdlib.h>
#include <string.h>

#include "event/snapshot.h"
#include "event/xalloc.h"
#include "graph/graph_clocks.h"
#include "graph/graph_copies.h"
#include "graph/graph_cover.h"
#include "graph/graph_findings.h"
#include "graph/graph_forks.h"
#include "graph/graph_locks.h"
#include "graph/graph_sampling.h"
#include "graph/graph_sites.h"
#include "graph/graph_state.h"
#include "graph/view_code.h"

static void view_sampling(const struct graph *g, struct view *v)
{
    const struct sampling *s = g->sampling;
    if (!s)
        return;
    v->sampled = s->n_rates > 1;
    v->estimate = s->all;
    v->locks_every = s->locks_every;
    v->copies_every = s->copies_every;
    v->copy_largest = s->copy_largest;
    v->n_rates = s->n_rates - 1;
    v->rates = xcalloc(s->n_rates, sizeof *v->rates);
    memcpy(v->rates, s->rates + 1, v->n_rates * sizeof *v->rates);
    v->estimates = xcalloc(s->sites_capacity + 1, sizeof *v->estimates);
}

/* Place of a site's estimate in the view; 0: it has none. */
static uint32_t view_estimate_of(const struct graph *g, struct view *v, size_t site)
{
    const struct sampling *s = g->sampling;
    if (graph_likely(!s) || site >= s->sites_capacity || !s->sites[site].samples)
        return 0;
    v->estimates[v->n_estimates++] = s->sites[site];
    return (uint32_t)v->n_estimates;
}

/* Sites, and the totals that are their sums. */
static void view_sites(const struct graph *g, struct view *v)
{
    v->sites = xcalloc(g->n_sites + 1, sizeof *v->sites);
    for (size_t i = 1; i < g->n_sites; i++) {
        const struct site *s = &g->sites[i];
        if (!s->allocations)
            continue;
        v->sites[v->n_sites++] = (struct view_site){
            .stack = g->site_stacks[i], .allocations = s->allocations, .bytes = s->bytes,
            .live_blocks = s->live_blocks, .live_bytes = s->live_bytes,
            .peak_bytes = site_peak(g, s), .temporary = s->temporary, .estimate = view_estimate_of(g, v, i) };
        v->totals.allocations += s->allocations;
        v->totals.bytes_allocated += s->bytes;
        v->totals.live_blocks += s->live_blocks;
        v->totals.live_bytes += s->live_bytes;
        v->totals.temporary += s->temporary;
    }
}

static int compare_threads(const void *a, const void *b)
{
    uint32_t x = ((const struct view_thread *)a)->id, y = ((const struct view_thread *)b)->id;
    return (x > y) - (x < y);
}

static void view_threads(const struct graph *g, struct view *v)
{
    v->threads = xcalloc(g->n_threads, sizeof *v->threads);
    for (size_t i = 1; i < g->n_threads; i++) {
        const struct thread *t = g->threads[i];
        if (t->failed)
            continue;
        struct view_thread *to = &v->threads[v->n_threads++];
        *to = (struct view_thread){
            .id = t->serial, .process = process_at(g, t->process)->serial, .tid = t->tid,
            .creator = t->creator, .joined_by = t->joined_by, .born_ns = t->born_ns,
            .ended_ns = t->ended ? t->ended_ns : 0, .ended = t->ended, .detached = t->detached,
            .made = t->made, .dropped = t->dropped, .owns = t->owns };
        memcpy(to->name, t->name, sizeof to->name);
    }
    qsort(v->threads, v->n_threads, sizeof *v->threads, compare_threads);
}

const struct view_thread *view_thread_of(const struct view *v, uint32_t id)
{
    size_t low = 0, high = v->n_threads;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (v->threads[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->n_threads && v->threads[low].id == id ? &v->threads[low] : NULL;
}

static int compare_processes(const void *a, const void *b)
{
    uint32_t x = ((const struct view_process *)a)->id, y = ((const struct view_process *)b)->id;
    return (x > y) - (x < y);
}

static void view_processes(const struct graph *g, struct view *v)
{
    v->processes = xcalloc(g->n_processes, sizeof *v->processes);
    for (size_t i = 1; i < g->n_processes; i++) {
        const struct process *p = g->processes[i];
        v->processes[v->n_processes++] = (struct view_process){
            .id = p->serial, .parent = p->parent, .pid = p->pid, .ppid = p->ppid,
            .exe = xstrdup(p->exe ? p->exe : ""), .command = xstrdup(p->command ? p->command : ""),
            .started_ns = p->started_ns, .ended_ns = p->ended ? p->ended_ns : 0, .ended = p->ended,
            .untraced_image = p->execing, .exit_known = p->exit_known, .wait_status = p->wait_status, .images = p->images,
            .live_blocks = p->live_blocks + p->more_blocks, .live_bytes = p->live_bytes + p->more_bytes,
            .allocations = p->allocations + p->more_allocations };
    }
    qsort(v->processes, v->n_processes, sizeof *v->processes, compare_processes);
}

static void view_handoffs(const struct graph *g, struct view *v)
{
    v->handoffs = xcalloc(g->n_handoffs + 1, sizeof *v->handoffs);
    v->n_handoffs = g->n_handoffs;
    if (g->n_handoffs)
        memcpy(v->handoffs, g->handoffs, g->n_handoffs * sizeof *v->handoffs);
}

static void view_moves(const struct graph *g, struct view *v)
{
    v->moves = xcalloc(g->n_moves + 1, sizeof *v->moves);
    v->n_moves = g->n_moves;
    if (g->n_moves)
        memcpy(v->moves, g->moves, g->n_moves * sizeof *v->moves);
}

/* ---- blocks ------------------------------------------------------------------ */

/* For each block that a thread borrows now: the thread that was last to get it. */
static struct dict borrowers(const struct graph *g)
{
    struct dict d = { 0 };
    for (size_t i = 1; i < g->n_threads; i++) {
        const struct thread *t = g->threads[i];
        if (!t->arg.id || !t->arg_open || pool_at(&g->pool, t->arg.block)->id != t->arg.id)
            continue;
        uint32_t other = dict_get(&d, t->arg.id);
        if (!other || g->threads[other]->arg_ns <= t->arg_ns)
            dict_set(&d, t->arg.id, t->place);
    }
    return d;
}

struct block_copy { struct view *v; size_t capacity; struct dict borrowers; };

static struct view_block *block_copy(const struct graph *g, struct block_copy *c, const struct process *p, const struct block *b)
{
    static const char *const made = "new";
    c->v->blocks = xgrow(c->v->blocks, &c->capacity, c->v->n_blocks + 1, sizeof *c->v->blocks);
    struct view_block *to = &c->v->blocks[c->v->n_blocks++];
    const struct thread *maker = thread_at(g, b->maker), *borrower = thread_at(g, dict_get(&c->borrowers, b->id));
    *to = (struct view_block){
        .id = b->id, .address = b->address, .size = b->size, .born_ns = b->born_ns, .process = p->serial,
        .thread = maker->serial, .owner = maker->serial, .owned_since_ns = b->born_ns, .owned_by = made,
        .borrower = borrower->serial, .borrowed_ns = borrower->arg_ns,
        .stack = g->site_stacks[b->site], .family = b->family };
    return to;
}

static void block_copy_pool(const struct graph *g, struct block_copy *c, const struct process *p, uint32_t place)
{
    static const char *const names[] = { "new", "taken", "thread-arg", "joined", "outlived" };
    const struct block *b = pool_at(&g->pool, place);
    struct view_block *to = block_copy(g, c, p, b);
    to->rate = sampling_rate_of(g, b);
    to->drawn = sampling_drawn_of(g, place, b);
    if (!(b->flags & BLOCK_NOTED))
        return;
    const struct note *note = &g->pool.notes[dict_get(&g->pool.note_of, place)];
    to->owner = thread_at(g, note->owner)->serial;
    to->owned_since_ns = note->owned_since_ns;
    to->owned_by = names[note->owned_by];
    to->cloned_from = note->cloned_from;
}

static void view_blocks_of(struct graph *g, struct block_copy *c, const struct process *p)
{
    for (uint32_t i = 0; i < table_slots(&p->heap); i++)
        if (table_place(&p->heap, i))
            block_copy_pool(g, c, p, table_place(&p->heap, i));
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block)
            block_copy_pool(g, c, p, p->maps.nodes[i].block);
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process)
        if (thread_at(g, at)->pending.open && thread_at(g, at)->pending.block)
            block_copy_pool(g, c, p, thread_at(g, at)->pending.block);
    struct block clone;
    uint64_t from;
    for (uint32_t i = 0; p->inherit && i < p->inherit->frozen->n; i++)
        if (forks_clone(p, i, &clone, &from))
            block_copy(g, c, p, &clone)->cloned_from = from;
}

static int compare_blocks(const void *a, const void *b)
{
    uint64_t x = ((const struct view_block *)a)->id, y = ((const struct view_block *)b)->id;
    return (x > y) - (x < y);
}

static void view_blocks(struct graph *g, struct view *v)
{
    struct block_copy c = { .v = v, .borrowers = borrowers(g) };
    for (size_t i = 0; i < g->n_processes; i++)
        view_blocks_of(g, &c, g->processes[i]);
    dict_clear(&c.borrowers);
    if (v->n_blocks)
        qsort(v->blocks, v->n_blocks, sizeof *v->blocks, compare_blocks);
}

bool graph_block(struct graph *g, uint64_t id, struct view_block *found)
{
    struct view v = { 0 };
    view_blocks(g, &v);
    const struct view_block *b = v.n_blocks ? bsearch(&(struct view_block){ .id = id }, v.blocks, v.n_blocks, sizeof *b, compare_blocks) : NULL;
    if (b)
        *found = *b;
    free(v.blocks);
    return b;
}

/* ---- the whole --------------------------------------------------------------- */

struct view *graph_view_make(struct graph *g, const struct code *code, unsigned flags)
{
    return graph_view_make_with(g, code, flags, NULL, 0);
}

static void view_snapshots(struct view *v, struct snapshot **snapshots, size_t n)
{
    v->snapshots = xcalloc(n + 1, sizeof *v->snapshots);
    v->n_snapshots = n;
    if (n)
        memcpy(v->snapshots, snapshots, n * sizeof *snapshots);
}

struct view *graph_view_make_with(struct graph *g, const struct code *code, unsigned flags,
                                  struct snapshot **snapshots, size_t n)
{
    return graph_view_make_live(g, code, flags, snapshots, n, NULL, 0);
}

/* Threads that run and said nothing since another collector took their rings over: what the graph knows. Of which
 * namespace their numbers are is known when another thread of their process spoke. */
static void view_states_complete(struct view *v)
{
    struct dict rows = { 0 }, siblings = { 0 }, processes = { 0 };
    size_t spoke = v->n_states, capacity = 0;
    for (size_t i = 0; i < spoke; i++) {
        dict_set(&rows, v->states[i].thread, (uint32_t)i + 1);
        dict_set(&siblings, v->states[i].process, (uint32_t)i + 1);
    }
    for (size_t i = 0; i < v->n_processes; i++)
        if (!v->processes[i].ended)
            dict_set(&processes, v->processes[i].id, (uint32_t)i + 1);
    for (size_t i = 0; i < v->n_threads; i++) {
        const struct view_thread *t = &v->threads[i];
        uint32_t process = dict_get(&processes, t->process), sibling = dict_get(&siblings, t->process);
        if (t->ended || !t->tid || !process || dict_get(&rows, t->id))
            continue;
        v->states = xgrow(v->states, &capacity, v->n_states + 1, sizeof *v->states);
        v->states[v->n_states++] = (struct view_state){
            .thread = t->id, .process = t->process, .pid = v->processes[process - 1].pid, .tid = t->tid,
            .start_time = sibling ? v->states[sibling - 1].start_time : 0, .foreign = !sibling || v->states[sibling - 1].foreign };
    }
    dict_clear(&rows);
    dict_clear(&siblings);
    dict_clear(&processes);
}

struct view *graph_view_make_live(struct graph *g, const struct code *code, unsigned flags,
                                  struct snapshot **snapshots, size_t n, struct view_state *states, size_t n_states)
{
    struct view *v = xcalloc(1, sizeof *v);
    v->at_ns = g->now_ns;
    v->events = g->events;
    v->totals = g->totals;
    memcpy(v->by_fact, g->by_fact, sizeof v->by_fact);
    memcpy(v->moves_by, g->moves_by, sizeof v->moves_by);
    memcpy(v->lost, g->lost, sizeof v->lost);
    memcpy(v->verify, g->verify, sizeof v->verify);
    v->verified = g->verified;
    view_sampling(g, v);
    view_covers(g, v);
    view_sites(g, v);
    view_threads(g, v);
    view_handoffs(g, v);
    view_moves(g, v);
    view_processes(g, v);
    view_locks(g, v);
    view_copies(g, v, flags);
    view_findings(g, v);
    view_clocks(g, v);
    if (flags & VIEW_BLOCKS)
        view_blocks(g, v);
    view_snapshots(v, snapshots, n);
    v->states = states;
    v->n_states = n_states;
    if (states)
        view_states_complete(v);
    view_code_copy(v, code);
    return v;
}

void view_free(struct view *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n_processes; i++) {
        free(v->processes[i].exe);
        free(v->processes[i].command);
    }
    for (size_t i = 0; i < v->n_modules; i++)
        free(v->modules[i].path);
    for (size_t i = 0; i < v->n_snapshots; i++)
        snapshot_free(v->snapshots[i]);
    for (size_t i = 0; i < v->cover.n_controls; i++)
        free(v->cover.controls[i].text);
    free(v->cover.controls);
    free(v->cover.spans);
    free(v->rates);
    free(v->estimates);
    free(v->snapshots);
    free(v->states);
    free(v->sites);
    free(v->threads);
    free(v->handoffs);
    free(v->moves);
    free(v->processes);
    free(v->blocks);
    free(v->locks);
    free(v->lock_classes);
    free(v->lock_sites);
    free(v->holds);
    free(v->waits);
    free(v->guards);
    free(v->order_edges);
    free(v->cycles);
    free(v->deadlock_edges);
    free(v->deadlocks);
    free(v->copy_sites);
    free(v->flows);
    free(v->block_flows);
    free(v->findings);
    free(v->evidence);
    free(v->modules);
    free(v->frames);
    free(v->stacks);
    free(v);
}
