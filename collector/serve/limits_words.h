/*
 * collector/serve/limits_words.h - what limits and their actions are called: for
 * the files that read, keep and tell them.
 */
#ifndef OWNSCOPE_LIMITS_WORDS_H
#define OWNSCOPE_LIMITS_WORDS_H

#include "serve/limits.h"

struct limit_word { const char *name, *example; enum limit_action usual; };
extern const struct limit_word limit_words[LIMITS];
extern const char *const limit_action_words[];

/* As limits_parse takes it: "3%", "100k", "1G"; returned. */
enum { LIMIT_VALUE_TEXT = 48 };
const char *limit_value_text(char text[LIMIT_VALUE_TEXT], enum limit_key key, double value);

#endif
