/*
 * preload/unwind_modules.c - see preload/unwind_modules.h.
 *
 * Runs in the traced thread when a rule is not in the cache. Entries are
 * claimed by CAS (EMPTY -> FILLING), published by a release store (READY) that
 * pairs with the acquire load in module_known(), and never written again but
 * for their state (GONE). When all are used, modules are looked at each time.
 */
#if defined(__x86_64__)
#include "preload/unwind_modules.h"

#include <dlfcn.h>
#include <errno.h>

#include "preload/program_headers.h"
#include "preload/unwind_rules.h"

#pragma weak _dl_find_object

enum { MODULES_MAX = 256, PAGE = 4096, IDENTITY_WORDS = 128 };
enum module_state { MODULE_EMPTY = 0, MODULE_FILLING, MODULE_READY, MODULE_GONE };

struct module {
    atomic_u32 state;
    uint64_t start, end;      /* its mapping */
    uint64_t identity;        /* of its file, by what its first page holds */
    struct cfi_tables tables; /* low == NULL: none that can be read */
};

static struct module modules[MODULES_MAX];

/* The readable segment that holds .eh_frame_hdr. Segments past 2 GiB are not
 * for us. */
static struct cfi_tables tables_of(const struct dl_find_object *o, const struct program_headers *h)
{
    const uint8_t *header = o->dlfo_eh_frame;
    for (unsigned i = 0; header && i < h->count; i++) {
        const ElfW(Phdr) *p = &h->first[i];
        uint64_t low = h->bias + p->p_vaddr, high = low + p->p_filesz;
        if (p->p_type == PT_LOAD && p->p_flags & PF_R && (uint64_t)header >= low && (uint64_t)header < high &&
            high - low < 1u << 31)
            return (struct cfi_tables){(const uint8_t *)low, (const uint8_t *)high, header};
    }
    return (struct cfi_tables){NULL, NULL, NULL};
}

/* Tells files apart that were mapped at the same place one after the other: the
 * start of the page of the program headers has the build-id too. */
static uint64_t identity_of(const struct dl_find_object *o, const struct program_headers *h)
{
    uint64_t hash = (uint64_t)o->dlfo_eh_frame;
    const unwind_raw *word = (const unwind_raw *)((uint64_t)h->first & ~(uint64_t)(PAGE - 1));
    for (unsigned i = 0; i < IDENTITY_WORDS; i++)
        hash = (hash ^ word[i]) * 0x9e3779b97f4a7c15u ^ hash >> 29;
    return hash;
}

/* What is remembered of the module, or NULL. Marks those that were there. */
static struct module *module_known(const struct dl_find_object *o, uint64_t identity)
{
    uint64_t start = (uint64_t)o->dlfo_map_start, end = (uint64_t)o->dlfo_map_end;
    for (struct module *m = modules; m < modules + MODULES_MAX; m++) {
        uint32_t state = load_acquire(&m->state);
        if (state == MODULE_EMPTY)
            break;
        if (state != MODULE_READY || m->start >= end || m->end <= start)
            continue;
        if (m->start == start && m->end == end && m->identity == identity)
            return m;
        if (cas_acq_rel(&m->state, (uint32_t)MODULE_READY, (uint32_t)MODULE_GONE))
            rules_invalidate();
    }
    return NULL;
}

static void module_remember(const struct dl_find_object *o, uint64_t identity, struct cfi_tables tables)
{
    for (struct module *m = modules; m < modules + MODULES_MAX; m++)
        if (load_relaxed(&m->state) == MODULE_EMPTY &&
            cas_acq_rel(&m->state, (uint32_t)MODULE_EMPTY, (uint32_t)MODULE_FILLING)) {
            m->start = (uint64_t)o->dlfo_map_start;
            m->end = (uint64_t)o->dlfo_map_end;
            m->identity = identity;
            m->tables = tables;
            store_release(&m->state, (uint32_t)MODULE_READY);
            return;
        }
}

int modules_tables(uint64_t address, struct cfi_tables *tables)
{
    struct dl_find_object o;
    struct program_headers h;
    if (!_dl_find_object || _dl_find_object((void *)address, &o) || program_headers_of(&o, &h))
        return -ENOENT;
    uint64_t identity = identity_of(&o, &h);
    struct module *m = module_known(&o, identity);
    if (m) {
        *tables = m->tables;
    } else {
        *tables = tables_of(&o, &h);
        module_remember(&o, identity, *tables);
    }
    return tables->low ? 0 : -ENOENT;
}
#endif
