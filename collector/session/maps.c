/*
 * collector/session/maps.c - see maps.h. Ingest thread.
 */
#include "session/maps.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Mappings of one file that follow each other. */
struct mapped {
    uint64_t start, end, offset;
    char path[4096];
    bool code;
};

struct headers {
    uint64_t load_offset, load_address; /* of the first PT_LOAD */
    uint64_t end;                       /* of the last one in memory: what has no bytes in the file too */
    uint8_t build_id[CODE_BUILD_ID_MAX];
    size_t build_id_bytes;
};

static void build_id_of(Elf *elf, const GElf_Phdr *ph, struct headers *h)
{
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_NHDR);
    GElf_Nhdr note;
    size_t at = 0, name, desc;
    while (data && at < data->d_size && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0)
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && note.n_descsz <= CODE_BUILD_ID_MAX &&
            !memcmp((const char *)data->d_buf + name, "GNU", 4)) {
            memcpy(h->build_id, (const char *)data->d_buf + desc, note.n_descsz);
            h->build_id_bytes = note.n_descsz;
            return;
        }
}

static bool headers_read(const char *path, struct headers *h)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool found = false;
    size_t n, i;
    GElf_Phdr ph;
    Elf *elf;

    *h = (struct headers){0};
    if (fd < 0)
        return false;
    elf_version(EV_CURRENT);
    elf = elf_begin(fd, ELF_C_READ, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF && !elf_getphdrnum(elf, &n))
        for (i = 0; i < n && gelf_getphdr(elf, (int)i, &ph); i++) {
            if (ph.p_type == PT_LOAD) {
                if (!found) {
                    h->load_offset = ph.p_offset;
                    h->load_address = ph.p_vaddr;
                }
                if (ph.p_vaddr + ph.p_memsz > h->end)
                    h->end = ph.p_vaddr + ph.p_memsz;
                found = true;
            } else if (ph.p_type == PT_NOTE && !h->build_id_bytes) {
                build_id_of(elf, &ph, h);
            }
        }
    elf_end(elf);
    close(fd);
    return found;
}

static void module_add(struct image *m, struct code *code, uint32_t pid, const struct mapped *at)
{
    char path[4160];
    struct headers h;
    uint64_t bias;
    uint32_t module;
    if (!at->code)
        return;
    snprintf(path, sizeof path, "/proc/%u/root%s", pid, at->path);
    if (!headers_read(path, &h))
        return;
    module = code_module_id(code, at->path, strlen(at->path), h.build_id, h.build_id_bytes);
    bias = at->start - at->offset - (h.load_address - h.load_offset);
    image_add(m, at->start, bias + h.end, bias, module);
}

void maps_read(struct image *m, struct code *code, uint32_t pid)
{
    struct mapped now = {0};
    char name[64], *line = NULL;
    size_t size = 0;
    FILE *f;

    snprintf(name, sizeof name, "/proc/%u/maps", pid);
    f = fopen(name, "re");
    if (!f)
        return;
    while (getline(&line, &size, f) > 0) {
        unsigned long start, end, offset;
        char perms[8];
        int at = 0;
        if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %n", &start, &end, perms, &offset, &at) < 4 || !at)
            continue;
        line[strcspn(line, "\n")] = 0;
        if (line[at] != '/' || strcmp(line + at, now.path)) {
            module_add(m, code, pid, &now);
            now = (struct mapped){.start = start, .offset = offset};
            if (line[at] == '/')
                snprintf(now.path, sizeof now.path, "%s", line + at);
        }
        now.end = end;
        now.code |= perms[2] == 'x' && line[at] == '/';
    }
    module_add(m, code, pid, &now);
    free(line);
    fclose(f);
}
