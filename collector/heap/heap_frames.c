/*
 * collector/heap/heap_frames.c - see heap_frames.h.
 */
#include "heap/heap_frames.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "wire/clock.h"

enum { CLOCK_EVERY = 16 };
#define TIME_LIMIT_NS 200000000u /* all threads */

struct frames {
    const struct snapshot *s;
    const struct heap_modules *modules;
    struct heap_code *code;
    size_t room, depth;
    uint64_t began_ns;
    bool late;
};

/* The stack that an address lies in, as its index; n_roots: none. */
static size_t root_of(const struct snapshot *s, uint64_t address)
{
    for (size_t i = 0; i < s->n_roots; i++)
        if (s->roots[i].kind == ROOT_STACK && address - s->roots[i].address < s->roots[i].bytes)
            return i;
    return s->n_roots;
}

static bool frame_add(void *context, const struct heap_unwound *at)
{
    struct frames *f = context;
    struct heap_code *c = f->code;
    const struct heap_place *p = heap_modules_at(f->modules, at->pc - !at->exact);
    size_t root = root_of(f->s, at->sp);
    if (++f->depth % CLOCK_EVERY == 0 && wire_clock_monotonic_ns() - f->began_ns > TIME_LIMIT_NS)
        f->late = true;
    if (f->late || root == f->s->n_roots)
        return false;
    c->frames = xgrow(c->frames, &f->room, c->n_frames + 1, sizeof *c->frames);
    c->frames[c->n_frames++] = (struct heap_frame){
        .address = f->depth == 1 ? f->s->roots[root].address : at->sp, .root = (uint32_t)root, .exact = at->exact,
        .module = p ? (uint32_t)(p - f->modules->places) + 1 : 0, .offset = p ? at->pc - p->bias : at->pc};
    return true;
}

static int frames_order(const void *a, const void *b)
{
    const struct heap_frame *x = a, *y = b;
    if (x->root != y->root)
        return x->root < y->root ? -1 : 1;
    return x->address < y->address ? -1 : x->address > y->address;
}

void heap_frames(const struct snapshot *s, const struct heap_scan_input *in, const struct heap_modules *modules,
                 struct heap_unwind *unwind, struct heap_code *code)
{
    struct frames f = {.s = s, .modules = modules, .code = code, .began_ns = wire_clock_monotonic_ns()};
    for (size_t i = 0; i < in->stop->n && !f.late; i++) {
        f.depth = 0;
        if (in->stop->threads[i].n_registers >= HEAP_GENERAL)
            heap_unwind_thread(unwind, in->stop->threads[i].registers, frame_add, &f);
    }
    if (code->n_frames)
        qsort(code->frames, code->n_frames, sizeof *code->frames, frames_order);
}
