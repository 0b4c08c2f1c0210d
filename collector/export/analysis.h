/*
 * collector/export/analysis.h - the snapshots of a view, made ready for documents:
 * leak classes, dominators, names of roots, each made once.
 *
 * One thread; lives no longer than the view. Roots are split: a module's data by
 * variable, a stack by frame, so that r7 is "app:table" and not "some data of
 * app". Their numbers go on from one snapshot of the view to the next.
 */
#ifndef OWNSCOPE_ANALYSIS_H
#define OWNSCOPE_ANALYSIS_H

#include <jansson.h>

#include "export/json_writer.h"
#include "graph/view.h"
#include "heap/heap_tree.h"
#include "symbols/symbols.h"

/* What a part of a root is called. */
struct heap_label {
    const char *variable;       /* ROOT_DATA, where one covers it; lives as long as the symbols */
    uint64_t offset;            /* ROOT_DATA: link-time address of its beginning */
    uint64_t bytes;             /* of the variable; 0: not told */
    uint32_t frame;             /* ROOT_STACK: the view's frame, 0: not known */
};

struct heap {
    const struct snapshot *s;
    struct heap_reach *reach;   /* NULL: memory was not read, nothing is known but the blocks */
    struct heap_tree *tree;     /* NULL: as above, or not wanted */
    struct heap_part *parts; size_t n_parts;    /* with the tree */
    struct heap_label *labels;  /* of each part: labels[part.label] */
    uint64_t first_root;        /* the first part is r<first_root> */
};

struct analysis {
    const struct view *v;
    struct symbols *symbols;
    struct heap *heaps; size_t n;   /* as the view's snapshots, those of other processes left out */
};

enum { ANALYSIS_TREE = 1 };
/* process 0: all. `symbols` may be NULL: no variables, no functions. */
struct analysis *analysis_new(const struct view *v, struct symbols *symbols, uint32_t process, unsigned flags,
                        heap_progress progress, void *context);
void analysis_free(struct analysis *h);

/* The block of an id, or that holds an address (of one that begins there, first): true and where. */
bool analysis_find_block(const struct analysis *h, uint64_t id, uint32_t *heap, uint32_t *node);
bool analysis_find_address(const struct analysis *h, uint64_t address, uint32_t *heap, uint32_t *node);
/* The part that is r<number>. */
bool analysis_find_root(const struct analysis *h, uint64_t number, uint32_t *heap, uint32_t *node);

static inline bool heap_is_part(const struct heap *h, uint32_t node)
{
    return h->tree && node >= h->tree->n_blocks && node < h->tree->lost;
}
static inline const struct heap_part *heap_part_of(const struct heap *h, uint32_t node)
{
    return &h->parts[node - h->tree->n_blocks];
}
/* "b12", "r3", "lost", "top" */
struct heap_id { char text[24]; };
struct heap_id heap_node_id(const struct heap *h, uint32_t node);
/* Where a part's memory begins, and how much it is. */
uint64_t heap_part_address(const struct heap *h, uint32_t node);
uint64_t heap_part_bytes(const struct heap *h, uint32_t node);
/* An address lies in it, and not in a variable behind it that holds nothing. */
bool heap_part_covers(const struct analysis *hs, const struct heap *h, uint32_t node, uint64_t address);
/* How far in a node the word `at` (of the snapshot) lies, in bytes: in a part, from where that begins. */
uint64_t heap_pointer_offset(const struct heap *h, uint32_t node, uint32_t at);
/* "app:table", "app+0x4010", "main in the stack of t1", "registers of t2", "TLS of t1", "memory at 0x7f…": malloc'ed. */
char *heap_part_text(const struct analysis *hs, const struct heap *h, uint32_t node);
/* Sets root (what kind), where, address, size_bytes, and module, symbol, offset, thread, function, file, line where there are such. */
void heap_part_members(json_t *j, const struct analysis *hs, const struct heap *h, uint32_t node);

#endif
