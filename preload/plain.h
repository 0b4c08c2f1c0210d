/*
 * preload/plain.h - what the shim itself copies with.
 *
 * Included before anything else of every file of the shim (see Makefile). The
 * hooks export memcpy and its kin: called by name, from our own code or from
 * what the compiler makes of an assignment, they would be somebody else's, or
 * worse, our own hooks. So these names are the functions of plain.c here.
 * hooks_copy.c, which defines the exported ones, is spared; it copies nothing.
 */
#ifndef PRELOAD_PLAIN_H
#define PRELOAD_PLAIN_H

#include <stddef.h>

#define PLAIN __attribute__((visibility("hidden")))
PLAIN void *plain_memcpy(void *to, const void *from, size_t bytes);
PLAIN void *plain_memmove(void *to, const void *from, size_t bytes);
PLAIN void *plain_memset(void *to, int byte, size_t bytes);
PLAIN char *plain_strcat(char *to, const char *from);
PLAIN char *plain_strncat(char *to, const char *from, size_t n);
PLAIN char *plain_stpcpy(char *to, const char *from);
PLAIN char *plain_stpncpy(char *to, const char *from, size_t n);

#ifndef PLAIN_SPARED
__asm__("memcpy = plain_memcpy\n"
        "memmove = plain_memmove\n"
        "memset = plain_memset\n"
        "strcat = plain_strcat\n");
#endif

#endif
