/*
 * collector/session/order.h - which ring's event comes next.
 *
 * A heap of the heads of all rings that have something, by stamp. Equal
 * stamps (they are 10 ns apart where the counter is coarse): releases first,
 * so that an address is free before it is given out again.
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

#include <stddef.h>
#include <stdint.h>

#include "wire/record.h"

struct order_head { uint64_t stamp; uint32_t rank; uint32_t source; };

struct order {
    struct order_head *heads;  /* a binary heap: heads[0] is the least */
    size_t count, capacity;
};

static inline int order_before(const struct order_head *a, const struct order_head *b)
{
    if (a->stamp != b->stamp)
        return a->stamp < b->stamp;
    return a->rank != b->rank ? a->rank < b->rank : a->source < b->source;
}

/* Releases before everything else at one stamp. */
static inline uint32_t order_rank(unsigned wire_type)
{
    return wire_type != WIRE_DROP && wire_type != WIRE_REALLOC_BEGIN;
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
