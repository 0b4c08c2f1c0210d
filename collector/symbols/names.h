/*
 * collector/symbols/names.h - names for people, kept once: functions
 * demangled, source files with their directory.
 *
 * C++ (Itanium), Rust (legacy and v0). Mangled names are hostile input: a
 * name of a hundred characters can stand for gigabytes, so what grows past a
 * bound stays mangled. One thread at a time. Strings live as long as `names`.
 */
#ifndef OWNSCOPE_NAMES_H
#define OWNSCOPE_NAMES_H

#include <stdbool.h>

struct names;
struct names *names_new(void);
void names_free(struct names *n);

/* What a linkage name means; a copy of it when it is not mangled, without a
 * symbol version ("memcpy@GLIBC_2.2.5" is memcpy). */
const char *names_demangle(struct names *n, const char *linkage);
/* "name@plt", demangled. */
const char *names_plt(struct names *n, const char *linkage);
/* A source file's path: below `dir` when it is relative. `dir` NULL: unknown. */
const char *names_path(struct names *n, const char *dir, const char *file);
/* True for a name that a demangler is worth asking about. */
bool names_mangled(const char *linkage);

#endif
