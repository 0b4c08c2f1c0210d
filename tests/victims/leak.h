/*
 * tests/victims/leak.h - what the leak victims share. They are built with -O0
 * (Makefile), so that a pointer is where the source says and nowhere else.
 *
 *   expect leak CLASS new=FUNC blocks=N bytes=N process=N
 *
 * What is left of the class (definite indirect possible reachable) of what was
 * made in FUNC, in process N (the first one, unless told). There is nothing else
 * of the classes but reachable. Held against memcheck's words and ours by
 * tests/e2e/leaks.sh.
 */
#ifndef LEAK_H
#define LEAK_H

#include "victim.h"

/* What calls before this one left on the stack is gone. */
NOINLINE static void scrub(void)
{
    char room[1 << 15];
    memset(room, 0, sizeof room);
    keep(room);
}

struct link { struct link *next, *other; long more[2]; };

static inline struct link *link_to(struct link *l, struct link *next)
{
    l->next = next;
    return l;
}

#endif
