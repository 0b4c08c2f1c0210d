/*
 * collector/event/code.h - the code that events came from: modules, frames
 * and the tree of stacks.
 *
 * Append-only tables with dense ids from 1 (0: none), so that a trace file can
 * keep them by order of birth and an id never changes its meaning. Written by
 * one thread (the ingest thread, or a reader's); other threads see copies in a
 * view (collector/graph/view.h), never these tables.
 */
#ifndef OWNSCOPE_CODE_H
#define OWNSCOPE_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE_BUILD_ID_MAX = 32, CODE_DEPTH_MAX = 4096,
       CODE_PATH_MAX = 16384, /* bytes; longer paths are cut */
       CODE_MODULES_MAX = 1 << 18, CODE_FRAMES_MAX = 1 << 24, CODE_STACKS_MAX = 1 << 24 };

/* One file of code. Equal (path, build-id) is one module, also across processes. */
struct code_module {
    char *path;             /* as the program's loader named it; "" for unknown */
    uint8_t build_id[CODE_BUILD_ID_MAX];
    uint8_t build_id_bytes; /* 0: none */
};

/* One place in code. */
struct code_frame {
    uint32_t module;        /* 0: not in a known module (generated code): offset is the address */
    uint32_t flags;         /* CODE_FRAME_* */
    uint64_t offset;        /* link-time address inside the module (address minus load bias) */
};
enum {
    CODE_FRAME_EXACT = 1,     /* the pc itself (interrupted by a signal); else a return address */
    CODE_FRAME_TRUNCATED = 2  /* stands for "could not be unwound further" at a stack's outer end */
};

/* A stack is a node: its innermost frame, and the rest (towards main) as parent. */
struct code_stack {
    uint32_t parent;        /* 0: this is the outermost frame */
    uint32_t frame;
    uint32_t depth;         /* frames, this one included */
};

struct code;

/* 0 or -ENOMEM is never returned: allocation failure in the collector aborts
 * (xalloc.h), so these calls return ids. A full table, or an argument that
 * names nothing, makes module and frame calls return 0; code_stack_id returns
 * the parent then (0 for a parent that names nothing), and so at
 * CODE_DEPTH_MAX: the stack is cut at its inner end. */
struct code *code_new(void);
void code_free(struct code *c);

uint32_t code_module_id(struct code *c, const char *path, size_t path_bytes,
                        const uint8_t *build_id, size_t build_id_bytes);
uint32_t code_frame_id(struct code *c, uint32_t module, uint64_t offset, uint32_t flags);
uint32_t code_stack_id(struct code *c, uint32_t parent, uint32_t frame);

/* Counts; ids run from 1 to the count. */
uint32_t code_modules(const struct code *c);
uint32_t code_frames(const struct code *c);
uint32_t code_stacks(const struct code *c);

/* The entry of an id; NULL for 0 and for ids out of range. Pointers stay
 * valid until the next *_id call. */
const struct code_module *code_module(const struct code *c, uint32_t id);
const struct code_frame *code_frame(const struct code *c, uint32_t id);
const struct code_stack *code_stack(const struct code *c, uint32_t id);

/* Frames of a stack from the inside out, at most `max`; returns how many were written. */
size_t code_stack_frames(const struct code *c, uint32_t stack, uint32_t *frames, size_t max);

#endif
