/*
 * collector/heap/heap_unwind.h - the frames of one thread, from registers and the
 * copied memory of its stack.
 *
 * By libdwfl, which is given the modules' files as they lay and the image as
 * memory. It looks for no debug files: .eh_frame is enough, and fast. One thread.
 */
#ifndef OWNSCOPE_HEAP_UNWIND_H
#define OWNSCOPE_HEAP_UNWIND_H

#include "heap/heap_modules.h"

#if defined(__aarch64__)
enum { HEAP_SP = 31, HEAP_PC = 32, HEAP_GENERAL = 33 };  /* by DWARF number; the pc has none, and stands behind */
#else
enum { HEAP_SP = 7, HEAP_PC = 16, HEAP_GENERAL = 17 };
#endif

struct heap_unwind;
/* Opened when the first thread is unwound. */
struct heap_unwind *heap_unwind_new(const struct heap_modules *modules, struct heap_image *image, pid_t pid);
void heap_unwind_free(struct heap_unwind *u);

struct heap_unwound {
    uint64_t pc, sp;
    bool exact;                 /* pc is where it stands, not a return address */
    void *frame;                /* for heap_unwind_register */
};
/* What a register held in that frame; false: not known. */
bool heap_unwind_register(const struct heap_unwound *f, unsigned number, uint64_t *value);
/* Calls `each` for every frame, from the inside out, until it says false. */
void heap_unwind_thread(struct heap_unwind *u, const uint64_t registers[HEAP_GENERAL],
                        bool (*each)(void *context, const struct heap_unwound *f), void *context);

#endif
