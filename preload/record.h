/*
 * preload/record.h - an event becomes a record in the thread's ring.
 *
 * Called by hooks between hook_enter and hook_leave; while it runs the guard
 * says RECORD, afterwards what it said before. record_new and record_drop are
 * the fast paths: walk the stack, reserve, stamp, fill, commit.
 */
#ifndef PRELOAD_RECORD_H
#define PRELOAD_RECORD_H

#include "preload/hook.h"

void record_new(struct context *c, const struct unwind_site *site, unsigned family,
                const void *p, size_t size, size_t alignment);
/* `length`: munmap's and the sized forms', else 0. */
void record_drop(struct context *c, const struct unwind_site *site, unsigned family,
                 const void *p, size_t length);
void record_realloc_begin(struct context *c, const struct unwind_site *site, unsigned family,
                          const void *p, size_t size);
/* p == NULL: it failed, the old block stays. */
void record_realloc_end(struct context *c, const struct unwind_site *site, unsigned family,
                        const void *p, size_t size, const void *old, size_t old_length);

/* Any other event with a stack. */
void record_life(struct context *c, const struct unwind_site *site, unsigned type,
                 uint64_t address, uint64_t size, const uint64_t *extra, unsigned extras);
/* An event with text (cut at WIRE_TEXT_MAX), without a stack. */
void record_text(struct context *c, unsigned type, uint64_t address, const uint64_t *extra,
                 unsigned extras, const char *text, size_t text_bytes);

void record_process_start(struct context *c);
void record_thread_start(struct context *c, void *start);

/* First thread of a process: context and records (context.c). */
void context_begin_process(void);

#endif
