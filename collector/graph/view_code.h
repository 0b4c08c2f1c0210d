/*
 * collector/graph/view_code.h - the modules, frames and stacks that a view
 * needs. Run by the graph's thread while a view is made.
 */
#ifndef OWNSCOPE_VIEW_CODE_H
#define OWNSCOPE_VIEW_CODE_H

#include "graph/view.h"

/* Copies the code that the view's sites, hand-offs and blocks name by ids of
 * `code` (NULL: none is known), and puts the view's own ids in their place.
 * Ids that `code` does not have become 0. */
void view_code_copy(struct view *v, const struct code *code);

#endif
