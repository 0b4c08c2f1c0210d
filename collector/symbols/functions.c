/*
 * collector/symbols/functions.c - see functions.h.
 */
#include "symbols/functions.h"

#include <dwarf.h>
#include <stdlib.h>

#include "event/xalloc.h"
#include "symbols/text.h"

enum { DEPTH_MAX = 256 };

/* The walk: one entry a level of the tree. */
struct level {
    Dwarf_Die die;
    uint32_t function;      /* innermost one around this DIE; SPANS_NONE */
    uint32_t depth;         /* functions around it */
};

static bool may_hold_functions(int tag)
{
    switch (tag) {
    case DW_TAG_subprogram: case DW_TAG_inlined_subroutine: case DW_TAG_lexical_block:
    case DW_TAG_try_block: case DW_TAG_catch_block: case DW_TAG_with_stmt:
    case DW_TAG_namespace: case DW_TAG_module: case DW_TAG_class_type:
    case DW_TAG_structure_type: case DW_TAG_union_type: case DW_TAG_interface_type:
        return true;
    default:
        return false;
    }
}

/* Adds what a DIE covers; false: nothing that is code of the module. */
static bool add_ranges(struct functions *fs, Dwarf_Die *die, const struct symfile *f, uint64_t rank,
                       size_t *budget)
{
    size_t before = fs->spans.n;
    Dwarf_Addr base, low, high;
    for (ptrdiff_t at = 0; *budget && (at = dwarf_ranges(die, at, &base, &low, &high)) > 0; --*budget)
        if (symfile_code(f, low))
            spans_add(&fs->spans, low, high, rank, (uint32_t)fs->n);
    return fs->spans.n > before;
}

static void visit(struct functions *fs, struct level *here, const struct symfile *f, size_t *budget)
{
    int tag = dwarf_tag(&here->die);
    if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine)
        return;
    if (!add_ranges(fs, &here->die, f, DEPTH_MAX - here->depth, budget))
        return;
    fs->at = xgrow(fs->at, &fs->capacity, fs->n + 1, sizeof *fs->at);
    fs->at[fs->n] = (struct function){
        .die = here->die,
        .parent = tag == DW_TAG_inlined_subroutine ? here->function : (uint32_t)SPANS_NONE,
    };
    here->function = (uint32_t)fs->n++;
    here->depth++;
}

/* Goes to the next DIE in the order of the file; false: the tree is done. */
static bool step(struct level *levels, size_t *top, bool down)
{
    struct level *here = &levels[*top];
    Dwarf_Off last = dwarf_dieoffset(&here->die);
    struct level next = *here;
    if (down && *top + 1 < DEPTH_MAX && dwarf_child(&here->die, &next.die) == 0)
        levels[++*top] = next;
    else
        for (;; --*top) {
            if (!*top)
                return false;
            if (dwarf_siblingof(&levels[*top].die, &next.die) == 0)
                break;
        }
    next.function = levels[*top - 1].function;
    next.depth = levels[*top - 1].depth;
    levels[*top] = next;
    return dwarf_dieoffset(&next.die) > last;
}

void functions_build(struct functions *fs, const Dwarf_Die *unit, const struct symfile *f,
                     size_t *budget)
{
    struct level *levels = xmalloc(DEPTH_MAX * sizeof *levels);
    size_t top = 0;
    *fs = (struct functions){ 0 };
    levels[0] = (struct level){ .die = *unit, .function = SPANS_NONE };
    for (bool down = true; step(levels, &top, down) && *budget;) {
        visit(fs, &levels[top], f, budget);
        down = may_hold_functions(dwarf_tag(&levels[top].die));
    }
    free(levels);
    spans_flatten(&fs->spans);
}

void functions_free(struct functions *fs)
{
    spans_free(&fs->spans);
    free(fs->at);
    *fs = (struct functions){ 0 };
}

struct function *functions_find(const struct functions *fs, uint64_t address)
{
    uint32_t i = spans_find(&fs->spans, address);
    return i == SPANS_NONE ? NULL : &fs->at[i];
}

struct function *functions_parent(const struct functions *fs, const struct function *function)
{
    return function->parent == SPANS_NONE ? NULL : &fs->at[function->parent];
}

static const char *string_of(Dwarf_Die *die, unsigned attribute)
{
    Dwarf_Attribute a;
    const char *text = dwarf_attr_integrate(die, attribute, &a) ? text_of(&a) : NULL;
    return text && text[0] ? text : NULL;
}

void function_name(struct function *function)
{
    if (function->named)
        return;
    function->named = true;
    function->linkage = string_of(&function->die, DW_AT_linkage_name);
    if (!function->linkage)
        function->linkage = string_of(&function->die, DW_AT_MIPS_linkage_name);
    function->name = string_of(&function->die, DW_AT_name);
}

void function_call_site(const struct function *function, Dwarf_Files *files, size_t n_files,
                        const char **file, uint32_t *line)
{
    Dwarf_Die die = function->die;
    Dwarf_Attribute a;
    Dwarf_Word number;
    if (dwarf_attr(&die, DW_AT_call_file, &a) && dwarf_formudata(&a, &number) == 0 && number < n_files)
        *file = dwarf_filesrc(files, number, NULL, NULL);
    if (dwarf_attr(&die, DW_AT_call_line, &a) && dwarf_formudata(&a, &number) == 0 && number <= UINT32_MAX)
        *line = (uint32_t)number;
}
