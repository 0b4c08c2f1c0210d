/*
 * collector/event/xalloc.h - memory in the collector: an allocation that
 * fails ends the collector with one line (the traced program goes on, see
 * wire/ring_writer.h), so no caller carries a path that nothing tests.
 */
#ifndef OWNSCOPE_XALLOC_H
#define OWNSCOPE_XALLOC_H

#include <stddef.h>

void *xmalloc(size_t bytes);
void *xcalloc(size_t n, size_t bytes);
/* On a cache line; freed by free. */
void *xmalloc_lines(size_t bytes);
void *xrealloc(void *p, size_t bytes);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Grow an array to hold at least `need` elements; *capacity is doubled. */
void *xgrow(void *array, size_t *capacity, size_t need, size_t element_bytes);

#endif
