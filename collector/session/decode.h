/*
 * collector/session/decode.h - from a ring's record to an event.
 *
 * A record says how the stack differs from the thread's previous one; the
 * decoder keeps that stack as an array of levels, the outermost first, so that
 * a pop is a smaller depth and a push is one look-up. A level has its stack's
 * id and a hash of all its pcs: the hashes of a push need no look-up before
 * them, so the look-ups of one push run at once. Where the chain is broken (a
 * torn ring, a ring taken over from another collector), the stack is unknown,
 * id 0, until a record pops everything.
 *
 * Records are input: what they claim is checked, lengths before this by
 * ring_reader_peek. Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_DECODE_H
#define OWNSCOPE_SESSION_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/code.h"
#include "event/event.h"
#include "session/image.h"
#include "wire/ring_reader.h"

enum { DECODE_DEPTH_MAX = WIRE_FRAMES_MAX + 2, DECODE_CACHE_BITS = 16, DECODE_CACHE = 1 << DECODE_CACHE_BITS };

struct decode_level { uint64_t hash; uint32_t id; };

/* One thread's stack. All zero: a thread that has just begun. */
struct decode_stack {
    struct decode_level *levels; /* levels[depth - 1] is the whole stack */
    uint32_t depth;
    size_t capacity;
    bool broken;        /* unknown until everything is popped */
};

/* (address space, outer stack, pc) -> stack */
struct decode_cached { uint64_t space, pc; uint32_t parent, stack; };

struct decode {
    struct code *code;
    struct decode_cached *cache;
    uint64_t extra[WIRE_EXTRA_MAX]; /* copy of the record's extra words */
    char text[WIRE_TEXT_MAX];
};

/* What a PROCESS_START says, before there is an image to decode it in. */
struct decode_birth { uint32_t pid, ppid, parent_serial, birth; };

void decode_begin(struct decode *d);
void decode_end(struct decode *d);
/* Ids are those of `code` from now on. */
void decode_use(struct decode *d, struct code *code);

void decode_stack_begin(struct decode_stack *t);
void decode_stack_end(struct decode_stack *t);

/* False when the record is none or says nothing. */
bool decode_birth(const struct ring_item *item, struct decode_birth *b);

/* 1: *e is filled but for ns, thread, process and, of a PROCESS_START, address
 * (the parent); its text points into d. 0: nothing to hand over (a module was
 * noted). -EBADMSG: the record makes no sense; the stack is broken. */
int decode_record(struct decode *d, struct image *m, struct decode_stack *t, const struct ring_item *item,
                  struct event *e);

#endif
