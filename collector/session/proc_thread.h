/*
 * collector/session/proc_thread.h - what the kernel shows of one thread: does it
 * run, what does it wait in, how much of a processor did it have.
 *
 * Reads PROC/PID/task/TID, PROC being /proc but in tests. What is not shown
 * (another user's, a kernel without it, no permission) stays 0 or "". Files are input. Any thread.
 */
#ifndef OWNSCOPE_SESSION_PROC_THREAD_H
#define OWNSCOPE_SESSION_PROC_THREAD_H

#include <stdbool.h>
#include <stdint.h>

struct proc_thread {
    char state;             /* 'R', 'S', 'D', 'T', 't', 'Z' …; 0: there is no such thread */
    char name[16];          /* without bytes that could steer a terminal */
    uint64_t cpu_ns;        /* user and system */
    char wchan[40];         /* where in the kernel it sleeps; "" not shown */
    long syscall;           /* number of the call that it is in; -1: none, or not shown */
    bool in_user;           /* it is known to be in none */
};

/* False: there is no such thread (any more). */
bool proc_thread_read(const char *proc, uint32_t pid, uint32_t tid, struct proc_thread *t);
/* How often it has gone to sleep so far: a call that it sleeps in all the time counts once. UINT64_MAX: not known. */
uint64_t proc_thread_sleeps(const char *proc, uint32_t pid, uint32_t tid);
/* "running", "sleeping", "disk", "stopped", "traced", "zombie", "dead", "idle"; "unknown" for what else. */
const char *proc_thread_state(char state);
/* Of calls in which threads wait; NULL: none of them. */
const char *proc_thread_syscall(long number);

#endif
