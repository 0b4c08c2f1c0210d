/*
 * collector/heap/heap_walk.c - see heap_walk.h.
 */
#include "heap/heap_walk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "event/xalloc.h"
#include "heap/heap_roots.h"

enum { PAGE = 4096, ROOM_MIN = 4096, ROOM_MAX = 1 << 24, LARGE_MIN = 1 << 20, BATCH = 1024, BATCH_SPARE = 64, PROGRESS_WORDS = 1 << 22 };

_Static_assert((unsigned)EDGE_INTERIOR == HEAP_FIND_INSIDE, "as it is found");

struct walk {
    struct snapshot *s;
    const struct heap_scan_input *in;
    const struct heap_find *find;
    struct heap_types *types;
    struct heap_inners *inners;

    /* What of the image is at hand: `bytes` from `start` on; NULL: nothing is there. */
    uint64_t start;
    size_t bytes;
    const uint8_t *piece;

    /* Words that may point into a block, in the order of nodes. */
    size_t n;
    uint64_t word[BATCH];
    uint32_t node[BATCH], at[BATCH], block[BATCH];

    size_t room;                /* for edges */
    uint64_t told, total;       /* words, for the progress */
};

/* Room for one edge in some words from the start on: what is not written to costs nothing,
 * and what is, less in large pages. */
static void room_begin(struct walk *w)
{
    struct snapshot *s = w->s;
    w->room = w->total / 4 > ROOM_MAX ? ROOM_MAX : w->total / 4 > ROOM_MIN ? (size_t)w->total / 4 : ROOM_MIN;
    s->to = xmalloc_lines(w->room * sizeof *s->to);
    s->at = xmalloc_lines(w->room * sizeof *s->at);
    if (w->room < LARGE_MIN)
        return;
    uintptr_t to = ((uintptr_t)s->to + PAGE - 1) & ~(uintptr_t)(PAGE - 1), at = ((uintptr_t)s->at + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    madvise((void *)to, w->room * sizeof *s->to - PAGE, MADV_HUGEPAGE);
    madvise((void *)at, w->room * sizeof *s->at - PAGE, MADV_HUGEPAGE);
}

static void room_make(struct walk *w, size_t edges)
{
    struct snapshot *s = w->s;
    struct heap_inners *l = w->inners;
    if (s->n_edges + edges >= w->room) { /* one more is written to, and overwritten */
        w->room *= 2;
        s->to = xrealloc(s->to, w->room * sizeof *s->to);
        s->at = xrealloc(s->at, w->room * sizeof *s->at);
    }
    if (l->n + edges >= l->room) {
        l->room = l->room ? l->room * 2 : ROOM_MIN;
        l->at = xrealloc(l->at, l->room * sizeof *l->at);
    }
}

static void flush(struct walk *w)
{
    struct snapshot *s = w->s;
    heap_find_many(w->find, w->word, w->block, w->n);
    room_make(w, w->n);
    /* Without branches: how a heap's words follow each other cannot be foretold. */
    struct heap_inner *inner = w->inners->at + w->inners->n;
    uint32_t *to = s->to, *at = s->at;
    uint64_t e = s->n_edges;
    for (size_t i = 0; i < w->n; i++) {
        uint32_t block = w->block[i], found = block != HEAP_FIND_NONE;
        to[e] = block;
        at[e] = w->at[i];
        *inner = (struct heap_inner){e, w->word[i]};
        s->first[w->node[i] + 1] += found;
        inner += found & block >> 31;
        e += found;
    }
    w->inners->n = (size_t)(inner - w->inners->at);
    s->n_edges = e;
    w->n = 0;
    if (w->in->progress && s->words - w->told >= PROGRESS_WORDS) {
        w->told = s->words;
        w->in->progress(w->in->progress_context, s->words, w->total);
    }
}

/* Picks out of `n` words at p those that are worth asking for; `at`: the first one's place in the node. */
static void pick(struct walk *w, const uint8_t *p, size_t n, uint32_t node, uint64_t at)
{
    w->s->words += n;
    while (n) {
        size_t some = n < BATCH - w->n ? n : BATCH - w->n, k = w->n;
        uint32_t step = at + some < UINT32_MAX, place = at + some < UINT32_MAX ? (uint32_t)at : UINT32_MAX;
        for (size_t i = 0; i < some; i++, place += step) {
            uint64_t word;
            memcpy(&word, p + i * 8, 8);
            w->word[k] = word;
            w->node[k] = node;
            w->at[k] = place;
            k += heap_find_near(w->find, word);
        }
        w->n = k;
        p += some * 8;
        at += some;
        n -= some;
        if (BATCH - w->n < BATCH_SPARE)
            flush(w);
    }
}

/* What is at `address` of the image: how many bytes are in w->piece from there on. */
static inline size_t at_hand(struct walk *w, uint64_t address)
{
    if (address - w->start >= w->bytes) {
        w->start = address;
        w->bytes = UINT64_MAX - address; /* as much as there is, or is not */
        w->piece = heap_image_at(w->in->image, address, &w->bytes);
        if (!w->bytes)
            w->bytes = 8;
    }
    return w->bytes - (address - w->start);
}

/* The aligned words of [start, end), a part of the node at `origin`. */
static void walk_range(struct walk *w, uint32_t node, uint64_t origin, uint64_t start, uint64_t end)
{
    for (start = (start + 7) & ~7ull; start < end && end - start >= 8;) {
        size_t n = at_hand(w, start) / 8;
        if (n > (end - start) / 8)
            n = (end - start) / 8;
        if (w->piece && n)
            pick(w, w->piece + (start - w->start), n, node, (start - origin) / 8);
        start += (n ? n : 1) * 8;
    }
}

/* The same without the blocks that lie there, numbers `i` and up. */
static void walk_between(struct walk *w, uint32_t node, uint64_t origin, uint64_t start, uint64_t end, size_t i)
{
    const struct snapshot *s = w->s;
    for (; i < s->n_blocks && s->address[i] < end; i++) {
        if (s->address[i] > start)
            walk_range(w, node, origin, start, s->address[i]);
        if (s->address[i] + s->size[i] > start)
            start = s->address[i] + s->size[i];
    }
    if (start < end)
        walk_range(w, node, origin, start, end);
}

/* Mapped memory with a heap block in it. */
static bool handed_out(const struct snapshot *s, size_t i, uint64_t end)
{
    if (!heap_mapped(s->family[i]))
        return false;
    for (size_t k = i + 1; k < s->n_blocks && s->address[k] < end; k++)
        if (!heap_mapped(s->family[k]))
            return true;
    return false;
}

static void walk_block(struct walk *w, size_t i)
{
    const struct snapshot *s = w->s;
    uint64_t start = s->address[i], end = start + s->size[i], word;
    if (end - start < 8)
        return;
    if (i + 1 < s->n_blocks && s->address[i + 1] < end) {
        if (!handed_out(s, i, end))
            walk_between(w, (uint32_t)i, start, start, end, i + 1);
        return;
    }
    if (!(start & 7) && at_hand(w, start) >= 8 && w->piece && !heap_mapped(s->family[i])) {
        memcpy(&word, w->piece + (start - w->start), 8);
        if (heap_types_near(w->types, word))
            heap_types_note(w->types, i, word);
    }
    walk_range(w, (uint32_t)i, start, start, end);
}

static void walk_registers(struct walk *w, uint32_t node, size_t *thread)
{
    const struct heap_stop *stop = w->in->stop;
    while (*thread < stop->n && !stop->threads[*thread].n_registers)
        ++*thread;
    if (*thread < stop->n) {
        const struct heap_thread *t = &stop->threads[*thread];
        pick(w, (const uint8_t *)t->registers, t->n_registers < HEAP_REGISTERS_MAX ? t->n_registers : HEAP_REGISTERS_MAX, node, 0);
    }
    ++*thread;
}

/* The first block that may reach into what begins at an address. */
static size_t block_reaching(const struct walk *w, uint64_t address)
{
    size_t low = 0, high = w->s->n_blocks;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (w->s->address[mid] < address)
            low = mid + 1;
        else
            high = mid;
    }
    while (w->find->outer && low && w->find->outer[low - 1])
        low = w->find->outer[low - 1];
    return low ? low - 1 : 0;
}

static void walk_roots(struct walk *w)
{
    const struct snapshot *s = w->s;
    size_t thread = 0;
    for (size_t i = 0; i < s->n_roots; i++) {
        const struct snapshot_root *r = &s->roots[i];
        uint32_t node = (uint32_t)(s->n_blocks + i);
        uint64_t end = r->address + r->bytes;
        if (r->kind == ROOT_REGISTERS)
            walk_registers(w, node, &thread);
        else if (r->kind == ROOT_STACK)
            walk_range(w, node, r->address, r->address, end);
        else
            walk_between(w, node, r->address, r->address, end, block_reaching(w, r->address));
    }
}

static uint64_t words_expected(const struct snapshot *s)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->n_blocks; i++)
        bytes += s->size[i];
    for (size_t i = 0; i < s->n_roots; i++)
        bytes += s->roots[i].bytes;
    return bytes / 8;
}

void heap_walk(struct snapshot *s, const struct heap_scan_input *in, const struct heap_find *find,
               struct heap_types *types, struct heap_inners *inners)
{
    struct walk *w = xcalloc(1, sizeof *w);
    size_t nodes = snapshot_nodes(s);
    *w = (struct walk){.s = s, .in = in, .find = find, .types = types, .inners = inners, .total = words_expected(s)};
    s->first = xcalloc(nodes + 1, sizeof *s->first); /* edges of each, until all are known */
    room_begin(w);
    for (size_t i = 0; i < s->n_blocks; i++)
        walk_block(w, i);
    walk_roots(w);
    flush(w);
    for (size_t i = 0; i < nodes; i++)
        s->first[i + 1] += s->first[i];
    s->to = xrealloc(s->to, (s->n_edges + 1) * sizeof *s->to);
    s->at = xrealloc(s->at, (s->n_edges + 1) * sizeof *s->at);
    free(w);
}
