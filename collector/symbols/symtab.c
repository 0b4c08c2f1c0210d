/*
 * collector/symbols/symtab.c - see symtab.h.
 */
#include "symbols/symtab.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"

enum {  /* symtab_entry.preference: a function before a bare label, a name others
         * can link to before a local one, the version of today before one that
         * is kept for old programs, few leading underscores before many */
    PREFER_FUNCTION = 128, PREFER_SIZED = 64, PREFER_GLOBAL = 32, PREFER_CURRENT = 16,
    UNDERSCORES_MAX = 15
};

void symtab_add(struct symtab *t, const struct symtab_entry *e)
{
    if (t->n == t->capacity)
        t->at = xgrow(t->at, &t->capacity, t->n + 1, sizeof *t->at);
    t->at[t->n++] = *e;
}

/* Labels that the tool chain puts at every switch between code and data. */
static bool is_mapping(const struct symfile *f, const char *name)
{
    return name[0] == '$' && (f->machine == EM_AARCH64 || f->machine == EM_ARM || f->machine == EM_RISCV);
}

static uint32_t preference(const GElf_Sym *symbol, const char *name, bool old_version)
{
    int type = GELF_ST_TYPE(symbol->st_info);
    const char *version = strchr(name, '@');
    uint32_t p = UNDERSCORES_MAX;
    if (!old_version && (!version || version[1] == '@'))
        p += PREFER_CURRENT;
    while (*name == '_' && p)
        name++, p--;
    if (type == STT_FUNC || type == STT_GNU_IFUNC)
        p += PREFER_FUNCTION;
    if (symbol->st_size)
        p += PREFER_SIZED;
    if (GELF_ST_BIND(symbol->st_info) != STB_LOCAL)
        p += PREFER_GLOBAL;
    return p;
}

/* Variables: names that others can link to first, then the shortest one. */
static uint32_t data_preference(const GElf_Sym *symbol, const char *name)
{
    enum { GLOBAL = 1 << 30 };
    size_t bytes = strlen(name);
    uint32_t p = bytes < GLOBAL ? GLOBAL - 1 - (uint32_t)bytes : 0;
    return GELF_ST_BIND(symbol->st_info) != STB_LOCAL ? p + GLOBAL : p;
}

static bool is_code(const GElf_Sym *symbol)
{
    int type = GELF_ST_TYPE(symbol->st_info);
    return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
}

static bool is_data(const GElf_Sym *symbol)
{
    return GELF_ST_TYPE(symbol->st_info) == STT_OBJECT && symbol->st_size;
}

/* The segment that a symbol lies in; NULL: it is none of those looked for. */
static const struct symfile_segment *segment_of(const struct symfile *f, const GElf_Sym *symbol, bool data)
{
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_shndx == SHN_COMMON)
        return NULL;
    if (data)
        return is_data(symbol) ? symfile_data(f, symbol->st_value) : NULL;
    return is_code(symbol) ? symfile_code(f, symbol->st_value) : NULL;
}

/* Ends of sections by index, to bound symbols without a size. */
struct ends {
    uint64_t *at;
    size_t n;
};

static struct ends section_ends(const struct symfile *f)
{
    struct ends ends = { 0 };
    if (elf_getshdrnum(f->elf, &ends.n) || ends.n > SHN_LORESERVE)
        ends.n = 0;
    ends.at = xcalloc(ends.n, sizeof *ends.at);
    for (Elf_Scn *s = NULL; (s = elf_nextscn(f->elf, s));) {
        GElf_Shdr header;
        size_t i = elf_ndxscn(s);
        if (i < ends.n && gelf_getshdr(s, &header))
            ends.at[i] = header.sh_addr + header.sh_size;
    }
    return ends;
}

/* The versions of the symbols of .dynsym; NULL: none. */
static Elf_Data *version_data(const struct symfile *from, Elf_Scn *section)
{
    for (Elf_Scn *s = NULL; (s = elf_nextscn(from->elf, s));) {
        GElf_Shdr header;
        if (gelf_getshdr(s, &header) && header.sh_type == SHT_GNU_versym &&
            header.sh_link == elf_ndxscn(section))
            return elf_getdata(s, NULL);
    }
    return NULL;
}

static bool is_old_version(Elf_Data *versions, int symbol)
{
    enum { HIDDEN = 0x8000 };
    GElf_Versym version;
    return versions && gelf_getversym(versions, symbol, &version) && (version & HIDDEN);
}

/* Adds the code (or data) symbols of one section; `f` is the module, `from` the
 * file that has the table (itself, or its debug file). */
static void add_section(struct symtab *t, const struct symfile *f, const struct symfile *from,
                        Elf_Scn *section, const GElf_Shdr *header, bool of_data)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !data->d_buf || !header->sh_entsize)
        return;
    elf_strptr(from->elf, header->sh_link, 0);  /* read now: symtab_build_data comes after symfile_done */
    struct ends ends = section_ends(from);
    Elf_Data *versions = header->sh_type == SHT_DYNSYM ? version_data(from, section) : NULL;
    size_t n = data->d_size / header->sh_entsize;
    for (size_t i = 1; i < n; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol))
            break;
        const struct symfile_segment *segment = segment_of(f, &symbol, of_data);
        const char *name = segment ? elf_strptr(from->elf, header->sh_link, symbol.st_name) : NULL;
        if (!name || !name[0] || is_mapping(f, name))
            continue;
        struct symtab_entry e = { .low = symbol.st_value, .name = name, .limit = segment->high };
        e.bytes = symbol.st_size < segment->high - e.low ? symbol.st_size : segment->high - e.low;
        if (symbol.st_shndx < ends.n && ends.at[symbol.st_shndx] < e.limit)
            e.limit = ends.at[symbol.st_shndx];
        e.preference = of_data ? data_preference(&symbol, name) : preference(&symbol, name, is_old_version(versions, (int)i));
        symtab_add(t, &e);
    }
    free(ends.at);
}

static bool add_tables(struct symtab *t, const struct symfile *f, const struct symfile *from,
                       uint32_t type, bool of_data)
{
    size_t before = t->n;
    for (Elf_Scn *s = NULL; from && (s = elf_nextscn(from->elf, s));) {
        GElf_Shdr header;
        if (gelf_getshdr(s, &header) && header.sh_type == type)
            add_section(t, f, from, s, &header, of_data);
    }
    return t->n > before;
}

static int by_address(const void *a, const void *b)
{
    const struct symtab_entry *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    if (x->preference != y->preference)
        return x->preference > y->preference ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* One entry an address: the preferred name, with the size of an alias if it has none. */
static void keep_one_name(struct symtab *t)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct symtab_entry *last = kept ? &t->at[kept - 1] : NULL;
        if (!last || last->low != t->at[i].low)
            t->at[kept++] = t->at[i];
        else if (!last->bytes)
            last->bytes = t->at[i].bytes;
    }
    t->n = kept;
}

/* Among symbols with a size the smallest wins, so that one inside another is
 * seen; those without fill what is left. */
static void make_spans(struct symtab *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct symtab_entry *e = &t->at[i];
        uint64_t next = i + 1 < t->n ? t->at[i + 1].low : UINT64_MAX;
        if (e->bytes)
            spans_add(&t->spans, e->low, e->low + e->bytes, e->bytes, (uint32_t)i);
        else
            spans_add(&t->spans, e->low, next < e->limit ? next : e->limit, UINT64_MAX, (uint32_t)i);
    }
    spans_flatten(&t->spans);
}

static void finish(struct symtab *t)
{
    if (t->n)
        qsort(t->at, t->n, sizeof *t->at, by_address);
    keep_one_name(t);
    make_spans(t);
}

static void add_functions(struct symtab *t, const struct symfile *f, const struct symfile *debug, const struct symfile *mini)
{
    *t = (struct symtab){ 0 };
    if (!add_tables(t, f, f, SHT_SYMTAB, false) && !add_tables(t, f, debug, SHT_SYMTAB, false)) {
        add_tables(t, f, mini, SHT_SYMTAB, false);
        add_tables(t, f, f, SHT_DYNSYM, false);
    }
}

void symtab_build_names(struct symtab *t, const struct symfile *f, const struct symfile *debug, const struct symfile *mini)
{
    add_functions(t, f, debug, mini);
    if (t->n)
        qsort(t->at, t->n, sizeof *t->at, by_address);
}

void symtab_build(struct symtab *t, const struct symfile *f, const struct symfile *debug,
                  const struct symfile *mini)
{
    add_functions(t, f, debug, mini);
    t->has_functions = t->n > 0;
    symtab_add_plt(t, f);
    finish(t);
}

void symtab_build_data(struct symtab *t, const struct symfile *f, const struct symfile *debug)
{
    *t = (struct symtab){ 0 };
    if (!add_tables(t, f, f, SHT_SYMTAB, true) && !add_tables(t, f, debug, SHT_SYMTAB, true))
        add_tables(t, f, f, SHT_DYNSYM, true);
    finish(t);
}

const struct symtab_entry *symtab_find(const struct symtab *t, uint64_t address)
{
    uint32_t i = spans_find(&t->spans, address);
    return i == SPANS_NONE ? NULL : &t->at[i];
}

void symtab_free(struct symtab *t)
{
    spans_free(&t->spans);
    free(t->at);
    *t = (struct symtab){ 0 };
}
