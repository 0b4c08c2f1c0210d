/*
 * collector/heap/heap_stop.h - a process's threads stand still while its memory
 * is copied.
 *
 * By ptrace: each thread is seized and interrupted, its registers are read, and
 * all go on as if nothing had been. No signal is sent, none is lost; a system
 * call that the kernel would end with EINTR for it is begun again (one that had
 * moved a part of its bytes returns that part, as after SIGSTOP). A thread that
 * waits in our shim (heap_held) stands still by itself and is not stopped.
 *
 * ptrace belongs to the thread that seizes: each stop has a thread of its own,
 * which lives from begin to end, so these may be called from any thread; in a
 * process that is watched (heap_watch.h) it is the watching one. When it
 * ends, or the collector is killed, the kernel lets everything go. Stops are only
 * looked at, never taken (WNOWAIT): the real end of a child stays for its waiter.
 * Who waits for a traced child looks first, as launch_ended does: waitpid would
 * take a stop away.
 */
#ifndef OWNSCOPE_HEAP_STOP_H
#define OWNSCOPE_HEAP_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { HEAP_REGISTERS_MAX = 280 };

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
    uint32_t missed;            /* threads in uninterruptible sleep, or begun amid: the former stop before they run on, with
                                 * sp known and the other registers not. As of heap_stop_end also what woke since */
    uint64_t began_ns;          /* CLOCK_MONOTONIC */
    struct heap_tracer *tracer;
};

/* Stops all threads of `pid`. With a held thread and no other, nothing is stopped
 * and no permission is needed for it. 0, or -errno: -EPERM (not permitted: heap_stop_text says by
 * what), -ESRCH (it is gone), -ETIMEDOUT (a thread did not stop: none is stopped any more). */
int heap_stop_begin(struct heap_stop *s, pid_t pid, struct heap_held held);
/* True: its only thread is the held one, and all that is to be known of it is known (what it
 * kept in registers the shim put on its stack): *s is as after heap_stop_begin, without any tracing. */
bool heap_stop_alone(struct heap_stop *s, pid_t pid, struct heap_held held, uint64_t thread_pointer);
/* Stops all threads, or (tid not 0) that one alone, calls `look` on the thread that traces as they stand, and lets them go on at
 * once: nobody is woken in between. *stood_ns: how long, at most. As heap_stop_begin. */
int heap_stop_look(pid_t pid, pid_t tid, void (*look)(void *context, const struct heap_stop *s), void *context, uint64_t *stood_ns);
/* Lets them go on; how long they stood, in ns. Frees nothing: the registers are still wanted. */
uint64_t heap_stop_end(struct heap_stop *s);
void heap_stop_free(struct heap_stop *s);
/* One line about the last failure in this thread: what is missing and what would help. */
const char *heap_stop_text(void);

#endif
