/*
 * collector/heap/heap_standing.c - see heap_standing.h.
 */
#include "heap/heap_standing.h"

#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "heap/heap_memory.h"
#include "wire/segment.h"

enum { LOOK_BYTES = 2048 /* above the stack pointer: a wait, and what calls it */ };

struct standing {
    const struct heap_scan_input *in;
    const struct heap_modules *modules;
    struct heap_thread *t;
};

#if defined(__x86_64__)
/* What the shim says of a thread, if it holds. */
static bool state_find(struct heap_image *image, const struct heap_thread *t, uint64_t registers[HEAP_GENERAL])
{
    uint64_t words[LOOK_BYTES / 8];
    struct wire_hold_state state;
    heap_memory_read(image, t->sp & ~7ull, words, sizeof words);
    for (size_t i = 0; i + sizeof state / 8 <= LOOK_BYTES / 8; i++) {
        memcpy(&state, words + i, sizeof state);
        if (state.magic != WIRE_HOLD_MAGIC || state.sp - t->sp + LOOK_BYTES > 2 * LOOK_BYTES)
            continue;
        memset(registers, 0, HEAP_GENERAL * sizeof *registers);
        registers[3] = state.rbx;
        registers[6] = state.rbp;
        registers[HEAP_SP] = state.sp;
        memcpy(registers + 12, state.r12_15, sizeof state.r12_15);
        registers[HEAP_PC] = state.pc;
        return true;
    }
    return false;
}

/* What a called function gives back as it was. */
static const unsigned kept[] = {3, 6, 12, 13, 14, 15};
#else
static bool state_find(struct heap_image *image, const struct heap_thread *t, uint64_t registers[HEAP_GENERAL]) { return false; }
static const unsigned kept[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
#endif

static bool is_libc(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return !strncmp(name, "libc.so", 7) || !strncmp(name, "libc-2", 6);
}

static bool program_find(void *context, const struct heap_unwound *f)
{
    struct standing *s = context;
    const struct heap_place *p = heap_modules_at(s->modules, f->pc - !f->exact);
    if (p && s->in->shim_path && !strcmp(p->path, s->in->shim_path))
        return true;
    if (p && is_libc(p->path))
        return true;
    memset(s->t->registers, 0, sizeof s->t->registers);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!heap_unwind_register(f, kept[i], &s->t->registers[kept[i]]))
            s->t->registers[kept[i]] = 0;
    s->t->sp = s->t->registers[HEAP_SP] = f->sp;
    s->t->registers[HEAP_PC] = f->pc - !f->exact;   /* in the call: it may be the last thing of its function */
    s->t->pc = 0;
    s->t->n_registers = HEAP_GENERAL;
    return false;
}

struct heap_stop heap_standing(const struct heap_scan_input *in, const struct heap_modules *modules, struct heap_unwind *unwind)
{
    struct heap_stop s = *in->stop;
    uint64_t registers[HEAP_GENERAL];
    s.threads = xcalloc(s.n + 1, sizeof *s.threads);
    if (s.n)
        memcpy(s.threads, in->stop->threads, s.n * sizeof *s.threads);
    for (size_t i = 0; i < s.n; i++) {
        struct standing where = {.in = in, .modules = modules, .t = &s.threads[i]};
        if (s.threads[i].sp && state_find(in->image, &s.threads[i], registers))
            heap_unwind_thread(unwind, registers, program_find, &where);
    }
    return s;
}

void heap_standing_done(struct heap_stop *s)
{
    free(s->threads);
    s->threads = NULL;
}
