/*
 * preload/process.c - the traced process joins a session, and its forked
 * children become processes of their own.
 *
 * process_start runs once, in the first hook that any thread enters, before
 * constructors or inside the loader as it may come. Every failure leaves the
 * shim inert: all hooks forward, the program knows nothing. No file
 * descriptor stays open.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "preload/environment.h"
#include "preload/follow.h"
#include "preload/heap.h"
#include "preload/hold.h"
#include "preload/hook.h"
#include "preload/image.h"
#include "preload/record.h"
#include "preload/system.h"
#include "preload/verify.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static atomic_u32 process_generations;

static void say_why(const char *why)
{
    const char *wanted = environment_get("OWNSCOPE_DEBUG");
    process.why_inert = why;
    if (!wanted || strcmp(wanted, "1"))
        return;
    system_write(2, "ownscope: inactive: ", 20);
    system_write(2, why, strlen(why));
    system_write(2, "\n", 1);
}

/* A directory of this user's, or of root's, that nobody else may write to: what it leads to is meant for us. */
static bool is_private(const char *path)
{
    struct stat st;
    return !system_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&st, AT_SYMLINK_NOFOLLOW, 0, 0) && S_ISDIR(st.st_mode) &&
           !(st.st_mode & 022) && (!st.st_uid || st.st_uid == (uid_t)system_call(SYS_geteuid, 0, 0, 0, 0, 0, 0));
}

/* The segment of the collector that serves sessions below `dir` + `sub`. */
static bool segment_current(const char *dir, const char *sub)
{
    char *to = process.segment_path, link[256];
    long got;
    if (!dir || !*dir || strlen(dir) + strlen(sub) + sizeof "/current" > sizeof process.segment_path)
        return false;
    memcpy(to, dir, strlen(dir) + 1);
    strcat(to, sub);
    if (!is_private(to))
        return false;
    strcat(to, "/current");
    got = system_readlink(to, link, sizeof link - 1);
    if (got <= 0 || link[0] != '/')
        return false;
    link[got] = 0;
    memcpy(to, link, (size_t)got + 1);
    return true;
}

/* "/ownscope-UID" */
static const char *fallback_name(char *to)
{
    unsigned uid = (unsigned)system_call(SYS_geteuid, 0, 0, 0, 0, 0, 0);
    char digits[12];
    unsigned i = sizeof digits;
    digits[--i] = 0;
    do
        digits[--i] = (char)('0' + uid % 10);
    while (uid /= 10);
    memcpy(to, "/ownscope-", 10);
    memcpy(to + 10, digits + i, sizeof digits - i);
    return to;
}

/* The path of the segment to join, into process.segment_path; false: none. */
static bool segment_find(void)
{
    const char *path = environment_get("OWNSCOPE_SESSION"), *dir;
    char name[32];
    if (path && *path) {
        if (strlen(path) >= sizeof process.segment_path)
            return false;
        memcpy(process.segment_path, path, strlen(path) + 1);
        return true;
    }
    dir = environment_get("OWNSCOPE_DIR");
    if (dir && *dir)
        return segment_current(dir, "");
    return segment_current(environment_get("XDG_RUNTIME_DIR"), "/ownscope") ||
           segment_current("/tmp", fallback_name(name)) || segment_current(environment_get("HOME"), "/.ownscope") ||
           segment_current("/dev/shm", fallback_name(name));
}

/* How much of the segment to map: all, but little of a limited address space. */
static uint64_t bytes_to_map(uint64_t segment_bytes)
{
    struct rlimit limit;
    if (system_call(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0) || limit.rlim_cur == RLIM_INFINITY ||
        segment_bytes <= limit.rlim_cur / 16)
        return segment_bytes;
    return (limit.rlim_cur / 16) & ~(uint64_t)(WIRE_PAGE - 1);
}

/* NULL, or why the segment at the path cannot be used. */
static const char *segment_map(void)
{
    struct wire_segment *s = &process.segment;
    const struct wire_plan *plan;
    struct stat st;
    long fd = system_open(process.segment_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    uint64_t least = WIRE_SLOTS_OFFSET + WIRE_SLOTS_MAX * sizeof(struct wire_slot);

    if (fd < 0)
        return "the session cannot be opened (its collector is gone, or belongs to another user)";
    if (system_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < least ||
        (st.st_uid && st.st_uid != (uid_t)system_call(SYS_geteuid, 0, 0, 0, 0, 0, 0))) {
        system_close((int)fd);
        return "the session's file is not one of ours";
    }
    s->bytes = bytes_to_map((uint64_t)st.st_size);
    s->base = s->bytes < least ? NULL : system_map(s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (int)fd);
    system_close((int)fd);
    if (!s->base)
        return "no address space for the session's rings";
    plan = wire_plan_of(s);
    if (plan->magic != WIRE_MAGIC || plan->version != WIRE_VERSION || plan->plan_bytes != sizeof *plan ||
        plan->slot_bytes != sizeof(struct wire_slot) || plan->slots_max != WIRE_SLOTS_MAX) {
        system_unmap(s->base, s->bytes);
        return "the session is of another version of ownscope";
    }
    if (load_relaxed(&wire_pulse_of(s)->closed)) {
        system_unmap(s->base, s->bytes);
        return "the session is over";
    }
    system_advise(s->base, s->bytes, MADV_DONTDUMP);
    return NULL;
}

/* The page whose number is wiped in a forked child. */
static struct process_page *page_make(void)
{
    struct process_page *page = system_map(WIRE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!page)
        return NULL;
    if (system_advise(page, WIRE_PAGE, MADV_WIPEONFORK) < 0) {
        system_unmap(page, WIRE_PAGE);
        return NULL;
    }
    return page;
}

static void process_name(void)
{
    long n = system_readlink("/proc/self/exe", process.exe, sizeof process.exe - 1);
    const char *started = (const char *)getauxval(AT_EXECFN);
    if (n <= 0 && started && strlen(started) < sizeof process.exe) { /* no /proc here */
        n = (long)strlen(started);
        memcpy(process.exe, started, (size_t)n);
    }
    process.exe_bytes = n > 0 ? (uint32_t)n : 0;
    process.exe[process.exe_bytes] = 0;
    process.pid = system_getpid();
}

/* A process of the session, from here on. */
static void process_enter(struct process_page *page)
{
    process.serial = add_relaxed(&wire_claims_of(&process.segment)->process_serial, 1) + 1;
    store_relaxed(&page->generation, add_relaxed(&process_generations, 1) + 1);
}

static const char *process_join(void)
{
    const struct wire_plan *plan;
    struct process_page *page;
    const char *off = environment_get("OWNSCOPE_DISABLE"), *why;

    if (off && !strcmp(off, "1"))
        return "OWNSCOPE_DISABLE=1";
    if (getauxval(AT_SECURE))
        return "the program runs with raised privileges";
    if (!segment_find())
        return "no session: neither OWNSCOPE_SESSION nor a running collector of this user";
    if ((why = segment_map()))
        return why;
    page = page_make();
    if (!page) {
        system_unmap(process.segment.base, process.segment.bytes);
        return "the kernel has no wipe-on-fork memory (Linux 4.14 or newer is needed)";
    }
    plan = wire_plan_of(&process.segment);
    process.stacks = plan->stacks;
    process.clock = plan->clock;
    verify_start(plan->verify_unwind);
    process.slow = process.verify_unwind != 0;
    process_name();
    process_enter(page);
    process.page = page;
    return NULL;
}

/* The gate, which all hooks look at, and the word that those of copies look at first; they pair with this. */
static void process_open_hooks(bool inert)
{
    uint64_t least = inert ? UINT64_MAX : wire_plan_of(&process.segment)->copies_min_bytes;
    process_gate(inert ? NULL : &wire_pulse_of(&process.segment)->gate);
    store_release(&process.copies_min, least ? least : 1);
}

void process_start(void)
{
    struct context *c = &context;
    const char *why;
    int saved;
    if (!cas_acq_rel(&process.state, (uint32_t)PROCESS_NEW, (uint32_t)PROCESS_STARTING)) {
        while (load_acquire(&process.state) == PROCESS_STARTING) /* another thread's first hook */
            system_yield();
        return;
    }
    saved = errno;
    c->guard = CONTEXT_BOOT;
    real_resolve();
    process.plain_malloc = real_malloc_is_libcs();
    heap_doors_open();
    why = process_join();
    if (why)
        say_why(why);
    c->guard = 0;
    process_open_hooks(why != NULL);
    store_release(&process.state, why ? PROCESS_INERT : PROCESS_TRACED); /* publishes real and process */
    if (!why)
        context_begin_process();
    errno = saved;
}

void process_begin(void)
{
    if (!process.page || context.guard) /* not relocated yet; or the loader calls, for us */
        return;
    while (load_acquire(&process.state) <= PROCESS_STARTING)
        process_start();
}

/* The only thread of a forked child, at its first hook there. The parent's
 * rings are in the inherited mapping, and are not touched. */
void process_reborn(void)
{
    process.parent_serial = process.serial;
    process.pid = system_getpid();
    hold_reborn();
    image_reborn();
    follow_reborn();
    process_enter(process.page);
    context.generation = (uint32_t)CONTEXT_NONE;
    context_begin_process();
    verify_reborn();
}

/* Before main and before anything the program may do to shut doors behind
 * itself (setuid, chroot, sandboxes): joins, if no hook has done so yet. */
__attribute__((constructor)) static void process_constructed(void)
{
    process_begin();
    hold_start();
    verify_load();
}

static atomic_u32 pid_shut;

void process_pid_shut(int by) { add_relaxed(&pid_shut, (uint32_t)by); }

bool process_is_borrowed(void)
{
    return !load_relaxed(&pid_shut) && process.pid != system_getpid();
}
