/*
 * collector/symbols/text.c - see text.h.
 */
#include "symbols/text.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdint.h>
#include <string.h>

static bool holds_strings(const char *name)
{
    static const char *const names[] = {
        ".debug_str", ".debug_line_str", ".debug_str.dwo", ".zdebug_str", ".zdebug_line_str",
        ".zdebug_str.dwo",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

/* A file may have several sections of one name: all of them count. */
bool text_sound(Dwarf *dwarf)
{
    Elf *elf = dwarf_getelf(dwarf);
    size_t names;
    if (elf_getshdrstrndx(elf, &names))
        return false;
    for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(s, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
        if (!name || !holds_strings(name) || header.sh_type == SHT_NOBITS)
            continue;
        Elf_Data *data = elf_rawdata(s, NULL);
        if (data && data->d_buf && data->d_size && ((const char *)data->d_buf)[data->d_size - 1])
            return false;
    }
    return true;
}

/* Strings that stand in .debug_info itself: is there a zero before its end? */
static bool ends_in_section(Elf *elf, const char *text)
{
    for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
        GElf_Shdr header;
        if (!gelf_getshdr(s, &header) || header.sh_type != SHT_PROGBITS || (header.sh_flags & SHF_ALLOC))
            continue;
        Elf_Data *data = elf_rawdata(s, NULL);
        const char *start = data ? data->d_buf : NULL;
        if (start && text >= start && (size_t)(text - start) < data->d_size)
            return memchr(text, 0, data->d_size - (size_t)(text - start));
    }
    return false;
}

const char *text_of(Dwarf_Attribute *attribute)
{
    const char *text = dwarf_formstring(attribute);
    if (!text)
        return NULL;
    if (dwarf_whatform(attribute) == DW_FORM_string &&
        !ends_in_section(dwarf_getelf(dwarf_cu_getdwarf(attribute->cu)), text))
        return NULL;
    return text;
}
