/*
 * collector/export/plumbing.h - which functions say nothing about who wanted
 * the memory: wrappers around an allocator, the C++ library's own insides, and
 * what runs before main.
 */
#ifndef OWNSCOPE_PLUMBING_H
#define OWNSCOPE_PLUMBING_H

#include <stdbool.h>

/* `xmalloc`, `g_malloc0`, `PyObject_Malloc`, `std::vector<T>::…`; nameless
 * code in libstdc++ and libc++. Both may be NULL or "". */
bool plumbing_inner(const char *function, const char *module);
/* Of these only the C++ library's insides, which compilers inline or not. */
bool plumbing_cxx(const char *function, const char *module);
/* `_start`, `__libc_start_main`, `call_init`, `start_thread`, `clone3`… */
bool plumbing_outer(const char *function);
/* `main`: what lies outside of it is start-up code. */
bool plumbing_is_main(const char *function);

#endif
