/*
 * preload/program_headers.c - see program_headers.h. The main program's are
 * where the kernel says; another module's are behind its ELF header, which the
 * loader maps with the first segment.
 */
#include "preload/program_headers.h"

#include <string.h>
#include <sys/auxv.h>

#include "preload/unwind_reach.h"

enum { PAGE = 4096 };

static int behind_elf_header(uint64_t at, struct program_headers *h)
{
    const ElfW(Ehdr) *e = (const void *)at;
    if (at % PAGE || !reach_probe(at) || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
        e->e_phentsize != sizeof(ElfW(Phdr)) || e->e_phoff % 8 || e->e_phoff > PAGE ||
        e->e_phnum > (PAGE - e->e_phoff) / sizeof(ElfW(Phdr)))
        return -1;
    h->first = (const void *)(at + e->e_phoff);
    h->count = e->e_phnum;
    return 0;
}

int program_headers_of(const struct dl_find_object *found, struct program_headers *h)
{
    const struct link_map *map = found->dlfo_link_map;
    h->bias = map->l_addr;
    if (!map->l_prev && !*map->l_name) { /* the main program */
        h->first = (const void *)getauxval(AT_PHDR);
        h->count = (unsigned)getauxval(AT_PHNUM);
        return h->first ? 0 : -1;
    }
    if (!behind_elf_header((uint64_t)found->dlfo_map_start, h))
        return 0;
    return h->bias ? behind_elf_header(h->bias, h) : -1;
}
