/*
 * tests/counter/counter.c - an independent counter of heap calls, to judge
 * ownscope's numbers by. Shares no code with it.
 *
 * LD_PRELOADed into a program, it counts what succeeded, outermost calls only,
 * straight into a file mapped shared: $OWNCOUNT_FILE, one page, all processes
 * of a tree together, so that exec, fork and SIGKILL lose nothing. A program
 * whose name is $OWNCOUNT_EXCEPT is left out.
 *
 *   allocations    malloc, calloc, realloc(NULL), reallocarray(NULL), the
 *                  aligned forms, every operator new
 *   frees          free and delete of non-NULL, realloc(p, 0) that frees
 *   reallocations  realloc and reallocarray of non-NULL that succeeded
 *   bytes          asked for by allocations
 *
 * Rules: no allocation, no constructor needed, errno kept by the real calls;
 * exceptions pass (built with -fexceptions, the guard is a cleanup).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct totals {
    _Atomic uint64_t allocations, frees, reallocations, bytes;
};

static struct totals nowhere;
static struct totals *_Atomic totals;
static __thread int depth __attribute__((tls_model("initial-exec")));

/* What dlsym asks for while it is being asked: never given back. */
static char arena[256 * 1024] __attribute__((aligned(16)));
static _Atomic size_t arena_used;

static struct totals *where(void)
{
    struct totals *t = atomic_load(&totals);
    if (t)
        return t;
    int saved = errno;
    t = &nowhere;
    const char *path = getenv("OWNCOUNT_FILE"), *except = getenv("OWNCOUNT_EXCEPT");
    if (except && !strcmp(program_invocation_short_name, except))
        path = NULL;
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if (page != MAP_FAILED)
            t = page;
    }
    atomic_store(&totals, t);
    errno = saved;
    return t;
}

static void leave(int *outer) { (void)outer; depth--; }
#define GUARD int outer __attribute__((cleanup(leave), unused)) = depth++ == 0

static void made(size_t bytes)
{
    struct totals *t = where();
    atomic_fetch_add(&t->allocations, 1);
    atomic_fetch_add(&t->bytes, bytes);
}
static void freed(void) { atomic_fetch_add(&where()->frees, 1); }

static void *bump(size_t bytes, size_t align)
{
    size_t from = atomic_fetch_add(&arena_used, bytes + align + 16);
    uintptr_t p = ((uintptr_t)arena + from + 16 + align - 1) & ~(uintptr_t)(align - 1);
    if (p + bytes > (uintptr_t)arena + sizeof arena)
        _exit(99);
    return (void *)p;
}
static int is_bump(const void *p) { return (const char *)p >= arena && (const char *)p < arena + sizeof arena; }

/* The real function, looked up once; NULL while its own look-up allocates. */
static void *find(void *_Atomic *slot, const char *name)
{
    static __thread int finding __attribute__((tls_model("initial-exec")));
    void *fn = atomic_load(slot);
    if (fn || finding)
        return fn;
    finding = 1;
    fn = dlsym(RTLD_NEXT, name);
    finding = 0;
    atomic_store(slot, fn);
    return fn;
}
#define REAL(type, name) static void *_Atomic slot; type real = (type)find(&slot, name)

typedef void *(*size_fn)(size_t);
typedef void *(*size2_fn)(size_t, size_t);
typedef void *(*ptr_size_fn)(void *, size_t);
typedef void *(*ptr_size2_fn)(void *, size_t, size_t);
typedef int (*posix_fn)(void **, size_t, size_t);
typedef void (*ptr_fn)(void *);
typedef void (*drop2_fn)(void *, size_t);
typedef void (*drop3_fn)(void *, size_t, size_t);
typedef void (*dropp_fn)(void *, const void *);
typedef void (*dropsp_fn)(void *, size_t, const void *);

void *malloc(size_t n)
{
    GUARD;
    REAL(size_fn, "malloc");
    void *p = real ? real(n) : bump(n, 16);
    if (p && outer)
        made(n);
    return p;
}

void *calloc(size_t a, size_t b)
{
    GUARD;
    REAL(size2_fn, "calloc");
    void *p = real ? real(a, b) : bump(a * b, 16);
    if (p && outer && real)
        made(a * b);
    return p;
}

void free(void *p)
{
    if (is_bump(p))
        return;
    GUARD;
    REAL(ptr_fn, "free");
    if (p && outer)
        freed();
    if (real)
        real(p);
}

static void *resized(void *p, void *q, size_t bytes)
{
    if (!p && q)
        made(bytes);
    else if (p && !bytes && !q)
        freed();
    else if (p && q)
        atomic_fetch_add(&where()->reallocations, 1);
    return q;
}

void *realloc(void *p, size_t n)
{
    GUARD;
    REAL(ptr_size_fn, "realloc");
    if (is_bump(p) || !real) {
        void *q = bump(n, 16);
        return p ? memcpy(q, p, n) : q;
    }
    void *q = real(p, n);
    return outer ? resized(p, q, n) : q;
}

void *reallocarray(void *p, size_t a, size_t b)
{
    GUARD;
    REAL(ptr_size2_fn, "reallocarray");
    void *q = real(p, a, b);
    size_t n = 0;
    if (__builtin_mul_overflow(a, b, &n))
        return q;
    return outer ? resized(p, q, n) : q;
}

int posix_memalign(void **out, size_t align, size_t n)
{
    GUARD;
    REAL(posix_fn, "posix_memalign");
    int rc = real(out, align, n);
    if (!rc && outer)
        made(n);
    return rc;
}

#define ALIGNED(name) \
    void *name(size_t align, size_t n) \
    { \
        GUARD; \
        REAL(size2_fn, #name); \
        void *p = real(align, n); \
        if (p && outer) \
            made(n); \
        return p; \
    }
ALIGNED(aligned_alloc)
ALIGNED(memalign)

#define PAGED(name) \
    void *name(size_t n) \
    { \
        GUARD; \
        REAL(size_fn, #name); \
        void *p = real(n); \
        if (p && outer) \
            made(n); \
        return p; \
    }
PAGED(valloc)
PAGED(pvalloc)

/* operator new: (size), (size, nothrow), (size, align), (size, align, nothrow) */
#define NEW1(sym) PAGED(sym)
#define NEW2(sym, second) \
    void *sym(size_t n, second x) \
    { \
        GUARD; \
        static void *_Atomic slot; \
        void *(*real)(size_t, second) = (void *(*)(size_t, second))find(&slot, #sym); \
        void *p = real(n, x); \
        if (p && outer) \
            made(n); \
        return p; \
    }
#define NEW3(sym) \
    void *sym(size_t n, size_t align, const void *nothrow) \
    { \
        GUARD; \
        static void *_Atomic slot; \
        void *(*real)(size_t, size_t, const void *) = (void *(*)(size_t, size_t, const void *))find(&slot, #sym); \
        void *p = real(n, align, nothrow); \
        if (p && outer) \
            made(n); \
        return p; \
    }
NEW1(_Znwm) NEW1(_Znam)
NEW2(_ZnwmRKSt9nothrow_t, const void *) NEW2(_ZnamRKSt9nothrow_t, const void *)
NEW2(_ZnwmSt11align_val_t, size_t) NEW2(_ZnamSt11align_val_t, size_t)
NEW3(_ZnwmSt11align_val_tRKSt9nothrow_t) NEW3(_ZnamSt11align_val_tRKSt9nothrow_t)

#define DROP(sym, type, parameters, ...) \
    void sym parameters \
    { \
        GUARD; \
        REAL(type, #sym); \
        if (p && outer) \
            freed(); \
        real(__VA_ARGS__); \
    }
DROP(_ZdlPv, ptr_fn, (void *p), p)
DROP(_ZdaPv, ptr_fn, (void *p), p)
DROP(_ZdlPvm, drop2_fn, (void *p, size_t n), p, n)
DROP(_ZdaPvm, drop2_fn, (void *p, size_t n), p, n)
DROP(_ZdlPvSt11align_val_t, drop2_fn, (void *p, size_t a), p, a)
DROP(_ZdaPvSt11align_val_t, drop2_fn, (void *p, size_t a), p, a)
DROP(_ZdlPvmSt11align_val_t, drop3_fn, (void *p, size_t n, size_t a), p, n, a)
DROP(_ZdaPvmSt11align_val_t, drop3_fn, (void *p, size_t n, size_t a), p, n, a)
DROP(_ZdlPvRKSt9nothrow_t, dropp_fn, (void *p, const void *t), p, t)
DROP(_ZdaPvRKSt9nothrow_t, dropp_fn, (void *p, const void *t), p, t)
DROP(_ZdlPvSt11align_val_tRKSt9nothrow_t, dropsp_fn, (void *p, size_t a, const void *t), p, a, t)
DROP(_ZdaPvSt11align_val_tRKSt9nothrow_t, dropsp_fn, (void *p, size_t a, const void *t), p, a, t)
