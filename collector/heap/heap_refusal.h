/*
 * collector/heap/heap_refusal.h - why a process may not be looked into: what
 * forbids it, and what would help, in one line. Reads /proc; any thread.
 */
#ifndef OWNSCOPE_HEAP_REFUSAL_H
#define OWNSCOPE_HEAP_REFUSAL_H

#include <stddef.h>
#include <sys/types.h>

/* After EPERM for `tid` of `pid`. */
void heap_refusal_text(pid_t pid, pid_t tid, char *to, size_t size);
/* What a line "Name:\tNUMBER" of a process's or thread's status says; -1: nothing. */
long heap_refusal_status(pid_t pid, pid_t tid, const char *name);
/* 'R', 'S', 'D', 'Z' …; 0: there is no such thread. */
char heap_refusal_state(pid_t pid, pid_t tid);

#endif
