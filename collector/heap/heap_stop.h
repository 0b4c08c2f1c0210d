/*
 * collector/heap/heap_stop.h - a process's threads stand still while its memory
 * is copied.
 *
 * By ptrace: each thread is seized and interrupted, its registers are read, and
 * all go on as if nothing had been. No signal is sent, none is lost; a system
 * call that the kernel would end with EINTR for it is begun again. A thread that
 * waits in our shim (heap_held) stands still by itself and is not stopped.
 *
 * ptrace belongs to the thread that seizes: all calls for one stop come from one
 * thread, and nobody else of this program may wait for any child
 * without __WNOTHREAD meanwhile.
 */
#ifndef OWNSCOPE_HEAP_STOP_H
#define OWNSCOPE_HEAP_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HEAP_REGISTERS_MAX = 64 };

struct heap_thread {
    pid_t tid;
    uint64_t sp, pc;
    uint64_t frame;             /* rbp, x29 */
    uint64_t thread_pointer;    /* fs_base, tpidr_el0; 0: not known */
    uint64_t registers[HEAP_REGISTERS_MAX]; /* general ones by DWARF number, then the vector registers' words */
    uint32_t n_registers;
};

/* A thread that waits inside the shim: nothing of it has to be stopped. tid 0: none. */
struct heap_held { pid_t tid; uint64_t sp; };

struct heap_stop {
    pid_t pid;
    struct heap_thread *threads; size_t n;  /* the held one too, with its sp alone when it could not be asked */
    uint32_t missed;            /* threads that could not be stopped: their memory moves and their registers are unknown */
    uint64_t began_ns;          /* CLOCK_MONOTONIC */
    void *private;
};

/* Stops all threads of `pid`. With a held thread and no other, nothing is stopped
 * and no permission is needed for it. 0, or -errno: -EPERM (not permitted: heap_stop_text says by
 * what), -ESRCH (it is gone), -ETIMEDOUT (a thread did not stop: none is stopped any more). */
int heap_stop_begin(struct heap_stop *s, pid_t pid, struct heap_held held);
/* Lets them go on; how long they stood, in ns. Frees nothing: the registers are still wanted. */
uint64_t heap_stop_end(struct heap_stop *s);
void heap_stop_free(struct heap_stop *s);
/* One line about the last failure in this thread: what is missing and what would help. */
const char *heap_stop_text(void);

#endif
