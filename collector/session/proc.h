/*
 * collector/session/proc.h - is a thread or a process still there?
 *
 * Answers come from kill(2) and /proc; "gone" is only said when it is certain.
 * No state; any thread.
 */
#ifndef OWNSCOPE_SESSION_PROC_H
#define OWNSCOPE_SESSION_PROC_H

#include <stdbool.h>
#include <stdint.h>

/* The kernel has no such thread, or it is dead and waits to be reaped. */
bool proc_thread_gone(uint32_t pid, uint32_t tid);
/* The process has ended (reaped or not), or the number now belongs to another:
 * one that started at another time than `start_time` (0: not known). */
bool proc_gone(uint32_t pid, uint64_t start_time);
/* It was killed and is not through with it, which takes its time where there is much memory to give back; or it has ended. */
bool proc_dying(uint32_t pid);
/* It was forked and has run no program of its own yet. */
bool proc_before_exec(uint32_t pid);
/* Kernel ticks at the process's start; 0: not known. An exec keeps it. */
uint64_t proc_start_time(uint32_t pid);
/* Does the process of this number, of our own namespace, map the file that we map
 * at `ours`? Who was told a number by a process itself knows by it whether it is
 * the number of that one here. 1, 0; -1: that cannot be seen, and then it cannot
 * be traced either. */
int proc_maps_same(uint32_t pid, const void *ours);
/* Who started it, 0: nobody in our namespace, or not known. */
uint32_t proc_parent(uint32_t pid);
/* What a line "NAME:\tNUMBER" of its status says; -1: nothing. */
long proc_status_number(uint32_t pid, const char *name);
/* This process has a capability, by its number. */
bool proc_capable(int capability);

#endif
