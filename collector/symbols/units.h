/*
 * collector/symbols/units.h - the debug information of one module: its
 * compilation units by address, and in each functions and lines.
 *
 * Ranges come from the units' own DIEs (.debug_aranges is not asked: clang
 * writes none). Functions and lines of a unit are read when its first address
 * is asked for. One thread.
 */
#ifndef OWNSCOPE_UNITS_H
#define OWNSCOPE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/functions.h"
#include "symbols/spans.h"
#include "symbols/symfile.h"

struct unit {
    Dwarf_Die die;          /* the unit, its skeleton if it is split */
    Dwarf_Die tree;         /* the DIE that holds the functions */
    const char *dir;        /* compilation directory; NULL unknown */
    bool states_ranges;     /* its DIE says what it covers */
    bool has_functions, has_lines;
    struct functions functions;
    Dwarf_Lines *lines;
    size_t n_lines;
    Dwarf_Files *files;     /* of `tree`: what call sites count in */
    size_t n_files;
};

struct units {
    Dwarf *dwarf;           /* NULL: no debug information */
    const struct symfile *module;
    struct unit *at;
    size_t n, capacity;
    size_t budget;          /* ranges that may still be read */
    bool complete;          /* `spans` also has the units that state no ranges */
    struct spans spans;     /* value: index into `at` */
};

/* The DWARF in `from` (the module itself or its debug file) about `module`;
 * both must outlive the units. False: none. */
bool units_open(struct units *us, const struct symfile *module, const struct symfile *from);
void units_close(struct units *us);

/* The unit of an address, ready to be asked; NULL: none. */
struct unit *units_find(struct units *us, uint64_t address);
/* File and line of an address; left alone where not known. */
void unit_line(const struct unit *u, uint64_t address, const char **file, uint32_t *line);

#endif
