/*
 * collector/symbols/symbols.c - see symbols.h: modules by path and build-id,
 * and every answer given so far.
 *
 * What is not known is not kept: it costs two searches to find out again, and
 * a stripped module must not fill memory.
 */
#include "symbols/symbols.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"
#include "symbols/module.h"

struct known {              /* a module that was asked for */
    char *path;
    uint8_t build_id[CODE_BUILD_ID_MAX];
    size_t build_id_bytes;
    struct module *module;
};

struct answer {
    uint64_t offset;
    uint32_t module;        /* index into `modules` */
    uint32_t n;             /* 0: a free slot */
    struct symbol_place *places;
};

struct symbols {
    char *debug_dir;
    struct names *names;
    struct known *modules;
    size_t n_modules, modules_capacity;
    uint32_t *by_path;      /* open addressing: index into `modules` + 1, 0 free */
    size_t by_path_slots;
    struct answer *answers; /* open addressing */
    size_t n_answers, answer_slots;
    struct symbol_place found[MODULE_PLACES_MAX];
};

static const struct symbol_place unknown_place;

struct symbols *symbols_new(void)
{
    struct symbols *s = xcalloc(1, sizeof *s);
    elf_version(EV_CURRENT);
    s->debug_dir = xstrdup(symfile_debug_dir());
    s->names = names_new();
    s->by_path_slots = 64;
    s->by_path = xcalloc(s->by_path_slots, sizeof *s->by_path);
    s->answer_slots = 1024;
    s->answers = xcalloc(s->answer_slots, sizeof *s->answers);
    return s;
}

void symbols_free(struct symbols *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_modules; i++) {
        module_close(s->modules[i].module);
        free(s->modules[i].path);
    }
    for (size_t i = 0; i < s->answer_slots; i++)
        free(s->answers[i].places);
    free(s->modules);
    free(s->by_path);
    free(s->answers);
    names_free(s->names);
    free(s->debug_dir);
    free(s);
}

void symbols_debug_dir(struct symbols *s, const char *dir)
{
    free(s->debug_dir);
    s->debug_dir = xstrdup(dir);
}

static uint64_t module_hash(const char *path, const uint8_t *build_id, size_t bytes)
{
    return XXH3_64bits_withSeed(path, strlen(path), bytes ? XXH3_64bits(build_id, bytes) : 0);
}

static void index_modules(struct symbols *s, size_t slots)
{
    free(s->by_path);
    s->by_path = xcalloc(slots, sizeof *s->by_path);
    s->by_path_slots = slots;
    for (size_t i = 0; i < s->n_modules; i++) {
        const struct known *k = &s->modules[i];
        size_t at = module_hash(k->path, k->build_id, k->build_id_bytes) & (slots - 1);
        while (s->by_path[at])
            at = (at + 1) & (slots - 1);
        s->by_path[at] = (uint32_t)i + 1;
    }
}

/* The index of a module, opened if it is new. */
static uint32_t module_index(struct symbols *s, const char *path, const uint8_t *build_id, size_t bytes)
{
    if (bytes > CODE_BUILD_ID_MAX)
        bytes = CODE_BUILD_ID_MAX;
    if (s->n_modules * 2 >= s->by_path_slots)
        index_modules(s, s->by_path_slots * 2);
    size_t at = module_hash(path, build_id, bytes) & (s->by_path_slots - 1);
    for (; s->by_path[at]; at = (at + 1) & (s->by_path_slots - 1)) {
        const struct known *k = &s->modules[s->by_path[at] - 1];
        if (k->build_id_bytes == bytes && (!bytes || !memcmp(k->build_id, build_id, bytes)) &&
            !strcmp(k->path, path))
            return s->by_path[at] - 1;
    }
    s->modules = xgrow(s->modules, &s->modules_capacity, s->n_modules + 1, sizeof *s->modules);
    struct known *k = &s->modules[s->n_modules];
    *k = (struct known){ .path = xstrdup(path), .build_id_bytes = bytes };
    if (bytes)
        memcpy(k->build_id, build_id, bytes);
    k->module = module_open(path, build_id, bytes, s->debug_dir);
    s->by_path[at] = (uint32_t)++s->n_modules;
    return (uint32_t)s->n_modules - 1;
}

/* The slot of an answer: the one that holds it, or a free one for it. */
static struct answer *answer_slot(struct answer *at, size_t slots, uint32_t module, uint64_t offset)
{
    uint64_t key[2] = { offset, module };
    size_t i = XXH3_64bits(key, sizeof key) & (slots - 1);
    while (at[i].n && (at[i].offset != offset || at[i].module != module))
        i = (i + 1) & (slots - 1);
    return &at[i];
}

static void grow_answers(struct symbols *s)
{
    size_t slots = s->answer_slots * 2;
    struct answer *at = xcalloc(slots, sizeof *at);
    for (size_t i = 0; i < s->answer_slots; i++)
        if (s->answers[i].n)
            *answer_slot(at, slots, s->answers[i].module, s->answers[i].offset) = s->answers[i];
    free(s->answers);
    s->answers = at;
    s->answer_slots = slots;
}

size_t symbols_resolve(struct symbols *s, const char *path, const uint8_t *build_id,
                       size_t build_id_bytes, uint64_t offset, const struct symbol_place **places)
{
    uint32_t module = module_index(s, path, build_id, build_id_bytes);
    struct answer *a = answer_slot(s->answers, s->answer_slots, module, offset);
    if (!a->n) {
        size_t n = module_places(s->modules[module].module, s->names, offset, s->found);
        if (!n) {
            *places = &unknown_place;
            return 1;
        }
        if (s->n_answers * 2 >= s->answer_slots) {
            grow_answers(s);
            a = answer_slot(s->answers, s->answer_slots, module, offset);
        }
        *a = (struct answer){ .offset = offset, .module = module, .n = (uint32_t)n };
        a->places = xmalloc(n * sizeof *a->places);
        memcpy(a->places, s->found, n * sizeof *a->places);
        s->n_answers++;
    }
    *places = a->places;
    return a->n;
}

size_t symbols_frame(struct symbols *s, const struct code_module *m, const struct code_frame *f,
                     const struct symbol_place **places)
{
    if (!m || !m->path || !m->path[0] || (f->flags & CODE_FRAME_TRUNCATED)) {
        *places = &unknown_place;
        return 1;
    }
    bool is_return = !(f->flags & CODE_FRAME_EXACT) && f->offset;
    return symbols_resolve(s, m->path, m->build_id, m->build_id_bytes, f->offset - is_return, places);
}

const char *symbols_variable(struct symbols *s, const struct code_module *m, uint64_t offset, uint64_t *into,
                             uint64_t *bytes)
{
    if (!m || !m->path || !m->path[0])
        return NULL;
    uint32_t module = module_index(s, m->path, m->build_id, m->build_id_bytes);
    return module_variable(s->modules[module].module, s->names, offset, into, bytes);
}

enum symbols_state symbols_module_state(struct symbols *s, const char *path,
                                        const uint8_t *build_id, size_t build_id_bytes)
{
    uint32_t module = module_index(s, path, build_id, build_id_bytes);
    return s->modules[module].module->state;
}
