/*
 * preload/wait.h - waiting for the collector, bounded.
 *
 * A thread waits only while the collector's heart beats: past --wait-ms
 * without a beat nobody waits any more, so that all waits of a session
 * together are bounded by it once the collector is dead or stopped.
 */
#ifndef PRELOAD_WAIT_H
#define PRELOAD_WAIT_H

#include "preload/context.h"

/* True while a wait that began at that stamp may go on. */
bool wait_allowed(uint64_t began_stamp);
/* The collector has beaten within the bound. */
bool wait_collector_alive(void);
/* Wakes a collector that sleeps. */
void wait_wake_collector(void);

/* Makes room for `bytes` before a lock is taken, waiting if need be, so that what
 * is recorded while it is held need not. */
void wait_before_lock(struct context *c, uint64_t bytes); /* no longer than locks are recorded */

/* Place for a record of `bytes` where ring_writer_reserve found none: looks
 * again, waits by the plan, or counts the event as lost and gives NULL. `bit`: of the
 * gate, that lets such events in; when it is shut, nobody waits and nothing is lost. */
void *wait_for_room(struct context *c, uint64_t bytes, bool drop, uint32_t bit);

#endif
