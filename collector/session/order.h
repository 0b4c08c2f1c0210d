/*
 * collector/session/order.h - which ring's event comes next.
 *
 * A heap of the heads of all rings that have something, by stamp. Equal
 * stamps (they are 10 ns apart where the counter is coarse): what gives up goes
 * first, so that an address, or a lock, is free before it is had again.
 *
 * Why a round may deliver what is stamped before its watermark: the watermark
 * is read before the heads are. An event that follows from another is stamped
 * after the other was committed; so when it lies below the watermark, the
 * other is in a ring that was looked at, below what was seen, and is
 * delivered before it. Unrelated events may come late, by as long as their
 * thread was off the processor between stamp and commit: they are delivered
 * when they come. Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_ORDER_H
#define OWNSCOPE_SESSION_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/record.h"

struct order_head { uint64_t stamp; uint32_t type; /* enum wire_type */ uint32_t source; };

struct order {
    struct order_head *heads;  /* a binary heap: heads[0] is the least */
    size_t count, capacity;
};

/* What gives up, or arrives (at a barrier), comes before everything else at one stamp. */
static inline bool order_first(uint32_t wire_type)
{
    const uint64_t first = 1ull << WIRE_DROP | 1ull << WIRE_REALLOC_BEGIN | 1ull << WIRE_RELEASE |
                           1ull << WIRE_COND_WAIT | 1ull << WIRE_SIGNAL | 1ull << WIRE_WAIT |
                           1ull << WIRE_LOCK_DESTROY;
    return wire_type < WIRE_TYPES && first >> wire_type & 1;
}

static inline bool order_before(const struct order_head *a, const struct order_head *b)
{
    if (a->stamp != b->stamp)
        return a->stamp < b->stamp;
    if (order_first(a->type) != order_first(b->type))
        return order_first(a->type);
    return a->source < b->source;
}

void order_free(struct order *o);
static inline void order_clear(struct order *o) { o->count = 0; }
void order_push(struct order *o, struct order_head head);
/* The least was taken: its source goes on with `head`, or has no more. */
void order_replace_top(struct order *o, struct order_head head);
void order_pop(struct order *o);
/* The least of the others; a head after all others when there is none. */
struct order_head order_second(const struct order *o);

#endif
