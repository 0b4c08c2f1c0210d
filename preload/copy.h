/*
 * preload/copy.h - copies that are recorded, or that come too early.
 *
 * hooks_copy.c jumps to copy_NAME with its arguments as they came, so that the
 * frame is right under the caller's. Each records what there is to record, calls
 * the real NAME and returns what that returned.
 */
#ifndef PRELOAD_COPY_H
#define PRELOAD_COPY_H

#include "preload/hook.h"

#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN void *copy_memcpy(void *to, const void *from, size_t n);
HIDDEN void *copy_memcpy_then(void *to, const void *from, size_t n);
HIDDEN void *copy_memmove(void *to, const void *from, size_t n);
HIDDEN void *copy_mempcpy(void *to, const void *from, size_t n);
HIDDEN void *copy_memset(void *to, int byte, size_t n);
HIDDEN void copy_bcopy(const void *from, void *to, size_t n);
HIDDEN void copy_bzero(void *to, size_t n);
HIDDEN void copy_explicit_bzero(void *to, size_t n);
HIDDEN char *copy_strcpy(char *to, const char *from);
HIDDEN char *copy_stpcpy(char *to, const char *from);
HIDDEN char *copy_strncpy(char *to, const char *from, size_t n);
HIDDEN char *copy_stpncpy(char *to, const char *from, size_t n);
HIDDEN char *copy_strcat(char *to, const char *from);
HIDDEN char *copy_strncat(char *to, const char *from, size_t n);
HIDDEN void *copy___memcpy_chk(void *to, const void *from, size_t n, size_t room);
HIDDEN void *copy___memmove_chk(void *to, const void *from, size_t n, size_t room);
HIDDEN void *copy___mempcpy_chk(void *to, const void *from, size_t n, size_t room);
HIDDEN void *copy___memset_chk(void *to, int byte, size_t n, size_t room);
HIDDEN void copy___explicit_bzero_chk(void *to, size_t n, size_t room);
HIDDEN char *copy___strcpy_chk(char *to, const char *from, size_t room);
HIDDEN char *copy___stpcpy_chk(char *to, const char *from, size_t room);
HIDDEN char *copy___strncpy_chk(char *to, const char *from, size_t n, size_t room);
HIDDEN char *copy___stpncpy_chk(char *to, const char *from, size_t n, size_t room);
HIDDEN char *copy___strcat_chk(char *to, const char *from, size_t room);
HIDDEN char *copy___strncat_chk(char *to, const char *from, size_t n, size_t room);

#endif
