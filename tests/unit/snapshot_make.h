/*
 * tests/unit/snapshot_make.h - snapshots for the tests of who keeps and reads
 * them: anything at all that is sound, and heaps as programs have them.
 */
#ifndef SNAPSHOT_MAKE_H
#define SNAPSHOT_MAKE_H

#include "event/snapshot.h"
#include "trace_make.h"

static inline void snapshot_room(struct snapshot *s, size_t blocks, size_t roots, size_t edges)
{
    s->n_blocks = blocks, s->n_roots = roots, s->n_edges = edges;
    s->address = xcalloc(blocks + 1, 8), s->size = xcalloc(blocks + 1, 8), s->id = xcalloc(blocks + 1, 8);
    s->born_ns = xcalloc(blocks + 1, 8), s->stack = xcalloc(blocks + 1, 4), s->thread = xcalloc(blocks + 1, 4);
    s->owner = xcalloc(blocks + 1, 4), s->family = xcalloc(blocks + 1, 1);
    s->roots = xcalloc(roots + 1, sizeof *s->roots);
    s->first = xcalloc(blocks + roots + 1, 8), s->to = xcalloc(edges + 1, 4), s->at = xcalloc(edges + 1, 4);
}

/* Any numbers that are sound; `k` has the code that it names. */
static inline struct snapshot *snapshot_random(struct make *k, size_t blocks, size_t roots, size_t edges)
{
    struct snapshot *s = snapshot_new();
    make_stack(k);
    if (!blocks)
        edges = 0;
    snapshot_room(s, blocks, roots, edges);
    uint64_t address = make_random(k) % 3 ? 0x555555550000 : 0;
    for (size_t i = 0; i < blocks; i++) {
        s->address[i] = address;
        s->size[i] = make_random(k) % 4 ? make_random(k) % 200 : make_number(k) >> 2;
        s->id[i] = make_number(k), s->born_ns[i] = make_number(k);
        s->stack[i] = make_stack(k), s->thread[i] = (uint32_t)make_number(k), s->owner[i] = (uint32_t)make_number(k);
        s->family[i] = (uint8_t)make_random(k);
        address += 1 + (make_random(k) % 2 ? s->size[i] % 4096 : make_random(k) % 65536);
    }
    for (size_t i = 0; i < roots; i++)
        s->roots[i] = (struct snapshot_root){ .address = make_number(k) >> 1, .bytes = make_number(k) >> 1,
            .offset = make_number(k), .module = (uint32_t)(make_random(k) % (code_modules(k->code) + 1)),
            .thread = (uint32_t)make_number(k), .kind = (uint8_t)(1 + make_random(k) % (ROOT_KINDS - 1)) };
    for (size_t i = 0, e = 0; i < blocks + roots; i++) {
        size_t left = edges - e, n = i + 1 == blocks + roots ? left : make_random(k) % 3 * (make_random(k) % 4);
        s->first[i] = e;
        e += n < left ? n : left;
    }
    s->first[blocks + roots] = edges;
    for (size_t e = 0; e < edges; e++) {
        s->to[e] = (uint32_t)(make_random(k) % blocks) | (uint32_t)(make_random(k) % 4) << 30;
        s->at[e] = make_random(k) % 8 ? (uint32_t)(make_random(k) % 16) : (uint32_t)make_number(k);
    }
    s->n_frames = roots ? make_random(k) % 20 : 0;
    s->frames = xcalloc(s->n_frames + 1, sizeof *s->frames);
    for (size_t i = 0; i < s->n_frames; i++)
        s->frames[i] = (struct snapshot_frame){ make_number(k), (uint32_t)(make_random(k) % roots),
                                                (uint32_t)(make_random(k) % (code_frames(k->code) + 1)) };
    s->n_types = make_random(k) % 20;
    s->types = xcalloc(s->n_types + 1, sizeof *s->types);
    for (size_t i = 0; i < s->n_types; i++)
        s->types[i] = (struct snapshot_type){ .module = (uint32_t)(make_random(k) % (code_modules(k->code) + 1)),
            .offset = make_number(k), .name = make_random(k) % 3 ? xasprintf("N%dfooE", (int)(make_random(k) % 9)) : NULL };
    if (make_random(k) % 2) {
        s->type = xcalloc(blocks + 1, 4);
        for (size_t i = 0; i < blocks; i++)
            s->type[i] = (uint32_t)(make_random(k) % (s->n_types + 1));
    }
    s->number = (uint32_t)make_number(k), s->process = (uint32_t)make_number(k), s->pid = (uint32_t)make_number(k);
    s->ns = make_number(k), s->event = make_number(k), s->pause_ns = make_number(k), s->read_bytes = make_number(k);
    s->words = make_number(k), s->scan_ns = make_number(k);
    s->why = (uint8_t)(make_random(k) % SNAPSHOT_WHYS), s->how = (uint8_t)(make_random(k) % 3);
    s->stacks_unknown = make_random(k) % 2, s->doubtful = make_random(k) % 2;
    s->refused = make_random(k) % 2 ? xstrdup("not permitted: yama") : NULL;
    s->mark = make_random(k) % 2 ? xstrdup("a mark") : NULL;
    return s;
}

static inline bool snapshot_same_text(const char *a, const char *b) { return a && b ? !strcmp(a, b) : a == b; }
static inline bool snapshot_same_array(const void *a, const void *b, size_t bytes) { return (!a && !b) || (a && b && !memcmp(a, b, bytes)); }

/* NULL, or what differs. */
static inline const char *snapshot_differs(const struct snapshot *a, const struct snapshot *b)
{
    if (a->number != b->number || a->process != b->process || a->pid != b->pid || a->ns != b->ns || a->event != b->event ||
        a->why != b->why || a->how != b->how || a->stacks_unknown != b->stacks_unknown || a->doubtful != b->doubtful ||
        a->pause_ns != b->pause_ns || a->read_bytes != b->read_bytes || a->words != b->words || a->scan_ns != b->scan_ns)
        return "numbers";
    if (!snapshot_same_text(a->refused, b->refused) || !snapshot_same_text(a->mark, b->mark))
        return "texts";
    if (a->n_blocks != b->n_blocks || a->n_roots != b->n_roots || a->n_edges != b->n_edges || a->n_frames != b->n_frames ||
        a->n_types != b->n_types)
        return "counts";
    size_t n = a->n_blocks;
    if (!snapshot_same_array(a->address, b->address, n * 8))
        return "addresses";
    if (!snapshot_same_array(a->size, b->size, n * 8) || !snapshot_same_array(a->id, b->id, n * 8))
        return "sizes or ids";
    if (!snapshot_same_array(a->born_ns, b->born_ns, n * 8))
        return "births";
    if (!snapshot_same_array(a->stack, b->stack, n * 4) || !snapshot_same_array(a->thread, b->thread, n * 4) ||
        !snapshot_same_array(a->owner, b->owner, n * 4) || !snapshot_same_array(a->family, b->family, n))
        return "stacks, threads, owners or families";
    if (!snapshot_same_array(a->type, b->type, n * 4))
        return "types of blocks";
    if (!snapshot_same_array(a->first, b->first, (n + a->n_roots + 1) * 8))
        return "edges of nodes";
    if (a->first && (!snapshot_same_array(a->to, b->to, a->n_edges * 4) || !snapshot_same_array(a->at, b->at, a->n_edges * 4)))
        return "edges";
    for (size_t i = 0; i < a->n_roots; i++) {
        const struct snapshot_root *x = &a->roots[i], *y = &b->roots[i];
        if (x->address != y->address || x->bytes != y->bytes || x->offset != y->offset || x->module != y->module ||
            x->thread != y->thread || x->kind != y->kind)
            return "roots";
    }
    for (size_t i = 0; i < a->n_frames; i++)
        if (a->frames[i].address != b->frames[i].address || a->frames[i].root != b->frames[i].root ||
            a->frames[i].frame != b->frames[i].frame)
            return "frames";
    for (size_t i = 0; i < a->n_types; i++)
        if (a->types[i].module != b->types[i].module || a->types[i].offset != b->types[i].offset ||
            !snapshot_same_text(a->types[i].name, b->types[i].name))
            return "types";
    return NULL;
}

#endif
