/*
 * collector/symbols/module.h - one module: its files, its three indexes, and
 * the places of an address in it.
 *
 * Opened once, when its first address is asked for. One thread. Strings in
 * answers live as long as the module and the `names` given.
 */
#ifndef OWNSCOPE_SYMBOLS_MODULE_H
#define OWNSCOPE_SYMBOLS_MODULE_H

#include "symbols/names.h"
#include "symbols/symbols.h"
#include "symbols/symtab.h"
#include "symbols/units.h"

struct module {
    enum symbols_state state;
    struct symfile *file;   /* NULL: NO_FILE or OTHER_BUILD */
    struct symfile *debug;  /* NULL: not separate, or none */
    struct symfile *mini;   /* NULL: none */
    struct symtab symtab;
    struct symtab variables; /* once variables_read */
    bool variables_read;
    struct units units;
};

/* Never NULL: `state` says what came of it. */
struct module *module_open(const char *path, const uint8_t *build_id, size_t build_id_bytes,
                           const char *debug_dir);
void module_close(struct module *m);

enum { MODULE_PLACES_MAX = 257 };
/* Writes the places of an address, innermost first; returns how many, 0: unknown. */
size_t module_places(struct module *m, struct names *names, uint64_t address,
                     struct symbol_place places[MODULE_PLACES_MAX]);


/* The variable at a link-time address, demangled, where in it, and its size (0: not told); NULL: none known. */
const char *module_variable(struct module *m, struct names *names, uint64_t address, uint64_t *into, uint64_t *bytes);

#endif
