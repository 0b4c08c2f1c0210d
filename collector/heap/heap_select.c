/*
 * collector/heap/heap_select.c - see heap_select.h.
 *
 * Of a mapping of a file only pages that the process has changed are taken:
 * the others hold no address of its heap.
 */
#include "heap/heap_select.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/xalloc.h"

/* Address space that is looked at page by page, where nothing better is to be had, without a thought: 1 ms. */
#define LOOKED_AT_BYTES (1ull << 30)

enum { RED_ZONE = 128, PAGE = 4096, PROGRAM_HEADERS_MAX = 64 };

uint64_t heap_select_span(const char *path)
{
    Elf64_Ehdr e;
    Elf64_Phdr p[PROGRAM_HEADERS_MAX];
    uint64_t low = UINT64_MAX, high = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool sound;
    if (fd < 0)
        return 0;
    sound = pread(fd, &e, sizeof e, 0) == sizeof e && !memcmp(e.e_ident, ELFMAG, SELFMAG) &&
            e.e_phentsize == sizeof *p && e.e_phnum <= PROGRAM_HEADERS_MAX &&
            pread(fd, p, e.e_phnum * sizeof *p, (off_t)e.e_phoff) == (ssize_t)(e.e_phnum * sizeof *p);
    close(fd);
    for (int i = 0; sound && i < e.e_phnum; i++)
        if (p[i].p_type == PT_LOAD && p[i].p_memsz < UINT64_MAX / 4 && p[i].p_vaddr < UINT64_MAX / 4) {
            low = p[i].p_vaddr < low ? p[i].p_vaddr : low;
            high = p[i].p_vaddr + p[i].p_memsz > high ? p[i].p_vaddr + p[i].p_memsz : high;
        }
    return high > low ? (high - (low & ~(uint64_t)(PAGE - 1)) + PAGE - 1) & ~(uint64_t)(PAGE - 1) : 0;
}

static bool starts(const char *path, const char *with)
{
    return !strncmp(path, with, strlen(with));
}

/* Memory shared with nobody else by name: of a fork's relatives at most. */
static bool shared_anonymous(const struct heap_map *m)
{
    return m->shared && m->writable && starts(m->path, "/dev/zero");
}

static bool wanted(const struct heap_select *h, const struct heap_map *m)
{
    if (!m->readable || (h->segment_path && !strcmp(m->path, h->segment_path)))
        return false;
    if (m->shared)
        return shared_anonymous(m);
    if (starts(m->path, "/dev/") && !starts(m->path, "/dev/zero") && !starts(m->path, "/dev/shm/"))
        return false;
    return strcmp(m->path, "[vvar]") && strcmp(m->path, "[vdso]") && strcmp(m->path, "[vsyscall]") &&
           strcmp(m->path, "[vvar_vclock]");
}

static size_t map_of(const struct heap_maps *maps, uint64_t address)
{
    const struct heap_map *m = heap_maps_find(maps, address);
    return m ? (size_t)(m - maps->maps) : maps->n;
}

/* A thread's stack is told by its thread pointer, which libc keeps at its top,
 * and the guard below it; no other thread's is in the same mapping. */
static bool is_stack(const struct heap_maps *maps, size_t at, const struct heap_thread *t, uint32_t tenants)
{
    const struct heap_map *m = &maps->maps[at];
    if (!strcmp(m->path, "[stack]"))
        return true;
    if (m->path[0] && !starts(m->path, "[anon"))
        return false;
    return tenants == 1 && t->thread_pointer >= t->sp && t->thread_pointer < m->end && at && maps->maps[at - 1].end == m->start &&
           !maps->maps[at - 1].readable;
}

/* Where the used part of each mapping begins: stacks below their stack pointer are not. */
static uint64_t *used_from(const struct heap_maps *maps, const struct heap_stop *stop)
{
    uint64_t *from = xcalloc(maps->n + 1, sizeof *from), below;
    uint32_t *tenants = xcalloc(maps->n + 1, sizeof *tenants);
    size_t n = stop ? stop->n : 0;
    for (size_t i = 0; i < maps->n; i++)
        from[i] = maps->maps[i].start;
    for (size_t i = 0; i < n; i++) {
        size_t stack = map_of(maps, stop->threads[i].sp), descriptor = map_of(maps, stop->threads[i].thread_pointer);
        tenants[stack]++;
        if (descriptor != stack)
            tenants[descriptor]++;
    }
    for (size_t i = 0; i < n; i++) {
        const struct heap_thread *t = &stop->threads[i];
        size_t at = map_of(maps, t->sp);
        if (at == maps->n || !is_stack(maps, at, t, tenants[at]))
            continue;
        below = (t->sp - RED_ZONE) & ~(uint64_t)(PAGE - 1);
        if (below < maps->maps[at].start)
            below = maps->maps[at].start;
        if (from[at] == maps->maps[at].start ? below > from[at] : below < from[at])
            from[at] = below;
    }
    free(tenants);
    return from;
}

static uint64_t reserved_bytes(const struct heap_select *h, const struct heap_maps *maps)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < maps->n; i++)
        bytes += wanted(h, &maps->maps[i]) ? maps->maps[i].end - maps->maps[i].start : 0;
    return bytes;
}

int heap_select_runs(const struct heap_select *h, pid_t pid, struct heap_maps *maps, const struct heap_stop *stop,
                     struct heap_runs *runs)
{
    uint64_t shim = 0, shim_end = 0;
    struct heap_pages pages;
    int e = heap_pages_open(&pages, pid);
    uint64_t *from;
    if (e)
        return e;
    if (!pages.told && reserved_bytes(h, maps) > LOOKED_AT_BYTES + heap_resident_bytes(pid))
        heap_maps_weigh(maps, pid); /* if it fails, more is looked at */
    from = used_from(maps, stop);
    for (size_t i = 0; !e && i < maps->n; i++) {
        const struct heap_map *m = &maps->maps[i];
        uint64_t start = from[i];
        if (h->shim_path && !strcmp(m->path, h->shim_path)) {
            shim = shim ? shim : m->start;
            shim_end = shim + h->shim_bytes > m->end ? shim + h->shim_bytes : m->end;
        }
        if (!wanted(h, m))
            continue;
        if (shim && start < shim_end)
            start = shim_end;
        if (start < m->end)
            e = heap_pages_add(&pages, start, m->end, m->resident_bytes, heap_map_is_file(m) && !m->shared, runs);
    }
    free(from);
    heap_pages_close(&pages);
    return e;
}
