/*
 * collector/symbols/symfile.c - see symfile.h.
 */
#include "symbols/symfile.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

/* Larger files are mapped: reading all their debug sections would cost more
 * memory than the collector may take. */
#define READ_MAX_BYTES (UINT64_C(512) << 20)

static void read_segments(struct symfile *f)
{
    size_t n = 0;
    if (elf_getphdrnum(f->elf, &n) || n > UINT16_MAX)
        return;
    f->code = xcalloc(n, sizeof *f->code);
    f->data = xcalloc(n, sizeof *f->data);
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr p;
        if (!gelf_getphdr(f->elf, (int)i, &p) || p.p_type != PT_LOAD)
            continue;
        uint64_t high = p.p_vaddr + p.p_memsz;
        if (high <= p.p_vaddr)
            continue;
        if (p.p_flags & PF_X)
            f->code[f->n_code++] = (struct symfile_segment){ p.p_vaddr, high };
        else
            f->data[f->n_data++] = (struct symfile_segment){ p.p_vaddr, high };
    }
}

static void read_build_id(struct symfile *f)
{
    const void *id = NULL;
    ssize_t bytes = dwelf_elf_gnu_build_id(f->elf, &id);
    if (bytes <= 0 || bytes > SYMFILE_ID_MAX || !id)
        return;
    memcpy(f->id, id, (size_t)bytes);
    f->id_bytes = (size_t)bytes;
}

/* False: not a program or library. */
static bool identify(struct symfile *f)
{
    GElf_Ehdr header;
    if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &header))
        return false;
    if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
        return false;
    f->machine = header.e_machine;
    read_segments(f);
    read_build_id(f);
    return true;
}

struct symfile *symfile_open(const char *path, bool *exists)
{
    struct stat status;
    if (exists)
        *exists = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
        close(fd);
        return NULL;
    }
    if (exists)
        *exists = true;
    struct symfile *f = xcalloc(1, sizeof *f);
    f->fd = fd;
    f->bytes = (uint64_t)status.st_size;
    f->elf = elf_begin(fd, f->bytes > READ_MAX_BYTES ? ELF_C_READ_MMAP : ELF_C_READ, NULL);
    if (identify(f))
        return f;
    symfile_close(f);
    return NULL;
}

struct symfile *symfile_adopt(void *image, size_t bytes)
{
    struct symfile *f = xcalloc(1, sizeof *f);
    f->fd = -1;
    f->image = image;
    f->bytes = bytes;
    f->elf = elf_memory(image, bytes);
    if (identify(f))
        return f;
    symfile_close(f);
    return NULL;
}

void symfile_done(struct symfile *f)
{
    if (f->fd < 0)
        return;
    elf_cntl(f->elf, ELF_C_FDDONE);
    close(f->fd);
    f->fd = -1;
}

void symfile_close(struct symfile *f)
{
    if (!f)
        return;
    elf_end(f->elf);
    if (f->fd >= 0)
        close(f->fd);
    free(f->image);
    free(f->code);
    free(f->data);
    free(f);
}

static const struct symfile_segment *segment_at(const struct symfile_segment *at, size_t n, uint64_t address)
{
    for (size_t i = 0; i < n; i++)
        if (address >= at[i].low && address < at[i].high)
            return &at[i];
    return NULL;
}

const struct symfile_segment *symfile_code(const struct symfile *f, uint64_t address)
{
    return segment_at(f->code, f->n_code, address);
}

const struct symfile_segment *symfile_data(const struct symfile *f, uint64_t address)
{
    return segment_at(f->data, f->n_data, address);
}

Elf_Scn *symfile_section(const struct symfile *f, const char *name, GElf_Shdr *header)
{
    size_t names;
    if (elf_getshdrstrndx(f->elf, &names))
        return NULL;
    for (Elf_Scn *s = NULL; (s = elf_nextscn(f->elf, s));) {
        const char *found = gelf_getshdr(s, header) ? elf_strptr(f->elf, names, header->sh_name) : NULL;
        if (found && !strcmp(found, name))
            return s;
    }
    return NULL;
}
