/*
 * collector/graph/graph_archive.c - a checkpoint: the whole fold, part by part.
 * See graph_archive.h. Run by the folding thread.
 */
#include "graph/graph_archive.h"

#include <stdlib.h>

#include "graph/graph_clock_state.h"
#include "graph/graph_flows.h"
#include "graph/graph_lock_state.h"
#include "graph/graph_cover.h"
#include "graph/graph_sampling.h"

static void words_archive(struct archive *a, uint64_t *words, size_t n)
{
    archive_column(a, words, sizeof *words, sizeof *words, n);
}

static void scalars_archive(struct archive *a, struct graph *g)
{
    _Static_assert(sizeof g->totals % sizeof(uint64_t) == 0, "totals are words");
    archive_u64(a, &g->events);
    archive_u64(a, &g->now_ns);
    archive_u64(a, &g->next_block_id);
    archive_need(a, g->next_block_id && g->next_block_id < 1ull << 48, "the state has more blocks than there can be");
    archive_u64(a, &g->running_bytes);
    archive_u64(a, &g->mapped_running);
    archive_bool(a, &g->without_locks);
    words_archive(a, g->by_fact, a->version >= 2 ? FACT_TYPES : FACT_RATE);
    words_archive(a, g->moves_by, sizeof g->moves_by / sizeof *g->moves_by);
    words_archive(a, g->lost, sizeof g->lost / sizeof *g->lost);
    archive_u64(a, &g->lost_ns);
    words_archive(a, g->verify, sizeof g->verify / sizeof *g->verify);
    archive_bool(a, &g->verified);
    words_archive(a, (uint64_t *)&g->totals, sizeof g->totals / sizeof(uint64_t));
}

static void graph_archive(struct archive *a, struct graph *g)
{
    scalars_archive(a, g);
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
    sampling_archive(a, g);
    cover_archive(a, g);
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
    pool_number_end(&g->pool);
    if (!archive_bad(a))
        return g;
    graph_free(g);
    return NULL;
}

uint16_t archive_flags_of(const void *row, const size_t *places, size_t n)
{
    unsigned flags = 0;
    for (size_t i = 0; i < n; i++)
        flags |= (unsigned)*(const bool *)((const char *)row + places[i]) << i;
    return (uint16_t)flags;
}

void archive_flags_put(void *row, const size_t *places, size_t n, uint16_t flags)
{
    for (size_t i = 0; i < n; i++)
        *(bool *)((char *)row + places[i]) = flags >> i & 1;
}

uint64_t graph_peek_next_block(struct archive *a)
{
    uint64_t events, now_ns, next = 0;
    archive_u64(a, &events);
    archive_u64(a, &now_ns);
    archive_u64(a, &next);
    return archive_bad(a) ? 0 : next;
}

/* Counted by what they cost beside a block: one that was dropped has more numbers than one that lives. */
uint64_t graph_rows(const struct graph *g)
{
    enum { GRAVE = 3, SITE = 2, THREAD = 8, LOCK = 8, SYNC = 4, USE = 2, FLOW = 2, FINDING = 8 };
    uint64_t graves = (uint64_t)GRAVES_MAX * (g->n_processes - (g->n_ended < g->n_processes ? g->n_ended : g->n_processes));
    uint64_t rows = g->pool.live + g->frozen_blocks + SITE * (g->n_sites + g->n_handoffs + g->n_moves) +
                    THREAD * (g->n_threads + g->n_processes) + FINDING * g->n_findings;
    rows += GRAVE * (graves < g->totals.frees ? graves : g->totals.frees);
    if (g->locks)
        rows += LOCK * (uint64_t)g->locks->live + SITE * (g->locks->n_sites + g->locks->n_classes + g->locks->order.n_edges);
    if (g->clocks)
        rows += SYNC * g->clocks->n_sync + USE * (uint64_t)g->clocks->uses.next;
    return rows + FLOW * flows_rows(g);
}
