/*
 * collector/export/doc_graph.h - between the files that make the document `graph`.
 */
#ifndef OWNSCOPE_DOC_GRAPH_H
#define OWNSCOPE_DOC_GRAPH_H

#include "export/graph_parts.h"

enum { GROUPS_DEFAULT = 1000 };

/* Blocks in groups: what they are, and what they retain together, at most `rows`, those that retain most first. */
json_t *graph_groups(struct graph_maker *m, const char *by, size_t rows, size_t *total);

/* One node, and all that is around it: the members that the document has of it. `most` rows a list; 0: 100. */
json_t *graph_one(struct graph_maker *m, const char *of, size_t most);

#endif
