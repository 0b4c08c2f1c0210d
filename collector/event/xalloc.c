/*
 * collector/event/xalloc.c - allocation that never returns NULL.
 *
 * Any thread of the collector. The one place in the rooms that prints: there is
 * no memory left to carry an error to the command line in.
 */
#include "event/xalloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OWN_FAILURE = 125, CACHE_LINE_BYTES = 64 };

static _Noreturn void out_of_memory(size_t bytes)
{
    char line[128];
    int n = snprintf(line, sizeof line, "ownscope: out of memory (%zu bytes asked for); "
                     "the traced program goes on untraced\n", bytes);
    if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(EXIT_OWN_FAILURE);
    _exit(EXIT_OWN_FAILURE);
}

void *xmalloc(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p)
        out_of_memory(bytes);
    return p;
}

void *xcalloc(size_t n, size_t bytes)
{
    void *p = n && bytes ? calloc(n, bytes) : calloc(1, 1);
    if (!p)
        out_of_memory(n > SIZE_MAX / (bytes ? bytes : 1) ? SIZE_MAX : n * bytes);
    return p;
}

void *xmalloc_lines(size_t bytes)
{
    void *p;
    if (posix_memalign(&p, CACHE_LINE_BYTES, bytes ? bytes : 1))
        out_of_memory(bytes);
    return p;
}

void *xrealloc(void *p, size_t bytes)
{
    p = realloc(p, bytes ? bytes : 1);
    if (!p)
        out_of_memory(bytes);
    return p;
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
    n = strnlen(s, n);
    char *copy = xmalloc(n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, format);
    int n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory(0);
    return text;
}

void *xgrow(void *array, size_t *capacity, size_t need, size_t element_bytes)
{
    if (need <= *capacity)
        return array;
    size_t n = *capacity ? *capacity : 16;
    while (n < need) {
        if (n > SIZE_MAX / 2)
            out_of_memory(SIZE_MAX);
        n *= 2;
    }
    if (n > SIZE_MAX / element_bytes)
        out_of_memory(SIZE_MAX);
    array = xrealloc(array, n * element_bytes);
    *capacity = n;
    return array;
}
