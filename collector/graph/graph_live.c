/*
 * collector/graph/graph_live.c - the addresses of all blocks that live in processes that
 * run (graph_live_addresses), for the filter of what hooks are to follow.
 *
 * In no order, and rather one too many: what a fork left is told as long as its child has not
 * touched it, and a block between the two halves of a realloc where it was. The folding
 * thread waits meanwhile, so each block is touched once, and fetched ahead.
 */
#include "graph/graph_forks.h"

enum { AHEAD = 24 };

struct telling { void (*fn)(void *to, uint64_t address); void *to; };

static void tell_table(const struct telling *t, const struct table *table, const struct pool *pool)
{
    for (uint32_t i = 0, n = table_slots(table); i < n; i++) {
        uint32_t next = i + AHEAD < n ? table_place(table, i + AHEAD) : 0, place = table_place(table, i);
        if (next)
            __builtin_prefetch(pool_at(pool, next));
        if (place)
            t->fn(t->to, pool_at(pool, place)->address);
    }
}

static void tell_frozen(const struct telling *t, const struct frozen *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        t->fn(t->to, f->blocks[i].address);
}

static void tell_process(const struct telling *t, const struct graph *g, const struct process *p)
{
    tell_table(t, &p->heap, &g->pool);
    for (uint32_t i = 1; i < p->maps.next; i++)
        if (p->maps.nodes[i].block)
            t->fn(t->to, pool_at(&g->pool, p->maps.nodes[i].block)->address);
    for (uint32_t at = p->threads; at; at = thread_at(g, at)->next_in_process)
        if (thread_at(g, at)->pending.open && thread_at(g, at)->pending.block)
            t->fn(t->to, thread_at(g, at)->pending.address);
    if (p->inherit)
        tell_frozen(t, p->inherit->frozen);
}

static uint64_t count_process(const struct process *p)
{
    return (uint64_t)p->heap.used + p->maps.used + (p->inherit ? p->inherit->frozen->n : 0);
}

uint64_t graph_live_addresses(const struct graph *g, void (*fn)(void *to, uint64_t address), void *to)
{
    const struct telling t = { fn, to };
    uint64_t n = 0;
    for (uint32_t i = 1; i < g->n_processes; i++) {
        const struct process *p = process_at(g, i);
        if (p->ended)
            continue;
        n += count_process(p);
        if (fn)
            tell_process(&t, g, p);
    }
    for (const struct frozen *f = g->frozen_first; f; f = f->next) {   /* their children have not spoken yet */
        if (f->claimed)
            continue;
        n += f->n;
        if (fn)
            tell_frozen(&t, f);
    }
    return n;
}
