/*
 * collector/heap/heap_registers.h - what one stopped thread holds in its
 * registers, and the system call that its stop must not end.
 *
 * Called by the thread that traces, for a thread in a ptrace stop. All that is
 * peculiar to a machine is in here.
 */
#ifndef OWNSCOPE_HEAP_REGISTERS_H
#define OWNSCOPE_HEAP_REGISTERS_H

#include "heap/heap_stop.h"

/* Fills in all but the tid. 0 or -errno (-ESRCH: it was killed).
 *
 * Some calls end with EINTR for a stop, where they should begin again
 * (epoll_wait, semop, rt_sigtimedwait …, see signal(7)). The kernel is told to
 * treat them as it treats ppoll: again, unless a handler of the program runs. One
 * that has a timeout then has it whole once more: of these the kernel keeps no moment. */
int heap_registers_read(struct heap_thread *t);
/* The latter alone, of a thread that stopped with a signal. */
void heap_registers_mend(pid_t tid);
/* sp and pc of a thread that sleeps in the kernel, without stopping it (proc(5),
 * syscall). False: not known. */
bool heap_registers_asleep(pid_t pid, struct heap_thread *t);

#endif
