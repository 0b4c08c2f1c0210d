/*
 * collector/heap/heap_frames.c - see heap_frames.h.
 *
 * libdwfl does the unwinding: it is given the modules' files as they lay, the
 * registers of the stop, and the image as memory. It looks for no debug files:
 * .eh_frame is enough, and fast.
 */
#include "heap/heap_frames.h"

#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_memory.h"

#if defined(__aarch64__)
enum { SP_REGISTER = 31, REGISTERS = 32 };
#else
enum { SP_REGISTER = 7, REGISTERS = 17 };   /* the last: pc */
#endif
enum { FRAMES_MAX = 4096 /* a thread */, CLOCK_EVERY = 16 };
#define TIME_LIMIT_NS 200000000u /* all threads */

struct frames {
    const struct snapshot *s;
    const struct heap_scan_input *in;
    const struct heap_modules *modules;
    struct heap_code *code;
    size_t room;
    const struct heap_thread *thread;   /* that is unwound */
    size_t depth;
    uint64_t began_ns;
    bool late;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- what libdwfl asks ------------------------------------------------------- */

static int no_elf(Dwfl_Module *m, void **user, const char *name, Dwarf_Addr base, char **file, Elf **elf)
{
    return -1;
}

static int no_debug_file(Dwfl_Module *m, void **user, const char *name, Dwarf_Addr base, const char *file,
                         const char *link, GElf_Word crc, char **path)
{
    return -1;
}

static bool thread_get(Dwfl *dwfl, pid_t tid, void *context, void **thread)
{
    struct frames *f = context;
    *thread = f;
    return tid == f->thread->tid;
}

static pid_t thread_next(Dwfl *dwfl, void *context, void **thread)
{
    struct frames *f = context;
    if (*thread)
        return 0;
    *thread = f;
    return f->thread->tid;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *context)
{
    struct frames *f = context;
    return heap_memory_read(f->in->image, address, word, sizeof *word);
}

static bool registers_set(Dwfl_Thread *thread, void *context)
{
    const struct heap_thread *t = ((struct frames *)context)->thread;
    dwfl_thread_state_register_pc(thread, t->pc);
    return dwfl_thread_state_registers(thread, 0, REGISTERS, t->registers);
}

static const Dwfl_Callbacks callbacks = {.find_elf = no_elf, .find_debuginfo = no_debug_file,
                                         .section_address = dwfl_offline_section_address};
static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = thread_next, .get_thread = thread_get,
                                                       .memory_read = memory_read, .set_initial_registers = registers_set};

/* ---- frames -------------------------------------------------------------------- */

/* The stack that an address lies in, as its index; n_roots: none. */
static size_t root_of(const struct snapshot *s, uint64_t address)
{
    for (size_t i = 0; i < s->n_roots; i++)
        if (s->roots[i].kind == ROOT_STACK && address - s->roots[i].address < s->roots[i].bytes)
            return i;
    return s->n_roots;
}

static int frame_add(Dwfl_Frame *frame, void *context)
{
    struct frames *f = context;
    struct heap_code *c = f->code;
    const struct heap_place *p;
    Dwarf_Addr pc;
    Dwarf_Word sp;
    bool exact;
    size_t root;
    if (++f->depth > FRAMES_MAX || !dwfl_frame_pc(frame, &pc, &exact) || dwfl_frame_reg(frame, SP_REGISTER, &sp))
        return DWARF_CB_ABORT;
    if (f->depth % CLOCK_EVERY == 0 && now_ns() - f->began_ns > TIME_LIMIT_NS)
        f->late = true;
    root = root_of(f->s, sp);
    if (f->late || root == f->s->n_roots)
        return DWARF_CB_ABORT;
    p = heap_modules_at(f->modules, pc - !exact);
    c->frames = xgrow(c->frames, &f->room, c->n_frames + 1, sizeof *c->frames);
    c->frames[c->n_frames++] = (struct heap_frame){
        .address = f->depth == 1 ? f->s->roots[root].address : sp, .root = (uint32_t)root, .exact = exact,
        .module = p ? (uint32_t)(p - f->modules->places) + 1 : 0, .offset = p ? pc - p->bias : pc};
    return DWARF_CB_OK;
}

static int frames_order(const void *a, const void *b)
{
    const struct heap_frame *x = a, *y = b;
    if (x->root != y->root)
        return x->root < y->root ? -1 : 1;
    return x->address < y->address ? -1 : x->address > y->address;
}

/* Every module as it lies in memory. */
static Dwfl *modules_report(const struct heap_modules *m)
{
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (!dwfl)
        return NULL;
    dwfl_report_begin(dwfl);
    for (size_t i = 0; i < m->n; i++) {
        int fd = m->places[i].headers ? dup(m->places[i].fd) : -1;
        if (fd >= 0 && !dwfl_report_elf(dwfl, m->places[i].path, m->places[i].path, fd, m->places[i].bias, true))
            close(fd);
    }
    dwfl_report_end(dwfl, NULL, NULL);
    return dwfl;
}

void heap_frames(const struct snapshot *s, const struct heap_scan_input *in, const struct heap_modules *modules, struct heap_code *code)
{
    struct frames f = {.s = s, .in = in, .modules = modules, .code = code, .began_ns = now_ns()};
    Dwfl *dwfl = NULL;
    for (size_t i = 0; i < in->stop->n && !f.late; i++) {
        f.thread = &in->stop->threads[i];
        f.depth = 0;
        if (f.thread->n_registers < REGISTERS)
            continue;
        if (!dwfl && (!(dwfl = modules_report(modules)) ||
                      !dwfl_attach_state(dwfl, NULL, in->stop->pid, &thread_callbacks, &f)))
            break;
        dwfl_getthread_frames(dwfl, f.thread->tid, frame_add, &f);
    }
    if (dwfl)
        dwfl_end(dwfl);
    if (code->n_frames)
        qsort(code->frames, code->n_frames, sizeof *code->frames, frames_order);
}
