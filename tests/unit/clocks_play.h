/*
 * tests/unit/clocks_play.h - what threads do to blocks and sync objects,
 * played into the fold's happens-before; and what it says of it. On top of
 * graph_play.h: time goes on by 10 us a call.
 */
#ifndef CLOCKS_PLAY_H
#define CLOCKS_PLAY_H

#include "graph_play.h"

#include "graph/graph_clock_state.h"
#include "graph/graph_pointee.h"

enum { WHOLE = 1 << 20 };

static inline struct thread *thread_of(uint32_t serial) { return thread_at(play, dict_get(&play->thread_of, serial)); }

static inline struct event act(uint32_t thread)
{
    play_ns += 10000;
    play->now_ns = play_ns;
    play->number = ++play->events;
    return (struct event){ .type = EVENT_COPY, .family = WIRE_COPY_MEMCPY, .ns = play_ns, .process = play_process,
                           .thread = thread, .stack = play_stack };
}

static inline void release(uint32_t thread, clock_id *clock) { struct event e = act(thread); clocks_release(play, thread_of(thread), e.ns, clock, false); }
static inline void publish(uint32_t thread, clock_id *clock) { struct event e = act(thread); clocks_release(play, thread_of(thread), e.ns, clock, true); }
static inline void acquire(uint32_t thread, clock_id clock) { act(thread); clocks_acquire(play, thread_of(thread), clock); }

static inline void use(uint32_t thread, uint64_t address, enum clocks_use kind, uint64_t offset, uint64_t length)
{
    struct event e = act(thread);
    struct process *p = process_at(play, dict_get(&play->process_of, play_process));
    uint32_t place = custody_pointee(play, p, address);
    ck_assert_uint_ne(place, 0);
    clocks_use(play, p, thread_of(thread), &e, place, kind, offset, length);
    if (kind == CLOCKS_DROP)
        clocks_block_gone(play, place);
}
static inline void reads(uint32_t thread, uint64_t address) { use(thread, address, CLOCKS_READ, 0, 64); }
static inline void writes(uint32_t thread, uint64_t address) { use(thread, address, CLOCKS_WRITE, 0, 64); }

struct said { uint64_t shown, withheld; size_t findings; };
static inline struct said ask(void)
{
    struct view *v = graph_view_make(play, NULL, 0);
    struct said s = { v->findings_by_rule[RULE_UNORDERED_BORROW], v->unordered_withheld, 0 };
    uint64_t counts = 0;
    for (size_t i = 0; i < v->n_findings; i++)
        if (v->findings[i].rule == RULE_UNORDERED_BORROW) {
            s.findings++;
            counts += v->findings[i].count;
        }
    ck_assert_uint_eq(counts, s.shown);
    view_free(v);
    return s;
}
#define shows(n) ck_assert_uint_eq(ask().shown, n)
#define withholds(n) ck_assert_uint_eq(ask().withheld, n)

/* t1 makes t2 … tn, and says nothing of it. */
static inline void threads(uint32_t n)
{
    if (!play->n_threads || play->n_threads == 1)
        process_start(100, 0, WIRE_BORN_EXEC);
    for (uint32_t i = 2; i <= n; i++) {
        who(1, 1);
        thread_create(0, i);
        thread_created(0x7000 + i, i);
        who(1, i);
        thread_start(0x7000 + i, 100 + i);
        hush();
    }
    who(1, 1);
    hush();
}

#endif
