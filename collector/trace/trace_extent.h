/*
 * collector/trace/trace_extent.h - which memory an event names: what a filter
 * of addresses asks, and what a group's summary remembers.
 *
 * A block, a copy's ends, a mapping and a module with all of their bytes; a
 * lock, a thread's handle and argument with one. Serials, ids, exit codes and
 * counts are no addresses. A release names what it says of its length, and
 * else one byte: how long its block was is not its to know.
 */
#ifndef OWNSCOPE_TRACE_EXTENT_H
#define OWNSCOPE_TRACE_EXTENT_H

#include "event/event.h"

struct trace_extent { uint64_t first, last; };  /* bytes; first > last: none */

#define TRACE_EXTENT_NONE ((struct trace_extent){ 1, 0 })

/* At least a byte, and not past the end of memory; no address, no extent. */
static inline struct trace_extent trace_extent_of(uint64_t address, uint64_t bytes)
{
    uint64_t last = address + bytes - (bytes != 0);
    return address ? (struct trace_extent){ address, last < address ? UINT64_MAX : last } : TRACE_EXTENT_NONE;
}

/* The first is the event's address, the second its extra0. */
static inline void trace_extents(const struct event *e, struct trace_extent of[2])
{
    uint64_t bytes = 0, second = 0, second_bytes = 0;
    switch (e->type) {
    case EVENT_NEW:
    case EVENT_USABLE:
    case EVENT_MODULE:
        bytes = e->size;
        break;
    case EVENT_DROP:
        bytes = e->extra[0];
        break;
    case EVENT_REALLOC_END:
        bytes = e->size;
        second = e->extra[0];
        second_bytes = e->extra[1];
        break;
    case EVENT_COPY:
        bytes = e->size;
        second = e->extra[0];
        second_bytes = e->extra[1] ? e->extra[1] : e->size;
        break;
    case EVENT_THREAD_JOIN:
    case EVENT_COND_WAIT:
    case EVENT_COND_WOKEN:
        second = e->extra[0];
        break;
    case EVENT_THREAD_GONE:
    case EVENT_PROCESS_START ... EVENT_VERIFY:
    case EVENT_SNAPSHOT:
    case EVENT_RATE ... EVENT_CONTROL:
        of[0] = of[1] = TRACE_EXTENT_NONE;
        return;
    default:
        break;
    }
    of[0] = trace_extent_of(e->address, bytes);
    of[1] = trace_extent_of(second, second_bytes);
}

#endif
