/*
 * collector/symbols/functions.h - the functions of one compilation unit by
 * address, with what was inlined into them.
 *
 * Made when the first address of the unit is asked for: one walk over its
 * DIEs, in which every subprogram and inlined subroutine that has code is
 * kept. Names are looked up when one is asked for. One thread; valid as long
 * as the Dwarf.
 *
 * Hostile DWARF costs time in proportion to its size: the walk goes forward
 * only, to a bounded depth, and takes a bounded number of ranges.
 */
#ifndef OWNSCOPE_FUNCTIONS_H
#define OWNSCOPE_FUNCTIONS_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/spans.h"
#include "symbols/symfile.h"

struct function {
    Dwarf_Die die;
    uint32_t parent;        /* index of the function that it was inlined into; SPANS_NONE: not inlined */
    bool named;             /* the names below were looked up */
    const char *linkage;    /* NULL: none */
    const char *name;       /* NULL: none */
};

struct functions {
    struct function *at;
    size_t n, capacity;
    struct spans spans;     /* value: index into `at`; the innermost wins */
};

/* `f` is the module: only its code counts (what a linker threw away keeps
 * ranges near 0). *budget: how many ranges may still be read, counted down. */
void functions_build(struct functions *fs, const Dwarf_Die *unit, const struct symfile *f,
                     size_t *budget);
void functions_free(struct functions *fs);

/* The innermost function at an address; NULL: none. */
struct function *functions_find(const struct functions *fs, uint64_t address);
/* The one it was inlined into; NULL: it was not. */
struct function *functions_parent(const struct functions *fs, const struct function *function);
/* Fills in linkage and name. */
void function_name(struct function *function);
/* Where an inlined function was called. */
void function_call_site(const struct function *function, Dwarf_Files *files, size_t n_files,
                        const char **file, uint32_t *line);

#endif
