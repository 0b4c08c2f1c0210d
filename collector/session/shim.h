/*
 * collector/session/shim.h - where libownscope.so lies. Any thread.
 */
#ifndef OWNSCOPE_SESSION_SHIM_H
#define OWNSCOPE_SESSION_SHIM_H

#include <stddef.h>

/* Beside this program, in ../lib/ownscope, or where it was installed. NULL, and its absolute path in `out`; else why it cannot be
 * preloaded, and what to do, in words that follow a colon (static, or `out`). */
const char *shim_find(char *out, size_t size);

#endif
