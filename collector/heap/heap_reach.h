/*
 * collector/heap/heap_reach.h - leak classes: which blocks a root still reaches.
 *
 * The classes are ownscope-model(7)'s, and Valgrind's: a chain of start pointers
 * (or known good interior ones) from a root makes reachable; a chain with an
 * interior pointer possible; of the rest, what no other lost block reaches is
 * definite (of a cycle its first-born block), and what hangs below indirect.
 *
 * Mapped blocks are no leaks: one that nothing reaches is a root of its own
 * (its user may keep its address in a form that no scan knows).
 */
#ifndef OWNSCOPE_HEAP_REACH_H
#define OWNSCOPE_HEAP_REACH_H

#include "event/snapshot.h"

enum leak_class { LEAK_REACHABLE = 0, LEAK_POSSIBLE, LEAK_INDIRECT, LEAK_DEFINITE, LEAK_CLASSES };
/* "reachable", "possible", "indirect", "definite" */
extern const char *const leak_class_names[LEAK_CLASSES];

struct heap_reach {
    uint8_t *class;         /* of each block: enum leak_class */
    uint32_t *leader;       /* of an indirect block: the definite one it hangs below; else itself */
    bool *loose;            /* mapped blocks that nothing reaches: roots of their own; NULL: none */
    struct { uint64_t blocks, bytes; } totals[LEAK_CLASSES];    /* heap blocks, mapped ones aside */
};
/* NULL: the snapshot has no edges (its memory was not read). */
struct heap_reach *heap_reach_new(const struct snapshot *s);
void heap_reach_free(struct heap_reach *r);

#endif
