/*
 * preload/follow.h - the process's blocks that are recorded to their drop.
 *
 * Under a filtered policy (wire/policy.h) a block whose New was recorded is
 * followed, and of the blocks that lived before (`born`) it is remembered which are
 * gone: their addresses come again, and are somebody else's then.
 *
 * Any thread, lock-free, no heap: an address in a table is changed by one CAS, and a
 * table that fills up is followed by one of four times its size. All of it is private
 * to the process, so a forked child has its own (follow_reborn). An address is asked for by who owns
 * the block, put in before anybody else can have it and taken out before it is given
 * back: between threads the program's own hand-over orders all of that.
 */
#ifndef PRELOAD_FOLLOW_H
#define PRELOAD_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/atomic.h"

#define FOLLOW_HIDDEN __attribute__((visibility("hidden")))

/* How many followed addresses are counted here; 255: so many or more were once. One look
 * tells most releases that theirs is none of them. Blocks that lie beside each other are counted beside each other: a line
 * of counters is of 2 KiB of heap, and comes into the cache with it. */
enum { FOLLOW_COUNTER_BITS = 16, FOLLOW_COUNTERS = 1 << FOLLOW_COUNTER_BITS };
extern FOLLOW_HIDDEN _Atomic(uint8_t) follow_counters[FOLLOW_COUNTERS];

static inline uint64_t follow_hash(uint64_t address) { return (address >> 3) * 0x9e3779b97f4a7c15ull; }

static inline unsigned follow_counter(uint64_t address) { return address >> 5 & (FOLLOW_COUNTERS - 1); }

/* False: it is not followed, and none of the arena's. */
static inline bool follow_maybe(const void *p)
{
    return load_relaxed(&follow_counters[follow_counter((uintptr_t)p)]) != 0;
}
/* Of such an address it is true for ever from now on. */
static inline void follow_pin(uint64_t address)
{
    store_relaxed(&follow_counters[follow_counter(address)], UINT8_MAX);
}

/* False: there is no room for it (and from now on follow_is_full). */
bool follow_add(uint64_t address);
/* Is it followed? Of the second: it was, and is so no longer. */
bool follow_has(uint64_t address);
bool follow_take(uint64_t address);
/* The same of mappings, which are given back in pieces: touched by [start, end), and no longer followed when all of it is. */
bool follow_add_map(uint64_t start, uint64_t end);
bool follow_take_map(uint64_t start, uint64_t end);
/* A block could not be followed: releases must all be recorded. */
bool follow_is_full(void);

/* A forked child goes on with its copy: what other threads of its parent were amid is nobody's. */
void follow_reborn(void);

/* Of the blocks in the `born` with that tag: gone. Of another tag: all are back. Where there is no room they are not
 * remembered. */
void follow_gone_add(uint64_t address, uint16_t tag);
bool follow_gone(uint64_t address, uint16_t tag);

#endif
