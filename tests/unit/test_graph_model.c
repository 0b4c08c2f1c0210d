/*
 * tests/unit/test_graph_model.c - a million random events (memory, threads,
 * processes, copies, drops of anything) folded by the graph and by a naive
 * model (graph_model.h): every fact, sum, site, thread and block must be equal.
 *
 * Stamps are 2 us apart: inversions have their own tests.
 */
#include "event/snapshot.h"
#include "graph_model.h"
#include "suite.h"

/* ---- what happens -------------------------------------------------------------------- */

static uint64_t some_address(void) { return 0x100000 + 64 * (uint64_t)rnd(ADDRESSES); }
static uint64_t some_page(void) { return 0x10000000 + 4096 * (uint64_t)rnd(PAGES); }
static uint64_t some_pointer(void)
{
    uint32_t kind = rnd(10);
    return kind < 5 ? some_address() + rnd(70) : kind < 7 ? some_page() + rnd(4096) : kind == 7 ? rnd(100) : some_address();
}

static uint32_t thread_free(void)
{
    for (uint32_t i = 1; i < THREADS; i++)
        if (!m.t[i].known)
            return i;
    return 0;
}

/* A thread of a process that can still do things. */
static uint32_t thread_running(void)
{
    for (int tries = 0; tries < 300; tries++) {
        uint32_t i = 1 + rnd(THREADS - 1);
        if (m.t[i].known && !m.t[i].ended && m.p[m.t[i].process].started && !m.p[m.t[i].process].ended)
            return i;
    }
    return 0;
}

/* A thread of process p but `not`, ended or not. */
static uint32_t thread_other(uint32_t p, uint32_t not)
{
    for (int tries = 0; tries < 50; tries++) {
        uint32_t i = 1 + rnd(THREADS - 1);
        if (m.t[i].known && m.t[i].process == p && i != not && m.t[i].linked && !m.t[i].joined)
            return i;
    }
    return 0;
}

static void fold(void)
{
    graph_fold(g, &m.e);
    m.e.extra[0] = m.e.extra[1] = 0;
}

static bool leaving(uint32_t p)
{
    for (uint32_t i = 1; i < THREADS; i++)
        if (m.t[i].leaving && m.t[i].process == p)
            return true;
    return false;
}

static void happen_memory(void)
{
    struct mthread *t = &m.t[m.e.thread];
    uint32_t what = rnd(108);
    m.e.size = 1 + rnd(64);
    m.e.address = some_address();
    if (what >= 100) {
        m.e.type = EVENT_COPY;
        m.e.family = (uint8_t)(1 + rnd(WIRE_COPIES - 1));
        m.e.address = some_pointer();
        m.e.extra[0] = rnd(4) ? some_pointer() : 0;
        m.e.extra[1] = m.e.extra[0] && !rnd(4) ? 1 + rnd((uint32_t)m.e.size) : 0;
        model_copy();
    } else if (t->pending) {
        m.e.type = EVENT_REALLOC_END;
        m.e.family = WIRE_REALLOC;
        m.e.extra[0] = t->pending_address;
        m.e.address = rnd(5) ? rnd(3) ? some_address() : t->pending_address : 0;
        model_end();
    } else if (what < 45) {
        m.e.type = EVENT_NEW;
        m.e.family = WIRE_MALLOC;
        model_new();
    } else if (what < 80) {
        m.e.type = EVENT_DROP;
        m.e.family = WIRE_FREE;
        m.e.address = rnd(20) ? m.e.address : some_pointer();
        model_drop();
    } else if (what < 92) {
        m.e.type = EVENT_REALLOC_BEGIN;
        m.e.family = WIRE_REALLOC;
        model_begin();
    } else if (what < 96) {
        m.e.type = EVENT_NEW;
        m.e.family = WIRE_MMAP_ANON;
        m.e.address = some_page();
        m.e.size = 4096 * (uint64_t)(1 + rnd(5));
        model_map();
    } else {
        m.e.type = EVENT_DROP;
        m.e.family = WIRE_MUNMAP;
        m.e.address = some_page();
        m.e.extra[0] = 4096 * (uint64_t)(1 + rnd(5));
        model_unmap();
    }
    fold();
}

static bool happen_thread(void)
{
    uint32_t what = rnd(6), other = thread_other(m.e.process, m.e.thread), fresh = thread_free();
    m.e.family = 0;
    m.e.size = 0;
    m.e.address = some_pointer();
    if (what == 0 && fresh) {
        m.e.type = EVENT_THREAD_CREATE;
        m.e.extra[0] = fresh;
        model_create();
        fold();
        m.e.type = EVENT_THREAD_CREATED;    /* at once: says nothing */
        m.e.address = 0x70000 + fresh;
        m.e.extra[0] = fresh;
    } else if (what == 1) {
        m.e.type = EVENT_THREAD_EXIT;
        model_exit();
    } else if (what == 2 && (m.t[m.e.thread].exited || !rnd(4))) {
        m.e.type = EVENT_THREAD_GONE;
        model_gone();
    } else if (what == 3 && other) {
        m.e.type = EVENT_THREAD_JOIN;
        m.e.address = 0x70000 + other;
        struct mblock *b = block_by_id(m.t[other].result);
        m.e.extra[0] = b && rnd(4) ? b->address + rnd((uint32_t)(b->size < 64 ? b->size : 64)) : some_pointer();
        model_join(other);
    } else if (what == 4 && other && rnd(2)) {
        m.e.type = EVENT_THREAD_DETACH;
        m.e.address = 0x70000 + other;
        model_detach(other);
    } else {
        return false;
    }
    fold();
    return true;
}

static uint32_t process_free(void)
{
    for (uint32_t i = 1; i < PROCESSES; i++)
        if (!m.p[i].started)
            return i;
    return 0;
}

static bool happen_process(void)
{
    uint32_t what = rnd(8), thread = thread_free(), process = process_free();
    m.e.family = 0;
    m.e.size = 0;
    m.e.address = 0;
    if (what < 4 && !m.fork.open && process && thread) {
        m.e.type = EVENT_PROCESS_FORK;
        model_fork();
    } else if (what < 6 && m.fork.open && process && thread) {
        m.e.type = EVENT_PROCESS_START;
        m.e.family = WIRE_BORN_FORK;
        m.e.address = m.fork.process;
        m.e.process = process;
        m.e.thread = thread;
        uint32_t forker = m.fork.thread, parent = m.fork.process;
        model_process_start();
        m.e.extra[0] = 1000 + process;
        fold();
        m.e.type = EVENT_PROCESS_FORKED;
        m.e.process = parent;
        m.e.thread = forker;
        m.e.family = 0;
        m.e.address = 1000 + process;
        m.ns = m.e.ns += 2000;
        alive();
        tell_life(FACT_PROCESS, "fork", 0, forker);
    } else if (what == 6 && thread && !rnd(3)) {
        m.e.type = EVENT_PROCESS_START;
        m.e.thread = thread;
        model_process_start();
    } else if (what == 7 && !rnd(40)) {
        m.e.type = EVENT_PROCESS_GONE;
        m.e.thread = 0;
        model_process_gone();
    } else {
        return false;
    }
    fold();
    return true;
}

/* One random event; false when everybody is dead. */
static bool happen(void)
{
    uint32_t thread = thread_running();
    if (!thread)
        return false;
    m.ns += 2000;
    forget_the_gone();
    m.e = (struct event){ .ns = m.ns, .thread = thread, .process = m.t[thread].process, .stack = 1 + rnd(SITES) };
    uint32_t what = rnd(400);
    if (leaving(m.e.process))
        what = 100;     /* first the proof that it lives: memory */
    alive();
    if (what >= 16 || (what < 13 ? !happen_thread() : !happen_process()))
        happen_memory();
    return true;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static void compare_sums(const struct view *v)
{
    struct view_totals totals = v->totals;
    must(totals.peak_event - m.totals.peak_event <= 1);     /* it may have waited for the next event */
    totals.peak_event = m.totals.peak_event;
    must(!memcmp(&totals, &m.totals, sizeof m.totals));
    must(v->copies == m.copies && v->copy_bytes == m.copy_bytes && v->copy_bytes_to_blocks == m.copy_bytes_to_blocks);
    uint64_t flows = 0, sites_copies = 0;
    for (size_t i = 0; i < v->n_flows; i++)
        flows += v->flows[i].copies;
    for (size_t i = 0; i < v->n_copy_sites; i++)
        sites_copies += v->copy_sites[i].copies;
    must(flows == m.copies && sites_copies == m.copies);
    size_t sites = 0;
    for (size_t i = 0; i < v->n_sites; i++) {
        const struct view_site *a = &v->sites[i];
        struct view_site *b = NULL;
        for (int s = 1; s <= SITES; s++)
            if (m.sites[s].allocations == a->allocations && m.sites[s].bytes == a->bytes && m.sites[s].live_blocks == a->live_blocks &&
                m.sites[s].live_bytes == a->live_bytes && m.sites[s].temporary == a->temporary && m.peak_sites[s] == a->peak_bytes)
                b = &m.sites[s];
        must(b != NULL);
    }
    for (int s = 1; s <= SITES; s++)
        sites += m.sites[s].allocations != 0;
    must((sites) == (v->n_sites));
    for (size_t i = 0; i < v->n_threads; i++) {
        const struct view_thread *a = &v->threads[i];
        const struct mthread *b = &m.t[a->id];
        must((a->made.blocks) == (b->made.blocks));
        must((a->made.bytes) == (b->made.bytes));
        must((a->dropped.blocks) == (b->dropped.blocks));
        must((a->dropped.bytes) == (b->dropped.bytes));
        must((a->owns.blocks) == (b->owns.blocks));
        must((a->owns.bytes) == (b->owns.bytes));
        must((a->ended) == (b->ended));
        must((a->process) == (b->process));
    }
}

static void compare_blocks(const struct view *v)
{
    size_t n = 0;
    for (size_t i = 0; i < m.n; i++)
        n += !m.blocks[i].gone;
    must((v->n_blocks) == (n));
    for (size_t i = 0; i < n; i++) {
        const struct view_block *a = &v->blocks[i];
        const struct mblock *b = block_by_id(a->id);
        must(b != NULL);
        must((a->address) == (b->address));
        must((a->size) == (b->size));
        must((a->born_ns) == (b->born_ns));
        must((a->cloned_from) == (b->from));
        must((a->process) == (b->process));
        must((a->thread) == (b->maker));
        must((a->owner) == (b->owner));
    }
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static const struct view_block *block_of(const struct view *v, uint64_t id)
{
    size_t low = 0, high = v->n_blocks;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (v->blocks[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->n_blocks && v->blocks[low].id == id ? &v->blocks[low] : NULL;
}

/* What a snapshot would have: of each address the one block that the view has there. */
static void compare_heap(const struct view *v, uint32_t process)
{
    struct snapshot *s = snapshot_new();
    uint64_t *addresses = malloc((v->n_blocks + 1) * sizeof *addresses);
    size_t n = 0, distinct = 0;
    must(graph_heap_take(g, process, true, s) == 0);
    must(snapshot_sound(s));
    for (size_t i = 0; i < v->n_blocks; i++)
        if (v->blocks[i].process == process)
            addresses[n++] = v->blocks[i].address;
    qsort(addresses, n, sizeof *addresses, compare_numbers);
    for (size_t i = 0; i < n; i++)
        distinct += !i || addresses[i] != addresses[i - 1];
    must(s->n_blocks == distinct);
    for (size_t i = 0; i < s->n_blocks; i++) {
        const struct view_block *b = block_of(v, s->id[i]);
        must(b && b->process == process && b->address == s->address[i] && b->size == s->size[i] && b->stack == 0 &&
             b->born_ns == s->born_ns[i] && b->thread == s->thread[i] && b->owner == s->owner[i] && b->family == s->family[i]);
    }
    free(addresses);
    snapshot_free(s);
}

static void compare_state(void)
{
    graph_settle(g, UINT64_MAX);
    compare_facts();
    must((n_expected) == (0));
    struct view *v = graph_view_make(g, NULL, VIEW_BLOCKS);
    compare_sums(v);
    compare_blocks(v);
    check_view(v, true);
    for (size_t i = 0; i < v->n_processes; i++)
        compare_heap(v, v->processes[i].id);
    view_free(v);
}

/* Until all are dead; returns how many events it took. */
static size_t episode(uint64_t number)
{
    size_t i;
    memset(&m, 0, sizeof m);
    m.next_id = 1;
    seed = 0x9e3779b97f4a7c15ull * (number + 1);
    n_expected = n_actual = 0;
    g = graph_new(NULL);
    graph_observe(g, observe, NULL);
    m.e = (struct event){ .type = EVENT_PROCESS_START, .process = 1, .thread = 1, .extra = { 1001, 1 } };
    model_process_start();
    fold();
    for (i = 0; i < 20000 && happen(); i++) {
        compare_facts();
        if (i % 256 == 255)
            compare_state();
    }
    compare_state();
    graph_free(g);
    return i;
}

START_TEST(random_events_as_the_model)
{
    size_t events = 0;
    for (uint64_t number = 0; events < 1000000 / LOOPS; number++)
        events += episode(number * LOOPS + (uint64_t)_i);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("graph model");
    TCase *c = tcase_create("random");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, random_events_as_the_model, 0, LOOPS);
    suite_add_tcase(s, c);
    return suite_run(s);
}
