/*
 * tests/unit/lock_play.h - playing events of locks (graph_play.h has the rest),
 * and finding rows of a view.
 */
#ifndef LOCK_PLAY_H
#define LOCK_PLAY_H

#include <errno.h>

#include "graph_play.h"

enum { MUTEX = WIRE_LOCK_MUTEX, RWLOCK = WIRE_LOCK_RWLOCK, SHARED = WIRE_LOCK_RWLOCK_SHARED, SPIN = WIRE_LOCK_SPIN,
       SEM = WIRE_LOCK_SEM, BARRIER = WIRE_LOCK_BARRIER, COND = WIRE_LOCK_COND, ONCE = WIRE_LOCK_ONCE, MTX = WIRE_LOCK_MTX,
       RECURSIVE = WIRE_LOCK_TYPE_RECURSIVE, ERRORCHECK = WIRE_LOCK_TYPE_ERRORCHECK, ROBUST = WIRE_LOCK_TYPE_ROBUST };

static uint64_t play_type;   /* of what is acquired */

static inline void lock_event(enum event_type type, unsigned family, uint64_t address, uint64_t size, uint64_t extra)
{
    put((struct event){ .type = (uint8_t)type, .family = (uint8_t)family, .address = address, .size = size, .extra = { extra } });
}
static inline void take(unsigned family, uint64_t address) { lock_event(EVENT_ACQUIRE, family, address, play_type, 0); }
static inline void try(unsigned family, uint64_t address) { take(family | WIRE_LOCK_FLAG, address); }
static inline void give(unsigned family, uint64_t address) { lock_event(EVENT_RELEASE, family, address, 0, 0); }
static inline void wait_for(unsigned family, uint64_t address) { lock_event(EVENT_WAIT, family, address, 0, 0); }
static inline void wait_a_while(unsigned family, uint64_t address) { wait_for(family | WIRE_LOCK_FLAG, address); }
static inline void wait_end(unsigned family, uint64_t address, int error) { lock_event(EVENT_WAIT_END, family, address, (uint64_t)error, 0); }
static inline void cond_wait(uint64_t cond, uint64_t mutex) { lock_event(EVENT_COND_WAIT, COND, cond, 0, mutex); }
static inline void cond_woken(uint64_t cond, uint64_t mutex, int error) { lock_event(EVENT_COND_WOKEN, COND, cond, (uint64_t)error, mutex); }
static inline void cond_signal(uint64_t cond) { lock_event(EVENT_SIGNAL, COND, cond, 0, 0); }
static inline void lock_init(unsigned family, uint64_t address, unsigned type) { lock_event(EVENT_LOCK_INIT, family, address, type, 0); }
static inline void lock_destroy(unsigned family, uint64_t address) { lock_event(EVENT_LOCK_DESTROY, family, address, 0, 0); }
static inline void module_at(uint64_t address, uint64_t size, uint32_t module) { put((struct event){ .type = EVENT_MODULE, .address = address, .size = size, .extra = { address, module } }); }
static inline void lost(void) { put((struct event){ .type = EVENT_LOST, .size = 1 }); }

/* Threads t1 to tn of p1. */
static inline void some_threads(uint32_t n)
{
    process_start(100, 0, WIRE_BORN_EXEC);
    for (uint32_t i = 2; i <= n; i++) {
        who(1, 1);
        thread_create(0, i);
        thread_created(P1 + i - 1, i);
        who(1, i);
        thread_start(P1 + i - 1, 100 + i);
    }
    who(1, 1);
    hush();
    play_type = 0;
}

/* The same, and a module that static locks lie in. */
enum { MODULE = 0x600000 };
static inline void started(uint32_t threads)
{
    some_threads(threads);
    module_at(MODULE, 0x10000, 1);
    hush();
}

/* Stacks 1 to 31 of one frame, whose offset says which it is. */
static struct code *play_code;
static inline struct view *view_now(void)
{
    for (uint32_t i = play_code ? 32 : 1; i < 32; i++) {
        if (!play_code)
            play_code = code_new();
        ck_assert_uint_eq(code_stack_id(play_code, 0, code_frame_id(play_code, 0, i, 0)), i);
    }
    return graph_view_make(play, play_code, 0);
}
static inline unsigned stack_of(const struct view *v, uint32_t stack)
{
    return stack ? (unsigned)v->frames[v->stacks[stack - 1].frame - 1].offset : 0;
}

/* What the view says of findings, one a line: rule, thread, lock, count, evidence by role and stack; then none of it. */
static char found_text[1 << 14];
static inline const char *findings(void)
{
    size_t n = 0;
    struct view *v = view_now();
    found_text[0] = '\0';
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct view_finding *f = &v->findings[i];
        n += (size_t)snprintf(found_text + n, sizeof found_text - n, "%s t%u l%lu b%lu x%lu%s%s:", rule_names[f->rule], f->thread,
                              (unsigned long)f->lock, (unsigned long)f->block, (unsigned long)f->count,
                              f->doubt & DOUBT_LOST ? " lost" : "", f->doubt & DOUBT_BY_CLASS ? " by-class" : "");
        for (size_t j = 0; j < f->n; j++) {
            const struct view_evidence *e = &v->evidence[f->first + j];
            n += (size_t)snprintf(found_text + n, sizeof found_text - n, " %s", evidence_names[e->role]);
            if (e->lock)
                n += (size_t)snprintf(found_text + n, sizeof found_text - n, " l%lu", (unsigned long)e->lock);
            n += (size_t)snprintf(found_text + n, sizeof found_text - n, " t%u %u", e->thread, stack_of(v, e->stack));
        }
        n += (size_t)snprintf(found_text + n, sizeof found_text - n, "\n");
    }
    view_free(v);
    return found_text;
}
#define found(text) ck_assert_str_eq(findings(), text)

#endif
