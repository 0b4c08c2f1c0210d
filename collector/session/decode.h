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
 * Nearly all records are of memory, locks and copies in the plain shape, most
 * with the stack as it was or another innermost frame: decode_plain, in line.
 *
 * Records are input: what they claim is checked, lengths before this by
 * ring_reader_peek. Families and sizes are handed on as they are: whoever folds
 * or prints an event takes any. Their bodies are shared memory that its writer may change
 * at any time: each word is read once (decode_word). Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_DECODE_H
#define OWNSCOPE_SESSION_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
    uint32_t top;       /* its id; 0: none, or unknown */
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
/* It is this one of the code's. */
void decode_stack_set(const struct decode *d, struct decode_stack *t, uint32_t stack);
/* It is not known any more. */
void decode_stack_break(struct decode_stack *t);
/* What a record changes: `push` words at `frames`. Counts that cannot be right break it. */
void decode_stack_change(struct decode *d, const struct image *m, struct decode_stack *t, uint32_t pop,
                         uint32_t push, const uint8_t *frames);

/* False when the record is none or says nothing. */
bool decode_birth(const struct ring_item *item, struct decode_birth *b);

/* 1: *e is filled but for ns, thread, process and, of a PROCESS_START, address
 * (the parent); its text points into d. -EBADMSG: the record makes no sense; the stack is broken. */
int decode_record(struct decode *d, struct image *m, struct decode_stack *t, const struct ring_item *item,
                  struct event *e);

static inline uint64_t decode_word(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    __asm__("" : "+r"(v)); /* the compiler may not read it again */
    return v;
}

_Static_assert(EVENT_NEW == (int)WIRE_NEW && EVENT_DROP == (int)WIRE_DROP &&
               EVENT_REALLOC_BEGIN == (int)WIRE_REALLOC_BEGIN && EVENT_REALLOC_END == (int)WIRE_REALLOC_END,
               "what decode_plain does needs no table");
enum { DECODE_LOCKS_AHEAD = EVENT_WAIT - (int)WIRE_WAIT }; /* by so much their events' numbers are higher */
_Static_assert(EVENT_RELEASE - (int)WIRE_RELEASE == DECODE_LOCKS_AHEAD &&
               EVENT_LOCK_DESTROY - (int)WIRE_LOCK_DESTROY == DECODE_LOCKS_AHEAD &&
               EVENT_COPY - (int)WIRE_COPY == DECODE_LOCKS_AHEAD, "from WIRE_WAIT to WIRE_COPY");

/* The same for plain records with at most two extra words; false: it is none, nothing was done. */
static inline bool decode_plain(struct decode *d, const struct image *m, struct decode_stack *t,
                                const struct ring_item *item, struct event *e)
{
    const struct wire_record *r = &item->head;
    unsigned extras = r->family_extra >> 5;
    if (unlikely(!wire_record_plain(r) || extras > 2 || r->size == WIRE_SIZE_IN_EXTRA))
        return false;
    if (r->pop | r->push)
        decode_stack_change(d, m, t, r->pop, r->push, item->body + 8 * extras);
    e->address = r->address;
    e->size = r->type == WIRE_DROP ? 0 : r->size;
    e->extra[0] = extras ? decode_word(item->body) : r->type == WIRE_DROP ? r->size : 0;
    e->extra[1] = extras > 1 ? decode_word(item->body + 8) : 0;
    e->stack = t->top;
    e->type = (uint8_t)(r->type + (r->type >= WIRE_WAIT ? DECODE_LOCKS_AHEAD : 0));
    e->family = (uint8_t)wire_family_of(r);
    e->text_bytes = 0;
    e->text = NULL;
    return true;
}

#endif
