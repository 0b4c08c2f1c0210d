/*
 * preload/module.c - see module.h.
 *
 * `known` is append-only; an entry is reserved by one add, filled, and
 * published by its `end`. Two threads may announce the same module at the same
 * time: the collector takes the second as the first. An address range that
 * turns up with another identity (path, build-id) is announced again, and
 * replaces the old one there.
 */
#include "preload/module.h"

#include <elf.h>
#include <link.h>
#include <string.h>

#include "preload/program_headers.h"
#include "preload/real.h"
#include "preload/record.h"

atomic_u64 module_pages[MODULE_PAGES];
atomic_u64 module_generation = 1;

enum { MODULES_KNOWN = 2048 };
struct known {
    uint64_t start;
    uint64_t identity;
    atomic_u64 end;
};
static struct known known[MODULES_KNOWN];
static atomic_u32 known_count;

extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

struct module {
    uint64_t bias, start, end;
    const char *path;
    size_t path_bytes;
    const uint8_t *build_id;
    size_t build_id_bytes;
};

void module_changed(void)
{
    add_relaxed(&module_generation, 1);
}

static void build_id_of_notes(struct module *m, const uint8_t *at, const uint8_t *end)
{
    while ((size_t)(end - at) > sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *n = (const void *)at;
        size_t name = (n->n_namesz + 3u) & ~3u, desc = (n->n_descsz + 3u) & ~3u;
        const uint8_t *body = at + sizeof *n;
        if (name + desc > (size_t)(end - body))
            return;
        if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 && !memcmp(body, "GNU", 4) &&
            n->n_descsz <= WIRE_BUILD_ID_MAX) {
            m->build_id = body + name;
            m->build_id_bytes = n->n_descsz;
            return;
        }
        at = body + name + desc;
    }
}

/* The build-id, where a readable note has it. */
static void build_id_of(struct module *m, const struct dl_find_object *found)
{
    struct program_headers h;
    unsigned i;
    if (program_headers_of(found, &h))
        return;
    for (i = 0; i < h.count && !m->build_id; i++)
        if (h.first[i].p_type == PT_NOTE) {
            const uint8_t *at = (const uint8_t *)(m->bias + h.first[i].p_vaddr);
            build_id_of_notes(m, at, at + h.first[i].p_memsz);
        }
}

static uint64_t identity_of(const struct module *m)
{
    uint64_t h = 1469598103934665603u;
    size_t i;
    for (i = 0; i < m->path_bytes; i++)
        h = (h ^ (uint8_t)m->path[i]) * 1099511628211u;
    for (i = 0; i < m->build_id_bytes; i++)
        h = (h ^ m->build_id[i]) * 1099511628211u;
    return (h ^ m->bias) | 1;
}

/* The newest entry that overlaps decides. */
static bool known_has(const struct module *m, uint64_t identity)
{
    uint32_t i = load_relaxed(&known_count);
    if (i > MODULES_KNOWN)
        i = MODULES_KNOWN;
    while (i-- > 0) {
        uint64_t end = load_acquire(&known[i].end); /* pairs with known_add */
        if (end && known[i].start < m->end && m->start < end)
            return known[i].start == m->start && end == m->end && known[i].identity == identity;
    }
    return false;
}

static void known_add(const struct module *m, uint64_t identity)
{
    uint32_t i = add_relaxed(&known_count, 1);
    if (i >= MODULES_KNOWN)
        return; /* announced every time from now on: dear, but right */
    known[i].start = m->start;
    known[i].identity = identity;
    store_release(&known[i].end, m->end); /* pairs with known_has */
}

static bool announce(struct context *c, const struct module *m)
{
    uint64_t extra[8] = {m->bias, m->start, m->end, m->build_id_bytes};
    memcpy(extra + 4, m->build_id, m->build_id_bytes);
    return record_text(c, WIRE_MODULE, 0, extra, 8, m->path, m->path_bytes);
}

void module_announce_slow(struct context *c, uint64_t frame)
{
    uint64_t pc = frame & ~WIRE_FRAME_EXACT;
    uint64_t page = pc >> 12, generation = load_relaxed(&module_generation);
    struct dl_find_object found;
    struct module m = {0};
    uint64_t identity;

    if (frame == WIRE_FRAME_TRUNCATED || !&_dl_find_object || _dl_find_object((void *)pc, &found))
        return;
    m.bias = found.dlfo_link_map->l_addr;
    m.start = (uint64_t)found.dlfo_map_start;
    m.end = (uint64_t)found.dlfo_map_end;
    m.path = found.dlfo_link_map->l_name;
    if (!m.path || !*m.path)
        m.path = process.exe;
    m.path_bytes = strlen(m.path);
    build_id_of(&m, &found);
    identity = identity_of(&m);
    if (!known_has(&m, identity)) {
        if (!announce(c, &m))
            return;
        known_add(&m, identity);
    }
    store_relaxed(&module_pages[page % MODULE_PAGES], page ^ generation << 40);
}
