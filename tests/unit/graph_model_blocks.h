/*
 * tests/unit/graph_model_blocks.h - what the naive graph (graph_model.h) keeps: blocks,
 * threads, processes, forks, and the facts that it expects, held against those that
 * the real one tells.
 */
#ifndef GRAPH_MODEL_BLOCKS_H
#define GRAPH_MODEL_BLOCKS_H

#include "graph_play.h"

enum { BLOCKS = 1 << 13, THREADS = 96, PROCESSES = 8, SITES = 6, ADDRESSES = 64, PAGES = 24, FACTS = 1 << 12, LOOPS = 20 };

struct mblock {
    uint64_t id, address, size, born_ns, from;
    uint32_t process, maker, owner, stack;
    bool map, untold, parked, gone;
};
struct mthread {
    uint32_t process;
    bool known, exited, ended, joined, detached, leaving, arg_open, pending, linked;
    uint64_t exit_ns, ended_ns, gone_ns, arg, arg_ns, result, last_new, pending_address, pending_id;
    uint32_t pending_stack;
    struct view_count made, dropped, owns;
};
struct mprocess {
    bool started, ended, threaded;
    uint32_t first, pid;
    uint64_t allocations;
};
struct mfork { bool open; uint32_t process, thread; size_t n; struct mblock blocks[ADDRESSES + PAGES]; };

static struct {
    struct mblock blocks[BLOCKS];
    size_t n;
    struct mthread t[THREADS];
    struct mprocess p[PROCESSES];
    struct mfork fork;
    uint64_t next_id, running, ns, peak_sites[SITES + 1];
    uint64_t copies, copy_bytes, copy_bytes_to_blocks;
    struct view_totals totals;
    struct view_site sites[SITES + 1];
    struct event e;
} m;

struct told { uint64_t ns, block, address, size, old_address, old_size; uint32_t thread, process, from, to, stack; uint8_t type; const char *by; uint64_t cloned_from; };
static struct told expected[FACTS], actual[FACTS];
static size_t n_expected, n_actual;
static struct graph *g;

static uint64_t seed;
static uint32_t rnd(uint32_t n)
{
    seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
    return (uint32_t)((seed >> 20) % n);
}

/* ---- facts ---------------------------------------------------------------- */

static void observe(void *context, const struct fact *f)
{
    must((n_actual) < (FACTS));
    actual[n_actual++] = (struct told){ f->ns, f->block, f->address, f->size, f->old_address, f->old_size, f->thread,
                                        f->process, f->from_thread, f->to_thread, f->stack, f->type, f->by, f->cloned_from };
}

static void tell(struct told f)
{
    must((n_expected) < (FACTS));
    expected[n_expected++] = f;
}

static void show(const char *who_says, const struct told *f)
{
    fprintf(stderr, "%s: %s b%lu by %s ns %lu %lx+%lu old %lx+%lu t%u p%u t%u->t%u stack %u from b%lu\n", who_says,
            fact_type_name(f->type), f->block, f->by, f->ns, f->address, f->size, f->old_address, f->old_size,
            f->thread, f->process, f->from, f->to, f->stack, f->cloned_from);
}

static bool same(const struct told *a, const struct told *b)
{
    const char *x = a->by ? a->by : "", *y = b->by ? b->by : "";
    return a->ns == b->ns && a->block == b->block && a->address == b->address && a->size == b->size &&
           a->old_address == b->old_address && a->old_size == b->old_size && a->thread == b->thread &&
           a->process == b->process && a->from == b->from && a->to == b->to && a->stack == b->stack &&
           a->type == b->type && a->cloned_from == b->cloned_from && !strcmp(x, y);
}

/* The graph may be behind by what it parked; never ahead or different. */
static void compare_facts(void)
{
    size_t n = n_actual;
    must((n) <= (n_expected));
    for (size_t i = 0; i < n; i++)
        if (!same(&expected[i], &actual[i])) {
            show("model", &expected[i]);
            show("graph", &actual[i]);
            ck_abort_msg("fact %zu of event at %lu differs", i, m.ns);
        }
    memmove(expected, expected + n, (n_expected - n) * sizeof *expected);
    n_expected -= n;
    n_actual = 0;
}

static void tell_life(enum fact_type type, const char *by, uint32_t to, uint32_t thread)
{
    tell((struct told){ .ns = m.ns, .address = m.e.address, .size = m.e.size, .thread = thread, .process = m.e.process,
                        .to = to, .stack = m.e.stack, .type = (uint8_t)type, .by = by });
}

static void tell_block(enum fact_type type, const struct mblock *b, const char *by, uint32_t thread, uint32_t stack)
{
    tell((struct told){ .ns = m.ns, .block = b->id, .address = b->address, .size = b->size, .thread = thread,
                        .process = m.e.process, .stack = stack, .type = (uint8_t)type, .by = by });
}

static void tell_move(const struct mblock *b, const char *by, uint64_t ns, uint32_t from, uint32_t to)
{
    bool found = !strcmp(by, "outlived");
    tell((struct told){ .ns = ns, .block = b->id, .address = b->address, .size = b->size, .thread = found ? 0 : m.e.thread,
                        .process = m.e.process, .from = from, .to = to, .stack = found ? 0 : m.e.stack, .type = FACT_MOVE, .by = by });
}

/* ---- blocks ------------------------------------------------------------------- */

static bool counts(const struct mblock *b) { return !b->map && !b->from; }

static void touch(struct mblock *b)
{
    if (!b->untold)
        return;
    b->untold = false;
    tell((struct told){ .ns = b->born_ns, .block = b->id, .address = b->address, .size = b->size, .thread = b->maker,
                        .process = b->process, .stack = b->stack, .type = FACT_NEW, .by = "clone", .cloned_from = b->from });
}

/* By id: the list is kept in that order for the blocks of one process. */
static void touch_all(uint32_t p, bool maps, bool heap)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < m.n; i++)
            if (!m.blocks[i].gone && m.blocks[i].process == p && m.blocks[i].map == !pass && (pass ? heap : maps))
                touch(&m.blocks[i]);
}

static struct mblock *heap_at(uint32_t p, uint64_t address)
{
    for (size_t i = 0; i < m.n; i++) {
        struct mblock *b = &m.blocks[i];
        if (!b->gone && !b->parked && !b->map && b->process == p && b->address == address) {
            touch(b);
            return b;
        }
    }
    return NULL;
}

static struct mblock *block_by_id(uint64_t id)
{
    for (size_t i = 0; id && i < m.n; i++)
        if (!m.blocks[i].gone && m.blocks[i].id == id)
            return &m.blocks[i];
    return NULL;
}

static struct mblock *holding(uint32_t p, uint64_t address, bool map)
{
    for (size_t i = 0; i < m.n; i++) {
        struct mblock *b = &m.blocks[i];
        if (b->gone || b->parked || b->process != p || b->map != map || address < b->address || address - b->address >= b->size)
            continue;
        touch(b);
        return b;
    }
    return NULL;
}

static struct mblock *pointee(uint32_t p, uint64_t address)
{
    if (address < 4096)
        return NULL;
    struct mblock *b = holding(p, address, false);
    if (b)
        return b;
    touch_all(p, true, false);
    return holding(p, address, true);
}

static void set_owner(struct mblock *b, uint32_t to)
{
    if (counts(b)) {
        m.t[b->owner].owns.blocks--;
        m.t[b->owner].owns.bytes -= b->size;
        m.t[to].owns.blocks++;
        m.t[to].owns.bytes += b->size;
    }
    b->owner = to;
}

/* Bytes of a block that counts come to its site (or go: negative). */
static void grow(const struct mblock *b, int64_t bytes)
{
    m.totals.live_bytes += (uint64_t)bytes;
    m.sites[b->stack].live_bytes += (uint64_t)bytes;
    m.t[b->owner].owns.bytes += (uint64_t)bytes;
    if (m.p[b->process].ended)
        return;
    m.sites[b->stack].peak_bytes += (uint64_t)bytes;    /* here: what runs now */
    m.running += (uint64_t)bytes;
    if (m.running <= m.totals.peak_bytes)
        return;
    m.totals.peak_bytes = m.running;
    m.totals.peak_ns = m.ns;
    m.totals.peak_event = graph_events(g) + 1;      /* that of the event, which is folded next */
    for (int s = 0; s <= SITES; s++)
        m.peak_sites[s] = m.sites[s].peak_bytes;
}

static void end_block(struct mblock *b)
{
    if (b->map && !b->from)
        m.totals.mapped_bytes -= b->size;
    if (counts(b)) {
        m.totals.live_blocks--;
        m.sites[b->stack].live_blocks--;
        m.t[b->owner].owns.blocks--;
        grow(b, -(int64_t)b->size);
    }
    b->gone = true;
}

static struct mblock *add_block(struct mblock b)
{
    must((m.n) < (BLOCKS));
    m.blocks[m.n] = b;
    return &m.blocks[m.n++];
}

/* Between events: nobody holds a pointer into the list. */
static void forget_the_gone(void)
{
    size_t n = 0;
    for (size_t i = 0; i < m.n; i++)
        if (!m.blocks[i].gone)
            m.blocks[n++] = m.blocks[i];
    m.n = n;
}

static void receive(struct mblock *b, bool keep)
{
    uint32_t t = m.e.thread;
    struct mthread *owner = &m.t[b->owner];
    if (b->owner == t)
        return;
    if (m.t[t].arg == b->id) {
        tell_move(b, "thread-arg", m.t[t].arg_ns, b->owner, t);
        m.t[t].arg = 0;
        m.t[t].arg_open = false;
    } else {
        uint32_t from = b->owner;
        if (from && (owner->exited || owner->ended)) {
            tell_move(b, "outlived", owner->exited ? owner->exit_ns : owner->ended_ns, from, 0);
            from = 0;
        }
        tell_move(b, "taken", m.ns, from, t);
    }
    if (keep)
        set_owner(b, t);
}

static void unseen(struct mblock *b)
{
    tell((struct told){ .ns = m.ns, .block = b->id, .address = b->address, .size = b->size, .process = m.e.process, .type = FACT_DROP, .by = "unseen" });
    m.totals.unseen_drops += counts(b);
    end_block(b);
}

static void new_block(uint32_t stack)
{
    struct mthread *t = &m.t[m.e.thread];
    struct mblock *b = add_block((struct mblock){ .id = m.next_id++, .address = m.e.address, .size = m.e.size, .born_ns = m.ns,
        .process = m.e.process, .maker = m.e.thread, .owner = m.e.thread, .stack = stack });
    t->made.blocks++;
    t->made.bytes += b->size;
    t->owns.blocks++;
    t->last_new = b->id;
    m.p[b->process].allocations++;
    m.totals.allocations++;
    m.totals.live_blocks++;
    m.totals.bytes_allocated += b->size;
    m.sites[stack].allocations++;
    m.sites[stack].bytes += b->size;
    m.sites[stack].live_blocks++;
    grow(b, (int64_t)b->size);
    tell_block(FACT_NEW, b, NULL, m.e.thread, stack);
}

static void drop_block(struct mblock *b, uint32_t stack)
{
    struct mthread *t = &m.t[m.e.thread];
    receive(b, false);
    m.totals.frees++;
    if (counts(b)) {
        t->dropped.blocks++;
        t->dropped.bytes += b->size;
        if (b->maker == m.e.thread && t->last_new == b->id) {
            m.totals.temporary++;
            m.sites[b->stack].temporary++;
        }
    }
    tell_block(FACT_DROP, b, NULL, m.e.thread, stack);
    end_block(b);
}

#endif
