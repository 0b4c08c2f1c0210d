/*
 * collector/symbols/symbols.h - names, files and lines for code, names of variables.
 *
 * Out of process and lazily: a module is opened when its first address is
 * asked for. The file on disk is used only when its build-id is the one that
 * was traced (a rebuilt program gets no wrong names), separate debug files are
 * found by build-id and debuglink. Built on libdw/libelf with three indexes of
 * our own, made once a module: CU ranges, inline intervals, sorted symbols.
 * Names are demangled by libiberty.
 *
 * One `symbols` is used by one thread at a time. It never fails for lack of
 * data: what is not known stays NULL or 0.
 */
#ifndef OWNSCOPE_SYMBOLS_H
#define OWNSCOPE_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/code.h"

/* One place in the source. An address has several when functions were inlined
 * there: the innermost first, all but the last marked `inlined`. */
struct symbol_place {
    const char *function;   /* demangled; NULL unknown */
    const char *linkage;    /* as in the symbol table; NULL unknown */
    const char *file;       /* NULL unknown */
    uint32_t line;          /* 0 unknown */
    bool inlined;
};

enum symbols_state {
    SYMBOLS_NO_FILE,        /* the module's file is not there (any more) */
    SYMBOLS_OTHER_BUILD,    /* the file there has another build-id */
    SYMBOLS_NO_SYMBOLS,     /* stripped */
    SYMBOLS_TABLE,          /* functions only */
    SYMBOLS_DEBUG           /* files and lines */
};

struct symbols;
struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);
/* Where separate debug files are looked for, in place of OWNSCOPE_DEBUG_DIR or /usr/lib/debug. For
 * modules that are opened afterwards. */
void symbols_debug_dir(struct symbols *s, const char *dir);

/* The places of one link-time address. `offset` is looked up as it is: for a
 * return address pass offset - 1. Returns how many places there are (>= 1;
 * one place of NULLs when nothing is known), and sets *places to an array that
 * lives as long as `s`. Repeated questions are answered from a cache. */
size_t symbols_resolve(struct symbols *s, const char *path, const uint8_t *build_id,
                       size_t build_id_bytes, uint64_t offset,
                       const struct symbol_place **places);
/* The same for a frame: knows about return addresses, unknown modules and
 * truncation marks. */
size_t symbols_frame(struct symbols *s, const struct code_module *m, const struct code_frame *f,
                     const struct symbol_place **places);

/* The variable that covers a link-time address: its demangled name (lives as
 * long as `s`), *into, how far in it the address lies, and *bytes (unless NULL), how
 * large it is, 0 where its symbol does not tell. NULL: none is known.
 * Of aliases the shortest that others can link to. */
const char *symbols_variable(struct symbols *s, const struct code_module *m, uint64_t offset, uint64_t *into,
                             uint64_t *bytes);

/* What is known of a module at all (opens it). */
enum symbols_state symbols_module_state(struct symbols *s, const char *path,
                                        const uint8_t *build_id, size_t build_id_bytes);

#endif
