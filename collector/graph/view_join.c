/*
 * collector/graph/view_join.c - see view_join.h. Modules are told apart by path
 * and build-id, frames by module and place, stacks by parent and frame; each
 * level is looked up in the numbers of the one before.
 */
#include "graph/view_join.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

/* Two numbers to an id: open addressing, never more than half full. */
struct pairs { struct { uint64_t a, b; uint32_t id; } *slots; size_t mask; };

static void pairs_init(struct pairs *p, size_t n)
{
    p->mask = 15;
    while (p->mask < 2 * n)
        p->mask = 2 * p->mask + 1;
    p->slots = xcalloc(p->mask + 1, sizeof *p->slots);
}

static size_t pairs_slot(const struct pairs *p, uint64_t a, uint64_t b)
{
    size_t i = ((a * 0x9e3779b97f4a7c15u ^ b) * 0xbf58476d1ce4e5b9u >> 24) & p->mask;
    while (p->slots[i].id && (p->slots[i].a != a || p->slots[i].b != b))
        i = (i + 1) & p->mask;
    return i;
}

static void pairs_set(struct pairs *p, uint64_t a, uint64_t b, uint32_t id)
{
    size_t i = pairs_slot(p, a, b);
    p->slots[i].a = a;
    p->slots[i].b = b;
    p->slots[i].id = id;
}

static uint32_t pairs_get(const struct pairs *p, uint64_t a, uint64_t b) { return p->slots[pairs_slot(p, a, b)].id; }

static uint32_t *modules_join(const struct view *to, const struct view *from)
{
    uint32_t *ids = xcalloc(from->n_modules + 1, sizeof *ids);
    for (size_t i = 0; i < from->n_modules; i++) {
        const struct code_module *m = &from->modules[i];
        for (size_t k = 0; k < to->n_modules && !ids[i + 1]; k++)
            if (!strcmp(m->path, to->modules[k].path) && m->build_id_bytes == to->modules[k].build_id_bytes &&
                !memcmp(m->build_id, to->modules[k].build_id, m->build_id_bytes))
                ids[i + 1] = (uint32_t)k + 1;
    }
    return ids;
}

static uint64_t place_of(uint32_t module, uint32_t flags) { return (uint64_t)module << 32 | flags; }

static uint32_t *frames_join(const struct view *to, const struct view *from)
{
    uint32_t *ids = xcalloc(from->n_frames + 1, sizeof *ids), *modules = modules_join(to, from);
    struct pairs p;
    pairs_init(&p, to->n_frames);
    for (size_t i = 0; i < to->n_frames; i++)
        pairs_set(&p, place_of(to->frames[i].module, to->frames[i].flags), to->frames[i].offset, (uint32_t)i + 1);
    for (size_t i = 0; i < from->n_frames; i++) {
        const struct code_frame *f = &from->frames[i];
        if (!f->module || modules[f->module])
            ids[i + 1] = pairs_get(&p, place_of(modules[f->module], f->flags), f->offset);
    }
    free(p.slots);
    free(modules);
    return ids;
}

uint32_t *view_join_stacks(const struct view *to, const struct view *from)
{
    uint32_t *ids = xcalloc(from->n_stacks + 1, sizeof *ids), *frames = frames_join(to, from);
    struct pairs p;
    pairs_init(&p, to->n_stacks);
    for (size_t i = 0; i < to->n_stacks; i++)
        pairs_set(&p, to->stacks[i].parent, to->stacks[i].frame, (uint32_t)i + 1);
    for (size_t i = 0; i < from->n_stacks; i++) {   /* parents come before children */
        const struct code_stack *s = &from->stacks[i];
        if (frames[s->frame] && (!s->parent || ids[s->parent]))
            ids[i + 1] = pairs_get(&p, ids[s->parent], frames[s->frame]);
    }
    for (size_t i = 1; i <= from->n_stacks; i++)
        ids[i] = ids[i] ? ids[i] : UINT32_MAX;
    free(p.slots);
    free(frames);
    return ids;
}
