/*
 * collector/graph/view_join.h - the code of one view in the numbers of another.
 */
#ifndef OWNSCOPE_VIEW_JOIN_H
#define OWNSCOPE_VIEW_JOIN_H

#include "graph/view.h"

/* For each stack of `from` (index + 1) its id in `to`, UINT32_MAX: it is not there; malloc'ed, n_stacks + 1 long. */
uint32_t *view_join_stacks(const struct view *to, const struct view *from);

#endif
