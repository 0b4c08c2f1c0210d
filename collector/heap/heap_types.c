/*
 * collector/heap/heap_types.c - see heap_types.h.
 *
 * Invariants: number n stands for seen[n - 1], and its slot holds n; at most
 * half of the slots are taken.
 */
#include "heap/heap_types.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_memory.h"

enum { SLOTS_FIRST = 1024, SEEN_MAX = 1 << 20, TABLE_WORDS = 20, TABLE_FUNCTIONS = 2, NAME_MAX_BYTES = 4096 };
enum { TABLE_UNKNOWN = 0, TABLE_NOT, TABLE_IS };

/* ---- what was seen ------------------------------------------------------------ */

void heap_types_init(struct heap_types *t, struct snapshot *s, struct heap_image *image, const struct heap_modules *modules)
{
    size_t split = 0;   /* first module behind the widest gap */
    uint64_t gap = 0;
    *t = (struct heap_types){.s = s, .image = image, .modules = modules};
    s->type = xcalloc(s->n_blocks + 1, sizeof *s->type);
    t->slots = xcalloc(SLOTS_FIRST, sizeof *t->slots);
    t->mask = SLOTS_FIRST - 1;
    for (size_t i = 1; i < modules->n; i++)
        if (modules->places[i].start - modules->places[i - 1].end > gap) {
            gap = modules->places[i].start - modules->places[i - 1].end;
            split = i;
        }
    if (!modules->n)
        return;
    t->near[0].low = modules->places[split].start;
    t->near[0].span = modules->places[modules->n - 1].end - t->near[0].low;
    if (split) {
        t->near[1].low = modules->places[0].start;
        t->near[1].span = modules->places[split - 1].end - t->near[1].low;
    }
}

void heap_types_done(struct heap_types *t)
{
    free(t->slots);
    free(t->seen);
    *t = (struct heap_types){0};
}

static struct heap_type_seen *slot_of(const struct heap_types *t, uint64_t word)
{
    uint32_t i = (uint32_t)((word >> 3) * 0x9e3779b97f4a7c15u >> 32) & t->mask;
    while (t->slots[i].number && t->slots[i].word != word)
        i = (i + 1) & t->mask;
    return &t->slots[i];
}

static void slots_grow(struct heap_types *t)
{
    struct heap_type_seen *old = t->slots;
    uint32_t n = t->mask + 1;
    t->mask = n * 2 - 1;
    t->slots = xcalloc((size_t)n * 2, sizeof *t->slots);
    for (uint32_t i = 0; i < n; i++)
        if (old[i].number)
            *slot_of(t, old[i].word) = old[i];
    free(old);
}

/* NULL: full. */
static struct heap_type_seen *see(struct heap_types *t, uint64_t word)
{
    struct heap_type_seen *slot = slot_of(t, word);
    if (slot->number)
        return slot;
    if (t->n == SEEN_MAX) {
        t->full = true;
        return NULL;
    }
    t->seen = xgrow(t->seen, &t->room, t->n + 1, sizeof *t->seen);
    t->seen[t->n++] = word;
    *slot = (struct heap_type_seen){.word = word, .number = (uint32_t)t->n};
    if (t->n * 2 > t->mask) {
        slots_grow(t);
        slot = slot_of(t, word);
    }
    return slot;
}

void heap_types_note(struct heap_types *t, size_t block, uint64_t word)
{
    const struct heap_type_seen *slot = slot_of(t, word);
    if (!slot->number) {
        if (!heap_modules_at(t->modules, word))
            return;
        slot = see(t, word);
    }
    if (slot)
        t->s->type[block] = slot->number;
}

/* ---- what is there --------------------------------------------------------------- */

/* A module's memory: from the image, else from its file. Returns how many bytes are there. */
static size_t module_read(const struct heap_types *t, uint64_t address, void *to, size_t bytes)
{
    if (heap_memory_read(t->image, address, to, bytes))
        return bytes;
    return heap_modules_constant(t->modules, address, to, bytes);
}

static bool words_read(const struct heap_types *t, uint64_t address, uint64_t *to, size_t n)
{
    return !(address & 7) && heap_modules_at(t->modules, address) && module_read(t, address, to, n * 8) == n * 8;
}

/* In a module's file that is mapped, as Valgrind asks. */
static bool is_of_file(const struct heap_types *t, uint64_t address, bool code)
{
    const struct heap_map *m = heap_maps_find(t->modules->maps, address);
    return m && m->path[0] == '/' && m->readable && (!code || m->executable);
}

static bool table_look(const struct heap_types *t, uint64_t address)
{
    const struct heap_map *m = heap_maps_find(t->modules->maps, address);
    uint64_t words[TABLE_WORDS + 1];
    size_t n = TABLE_WORDS + 1;
    int functions = 0;
    if (!is_of_file(t, address, false))
        return false;
    if ((m->end - address) / 8 < n)
        n = (m->end - address) / 8;
    n = module_read(t, address, words, n * 8) / 8;
    for (size_t i = 0; i < n; i++) {
        if (!words[i])
            continue;
        if (!is_of_file(t, words[i], true))
            return false;
        if (++functions == TABLE_FUNCTIONS)
            return true;
    }
    return false;
}

bool heap_types_table(struct heap_types *t, uint64_t address)
{
    struct heap_type_seen *slot;
    if (!heap_types_near(t, address) || !heap_modules_at(t->modules, address))
        return false;
    slot = see(t, address);
    if (!slot)
        return table_look(t, address);
    if (slot->table == TABLE_UNKNOWN)
        slot->table = table_look(t, address) ? TABLE_IS : TABLE_NOT;
    return slot->table == TABLE_IS;
}

/* ---- types ------------------------------------------------------------------------ */

/* The string at an address, malloc'ed; NULL: unreadable, or no name that a compiler makes. */
static char *name_read(const struct heap_types *t, uint64_t address)
{
    char text[NAME_MAX_BYTES];
    size_t n = 0, most = sizeof text, at = 0;
    /* What is behind it may end with its mapping, so it is read in small steps. */
    while (n < most && !memchr(text, 0, n)) {
        size_t step = 64 - ((address + n) & 63), got;
        got = module_read(t, address + n, text + n, step < most - n ? step : most - n);
        n += got;
        if (!got)
            break;
    }
    if (!memchr(text, 0, n))
        return NULL;
    if (text[0] == '*') /* internal linkage */
        at = 1;
    for (const char *c = text + at; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_.$", *c))
            return NULL;
    return text[at] ? xstrdup(text + at) : NULL;
}

/* How a type_info's own table is known: 1 it is one of a class, 0 it is not, -1 that cannot be read. */
static int class_info(const struct heap_types *t, uint64_t table)
{
    static const char *const names[] = {"N10__cxxabiv117__class_type_infoE", "N10__cxxabiv120__si_class_type_infoE",
                                        "N10__cxxabiv121__vmi_class_type_infoE"};
    uint64_t head[2], info[2];
    char *name;
    int known = 0;
    if (!words_read(t, table - 16, head, 2) || head[0] || !words_read(t, head[1], info, 2))
        return 0;
    name = heap_modules_at(t->modules, info[1]) ? name_read(t, info[1]) : NULL;
    if (!name)
        return heap_modules_at(t->modules, info[1]) ? -1 : 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= !strcmp(name, names[i]);
    free(name);
    return known;
}

/* The table at an address is an object's first: its name, or NULL; false: it is none. */
static bool type_look(const struct heap_types *t, uint64_t address, char **name)
{
    uint64_t head[3], info[2];
    int class;
    *name = NULL;
    if (!words_read(t, address - 16, head, 3) || head[0])
        return false;
    if (!head[1]) {     /* no RTTI: at least functions */
        uint64_t next = 0;
        module_read(t, address + 8, &next, 8);
        return is_of_file(t, head[2], true) && (!next || is_of_file(t, next, true));
    }
    if (!words_read(t, head[1], info, 2) || !heap_modules_at(t->modules, info[1]))
        return false;
    class = class_info(t, info[0]);
    if (class > 0)
        *name = name_read(t, info[1]);
    return class > 0 ? *name != NULL : class < 0;
}

void heap_types_settle(struct heap_types *t)
{
    struct snapshot *s = t->s;
    uint32_t *type = xcalloc(t->n + 1, sizeof *type);
    bool *used = xcalloc(t->n + 1, sizeof *used);
    size_t room = 0;
    for (size_t i = 0; i < s->n_blocks; i++)
        used[s->type[i]] = true;
    for (size_t i = 0; i < t->n; i++) {
        const struct heap_place *p = heap_modules_at(t->modules, t->seen[i]);
        char *name;
        if (!used[i + 1] || !p || !type_look(t, t->seen[i], &name))
            continue;
        s->types = xgrow(s->types, &room, s->n_types + 1, sizeof *s->types);
        s->types[s->n_types++] = (struct snapshot_type){(uint32_t)(p - t->modules->places) + 1, t->seen[i] - p->bias, name};
        type[i + 1] = (uint32_t)s->n_types;
    }
    for (size_t i = 0; i < s->n_blocks; i++)
        s->type[i] = type[s->type[i]];
    free(type);
    free(used);
}
