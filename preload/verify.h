/*
 * preload/verify.h - every Nth stack held against libunwind's of the same
 * moment (plan.verify_unwind, --verify-unwind N).
 *
 * For testing the unwinder in the program that matters: not a word of this
 * runs, and libunwind is not loaded, unless the plan asks for it. What is
 * compared is the stack as the collector will have it, all pops and pushes
 * applied, not the walk's own idea of it. Results are counted in the claims
 * page; the first differences are told as marks.
 */
#ifndef PRELOAD_VERIFY_H
#define PRELOAD_VERIFY_H

#include "preload/context.h"

/* From the plan, when the process joins. */
void verify_start(uint32_t every);
/* Loads libunwind: before main, where the loader may be called. */
void verify_load(void);
/* In a forked child: libunwind may have been left in mid-work. */
void verify_reborn(void);
/* After each walk, with process.verify_unwind set; the guard says RECORD. The
 * change is in the memory of the walk, and stays as it is. */
void verify_walk(struct context *c, const struct unwind_site *site, const struct unwind_change *change);

#endif
