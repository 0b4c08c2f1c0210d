/*
 * collector/export/heap_parts.c - see heap_parts.h. A part begins with the first
 * pointer that belongs to it and goes on to the next one's (a variable, no farther
 * than its symbol); a root's first begins with the root.
 */
#include "export/heap_parts.h"

#include <stdlib.h>

#include "event/xalloc.h"

struct splitter {
    struct heap *h;
    const struct view *v;
    struct symbols *symbols;
    size_t parts_capacity, labels_capacity;
    size_t *frames;             /* indexes into the snapshot's, by root, then address */
    size_t frame_next;
};

static void part_add(struct splitter *p, uint32_t root, uint32_t word, struct heap_label label)
{
    struct heap *h = p->h;
    h->parts = xgrow(h->parts, &p->parts_capacity, h->n_parts + 1, sizeof *h->parts);
    h->labels = xgrow(h->labels, &p->labels_capacity, h->n_parts + 1, sizeof *h->labels);
    bool first = !h->n_parts || h->parts[h->n_parts - 1].root != root;
    if (!first)
        h->parts[h->n_parts - 1].last_word = word;
    uint64_t words = (h->s->roots[root].bytes + 7) / 8;
    h->parts[h->n_parts] = (struct heap_part){ .root = root, .first_word = first ? 0 : word, .label = (uint32_t)h->n_parts,
                                               .last_word = words < UINT32_MAX ? (uint32_t)words : UINT32_MAX };
    h->labels[h->n_parts++] = label;
}

/* The label of the part that is being made of this root; NULL: none is yet. */
static const struct heap_label *open_label(const struct splitter *p, uint32_t root)
{
    const struct heap *h = p->h;
    return h->n_parts && h->parts[h->n_parts - 1].root == root ? &h->labels[h->n_parts - 1] : NULL;
}

/* A pointer's word may stand twice, and rises but for a damaged file's. */
static bool splits(const struct splitter *p, uint32_t root, uint32_t word)
{
    return word != UINT32_MAX && (!open_label(p, root) || word >= p->h->parts[p->h->n_parts - 1].first_word);
}

static void split_data(struct splitter *p, uint32_t root)
{
    const struct snapshot *s = p->h->s;
    const struct snapshot_root *r = &s->roots[root];
    const struct code_module *m = r->module - 1u < p->v->n_modules ? &p->v->modules[r->module - 1] : NULL;
    for (uint64_t e = s->first[s->n_blocks + root]; m && p->symbols && e < s->first[s->n_blocks + root + 1]; e++) {
        if (!splits(p, root, s->at[e]))
            continue;
        uint64_t into = 0, bytes = 0, offset = r->offset + 8ull * s->at[e];
        const char *variable = symbols_variable(p->symbols, m, offset, &into, &bytes);
        const struct heap_label *open = open_label(p, root);
        if (!open || open->variable != variable || (variable && open->offset != offset - into))
            part_add(p, root, s->at[e], (struct heap_label){ .variable = variable, .offset = offset - into, .bytes = bytes });
    }
    if (!open_label(p, root))
        part_add(p, root, 0, (struct heap_label){ .offset = r->offset });
}

static _Thread_local const struct snapshot *sorted_for;
static int by_root(const void *a, const void *b)
{
    const struct snapshot_frame *x = &sorted_for->frames[*(const size_t *)a], *y = &sorted_for->frames[*(const size_t *)b];
    if (x->root != y->root)
        return x->root < y->root ? -1 : 1;
    return x->address < y->address ? -1 : x->address > y->address;
}

static void split_stack(struct splitter *p, uint32_t root)
{
    const struct snapshot *s = p->h->s;
    const struct snapshot_root *r = &s->roots[root];
    size_t frame = p->frame_next;
    uint32_t now = 0;
    bool any = false;
    for (uint64_t e = s->first[s->n_blocks + root]; e < s->first[s->n_blocks + root + 1]; e++) {
        if (!splits(p, root, s->at[e]))
            continue;
        uint64_t address = r->address + 8ull * s->at[e];
        size_t before = frame;
        while (frame < s->n_frames && s->frames[p->frames[frame]].root == root && s->frames[p->frames[frame]].address <= address)
            now = s->frames[p->frames[frame++]].frame;
        if (!any || frame != before)
            part_add(p, root, s->at[e], (struct heap_label){ .frame = now });
        any = true;
    }
    if (!any)
        part_add(p, root, 0, (struct heap_label){ 0 });
}

void heap_parts_make(struct heap *h, const struct view *v, struct symbols *symbols)
{
    const struct snapshot *s = h->s;
    struct splitter p = { .h = h, .v = v, .symbols = symbols, .frames = xmalloc((s->n_frames + 1) * sizeof *p.frames) };
    for (size_t i = 0; i < s->n_frames; i++)
        p.frames[i] = i;
    sorted_for = s;
    if (s->n_frames)
        qsort(p.frames, s->n_frames, sizeof *p.frames, by_root);
    for (uint32_t root = 0; root < s->n_roots; root++) {
        while (p.frame_next < s->n_frames && s->frames[p.frames[p.frame_next]].root < root)
            p.frame_next++;
        if (s->roots[root].kind == ROOT_DATA)
            split_data(&p, root);
        else if (s->roots[root].kind == ROOT_STACK)
            split_stack(&p, root);
        else
            part_add(&p, root, 0, (struct heap_label){ 0 });
    }
    free(p.frames);
}
