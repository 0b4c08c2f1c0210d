/*
 * collector/graph/graph_sites_archive.c - sites, handoffs and moves in a
 * checkpoint. Run by the folding thread.
 */
#include "graph/graph_archive.h"

#include <string.h>

#include "event/xalloc.h"
#include "graph/graph_handoffs.h"
#include "graph/graph_moves.h"
#include "graph/graph_sites.h"

enum { RUN = 512 };

/* A site as it is written: epochs but the newest mean nothing. */
struct row { struct site s; uint32_t stack; bool at_peak; };

static void row_take(const struct graph *g, size_t place, struct row *row)
{
    *row = (struct row){ .s = g->sites[place], .stack = g->site_stacks[place], .at_peak = g->sites[place].epoch == g->peak_epoch };
    if (!row->at_peak)
        row->s.peak_bytes = 0;
}

static void row_put(struct archive *a, struct graph *g, size_t place, const struct row *row)
{
    if (!archive_need(a, row->at_peak || g->peak_epoch, "a site of the state waits for a peak that never was") ||
        !archive_need(a, !dict_get(&g->site_of, row->stack), "two sites of the state have one stack"))
        return;
    g->sites[place] = row->s;
    g->sites[place].epoch = row->at_peak ? g->peak_epoch : 0;
    g->site_stacks[place] = row->stack;
    dict_set(&g->site_of, row->stack, (uint32_t)place);
}

static void run_archive(struct archive *a, struct row *rows, size_t n)
{
    ARCHIVE_FIELD(a, rows, n, stack);
    ARCHIVE_FIELD(a, rows, n, s.allocations);
    ARCHIVE_FIELD(a, rows, n, s.bytes);
    ARCHIVE_FIELD(a, rows, n, s.live_blocks);
    ARCHIVE_FIELD(a, rows, n, s.live_bytes);
    ARCHIVE_FIELD(a, rows, n, s.running_bytes);
    ARCHIVE_FIELD(a, rows, n, at_peak);
    ARCHIVE_FIELD(a, rows, n, s.peak_bytes);
    ARCHIVE_FIELD(a, rows, n, s.temporary);
    ARCHIVE_BELOW(a, rows, n, at_peak, 2);
}

/* Loading: room for n sites, place 0 with them. */
static bool rows_make(struct archive *a, struct graph *g, size_t n)
{
    g->site_stacks = archive_room(a, n, sizeof *g->site_stacks);
    if (!g->site_stacks || !archive_claim(a, n * sizeof *g->sites))
        return false;
    g->site_stacks_capacity = n;
    sites_grow(g, n);
    g->n_sites = n;
    return true;
}

static void rows_archive(struct archive *a, struct graph *g)
{
    size_t n = g->n_sites;
    struct row rows[RUN];
    archive_count(a, &n, UINT32_MAX);
    if (a->reading && n && !rows_make(a, g, n))
        return;
    for (size_t done = 1, some; done < n && !archive_bad(a); done += some) {
        some = n - done < RUN ? n - done : RUN;
        memset(rows, 0, some * sizeof *rows);
        for (size_t i = 0; !a->reading && i < some; i++)
            row_take(g, done + i, &rows[i]);
        run_archive(a, rows, some);
        for (size_t i = 0; a->reading && i < some && !archive_bad(a); i++)
            row_put(a, g, done + i, &rows[i]);
    }
}

static void handoffs_archive(struct archive *a, struct graph *g)
{
    archive_rows(a, (void **)&g->handoffs, &g->n_handoffs, &g->handoffs_capacity, sizeof *g->handoffs, 2 * HANDOFFS_MAX + 1);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, from);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, to);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, stack_new);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, stack_drop);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, blocks);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, bytes);
    ARCHIVE_FIELD(a, g->handoffs, g->n_handoffs, flight_ns);
    if (a->reading && !archive_bad(a))
        handoffs_index(g);
}

static void moves_archive(struct archive *a, struct graph *g)
{
    archive_rows(a, (void **)&g->moves, &g->n_moves, &g->moves_capacity, sizeof *g->moves, MOVES_MAX + MOVE_REALLOC + 1);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, process);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, from);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, to);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, by);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, blocks);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, bytes);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, first_ns);
    ARCHIVE_FIELD(a, g->moves, g->n_moves, last_ns);
    for (size_t i = 0; a->reading && i < g->n_moves && !archive_bad(a); i++)
        archive_need(a, move_index(g, i), "moves of the state name nobody");
}

void sites_archive(struct archive *a, struct graph *g)
{
    archive_u64(a, &g->peak_epoch);
    rows_archive(a, g);
    handoffs_archive(a, g);
    moves_archive(a, g);
}
