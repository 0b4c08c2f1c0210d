/*
 * collector/session/doctor.h - what is possible on this machine, in this container, with this process,
 * and why the rest is not: facts for `ownscope doctor`.
 *
 * Nothing is guessed that can be tried: system calls are made in a child, since a sandbox may end who makes
 * one; a segment is made and removed; the shim is loaded into /bin/true. A fact is `ok` when everything
 * ownscope offers works as far as it depends on that, be it by another way.
 * Main thread of a process that has no other, but for doctor_looking_kills.
 */
#ifndef OWNSCOPE_SESSION_DOCTOR_H
#define OWNSCOPE_SESSION_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct doctor_fact {
    bool ok;
    const char *name;   /* "shared memory" */
    char *text;         /* what there is; or why not */
    char *advice;       /* what to do; NULL: nothing need be done, or can be */
};

struct doctor { struct doctor_fact *facts; size_t n, capacity; };

void doctor_ok(struct doctor *d, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* `advice` may be NULL. */
void doctor_no(struct doctor *d, const char *name, const char *advice, const char *format, ...) __attribute__((format(printf, 4, 5)));
bool doctor_all_ok(const struct doctor *d);
void doctor_clear(struct doctor *d);

/* Where files lie: shared memory, sessions, traces, the shim. */
void doctor_places(struct doctor *d);
/* What the kernel and a sandbox let us do. */
void doctor_kernel(struct doctor *d);
/* The libc, limits of this process, debug files. */
void doctor_system(struct doctor *d);
/* A process that runs. False: there is none. */
bool doctor_process(struct doctor *d, pid_t pid);

/* A seccomp filter would end this process if it looked into another (ptrace, process_vm_readv). Any thread; tried once. */
bool doctor_looking_kills(void);

/* Calls fn in a child: what it returned (0 or an errno), or minus the signal that ended it. */
int doctor_try(int (*fn)(void));

#endif
