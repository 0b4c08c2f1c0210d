/*
 * collector/session/own_locks.h - modules whose code uses locks that no hook
 * sees: of Rust's standard library, OpenMP, GLib, Qt, TBB, Abseil.
 *
 * Told by what a module wants from others: for Rust, the unwinder's parts for
 * a personality of its own, a backtrace, and syscall (for futexes): no C or C++
 * library was seen that wants all three. For the others, a lock or a barrier of
 * theirs by name; that GLib is loaded says nothing as long as nobody wants a
 * lock of it. Abseil is linked into its users: there the name has a place, and
 * it may stand in the full table of symbols only. Their threads need not ever
 * call futex, as long as they do not wait for each other: so this is asked when
 * a module comes, once each. Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_OWN_LOCKS_H
#define OWNSCOPE_SESSION_OWN_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/code.h"
#include "event/event.h"

struct own_locks { uint8_t *known; size_t capacity; };   /* by module id: enum in own_locks.c */

/* Puts into an EVENT_MODULE of process `pid` what is to be said of its module. */
void own_locks_tell(struct own_locks *o, const struct code *code, uint32_t pid, struct event *e);
void own_locks_end(struct own_locks *o);

/* False too for what cannot be read. */
bool own_locks_in(const char *path);

#endif
