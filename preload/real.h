/*
 * preload/real.h - the functions that the hooks stand in front of.
 *
 * Filled by real_resolve() at the first hook of the process, in whatever
 * thread and state that comes (before any constructor, inside the loader).
 * Read-only afterwards. A LATER name that was not there then is looked up for
 * each module that calls it.
 */
#ifndef PRELOAD_REAL_H
#define PRELOAD_REAL_H

#include <assert.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <threads.h>
#include <stdint.h>
#include <unistd.h>

/* Declared nowhere in this libc's headers, or only for C++. */
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t alignment, size_t size);
void *_Znwm(size_t);
void *_Znam(size_t);
void *_ZnwmRKSt9nothrow_t(size_t, const void *);
void *_ZnamRKSt9nothrow_t(size_t, const void *);
void *_ZnwmSt11align_val_t(size_t, size_t);
void *_ZnamSt11align_val_t(size_t, size_t);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t, size_t, const void *);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t, size_t, const void *);
void _ZdlPv(void *);
void __cxa_guard_release(uint64_t *);
void _ZdaPv(void *);
void _ZdlPvm(void *, size_t);
void _ZdaPvm(void *, size_t);
void _ZdlPvRKSt9nothrow_t(void *, const void *);
void _ZdaPvRKSt9nothrow_t(void *, const void *);
void _ZdlPvSt11align_val_t(void *, size_t);
void _ZdaPvSt11align_val_t(void *, size_t);
void _ZdlPvmSt11align_val_t(void *, size_t, size_t);
void _ZdaPvmSt11align_val_t(void *, size_t, size_t);
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *, size_t, const void *);
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *, size_t, const void *);

#define CHECKED(name, type, ...) type name(__VA_ARGS__, size_t room);
CHECKED(__memcpy_chk, void *, void *, const void *, size_t)
CHECKED(__memmove_chk, void *, void *, const void *, size_t)
CHECKED(__mempcpy_chk, void *, void *, const void *, size_t)
CHECKED(__memset_chk, void *, void *, int, size_t)
CHECKED(__strcpy_chk, char *, char *, const char *)
CHECKED(__stpcpy_chk, char *, char *, const char *)
CHECKED(__strncpy_chk, char *, char *, const char *, size_t)
CHECKED(__stpncpy_chk, char *, char *, const char *, size_t)
CHECKED(__strcat_chk, char *, char *, const char *)
CHECKED(__strncat_chk, char *, char *, const char *, size_t)
CHECKED(__explicit_bzero_chk, void, void *, size_t)
#undef CHECKED

/* Where names are exported, and looked up, under two versions. */
#if defined(__x86_64__) && defined(__GLIBC__)
#define REAL_VERSIONS 1
#endif

struct real {
#define HOOK(name) __typeof__(name) *name;
#define LATER(name) __typeof__(name) *name;
#define TWICE(name, now, then) __typeof__(name) *name, *name##_then;
#define ALIAS(name)
#define OURS(name)
#include "preload/hooks.def"
#undef HOOK
#undef LATER
#undef TWICE
#undef ALIAS
#undef OURS
};

extern __attribute__((visibility("hidden"))) struct real real;

/* Fills the HOOK names. The caller has made sure that no other thread runs it
 * and that allocations of this thread go to the arena meanwhile. */
void real_resolve(void);

/* malloc is libc's own, which calls nothing by a name that we have taken; not known of an old libc. */
bool real_malloc_is_libcs(void);

/* The next definition of a LATER name that was not there at the start, or (a
 * library opened with RTLD_LOCAL) the one that the code at `caller` would have
 * found without us. NULL: there is none. */
void *real_later(const char *name, const void *caller);

/* Evaluates to the real function of a LATER name, or NULL. */
#define REAL_LATER(name) \
    (likely(real.name != NULL) ? real.name : (__typeof__(real.name))real_later(#name, __builtin_return_address(0)))

#endif
