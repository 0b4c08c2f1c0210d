/*
 * collector/graph/graph_moves.c - see graph_moves.h.
 */
#include "graph/graph_moves.h"

#include "event/xalloc.h"

_Static_assert(THREADS_MAX <= 1 << 20 && PROCESSES_MAX <= 1 << 20 && MOVE_REALLOC < 16, "a key is 64 bits");

static uint64_t move_key(uint32_t process, uint32_t from, uint32_t to, unsigned by)
{
    return (uint64_t)process << 44 | (uint64_t)from << 24 | (uint64_t)to << 4 | by;
}

bool move_index(struct graph *g, size_t row)
{
    const struct view_move *m = &g->moves[row];
    uint32_t process = dict_get(&g->process_of, m->process), from = dict_get(&g->thread_of, m->from), to = dict_get(&g->thread_of, m->to);
    uint64_t key = move_key(process, from, to, m->by);
    if ((m->process && !process) || (m->from && !from) || (m->to && !to) || m->by > MOVE_REALLOC || dict_get(&g->move_of, key))
        return false;
    dict_set(&g->move_of, key, (uint32_t)row + 1);
    return true;
}

static struct view_move *move_row(struct graph *g, const struct process *p, uint32_t from, uint32_t to, enum move_by by)
{
    uint64_t key = move_key(p->place, from, to, by);
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
                struct view_count n, uint64_t ns)
{
    struct view_move *m = move_row(g, p, from, to, by);
    m->blocks += n.blocks;
    m->bytes += n.bytes;
    if (ns < m->first_ns)
        m->first_ns = ns;
    if (ns > m->last_ns)
        m->last_ns = ns;
}
