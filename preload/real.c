/*
 * preload/real.c - looks up the functions that the hooks stand in front of.
 *
 * Runs in the traced process, in its first hook: also the names that may be
 * missing are looked up there, since dlsym takes the loader's lock and clears
 * dlerror(), neither of which a later hook may do. dlsym may allocate: the
 * thread's guard sends that to the arena.
 *
 * A C++ library that came later, opened with RTLD_LOCAL, belongs to those who
 * opened it: its operators are looked up for each calling module, and
 * remembered until something is closed. `locals` is append-only: an entry is
 * claimed by an add, and published by its `made`.
 */
#include "preload/real.h"

#include <errno.h>
#include <link.h>
#include <string.h>

#include "preload/context.h"
#include "preload/module.h"
#include "wire/atomic.h"

struct real real;

/* A program without C++ has no operator at all: not one by one. */
static void *later_at_start(const char *name, bool cxx)
{
    return cxx || strncmp(name, "_Z", 2) ? dlsym(RTLD_NEXT, name) : NULL;
}

/* The one that a program asks for by that version; dlsym alone gave the oldest
 * before glibc 2.36. */
static void *version_at_start(const char *name, const char *version)
{
#ifdef REAL_VERSIONS
    void *f = dlvsym(RTLD_NEXT, name, version);
    if (f)
        return f;
#endif
    return dlsym(RTLD_NEXT, name);
}

/* What libc learned with 2.30, and the shim exports whatever the libc: a program
 * that asks dlsym for it would find it here. */
static int clock_missing(void) { return ENOSYS; }

static int clock_missing_of_semaphores(void)
{
    errno = ENOSYS;
    return -1;
}

static void stand_in(struct real *r)
{
#define STAND_IN(name, by) r->name = r->name ? r->name : (__typeof__(r->name))(void *)(by);
    STAND_IN(pthread_mutex_clocklock, clock_missing)
    STAND_IN(pthread_rwlock_clockrdlock, clock_missing)
    STAND_IN(pthread_rwlock_clockwrlock, clock_missing)
    STAND_IN(pthread_cond_clockwait, clock_missing)
    STAND_IN(sem_clockwait, clock_missing_of_semaphores)
#undef STAND_IN
}

/* Known all at once, at the end: what dlsym allocates and frees meanwhile, for
 * the message of a name that is not there too, is the arena's. The next preload's
 * functions may not be called from within dlsym: they may call it themselves. */
void real_resolve(void)
{
    static struct real found;
    bool cxx = dlsym(RTLD_NEXT, "_Znwm") || dlsym(RTLD_NEXT, "_ZdlPv");
#define HOOK(name) found.name = (__typeof__(found.name))dlsym(RTLD_NEXT, #name);
#define LATER(name) found.name = (__typeof__(found.name))later_at_start(#name, cxx);
#define TWICE(name, now, then)                                                     \
    found.name = (__typeof__(found.name))version_at_start(#name, #now);            \
    found.name##_then = (__typeof__(found.name))version_at_start(#name, #then);
#define ALIAS(name)
#define OURS(name)
#include "preload/hooks.def"
#undef HOOK
#undef LATER
#undef TWICE
#undef ALIAS
#undef OURS
    dlerror();
    stand_in(&found);
    real = found;
}

enum { LOCALS = 512 };
struct local {
    const char *name;
    uint64_t caller; /* where its module starts */
    uint64_t generation;
    void *function;
    atomic_u32 made;
};
static struct local locals[LOCALS];
static atomic_u32 locals_used;

static void *local_known(const char *name, uint64_t caller, uint64_t generation)
{
    uint32_t n = load_relaxed(&locals_used);
    for (uint32_t i = n < LOCALS ? n : LOCALS; i-- > 0;)
        if (load_acquire(&locals[i].made) && locals[i].name == name && locals[i].caller == caller &&
            locals[i].generation == generation)
            return locals[i].function;
    return NULL;
}

static void local_remember(const char *name, uint64_t caller, uint64_t generation, void *function)
{
    uint32_t i = load_relaxed(&locals_used) < LOCALS ? add_relaxed(&locals_used, 1) : LOCALS;
    if (i >= LOCALS)
        return;
    locals[i] = (struct local){.name = name, .caller = caller, .generation = generation, .function = function};
    store_release(&locals[i].made, 1);
}

/* As the module at `found` would have found it without us. It is opened once
 * more for that: only what was opened itself has a scope to look in. */
static void *local_look_up(const char *name, const struct dl_find_object *found)
{
    const char *path = found->dlfo_link_map->l_name;
    void *handle = path && *path ? dlopen(path, RTLD_LAZY | RTLD_NOLOAD) : NULL, *f;
    if (!handle)
        return NULL;
    f = dlsym(handle, name);
    real.dlclose(handle);
    return f;
}

/* Weak: a libc before 2.35 has none, and then code opened with RTLD_LOCAL
 * finds no operator of its own (no such libc also lacks RTLD_NEXT ones). */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

bool real_malloc_is_libcs(void)
{
    struct dl_find_object of, libc;
    void *version = dlsym(RTLD_NEXT, "gnu_get_libc_version");
    return version && real.malloc && &_dl_find_object && !_dl_find_object((void *)real.malloc, &of) && !_dl_find_object(version, &libc) &&
           of.dlfo_map_start == libc.dlfo_map_start;
}

/* Whose call it is. One operator ends in another's by a jump: then the return
 * address is ours, and the operator called last is the caller. */
static bool local_caller(const struct context *c, const void *caller, struct dl_find_object *found)
{
    struct dl_find_object us;
    if (_dl_find_object((void *)caller, found) || _dl_find_object((void *)(uintptr_t)real_resolve, &us))
        return false;
    if (found->dlfo_map_start != us.dlfo_map_start)
        return true;
    return c->local && !_dl_find_object((void *)c->local, found);
}

void *real_later(const char *name, const void *caller)
{
    struct context *c = &context;
    uintptr_t guard = c->guard;
    uint64_t generation = load_relaxed(&module_generation);
    struct dl_find_object found;
    int saved = errno;
    void *f;

    if (!real.dlclose || !&_dl_find_object || !local_caller(c, caller, &found))
        return NULL;
    f = local_known(name, (uint64_t)found.dlfo_map_start, generation);
    if (f) {
        c->local = f;
        return f;
    }
    c->guard = CONTEXT_BOOT; /* the loader's own allocations are ours, not the program's */
    f = dlsym(RTLD_NEXT, name);
    if (!f)
        f = local_look_up(name, &found);
    if (!f)
        dlerror();
    c->guard = guard;
    errno = saved;
    c->local = f;
    if (f)
        local_remember(name, (uint64_t)found.dlfo_map_start, generation, f);
    return f;
}
