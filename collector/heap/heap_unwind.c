/*
 * collector/heap/heap_unwind.c - see heap_unwind.h.
 */
#include "heap/heap_unwind.h"

#include <elfutils/libdwfl.h>
#include <stdlib.h>
#include <unistd.h>

#include "event/xalloc.h"
#include "heap/heap_memory.h"

enum { DEPTH_MAX = 4096, TID = 1 /* libdwfl knows one thread, which is another each time */ };

struct heap_unwind {
    const struct heap_modules *modules;
    struct heap_image *image;
    pid_t pid;
    Dwfl *dwfl;
    bool failed;
    const uint64_t *registers;  /* of the thread that is unwound */
    bool (*each)(void *context, const struct heap_unwound *f);
    void *context;
    size_t depth;
};

struct heap_unwind *heap_unwind_new(const struct heap_modules *modules, struct heap_image *image, pid_t pid)
{
    struct heap_unwind *u = xcalloc(1, sizeof *u);
    u->modules = modules;
    u->image = image;
    u->pid = pid;
    return u;
}

void heap_unwind_free(struct heap_unwind *u)
{
    if (u->dwfl)
        dwfl_end(u->dwfl);
    free(u);
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
    *thread = context;
    return tid == TID;
}

static pid_t thread_next(Dwfl *dwfl, void *context, void **thread)
{
    if (*thread)
        return 0;
    *thread = context;
    return TID;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *word, void *context)
{
    const struct heap_unwind *u = context;
    return heap_memory_read(u->image, address, word, sizeof *word);
}

static bool registers_set(Dwfl_Thread *thread, void *context)
{
    const struct heap_unwind *u = context;
    dwfl_thread_state_register_pc(thread, u->registers[HEAP_PC]);
    return dwfl_thread_state_registers(thread, 0, HEAP_PC == 32 ? HEAP_PC : HEAP_GENERAL, u->registers);
}

static const Dwfl_Callbacks callbacks = {.find_elf = no_elf, .find_debuginfo = no_debug_file,
                                         .section_address = dwfl_offline_section_address};
static const Dwfl_Thread_Callbacks thread_callbacks = {.next_thread = thread_next, .get_thread = thread_get,
                                                       .memory_read = memory_read, .set_initial_registers = registers_set};

/* ---- frames -------------------------------------------------------------------- */

/* Every module as it lies in memory. */
static bool modules_report(struct heap_unwind *u)
{
    const struct heap_modules *m = u->modules;
    u->dwfl = dwfl_begin(&callbacks);
    if (!u->dwfl)
        return false;
    dwfl_report_begin(u->dwfl);
    for (size_t i = 0; i < m->n; i++) {
        int fd = m->places[i].headers ? dup(m->places[i].fd) : -1;
        if (fd >= 0 && !dwfl_report_elf(u->dwfl, m->places[i].path, m->places[i].path, fd, m->places[i].bias, true))
            close(fd);
    }
    dwfl_report_end(u->dwfl, NULL, NULL);
    return dwfl_attach_state(u->dwfl, NULL, u->pid, &thread_callbacks, u);
}

bool heap_unwind_register(const struct heap_unwound *f, unsigned number, uint64_t *value)
{
    Dwarf_Word word;
    if (dwfl_frame_reg(f->frame, number, &word))
        return false;
    *value = word;
    return true;
}

static int frame_tell(Dwfl_Frame *frame, void *context)
{
    struct heap_unwind *u = context;
    struct heap_unwound f = {.frame = frame};
    Dwarf_Addr pc;
    if (++u->depth > DEPTH_MAX || !dwfl_frame_pc(frame, &pc, &f.exact) || !heap_unwind_register(&f, HEAP_SP, &f.sp))
        return DWARF_CB_ABORT;
    f.pc = pc;
    return u->each(u->context, &f) ? DWARF_CB_OK : DWARF_CB_ABORT;
}

void heap_unwind_thread(struct heap_unwind *u, const uint64_t registers[HEAP_GENERAL],
                        bool (*each)(void *context, const struct heap_unwound *f), void *context)
{
    if (!u->dwfl && !u->failed)
        u->failed = !modules_report(u);
    if (u->failed)
        return;
    u->registers = registers;
    u->each = each;
    u->context = context;
    u->depth = 0;
    dwfl_getthread_frames(u->dwfl, TID, frame_tell, u);
}
