/*
 * preload/hooks_sandbox.c - a thread shuts the doors behind itself.
 *
 * Strict seccomp forbids system calls and the clock (reading the time stamp
 * counter is then a fault), PR_SET_TSC the clock alone. What comes after that
 * is counted and not recorded. Filters of seccomp need no hook: the shim makes
 * the system calls that the C library makes as well.
 */
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stdarg.h>

#include "preload/hook.h"

static bool shuts(int option, unsigned long how)
{
    return (option == PR_SET_SECCOMP && how == SECCOMP_MODE_STRICT) ||
           (option == PR_SET_TSC && how == PR_TSC_SIGSEGV);
}

EXPORT int prctl(int option, ...)
{
    unsigned long a[4];
    uintptr_t guard;
    va_list list;
    int r;
    va_start(list, option);
    for (unsigned i = 0; i < 4; i++)
        a[i] = va_arg(list, unsigned long);
    va_end(list);
    if (unlikely(!real.prctl))
        process_begin();
    if (likely(!shuts(option, a[0])))
        return real.prctl(option, a[0], a[1], a[2], a[3]);
    guard = context.guard;
    context.guard = CONTEXT_SANDBOXED; /* before: afterwards it may be too late to look */
    r = real.prctl(option, a[0], a[1], a[2], a[3]);
    if (r)
        context.guard = guard;
    else if (option == PR_SET_TSC && load_relaxed(&process.state) == PROCESS_TRACED) {
        process_retire(); /* new threads inherit it */
    }
    return r;
}
