/*
 * collector/export/graph_parts.h - pieces that the documents about the heap's
 * graph share.
 */
#ifndef OWNSCOPE_GRAPH_PARTS_H
#define OWNSCOPE_GRAPH_PARTS_H

#include "export/block_type.h"
#include "export/doc_parts.h"
#include "export/analysis.h"

/* One document. */
struct graph_maker {
    const struct view *v;
    const struct doc_context *c;
    struct analysis *hs;
    struct frames *frames;
    struct block_types *types;
    uint64_t since_ns;          /* only blocks made since count; 0: all */
};
void graph_maker_begin(struct graph_maker *m, const struct view *v, const struct doc_context *c, uint32_t process, uint64_t since_ns);
void graph_maker_end(struct graph_maker *m);

/* id and kind; block: size_bytes type type_by; root: where root. */
json_t *graph_node_brief(struct graph_maker *m, const struct heap *h, uint32_t node);
/* And all else that is known of it, but its children. */
json_t *graph_node(struct graph_maker *m, const struct heap *h, uint32_t node);
/* "b12"…; null for the top. */
json_t *graph_node_id(const struct heap *h, uint32_t node);
/* Of `blocks`, when there are such. */
json_t *graph_type_members(json_t *j, struct block_type t);
/* {metadata, snapshots, refused, totals} */
json_t *graph_head(struct graph_maker *m);

#endif
