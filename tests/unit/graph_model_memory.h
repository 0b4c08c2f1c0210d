/*
 * tests/unit/graph_model_memory.h - the naive graph's events of memory (graph_model.h).
 */
#ifndef GRAPH_MODEL_MEMORY_H
#define GRAPH_MODEL_MEMORY_H

#include "graph_model_blocks.h"

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

#endif
