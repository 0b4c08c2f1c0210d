/*
 * preload/record.h - an event becomes a record in the thread's ring.
 *
 * Called by hooks between hook_enter and hook_leave; while it runs the guard
 * says RECORD, afterwards what it said before. Whether it is to be recorded is asked
 * here (policy.h), of every record but those that are made amid another (a
 * module's, told before the stack that names it).
 *
 * While a record is made slot->acting says under which gate: the read side of
 * the collector's grace periods (session_quiet).
 */
#ifndef PRELOAD_RECORD_H
#define PRELOAD_RECORD_H

#include "preload/hook.h"

/* What the fast path wants of the ring, without extra words. */
enum { RECORD_QUICK_BYTES = sizeof(struct wire_record) + 8 * UNWIND_QUICK_PUSH_MAX };

/* An event that needs no extra word. `kind`: enum wire_type | enum wire_family
 * << 8 (of a lock's event enum wire_lock, of a copy enum wire_copy). One function
 * for all hooks: its code is fetched once. */
void record_put(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size);
/* The same with one word: a copy's source, a condition's mutex. */
void record_put_word(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size,
                     uint64_t word);
/* The same without a stack. */
void record_put_bare(struct context *c, unsigned kind, uint64_t address, uint64_t size);
/* One that needs a word, or room that is not there. `extra`: 0, or that word. */
void record_slow(struct context *c, const struct hook_frame *site, unsigned kind, uint64_t address, uint64_t size,
                 uint64_t extra);

static inline __attribute__((always_inline)) void
record_new(struct context *c, const struct hook_frame *site, unsigned family, const void *p, size_t size,
           size_t alignment)
{
    if (likely(!alignment))
        record_put(c, site, WIRE_NEW | family << 8, (uintptr_t)p, size);
    else
        record_slow(c, site, WIRE_NEW | family << 8, (uintptr_t)p, size, alignment);
}

/* `length`: munmap's and the sized forms', else 0. */
static inline __attribute__((always_inline)) void
record_drop(struct context *c, const struct hook_frame *site, unsigned family, const void *p, size_t length)
{
    if (likely(!length))
        record_put(c, site, WIRE_DROP | family << 8, (uintptr_t)p, 0);
    else
        record_slow(c, site, WIRE_DROP | family << 8, (uintptr_t)p, 0, length);
}

/* `old_length`: mremap's, else 0. What becomes of the end is known from the beginning. */
void record_realloc_begin(struct context *c, const struct hook_frame *site, unsigned family,
                          const void *p, size_t size, size_t old_length);
/* p == NULL: it failed, the old block stays. */
void record_realloc_end(struct context *c, const struct hook_frame *site, unsigned family,
                        const void *p, size_t size, const void *old, size_t old_length);

/* A copy that reads fewer bytes than it writes. */
void record_copy_padded(struct context *c, const struct hook_frame *site, unsigned kind, const void *to, size_t written,
                        const void *from, size_t read);

/* WIRE_RATE, of enum wire_rate; within another event's record. False: it found no room and is counted. */
bool record_rate(struct context *c, unsigned which, uint64_t rate);

/* Any other event with a stack. False: it found no room and is counted. */
bool record_life(struct context *c, const struct hook_frame *site, unsigned type,
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
