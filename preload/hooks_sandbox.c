/*
 * preload/hooks_sandbox.c - a thread shuts the doors behind itself.
 *
 * Strict seccomp forbids system calls and the clock (reading the time stamp
 * counter is then a fault), PR_SET_TSC the clock alone. What comes after that
 * is counted and not recorded. Under a filter of seccomp the shim makes the
 * system calls that the C library makes as well, and one more, which proves that
 * a page can be read: a filter that would not let it pass is known before it
 * stands, and then stacks end at pages that nobody has seen. Where it would not
 * let a thread wait, nobody holds for a snapshot; where not ask for its process, a
 * vfork child is taken for its parent; and no image is forked where one stands.
 */
#include "preload/sandbox.h"

#include <linux/audit.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "preload/filter.h"
#include "preload/hold.h"
#include "preload/image.h"
#include "preload/hook.h"
#include "preload/unwind_reach.h"

#if defined(__x86_64__)
enum { ARCH = (int)AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { ARCH = (int)AUDIT_ARCH_AARCH64 };
#endif

/* What a filter denies, and who must not do it then. */
enum { DENIED_PROBE = 1, DENIED_WAIT = 2, DENIED_PID = 4, DENIED_IMAGE = 8 };

static bool allows(const void *filter, int number, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct seccomp_data call = {.nr = number, .arch = (uint32_t)ARCH, .instruction_pointer = (uintptr_t)reach_probe,
                                .args = {a, b, c, d}};
    return filter_allows(filter, &call);
}

/* An image needs calls whose arguments are not known now: no filter is asked. */
static unsigned denied_by(const void *filter)
{
    uint64_t word = (uintptr_t)wire_pulse_of(&process.segment);
    bool waits = allows(filter, SYS_futex, word, FUTEX_WAIT, WIRE_HOLDING_HOLDS, word) &&
                 allows(filter, SYS_futex, word, FUTEX_WAKE, INT32_MAX, 0);
    return (allows(filter, SYS_rt_sigprocmask, (uint64_t)-1, (uintptr_t)filter, 0, 8) ? 0 : DENIED_PROBE) |
           (waits ? 0 : DENIED_WAIT) | (allows(filter, SYS_getpid, 0, 0, 0, 0) ? 0 : DENIED_PID) | DENIED_IMAGE;
}

static void deny(unsigned what, int by)
{
    if (what & DENIED_PROBE)
        reach_shut(by);
    if (what & DENIED_WAIT)
        hold_shut(by);
    if (what & DENIED_PID)
        process_pid_shut(by);
    if (what & DENIED_IMAGE)
        image_shut(by);
}

void sandbox_enter(struct sandbox *s, unsigned doors, const void *filter)
{
    s->doors = doors;
    s->guard = context.guard;
    s->denied = doors == SANDBOX_FILTER ? denied_by(filter) : 0;
    deny(s->denied, 1);
    if (doors != SANDBOX_FILTER)
        context.guard = CONTEXT_SANDBOXED;
}

void sandbox_entered(const struct sandbox *s, bool failed)
{
    if (failed)
        deny(s->denied, -1);
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
