/*
 * tests/unit/symbols_ask.h - short questions to collector/symbols about
 * scratch files. `s` is made anew for every test (setup, teardown).
 */
#ifndef OWNSCOPE_SYMBOLS_ASK_H
#define OWNSCOPE_SYMBOLS_ASK_H

#include "symbols/symbols.h"
#include "symbols_scratch.h"

static struct symbols *s;

static inline void setup(void)
{
    s = symbols_new();
    symbols_debug_dir(s, in_scratch("debug"));
}

static inline void teardown(void)
{
    symbols_free(s);
}

/* The innermost place of an address in a scratch file, no build-id asked for. */
static inline const struct symbol_place *at(const char *program, uint64_t address)
{
    const struct symbol_place *p;
    ck_assert_uint_ge(symbols_resolve(s, in_scratch(program), NULL, 0, address, &p), 1);
    return p;
}

static inline enum symbols_state state(const char *program)
{
    return symbols_module_state(s, in_scratch(program), NULL, 0);
}

static inline bool is(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

static inline bool unknown(const struct symbol_place *p)
{
    return !p->function && !p->linkage && !p->file && !p->line && !p->inlined;
}

#endif
