/*
 * collector/symbols/seek.c - see seek.h.
 */
#include "symbols/seek.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "symbols/module.h"

static bool stopped(const struct symbols_seek *s)
{
    return s->stop && load_relaxed(s->stop);
}

/* One without a size reaches to the next name at another address. */
static uint64_t end_of(const struct symtab *t, size_t i)
{
    const struct symtab_entry *e = &t->at[i];
    if (e->bytes)
        return e->low + e->bytes;
    while (i < t->n && t->at[i].low == e->low)
        i++;
    return i < t->n && t->at[i].low < e->limit ? t->at[i].low : e->limit;
}

static void seek_tables(const struct module *m, struct names *names, const struct symbols_seek *s)
{
    struct symtab t;
    symtab_build_names(&t, m->file, m->debug, m->mini);
    for (size_t i = 0; i < t.n && !stopped(s); i++) {
        uint64_t which = s->which(s->context, names_demangle(names, t.at[i].name), t.at[i].name);
        if (which)
            s->found(s->context, which, t.at[i].low, end_of(&t, i));
    }
    symtab_free(&t);
}

/* ---- debug information ---- */

static uint64_t which_of(const struct symbols_seek *s, struct names *names, struct function *f)
{
    function_name(f);
    const char *name = f->name;
    if (f->linkage && (!name || names_mangled(f->linkage)))
        name = names_demangle(names, f->linkage);
    return name ? s->which(s->context, name, f->linkage) : 0;
}

/* Each place is of the innermost function there, and of all that it was inlined into. */
static void seek_unit(struct functions *fs, struct names *names, const struct symbols_seek *s)
{
    uint64_t *which = xcalloc(fs->n ? fs->n : 1, sizeof *which);
    for (size_t i = 0; i < fs->n; i++) {    /* parents come before what they hold */
        which[i] = which_of(s, names, &fs->at[i]);
        if (fs->at[i].parent < i)
            which[i] |= which[fs->at[i].parent];
    }
    for (size_t i = 0; i < fs->spans.n; i++) {
        const struct span *at = &fs->spans.at[i];
        if (which[at->value])
            s->found(s->context, which[at->value], at->low, at->high);
    }
    free(which);
}

static void seek_units(struct module *m, struct names *names, const struct symbols_seek *s)
{
    for (size_t i = 0; i < m->units.n && !stopped(s); i++) {
        struct functions fs;
        functions_build(&fs, &m->units.at[i].tree, m->file, &m->units.budget);
        seek_unit(&fs, names, s);
        functions_free(&fs);
    }
}

enum symbols_state symbols_seek(const char *path, const uint8_t *build_id, size_t build_id_bytes, const struct symbols_seek *s)
{
    elf_version(EV_CURRENT);
    struct module *m = module_open(path, build_id, build_id_bytes > CODE_BUILD_ID_MAX ? CODE_BUILD_ID_MAX : build_id_bytes,
                                    symfile_debug_dir());
    struct names *names = names_new();
    enum symbols_state state = m->state;
    if (m->file && s->inlined)
        seek_units(m, names, s);
    else if (m->file)
        seek_tables(m, names, s);
    names_free(names);
    module_close(m);
    return state;
}
