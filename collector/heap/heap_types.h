/*
 * collector/heap/heap_types.h - C++ dynamic types, told by what objects begin
 * with: the address of a virtual table, as the Itanium ABI lays it out.
 *
 * The two words before that address are the offset to the whole object (0 for a
 * block's own type; a base's table inside it has another, and is none) and the
 * address of a type_info; its own first word is a table of one of the ABI's three
 * class type_infos, its second the mangled name. So no symbol is needed. Without
 * RTTI the type_info is 0 and the table's place is all that is known.
 *
 * While the walk goes on blocks are only noted, each with a number of what its first word
 * was; heap_types_settle reads each such place once and gives blocks their types.
 * What is read is the traced program's memory, and its files: input.
 */
#ifndef OWNSCOPE_HEAP_TYPES_H
#define OWNSCOPE_HEAP_TYPES_H

#include "event/snapshot.h"
#include "heap/heap_modules.h"

struct heap_types {
    struct snapshot *s;             /* type[] holds numbers of `seen` until they are settled */
    struct heap_image *image;
    const struct heap_modules *modules;
    struct { uint64_t low, span; } near[2]; /* where modules lie: the program's end and the libraries' */
    struct heap_type_seen { uint64_t word; uint32_t number; uint8_t table; } *slots;
    uint64_t *seen;                 /* words by number - 1 */
    size_t n, room;
    uint32_t mask;
    bool full;                      /* more than can be kept: some blocks are not noted */
};

void heap_types_init(struct heap_types *t, struct snapshot *s, struct heap_image *image, const struct heap_modules *modules);
void heap_types_done(struct heap_types *t);

static inline bool heap_types_near(const struct heap_types *t, uint64_t word)
{
    return !(word & 7) && (word - t->near[0].low < t->near[0].span || word - t->near[1].low < t->near[1].span);
}

/* The block begins with a word that is near. */
void heap_types_note(struct heap_types *t, size_t block, uint64_t word);
/* What is at an address looks like a table of functions, as Valgrind has it: within 20 words two that point to code, and nothing but such and zeros before. */
bool heap_types_table(struct heap_types *t, uint64_t address);
/* Fills in s->types, and s->type for good. */
void heap_types_settle(struct heap_types *t);

#endif
