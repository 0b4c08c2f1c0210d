/*
 * preload/record.h - an event becomes a record in the thread's ring.
 *
 * Called by hooks between hook_enter and hook_leave; while it runs the guard
 * says RECORD, afterwards what it said before. record_new and record_drop are
 * the fast path, top to bottom: room, stack, stamp, three words, commit. What
 * is out of the ordinary (a full ring, a stack that the quick walk cannot do,
 * more words) goes to record_slow.
 */
#ifndef PRELOAD_RECORD_H
#define PRELOAD_RECORD_H

#include "preload/hook.h"
#include "preload/module.h"
#include "preload/unwind.h"
#include "wire/clock.h"

/* A New or Drop that the fast path cannot do. `extra`: 0, or one more word.
 * record_walk: it failed for the stack alone. */
void record_slow(struct context *c, const struct unwind_site *site, unsigned type, unsigned family, uint64_t address,
                 uint64_t size, uint64_t extra);
void record_walk(struct context *c, const struct unwind_site *site, unsigned type, unsigned family, uint64_t address,
                 uint64_t size);
/* The stack has been taken, and its new frames stand where the record is to be;
 * their modules may not have been announced. */
void record_fresh(struct context *c, unsigned type, unsigned family, uint64_t address, uint64_t size, uint32_t change);

enum { RECORD_QUICK_BYTES = sizeof(struct wire_record) + 8 * UNWIND_QUICK_PUSH_MAX };

static inline __attribute__((always_inline)) void
record_quick(struct context *c, const struct unwind_site *site, unsigned type, unsigned family, uint64_t address,
             uint64_t size)
{
    const uintptr_t guard = c->guard;
    uint64_t *word = ring_writer_reserve(&c->writer, RECORD_QUICK_BYTES);
    uint32_t change = 0;

    if (unlikely(!word || process.slow || size >= WIRE_SIZE_IN_EXTRA)) {
        struct unwind_site again = *site;
        record_slow(c, &again, type, family, address, size, 0);
        return;
    }
    hook_guard(c, guard & ~(uintptr_t)CONTEXT_STATES, CONTEXT_RECORD);
    if (process.stacks == WIRE_STACKS_FULL)
        change = unwind_quick(c->stack, site->pc, site->sp, site->fp, word + WIRE_HEAD_WORDS);
    else if (process.stacks == WIRE_STACKS_CALLER)
        change = unwind_quick_caller(c->stack, site->pc, word + WIRE_HEAD_WORDS) |
                 (module_announced(site->pc) ? 0 : UNWIND_FRESH);
    if (unlikely(change & UNWIND_NOT_QUICK)) {
        struct unwind_site again = *site;
        record_walk(c, &again, type, family, address, size);
    } else if (unlikely(change & UNWIND_FRESH)) {
        record_fresh(c, type, family, address, size, change);
    } else {
        word[0] = wire_clock_stamp(process.clock);
        word[1] = address;
        word[2] = wire_head_word(size, type, family, change);
        ring_writer_commit(&c->writer, 8 * (WIRE_HEAD_WORDS + wire_push_of(change)));
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    c->guard = guard;
}

static inline __attribute__((always_inline)) void
record_new(struct context *c, const struct unwind_site *site, unsigned family, const void *p, size_t size,
           size_t alignment)
{
    if (likely(!alignment))
        record_quick(c, site, WIRE_NEW, family, (uintptr_t)p, size);
    else
        record_slow(c, site, WIRE_NEW, family, (uintptr_t)p, size, alignment);
}

/* `length`: munmap's and the sized forms', else 0. */
static inline __attribute__((always_inline)) void
record_drop(struct context *c, const struct unwind_site *site, unsigned family, const void *p, size_t length)
{
    if (likely(!length))
        record_quick(c, site, WIRE_DROP, family, (uintptr_t)p, 0);
    else
        record_slow(c, site, WIRE_DROP, family, (uintptr_t)p, 0, length);
}

void record_realloc_begin(struct context *c, const struct unwind_site *site, unsigned family,
                          const void *p, size_t size);
/* p == NULL: it failed, the old block stays. */
void record_realloc_end(struct context *c, const struct unwind_site *site, unsigned family,
                        const void *p, size_t size, const void *old, size_t old_length);

/* Any other event with a stack. */
void record_life(struct context *c, const struct unwind_site *site, unsigned type,
                 uint64_t address, uint64_t size, const uint64_t *extra, unsigned extras);
/* An event with text (cut at WIRE_TEXT_MAX), without a stack. False: it found no
 * room and is counted. */
bool record_text(struct context *c, unsigned type, uint64_t address, const uint64_t *extra,
                 unsigned extras, const char *text, size_t text_bytes);

void record_process_start(struct context *c);
void record_thread_start(struct context *c, void *start);

/* First thread of a process: context and records (context.c). */
void context_begin_process(void);

#endif
