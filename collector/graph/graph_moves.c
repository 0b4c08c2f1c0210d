/*
 * collector/graph/graph_moves.c - see graph_moves.h.
 */
#include "graph/graph_moves.h"

#include "event/xalloc.h"

_Static_assert(THREADS_MAX <= 1 << 20 && PROCESSES_MAX <= 1 << 20 && MOVE_REALLOC < 16, "a key is 64 bits");

static struct view_move *move_row(struct graph *g, const struct process *p, uint32_t from, uint32_t to, enum move_by by)
{
    uint64_t key = (uint64_t)p->place << 44 | (uint64_t)from << 24 | (uint64_t)to << 4 | (unsigned)by;
    uint32_t row = dict_get(&g->move_of, key);
    if (row)
        return &g->moves[row - 1];
    if (g->n_moves >= MOVES_MAX && (p->place || from || to))
        return move_row(g, process_at(g, 0), 0, 0, by);
    g->moves = xgrow(g->moves, &g->moves_capacity, g->n_moves + 1, sizeof *g->moves);
    struct view_move *m = &g->moves[g->n_moves++];
    *m = (struct view_move){ .process = p->serial, .from = thread_at(g, from)->serial, .to = thread_at(g, to)->serial,
                             .by = (uint32_t)by, .first_ns = UINT64_MAX };
    dict_set(&g->move_of, key, (uint32_t)g->n_moves);
    return m;
}

void move_count(struct graph *g, const struct process *p, uint32_t from, uint32_t to, enum move_by by,
                uint64_t bytes, uint64_t ns)
{
    struct view_move *m = move_row(g, p, from, to, by);
    m->blocks++;
    m->bytes += bytes;
    if (ns < m->first_ns)
        m->first_ns = ns;
    if (ns > m->last_ns)
        m->last_ns = ns;
}
