/*
 * wire/ring_reader.h - the collector's end of one slot's ring.
 *
 * One reader a slot. What lies in the ring was written by another process and
 * is input: heads are copied out before they are checked, and a record that
 * does not fit what the head promises tears the ring (-EBADMSG), which costs
 * the bytes up to the head and nothing else.
 *
 * Pairs: see wire/ring_writer.h.
 *
 * If this side dies: `tail` says how far it came; a successor goes on there
 * (ring_reader_open again). If the other side dies, everything below `head`
 * is still readable.
 */
#ifndef WIRE_RING_READER_H
#define WIRE_RING_READER_H

#include <errno.h>
#include <string.h>

#include "wire/segment.h"

struct ring_reader {
    const struct wire_segment *segment;
    struct wire_slot *slot;
    struct wire_ring *ring;
    uint64_t ring_offset;
    uint64_t size;       /* of ring; our own copy, so the other side cannot change it */
    uint64_t start;      /* position of its first byte */
    uint64_t tail;       /* next position to read; published by ring_reader_release */
    uint64_t head;       /* as last seen: records below it are whole */
    uint64_t until;      /* of them, those below it lie in this ring; tail <= until <= head */
};

/* An event of memory (New, Drop, half a realloc), of a lock or a copy whose
 * head says all about its length. */
static inline int wire_record_plain(const struct wire_record *r)
{
    return (likely(r->type - 1u < WIRE_REALLOC_END) || r->type - (unsigned)WIRE_WAIT <= WIRE_COPY - WIRE_WAIT) &&
           r->pop != WIRE_STACK_ESCAPE;
}

/* Bytes of a whole record, from its head alone; 0 when it makes no sense. */
static inline uint64_t wire_record_bytes(const struct wire_record *r)
{
    uint64_t bytes = sizeof *r + 8u * wire_extra_of(r);
    if (r->type >= WIRE_TYPES)
        return 0;
    if (r->type == WIRE_PAD)
        return r->size >= sizeof *r && r->size % 8 == 0 ? r->size : 0;
    if (wire_type_has_text(r->type))
        return r->size <= WIRE_TEXT_MAX ? bytes + ((r->size + 7u) & ~7u) : 0;
    if (r->pop == WIRE_STACK_ESCAPE)
        return 0; /* needs the first extra word: wire_record_bytes_escaped */
    return bytes + 8u * r->push;
}

/* The same for an escaped stack: `counts` is the first extra word. */
static inline uint64_t wire_record_bytes_escaped(const struct wire_record *r, uint64_t counts)
{
    uint32_t push = (uint32_t)counts;
    if (push > WIRE_FRAMES_MAX || wire_extra_of(r) < 1 || r->type == WIRE_PAD || r->type >= WIRE_TYPES ||
        r->pop != WIRE_STACK_ESCAPE || wire_type_has_text(r->type))
        return 0;
    return sizeof *r + 8u * wire_extra_of(r) + 8u * (uint64_t)push;
}

static inline int ring_reader_enter(struct ring_reader *r, uint64_t offset)
{
    struct wire_ring *ring = wire_ring_at(r->segment, offset);
    if (!ring)
        return -EBADMSG;
    r->ring = ring;
    r->ring_offset = offset;
    r->size = ring->size_bytes;
    r->start = load_relaxed(&ring->start);
    r->until = r->tail;
    if (!r->size || (r->size & (r->size - 1)) || r->size > WIRE_RING_LAST_BYTES ||
        !wire_at(r->segment, offset, sizeof *ring + r->size))
        return -EBADMSG;
    return 0;
}

/* Starts, or goes on after another reader. `ring_offset`: the ring in which
 * the slot's tail lies. 0 or -EBADMSG. */
static inline int ring_reader_open(struct ring_reader *r, const struct wire_segment *s,
                                   struct wire_slot *slot, uint64_t ring_offset)
{
    *r = (struct ring_reader){.segment = s, .slot = slot};
    r->tail = r->head = load_relaxed(&slot->tail);
    return ring_reader_enter(r, ring_offset);
}

/* Looks how far the writer has come. */
static inline void ring_reader_look(struct ring_reader *r)
{
    r->head = load_acquire(&r->slot->head); /* R: pairs with W */
}

/* A record, in place. `body` points behind the head, in shared memory: copy
 * what you check. */
struct ring_item {
    struct wire_record head;
    const uint8_t *body;
    uint64_t bytes;     /* whole record */
};

/* Everything below `until` was read: sees how much more of what was looked at
 * lies in this ring, or enters its successor. What is written behind a seal is
 * published after it, so a ring that is not sealed now holds all up to the
 * head. 1: it may go on; 0: there is no more, or it lies behind a second ring;
 * -EBADMSG. */
static inline int ring_reader_go_on(struct ring_reader *r, uint64_t *left)
{
    uint64_t whole = r->head - r->tail, next;
    if (!whole)
        return 0;
    next = load_acquire(&r->ring->next); /* T: pairs with S */
    if (next) {
        struct wire_ring *n = wire_ring_at(r->segment, next);
        uint64_t sealed = n ? load_relaxed(&n->start) - r->tail : 0; /* bytes up to the seal */
        if (!n)
            return -EBADMSG;
        if (!sealed) {
            if (*left)
                return 0; /* one ring a call, so that the caller sees each */
            *left = r->ring_offset;
            return ring_reader_enter(r, next) ? -EBADMSG : 1;
        }
        if (whole > sealed)
            whole = sealed;
    }
    if (whole > r->size)
        return -EBADMSG;
    r->until = r->tail + whole;
    return 1;
}

/* The record at the tail: 1 and *item, 0 none (the writer has not come further
 * than ring_reader_look saw), -EBADMSG torn. Does not move the tail. A sealed
 * ring that was read to its end is left for its successor; *left gets the
 * offset of the ring that was left (its memory is the caller's again), else 0. */
static inline int ring_reader_peek(struct ring_reader *r, struct ring_item *item, uint64_t *left)
{
    *left = 0;
    for (;;) {
        uint64_t at, to_end, whole = r->until - r->tail;
        if (unlikely(!whole)) {
            int more = ring_reader_go_on(r, left);
            if (more <= 0)
                return more;
            continue;
        }
        at = (r->tail - r->start) & (r->size - 1);
        to_end = r->size - at;
        if (unlikely(to_end < sizeof item->head)) { /* a pad without a head */
            if (whole < to_end)
                return -EBADMSG;
            r->tail += to_end;
            continue;
        }
        if (unlikely(whole < sizeof item->head))
            return -EBADMSG;
        item->body = (uint8_t *)(r->ring + 1) + at;
        memcpy(&item->head, item->body, sizeof item->head);
        item->body += sizeof item->head;
        item->bytes = wire_record_bytes(&item->head);
        if (!item->bytes && item->head.pop == WIRE_STACK_ESCAPE && to_end >= sizeof item->head + 8) {
            uint64_t counts;
            memcpy(&counts, item->body, 8);
            item->bytes = wire_record_bytes_escaped(&item->head, counts);
        }
        if (unlikely(!item->bytes || item->bytes > to_end || item->bytes > whole))
            return -EBADMSG;
        if (likely(item->head.type != WIRE_PAD))
            return 1;
        r->tail += item->bytes;
    }
}

/* The same where the record is plain and lies whole in front of the tail: 1 and
 * *item. 0: ring_reader_peek knows. */
static inline int ring_reader_plain(const struct ring_reader *r, struct ring_item *item)
{
    uint64_t at = (r->tail - r->start) & (r->size - 1), room = r->size - at;
    const uint8_t *from = (uint8_t *)(r->ring + 1) + at;
    if (room > r->until - r->tail)
        room = r->until - r->tail;
    if (unlikely(room < sizeof item->head))
        return 0;
    memcpy(&item->head, from, sizeof item->head);
    item->body = from + sizeof item->head;
    item->bytes = sizeof item->head + 8u * (wire_extra_of(&item->head) + item->head.push);
    return wire_record_plain(&item->head) && item->bytes <= room;
}

/* Past the record that peek gave. */
static inline void ring_reader_next(struct ring_reader *r, const struct ring_item *item)
{
    r->tail += item->bytes;
}

/* Gives the space up to `to` (read, and where a record ends) back to the writer. Returns 1 when the writer
 * sleeps and must be woken on drain_seq. */
static inline int ring_reader_release_to(struct ring_reader *r, uint64_t to)
{
    store_release(&r->slot->tail, to); /* F: pairs with L */
    fence_full();                           /* orders tail before waiting: pairs with the writer's fence in preload/wait.c */
    if (likely(!load_relaxed(&r->slot->waiting)))
        return 0;
    add_relaxed(&r->slot->drain_seq, 1);
    return 1;
}
static inline int ring_reader_release(struct ring_reader *r) { return ring_reader_release_to(r, r->tail); }

/* After -EBADMSG: skips to the head. Returns the bytes given up. */
static inline uint64_t ring_reader_skip(struct ring_reader *r)
{
    uint64_t lost = r->head - r->tail;
    r->tail = r->until = r->head;
    return lost;
}

#endif
