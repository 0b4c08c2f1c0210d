/*
 * preload/sandbox.h - a thread shuts doors behind itself, by prctl(2), or by
 * syscall(2) with that or seccomp(2).
 *
 *   unsigned doors = sandbox_doors_of_prctl(option, a);
 *   if (doors) {
 *       sandbox_enter(&s, doors, filter);  before: afterwards it may be too late
 *       r = real…
 *       sandbox_entered(&s, r < 0);
 *   }
 */
#ifndef PRELOAD_SANDBOX_H
#define PRELOAD_SANDBOX_H

#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SANDBOX_STRICT = 1,  /* system calls but read, write and exit; and the clock */
    SANDBOX_CLOCK = 2,   /* the time stamp counter, also for threads made later */
    SANDBOX_FILTER = 4   /* what the filter says */
};

struct sandbox {
    unsigned doors;
    uintptr_t guard;
    unsigned denied; /* of what the shim does, by a filter: bits of hooks_sandbox.c */
};

static inline unsigned sandbox_doors_of_prctl(long option, long how)
{
    if (option == PR_SET_SECCOMP)
        return how == SECCOMP_MODE_STRICT ? SANDBOX_STRICT : how == SECCOMP_MODE_FILTER ? SANDBOX_FILTER : 0;
    return option == PR_SET_TSC && how == PR_TSC_SIGSEGV ? SANDBOX_CLOCK : 0;
}
static inline unsigned sandbox_doors_of_seccomp(long operation)
{
    return operation == SECCOMP_SET_MODE_STRICT ? SANDBOX_STRICT : operation == SECCOMP_SET_MODE_FILTER ? SANDBOX_FILTER : 0;
}

/* `filter`: the struct sock_fprog of SANDBOX_FILTER, as the program gave it. */
void sandbox_enter(struct sandbox *s, unsigned doors, const void *filter);
void sandbox_entered(const struct sandbox *s, bool failed);

#endif
