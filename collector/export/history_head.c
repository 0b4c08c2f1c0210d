/*
 * collector/export/history_head.c - see history_head.h.
 */
#include "export/history_head.h"

#include "export/replay.h"

static struct graph *head_graph(struct trace *t)
{
    struct graph *g;
    if (!trace_events_before(t) || replay_to(t, trace_events_before(t), &g, NULL))
        return NULL;
    return g;
}

bool head_block(struct trace *t, uint64_t id, struct block_life *life)
{
    struct graph *g = head_graph(t);
    struct view_block b;
    bool found = g && graph_block(g, id, &b);
    if (found)
        *life = block_life_of(&b);
    graph_free(g);
    return found;
}

uint64_t head_block_at(struct trace *t, uint32_t process, uint64_t address)
{
    struct graph *g = head_graph(t);
    struct view_block b;
    uint64_t id = g ? graph_block_at(g, address) : 0;
    if (id && process && !(graph_block(g, id, &b) && b.process == process))
        id = 0;
    graph_free(g);
    return id;
}

uint64_t head_ns(const struct trace *t)
{
    const struct trace_checkpoint *list;
    bool has = trace_checkpoints(t, &list) && list[0].event == trace_events_before(t);
    return has ? list[0].ns : 0;
}
