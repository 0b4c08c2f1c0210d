/*
 * collector/session/own_locks.c - see own_locks.h. Ingest thread.
 */
#include "session/own_locks.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { UNKNOWN, NONE, SOME };

static const char *const wanted[] = { "_Unwind_Backtrace", "_Unwind_GetLanguageSpecificData", "syscall" };
enum { WANTED = sizeof wanted / sizeof *wanted, ALL = (1 << WANTED) - 1 };

/* Which of `wanted` a table of symbols has without a place. */
static unsigned wants(Elf *elf, Elf_Scn *section, const GElf_Shdr *head)
{
    Elf_Data *data = elf_getdata(section, NULL);
    unsigned found = 0;
    GElf_Sym symbol;
    for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
        const char *name = symbol.st_shndx == SHN_UNDEF ? elf_strptr(elf, head->sh_link, symbol.st_name) : NULL;
        for (unsigned w = 0; name && w < WANTED; w++)
            found |= (unsigned)!strcmp(name, wanted[w]) << w;
    }
    return found;
}

static bool elf_wants_all(Elf *elf)
{
    Elf_Scn *section = NULL;
    GElf_Shdr head;
    while (elf_kind(elf) == ELF_K_ELF && (section = elf_nextscn(elf, section)))
        if (gelf_getshdr(section, &head) && head.sh_type == SHT_DYNSYM)
            return wants(elf, section, &head) == ALL;
    return false;
}

bool own_locks_in(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    bool found = false;
    if (fd < 0)
        return false;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
        elf_version(EV_CURRENT);
        Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
        found = elf && elf_wants_all(elf);
        elf_end(elf);
    }
    close(fd);
    return found;
}

void own_locks_tell(struct own_locks *o, const struct code *code, uint32_t pid, struct event *e)
{
    const struct code_module *m = e->extra[1] <= UINT32_MAX ? code_module(code, (uint32_t)e->extra[1]) : NULL;
    if (!m || m->path[0] != '/')
        return;
    if (e->extra[1] >= o->capacity) {
        size_t old = o->capacity;
        o->known = xgrow(o->known, &o->capacity, e->extra[1] + 1, 1);
        memset(o->known + old, UNKNOWN, o->capacity - old);
    }
    uint8_t *known = &o->known[e->extra[1]];
    if (*known == UNKNOWN) {
        char *path = xasprintf("/proc/%u/root%s", pid, m->path);
        *known = own_locks_in(path) || own_locks_in(m->path) ? SOME : NONE;
        free(path);
    }
    e->family = *known == SOME;
}

void own_locks_end(struct own_locks *o)
{
    free(o->known);
    *o = (struct own_locks){ 0 };
}
