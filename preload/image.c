/*
 * preload/image.c - see image.h. Runs in the traced thread, in the midst of an
 * event whose record has not been begun.
 */
#include "preload/image.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "preload/hold.h"
#include "preload/record.h"
#include "preload/system.h"
#include "preload/wait.h"

enum { CLOSE_UNSHARED = 2 /* CLOSE_RANGE_UNSHARE */, REST_LOOKS_MAX = 500, LOOK_NS = 500000000, SILENT_S = 2 };
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static atomic_u32 image;    /* pid of the one that has not been reaped */
static atomic_u32 shut;

void image_shut(int by) { add_relaxed(&shut, (uint32_t)by); }
void image_reborn(void) { store_relaxed(&image, 0); }

/* The collector is gone, or as good as that: longer silent than one that is busy. */
static inline __attribute__((always_inline)) bool collector_over(void)
{
    const struct wire_segment *s = &process.segment;
    struct wire_pulse *pulse = wire_pulse_of(s);
    uint64_t beat = load_relaxed(&pulse->heartbeat_stamp), now = wire_clock_stamp(process.clock);
    return load_relaxed(&pulse->closed) || (beat < now && now - beat > SILENT_S * wire_plan_of(s)->clock_hz);
}

/* Takes it away if it is dead, or kills it first: not where the program took it away
 * itself (__WALL), for then the number may be another's. */
static void reap(bool kill)
{
    uint32_t pid = load_relaxed(&image);
    long r;
    if (!pid || load_relaxed(&shut))
        return;
    r = system_call(SYS_wait4, pid, 0, __WCLONE | WNOHANG, 0, 0, 0);
    if (!r && kill) {
        system_call(SYS_kill, pid, SIGKILL, 0, 0, 0, 0);
        do
            r = system_call(SYS_wait4, pid, 0, __WCLONE, 0, 0, 0);
        while (r == -EINTR);
    }
    if (r)
        cas_acq_rel(&image, pid, 0u);
}

void image_end(void)
{
    if (unlikely(load_relaxed(&image)) && !process_is_borrowed())
        reap(true);
}

/* ---- may one be made? ---- */

/* "Seccomp:\t0" stands in the thread's status. */
static bool unfiltered(void)
{
    static const char key[] = "\nSeccomp:\t";
    char text[2048];
    long n, fd = system_open("/proc/thread-self/status", O_CLOEXEC);
    const char *at;
    if (fd < 0)
        return false;
    n = system_read((int)fd, text, sizeof text - 1);
    system_close((int)fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    at = strstr(text, key);
    return at && at[sizeof key - 1] == '0';
}

/* Children are of the same namespace of processes: the first of a new one is its init. */
static bool at_home(void)
{
    char here[64], there[64];
    long n = system_readlink("/proc/thread-self/ns/pid", here, sizeof here);
    return n > 0 && system_readlink("/proc/thread-self/ns/pid_for_children", there, sizeof there) == n &&
           !memcmp(here, there, (size_t)n);
}

static long why_not(void)
{
    long r;
    if (!unfiltered() || !at_home())
        return -EPERM;
    r = system_call(SYS_close_range, 1, 0, CLOSE_UNSHARED, 0, 0, 0); /* no range: -EINVAL where there is such a call */
    return r == -EINVAL ? 0 : -ENOSYS;
}

/* ---- the image ---- */

/* In the child, which has all signals blocked. The kernel tells it of the end of the
 * thread that forked it, after which another of the process is its parent: the signal
 * is but taken, and then it is looked who that is. Signals may be withheld (a
 * parent that has changed its user), and nothing tells of a collector's end: so it looks now and then, too. */
static inline __attribute__((always_inline, noreturn)) void sleep_until_over(struct wire_slot *slot, long parent)
{
    const uint64_t deaths = 1ull << (SIGHUP - 1);
    const struct timespec look = {0, LOOK_NS};
    if (!system_call(SYS_prctl, PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0, 0) &&
        !system_call(SYS_close_range, 0, ~0u, CLOSE_UNSHARED, 0, 0, 0)) {
        system_call(SYS_prctl, PR_SET_NAME, (long)"ownscope-image", 0, 0, 0, 0);
        store_release(&slot->holding, WIRE_HOLDING_NOT); /* the one thing that it writes to shared memory */
        system_futex_wake(&slot->holding);
        while (system_call(SYS_getppid, 0, 0, 0, 0, 0, 0) == parent && !collector_over())
            system_call(SYS_rt_sigtimedwait, (long)&deaths, 0, (long)&look, sizeof deaths, 0, 0);
    }
    for (;;)
        system_call(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* While the child makes itself a table of its own it has, for a moment, what the
 * program may be about to close. False: it did not come to its rest. */
static bool rests(struct wire_slot *slot)
{
    for (int i = 0; i < REST_LOOKS_MAX && load_acquire(&slot->holding) == WIRE_HOLDING_FORK; i++) {
        system_futex_wait(&slot->holding, WIRE_HOLDING_FORK, 1000000);
        reap(false);
        if (!load_relaxed(&image))
            return false;
    }
    return exchange_acq_rel(&slot->holding, (uint32_t)WIRE_HOLDING_NOT) == WIRE_HOLDING_NOT;
}

static long make(struct wire_slot *slot)
{
    long r = why_not(), parent = process.pid;
    if (r)
        return r;
    reap(true);
    store_relaxed(&slot->holding, WIRE_HOLDING_FORK);
    r = system_call(SYS_clone, CLONE_FILES, 0, 0, 0, 0, 0);
    if (!r)
        sleep_until_over(slot, parent);
    if (r < 0) {
        store_relaxed(&slot->holding, WIRE_HOLDING_NOT);
        return r;
    }
    store_relaxed(&image, (uint32_t)r);
    if (rests(slot))
        return r;
    reap(true);
    return -ETIMEDOUT;
}

/* Signals wait: amid an event what their handlers do could not be recorded. */
static __attribute__((noinline)) void give(struct context *c)
{
    uint64_t all = ~0ull, before;
    long pid;
    if (system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&before, sizeof before, 0, 0))
        return;
    if (hold_here(c, WIRE_HOLD_FORK, c->guard) == WIRE_HOLDING_FORK) {
        pid = make(c->writer.slot);
        if (!record_life(c, NULL, WIRE_IMAGE, (uint64_t)pid, 0, NULL, 0))
            reap(true); /* nobody knows of it */
    }
    system_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, sizeof before, 0, 0);
}

void image_look(struct context *c)
{
    struct wire_pulse *pulse = wire_pulse_of(&process.segment);
    uint32_t wanted = load_relaxed(&pulse->image_wanted);
    if (unlikely(load_relaxed(&image)))
        reap(collector_over());
    if (likely(wanted != process.serial) || c->holding || load_relaxed(&c->writer.slot->holding) || load_relaxed(&shut) ||
        process_is_borrowed())
        return;
    if (cas_acq_rel(&pulse->image_wanted, wanted, 0u))
        give(c);
}
