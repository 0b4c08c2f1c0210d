/*
 * collector/export/block_type.c - see block_type.h.
 */
#include "export/block_type.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"
#include "export/plumbing.h"
#include "graph/dict.h"
#include "symbols/names.h"

static const char *const by_names[] = { NULL, "vtable", "frame", "site" };
const char *block_type_by_name(unsigned by) { return by < sizeof by_names / sizeof *by_names ? by_names[by] : NULL; }

struct block_types {
    const struct view *v;
    struct symbols *symbols;
    struct frames *frames;
    struct names *names;
    struct block_type *types; size_t n, capacity;   /* types[number - 1] */
    struct dict numbers;        /* hash of name and by -> number */
    uint32_t *stacks;           /* view's stack -> number; NOT_YET */
    const struct snapshot *snapshot;
    uint32_t *vtables;          /* of that snapshot's types: number; NOT_YET; 0: not known */
};

static const uint32_t NOT_YET = UINT32_MAX;

static void forget(uint32_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        numbers[i] = NOT_YET;
}

struct block_types *block_types_new(const struct view *v, struct symbols *symbols, struct frames *frames)
{
    struct block_types *t = xcalloc(1, sizeof *t);
    *t = (struct block_types){ .v = v, .symbols = symbols, .frames = frames, .names = names_new(),
                               .stacks = xmalloc((v->n_stacks + 1) * sizeof *t->stacks) };
    forget(t->stacks, v->n_stacks + 1);
    return t;
}

void block_types_free(struct block_types *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        free((char *)t->types[i].name);
    free(t->types);
    dict_clear(&t->numbers);
    free(t->stacks);
    free(t->vtables);
    names_free(t->names);
    free(t);
}

static struct block_type numbered(const struct block_types *t, uint32_t number)
{
    return number - 1u < t->n ? t->types[number - 1] : (struct block_type){ 0 };
}

static uint32_t number_of(struct block_types *t, const char *name, uint8_t by)
{
    uint64_t hash = XXH3_64bits_withSeed(name, strlen(name), by);
    uint32_t number = dict_get(&t->numbers, hash);
    if (number)
        return number;
    t->types = xgrow(t->types, &t->capacity, t->n + 1, sizeof *t->types);
    number = (uint32_t)++t->n;
    t->types[number - 1] = (struct block_type){ .name = xstrdup(name), .number = number, .by = by };
    dict_set(&t->numbers, hash, number);
    return number;
}

/* ---- by vtable ------------------------------------------------------------------ */

static const char *behind(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text && !strncmp(text, prefix, n) && text[n] ? text + n : NULL;
}

const char *block_type_demangle(struct names *n, const char *mangled)
{
    char *linkage = xasprintf("_ZTS%s", mangled);
    const char *text = behind(names_demangle(n, linkage), "typeinfo name for ");
    free(linkage);
    return text;
}

static uint32_t by_vtable(struct block_types *t, const struct snapshot_type *type)
{
    const char *name = type->name ? block_type_demangle(t->names, type->name) : NULL;
    uint64_t into;
    if (!name && t->symbols && type->module - 1u < t->v->n_modules)
        name = behind(symbols_variable(t->symbols, &t->v->modules[type->module - 1], type->offset, &into, NULL), "vtable for ");
    return name ? number_of(t, name, BLOCK_TYPE_VTABLE) : 0;
}

/* ---- by stack ------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* "load (app.c:12)", "load (libfoo.so)", "libfoo.so+0x1234" */
static char *site_text(const struct frame_place *p)
{
    if (p->function && p->file && p->line)
        return xasprintf("%s (%s:%u)", p->function, base_name(p->file), p->line);
    if (p->function)
        return p->module ? xasprintf("%s (%s)", p->function, base_name(p->module)) : xstrdup(p->function);
    if (p->module)
        return xasprintf("%s+0x%llx", base_name(p->module), (unsigned long long)p->offset);
    return xasprintf("0x%llx", (unsigned long long)p->offset);
}

/* Only hands on what it was asked for: a wrapper around malloc, operator new, the inside of Rust's alloc. */
static bool passes_on(const struct frame_place *p)
{
    const char *f = p->function;
    bool rust = !strncmp(f, "alloc::", 7) || !strncmp(f, "<alloc::", 8);
    return rust || !strncmp(f, "operator new", 12) || (p->plumbing && !plumbing_cxx(f, p->module));
}

/* By the innermost function that tells a type. Beyond another one it would be somebody else's. */
static char *frame_type(const struct frame_place *places, size_t n)
{
    for (size_t i = 0; i < n && places[i].function; i++) {
        char *type = block_type_of_function(places[i].function);
        if (type || !passes_on(&places[i]))
            return type;
    }
    return NULL;
}

static uint32_t by_stack(struct block_types *t, uint32_t stack)
{
    const struct frame_place *places;
    uint32_t shown;
    size_t n = frames_places(t->frames, frames_view_stack(t->frames, stack), 0, &places);
    char *text = frame_type(places, n);
    uint8_t by = text ? BLOCK_TYPE_FRAME : BLOCK_TYPE_SITE;
    if (!text && frames_telling(places, n, 1, &shown))
        text = site_text(&places[shown]);
    uint32_t number = text ? number_of(t, text, by) : 0;
    free(text);
    return number;
}

struct block_type block_type_of(struct block_types *t, const struct snapshot *s, uint32_t block)
{
    if (t->snapshot != s) {
        free(t->vtables);
        t->vtables = xmalloc((s->n_types + 1) * sizeof *t->vtables);
        forget(t->vtables, s->n_types + 1);
        t->snapshot = s;
    }
    uint32_t type = s->type && s->type[block] <= s->n_types ? s->type[block] : 0, stack = s->stack[block];
    if (type && t->vtables[type] == NOT_YET)
        t->vtables[type] = by_vtable(t, &s->types[type - 1]);
    if (type && t->vtables[type])
        return numbered(t, t->vtables[type]);
    if (stack > t->v->n_stacks)
        stack = 0;
    if (t->stacks[stack] == NOT_YET)
        t->stacks[stack] = stack ? by_stack(t, stack) : 0;
    return numbered(t, t->stacks[stack]);
}
