/*
 * collector/export/text.h - text from traced programs as valid UTF-8.
 */
#ifndef OWNSCOPE_TEXT_H
#define OWNSCOPE_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* Length of the valid UTF-8 sequence at p (1 to 4), 0: none starts here. */
size_t text_utf8(const char *p, size_t n);
/* A JSON string; every byte that is no UTF-8 becomes U+FFFD. Never NULL. */
json_t *text_json(const char *text, size_t n);
/* The same of a C string; NULL gives null. */
json_t *text_json_string(const char *text);

#endif
