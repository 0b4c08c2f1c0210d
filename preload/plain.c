/*
 * preload/plain.c - see plain.h. Also what the hooks of copies do before the
 * real functions are known: from the first instruction of the process on, before
 * the shim is even relocated. Small copies are all there are.
 */
#include "preload/plain.h"

#include <stdint.h>

/* The compiler would make calls of memcpy and memset of these loops. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#define LOOP
#else
#define LOOP __asm__ volatile("" : : : "memory");
#endif

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

void *plain_memcpy(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    for (; bytes >= 8; bytes -= 8, t += 8, f += 8) {
        LOOP
        *(word *)t = *(const word *)f;
    }
    for (; bytes; bytes--) {
        LOOP
        *t++ = *f++;
    }
    return to;
}

void *plain_memmove(void *to, const void *from, size_t bytes)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= bytes)
        return plain_memcpy(to, from, bytes);
    while (bytes--) {
        LOOP
        t[bytes] = f[bytes];
    }
    return to;
}

void *plain_memset(void *to, int byte, size_t bytes)
{
    uint8_t *t = to;
    while (bytes--) {
        LOOP
        *t++ = (uint8_t)byte;
    }
    return to;
}

char *plain_stpcpy(char *to, const char *from)
{
    for (; (*to = *from); to++, from++) {
        LOOP
    }
    return to;
}

char *plain_stpncpy(char *to, const char *from, size_t n)
{
    char *end;
    for (; n && (*to = *from); to++, from++, n--) {
        LOOP
    }
    end = to;
    plain_memset(to, 0, n);
    return end;
}

static char *end_of(char *s)
{
    while (*s) {
        LOOP
        s++;
    }
    return s;
}

char *plain_strcat(char *to, const char *from)
{
    plain_stpcpy(end_of(to), from);
    return to;
}

char *plain_strncat(char *to, const char *from, size_t n)
{
    char *end = end_of(to);
    for (; n && *from; n--) {
        LOOP
        *end++ = *from++;
    }
    *end = 0;
    return to;
}
