/*
 * preload/hooks_cxx.c - C++ operator new and delete in all their forms: the doors.
 *
 * As hooks_heap.c; recorded in cxx.c. An operator that was not there at the start is
 * looked up there too.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/heap.h"

enum { FULL = WIRE_GATE_MEMORY, FILTERED = WIRE_GATE_MEMORY | WIRE_GATE_FILTERED };

#define NEW(name, arguments, names, family, size, alignment)                                   \
    EXPORT void *name arguments                                                                \
    {                                                                                          \
        uint32_t gate = gate_now() & FILTERED;                                                 \
        if (likely(gate == FULL) || unlikely(!real.name))                                      \
            return cxx_##name names;                                                           \
        return gate == FILTERED ? sampled_##name names : real.name names;                      \
    }

#define DELETE(name, arguments, names, family, length)                                         \
    EXPORT void name arguments                                                                 \
    {                                                                                          \
        uint32_t gate = gate_now() & FILTERED;                                                 \
        if (likely(gate == FULL) || unlikely(!real.name))                                      \
            cxx_##name names;                                                                  \
        else if (gate == FILTERED)                                                             \
            sampled_##name names;                                                              \
        else                                                                                   \
            real.name names;                                                                   \
    }

CXX_OPERATORS(NEW, DELETE)
