/*
 * collector/symbols/module.c - see module.h.
 */
#include "symbols/module.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

/* Paths that the kernel or the loader names and nobody can open. */
static bool has_no_file(const char *path)
{
    static const char deleted[] = " (deleted)";
    size_t bytes = strlen(path), tail = sizeof deleted - 1;
    return !path[0] || path[0] == '[' || !strncmp(path, "linux-vdso", 10) ||
           !strncmp(path, "linux-gate", 10) ||
           (bytes > tail && !strcmp(path + bytes - tail, deleted));
}

static bool has_section(const struct symfile *f, const char *name)
{
    GElf_Shdr header;
    return symfile_section(f, name, &header) && header.sh_type != SHT_NOBITS;
}

/* The traced id may have been cut off (code.h). */
static bool is_build(const struct symfile *f, const uint8_t *id, size_t bytes)
{
    size_t own = f->id_bytes > CODE_BUILD_ID_MAX ? CODE_BUILD_ID_MAX : f->id_bytes;
    return own == bytes && !memcmp(id, f->id, bytes);
}

/* Opens what goes with m->file and builds the indexes. */
static void load(struct module *m, const char *path, const char *debug_dir)
{
    bool own_debug = has_section(m->file, ".debug_info") || has_section(m->file, ".zdebug_info");
    if (!own_debug)
        m->debug = symfile_debug(m->file, path, debug_dir);
    if (!m->debug && !has_section(m->file, ".symtab"))
        m->mini = symfile_mini(m->file);
    symtab_build(&m->symtab, m->file, m->debug, m->mini);
    bool debug = units_open(&m->units, m->file, own_debug ? m->file : m->debug ? m->debug : m->file);
    m->state = debug ? SYMBOLS_DEBUG : m->symtab.has_functions ? SYMBOLS_TABLE : SYMBOLS_NO_SYMBOLS;
    symfile_done(m->file);
    if (m->debug)
        symfile_done(m->debug);
}

struct module *module_open(const char *path, const uint8_t *build_id, size_t build_id_bytes,
                           const char *debug_dir)
{
    struct module *m = xcalloc(1, sizeof *m);
    m->state = SYMBOLS_NO_FILE;
    bool exists = false;
    m->file = has_no_file(path) ? NULL : symfile_open(path, &exists);
    if (!m->file) {     /* a file that is no program cannot be the one that was traced */
        m->state = exists ? SYMBOLS_OTHER_BUILD : SYMBOLS_NO_FILE;
        return m;
    }
    if (build_id_bytes && !is_build(m->file, build_id, build_id_bytes)) {
        m->state = SYMBOLS_OTHER_BUILD;
        symfile_close(m->file);
        m->file = NULL;
        return m;
    }
    load(m, path, debug_dir);
    return m;
}

void module_close(struct module *m)
{
    if (!m)
        return;
    units_close(&m->units);
    symtab_free(&m->symtab);
    symtab_free(&m->variables);
    symfile_close(m->mini);
    symfile_close(m->debug);
    symfile_close(m->file);
    free(m);
}

/* What the symbol table says about the function itself (the outermost place).
 * The debug information's name stays, but for a plain one of a mangled symbol:
 * "get" is less than "ns::box::get(int)". */
static void add_symbol(const struct symtab_entry *e, struct names *names, struct symbol_place *place,
                       bool own_linkage)
{
    if (e->plt) {
        if (!place->function)
            place->function = names_plt(names, e->name);
        return;
    }
    if (!place->function || (!own_linkage && names_mangled(e->name)))
        place->function = names_demangle(names, e->name);
    place->linkage = e->name;
}

/* Functions, inlined ones first; returns how many. The line of places[0] is
 * the address's own, of the others the call of the one before. */
static size_t add_functions(const struct unit *u, struct names *names, uint64_t address,
                            struct symbol_place *places, bool *own_linkage)
{
    size_t n = 0;
    struct function *function = functions_find(&u->functions, address);
    while (function && n < MODULE_PLACES_MAX) {
        struct symbol_place *place = &places[n++];
        function_name(function);
        place->linkage = function->linkage;
        place->function = function->name;
        if (function->linkage && (!function->name || names_mangled(function->linkage)))
            place->function = names_demangle(names, function->linkage);
        *own_linkage = function->linkage;
        struct function *parent = functions_parent(&u->functions, function);
        place->inlined = parent && n < MODULE_PLACES_MAX;
        if (place->inlined)
            function_call_site(function, u->files, u->n_files, &places[n].file, &places[n].line);
        function = parent;
    }
    return n;
}

size_t module_places(struct module *m, struct names *names, uint64_t address,
                     struct symbol_place places[MODULE_PLACES_MAX])
{
    if (!m->file || !symfile_code(m->file, address))
        return 0;
    size_t n = 0;
    bool own_linkage = false;
    memset(places, 0, MODULE_PLACES_MAX * sizeof *places);
    struct unit *u = m->units.dwarf ? units_find(&m->units, address) : NULL;
    if (u) {
        n = add_functions(u, names, address, places, &own_linkage);
        unit_line(u, address, &places[0].file, &places[0].line);
        for (size_t i = 0; i < MODULE_PLACES_MAX && (i < n || !i); i++)
            if (places[i].file)
                places[i].file = names_path(names, u->dir, places[i].file);
    }
    struct symbol_place *outermost = &places[n ? n - 1 : 0];
    const struct symtab_entry *e = symtab_find(&m->symtab, address);
    if (e)
        add_symbol(e, names, outermost, own_linkage);
    /* Between two functions the line table still counts the first one. */
    if (!n && places[0].function)
        n = 1;
    if (!n && places[0].file && !u->functions.n)
        n = 1;
    return n;
}

const char *module_variable(struct module *m, struct names *names, uint64_t address, uint64_t *into, uint64_t *bytes)
{
    if (!m->file || !symfile_data(m->file, address))
        return NULL;
    if (!m->variables_read) {
        m->variables_read = true;
        symtab_build_data(&m->variables, m->file, m->debug);
    }
    const struct symtab_entry *e = symtab_find(&m->variables, address);
    if (!e)
        return NULL;
    *into = address - e->low;
    if (bytes)
        *bytes = e->bytes;
    return names_demangle(names, e->name);
}
