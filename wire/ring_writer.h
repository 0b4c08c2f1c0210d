/*
 * wire/ring_writer.h - the traced thread's end of its ring.
 *
 * One writer a slot, at any moment: the thread that claimed it. Wait-free but
 * for ring_writer_room(), which is the slow path and may sleep, bounded.
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
    uint8_t *data;       /* bytes of the ring */
    uint64_t mask;       /* size - 1 */
    uint64_t start;      /* position of data[0] */
    uint64_t head;       /* next position to write */
    uint64_t limit;      /* fast path writes below this: at most a quarter ring beyond the last look */
};

/* Of a ring, this much only releases may use: a lost free looks like a leak. */
static inline uint64_t ring_reserve_bytes(uint64_t size_bytes) { return size_bytes / 8; }

/* Where the ring is full for all but releases, by a tail just loaded. Sets the
 * fast path's limit, which is nearer: the slow path is taken at least once a
 * quarter ring, to see the reader's progress, an offered ring, a sleeper. */
static inline uint64_t ring_writer_limit(struct ring_writer *w, uint64_t tail)
{
    uint64_t size = w->mask + 1;
    uint64_t from = tail > w->start ? tail : w->start;
    uint64_t full = from + size - ring_reserve_bytes(size);
    w->limit = full < w->head + size / 4 ? full : w->head + size / 4;
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
    w->data = (uint8_t *)(r + 1);
    w->mask = r->size_bytes - 1;
    w->start = load_relaxed(&r->start);
    w->head = load_relaxed(&slot->head);
    ring_writer_limit(w, load_acquire(&slot->tail)); /* L: pairs with F */
    return 0;
}

/* Bytes to pad before a record of `bytes` at the head. */
static inline uint64_t ring_writer_pad(const struct ring_writer *w, uint64_t bytes)
{
    uint64_t at = (w->head - w->start) & w->mask;
    uint64_t to_end = w->mask + 1 - at;
    return to_end < bytes ? to_end : 0;
}

/* Fast path. Room for a record of `bytes` (a multiple of 8), or NULL: then
 * ring_writer_refresh, and after it, if need be, wait or count. */
static inline void *ring_writer_reserve(struct ring_writer *w, uint64_t bytes)
{
    uint64_t at = (w->head - w->start) & w->mask;
    if (unlikely(w->head + bytes > w->limit || at + bytes > w->mask + 1))
        return NULL;
    return w->data + at;
}

/* Makes the record that was written at the reserved place readable. */
static inline void ring_writer_commit(struct ring_writer *w, uint64_t bytes)
{
    w->head += bytes;
    store_release(&w->slot->head, w->head); /* W: pairs with R */
}

/* Writes the pad that a record of `bytes` needs; 0, or -1 when even the pad
 * does not fit below `limit`. A pad shorter than a head is only its length. */
static inline int ring_writer_put_pad(struct ring_writer *w, uint64_t bytes, uint64_t limit)
{
    uint64_t pad = ring_writer_pad(w, bytes);
    if (!pad)
        return 0;
    if (w->head + pad + bytes > limit)
        return -1;
    /* The reader knows a pad by the ring's end: it skips what is left there
     * when less than a head is left, else it finds a WIRE_PAD head. */
    if (pad >= sizeof(struct wire_record)) {
        struct wire_record *r = (struct wire_record *)(w->data + ((w->head - w->start) & w->mask));
        *r = (struct wire_record){.stamp = 0, .size = (uint32_t)pad, .type = WIRE_PAD};
    }
    ring_writer_commit(w, pad);
    return 0;
}

/* Moves to the larger ring that the collector has offered, if any. */
static inline int ring_writer_grow(struct ring_writer *w, const struct wire_segment *s)
{
    uint64_t offset = load_acquire(&w->slot->next_ring); /* H: pairs with G */
    struct wire_ring *r, *old = (struct wire_ring *)w->data - 1;
    if (!offset || load_relaxed(&old->next) || !(r = wire_ring_at(s, offset)) || r == old)
        return 0;
    store_relaxed(&r->start, w->head);
    store_relaxed(&r->next, 0);
    store_release(&old->next, offset); /* S: pairs with T; nothing is written to the old ring after this */
    w->data = (uint8_t *)(r + 1);
    w->mask = r->size_bytes - 1;
    w->start = w->head;
    return 1;
}

/* After a move that was left half-way (a signal handler jumped out of it): where
 * the old ring is sealed, goes on in the new one. */
static inline void ring_writer_resume(struct ring_writer *w, const struct wire_segment *s)
{
    struct wire_ring *old = (struct wire_ring *)w->data - 1;
    struct wire_ring *r = wire_ring_at(s, load_relaxed(&old->next));
    if (load_relaxed(&old->next) && r) {
        w->data = (uint8_t *)(r + 1);
        w->mask = r->size_bytes - 1;
        w->start = load_relaxed(&r->start);
    }
    w->limit = w->head; /* look anew */
}

/* Slow path, still wait-free: looks at the reader's progress, moves to a
 * larger ring, pads. `reserved_too`: a release may use the reserve. The place
 * for the record, or NULL: the ring is full. */
static inline void *ring_writer_refresh(struct ring_writer *w, const struct wire_segment *s,
                                        uint64_t bytes, int reserved_too)
{
    uint64_t limit, at;
    ring_writer_grow(w, s);
    limit = ring_writer_limit(w, load_acquire(&w->slot->tail)); /* L: pairs with F */
    limit += reserved_too ? ring_reserve_bytes(w->mask + 1) : 0;
    if (w->head + bytes > limit || ring_writer_put_pad(w, bytes, limit))
        return NULL;
    at = (w->head - w->start) & w->mask;
    return w->data + at;
}

#endif
