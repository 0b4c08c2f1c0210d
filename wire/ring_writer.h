/*
 * wire/ring_writer.h - the traced thread's end of its ring.
 *
 * One writer a slot, at any moment: the thread that claimed it. Wait-free: where there
 * is no room the caller decides whether to wait (preload/wait.h), bounded.
 *
 * Positions are bytes ever written, over all rings of the slot. Records never
 * wrap: one that does not fit before the ring's end is preceded by a pad.
 *
 * Pairs (writer here, reader in wire/ring_reader.h):
 *   W store_release(head)  with R load_acquire(head): a position below head is whole
 *   F store_release(tail)  with L load_acquire(tail): space below tail may be written again
 *   S store_release(next)  with T load_acquire(next): the ring ends, its successor is ready
 *   G store_release(next_ring) with H load_acquire(next_ring): the larger ring is ready
 *
 * If this side dies at any instruction: everything below `head` is whole and
 * will be read; what was being written lies above it and is never looked at.
 * If the other side dies: `tail` stands still, the ring fills, and the caller
 * counts what it leaves out.
 */
#ifndef WIRE_RING_WRITER_H
#define WIRE_RING_WRITER_H

#include "wire/segment.h"

/* The writer's private copy: plain data, kept in TLS. */
struct ring_writer {
    struct wire_slot *slot;
    uint8_t *to;         /* where the next record goes */
    uint8_t *stop;       /* fast path writes below this: at most a quarter ring beyond the last look */
    uint64_t bias;       /* position of `to`, less `to` */
    uint8_t *data;       /* bytes of the ring */
    uint64_t size_bytes; /* of them */
};

/* The next position to write. */
static inline uint64_t ring_writer_head(const struct ring_writer *w) { return (uint64_t)(uintptr_t)w->to + w->bias; }

/* The position of the ring's first byte, the first time round. */
static inline uint64_t ring_writer_start(const struct ring_writer *w)
{
    return load_relaxed(&((struct wire_ring *)w->data - 1)->start);
}

/* Goes on in a ring, at position `head`. */
static inline void ring_writer_enter(struct ring_writer *w, struct wire_ring *r, uint64_t head)
{
    w->data = (uint8_t *)(r + 1);
    w->size_bytes = r->size_bytes;
    w->to = w->data + ((head - load_relaxed(&r->start)) & (w->size_bytes - 1));
    w->bias = head - (uint64_t)(uintptr_t)w->to;
    w->stop = w->to;
}

/* Of a ring, this much only releases may use: a lost free looks like a leak. */
static inline uint64_t ring_reserve_bytes(uint64_t size_bytes) { return size_bytes / 8; }

/* Where the ring is full for all but releases, by a tail just loaded. Sets the
 * fast path's stop, which is nearer: at the ring's end, and within a quarter
 * ring, so that the slow path comes by to see the reader's progress, an offered
 * ring, a sleeper. */
static inline uint64_t ring_writer_limit(struct ring_writer *w, uint64_t tail)
{
    uint64_t size = w->size_bytes, start = ring_writer_start(w), head = ring_writer_head(w);
    uint64_t full = (tail > start ? tail : start) + size - ring_reserve_bytes(size);
    uint64_t room = full > head ? full - head : 0, to_end = (uint64_t)(w->data + size - w->to);
    room = room < size / 4 ? room : size / 4;
    w->stop = w->to + (room < to_end ? room : to_end);
    return full;
}

/* Takes the writer's end of a slot that this thread has just claimed.
 * Returns 0, or -1 when the segment names no usable ring. */
static inline int ring_writer_open(struct ring_writer *w, const struct wire_segment *s,
                                   struct wire_slot *slot)
{
    struct wire_ring *r = wire_ring_at(s, load_acquire(&slot->ring)); /* H: pairs with G */
    if (!r)
        return -1;
    w->slot = slot;
    ring_writer_enter(w, r, load_relaxed(&slot->head));
    ring_writer_limit(w, load_acquire(&slot->tail)); /* L: pairs with F */
    return 0;
}

/* Fast path. Room for a record of `bytes` (a multiple of 8), or NULL: then
 * ring_writer_refresh, and after it, if need be, wait or count. */
static inline void *ring_writer_reserve(const struct ring_writer *w, uint64_t bytes)
{
    return likely(w->to + bytes <= w->stop) ? w->to : NULL; /* a release may have gone beyond stop */
}

/* Makes the record that was written at the reserved place readable. */
static inline void ring_writer_commit(struct ring_writer *w, uint64_t bytes)
{
    fence_signal(); /* a jump out of here leaves it whole, or not begun */
    w->to += bytes;
    store_release(&w->slot->head, ring_writer_head(w)); /* W: pairs with R */
}

/* The fast path is closed until ring_writer_refresh has found room. */
static inline void ring_writer_stop(struct ring_writer *w) { w->stop = w->to; }

/* Where fewer than `bytes` are left before the ring's end, fills them with a
 * pad and goes to its beginning; 0, or -1 when pad and record do not both fit
 * below `limit`. A pad shorter than a head is only its length. */
static inline int ring_writer_turn(struct ring_writer *w, uint64_t bytes, uint64_t limit)
{
    uint64_t pad = (uint64_t)(w->data + w->size_bytes - w->to);
    if (pad >= bytes)
        return 0;
    if (ring_writer_head(w) + pad + bytes > limit)
        return -1;
    /* The reader knows a pad by the ring's end: it skips what is left there
     * when less than a head is left, else it finds a WIRE_PAD head. */
    if (pad >= sizeof(struct wire_record))
        *(struct wire_record *)w->to = (struct wire_record){.stamp = 0, .size = (uint32_t)pad, .type = WIRE_PAD};
    if (pad)
        ring_writer_commit(w, pad);
    w->bias += w->size_bytes;
    w->to = w->data;
    w->stop = w->to;
    return 0;
}

/* Moves to the larger ring that the collector has offered, if any. */
static inline int ring_writer_grow(struct ring_writer *w, const struct wire_segment *s)
{
    uint64_t offset = load_acquire(&w->slot->next_ring); /* H: pairs with G */
    struct wire_ring *r, *old = (struct wire_ring *)w->data - 1;
    uint64_t head = ring_writer_head(w);
    if (!offset || load_relaxed(&old->next) || !(r = wire_ring_at(s, offset)) || r == old)
        return 0;
    store_relaxed(&r->start, head);
    store_relaxed(&r->next, 0);
    store_release(&old->next, offset); /* S: pairs with T; nothing is written to the old ring after this */
    fence_signal();
    ring_writer_enter(w, r, head);
    return 1;
}

/* After a signal handler jumped out of any of these. A record that was whole
 * but for its commit is kept; where a move to another ring or to the ring's
 * beginning was left half-way, the published head says where it stands. */
static inline void ring_writer_resume(struct ring_writer *w, const struct wire_segment *s)
{
    struct wire_ring *old = (struct wire_ring *)w->data - 1;
    struct wire_ring *r = wire_ring_at(s, load_relaxed(&old->next));
    uint64_t published = load_relaxed(&w->slot->head), head = ring_writer_head(w);
    if (load_relaxed(&old->next) && r)
        old = r;
    else if (head - published < ring_reserve_bytes(w->size_bytes) &&
             ((head - ring_writer_start(w)) & (w->size_bytes - 1)) == ((uint64_t)(w->to - w->data) & (w->size_bytes - 1)))
        published = head;
    ring_writer_enter(w, old, published);
}

/* Slow path, still wait-free: looks at the reader's progress, moves to a
 * larger ring, pads. `reserved_too`: a release may use the reserve. The place
 * for the record, or NULL: the ring is full. */
static inline void *ring_writer_refresh(struct ring_writer *w, const struct wire_segment *s,
                                        uint64_t bytes, int reserved_too)
{
    uint64_t limit, tail;
    ring_writer_grow(w, s);
    tail = load_acquire(&w->slot->tail); /* L: pairs with F */
    limit = ring_writer_limit(w, tail) + (reserved_too ? ring_reserve_bytes(w->size_bytes) : 0);
    if (ring_writer_head(w) + bytes > limit || ring_writer_turn(w, bytes, limit))
        return NULL;
    ring_writer_limit(w, tail);
    return w->to;
}

#endif
