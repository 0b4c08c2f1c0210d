/*
 * collector/heap/heap_modules.c - see heap_modules.h.
 */
#include "heap/heap_modules.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event/xalloc.h"

enum { PAGE = 4096 };

/* What lies in one run of mappings. */
struct run { const struct heap_map *first, *last; bool code; };

static int file_open(const char *path, pid_t pid)
{
    char *name = xasprintf("/proc/%d/root%s", (int)pid, path);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    free(name);
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void build_id_read(struct heap_place *p, Elf *elf, const GElf_Phdr *ph)
{
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz,
                                          ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
    GElf_Nhdr note;
    size_t at = 0, name, desc;
    while (data && at < data->d_size && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0)
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz <= CODE_BUILD_ID_MAX &&
            !memcmp((const char *)data->d_buf + name, "GNU", 4)) {
            memcpy(p->build_id, (const char *)data->d_buf + desc, note.n_descsz);
            p->build_id_bytes = (uint8_t)note.n_descsz;
            return;
        }
}

/* False: not an ELF file that is loaded. */
static bool headers_read(struct heap_place *p, const struct heap_map *first)
{
    size_t n, i;
    uint64_t end = 0;
    GElf_Phdr ph;
    Elf *elf;
    elf_version(EV_CURRENT);
    elf = elf_begin(p->fd, ELF_C_READ, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF && !elf_getphdrnum(elf, &n))
        for (i = 0; i < n && gelf_getphdr(elf, (int)i, &ph); i++) {
            if (ph.p_type == PT_LOAD) {
                if (!p->headers)
                    p->bias = first->start - first->offset - (ph.p_vaddr - ph.p_offset);
                if (ph.p_vaddr + ph.p_memsz > end)
                    end = ph.p_vaddr + ph.p_memsz;
                p->headers = true;
            } else if (ph.p_type == PT_TLS && ph.p_memsz < 1 << 30 && ph.p_align <= 1 << 20) {
                p->tls_bytes = ph.p_memsz + (ph.p_align ? ph.p_align - 1 : 0);
            } else if (ph.p_type == PT_NOTE && !p->build_id_bytes) {
                build_id_read(p, elf, &ph);
            }
        }
    elf_end(elf);
    end = (p->bias + end + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    if (p->headers && end > p->end)
        p->end = end;
    return p->headers;
}

static void module_add(struct heap_modules *m, size_t *room, const struct run *r, pid_t pid)
{
    static const char deleted[] = " (deleted)";
    struct heap_place p = {.fd = -1};
    size_t bytes;
    if (!r->first || !r->code)
        return;
    bytes = strlen(r->first->path);
    p.start = r->first->start;
    p.end = r->last->end;
    p.bias = p.start - r->first->offset;
    if (bytes > sizeof deleted && !strcmp(r->first->path + bytes - (sizeof deleted - 1), deleted))
        bytes -= sizeof deleted - 1;
    else
        p.fd = file_open(r->first->path, pid);
    if (p.fd >= 0 && !headers_read(&p, r->first)) {
        close(p.fd);
        return;
    }
    /* A header may claim what it likes: a module ends where the next begins, at the latest. */
    if (m->n && m->places[m->n - 1].end > p.start)
        m->places[m->n - 1].end = p.start;
    p.path = xstrndup(r->first->path, bytes);
    m->places = xgrow(m->places, room, m->n + 1, sizeof *m->places);
    m->places[m->n++] = p;
}

/* Another file, or the same one loaded a second time. */
static bool starts_anew(const struct heap_map *first, const struct heap_map *at)
{
    return strcmp(first->path, at->path) || first->inode != at->inode || at->offset < first->offset ||
           (at->offset == first->offset && at->executable == first->executable && at->writable == first->writable);
}

void heap_modules_read(struct heap_modules *m, const struct heap_maps *maps, pid_t pid)
{
    struct run r = {0};
    size_t room = 0;
    *m = (struct heap_modules){.maps = maps};
    for (size_t i = 0; i < maps->n; i++) {
        const struct heap_map *at = &maps->maps[i];
        if (at->path[0] != '/')
            continue;
        if (!r.first || starts_anew(r.first, at)) {
            module_add(m, &room, &r, pid);
            r = (struct run){.first = at};
        }
        r.last = at;
        r.code |= at->executable;
    }
    module_add(m, &room, &r, pid);
}

void heap_modules_done(struct heap_modules *m)
{
    for (size_t i = 0; i < m->n; i++) {
        if (m->places[i].fd >= 0)
            close(m->places[i].fd);
        free(m->places[i].path);
    }
    free(m->places);
    *m = (struct heap_modules){0};
}

const struct heap_place *heap_modules_at(const struct heap_modules *m, uint64_t address)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (m->places[mid].end > address)
            high = mid;
        else
            low = mid + 1;
    }
    return low < m->n && m->places[low].start <= address ? &m->places[low] : NULL;
}

size_t heap_modules_constant(const struct heap_modules *m, uint64_t address, void *to, size_t bytes)
{
    const struct heap_place *p = heap_modules_at(m, address);
    const struct heap_map *at = p && p->fd >= 0 ? heap_maps_find(m->maps, address) : NULL;
    ssize_t n;
    if (!at || at->writable || !at->readable || at->path[0] != '/')
        return 0;
    if (bytes > at->end - address)
        bytes = at->end - address;
    n = pread(p->fd, to, bytes, (off_t)(at->offset + (address - at->start)));
    return n > 0 ? (size_t)n : 0;
}
