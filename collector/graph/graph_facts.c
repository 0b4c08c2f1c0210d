/*
 * collector/graph/graph_facts.c - see graph_facts.h.
 */
#include "graph/graph_facts.h"

#include "graph/graph_sampling.h"
#include "graph/graph_lock_state.h"
#include "graph/graph_moves.h"

const char *const view_move_names[5] = { "taken", "thread-arg", "joined", "outlived", "realloc" };

static const char *const fact_names[FACT_TYPES] = {
    [FACT_NEW] = "new",       [FACT_DROP] = "drop",
    [FACT_MOVE] = "move",     [FACT_BORROW] = "borrow",
    [FACT_BORROW_END] = "borrow-end",
    [FACT_THREAD] = "thread", [FACT_PROCESS] = "process",
    [FACT_MARK] = "mark",     [FACT_LOST] = "lost",
    [FACT_ACQUIRE] = "acquire", [FACT_RELEASE] = "release",
    [FACT_WAIT] = "wait",     [FACT_WAIT_END] = "wait-end",
    [FACT_LOCK] = "lock",     [FACT_SNAPSHOT] = "snapshot",
    [FACT_RATE] = "rate",     [FACT_COVER] = "cover",       [FACT_CONTROL] = "control",
};

const char *fact_type_name(unsigned type)
{
    return type < FACT_TYPES && fact_names[type] ? fact_names[type] : "?";
}

static struct fact fact_of(const struct graph *g, enum fact_type type, const struct event *e, const char *by)
{
    return (struct fact){ .type = (uint8_t)type, .ns = e->ns, .thread = e->thread, .process = e->process,
                          .stack = e->stack, .by = by, .event = g->number };
}

static void fact_put_block(const struct graph *g, struct fact *f, const struct block *b)
{
    f->rate = sampling_rate_of(g, b);
    f->block = b->id;
    f->address = b->address;
    f->size = b->size;
    f->family = b->family;
}

void fact_block_tell(struct graph *g, enum fact_type type, const struct event *e, const struct block *b, const char *by)
{
    struct fact f = fact_of(g, type, e, by);
    fact_put_block(g, &f, b);
    if (type == FACT_DROP)
        f.family = e->family;
    g->observe(g->observe_context, &f);
}

void fact_unknown(struct graph *g, const struct event *e)
{
    g->by_fact[FACT_DROP]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, FACT_DROP, e, NULL);
    f.address = e->address;
    f.size = e->extra[0];
    f.family = e->family;
    g->observe(g->observe_context, &f);
}

void fact_part(struct graph *g, const struct event *e, const struct block *b, uint64_t address, uint64_t bytes)
{
    g->by_fact[FACT_DROP]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, FACT_DROP, e, "part");
    f.block = b->id;
    f.address = address;
    f.size = bytes;
    f.family = e->family;
    g->observe(g->observe_context, &f);
}

void fact_ended(struct graph *g, const struct event *e, const struct block *b, const char *by)
{
    g->by_fact[FACT_DROP]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, FACT_DROP, e, by);
    fact_put_block(g, &f, b);
    f.thread = 0;
    f.stack = 0;
    f.family = WIRE_FAMILY_NONE;
    g->observe(g->observe_context, &f);
}

void fact_clone(struct graph *g, const struct block *b, uint64_t cloned_from)
{
    g->by_fact[FACT_NEW]++;
    if (!g->observe)
        return;
    struct fact f = { .type = FACT_NEW, .ns = b->born_ns, .thread = thread_at(g, b->maker)->serial,
                      .process = g->last_process->serial, .stack = g->site_stacks[b->site], .by = "clone",
                      .event = g->number, .cloned_from = cloned_from };
    fact_put_block(g, &f, b);
    g->observe(g->observe_context, &f);
}

void fact_move(struct graph *g, const struct event *e, const struct block *b, enum move_by by,
               uint64_t ns, uint32_t from, uint32_t to)
{
    g->by_fact[FACT_MOVE]++;
    struct view_count n = block_counted(g, 0, b);
    g->moves_by[by] += by == MOVE_REALLOC ? 1 : n.blocks;
    move_count(g, g->last_process, from, to, by, n, ns);
    if (!g->observe)
        return;
    struct fact f = fact_of(g, FACT_MOVE, e, view_move_names[by]);
    fact_put_block(g, &f, b);
    f.ns = ns;
    f.from_thread = thread_at(g, from)->serial;
    f.to_thread = thread_at(g, to)->serial;
    g->observe(g->observe_context, &f);
}

void fact_relocated(struct graph *g, const struct event *e, const struct block *b,
                    uint64_t old_address, uint64_t old_size, uint32_t stack)
{
    g->by_fact[FACT_MOVE]++;
    g->moves_by[MOVE_REALLOC]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, FACT_MOVE, e, view_move_names[MOVE_REALLOC]);
    fact_put_block(g, &f, b);
    f.old_address = old_address;
    f.old_size = old_size;
    f.from_thread = f.to_thread = e->thread;
    f.stack = stack;
    g->observe(g->observe_context, &f);
}

void fact_borrow(struct graph *g, enum fact_type type, const struct event *e, uint64_t id,
                 const struct block *b, uint32_t to, uint64_t ns)
{
    g->by_fact[type]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, type, e, view_move_names[MOVE_THREAD_ARG]);
    if (b)
        fact_put_block(g, &f, b);
    f.block = id;
    f.ns = ns;
    f.to_thread = thread_at(g, to)->serial;
    g->observe(g->observe_context, &f);
}

void fact_lock_tell(struct graph *g, enum fact_type type, const struct event *e, const struct lock *lock,
                    const char *by, uint64_t wait_ns, bool shared)
{
    struct fact f = fact_of(g, type, e, by);
    f.lock = lock->id;
    f.address = lock->address;
    f.size = type == FACT_WAIT_END ? e->size : 0;
    f.wait_ns = wait_ns;
    f.shared = shared;
    f.lock_family = lock->family;
    g->observe(g->observe_context, &f);
}

void fact_copied(struct graph *g, const struct event *e, const struct block *b, uint64_t offset, uint64_t bytes, bool written)
{
    g->by_fact[FACT_BORROW]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, FACT_BORROW, e, "copied");
    fact_put_block(g, &f, b);
    f.to_thread = e->thread;
    f.offset = offset;
    f.size = bytes;
    f.is_mutable = written;
    g->observe(g->observe_context, &f);
}

void fact_life(struct graph *g, enum fact_type type, const struct event *e, const char *by, uint32_t to_serial)
{
    g->by_fact[type]++;
    if (!g->observe)
        return;
    struct fact f = fact_of(g, type, e, by);
    f.to_thread = to_serial;
    f.address = e->address;
    f.size = e->size;
    f.text = e->text;
    f.text_bytes = e->text ? e->text_bytes : 0;
    g->observe(g->observe_context, &f);
}
