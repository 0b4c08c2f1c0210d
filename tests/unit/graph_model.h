/*
 * tests/unit/graph_model.h - a naive ownership graph, to compare the real one with.
 *
 * It keeps a plain list of blocks and searches it; it copies all sites at each
 * new peak, moves custody at once, and clones a fork's blocks when the child
 * starts. Only how a clone is told (at its first touch) it has to know. The
 * event of the moment is m.e; every model_X does what the graph should for an
 * event X, and tells the facts that it expects.
 */
#ifndef GRAPH_MODEL_H
#define GRAPH_MODEL_H

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

/* ---- events ----------------------------------------------------------------------- */

static void model_new(void)
{
    struct mblock *b = heap_at(m.e.process, m.e.address);
    if (b)
        unseen(b);
    new_block(m.e.stack);
}

/* Nothing starts there; does it lie inside of a block? */
static void look_inside(void)
{
    if (m.e.address >= 4096)
        holding(m.e.process, m.e.address, false);
}

static void model_drop(void)
{
    struct mblock *b = heap_at(m.e.process, m.e.address);
    if (b) {
        drop_block(b, m.e.stack);
        return;
    }
    m.totals.unknown_drops++;
    tell((struct told){ .ns = m.ns, .address = m.e.address, .size = m.e.extra[0], .thread = m.e.thread, .process = m.e.process, .stack = m.e.stack, .type = FACT_DROP });
    look_inside();
}

static void borrow_copied(const struct mblock *b, uint64_t address, uint64_t bytes)
{
    if (!b)
        return;
    uint64_t room = b->size - (address - b->address);
    tell((struct told){ .ns = m.ns, .block = b->id, .address = b->address, .size = bytes < room ? bytes : room, .thread = m.e.thread,
                        .process = m.e.process, .to = m.e.thread, .stack = m.e.stack, .type = FACT_BORROW, .by = "copied" });
}

static void model_copy(void)
{
    struct mblock *from = m.e.extra[0] >= 4096 ? holding(m.e.process, m.e.extra[0], false) : NULL;
    struct mblock *to = m.e.address >= 4096 ? holding(m.e.process, m.e.address, false) : NULL;
    borrow_copied(from, m.e.extra[0], m.e.extra[1] ? m.e.extra[1] : m.e.size);
    borrow_copied(to, m.e.address, m.e.size);
    m.copies++;
    m.copy_bytes += m.e.size;
    m.copy_bytes_to_blocks += to ? m.e.size : 0;
}

static void model_begin(void)
{
    struct mthread *t = &m.t[m.e.thread];
    struct mblock *b = heap_at(m.e.process, m.e.address);
    t->pending = true;
    t->pending_address = m.e.address;
    t->pending_stack = m.e.stack;
    t->pending_id = b ? b->id : 0;
    if (!b) {
        look_inside();
        return;
    }
    receive(b, true);
    b->parked = true;
}

/* A realloc came to nothing: its block is where it was, unless another is. */
static void restore(struct mblock *b)
{
    if (!b)
        return;
    struct mblock *other = heap_at(m.e.process, b->address);
    b->parked = false;
    if (other)
        unseen(b);
}

static void model_end(void)
{
    struct mthread *t = &m.t[m.e.thread];
    struct mblock *other = m.e.address ? heap_at(m.e.process, m.e.address) : NULL, *b = block_by_id(t->pending_id);
    t->pending = false;
    if (other)
        unseen(other);
    if (!m.e.address) {
        restore(b);
        return;
    }
    if (!b) {
        new_block(m.e.stack);
        return;
    }
    int64_t more = (int64_t)m.e.size - (int64_t)b->size;
    struct told f = { .ns = m.ns, .block = b->id, .address = m.e.address, .size = m.e.size, .old_address = b->address, .old_size = b->size,
        .thread = m.e.thread, .process = m.e.process, .from = m.e.thread, .to = m.e.thread, .stack = m.e.stack, .type = FACT_MOVE, .by = "realloc" };
    b->parked = false;
    b->address = m.e.address;
    b->size = m.e.size;
    m.totals.reallocations++;
    if (counts(b)) {
        if (more > 0) {
            m.totals.bytes_allocated += (uint64_t)more;
            m.sites[b->stack].bytes += (uint64_t)more;
        }
        grow(b, more);
    }
    tell(f);
}

/* [start, end) of all mappings goes, lowest first. */
static bool cover(uint64_t start, uint64_t end, const char *by)
{
    bool any = false;
    touch_all(m.e.process, true, false);
    for (;;) {
        struct mblock *b = NULL;
        for (size_t i = 0; i < m.n; i++) {
            struct mblock *c = &m.blocks[i];
            if (!c->gone && c->map && c->process == m.e.process && c->address < end && c->address + c->size > start && (!b || c->address < b->address))
                b = c;
        }
        if (!b)
            return any;
        any = true;
        uint64_t low = b->address, high = b->address + b->size;
        if (start <= low && end >= high) {
            receive(b, false);
            tell_block(FACT_DROP, b, by, m.e.thread, m.e.stack);
            end_block(b);
            continue;
        }
        uint64_t cut_low = start > low ? start : low, cut_high = end < high ? end : high;
        struct mblock upper = *b;
        if (low < cut_low) {
            b->size = cut_low - low;
        } else {
            b->address = cut_high;
            b->size = high - cut_high;
        }
        uint64_t id = b->id;
        if (low < cut_low && cut_high < high) {
            upper.id = m.next_id++;
            upper.address = cut_high;
            upper.size = high - cut_high;
            tell_block(FACT_NEW, add_block(upper), "split", m.e.thread, m.e.stack);
        }
        if (!upper.from)
            m.totals.mapped_bytes -= cut_high - cut_low;
        tell((struct told){ .ns = m.ns, .block = id, .address = cut_low, .size = cut_high - cut_low, .thread = m.e.thread, .process = m.e.process, .stack = m.e.stack, .type = FACT_DROP, .by = "part" });
    }
}

static void model_map(void)
{
    uint64_t id = m.next_id++;
    cover(m.e.address, m.e.address + m.e.size, "replaced");
    struct mblock *b = add_block((struct mblock){ .id = id, .address = m.e.address, .size = m.e.size, .born_ns = m.ns,
        .process = m.e.process, .maker = m.e.thread, .owner = m.e.thread, .stack = m.e.stack, .map = true });
    m.t[m.e.thread].last_new = b->id;
    m.totals.maps++;
    m.totals.mapped_bytes += b->size;
    uint64_t running = 0;
    for (size_t i = 0; i < m.n; i++)
        if (!m.blocks[i].gone && m.blocks[i].map && !m.blocks[i].from && !m.p[m.blocks[i].process].ended)
            running += m.blocks[i].size;
    if (running > m.totals.mapped_peak_bytes)
        m.totals.mapped_peak_bytes = running;
    tell_block(FACT_NEW, b, NULL, m.e.thread, m.e.stack);
}

static void model_unmap(void)
{
    if (cover(m.e.address, m.e.address + m.e.extra[0], NULL)) {
        m.totals.unmaps++;
        return;
    }
    m.totals.unknown_drops++;
    tell((struct told){ .ns = m.ns, .address = m.e.address, .size = m.e.extra[0], .thread = m.e.thread, .process = m.e.process, .stack = m.e.stack, .type = FACT_DROP });
}

static void borrow_over(uint32_t serial, uint64_t ns, uint32_t by)
{
    struct mthread *x = &m.t[serial];
    if (!x->arg || !x->arg_open)
        return;
    x->arg_open = false;
    struct mblock *b = block_by_id(x->arg);
    struct told f = { .ns = ns, .block = x->arg, .thread = by, .process = m.e.process, .to = serial, .stack = m.e.stack, .type = FACT_BORROW_END, .by = "thread-arg" };
    if (b) {
        f.address = b->address;
        f.size = b->size;
    }
    tell(f);
}

static void model_create(void)
{
    uint32_t serial = (uint32_t)m.e.extra[0];
    m.t[serial] = (struct mthread){ .known = true, .linked = true, .process = m.e.process };
    m.p[m.e.process].threaded = true;
    tell_life(FACT_THREAD, "create", serial, m.e.thread);
    struct mblock *b = pointee(m.e.process, m.e.address);
    if (!b)
        return;
    m.t[serial].arg = b->id;
    m.t[serial].arg_ns = m.ns;
    m.t[serial].arg_open = true;
    tell((struct told){ .ns = m.ns, .block = b->id, .address = b->address, .size = b->size, .thread = m.e.thread, .process = m.e.process, .to = serial, .stack = m.e.stack, .type = FACT_BORROW, .by = "thread-arg" });
}

static void model_exit(void)
{
    struct mthread *t = &m.t[m.e.thread];
    tell_life(FACT_THREAD, "exit", m.e.thread, m.e.thread);
    if (t->exited)
        return;
    t->exited = true;
    t->exit_ns = m.ns;
    struct mblock *b = pointee(m.e.process, m.e.address);
    if (b && b->owner == m.e.thread)
        t->result = b->id;
    borrow_over(m.e.thread, m.ns, m.e.thread);
}

static void outlive(uint32_t serial, uint64_t but)
{
    struct mthread *x = &m.t[serial];
    for (uint64_t last = 0;;) {
        struct mblock *b = NULL;
        for (size_t i = 0; i < m.n; i++) {
            struct mblock *c = &m.blocks[i];
            if (!c->gone && !c->untold && c->owner == serial && c->id > last && (!b || c->id < b->id))
                b = c;
        }
        if (!b)
            return;
        last = b->id;
        if (b->id == but)
            continue;
        tell_move(b, "outlived", x->exited ? x->exit_ns : x->ended_ns, serial, 0);
        set_owner(b, 0);
    }
}

static void close_thread(uint32_t serial, uint32_t by)
{
    struct mthread *x = &m.t[serial];
    struct mblock *b = block_by_id(x->pending ? x->pending_id : 0);
    x->pending = false;
    if (b) {
        struct event e = m.e;
        m.e.thread = serial;
        drop_block(b, x->pending_stack);
        m.e = e;
    }
    x->ended = true;
    x->ended_ns = x->exited ? x->exit_ns : m.ns;
    borrow_over(serial, x->ended_ns, by);
    x->arg = 0;
}

static void model_gone(void)
{
    uint32_t serial = m.e.thread;
    struct mthread *x = &m.t[serial];
    tell_life(FACT_THREAD, "gone", serial, 0);
    if (x->ended)
        return;
    close_thread(serial, 0);
    if (x->exited && serial != m.p[m.e.process].first) {
        outlive(serial, x->detached || x->joined ? 0 : x->result);
        return;
    }
    x->leaving = true;
    x->gone_ns = m.ns;
}

static void model_join(uint32_t serial)
{
    struct mthread *x = &m.t[serial];
    tell_life(FACT_THREAD, "join", serial, m.e.thread);
    if (!x->ended)
        close_thread(serial, m.e.thread);
    x->joined = true;
    x->leaving = false;
    struct mblock *b = pointee(m.e.process, m.e.extra[0]);
    if (b && b->owner == serial) {
        tell_move(b, "joined", m.ns, serial, m.e.thread);
        set_owner(b, m.e.thread);
    }
    outlive(serial, 0);
}

static void model_detach(uint32_t serial)
{
    struct mthread *x = &m.t[serial];
    tell_life(FACT_THREAD, "detach", serial, m.e.thread);
    x->detached = true;
    if (x->ended && !x->leaving)
        outlive(serial, 0);
}

static void alive(void)
{
    for (uint32_t i = 1; i < THREADS; i++)
        if (m.t[i].leaving && m.t[i].process == m.e.process && i != m.e.thread) {
            m.t[i].leaving = false;
            outlive(i, m.t[i].detached || m.t[i].joined ? 0 : m.t[i].result);
        }
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct mblock *)a)->id, y = ((const struct mblock *)b)->id;
    return (x > y) - (x < y);
}

static void model_fork(void)
{
    touch_all(m.e.process, true, true);
    m.fork = (struct mfork){ .open = true, .process = m.e.process, .thread = m.e.thread };
    for (size_t i = 0; i < m.n; i++)
        if (!m.blocks[i].gone && !m.blocks[i].parked && m.blocks[i].process == m.e.process)
            m.fork.blocks[m.fork.n++] = m.blocks[i];
    qsort(m.fork.blocks, m.fork.n, sizeof *m.fork.blocks, by_id);
    for (size_t i = 0; i < m.fork.n; i++) {
        struct mblock *b = &m.fork.blocks[i];
        b->from = b->id;
        b->id = m.next_id++;
        b->born_ns = m.ns;
        b->untold = true;
    }
}

static void end_image(const char *by, bool all)
{
    uint32_t p = m.e.process;
    for (uint64_t last = 0;;) {
        struct mblock *b = NULL;
        for (size_t i = 0; i < m.n; i++) {
            struct mblock *c = &m.blocks[i];
            if (!c->gone && c->process == p && c->id > last && (!b || c->id < b->id))
                b = c;
        }
        if (!b)
            break;
        last = b->id;
        if (!all && !b->from)
            continue;
        if (!b->untold)
            tell((struct told){ .ns = m.ns, .block = b->id, .address = b->address, .size = b->size, .process = p, .type = FACT_DROP, .by = by });
        if (counts(b)) {
            m.totals.exec_blocks++;
            m.totals.exec_bytes += b->size;
        }
        end_block(b);
    }
}

static void end_threads(uint32_t but)
{
    for (uint32_t i = 1; i < THREADS; i++) {
        struct mthread *x = &m.t[i];
        if (!x->known || x->process != m.e.process)
            continue;
        x->leaving = false;
        if (i == but)
            continue;
        x->arg = x->result = 0;
        if (!x->ended) {
            x->ended = true;
            x->ended_ns = x->exited ? x->exit_ns : m.ns;
        }
    }
}

static void model_process_start(void)
{
    struct mprocess *p = &m.p[m.e.process];
    m.t[m.e.thread] = (struct mthread){ .known = true, .process = m.e.process };
    tell_life(FACT_PROCESS, "start", m.e.thread, m.e.thread);
    if (p->started) {
        end_image("exec", true);
        end_threads(m.e.thread);
        for (uint32_t i = 1; i < THREADS; i++)
            if (m.t[i].process == m.e.process)
                m.t[i].pending = m.t[i].linked = false;
        p->threaded = false;
    } else if (m.e.family == WIRE_BORN_FORK && m.fork.open) {
        m.fork.open = false;
        for (size_t i = 0; i < m.fork.n; i++) {
            struct mblock b = m.fork.blocks[i];
            b.process = m.e.process;
            b.maker = b.owner = m.e.thread;
            add_block(b);
        }
    }
    p->started = true;
    p->first = m.e.thread;
}

static void model_process_gone(void)
{
    uint32_t p = m.e.process;
    tell_life(FACT_PROCESS, "gone", 0, 0);
    for (uint32_t i = THREADS - 1; i > 0; i--)
        if (m.t[i].process == p && m.t[i].pending) {
            m.t[i].pending = false;
            restore(block_by_id(m.t[i].pending_id));
        }
    end_threads(0);
    end_image("exit", false);
    for (size_t i = 0; i < m.n; i++) {
        const struct mblock *b = &m.blocks[i];
        if (!b->gone && b->process == p && counts(b)) {
            m.sites[b->stack].peak_bytes -= b->size;
            m.running -= b->size;
        }
    }
    m.p[p].ended = true;
}

#endif
