/*
 * collector/heap/heap_remote.h - the frames of a thread of another process, from
 * its registers and a copy of its stack: libunwind, with accessors of our own.
 *
 * The thread need not stand still meanwhile: its stack is read of the copy, code and
 * unwind tables of the modules' files (the vdso's of our own, which is the same), and
 * only what none of these has, of the process itself, but never a stack beyond its copy. One thread.
 */
#ifndef OWNSCOPE_HEAP_REMOTE_H
#define OWNSCOPE_HEAP_REMOTE_H

#include "heap/heap_modules.h"
#include "heap/heap_stop.h"

/* [address, address + bytes) of the thread's stack. */
struct heap_remote_copy { uint64_t address; const uint8_t *bytes; size_t n; };

struct heap_remote;
struct heap_remote *heap_remote_new(const struct heap_modules *modules, const struct heap_maps *maps, pid_t pid);
void heap_remote_free(struct heap_remote *r);

struct heap_remote_frame { uint64_t pc; bool exact; /* where it stands, not a return address */ };
/* From the inside out, at most `most`; returns how many. *whole: the last one is the outermost. */
size_t heap_remote_unwind(struct heap_remote *r, const struct heap_thread *thread, const struct heap_remote_copy *stack,
                          struct heap_remote_frame *frames, size_t most, bool *whole);

#endif
