/*
 * collector/export/block_type.h - what a block is: its type, as well as it can be
 * known of a program that nobody rebuilt.
 *
 * In this order: the C++ dynamic type that its first word's vtable tells; the
 * type that the functions which allocated it are made for (make_shared<T>,
 * vector<T>, Box<T>…); else the place in the code that made it. Documents say
 * which of the three it was. One thread; looked up once a type and once a stack.
 */
#ifndef OWNSCOPE_BLOCK_TYPE_H
#define OWNSCOPE_BLOCK_TYPE_H

#include "event/snapshot.h"
#include "export/frames.h"

enum block_type_by { BLOCK_TYPE_UNKNOWN = 0, BLOCK_TYPE_VTABLE, BLOCK_TYPE_FRAME, BLOCK_TYPE_SITE };
/* "vtable", "frame", "site"; NULL unknown */
const char *block_type_by_name(unsigned by);

/* `number` is the same for the same name, from 1; 0: not known. */
struct block_type { const char *name; uint32_t number; uint8_t by; };

struct block_types;
struct block_types *block_types_new(const struct view *v, struct symbols *symbols, struct frames *frames);
void block_types_free(struct block_types *t);
struct block_type block_type_of(struct block_types *t, const struct snapshot *s, uint32_t block);

/* The type that an allocating function is made for, "T", or "T[]" where it makes
 * room for any number: malloc'ed; NULL: its name tells none. `function` is
 * demangled. For tests. */
char *block_type_of_function(const char *function);
/* "Foo" of a mangled type name ("3Foo", "N3abc3FooE"): lives as long as `n`; NULL: it cannot be read. */
struct names;
const char *block_type_demangle(struct names *n, const char *mangled);

#endif
