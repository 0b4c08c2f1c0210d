/*
 * collector/symbols/symtab.h - the functions of one module by address: its
 * symbol tables sorted once, and its PLT stubs. In a table apart its variables.
 *
 * A symbol with a size covers that much and no more: an address in a gap is
 * unknown, not its neighbour's. Symbols without a size (assembler) cover what
 * lies up to the next one in their section. One thread; names point into the
 * ELF files, which must outlive the table.
 */
#ifndef OWNSCOPE_SYMTAB_H
#define OWNSCOPE_SYMTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/spans.h"
#include "symbols/symfile.h"

struct symtab_entry {
    uint64_t low, bytes;
    uint64_t limit;         /* end of its section: as far as a symbol without size may reach */
    const char *name;
    uint32_t preference;    /* of several names of one address the highest is taken */
    bool plt;               /* a stub that jumps to the function `name` */
};

struct symtab {
    struct symtab_entry *at;
    size_t n, capacity;
    bool has_functions;     /* others than PLT stubs */
    struct spans spans;     /* value: index into `at` */
};

/* `debug` and `mini` may be NULL. Reads what it needs: the files may be
 * symfile_done afterwards. */
void symtab_build(struct symtab *t, const struct symfile *f, const struct symfile *debug,
                  const struct symfile *mini);
/* The variables: those with a size. Lazily: reads what symtab_build has read. Of
 * several names of one place the shortest that others can link to is kept. */
void symtab_build_data(struct symtab *t, const struct symfile *f, const struct symfile *debug);
/* All names of functions, by address: nothing to be asked by address. Reads what symtab_build has read. */
void symtab_build_names(struct symtab *t, const struct symfile *f, const struct symfile *debug, const struct symfile *mini);
/* NULL: not in a known function (variable). */
const struct symtab_entry *symtab_find(const struct symtab *t, uint64_t address);
void symtab_free(struct symtab *t);

/* For plt.c: one more function. */
void symtab_add(struct symtab *t, const struct symtab_entry *e);
/* plt.c: adds the stubs of `f`. */
void symtab_add_plt(struct symtab *t, const struct symfile *f);

#endif
