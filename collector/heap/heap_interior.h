/*
 * collector/heap/heap_interior.h - interior pointers that are as good as a
 * pointer to the start, because of how C++ libraries and compilers lay blocks
 * out.
 *
 * The rules are those of Valgrind's --leak-check-heuristics=all, its default:
 *  - stdstring: length, capacity, reference count, then the text that is pointed
 *    to; the block ends behind the capacity and its 0.
 *  - length64: the 64-bit length of the rest, which is pointed to (sqlite).
 *  - newarray: the number of elements, which are pointed to and divide the rest.
 *  - multipleinheritance: both the block and what is pointed to begin with the
 *    address of a table of functions.
 */
#ifndef OWNSCOPE_HEAP_INTERIOR_H
#define OWNSCOPE_HEAP_INTERIOR_H

#include "heap/heap_modules.h"
#include "heap/heap_walk.h"

/* Marks edges of `inners` EDGE_GOOD. While s->type still holds what `types` noted. */
void heap_interior(struct snapshot *s, struct heap_image *image, struct heap_types *types, const struct heap_inners *inners);

#endif
