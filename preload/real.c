/*
 * preload/real.c - looks up the functions that the hooks stand in front of.
 *
 * Runs in the traced process, once, in its first hook. dlsym may allocate:
 * the thread's guard sends that to the arena. A name that is not there leaves
 * a message in the program's dlerror(): taken away again.
 */
#include "preload/real.h"

#include <link.h>

#include "preload/context.h"
#include "wire/atomic.h"

struct real real;

void real_resolve(void)
{
#define HOOK(name) real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name);
#define LATER(name)
#include "preload/hooks.def"
#undef HOOK
#undef LATER
    dlerror();
}

/* Weak: a libc before 2.35 has none, and then code opened with RTLD_LOCAL
 * finds no operator of its own (no such libc also lacks RTLD_NEXT ones). */
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

void *real_later(const char *name, const void *caller)
{
    struct context *c = &context;
    uintptr_t guard = c->guard;
    struct dl_find_object found;
    void *f;

    c->guard = CONTEXT_BOOT; /* dlsym's own allocations are ours, not the program's */
    f = dlsym(RTLD_NEXT, name);
    if (!f && &_dl_find_object && !_dl_find_object((void *)caller, &found))
        f = dlsym(found.dlfo_link_map, name);
    if (!f)
        dlerror();
    c->guard = guard;
    return f;
}
