/*
 * collector/graph/view_code.c - see view_code.h.
 *
 * Three arrays map ids of the code tables to the view's: marked first (a
 * stack's parents with it), then numbered in rising order, which puts parents
 * before children because a parent's id is the lower one. A parent that does
 * not obey that is cut off.
 */
#include "graph/view_code.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

struct renumber {
    const struct code *code;
    uint32_t *stacks, *frames, *modules;   /* by id: 0 unused */
    uint32_t n_stacks, n_frames, n_modules;
};

static void stack_mark(struct renumber *r, uint32_t id)
{
    if (id <= r->n_stacks)
        r->stacks[id] = 1;
}

static void stack_rename(const struct renumber *r, uint32_t *id)
{
    *id = *id <= r->n_stacks ? r->stacks[*id] : 0;
}

/* Numbers what is marked; returns how many. */
static size_t renumber(uint32_t *map, uint32_t n)
{
    uint32_t next = 0;
    map[0] = 0;
    for (uint32_t id = 1; id <= n; id++)
        if (map[id])
            map[id] = ++next;
    return next;
}

static void mark_uses(struct renumber *r, const struct view *v)
{
    for (size_t i = 0; i < v->n_sites; i++)
        stack_mark(r, v->sites[i].stack);
    for (size_t i = 0; i < v->n_handoffs; i++) {
        stack_mark(r, v->handoffs[i].stack_new);
        stack_mark(r, v->handoffs[i].stack_drop);
    }
    for (size_t i = 0; i < v->n_blocks; i++)
        stack_mark(r, v->blocks[i].stack);
    for (uint32_t id = r->n_stacks; id > 0; id--) {
        const struct code_stack *s = code_stack(r->code, id);
        if (!r->stacks[id])
            continue;
        if (s->parent < id)
            r->stacks[s->parent] = 1;
        if (s->frame <= r->n_frames)
            r->frames[s->frame] = 1;
    }
    for (uint32_t id = 1; id <= r->n_frames; id++)
        if (r->frames[id] && code_frame(r->code, id)->module <= r->n_modules)
            r->modules[code_frame(r->code, id)->module] = 1;
}

static void copy_stacks(const struct renumber *r, struct view *v)
{
    v->stacks = xcalloc(v->n_stacks + 1, sizeof *v->stacks);
    for (uint32_t id = 1; id <= r->n_stacks; id++) {
        const struct code_stack *s = code_stack(r->code, id);
        if (!r->stacks[id])
            continue;
        struct code_stack *to = &v->stacks[r->stacks[id] - 1];
        to->parent = s->parent < id ? r->stacks[s->parent] : 0;
        to->frame = s->frame <= r->n_frames ? r->frames[s->frame] : 0;
        to->depth = to->parent ? v->stacks[to->parent - 1].depth + 1 : 1;
    }
}

static void copy_frames(const struct renumber *r, struct view *v)
{
    v->frames = xcalloc(v->n_frames + 1, sizeof *v->frames);
    v->modules = xcalloc(v->n_modules + 1, sizeof *v->modules);
    for (uint32_t id = 1; id <= r->n_frames; id++) {
        if (!r->frames[id])
            continue;
        struct code_frame *to = &v->frames[r->frames[id] - 1];
        *to = *code_frame(r->code, id);
        to->module = to->module <= r->n_modules ? r->modules[to->module] : 0;
    }
    for (uint32_t id = 1; id <= r->n_modules; id++) {
        if (!r->modules[id])
            continue;
        struct code_module *to = &v->modules[r->modules[id] - 1];
        *to = *code_module(r->code, id);
        to->path = xstrdup(to->path ? to->path : "");
    }
}

static void rename_uses(const struct renumber *r, struct view *v)
{
    for (size_t i = 0; i < v->n_sites; i++)
        stack_rename(r, &v->sites[i].stack);
    for (size_t i = 0; i < v->n_handoffs; i++) {
        stack_rename(r, &v->handoffs[i].stack_new);
        stack_rename(r, &v->handoffs[i].stack_drop);
    }
    for (size_t i = 0; i < v->n_blocks; i++)
        stack_rename(r, &v->blocks[i].stack);
}

void view_code_copy(struct view *v, const struct code *code)
{
    struct renumber r = { .code = code };
    if (code) {
        r.n_stacks = code_stacks(code);
        r.n_frames = code_frames(code);
        r.n_modules = code_modules(code);
    }
    r.stacks = xcalloc((size_t)r.n_stacks + 1, sizeof *r.stacks);
    r.frames = xcalloc((size_t)r.n_frames + 1, sizeof *r.frames);
    r.modules = xcalloc((size_t)r.n_modules + 1, sizeof *r.modules);
    mark_uses(&r, v);
    v->n_stacks = renumber(r.stacks, r.n_stacks);
    v->n_frames = renumber(r.frames, r.n_frames);
    v->n_modules = renumber(r.modules, r.n_modules);
    copy_stacks(&r, v);
    copy_frames(&r, v);
    rename_uses(&r, v);
    free(r.stacks);
    free(r.frames);
    free(r.modules);
}
