/*
 * collector/export/lock_names.c - see lock_names.h.
 */
#include "export/lock_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/event.h"
#include "event/xalloc.h"
#include "export/doc_parts.h"
#include "export/text.h"

const struct lock_type_word lock_type_words[LOCK_TYPE_WORDS] = {
    { WIRE_LOCK_TYPE_RECURSIVE, "recursive" }, { WIRE_LOCK_TYPE_ERRORCHECK, "errorcheck" }, { WIRE_LOCK_TYPE_ROBUST, "robust" },
    { WIRE_LOCK_TYPE_SHARED, "shared" }, { WIRE_LOCK_TYPE_OWNER_DIED, "owner-died" } };

struct row { uint64_t id; uint32_t at; };

struct lock_names {
    const struct view *view;
    struct symbols *symbols;
    struct row *rows;       /* by id */
    char **where;           /* by row of the view; NULL: not asked for yet */
    char **unknown;         /* texts of ids without a row */
    size_t n_unknown, unknown_capacity;
};

static int row_compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

struct lock_names *lock_names_new(const struct view *v, struct symbols *s)
{
    struct lock_names *n = xcalloc(1, sizeof *n);
    n->view = v;
    n->symbols = s;
    n->rows = xcalloc(v->n_locks + 1, sizeof *n->rows);
    n->where = xcalloc(v->n_locks + 1, sizeof *n->where);
    for (size_t i = 0; i < v->n_locks; i++)
        n->rows[i] = (struct row){ v->locks[i].id, (uint32_t)i };
    qsort(n->rows, v->n_locks, sizeof *n->rows, row_compare);
    return n;
}

void lock_names_free(struct lock_names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->view->n_locks; i++)
        free(n->where[i]);
    while (n->n_unknown)
        free(n->unknown[--n->n_unknown]);
    free(n->unknown);
    free(n->where);
    free(n->rows);
    free(n);
}

const struct view_lock *lock_names_row(struct lock_names *n, uint64_t id)
{
    struct row key = { .id = id };
    const struct row *r = id ? bsearch(&key, n->rows, n->view->n_locks, sizeof key, row_compare) : NULL;
    return r ? &n->view->locks[r->at] : NULL;
}

const char *lock_names_where(struct lock_names *n, uint64_t id)
{
    const struct view_lock *l = lock_names_row(n, id);
    if (!l) {
        n->unknown = xgrow(n->unknown, &n->unknown_capacity, n->n_unknown + 1, sizeof *n->unknown);
        return n->unknown[n->n_unknown++] = xasprintf("l%llu", (unsigned long long)id);
    }
    char **text = &n->where[l - n->view->locks];
    if (!*text)
        *text = where_text(n->view, n->symbols, &l->where);
    return *text;
}

char *lock_names_text(struct lock_names *n, uint64_t id)
{
    const struct view_lock *l = lock_names_row(n, id);
    return xasprintf("%s %s", l ? lock_name(l->family) : "lock", lock_names_where(n, id));
}

/* ---- places ---- */

static const struct code_module *module_of(const struct view *v, const struct view_where *w)
{
    return w->module - 1u < v->n_modules ? &v->modules[w->module - 1] : NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static char *module_text(const struct view *v, struct symbols *s, const struct view_where *w)
{
    const struct code_module *m = module_of(v, w);
    uint64_t into = 0;
    const char *symbol = m && s ? symbols_variable(s, m, w->offset, &into, NULL) : NULL;
    if (!m || !m->path)
        return xasprintf("0x%llx", (unsigned long long)w->address);
    if (!symbol)
        return xasprintf("%s+0x%llx", base_name(m->path), (unsigned long long)w->offset);
    if (!into)
        return xasprintf("%s:%s", base_name(m->path), symbol);
    return xasprintf("%s:%s+0x%llx", base_name(m->path), symbol, (unsigned long long)into);
}

char *where_text(const struct view *v, struct symbols *s, const struct view_where *w)
{
    switch (w->kind) {
    case VIEW_WHERE_MODULE: return module_text(v, s, w);
    case VIEW_WHERE_BLOCK: return xasprintf("b%llu+0x%llx", (unsigned long long)w->block, (unsigned long long)w->offset);
    default: return xasprintf("0x%llx", (unsigned long long)w->address);
    }
}

static json_t *hex_json(uint64_t n)
{
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)n);
    return json_string(text);
}

void where_members(json_t *j, const struct view *v, struct symbols *s, struct frames *f, const struct view_where *w)
{
    char *text = where_text(v, s, w);
    json_object_set_new(j, "where", text_json_string(text));
    json_object_set_new(j, "address", hex_json(w->address));
    free(text);
    if (w->kind == VIEW_WHERE_BLOCK) {
        json_object_set_new(j, "block", doc_id('b', w->block));
        json_object_set_new(j, "block_stack", frames_json(f, frames_view_stack(f, w->block_stack)));
    }
    if (w->kind == VIEW_WHERE_MODULE) {
        const struct code_module *m = module_of(v, w);
        uint64_t into = 0;
        const char *symbol = m && s ? symbols_variable(s, m, w->offset, &into, NULL) : NULL;
        json_object_set_new(j, "module", text_json_string(m ? m->path : NULL));
        if (symbol) {
            json_object_set_new(j, "symbol", text_json_string(symbol));
            json_object_set_new(j, "symbol_offset", hex_json(into));
        }
    }
    if (w->kind != VIEW_WHERE_ADDRESS)
        json_object_set_new(j, "offset", hex_json(w->offset));
}
