/*
 * collector/session/elf_file.c - see elf_file.h.
 */
#include "session/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { OUR_MACHINE = EM_X86_64 };
#else
enum { OUR_MACHINE = EM_AARCH64 };
#endif

/* A library's name, or what a runtime linked into the program exports. */
static const struct { const char *library, *symbol, *name; } SANITIZERS[] = {
    {"libasan", "__asan_init", "AddressSanitizer"},
    {"libclang_rt.asan", "__asan_init", "AddressSanitizer"},
    {"libhwasan", "__hwasan_init", "HWAddressSanitizer"},
    {"libtsan", "__tsan_init", "ThreadSanitizer"},
    {"libclang_rt.tsan", "__tsan_init", "ThreadSanitizer"},
    {"liblsan", "__lsan_init", "LeakSanitizer"},
    {"libclang_rt.msan", "__msan_init", "MemorySanitizer"},
};
enum { SANITIZER_COUNT = sizeof SANITIZERS / sizeof *SANITIZERS };

const char *elf_sanitizer_name(const char *library)
{
    const char *base = strrchr(library, '/');
    size_t i;
    base = base ? base + 1 : library;
    for (i = 0; i < SANITIZER_COUNT; i++)
        if (!strncmp(base, SANITIZERS[i].library, strlen(SANITIZERS[i].library)))
            return SANITIZERS[i].name;
    return NULL;
}

static void note_sanitizer(struct elf_file *f, const char *name)
{
    if (name && !f->sanitizer[0])
        snprintf(f->sanitizer, sizeof f->sanitizer, "%s", name);
}

static void look_at_dynamic(Elf *elf, Elf_Scn *section, const GElf_Shdr *sh, struct elf_file *f)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Dyn dyn;
    int i;
    for (i = 0; data && gelf_getdyn(data, i, &dyn); i++) {
        const char *name = dyn.d_tag == DT_NEEDED ? elf_strptr(elf, sh->sh_link, dyn.d_un.d_val) : NULL;
        if (name)
            note_sanitizer(f, elf_sanitizer_name(name));
    }
}

static void look_at_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *sh, struct elf_file *f)
{
    Elf_Data *data = elf_getdata(section, NULL);
    GElf_Sym sym;
    int i;
    size_t k;
    for (i = 0; data && gelf_getsym(data, i, &sym); i++) {
        const char *name = elf_strptr(elf, sh->sh_link, sym.st_name);
        if (!name || name[0] != '_' || name[1] != '_')
            continue;
        for (k = 0; k < SANITIZER_COUNT; k++)
            if (!strcmp(name, SANITIZERS[k].symbol))
                note_sanitizer(f, SANITIZERS[k].name);
    }
}

static void look_at_sections(Elf *elf, struct elf_file *f)
{
    Elf_Scn *section = NULL;
    GElf_Shdr sh;
    while ((section = elf_nextscn(elf, section)) && !f->sanitizer[0]) {
        if (!gelf_getshdr(section, &sh))
            continue;
        if (sh.sh_type == SHT_DYNAMIC)
            look_at_dynamic(elf, section, &sh, f);
        else if (sh.sh_type == SHT_DYNSYM)
            look_at_symbols(elf, section, &sh, f);
    }
}

static void look_at_segments(int fd, Elf *elf, struct elf_file *f)
{
    GElf_Phdr ph;
    size_t n, i, want;
    if (elf_getphdrnum(elf, &n))
        return;
    for (i = 0; i < n && gelf_getphdr(elf, (int)i, &ph); i++) {
        if (ph.p_type != PT_INTERP)
            continue;
        want = ph.p_filesz < sizeof f->interpreter ? ph.p_filesz : sizeof f->interpreter - 1;
        if (pread(fd, f->interpreter, want, (off_t)ph.p_offset) != (ssize_t)want)
            f->interpreter[0] = 0;
        f->interpreter[sizeof f->interpreter - 1] = 0;
        return;
    }
}

int elf_file_read(const char *path, struct elf_file *f)
{
    unsigned char ident[EI_NIDENT + 4] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), machine;
    Elf *elf;

    *f = (struct elf_file){0};
    if (fd < 0)
        return -errno;
    f->is_elf = pread(fd, ident, sizeof ident, 0) == sizeof ident && !memcmp(ident, ELFMAG, SELFMAG);
    machine = ident[EI_NIDENT + 2] | ident[EI_NIDENT + 3] << 8; /* e_machine, little-endian */
    f->runs_here = f->is_elf && ident[EI_CLASS] == ELFCLASS64 && ident[EI_DATA] == ELFDATA2LSB && machine == OUR_MACHINE;
    if (f->runs_here) {
        elf_version(EV_CURRENT);
        elf = elf_begin(fd, ELF_C_READ, NULL);
        if (elf) {
            look_at_segments(fd, elf, f);
            look_at_sections(elf, f);
        }
        elf_end(elf);
    }
    close(fd);
    return 0;
}
