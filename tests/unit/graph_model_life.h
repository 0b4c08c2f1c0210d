/*
 * tests/unit/graph_model_life.h - the naive graph's events of threads and processes
 * (graph_model.h).
 */
#ifndef GRAPH_MODEL_LIFE_H
#define GRAPH_MODEL_LIFE_H

#include "graph_model_memory.h"

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
