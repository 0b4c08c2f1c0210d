/*
 * preload/hooks_cxx.c - C++ operator new and delete in all their forms: the doors.
 *
 * As hooks_heap.c; recorded in cxx.c. An operator that was not there at the start is
 * looked up there too.
 *
 * Compiled to leave no frame (see Makefile); calls nothing but by a jump.
 */
#include "preload/heap.h"

#define NEW(name, arguments, names, family, size, alignment)                                   \
    EXPORT void *name arguments                                                                \
    {                                                                                          \
        if (likely(gate_open(WIRE_GATE_MEMORY)) || unlikely(!real.name))                       \
            return cxx_##name names;                                                           \
        return real.name names;                                                                \
    }

#define DELETE(name, arguments, names, family, length)                                         \
    EXPORT void name arguments                                                                 \
    {                                                                                          \
        if (likely(gate_open(WIRE_GATE_MEMORY)) || unlikely(!real.name))                       \
            cxx_##name names;                                                                  \
        else                                                                                   \
            real.name names;                                                                   \
    }

CXX_OPERATORS(NEW, DELETE)
