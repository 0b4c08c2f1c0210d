/*
 * collector/symbols/plt.c - names for PLT stubs (symtab_add_plt).
 *
 * A stub jumps through a slot, and a relocation says whose address the loader
 * puts there. So the stub's own instructions are read (x86-64: `jmp *slot(%rip)`,
 * or `push $n` of a lazy stub), which is right for every linker and every kind
 * of PLT section (.plt, .plt.sec, .plt.got). Other machines: no stub names.
 */
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "symbols/symtab.h"

struct slot {
    uint64_t address;
    uint32_t symbol;        /* in .dynsym */
};

struct slots {
    struct slot *at;
    size_t n, capacity;
    uint32_t *lazy;         /* symbol of the n-th entry of .rela.plt */
    size_t n_lazy, lazy_capacity;
};

static void add_relocations(struct slots *slots, Elf_Data *data, bool lazy)
{
    if (!data || !data->d_buf)
        return;
    GElf_Rela r;
    for (int i = 0; gelf_getrela(data, i, &r); i++) {
        uint32_t type = (uint32_t)GELF_R_TYPE(r.r_info), symbol = (uint32_t)GELF_R_SYM(r.r_info);
        if (lazy) {
            slots->lazy = xgrow(slots->lazy, &slots->lazy_capacity, slots->n_lazy + 1, sizeof *slots->lazy);
            slots->lazy[slots->n_lazy++] = symbol;
        }
        if (!symbol || (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT))
            continue;
        slots->at = xgrow(slots->at, &slots->capacity, slots->n + 1, sizeof *slots->at);
        slots->at[slots->n++] = (struct slot){ r.r_offset, symbol };
    }
}

/* How many relocations at the start of .rela.dyn carry no symbol (a large
 * library has hundreds of thousands of these). */
static uint64_t relative_count(const struct symfile *f)
{
    GElf_Shdr header;
    Elf_Scn *section = symfile_section(f, ".dynamic", &header);
    Elf_Data *data = section && header.sh_type == SHT_DYNAMIC ? elf_getdata(section, NULL) : NULL;
    GElf_Dyn d;
    for (int i = 0; data && gelf_getdyn(data, i, &d) && d.d_tag != DT_NULL; i++)
        if (d.d_tag == DT_RELACOUNT)
            return d.d_un.d_val;
    return 0;
}

static int by_slot(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

static void read_slots(struct slots *slots, const struct symfile *f)
{
    GElf_Shdr header;
    Elf_Scn *section = symfile_section(f, ".rela.plt", &header);
    if (section && header.sh_type == SHT_RELA)
        add_relocations(slots, elf_getdata(section, NULL), true);
    GElf_Shdr got;
    section = symfile_section(f, ".plt.got", &got) ? symfile_section(f, ".rela.dyn", &header) : NULL;
    uint64_t entry = sizeof(Elf64_Rela), skip = section ? relative_count(f) : 0;
    if (section && header.sh_type == SHT_RELA && skip <= header.sh_size / entry)
        add_relocations(slots, elf_getdata_rawchunk(f->elf, (int64_t)(header.sh_offset + skip * entry),
                                                    header.sh_size - skip * entry, ELF_T_RELA), false);
    if (slots->n)
        qsort(slots->at, slots->n, sizeof *slots->at, by_slot);
}

/* The symbol that the stub at code[0..n) jumps to; 0: not such a stub. */
static uint32_t stub_symbol(const struct slots *slots, const uint8_t *code, size_t n, uint64_t address)
{
    static const uint8_t endbr64[4] = { 0xf3, 0x0f, 0x1e, 0xfa };
    size_t i = n >= 4 && !memcmp(code, endbr64, 4) ? 4 : 0;
    if (i < n && code[i] == 0xf2)   /* bnd */
        i++;
    if (n - i >= 5 && code[i] == 0x68) {    /* push $index */
        uint32_t index;
        memcpy(&index, code + i + 1, 4);
        return index < slots->n_lazy ? slots->lazy[index] : 0;
    }
    if (n - i < 6 || code[i] != 0xff || code[i + 1] != 0x25)
        return 0;
    int32_t distance;
    memcpy(&distance, code + i + 2, 4);
    struct slot key = { .address = address + i + 6 + (uint64_t)(int64_t)distance };
    const struct slot *slot = slots->n ? bsearch(&key, slots->at, slots->n, sizeof key, by_slot) : NULL;
    return slot ? slot->symbol : 0;
}

static void add_stubs(struct symtab *t, const struct symfile *f, const struct slots *slots,
                      const char *section_name, Elf_Data *names, uint32_t strings)
{
    GElf_Shdr header;
    Elf_Scn *section = symfile_section(f, section_name, &header);
    Elf_Data *data = section && header.sh_type == SHT_PROGBITS ? elf_rawdata(section, NULL) : NULL;
    if (!data || !data->d_buf)
        return;
    size_t stub_bytes = header.sh_entsize == 8 ? 8 : 16;
    for (size_t i = 0; i + stub_bytes <= data->d_size; i += stub_bytes) {
        uint64_t address = header.sh_addr + i;
        const uint8_t *code = (const uint8_t *)data->d_buf + i;
        uint32_t number = stub_symbol(slots, code, stub_bytes, address);
        GElf_Sym symbol;
        if (!number || number > INT32_MAX || !gelf_getsym(names, (int)number, &symbol))
            continue;
        const char *name = elf_strptr(f->elf, strings, symbol.st_name);
        if (name && name[0] && symfile_code(f, address))
            symtab_add(t, &(struct symtab_entry){ .low = address, .bytes = stub_bytes,
                                                  .name = name, .plt = true });
    }
}

void symtab_add_plt(struct symtab *t, const struct symfile *f)
{
    static const char *const sections[] = { ".plt", ".plt.sec", ".plt.got", ".plt.bnd" };
    GElf_Shdr header;
    Elf_Scn *dynsym = symfile_section(f, ".dynsym", &header);
    Elf_Data *names = dynsym ? elf_getdata(dynsym, NULL) : NULL;
    if (f->machine != EM_X86_64 || gelf_getclass(f->elf) != ELFCLASS64 || !names)
        return;
    struct slots slots = { 0 };
    read_slots(&slots, f);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        add_stubs(t, f, &slots, sections[i], names, header.sh_link);
    free(slots.at);
    free(slots.lazy);
}
