/*
 * tests/unit/moment_make.h - a random session of everything that the fold keeps:
 * processes that fork, exec and end, threads that hand blocks on, reallocs,
 * mappings, locks inside of blocks, copies, marks. Written as a trace with a
 * checkpoint every so many events, as the collector writes them.
 *
 * Addresses are few, so that places are used again, by other processes too.
 */
#ifndef MOMENT_MAKE_H
#define MOMENT_MAKE_H

#include <check.h>

#include "state_save.h"
#include "trace_make.h"

enum { MOMENT_ADDRESSES = 400, MOMENT_THREADS = 24, MOMENT_PROCESSES = 6 };

struct moment_thread { bool used, dead; uint32_t process, pending; uint64_t lock; };
struct moment_play {
    struct make *k;
    struct moment_thread threads[MOMENT_THREADS];
    struct { bool used, dead; uint64_t sizes[MOMENT_ADDRESSES]; } processes[MOMENT_PROCESSES];
    uint32_t n_threads, n_processes;
    uint64_t ns;
    size_t phase_events;        /* after so many, other places and stacks are in use, a part of all; 0: always all */
};

static inline uint32_t moment_rnd(struct moment_play *p, uint32_t below) { return (uint32_t)(make_random(p->k) >> 16) % below; }
static inline uint64_t moment_place(uint32_t i) { return 0x555500000000 + (uint64_t)i * 128; }

/* Of all places, or of those in use now. */
static inline uint32_t moment_any(struct moment_play *p)
{
    enum { STEP = 80, USED = 120 };
    if (!p->phase_events)
        return moment_rnd(p, MOMENT_ADDRESSES);
    return (uint32_t)(p->k->count / p->phase_events * STEP + moment_rnd(p, USED)) % MOMENT_ADDRESSES;
}

static inline uint32_t moment_stack(struct moment_play *p)
{
    uint32_t stack = make_stack(p->k), known = code_stacks(p->k->code);
    return p->phase_events && stack ? 1 + (stack % 3 + (uint32_t)(p->k->count / p->phase_events) * 5) % (known < 16 ? known : 16) : stack;
}

static inline void moment_put(struct moment_play *p, struct event e)
{
    p->ns += moment_rnd(p, 16) ? moment_rnd(p, 3000) : 0;
    e.ns = moment_rnd(p, 20) || p->ns < 500 ? p->ns : p->ns - moment_rnd(p, 500);     /* stamps do not always rise */
    e.stack = moment_stack(p);
    make_add(p->k, e);
}

static inline uint32_t moment_born(struct moment_play *p, uint32_t process)
{
    if (p->n_threads + 1 >= MOMENT_THREADS)
        return 0;
    p->threads[++p->n_threads] = (struct moment_thread){ .used = true, .process = process };
    return p->n_threads;
}

static inline uint32_t moment_process(struct moment_play *p, uint32_t parent, unsigned birth)
{
    if (p->n_processes + 1 >= MOMENT_PROCESSES)
        return 0;
    uint32_t serial = ++p->n_processes, t = moment_born(p, serial);
    if (!t)
        return 0;
    p->processes[serial].used = true;
    if (parent && birth == WIRE_BORN_FORK)
        memcpy(p->processes[serial].sizes, p->processes[parent].sizes, sizeof p->processes[serial].sizes);
    moment_put(p, (struct event){ .type = EVENT_PROCESS_START, .process = serial, .thread = t, .family = (uint8_t)birth, .address = parent,
                                  .extra = { 1000 + serial, 1000 + parent }, .text = "/bin/x\0x\0-y", .text_bytes = 12 });
    moment_put(p, (struct event){ .type = EVENT_THREAD_START, .process = serial, .thread = t, .address = 0x7f0000000000 + t, .extra = { 1000 + serial } });
    return t;
}

static inline void moment_heap(struct moment_play *p, uint32_t t)
{
    uint32_t process = p->threads[t].process, at = moment_any(p), other;
    uint64_t *sizes = p->processes[process].sizes;
    struct event e = { .process = process, .thread = t, .address = moment_place(at), .size = 16 + moment_rnd(p, 100), .family = WIRE_MALLOC };
    if (!sizes[at] || moment_rnd(p, 400) == 0) {
        e.type = EVENT_NEW;
        sizes[at] = e.size;
        moment_put(p, e);
    } else if (moment_rnd(p, 8)) {
        e.type = EVENT_DROP, e.size = 0, e.family = moment_rnd(p, 200) ? WIRE_FREE : WIRE_DELETE;
        sizes[at] = moment_rnd(p, 200) ? 0 : sizes[at];
        moment_put(p, e);
    } else {
        for (other = moment_any(p); sizes[other] && other != at;)
            other = (other + 1) % MOMENT_ADDRESSES;
        e.type = EVENT_REALLOC_BEGIN, e.family = WIRE_REALLOC;
        moment_put(p, e);
        sizes[at] = 0;
        e.type = EVENT_REALLOC_END, e.extra[0] = e.address, e.address = moment_place(other);
        sizes[other] = e.size;
        moment_put(p, e);
    }
}

/* A mapping is made, over others perhaps, or unmapped, or moved. */
static inline void moment_map(struct moment_play *p, uint32_t t)
{
    struct event e = { .process = p->threads[t].process, .thread = t, .family = WIRE_MMAP_ANON, .size = 1 + moment_rnd(p, 20000),
                       .address = 0x7e0000000000 + (uint64_t)moment_any(p) / 8 * 4096 };
    uint32_t what = moment_rnd(p, 4);
    e.type = what < 2 ? EVENT_NEW : what == 2 ? EVENT_DROP : EVENT_REALLOC_BEGIN;
    if (e.type == EVENT_DROP)
        e.family = WIRE_MUNMAP, e.extra[0] = e.size, e.size = 0;
    if (e.type != EVENT_REALLOC_BEGIN) {
        moment_put(p, e);
        return;
    }
    e.family = WIRE_MREMAP;
    moment_put(p, e);
    e.type = EVENT_REALLOC_END, e.extra[0] = e.address, e.extra[1] = e.size, e.address = 0x7e0000000000 + (uint64_t)moment_any(p) / 8 * 4096;
    moment_put(p, e);
}

static inline void moment_lock(struct moment_play *p, uint32_t t)
{
    uint32_t process = p->threads[t].process;
    struct event e = { .process = process, .thread = t, .family = WIRE_LOCK_MUTEX, .address = moment_place(moment_rnd(p, 12)) + 8 };
    if (p->threads[t].lock) {
        e.type = EVENT_RELEASE, e.address = p->threads[t].lock, p->threads[t].lock = 0;
    } else {
        if (moment_rnd(p, 3) == 0) {
            e.type = EVENT_WAIT;
            moment_put(p, e);
        }
        e.type = EVENT_ACQUIRE, p->threads[t].lock = e.address;
    }
    moment_put(p, e);
}

static inline void moment_life(struct moment_play *p, uint32_t t)
{
    uint32_t process = p->threads[t].process, other;
    struct event e = { .process = process, .thread = t };
    switch (moment_rnd(p, 12)) {
    case 0: case 1: case 2:
        if (!(other = moment_born(p, process)))
            return;
        e.type = EVENT_THREAD_CREATE, e.address = moment_place(moment_any(p)), e.extra[0] = other;
        moment_put(p, e);
        e.type = EVENT_THREAD_CREATED, e.address = 0x7f0000000000 + other;
        moment_put(p, e);
        e.type = EVENT_THREAD_START, e.thread = other, e.extra[0] = 2000 + other;
        moment_put(p, e);
        return;
    case 3:
        if (t == 1)
            return;
        e.type = EVENT_THREAD_EXIT, e.address = moment_place(moment_any(p));
        moment_put(p, e);
        p->threads[t].dead = true;
        e.type = EVENT_THREAD_GONE;
        moment_put(p, e);
        return;
    case 4:
        other = 1 + moment_rnd(p, p->n_threads);
        if (!p->threads[other].dead || p->threads[other].process != process)
            return;
        e.type = EVENT_THREAD_JOIN, e.address = 0x7f0000000000 + other, e.extra[0] = moment_place(moment_any(p));
        break;
    case 5: case 6:
        e.type = EVENT_PROCESS_FORK;
        moment_put(p, e);
        moment_process(p, process, WIRE_BORN_FORK);
        e.type = EVENT_PROCESS_FORKED, e.address = 1000 + p->n_processes;
        break;
    case 7:
        if (moment_rnd(p, 4))
            return;
        e.type = EVENT_PROCESS_EXEC, e.extra[0] = 1000 + process, e.text = "/bin/y", e.text_bytes = 6;
        moment_put(p, e);
        e = (struct event){ .type = EVENT_PROCESS_START, .process = process, .thread = t, .family = WIRE_BORN_EXEC, .extra = { 1000 + process, 1 },
                            .text = "/bin/y\0y", .text_bytes = 8 };
        memset(p->processes[process].sizes, 0, sizeof p->processes[process].sizes);
        break;
    case 8:
        if (process == 1 || moment_rnd(p, 6))
            return;
        p->processes[process].dead = true;
        e.type = EVENT_PROCESS_GONE, e.thread = 0, e.extra[0] = 1;
        break;
    default:
        e.type = EVENT_MARK, e.text = moment_rnd(p, 3) ? "again" : "once", e.text_bytes = e.text[0] == 'a' ? 5 : 4;
        break;
    }
    moment_put(p, e);
}

static inline void moment_copy(struct moment_play *p, uint32_t t)
{
    moment_put(p, (struct event){ .type = EVENT_COPY, .process = p->threads[t].process, .thread = t, .family = WIRE_COPY_MEMCPY,
                                  .address = moment_place(moment_any(p)) + moment_rnd(p, 16), .size = 1 + moment_rnd(p, 40),
                                  .extra = { moment_place(moment_any(p)), 0 } });
}

static inline void moment_phases(struct make *k, size_t count, size_t phase_events)
{
    struct moment_play *p = xcalloc(1, sizeof *p);
    p->k = k;
    p->phase_events = phase_events;
    moment_process(p, 0, WIRE_BORN_EXEC);
    while (k->count < count) {
        uint32_t t = 1 + moment_rnd(p, p->n_threads), what = moment_rnd(p, 1000);
        if (p->threads[t].dead || p->processes[p->threads[t].process].dead)
            continue;
        if (p->phase_events && what % 64 == 63)
            moment_map(p, t);
        else if (what < 700)
            moment_heap(p, t);
        else if (what < 800)
            moment_lock(p, t);
        else if (what < 990)
            moment_copy(p, t);
        else if (!p->phase_events || moment_rnd(p, 16) == 0)
            moment_life(p, t);
    }
    free(p);
}

static inline void moment_events(struct make *k, size_t count) { moment_phases(k, count, 0); }

/* Writes all, with a checkpoint every `every` events (0: none). */
static inline void moment_file(const struct make *k, size_t every)
{
    struct trace_meta meta = make_meta();
    struct trace_writer *w;
    struct graph *g = graph_new(k->code);
    ck_assert_int_eq(trace_write_open(&w, k->path, &meta), 0);
    for (size_t i = 0; i < k->count; i++) {
        ck_assert_int_eq(trace_write_event(w, k->code, &k->events[i]), 0);
        graph_fold(g, &k->events[i]);
        if (!every || (i + 1) % every)
            continue;
        struct archive a;
        state_save(g, &a);
        uint64_t event = trace_write_cut(w, k->code);
        ck_assert_uint_eq(event, i + 1);
        ck_assert_int_eq(trace_write_checkpoint(w, k->code, event, graph_now_ns(g), &a), 0);
    }
    graph_free(g);
    ck_assert_int_eq(trace_write_close(w, k->code, k->events[k->count - 1].ns + 5), 0);
}

#endif
