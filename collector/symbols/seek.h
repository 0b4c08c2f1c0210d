/*
 * collector/symbols/seek.h - where in a module the functions of some name are: the way from
 * names to addresses. symbols.h is the way back.
 *
 * Every name counts that a symbol table has for a place, aliases too, and with `inlined` what
 * debug information says of functions and of copies of them inside others. The module's file is
 * opened for this and closed again: nothing is kept. Any thread, each call for itself.
 */
#ifndef OWNSCOPE_SYMBOLS_SEEK_H
#define OWNSCOPE_SYMBOLS_SEEK_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/symbols.h"
#include "wire/atomic.h"

struct symbols_seek {
    /* Asked for each function: which of what is sought it is, a bit each, 0: none. `function` is demangled, `linkage` as in
     * the table or NULL. */
    uint64_t (*which)(void *context, const char *function, const char *linkage);
    /* Link-time addresses [begin, end) are of these. */
    void (*found)(void *context, uint64_t which, uint64_t begin, uint64_t end);
    void *context;
    bool inlined;               /* debug information in place of symbol tables: slow where there is much of it */
    const atomic_u32 *stop;     /* 1: whoever asked does not want to know any more; NULL: always does */
};
enum symbols_state symbols_seek(const char *path, const uint8_t *build_id, size_t build_id_bytes, const struct symbols_seek *s);

/* A shell pattern of people's against a function: with its arguments and template arguments, without the ones, without both, or as
 * the linker knows it; what compilers put behind a name for parts and copies of it is left away. */
bool symbols_name_matches(const char *pattern, const char *function, const char *linkage);

#endif
