/*
 * collector/graph/graph_watch.c - what a reader has to know of a block to leave
 * out the folding of events that do not concern it (export/history_walk.h).
 *
 * Most of what happens to a block names its address. The rest comes through
 * threads: who owns it ends, who borrows it ends; or waits in the fold. Run by
 * the folding thread.
 */
#include "graph/graph_state.h"

static void watch_add(struct graph_watch *w, const struct thread *x)
{
    if (w->n == GRAPH_WATCH_MAX) {
        w->unsettled = true;
        return;
    }
    w->threads[w->n] = x->serial;
    w->pthreads[w->n++] = x->pthread_known ? x->pthread : 0;
    w->unsettled |= x->leaving;
}

void graph_watch(const struct graph *g, uint64_t block, uint32_t process, uint32_t owner, struct graph_watch *w)
{
    uint32_t place = dict_get(&g->process_of, process);
    *w = (struct graph_watch){ .unsettled = g->n_parked || !place };
    if (!place)
        return;
    for (uint32_t at = process_at(g, place)->threads; at; at = thread_at(g, at)->next_in_process) {
        const struct thread *x = thread_at(g, at);
        if (x->pending.open && x->pending.block && pool_at(&g->pool, x->pending.block)->id == block)
            w->unsettled = true;
        if (x->serial == owner || (x->arg.id == block && x->arg_open))
            watch_add(w, x);
    }
}

bool graph_waiting(const struct graph *g)
{
    bool waits = g->n_parked;
    for (size_t i = 1; i < g->n_processes && !waits; i++)
        waits = process_at(g, (uint32_t)i)->n_leaving;
    for (size_t i = 1; i < g->n_threads && !waits; i++)
        waits = thread_at(g, (uint32_t)i)->pending.open && !thread_at(g, (uint32_t)i)->ended;
    return waits;
}

uint64_t graph_block_at(const struct graph *g, uint64_t address)
{
    uint64_t newest = 0;
    for (uint32_t place = 1; place < g->pool.next; place++) {
        const struct block *b = pool_at(&g->pool, place);
        if (b->id > newest && address >= b->address && address - b->address < (b->size ? b->size : 1))
            newest = b->id;
    }
    return newest;
}
