/*
 * tests/unit/archive_damage.h - saves of random graphs with numbers changed in
 * them, loaded; what is taken for whole folds on, is seen and is saved again.
 *
 * Shared by the fuzzer of states and a unit test. What comes of a damaged state
 * may be any nonsense, but in bounds, in time, and in memory that it paid for.
 */
#ifndef ARCHIVE_DAMAGE_H
#define ARCHIVE_DAMAGE_H

#include <stdlib.h>

#include "archive_stream.h"
#include "event/snapshot.h"
#include "event/xalloc.h"
#include "graph/view.h"
#include "state_save.h"

enum { DAMAGE_KINDS = 9, DAMAGE_EVENTS = 600, DAMAGE_AFTER = 300 };

/* Of all that a state can have, more of this or that. */
static inline struct mix damage_mix(unsigned kind)
{
    struct mix mix = { .heap = 50, .drops = 3, .maps = 5, .threads = 5, .processes = 1, .locks = 10, .conds = 5, .copies = 10, .modules = 2,
                       .marks = 1, .losses = 1, .futexes = 1, .usables = 1, .snapshots = 1, .late = 5, .n_processes = 3, .n_threads = 4,
                       .n_slots = 48, .n_locks = 24 };
    switch (kind) {
    case 1: mix.threads = 60; break;
    case 2: mix.processes = 15; break;
    case 3: mix.locks = 200; break;
    case 4: mix.copies = 100; break;
    case 5: mix.maps = 100; break;
    case 6: mix.late = 60; break;
    case 7: mix.drops = 60; break;
    case 8: mix.rates = 10; mix.covers = 5; mix.orders = 5; break;
    }
    return mix;
}

/* A save of a graph of that kind, made once: one part, and the code that it names. */
struct damage_base { uint8_t *bytes; size_t n; struct code *code; };
static inline const struct damage_base *damage_base(unsigned kind)
{
    static struct damage_base bases[DAMAGE_KINDS];
    struct damage_base *b = &bases[kind % DAMAGE_KINDS];
    struct archive a;
    if (b->bytes)
        return b;
    struct stream *s = xcalloc(1, sizeof *s);
    b->code = stream_code();
    struct graph *g = graph_new(b->code);
    stream_begin(s, damage_mix(kind), 77 + kind);
    for (int i = 0; i < DAMAGE_EVENTS; i++) {
        struct event e = stream_next(s);
        graph_fold(g, &e);
    }
    state_save(g, &a);
    b->n = a.parts[0].bytes;
    b->bytes = a.parts[0].data;
    a.parts[0].data = NULL;
    archive_free(&a);
    graph_free(g);
    free(s);
    return b;
}

static inline void damage_observe(void *context, const struct fact *f)
{
    *(uint64_t *)context += f->text_bytes ? (uint8_t)f->text[f->text_bytes - 1] : f->address;
}

/* Whatever anybody does with a graph. */
static inline void damage_use(struct graph *g, const struct code *code, unsigned kind, uint64_t seed)
{
    uint64_t facts = 0;
    struct archive a;
    struct stream *s = xcalloc(1, sizeof *s);
    struct mix mix = damage_mix(kind);
    mix.wild = 30;
    stream_begin(s, mix, seed);
    s->ns = graph_now_ns(g) < UINT64_MAX / 2 ? graph_now_ns(g) : 0;
    view_free(graph_view_make(g, code, VIEW_BLOCKS));
    if (seed & 1)
        graph_observe(g, damage_observe, &facts);
    for (int i = 0; i < DAMAGE_AFTER; i++) {
        struct event e = stream_next(s);
        graph_fold(g, &e);
    }
    graph_settle(g, UINT64_MAX);
    view_free(graph_view_make(g, code, VIEW_BLOCKS));
    size_t n = graph_heaps(g, NULL, 0);
    struct graph_heap *heaps = xcalloc(n + 1, sizeof *heaps);
    graph_heaps(g, heaps, n);
    for (size_t i = 0; i < n; i++) {
        struct snapshot *heap = snapshot_new();
        graph_heap_take(g, heaps[i].process, true, heap);
        snapshot_free(heap);
    }
    state_save(g, &a);
    archive_free(&a);
    free(heaps);
    free(s);
}

struct damage_input { const uint8_t *bytes; size_t n; };
static inline bool damage_more(void *context, const uint8_t **data, size_t *bytes)
{
    struct damage_input *in = context;
    *data = in->bytes;
    *bytes = in->n;
    in->n = 0;
    return *bytes;
}

/* True: it was taken for whole. */
static inline bool damage_load(const uint8_t *bytes, size_t n, const struct code *code, unsigned kind, uint64_t seed)
{
    struct archive a;
    struct damage_input in = { bytes, n };
    archive_read_begin(&a, ARCHIVE_VERSION, n, n, damage_more, &in);
    struct graph *g = graph_load(code, &a);
    archive_free(&a);
    if (!g)
        return false;
    damage_use(g, code, kind, seed);
    graph_free(g);
    return true;
}

/* The number that begins at or before byte `at` becomes another; returns how many bytes there are then. */
static inline size_t damage_number(uint8_t *bytes, size_t n, size_t at, uint64_t v)
{
    uint8_t number[10];
    size_t from = at, to = at, length = 0;
    while (from && bytes[from - 1] >= 0x80)
        from--;
    while (to < n && bytes[to] >= 0x80)
        to++;
    to += to < n;
    for (; v >= 0x80; v >>= 7)
        number[length++] = (uint8_t)(v | 0x80);
    number[length++] = (uint8_t)v;
    memmove(bytes + from + length, bytes + to, n - to);
    memcpy(bytes + from, number, length);
    return n - (to - from) + length;
}

#endif
