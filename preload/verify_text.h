/*
 * preload/verify_text.h - words and numbers into a buffer, without libc's
 * stdio. What does not fit is cut.
 */
#ifndef PRELOAD_VERIFY_TEXT_H
#define PRELOAD_VERIFY_TEXT_H

#include <stdint.h>

struct verify_text {
    char *at, *end;
};

void verify_say(struct verify_text *t, const char *words);
void verify_say_number(struct verify_text *t, uint64_t n);
/* "libc.so.6+0x271c9", the offset as in the file; "=" before an exact pc. */
void verify_say_frame(struct verify_text *t, uint64_t frame);

#endif
