/*
 * collector/export/frames.c - see frames.h: stacks of both sides become our own, frames
 * are looked up. How documents show them: frames_write.c.
 */
#include "export/frames_state.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"
#include "export/plumbing.h"

struct frames *frames_new(struct symbols *s, const struct view *v, const struct code *c)
{
    struct frames *f = xcalloc(1, sizeof *f);
    f->symbols = s;
    f->view = v;
    f->code = c;
    f->pool = code_new();
    f->label_mask = 1023;
    f->labels = xcalloc(f->label_mask + 1u, sizeof *f->labels);
    return f;
}

void frames_free(struct frames *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->resolved_count; i++) {
        for (uint32_t j = 0; f->resolved[i].json && j < f->resolved[i].n; j++)
            json_decref(f->resolved[i].json[j]);
        free(f->resolved[i].json);
        free(f->resolved[i].text);
        free(f->resolved[i].places);
    }
    for (size_t i = 0; i < f->stack_json_count; i++)
        json_decref(f->stack_json[i]);
    free(f->stack_json);
    for (size_t i = 0; i < f->texts_count; i++)
        free(f->texts[i].text);
    free(f->texts);
    free(f->resolved);
    free(f->modules);
    free(f->used);
    free(f->labels);
    free(f->list);
    free(f->writer);
    free(f->view_stacks.to);
    free(f->view_modules.to);
    free(f->code_stacks.to);
    free(f->code_modules.to);
    code_free(f->pool);
    free(f);
}

/* ---- interning ---- */

/* An array of zeros that reaches `index`, grown by doubling. */
static void map_reach(struct id_map *m, size_t index)
{
    if (index < m->count)
        return;
    size_t n = m->count ? m->count : 256;
    while (n <= index)
        n *= 2;
    m->to = xrealloc(m->to, n * sizeof *m->to);
    memset(m->to + m->count, 0, (n - m->count) * sizeof *m->to);
    m->count = n;
}

/* The tables of one side behind three look-ups. */
struct side {
    const struct code_module *(*module)(const struct frames *, uint32_t);
    const struct code_frame *(*frame)(const struct frames *, uint32_t);
    const struct code_stack *(*stack)(const struct frames *, uint32_t);
    struct id_map *stacks, *modules;
};

static const struct code_module *view_module(const struct frames *f, uint32_t id)
{
    return id - 1u < f->view->n_modules ? &f->view->modules[id - 1] : NULL;
}

static const struct code_frame *view_frame(const struct frames *f, uint32_t id)
{
    return id - 1u < f->view->n_frames ? &f->view->frames[id - 1] : NULL;
}

static const struct code_stack *view_stack(const struct frames *f, uint32_t id)
{
    return id - 1u < f->view->n_stacks ? &f->view->stacks[id - 1] : NULL;
}

static const struct code_module *table_module(const struct frames *f, uint32_t id) { return code_module(f->code, id); }
static const struct code_frame *table_frame(const struct frames *f, uint32_t id) { return code_frame(f->code, id); }
static const struct code_stack *table_stack(const struct frames *f, uint32_t id) { return code_stack(f->code, id); }

static uint32_t intern_frame(struct frames *f, const struct side *side, uint32_t id)
{
    const struct code_frame *frame = side->frame(f, id);
    if (!frame)
        return 0;
    uint32_t module = 0;
    const struct code_module *m = side->module(f, frame->module);
    if (m) {
        map_reach(side->modules, frame->module);
        if (!side->modules->to[frame->module])
            side->modules->to[frame->module] =
                code_module_id(f->pool, m->path, strlen(m->path), m->build_id, m->build_id_bytes);
        module = side->modules->to[frame->module];
    }
    return code_frame_id(f->pool, module, frame->offset, frame->flags);
}

/* Walks out to an ancestor that is known, then interns from there inwards. */
static uint32_t intern_stack(struct frames *f, const struct side *side, uint32_t id)
{
    uint32_t path[CODE_DEPTH_MAX], n = 0, own = 0;
    for (const struct code_stack *s; (s = side->stack(f, id)) && n < CODE_DEPTH_MAX;) {
        if (id < side->stacks->count && side->stacks->to[id]) {
            own = side->stacks->to[id];
            break;
        }
        path[n++] = id;
        if (s->parent >= id)
            break;
        id = s->parent;
    }
    while (n) {
        uint32_t at = path[--n];
        own = code_stack_id(f->pool, own, intern_frame(f, side, side->stack(f, at)->frame));
        map_reach(side->stacks, at);
        side->stacks->to[at] = own;
    }
    return own;
}

uint32_t frames_view_stack(struct frames *f, uint32_t stack)
{
    if (!f->view || !stack)
        return 0;
    struct side side = { view_module, view_frame, view_stack, &f->view_stacks, &f->view_modules };
    return intern_stack(f, &side, stack);
}

uint32_t frames_code_stack(struct frames *f, uint32_t stack)
{
    if (!f->code || !stack)
        return 0;
    if (stack < f->code_stacks.count && f->code_stacks.to[stack])
        return f->code_stacks.to[stack];
    struct side side = { table_module, table_frame, table_stack, &f->code_stacks, &f->code_modules };
    return intern_stack(f, &side, stack);
}

/* ---- resolving ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static struct module_seen *module_seen(struct frames *f, uint32_t id)
{
    if (f->modules_count <= id) {
        size_t old = f->modules_capacity;
        f->modules = xgrow(f->modules, &f->modules_capacity, id + 1u, sizeof *f->modules);
        memset(f->modules + old, 0, (f->modules_capacity - old) * sizeof *f->modules);
        f->modules_count = id + 1u;
    }
    struct module_seen *seen = &f->modules[id];
    if (!seen->used) {
        seen->used = true;
        seen->ours = !strcmp(base_name(code_module(f->pool, id)->path), "libownscope.so");
        f->used = xgrow(f->used, &f->used_capacity, f->used_count + 1, sizeof *f->used);
        f->used[f->used_count++] = id;
    }
    return seen;
}

/* A number for a hash: the same for the same one. */
static uint32_t label_id(struct frames *f, uint64_t hash)
{
    if (f->label_count > f->label_mask / 2) {
        struct label *old = f->labels;
        uint32_t old_mask = f->label_mask;
        f->label_mask = f->label_mask * 2 + 1;
        f->labels = xcalloc(f->label_mask + 1u, sizeof *f->labels);
        for (uint32_t i = 0; i <= old_mask; i++) {
            uint32_t at = (uint32_t)old[i].hash & f->label_mask;
            while (old[i].id && f->labels[at].id)
                at = (at + 1) & f->label_mask;
            if (old[i].id)
                f->labels[at] = old[i];
        }
        free(old);
    }
    uint32_t at = (uint32_t)hash & f->label_mask;
    for (; f->labels[at].id; at = (at + 1) & f->label_mask)
        if (f->labels[at].hash == hash)
            return f->labels[at].id;
    f->labels[at] = (struct label){ hash, ++f->label_count };
    return f->label_count;
}

/* What a person would read: function and line, or function and module, or the
 * address in the module. */
static uint32_t place_label(struct frames *f, const struct frame_place *p)
{
    uint64_t hash = p->function ? XXH3_64bits(p->function, strlen(p->function)) : p->offset * 0x9e3779b97f4a7c15u;
    const char *where = p->file && p->function ? p->file : p->module;
    if (where)
        hash = XXH3_64bits_withSeed(where, strlen(where), hash + p->line);
    return label_id(f, hash);
}

static void resolve_truncated(struct resolved *r)
{
    r->n = 1;
    r->places = xcalloc(1, sizeof *r->places);
    r->places[0] = (struct frame_place){ .function = "[truncated]", .truncated = true };
}

static void resolve(struct frames *f, struct resolved *r, uint32_t id)
{
    const struct code_frame frame = *code_frame(f->pool, id);
    r->done = true;
    if (frame.flags & CODE_FRAME_TRUNCATED) {
        resolve_truncated(r);
        return;
    }
    const struct code_module *m = code_module(f->pool, frame.module);
    if (m && module_seen(f, frame.module)->ours)
        return;
    static const struct symbol_place nothing;
    const struct symbol_place *found = &nothing;
    size_t n = f->symbols ? symbols_frame(f->symbols, m, &frame, &found) : 1;
    r->n = (uint32_t)n;
    r->places = xcalloc(n, sizeof *r->places);
    for (size_t i = 0; i < n; i++) {
        struct frame_place *p = &r->places[i];
        *p = (struct frame_place){
            .function = found[i].function, .linkage = found[i].linkage, .file = found[i].file, .line = found[i].line, .inlined = found[i].inlined,
            .module = m && *m->path ? m->path : NULL,
            .offset = frame.flags & CODE_FRAME_EXACT || !frame.offset ? frame.offset : frame.offset - 1,
            .plumbing = plumbing_inner(found[i].function, m ? m->path : NULL), .outer = plumbing_outer(found[i].function) };
        p->label = place_label(f, p);
    }
}

struct resolved *frames_resolved(struct frames *f, uint32_t frame)
{
    if (f->resolved_count <= frame) {
        size_t old = f->resolved_capacity;
        f->resolved = xgrow(f->resolved, &f->resolved_capacity, frame + 1u, sizeof *f->resolved);
        memset(f->resolved + old, 0, (f->resolved_capacity - old) * sizeof *f->resolved);
        f->resolved_count = frame + 1u;
    }
    struct resolved *r = &f->resolved[frame];
    if (!r->done)
        resolve(f, r, frame);
    return r;
}

size_t frames_places(struct frames *f, uint32_t stack, size_t max, const struct frame_place **places)
{
    size_t n = 0;
    for (const struct code_stack *s; (s = code_stack(f->pool, stack)) && (!max || n < max); stack = s->parent) {
        const struct resolved *r = frames_resolved(f, s->frame);
        f->list = xgrow(f->list, &f->list_capacity, n + r->n + 1, sizeof *f->list);
        if (r->n)
            memcpy(f->list + n, r->places, r->n * sizeof *r->places);
        n += r->n;
    }
    *places = f->list;
    return max && n > max ? max : n;
}

size_t frames_telling(const struct frame_place *places, size_t n, size_t most, uint32_t *shown)
{
    size_t count = 0;
    for (size_t i = 0; i < n && count < most && !places[i].outer; i++) {
        if (places[i].plumbing)
            continue;
        shown[count++] = (uint32_t)i;
        if (plumbing_is_main(places[i].function))
            break;
    }
    if (!count || places[shown[0]].truncated)
        for (count = 0; count < n && count < most && (!count || !places[count].outer); count++)
            shown[count] = (uint32_t)count;
    return count;
}

/* ---- coverage ---- */

void frames_use_view_modules(struct frames *f)
{
    for (size_t i = 0; f->view && i < f->view->n_modules; i++) {
        const struct code_module *m = &f->view->modules[i];
        uint32_t id = code_module_id(f->pool, m->path, strlen(m->path), m->build_id, m->build_id_bytes);
        if (id)
            module_seen(f, id);
    }
}

size_t frames_modules(struct frames *f) { return f->used_count; }

const struct code_module *frames_module(struct frames *f, size_t i, enum symbols_state *state)
{
    const struct code_module *m = code_module(f->pool, f->used[i]);
    *state = !f->symbols || f->modules[f->used[i]].ours ? SYMBOLS_DEBUG
             : symbols_module_state(f->symbols, m->path, m->build_id, m->build_id_bytes);
    return m;
}
