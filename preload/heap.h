/*
 * preload/heap.h - allocations and releases where they are recorded, or come too
 * early.
 *
 * hooks_heap.c and hooks_cxx.c jump to heap_NAME and cxx_NAME with their arguments as
 * they came, so that the frame is right under the caller's. Each records what there
 * is to record, calls the real NAME and returns what that returned.
 */
#ifndef PRELOAD_HEAP_H
#define PRELOAD_HEAP_H

#include "preload/hook.h"

#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN void *heap_malloc(size_t size);
HIDDEN void *heap_calloc(size_t n, size_t size);
HIDDEN void *heap_realloc(void *p, size_t size);
HIDDEN void *heap_reallocarray(void *p, size_t n, size_t each);
HIDDEN void heap_free(void *p);
HIDDEN int heap_posix_memalign(void **to, size_t alignment, size_t size);
HIDDEN void *heap_aligned_alloc(size_t alignment, size_t size);
HIDDEN void *heap_memalign(size_t alignment, size_t size);
HIDDEN void *heap_valloc(size_t size);
HIDDEN void *heap_pvalloc(size_t size);
HIDDEN size_t heap_malloc_usable_size(void *p);
HIDDEN void heap_free_sized(void *p, size_t size);
HIDDEN void heap_free_aligned_sized(void *p, size_t alignment, size_t size);
/* Inside operator new, what an allocation returned. */
HIDDEN void *heap_inner(void *p);

/* The doors of malloc and its kin (hooks_heap.c). The real functions are known, and the gate is not published yet. */
HIDDEN void heap_doors_open(void);
/* The arena has a block, or is about to: whoever is given one to release looks whose it is. */
HIDDEN void heap_doors_look(void);

/* Under a filtered gate (heap_sampled.c). */
HIDDEN void *sampled_malloc(size_t size);
HIDDEN void *sampled_calloc(size_t n, size_t size);
HIDDEN void sampled_free(void *p);
HIDDEN void *sampled_realloc(void *p, size_t size);
HIDDEN void *sampled_reallocarray(void *p, size_t n, size_t each);
HIDDEN int sampled_posix_memalign(void **to, size_t alignment, size_t size);
HIDDEN void *sampled_aligned_alloc(size_t alignment, size_t size);
HIDDEN void *sampled_memalign(size_t alignment, size_t size);

/* C++: NEW(name, arguments, names, family, size, alignment), DELETE(name, arguments, names, family, length). */
#define CXX_OPERATORS(NEW, DELETE)                                                                                          \
    NEW(_Znwm, (size_t n), (n), WIRE_NEW_SCALAR, n, (size_t)0)                                                              \
    NEW(_Znam, (size_t n), (n), WIRE_NEW_ARRAY, n, (size_t)0)                                                               \
    NEW(_ZnwmRKSt9nothrow_t, (size_t n, const void *t), (n, t), WIRE_NEW_SCALAR, n, (size_t)0)                              \
    NEW(_ZnamRKSt9nothrow_t, (size_t n, const void *t), (n, t), WIRE_NEW_ARRAY, n, (size_t)0)                               \
    NEW(_ZnwmSt11align_val_t, (size_t n, size_t a), (n, a), WIRE_NEW_ALIGNED, n, a)                                         \
    NEW(_ZnamSt11align_val_t, (size_t n, size_t a), (n, a), WIRE_NEW_ARRAY_ALIGNED, n, a)                                   \
    NEW(_ZnwmSt11align_val_tRKSt9nothrow_t, (size_t n, size_t a, const void *t), (n, a, t), WIRE_NEW_ALIGNED, n, a)         \
    NEW(_ZnamSt11align_val_tRKSt9nothrow_t, (size_t n, size_t a, const void *t), (n, a, t), WIRE_NEW_ARRAY_ALIGNED, n, a)   \
    DELETE(_ZdlPv, (void *p), (p), WIRE_DELETE, 0)                                                                          \
    DELETE(_ZdaPv, (void *p), (p), WIRE_DELETE_ARRAY, 0)                                                                    \
    DELETE(_ZdlPvm, (void *p, size_t n), (p, n), WIRE_DELETE, n)                                                            \
    DELETE(_ZdaPvm, (void *p, size_t n), (p, n), WIRE_DELETE_ARRAY, n)                                                      \
    DELETE(_ZdlPvRKSt9nothrow_t, (void *p, const void *t), (p, t), WIRE_DELETE, 0)                                          \
    DELETE(_ZdaPvRKSt9nothrow_t, (void *p, const void *t), (p, t), WIRE_DELETE_ARRAY, 0)                                    \
    DELETE(_ZdlPvSt11align_val_t, (void *p, size_t a), (p, a), WIRE_DELETE_ALIGNED, 0)                                      \
    DELETE(_ZdaPvSt11align_val_t, (void *p, size_t a), (p, a), WIRE_DELETE_ARRAY_ALIGNED, 0)                                \
    DELETE(_ZdlPvmSt11align_val_t, (void *p, size_t n, size_t a), (p, n, a), WIRE_DELETE_ALIGNED, n)                        \
    DELETE(_ZdaPvmSt11align_val_t, (void *p, size_t n, size_t a), (p, n, a), WIRE_DELETE_ARRAY_ALIGNED, n)                  \
    DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t a, const void *t), (p, a, t), WIRE_DELETE_ALIGNED, 0)      \
    DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t a, const void *t), (p, a, t), WIRE_DELETE_ARRAY_ALIGNED, 0)

#define CXX_NEW_DECLARED(name, arguments, names, family, size, alignment) HIDDEN void *cxx_##name arguments, *sampled_##name arguments;
#define CXX_DELETE_DECLARED(name, arguments, names, family, length) HIDDEN void cxx_##name arguments, sampled_##name arguments;
CXX_OPERATORS(CXX_NEW_DECLARED, CXX_DELETE_DECLARED)

#endif
