/*
 * collector/session/decode.c - see decode.h. Ingest thread.
 *
 * Words of a body: [counts of an escaped stack] extra... [size when it does
 * not fit the head] frames...
 */
#include "session/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

/* What a record carries. Frames still lie in the ring. */
struct parts {
    uint64_t size;
    const uint64_t *extra;
    unsigned extras;
    uint32_t pop, push;
    const uint8_t *frames;
    const char *text;   /* text records alone */
    uint16_t text_bytes;
};

/* Type of event, and whether its record takes part in the stack even when
 * nothing changed. 0: no event of its own. */
static const struct { uint8_t event; bool has_stack; } TYPES[WIRE_TYPES] = {
    [WIRE_NEW] = {EVENT_NEW, true},
    [WIRE_DROP] = {EVENT_DROP, true},
    [WIRE_REALLOC_BEGIN] = {EVENT_REALLOC_BEGIN, true},
    [WIRE_REALLOC_END] = {EVENT_REALLOC_END, true},
    [WIRE_THREAD_START] = {EVENT_THREAD_START, false},
    [WIRE_THREAD_CREATE] = {EVENT_THREAD_CREATE, true},
    [WIRE_THREAD_CREATED] = {EVENT_THREAD_CREATED, true},
    [WIRE_THREAD_EXIT] = {EVENT_THREAD_EXIT, false},
    [WIRE_THREAD_JOIN] = {EVENT_THREAD_JOIN, true},
    [WIRE_THREAD_DETACH] = {EVENT_THREAD_DETACH, true},
    [WIRE_THREAD_NAME] = {EVENT_THREAD_NAME, false},
    [WIRE_PROCESS_START] = {EVENT_PROCESS_START, false},
    [WIRE_PROCESS_FORK] = {EVENT_PROCESS_FORK, true},
    [WIRE_PROCESS_FORKED] = {EVENT_PROCESS_FORKED, true},
    [WIRE_PROCESS_EXEC] = {EVENT_PROCESS_EXEC, false},
    [WIRE_PROCESS_EXEC_FAILED] = {EVENT_PROCESS_EXEC_FAILED, false},
    [WIRE_PROCESS_EXIT] = {EVENT_PROCESS_EXIT, false},
    [WIRE_MARK] = {EVENT_MARK, false},
    [WIRE_LOST] = {EVENT_LOST, false},
    [WIRE_WAIT] = {EVENT_WAIT, true},
    [WIRE_ACQUIRE] = {EVENT_ACQUIRE, true},
    [WIRE_RELEASE] = {EVENT_RELEASE, true},
    [WIRE_WAIT_END] = {EVENT_WAIT_END, true},
    [WIRE_COND_WAIT] = {EVENT_COND_WAIT, true},
    [WIRE_COND_WOKEN] = {EVENT_COND_WOKEN, true},
    [WIRE_SIGNAL] = {EVENT_SIGNAL, true},
    [WIRE_LOCK_INIT] = {EVENT_LOCK_INIT, true},
    [WIRE_LOCK_DESTROY] = {EVENT_LOCK_DESTROY, true},
    [WIRE_LOCK_CONSISTENT] = {EVENT_LOCK_CONSISTENT, true},
    [WIRE_FUTEX] = {EVENT_FUTEX, true},
    [WIRE_COPY] = {EVENT_COPY, true},
    [WIRE_USABLE] = {EVENT_USABLE, false},
    [WIRE_RATE] = {EVENT_RATE, false},
};

void decode_begin(struct decode *d)
{
    memset(d, 0, sizeof *d);
    d->cache = xcalloc(DECODE_CACHE, sizeof *d->cache);
}

void decode_end(struct decode *d)
{
    free(d->cache);
    d->cache = NULL;
}

void decode_use(struct decode *d, struct code *code)
{
    if (d->code == code)
        return;
    d->code = code;
    memset(d->cache, 0, DECODE_CACHE * sizeof *d->cache);
}

void decode_stack_begin(struct decode_stack *t)
{
    t->depth = t->top = 0;
    t->broken = false;
}

void decode_stack_break(struct decode_stack *t)
{
    t->top = 0;
    t->broken = true;
}

void decode_stack_end(struct decode_stack *t)
{
    free(t->levels);
    *t = (struct decode_stack){0};
}

/* ---- stacks ---- */

static uint32_t frame_id(struct decode *d, const struct image *m, uint64_t pc)
{
    const struct image_range *r;
    uint64_t at = pc & ~WIRE_FRAME_EXACT;
    uint32_t flags = pc & WIRE_FRAME_EXACT ? CODE_FRAME_EXACT : 0;
    if (pc == WIRE_FRAME_TRUNCATED)
        return code_frame_id(d->code, 0, 0, CODE_FRAME_TRUNCATED);
    r = image_find(m, flags || !at ? at : at - 1); /* a call may be a function's last word */
    return r ? code_frame_id(d->code, r->module, at - r->bias, flags) : code_frame_id(d->code, 0, at, flags);
}

static inline struct decode_cached *cached_at(const struct decode *d, const struct image *m, uint64_t hash)
{
    return d->cache + ((hash ^ m->space * 0xbf58476d1ce4e5b9u) >> (64 - DECODE_CACHE_BITS));
}

static uint32_t stack_learn(struct decode *d, const struct image *m, struct decode_cached *c, uint32_t parent,
                            uint64_t pc)
{
    uint32_t stack = code_stack_id(d->code, parent, frame_id(d, m, pc));
    *c = (struct decode_cached){m->space, pc, parent, stack};
    return stack;
}

static void stack_push(struct decode *d, const struct image *m, struct decode_stack *t, uint32_t push,
                       const uint8_t *frames)
{
    struct decode_level *l;
    uint32_t i, parent = 0;
    uint64_t hash = 0;
    if (unlikely(t->depth + push > t->capacity))
        t->levels = xgrow(t->levels, &t->capacity, t->depth + push, sizeof *t->levels);
    l = t->levels + t->depth;
    if (t->depth) {
        parent = l[-1].id;
        hash = l[-1].hash;
    }
    for (i = 0; i < push; i++, l++) {
        uint64_t pc = decode_word(frames + 8 * i);
        struct decode_cached *c;
        hash = ((hash << 23 | hash >> 41) ^ pc) * 0x9e3779b97f4a7c15u;
        c = cached_at(d, m, hash);
        if (likely(c->pc == pc && c->parent == parent && c->space == m->space))
            parent = c->stack;
        else
            parent = stack_learn(d, m, c, parent, pc);
        *l = (struct decode_level){hash, parent};
    }
    t->depth += push;
}

void decode_stack_change(struct decode *d, const struct image *m, struct decode_stack *t, uint32_t pop,
                         uint32_t push, const uint8_t *frames)
{
    if (pop > WIRE_FRAMES_MAX) { /* everything */
        decode_stack_begin(t);
        pop = 0;
    }
    if (t->broken)
        return;
    if (pop > t->depth || push > DECODE_DEPTH_MAX - (t->depth - pop)) {
        decode_stack_break(t);
        return;
    }
    t->depth -= pop;
    if (push)
        stack_push(d, m, t, push, frames);
    t->top = t->depth ? t->levels[t->depth - 1].id : 0;
}

/* Hashes only say where the cache is looked into. */
void decode_stack_set(const struct decode *d, struct decode_stack *t, uint32_t stack)
{
    const struct code_stack *top = code_stack(d->code, stack), *at = top;
    uint32_t level;
    if (!top || top->depth > DECODE_DEPTH_MAX)
        return;
    decode_stack_begin(t);
    if (top->depth > t->capacity)
        t->levels = xgrow(t->levels, &t->capacity, top->depth, sizeof *t->levels);
    t->top = stack;
    t->depth = top->depth;
    for (level = t->depth; level && at; level--, at = code_stack(d->code, stack)) {
        t->levels[level - 1] = (struct decode_level){stack * 0x9e3779b97f4a7c15u, stack};
        stack = at->parent;
    }
    if (level)
        decode_stack_break(t);
}

/* ---- bodies ---- */

static void parts_of_text(struct decode *d, const struct ring_item *item, struct parts *p)
{
    const struct wire_record *r = &item->head;
    p->extras = wire_extra_of(r);
    memcpy(d->extra, item->body, p->extras * 8u);
    memcpy(d->text, item->body + p->extras * 8u, r->size);
    p->text = d->text;
    p->text_bytes = (uint16_t)r->size;
}

/* Copies the extra words and finds a record's parts. */
static inline bool parts_find(struct decode *d, const struct ring_item *item, struct parts *p)
{
    const struct wire_record *r = &item->head;
    unsigned extras = wire_extra_of(r), i;

    *p = (struct parts){.size = r->size, .extra = d->extra, .frames = item->body + 8 * extras};
    if (wire_type_has_text(r->type)) {
        parts_of_text(d, item, p);
        return true;
    }
    p->pop = r->pop;
    p->push = r->push;
    for (i = 0; i < extras; i++)
        d->extra[i] = decode_word(item->body + 8 * i);
    if (r->pop == WIRE_STACK_ESCAPE) { /* this read of the counts is the one that rules */
        p->pop = (uint32_t)(d->extra[0] >> 32);
        p->push = (uint32_t)d->extra[0];
        p->extra++;
        extras--;
    }
    if (p->push != (item->bytes - sizeof *r) / 8 - wire_extra_of(r))
        return false;
    if (r->size == WIRE_SIZE_IN_EXTRA) {
        if (!extras)
            return false;
        p->size = p->extra[--extras];
    }
    p->extras = extras;
    return true;
}

static inline uint64_t extra_of(const struct parts *p, unsigned i)
{
    return i < p->extras ? p->extra[i] : 0;
}

bool decode_birth(const struct ring_item *item, struct decode_birth *b)
{
    uint64_t words[2];
    if (item->head.type != WIRE_PROCESS_START || wire_extra_of(&item->head) < 2)
        return false;
    memcpy(words, item->body, sizeof words);
    *b = (struct decode_birth){.pid = (uint32_t)(words[0] >> 32), .ppid = (uint32_t)words[0],
                               .parent_serial = (uint32_t)(words[1] >> 32), .birth = (uint32_t)words[1]};
    return true;
}

static int note_module(struct decode *d, struct image *m, const struct parts *p, struct event *e)
{
    uint64_t build_id_bytes = extra_of(p, 3);
    uint32_t module;
    if (p->extras < 4 + WIRE_BUILD_ID_MAX / 8 || build_id_bytes > WIRE_BUILD_ID_MAX || p->extra[1] >= p->extra[2])
        return -EBADMSG;
    module = code_module_id(d->code, p->text, strnlen(p->text, p->text_bytes), (const uint8_t *)(p->extra + 4),
                            build_id_bytes);
    image_add(m, p->extra[1], p->extra[2], p->extra[0], module);
    *e = (struct event){.address = p->extra[1], .size = p->extra[2] - p->extra[1], .extra = {p->extra[0], module},
                        .type = EVENT_MODULE};
    return 1;
}

/* Fields that do not stand in an event where they stand in the record. */
static inline void place(struct event *e, const struct wire_record *r, const struct parts *p)
{
    switch (r->type) {
    case WIRE_DROP:
        if (!p->extras)
            e->extra[0] = p->size;
        e->size = 0;
        break;
    case WIRE_THREAD_START:
    case WIRE_THREAD_CREATE:
    case WIRE_THREAD_CREATED:
        e->extra[0] = p->size;
        e->extra[1] = extra_of(p, 0);
        e->size = 0;
        break;
    case WIRE_THREAD_NAME:
        e->address = extra_of(p, 0);
        e->extra[0] = e->extra[1] = 0;
        break;
    case WIRE_PROCESS_START:
        e->extra[0] = extra_of(p, 0) >> 32;
        e->extra[1] = (uint32_t)extra_of(p, 0);
        e->family = (uint32_t)extra_of(p, 1) == WIRE_BORN_FORK ? WIRE_BORN_FORK : WIRE_BORN_EXEC;
        break;
    case WIRE_PROCESS_FORKED:
        if ((int32_t)e->address == -1)
            e->address = (uint64_t)-1;
        break;
    default:
        break;
    }
}

int decode_record(struct decode *d, struct image *m, struct decode_stack *t, const struct ring_item *item,
                  struct event *e)
{
    const struct wire_record *r = &item->head;
    struct parts p;

    if (decode_plain(d, m, t, item, e))
        return 1;
    if (!parts_find(d, item, &p)) {
        decode_stack_break(t);
        return -EBADMSG;
    }
    if (r->type == WIRE_MODULE)
        return note_module(d, m, &p, e);
    if (r->type >= WIRE_TYPES || !TYPES[r->type].event)
        return -EBADMSG;
    if (p.pop || p.push)
        decode_stack_change(d, m, t, p.pop, p.push, p.frames);
    *e = (struct event){.address = r->address, .size = p.text ? 0 : p.size,
                        .extra = {extra_of(&p, 0), extra_of(&p, 1)}, .type = TYPES[r->type].event,
                        .family = (uint8_t)wire_family_of(r), .text = p.text, .text_bytes = p.text_bytes};
    if (TYPES[r->type].has_stack || p.pop || p.push)
        e->stack = t->top;
    place(e, r, &p);
    return 1;
}
