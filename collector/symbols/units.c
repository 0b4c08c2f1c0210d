/*
 * collector/symbols/units.c - see units.h.
 */
#include "symbols/units.h"

#include <dwarf.h>
#include <stdlib.h>

#include "event/xalloc.h"
#include "symbols/text.h"

/* Ranges of one module, all units together: many DIEs that share one long list
 * could else ask for any amount of memory. */
enum { RANGES_MAX = 1 << 23 };

/* The functions of a unit, built once. */
static void need_functions(struct units *us, struct unit *u)
{
    if (u->has_functions)
        return;
    u->has_functions = true;
    functions_build(&u->functions, &u->tree, us->module, &us->budget);
    if (dwarf_getsrcfiles(&u->tree, &u->files, &u->n_files))
        u->n_files = 0;
}

static void need_lines(struct unit *u)
{
    if (u->has_lines)
        return;
    u->has_lines = true;
    if (dwarf_getsrclines(&u->die, &u->lines, &u->n_lines))
        u->n_lines = 0;
}

/* What the unit says that it covers. Overlaps (the same inline function kept
 * for several units) go to the smallest range, then to the first unit. */
static bool add_stated_ranges(struct units *us, Dwarf_Die *die)
{
    Dwarf_Addr base, low, high;
    size_t before = us->spans.n;
    for (ptrdiff_t at = 0; us->budget && (at = dwarf_ranges(die, at, &base, &low, &high)) > 0; us->budget--)
        if (symfile_code(us->module, low) && low < high)
            spans_add(&us->spans, low, high, high - low, (uint32_t)us->n - 1);
    return us->spans.n > before;
}

/* The compilation directory; false: it does not end. libdw reads it unseen
 * when it puts file names together, so such a unit must not be used. */
static bool read_dir(const Dwarf_Die *unit, const char **dir)
{
    Dwarf_Die die = *unit;
    Dwarf_Attribute a;
    *dir = NULL;
    return !dwarf_attr(&die, DW_AT_comp_dir, &a) || (*dir = text_of(&a));
}

static void add_unit(struct units *us, const Dwarf_Die *die, const Dwarf_Die *tree)
{
    const char *dir, *tree_dir;
    if (!read_dir(die, &dir) || !read_dir(tree, &tree_dir))
        return;
    us->at = xgrow(us->at, &us->capacity, us->n + 1, sizeof *us->at);
    struct unit *u = &us->at[us->n++];
    *u = (struct unit){ .die = *die, .tree = *tree, .dir = dir };
    u->states_ranges = add_stated_ranges(us, &u->die) || dwarf_hasattr(&u->die, DW_AT_ranges) ||
                       dwarf_hasattr(&u->die, DW_AT_high_pc);
}

/* Link-time optimisation leaves many units without code: a look at their
 * outermost DIEs saves the walk. */
static bool has_code(Dwarf_Die *tree, unsigned depth)
{
    enum { NAMESPACES_MAX = 16 };
    Dwarf_Die die;
    for (int end = dwarf_child(tree, &die); end == 0; end = dwarf_siblingof(&die, &die)) {
        int tag = dwarf_tag(&die);
        if ((tag == DW_TAG_namespace || tag == DW_TAG_module) && depth < NAMESPACES_MAX &&
            has_code(&die, depth + 1))
            return true;
        if (tag == DW_TAG_subprogram &&
            (dwarf_hasattr(&die, DW_AT_low_pc) || dwarf_hasattr(&die, DW_AT_ranges)))
            return true;
    }
    return false;
}

/* Where no unit states that it covers an address, the functions of those that
 * state nothing are looked at: once. */
static void add_silent_units(struct units *us)
{
    us->complete = true;
    for (size_t i = 0; i < us->n; i++) {
        struct unit *u = &us->at[i];
        if (u->states_ranges || !has_code(&u->tree, 0))
            continue;
        need_functions(us, u);
        for (size_t k = 0; k < u->functions.spans.n; k++) {
            const struct span *s = &u->functions.spans.at[k];
            spans_add(&us->spans, s->low, s->high, s->high - s->low, (uint32_t)i);
        }
    }
    spans_flatten(&us->spans);
}

static void add_units(struct units *us)
{
    Dwarf_CU *cu = NULL;
    Dwarf_Die die, sub;
    uint8_t type;
    while (dwarf_get_units(us->dwarf, cu, &cu, NULL, &type, &die, &sub) == 0) {
        if (type == DW_UT_skeleton && dwarf_tag(&sub) == DW_TAG_compile_unit &&
            text_sound(dwarf_cu_getdwarf(sub.cu)))
            add_unit(us, &die, &sub);
        else if (type == DW_UT_compile || type == DW_UT_skeleton)
            add_unit(us, &die, &die);
    }
    spans_flatten(&us->spans);
}

/* The file itself and the one that it shares pieces with (dwz). */
static bool is_sound(Dwarf *dwarf)
{
    Dwarf *shared = dwarf_getalt(dwarf);
    return text_sound(dwarf) && (!shared || text_sound(shared));
}

bool units_open(struct units *us, const struct symfile *module, const struct symfile *from)
{
    *us = (struct units){ .module = module, .budget = RANGES_MAX };
    us->dwarf = dwarf_begin_elf(from->elf, DWARF_C_READ, NULL);
    if (us->dwarf && is_sound(us->dwarf))
        add_units(us);
    if (us->n)
        return true;
    units_close(us);
    return false;
}

void units_close(struct units *us)
{
    for (size_t i = 0; i < us->n; i++)
        functions_free(&us->at[i].functions);
    free(us->at);
    spans_free(&us->spans);
    dwarf_end(us->dwarf);
    *us = (struct units){ 0 };
}

struct unit *units_find(struct units *us, uint64_t address)
{
    uint32_t i = spans_find(&us->spans, address);
    if (i == SPANS_NONE && !us->complete) {
        add_silent_units(us);
        i = spans_find(&us->spans, address);
    }
    if (i == SPANS_NONE)
        return NULL;
    need_functions(us, &us->at[i]);
    need_lines(&us->at[i]);
    return &us->at[i];
}

void unit_line(const struct unit *u, uint64_t address, const char **file, uint32_t *line)
{
    size_t low = 0, high = u->n_lines;
    while (low < high) {    /* the first row behind the address */
        size_t middle = low + (high - low) / 2;
        Dwarf_Addr at;
        if (dwarf_lineaddr(dwarf_onesrcline(u->lines, middle), &at))
            return;
        if (at <= address)
            low = middle + 1;
        else
            high = middle;
    }
    Dwarf_Line *row = low ? dwarf_onesrcline(u->lines, low - 1) : NULL;
    bool end = true;
    int number = 0;
    if (!row || dwarf_lineendsequence(row, &end) || end)
        return;
    *file = dwarf_linesrc(row, NULL, NULL);
    if (*file && dwarf_lineno(row, &number) == 0 && number > 0)
        *line = (uint32_t)number;
}
