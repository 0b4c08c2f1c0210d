/*
 * collector/event/code.c - tables of modules, frames and stacks.
 *
 * One thread at a time (code.h). Each table is a doubling array of entries in
 * order of birth, and a hash index over it: open addressing, linear probing,
 * at most half full; a slot keeps an id and 32 bits of the hash, so that a
 * probe touches an entry only when it is almost surely the one.
 *
 * The hash is keyed by a random number: what is interned comes from traced
 * programs and from files, and must not be able to choose its collisions.
 *
 * Invariants: entry i has id i + 1; parent(stack) < stack; depth(stack) ==
 * depth(parent) + 1 <= CODE_DEPTH_MAX; every frame a stack names exists.
 */
#include "event/code.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

#include "event/xalloc.h"

struct slot {
    uint32_t id;    /* 0: empty */
    uint32_t tag;   /* upper half of the hash */
};

struct index {
    struct slot *slots;
    uint32_t mask;      /* slots - 1 */
};

struct code {
    uint64_t key;
    struct code_module *modules;
    struct code_frame *frames;
    struct code_stack *stacks;
    size_t module_capacity, frame_capacity, stack_capacity;
    uint32_t module_count, frame_count, stack_count;
    struct index module_index, frame_index, stack_index;
};

enum { INDEX_FIRST_SLOTS = 1024 };

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t stack_hash(uint64_t key, uint32_t parent, uint32_t frame)
{
    return mix(((uint64_t)parent << 32 | frame) ^ key, 0x9e3779b97f4a7c15u ^ key >> 7);
}

static inline uint64_t frame_hash(uint64_t key, uint32_t module, uint64_t offset, uint32_t flags)
{
    uint64_t first = mix(((uint64_t)module << 32 | flags) ^ key, 0x9e3779b97f4a7c15u);
    return mix(first ^ offset, 0xd6e8feb86659fd93u ^ key >> 7);
}

static uint64_t module_hash(uint64_t key, const struct code_module *m, size_t path_bytes)
{
    uint64_t h = XXH3_64bits_withSeed(m->path, path_bytes, key);
    return XXH3_64bits_withSeed(m->build_id, m->build_id_bytes, h);
}

static void index_init(struct index *x)
{
    x->slots = xcalloc(INDEX_FIRST_SLOTS, sizeof *x->slots);
    x->mask = INDEX_FIRST_SLOTS - 1;
}

static void index_put(struct index *x, uint64_t hash, uint32_t id)
{
    uint32_t i = (uint32_t)hash & x->mask;
    while (x->slots[i].id)
        i = (i + 1) & x->mask;
    x->slots[i] = (struct slot){ id, (uint32_t)(hash >> 32) };
}

/* Doubles a half-full index; hash_of gives an entry's hash again. */
static void index_grow(struct code *c, struct index *x, uint32_t count,
                       uint64_t (*hash_of)(const struct code *, uint32_t id))
{
    if (count <= x->mask / 2)
        return;
    free(x->slots);
    x->mask = x->mask * 2 + 1;
    x->slots = xcalloc((size_t)x->mask + 1, sizeof *x->slots);
    for (uint32_t id = 1; id <= count; id++)
        index_put(x, hash_of(c, id), id);
}

static uint64_t module_hash_of(const struct code *c, uint32_t id)
{
    const struct code_module *m = &c->modules[id - 1];
    return module_hash(c->key, m, strlen(m->path));
}

static uint64_t frame_hash_of(const struct code *c, uint32_t id)
{
    const struct code_frame *f = &c->frames[id - 1];
    return frame_hash(c->key, f->module, f->offset, f->flags);
}

static uint64_t stack_hash_of(const struct code *c, uint32_t id)
{
    const struct code_stack *s = &c->stacks[id - 1];
    return stack_hash(c->key, s->parent, s->frame);
}

struct code *code_new(void)
{
    struct code *c = xcalloc(1, sizeof *c);
    if (getrandom(&c->key, sizeof c->key, GRND_NONBLOCK) != sizeof c->key)
        c->key = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
    index_init(&c->module_index);
    index_init(&c->frame_index);
    index_init(&c->stack_index);
    return c;
}

void code_free(struct code *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->module_count; i++)
        free(c->modules[i].path);
    free(c->modules);
    free(c->frames);
    free(c->stacks);
    free(c->module_index.slots);
    free(c->frame_index.slots);
    free(c->stack_index.slots);
    free(c);
}

uint32_t code_module_id(struct code *c, const char *path, size_t path_bytes,
                        const uint8_t *build_id, size_t build_id_bytes)
{
    struct code_module m = { .path = xstrndup(path, path_bytes > CODE_PATH_MAX ? CODE_PATH_MAX : path_bytes) };
    m.build_id_bytes = (uint8_t)(build_id_bytes > CODE_BUILD_ID_MAX ? CODE_BUILD_ID_MAX : build_id_bytes);
    if (m.build_id_bytes)
        memcpy(m.build_id, build_id, m.build_id_bytes);
    uint64_t hash = module_hash(c->key, &m, strlen(m.path));
    const struct index *x = &c->module_index;
    for (uint32_t i = (uint32_t)hash & x->mask; x->slots[i].id; i = (i + 1) & x->mask) {
        const struct code_module *old = &c->modules[x->slots[i].id - 1];
        if (x->slots[i].tag == (uint32_t)(hash >> 32) && !strcmp(old->path, m.path) &&
            old->build_id_bytes == m.build_id_bytes && !memcmp(old->build_id, m.build_id, m.build_id_bytes)) {
            free(m.path);
            return x->slots[i].id;
        }
    }
    if (c->module_count == CODE_MODULES_MAX) {
        free(m.path);
        return 0;
    }
    c->modules = xgrow(c->modules, &c->module_capacity, (size_t)c->module_count + 1, sizeof m);
    c->modules[c->module_count++] = m;
    index_put(&c->module_index, hash, c->module_count);
    index_grow(c, &c->module_index, c->module_count, module_hash_of);
    return c->module_count;
}

uint32_t code_frame_id(struct code *c, uint32_t module, uint64_t offset, uint32_t flags)
{
    uint64_t hash = frame_hash(c->key, module, offset, flags);
    const struct index *x = &c->frame_index;
    for (uint32_t i = (uint32_t)hash & x->mask; x->slots[i].id; i = (i + 1) & x->mask) {
        if (x->slots[i].tag != (uint32_t)(hash >> 32))
            continue;
        const struct code_frame *old = &c->frames[x->slots[i].id - 1];
        if (old->offset == offset && old->module == module && old->flags == flags)
            return x->slots[i].id;
    }
    if (module > c->module_count || c->frame_count == CODE_FRAMES_MAX)
        return 0;
    c->frames = xgrow(c->frames, &c->frame_capacity, (size_t)c->frame_count + 1, sizeof *c->frames);
    c->frames[c->frame_count++] = (struct code_frame){ .module = module, .flags = flags, .offset = offset };
    index_put(&c->frame_index, hash, c->frame_count);
    index_grow(c, &c->frame_index, c->frame_count, frame_hash_of);
    return c->frame_count;
}

/* A stack that is not in the table yet. */
static uint32_t stack_add(struct code *c, uint64_t hash, uint32_t parent, uint32_t frame)
{
    if (parent > c->stack_count)
        return 0;
    if (!frame || frame > c->frame_count || c->stack_count == CODE_STACKS_MAX)
        return parent;
    uint32_t depth = parent ? c->stacks[parent - 1].depth + 1 : 1;
    if (depth > CODE_DEPTH_MAX)
        return parent;
    c->stacks = xgrow(c->stacks, &c->stack_capacity, (size_t)c->stack_count + 1, sizeof *c->stacks);
    c->stacks[c->stack_count++] = (struct code_stack){ .parent = parent, .frame = frame, .depth = depth };
    index_put(&c->stack_index, hash, c->stack_count);
    index_grow(c, &c->stack_index, c->stack_count, stack_hash_of);
    return c->stack_count;
}

uint32_t code_stack_id(struct code *c, uint32_t parent, uint32_t frame)
{
    uint64_t hash = stack_hash(c->key, parent, frame);
    const struct index *x = &c->stack_index;
    for (uint32_t i = (uint32_t)hash & x->mask; x->slots[i].id; i = (i + 1) & x->mask) {
        if (x->slots[i].tag != (uint32_t)(hash >> 32))
            continue;
        const struct code_stack *old = &c->stacks[x->slots[i].id - 1];
        if (old->parent == parent && old->frame == frame)
            return x->slots[i].id;
    }
    return stack_add(c, hash, parent, frame);
}

uint32_t code_modules(const struct code *c) { return c->module_count; }
uint32_t code_frames(const struct code *c) { return c->frame_count; }
uint32_t code_stacks(const struct code *c) { return c->stack_count; }

const struct code_module *code_module(const struct code *c, uint32_t id)
{
    return id - 1u < c->module_count ? &c->modules[id - 1] : NULL;
}

const struct code_frame *code_frame(const struct code *c, uint32_t id)
{
    return id - 1u < c->frame_count ? &c->frames[id - 1] : NULL;
}

const struct code_stack *code_stack(const struct code *c, uint32_t id)
{
    return id - 1u < c->stack_count ? &c->stacks[id - 1] : NULL;
}

size_t code_stack_frames(const struct code *c, uint32_t stack, uint32_t *frames, size_t max)
{
    size_t n = 0;
    for (const struct code_stack *s = code_stack(c, stack); s && n < max; s = code_stack(c, s->parent))
        frames[n++] = s->frame;
    return n;
}
