/*
 * collector/cli/refusal.h - why a program cannot be traced, and what to do, in words.
 */
#ifndef OWNSCOPE_REFUSAL_H
#define OWNSCOPE_REFUSAL_H

#include "session/launch.h"

/* One line, malloc'ed; NULL: it can be. `program` as it was named. */
char *refusal_text(const struct launch_check *c, const char *program);

#endif
