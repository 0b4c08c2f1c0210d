/*
 * preload/verify_text.c - see verify_text.h. Runs in the traced thread; frames
 * are named by the lock-free _dl_find_object.
 */
#include "preload/verify_text.h"

#include <dlfcn.h>
#include <link.h>

#include "wire/record.h"

extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

void verify_say(struct verify_text *t, const char *words)
{
    while (*words && t->at < t->end)
        *t->at++ = *words++;
}

static void say_digits(struct verify_text *t, uint64_t n, unsigned base)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = 0;
    do
        *--at = "0123456789abcdef"[n % base];
    while (n /= base);
    verify_say(t, at);
}

void verify_say_number(struct verify_text *t, uint64_t n)
{
    say_digits(t, n, 10);
}

void verify_say_frame(struct verify_text *t, uint64_t frame)
{
    uint64_t pc = frame & ~WIRE_FRAME_EXACT;
    struct dl_find_object found;
    if (frame == WIRE_FRAME_TRUNCATED) {
        verify_say(t, "(cut)");
        return;
    }
    if (frame & WIRE_FRAME_EXACT)
        verify_say(t, "=");
    if (&_dl_find_object && !_dl_find_object((void *)pc, &found)) {
        const char *name = found.dlfo_link_map->l_name, *base = name;
        for (; *name; name++)
            if (*name == '/')
                base = name + 1;
        verify_say(t, *base ? base : "program");
        verify_say(t, "+");
        pc -= found.dlfo_link_map->l_addr;
    }
    verify_say(t, "0x");
    say_digits(t, pc, 16);
}
