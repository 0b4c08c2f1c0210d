/*
 * collector/graph/graph_archive.c - a checkpoint: the whole fold, part by part.
 * See graph_archive.h. Run by the folding thread.
 */
#include "graph/graph_archive.h"

#include <stdlib.h>

static void graph_archive(struct archive *a, struct graph *g)
{
    archive_u64(a, &g->events);
    archive_u64(a, &g->now_ns);
    archive_u64(a, &g->next_block_id);
    processes_archive(a, g);
    threads_archive(a, g);
    sites_archive(a, g);
    pool_archive(a, g);
    custody_archive(a, g);
    heaps_archive(a, g);
    forks_archive(a, g);
    modules_archive(a, g);
    graves_archive(a, g);
    findings_archive(a, g);
    locks_archive(a, g);
    order_archive(a, g);
    clocks_archive(a, g);
    flows_archive(a, g);
    repair_archive(a, g);
}

void graph_save(struct graph *g, struct archive *a)
{
    pool_number(&g->pool);
    graph_archive(a, g);
    pool_number_end(&g->pool);
}

struct graph *graph_load(const struct code *code, struct archive *a)
{
    struct graph *g = graph_new(code);
    graph_archive(a, g);
    if (!archive_bad(a))
        return g;
    graph_free(g);
    return NULL;
}

uint64_t graph_peek_next_block(struct archive *a)
{
    uint64_t events, now_ns, next = 0;
    archive_u64(a, &events);
    archive_u64(a, &now_ns);
    archive_u64(a, &next);
    return archive_bad(a) ? 0 : next;
}

uint64_t graph_rows(const struct graph *g) { return g->pool.live; }

/* Parts that are still to be written. */
#define PART(name) __attribute__((weak)) void name(struct archive *a, struct graph *g) { }
PART(threads_archive) PART(processes_archive) PART(sites_archive) PART(custody_archive) PART(heaps_archive)
PART(locks_archive) PART(order_archive) PART(clocks_archive)
