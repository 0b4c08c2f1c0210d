/*
 * collector/heap/heap_stacks.h - the native stacks of a running process's threads,
 * from outside.
 *
 * A thread is stopped (heap_stop.h) for as long as its registers and the used part of
 * its stack are copied, one after the other, so that none waits for another; it is
 * unwound when it runs again (heap_remote.h). Any thread.
 */
#ifndef OWNSCOPE_HEAP_STACKS_H
#define OWNSCOPE_HEAP_STACKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "event/code.h"

enum { HEAP_STACK_BYTES = 256 * 1024 /* of a stack that are looked at */, HEAP_STACK_FRAMES = 512 };

struct heap_stack {
    pid_t tid;                  /* whose: set by who asks */
    uint32_t stack;             /* of the code; 0: none */
    uint64_t stood_ns;          /* at most so long */
    char *refused;              /* why there is none, one line, malloc'ed; NULL: there is one */
};
/* Fills in all but the tid. The process's modules go into `code`, which is the caller's own. */
void heap_stacks_take(pid_t pid, struct heap_stack *list, size_t n, struct code *code);
void heap_stacks_free(struct heap_stack *list, size_t n);

#endif
