/*
 * tests/unit/graph_play.h - playing events into a graph, and reading what it
 * made of them as text, one fact a line.
 *
 * Every call is one event, 10 us after the one before (far outside of the
 * window in which the graph repairs inversions) unless at() sets the time.
 * Threads t1, t2… and processes p1, p2… are numbers; who() chooses.
 */
#ifndef GRAPH_PLAY_H
#define GRAPH_PLAY_H

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/view.h"

/* ck_assert without its system call a time, for what is checked in loops. */
#define must(what)                        \
    do {                                  \
        if (!(what))                      \
            ck_abort_msg("%s", #what);    \
    } while (0)

static struct graph *play;
static char play_log[1 << 16];
static size_t play_used;
static uint64_t play_ns;
static uint32_t play_thread, play_process, play_stack;
static bool play_nobody;   /* threads that are not listed made or dropped blocks */

static void play_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void play_print(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(play_log + play_used, sizeof play_log - play_used, format, ap);
    va_end(ap);
    play_used += (size_t)n;
    ck_assert_uint_lt(play_used, sizeof play_log);
}

static inline void play_observer(void *context, const struct fact *f)
{
    (void)context;
    play_print("%s", fact_type_name(f->type));
    if (f->type <= FACT_BORROW_END)
        play_print(" b%lu", (unsigned long)f->block);
    if (f->type >= FACT_ACQUIRE && f->type <= FACT_LOCK)
        play_print(" l%lu%s", (unsigned long)f->lock, f->shared ? " shared" : "");
    if (f->by)
        play_print(" %s", f->by);
    if (f->wait_ns)
        play_print(" waited %lu", (unsigned long)f->wait_ns / 1000);
    if (f->type == FACT_MOVE && f->old_address)
        play_print(" %lx+%lu->", (unsigned long)f->old_address, (unsigned long)f->old_size);
    else if (f->type == FACT_MOVE)
        play_print(" t%u->t%u", f->from_thread, f->to_thread);
    else if (f->type == FACT_THREAD || f->type == FACT_BORROW || f->type == FACT_BORROW_END)
        play_print(" to=t%u", f->to_thread);
    if (f->type == FACT_NEW || f->type == FACT_DROP || (f->type == FACT_MOVE && f->old_address))
        play_print(" %lx+%lu", (unsigned long)f->address, (unsigned long)f->size);
    if (f->text_bytes)
        play_print(" '%.*s'", f->text_bytes, f->text);
    play_print(" @%lu t%u\n", (unsigned long)f->ns / 1000, f->thread);
}

static inline void play_start(void)
{
    play = graph_new(NULL);
    graph_observe(play, play_observer, NULL);
    play_used = 0;
    play_log[0] = '\0';
    play_ns = 0;
    play_thread = play_process = 1;
    play_stack = 0;
    play_nobody = false;
}

static inline void play_stop(void)
{
    graph_free(play);
    play = NULL;
}

static inline void who(uint32_t process, uint32_t thread) { play_process = process; play_thread = thread; }
static inline void at(uint64_t ns) { play_ns = ns - 10000; }
static inline void by_stack(uint32_t stack) { play_stack = stack; }

static inline void put(struct event e)
{
    play_ns += 10000;
    e.ns = play_ns;
    e.process = play_process;
    e.thread = e.thread == UINT32_MAX ? 0 : play_thread;
    e.stack = play_stack;
    graph_fold(play, &e);
}

static inline void make(uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_NEW, .family = WIRE_MALLOC, .address = address, .size = size }); }
static inline void drop(uint64_t address) { put((struct event){ .type = EVENT_DROP, .family = WIRE_FREE, .address = address }); }
static inline void begin(uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_REALLOC_BEGIN, .family = WIRE_REALLOC, .address = address, .size = size }); }
static inline void end(uint64_t old, uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_REALLOC_END, .family = WIRE_REALLOC, .address = address, .size = size, .extra = { old } }); }
static inline void map(uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_NEW, .family = WIRE_MMAP_ANON, .address = address, .size = size }); }
static inline void unmap(uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_DROP, .family = WIRE_MUNMAP, .address = address, .extra = { size } }); }
static inline void remap_begin(uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_REALLOC_BEGIN, .family = WIRE_MREMAP, .address = address, .size = size }); }
static inline void remap_end(uint64_t old, uint64_t old_size, uint64_t address, uint64_t size) { put((struct event){ .type = EVENT_REALLOC_END, .family = WIRE_MREMAP, .address = address, .size = size, .extra = { old, old_size } }); }

static inline void thread_create(uint64_t argument, uint32_t serial) { put((struct event){ .type = EVENT_THREAD_CREATE, .address = argument, .extra = { serial } }); }
static inline void thread_created(uint64_t pthread, uint32_t serial) { put((struct event){ .type = EVENT_THREAD_CREATED, .address = pthread, .extra = { serial } }); }
static inline void thread_start(uint64_t pthread, uint32_t tid) { put((struct event){ .type = EVENT_THREAD_START, .address = pthread, .extra = { tid } }); }
static inline void thread_exit(uint64_t value) { put((struct event){ .type = EVENT_THREAD_EXIT, .address = value }); }
static inline void thread_join(uint64_t pthread, uint64_t value) { put((struct event){ .type = EVENT_THREAD_JOIN, .address = pthread, .extra = { value } }); }
static inline void thread_detach(uint64_t pthread) { put((struct event){ .type = EVENT_THREAD_DETACH, .address = pthread }); }
static inline void thread_gone(void) { put((struct event){ .type = EVENT_THREAD_GONE }); }
static inline void thread_name(uint64_t pthread, const char *name) { put((struct event){ .type = EVENT_THREAD_NAME, .address = pthread, .text = name, .text_bytes = (uint16_t)strlen(name) }); }

static inline void process_start(uint32_t pid, uint32_t parent, unsigned birth) { put((struct event){ .type = EVENT_PROCESS_START, .family = (uint8_t)birth, .address = parent, .extra = { pid, 1 }, .text = "/bin/x\0x\0-y", .text_bytes = 12 }); }
static inline void process_fork(void) { put((struct event){ .type = EVENT_PROCESS_FORK }); }
static inline void process_forked(uint64_t pid) { put((struct event){ .type = EVENT_PROCESS_FORKED, .address = pid }); }
static inline void process_exec(uint32_t pid) { put((struct event){ .type = EVENT_PROCESS_EXEC, .extra = { pid } }); }
static inline void process_exec_failed(uint32_t pid) { put((struct event){ .type = EVENT_PROCESS_EXEC_FAILED, .address = 2, .extra = { pid } }); }
static inline void process_exit(unsigned code) { put((struct event){ .type = EVENT_PROCESS_EXIT, .address = code }); }
static inline void process_gone(bool known, int status) { put((struct event){ .type = EVENT_PROCESS_GONE, .thread = UINT32_MAX, .extra = { known, (uint32_t)status } }); }

/* What the graph said since the last call. */
#define said(text)                            \
    do {                                      \
        ck_assert_str_eq(play_log, text);     \
        play_used = 0;                        \
        play_log[0] = '\0';                   \
    } while (0)
/* It may have said anything. */
static inline void hush(void) { play_used = 0; play_log[0] = '\0'; }

static inline struct view_totals totals(void)
{
    struct view *v = graph_view_make(play, NULL, 0);
    struct view_totals t = v->totals;
    view_free(v);
    return t;
}

/* The equations that view.h and graph_state.h promise. */
static inline void check_view(const struct view *v, bool blocks)
{
    uint64_t live_blocks = 0, live_bytes = 0, peak = 0, allocations = 0, bytes = 0, temporary = 0, made = 0, dropped = 0, moves[5] = { 0 };
    for (size_t i = 0; i < v->n_sites; i++) {
        live_blocks += v->sites[i].live_blocks;
        live_bytes += v->sites[i].live_bytes;
        peak += v->sites[i].peak_bytes;
        allocations += v->sites[i].allocations;
        bytes += v->sites[i].bytes;
        temporary += v->sites[i].temporary;
    }
    for (size_t i = 0; i < v->n_threads; i++) {
        made += v->threads[i].made.blocks;
        dropped += v->threads[i].dropped.blocks;
    }
    for (size_t i = 0; i < v->n_moves; i++)
        moves[v->moves[i].by] += v->moves[i].blocks;
    must(live_blocks == v->totals.live_blocks);
    must(live_bytes == v->totals.live_bytes);
    must(peak == v->totals.peak_bytes);
    must(allocations == v->totals.allocations);
    must(bytes == v->totals.bytes_allocated);
    must(temporary == v->totals.temporary);
    if (!play_nobody) {
        must(made == v->totals.allocations);
        must(v->totals.allocations ==
             dropped + v->totals.unseen_drops + v->totals.live_blocks + v->totals.exec_blocks);
    }
    must(dropped <= v->totals.frees);    /* which has drops of clones as well */
    for (int by = 0; by < 4; by++)
        must(moves[by] == v->moves_by[by]);
    uint64_t heap_blocks = 0, heap_bytes = 0, mapped = 0, owned = 0, owns = 0, clones = 0, process_blocks = 0;
    for (size_t i = 0; i < v->n_blocks; i++) {
        const struct view_block *b = &v->blocks[i];
        must(i == 0 || v->blocks[i - 1].id < b->id);
        if (b->cloned_from)
            clones += !family_is_map(b->family);
        else if (family_is_map(b->family))
            mapped += b->size;
        else
            heap_blocks++, heap_bytes += b->size, owned += b->owner != 0;
    }
    for (size_t i = 0; i < v->n_threads; i++)
        owns += v->threads[i].owns.blocks;
    for (size_t i = 0; i < v->n_processes; i++)
        process_blocks += v->processes[i].live_blocks;
    if (!blocks)
        return;
    must(heap_blocks == v->totals.live_blocks);
    must(heap_bytes == v->totals.live_bytes);
    must(mapped == v->totals.mapped_bytes);
    must(owned == owns);
    must(process_blocks == heap_blocks + clones);
}

static inline void check_all(void)
{
    struct view *v = graph_view_make(play, NULL, VIEW_BLOCKS);
    check_view(v, true);
    view_free(v);
}

enum { P1 = 0x7001, P2 = 0x7002 };   /* pthread_t */

/* Two threads: t1 made t2. */
static inline void two_threads(void)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    thread_create(0, 2);
    thread_created(P2, 2);
    who(1, 2);
    thread_start(P2, 102);
    who(1, 1);
    hush();
}

static inline void finish(void)
{
    graph_settle(play, UINT64_MAX);
    check_all();
}

#endif
