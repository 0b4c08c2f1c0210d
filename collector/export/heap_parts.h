/*
 * collector/export/heap_parts.h - splits the roots of a snapshot into parts that
 * have names (analysis.h).
 */
#ifndef OWNSCOPE_HEAP_PARTS_H
#define OWNSCOPE_HEAP_PARTS_H

#include "export/analysis.h"

/* Fills in parts, n_parts and labels. Only where pointers stand is anything split. */
void heap_parts_make(struct heap *h, const struct view *v, struct symbols *symbols);

#endif
