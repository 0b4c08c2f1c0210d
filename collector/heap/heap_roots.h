/*
 * collector/heap/heap_roots.h - what keeps memory reachable in an image: which
 * ranges of it are roots.
 *
 * Data: the writable part of every module but the shim, its bss too. Stacks: of
 * every thread from its stack pointer on (and the red zone below it, where the
 * ABI has one), its thread-local storage and descriptor apart. A thread that runs
 * on another stack (sigaltstack, makecontext) has both: that one from the stack
 * pointer on, and its ordinary one whole. Registers. Mappings: private memory
 * that nobody announced to us and that is no allocator's.
 *
 * No roots, since what points from there holds nothing:
 *  - what lies below a stack pointer; stacks that libc keeps of ended threads;
 *  - the allocator's own memory: mappings that hold heap blocks, arenas of
 *    glibc's malloc (also empty ones), and its bins in libc's data: free chunks
 *    end where a block begins, so their links look like pointers into it;
 *  - when the blocks are another allocator's (glibc's was never used): mappings
 *    that nobody announced, which are that one's book-keeping;
 *  - read-only memory, files that are shared, our own segment and shim.
 * LeakSanitizer leaves out the same: its allocator's state and what is below the
 * stack pointers; the loader's link maps are reached from its data, as with Valgrind.
 *
 * Blocks made by mmap are nodes, so they are no roots. Runs on the thread that scans.
 */
#ifndef OWNSCOPE_HEAP_ROOTS_H
#define OWNSCOPE_HEAP_ROOTS_H

#include "heap/heap_modules.h"
#include "heap/heap_scan.h"
#include "wire/record.h"

/* Fills in s->roots, by kind of thread and address; modules as index + 1 of `modules`.
 * Roots' words that lie in a block (a stack in one) are still roots' words. */
void heap_roots(struct snapshot *s, const struct heap_scan_input *in, const struct heap_modules *modules);

/* Made by mmap: a node that is no leak. */
static inline bool heap_mapped(uint8_t family) { return family >= WIRE_MMAP_ANON && family <= WIRE_MREMAP; }

#endif
