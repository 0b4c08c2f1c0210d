/*
 * preload/hooks_futex.c - syscall(2): threads with locks that nobody sees,
 * sandboxes, and the end.
 *
 * Rust's standard library and others build their locks on futexes, and call no
 * function that could be hooked. The first such call of a thread is told, so
 * that reports can say what they do not know. All calls go on by a jump, with
 * every register as it was: a clone or a raw vfork comes back to its caller
 * and not to us.
 */
#include <errno.h>

#include "preload/hold.h"
#include "preload/record.h"
#include "preload/sandbox.h"
#include "preload/system.h"

/* The seventh word lies on x86-64's stack, in the frame of a caller who may have
 * given fewer and keep something else there: it is passed on by not touching it. */
#if defined(__x86_64__)
#define WORDS long number, long a, long b, long c, long d, long e
#define NAMES number, a, b, c, d, e
#define SEVENTH ((const long *)__builtin_frame_address(0))[2]
#else
#define WORDS long number, long a, long b, long c, long d, long e, long f
#define NAMES number, a, b, c, d, e, f
#define SEVENTH f
#endif
typedef long caller(WORDS);

static __attribute__((noinline)) long early(WORDS)
{
    long r = system_call(number, a, b, c, d, e, SEVENTH);
    if (r >= 0 || r < -4095)
        return r;
    errno = (int)-r;
    return -1;
}

static __attribute__((noinline)) void tell(const struct hook_frame *site, long futex)
{
    struct context *c = hook_enter((uintptr_t)site, site->pc, CONTEXT_RECORD, false);
    if (!c)
        return;
    c->futex_told = true;
    record_put(c, site, WIRE_FUTEX, (uint64_t)futex, 0);
    hook_leave(c);
}

static __attribute__((noinline)) long futex(WORDS)
{
    if (!context.futex_told)
        tell(HOOK_SITE, a);
    return ((caller *)real.syscall)(NAMES);
}

static __attribute__((noinline)) long ending(WORDS)
{
    hold_before_end(HOOK_SITE);
    return ((caller *)real.syscall)(NAMES);
}

/* seccomp(2) and prctl(2), by their numbers. */
static __attribute__((noinline)) long sandbox(WORDS)
{
    struct sandbox s;
    long r;
    bool seccomp = number == SYS_seccomp;
    unsigned doors = seccomp ? sandbox_doors_of_seccomp(a) : sandbox_doors_of_prctl(a, b);
    if (!doors)
        return ((caller *)real.syscall)(NAMES);
    sandbox_enter(&s, doors, (const void *)c);
    r = real.syscall(number, a, b, c, d, e);
    sandbox_entered(&s, r < 0);
    return r;
}

caller hook_syscall __asm__("syscall");
EXPORT long hook_syscall(WORDS)
{
    if (unlikely(!real.syscall))
        return early(NAMES);
    if (unlikely(number == SYS_futex && gate_open(WIRE_GATE_LOCKS)))
        return futex(NAMES);
    if (unlikely(number == SYS_seccomp || number == SYS_prctl))
        return sandbox(NAMES);
    if (unlikely(number == SYS_exit_group))
        return ending(NAMES);
    return ((caller *)real.syscall)(NAMES);
}
