/*
 * preload/hooks_sandbox.c - a thread shuts the doors behind itself.
 *
 * Strict seccomp forbids system calls and the clock (reading the time stamp
 * counter is then a fault), PR_SET_TSC the clock alone. What comes after that
 * is counted and not recorded. Under a filter of seccomp the shim makes the
 * system calls that the C library makes as well, and one more, which proves that
 * a page can be read: a filter that would not let it pass is known before it
 * stands, and then stacks end at pages that nobody has seen. Where it would not
 * let a thread wait either, nobody holds for a snapshot.
 */
#include "preload/sandbox.h"

#include <stdarg.h>
#include <sys/syscall.h>

#include "preload/filter.h"
#include "preload/hold.h"
#include "preload/image.h"
#include "preload/hook.h"
#include "preload/unwind_reach.h"

/* Would the filter let reach_probe's system call pass? */
static bool filter_spares_us(const void *filter)
{
    struct seccomp_data probe = {.nr = SYS_rt_sigprocmask, .arch = SANDBOX_ARCH,
                                 .instruction_pointer = (uintptr_t)reach_probe, .args = {(uint64_t)-1, (uintptr_t)filter, 0, 8}};
    return filter_allows(filter, &probe);
}

void sandbox_enter(struct sandbox *s, unsigned doors, const void *filter)
{
    s->doors = doors;
    s->guard = context.guard;
    s->shut = doors == SANDBOX_FILTER && !filter_spares_us(filter);
    s->shut_holds = doors == SANDBOX_FILTER && !hold_spared(filter);
    if (s->shut)
        reach_shut(1);
    if (s->shut_holds)
        hold_shut(1);
    if (doors == SANDBOX_FILTER)
        image_shut(1);
    if (doors != SANDBOX_FILTER)
        context.guard = CONTEXT_SANDBOXED;
}

void sandbox_entered(const struct sandbox *s, bool failed)
{
    if (failed && s->shut)
        reach_shut(-1);
    if (failed && s->shut_holds)
        hold_shut(-1);
    if (failed && s->doors == SANDBOX_FILTER)
        image_shut(-1);
    if (s->doors == SANDBOX_FILTER)
        return;
    if (failed)
        context.guard = s->guard;
    else if (s->doors == SANDBOX_CLOCK && load_relaxed(&process.state) == PROCESS_TRACED)
        process_retire(); /* new threads inherit it */
}

EXPORT int prctl(int option, ...)
{
    struct sandbox s;
    unsigned long a[4];
    unsigned doors;
    va_list list;
    int r;
    va_start(list, option);
    for (unsigned i = 0; i < 4; i++)
        a[i] = va_arg(list, unsigned long);
    va_end(list);
    if (unlikely(!real.prctl))
        process_begin();
    doors = sandbox_doors_of_prctl(option, (long)a[0]);
    if (likely(!doors))
        return real.prctl(option, a[0], a[1], a[2], a[3]);
    sandbox_enter(&s, doors, (const void *)a[1]);
    r = real.prctl(option, a[0], a[1], a[2], a[3]);
    sandbox_entered(&s, r < 0);
    return r;
}
