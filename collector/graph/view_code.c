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

#include "event/snapshot.h"
#include "event/xalloc.h"

struct renumber {
    const struct code *code;
    uint32_t *stacks, *frames, *modules;   /* by id: 0 unused */
    uint32_t n_stacks, n_frames, n_modules;
};

/* What is done with each id of the code tables that a view holds. */
typedef void use_fn(struct renumber *r, uint32_t *id);

static void stack_mark(struct renumber *r, uint32_t *id)
{
    if (*id <= r->n_stacks)
        r->stacks[*id] = 1;
}

static void stack_rename(struct renumber *r, uint32_t *id)
{
    *id = *id <= r->n_stacks ? r->stacks[*id] : 0;
}

static void module_mark(struct renumber *r, uint32_t *id)
{
    if (*id <= r->n_modules)
        r->modules[*id] = 1;
}

static void module_rename(struct renumber *r, uint32_t *id)
{
    *id = *id <= r->n_modules ? r->modules[*id] : 0;
}

static void frame_mark(struct renumber *r, uint32_t *id)
{
    if (*id <= r->n_frames)
        r->frames[*id] = 1;
}

static void frame_rename(struct renumber *r, uint32_t *id)
{
    *id = *id <= r->n_frames ? r->frames[*id] : 0;
}

/* A holder's three functions. */
struct uses { use_fn *stack, *frame, *module; };

static void snapshot_uses(struct renumber *r, struct snapshot *s, const struct uses *use)
{
    for (size_t i = 0; i < s->n_blocks; i++)
        use->stack(r, &s->stack[i]);
    for (size_t i = 0; i < s->n_roots; i++)
        use->module(r, &s->roots[i].module);
    for (size_t i = 0; i < s->n_frames; i++)
        use->frame(r, &s->frames[i].frame);
    for (size_t i = 0; i < s->n_types; i++)
        use->module(r, &s->types[i].module);
}

static void edges_use(struct renumber *r, struct view_order_edge *edges, size_t n, use_fn *stack)
{
    for (size_t i = 0; i < n; i++) {
        stack(r, &edges[i].stack_held);
        stack(r, &edges[i].stack_taken);
    }
}

static void locks_use(struct renumber *r, struct view *v, use_fn *stack, use_fn *module)
{
    for (size_t i = 0; i < v->n_locks; i++) {
        stack(r, &v->locks[i].init_stack);
        stack(r, &v->locks[i].where.block_stack);
        module(r, &v->locks[i].where.module);
    }
    for (size_t i = 0; i < v->n_lock_classes; i++) {
        stack(r, &v->lock_classes[i].init_stack);
        stack(r, &v->lock_classes[i].where.block_stack);
        module(r, &v->lock_classes[i].where.module);
    }
    for (size_t i = 0; i < v->n_lock_sites; i++)
        stack(r, &v->lock_sites[i].stack);
    for (size_t i = 0; i < v->n_holds; i++)
        stack(r, &v->holds[i].stack);
    for (size_t i = 0; i < v->n_waits; i++)
        stack(r, &v->waits[i].stack);
    for (size_t i = 0; i < v->n_guards; i++)
        stack(r, &v->guards[i].site_stack);
    edges_use(r, v->order_edges, v->n_order_edges, stack);
    edges_use(r, v->deadlock_edges, v->n_deadlock_edges, stack);
}

static void copies_use(struct renumber *r, struct view *v, use_fn *stack)
{
    for (size_t i = 0; i < v->n_copy_sites; i++)
        stack(r, &v->copy_sites[i].stack);
    for (size_t i = 0; i < v->n_flows; i++) {
        stack(r, &v->flows[i].from_stack);
        stack(r, &v->flows[i].to_stack);
    }
    for (size_t i = 0; i < v->n_evidence; i++)
        stack(r, &v->evidence[i].stack);
    stack(r, &v->futex_stack);
}

static void view_uses(struct renumber *r, struct view *v, const struct uses *use)
{
    use_fn *stack = use->stack;
    for (size_t i = 0; i < v->n_sites; i++)
        stack(r, &v->sites[i].stack);
    for (size_t i = 0; i < v->n_handoffs; i++) {
        stack(r, &v->handoffs[i].stack_new);
        stack(r, &v->handoffs[i].stack_drop);
    }
    for (size_t i = 0; i < v->n_blocks; i++)
        stack(r, &v->blocks[i].stack);
    for (size_t i = 0; i < v->n_states; i++)
        stack(r, &v->states[i].stack);
    locks_use(r, v, stack, use->module);
    copies_use(r, v, stack);
    for (size_t i = 0; i < v->n_snapshots; i++)
        snapshot_uses(r, v->snapshots[i], use);
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

static void mark_uses(struct renumber *r, struct view *v)
{
    static const struct uses mark = { stack_mark, frame_mark, module_mark };
    view_uses(r, v, &mark);
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

void view_code_copy(struct view *v, const struct code *code)
{
    static const struct uses rename_all = { stack_rename, frame_rename, module_rename };
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
    view_uses(&r, v, &rename_all);
    free(r.stacks);
    free(r.frames);
    free(r.modules);
}
