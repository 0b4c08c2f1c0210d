/*
 * collector/export/export_heap.h - heaps in a streamed document: what a snapshot
 * knows of a block, nodes of roots, edges `contains`.
 *
 * Of each process the view's snapshot; blocks that were dropped since, or made
 * since, have none of it.
 */
#ifndef OWNSCOPE_EXPORT_HEAP_H
#define OWNSCOPE_EXPORT_HEAP_H

#include "export/block_life.h"
#include "export/doc.h"
#include "export/frames.h"

struct export_heap;
/* The view must have blocks. Never NULL. */
struct export_heap *export_heap_new(const struct view *v, const struct doc_context *c, struct frames *f);
void export_heap_free(struct export_heap *x);
/* False: no snapshot knows it. Texts are valid until the next call. */
bool export_heap_block(struct export_heap *x, const struct view_block *b, struct block_holding *h);
/* Parts of roots that point to anything. */
void export_heap_nodes(const struct export_heap *x, struct json_writer *w);
void export_heap_edges(const struct export_heap *x, struct json_writer *w);

#endif
