/*
 * collector/export/frames.h - stacks as people and documents see them: from
 * the inside out, inlined functions spelled out, our own shim left out.
 *
 * One thread. A `frames` stands between one view and/or one set of code tables
 * and what is printed of them: stacks of both become numbers of its own (from
 * 1; 0 is no stack), equal stacks the same number. Symbols are looked up when
 * a frame is first asked for, once.
 *
 * A stack that could not be unwound to its end closes with the place
 * {"function":"[truncated]","inlined":false} and nothing else in it.
 */
#ifndef OWNSCOPE_FRAMES_H
#define OWNSCOPE_FRAMES_H

#include <jansson.h>

#include "export/json_writer.h"
#include "graph/view.h"
#include "symbols/symbols.h"

struct frame_place {
    const char *function;   /* demangled; NULL unknown; so linkage, file and module */
    const char *linkage;    /* its name in the symbol table */
    const char *file;
    const char *module;     /* path */
    uint64_t offset;        /* link-time address that the place was looked up for: of
                             * the call itself, one byte before the return address */
    uint32_t line;          /* 0 unknown */
    uint32_t label;         /* equal for places that read the same */
    bool inlined;
    bool truncated;         /* stands for frames that are missing */
    bool plumbing;          /* a wrapper around an allocator, or the C++ library's inside */
    bool outer;             /* start-up code outside of main or a thread's routine */
};

struct frames;
/* `v` and `c` may be NULL; they and `s` must outlive the frames. */
struct frames *frames_new(struct symbols *s, const struct view *v, const struct code *c);
void frames_free(struct frames *f);

/* Own numbers of a view's stack and of a stack of the code tables. */
uint32_t frames_view_stack(struct frames *f, uint32_t stack);
uint32_t frames_code_stack(struct frames *f, uint32_t stack);

/* The places of a stack, at most `max` (0: all); valid until the next call. */
size_t frames_places(struct frames *f, uint32_t stack, size_t max, const struct frame_place **places);

/* The places that tell most: from the inside, those that are no plumbing, not
 * beyond main; when there is nothing else, the innermost ones as they are.
 * Fills shown[] with at most `most` (<= FRAMES_TELLING_MAX) indexes, ascending. */
enum { FRAMES_TELLING_MAX = 64 };
size_t frames_telling(const struct frame_place *places, size_t n, size_t most, uint32_t *shown);

/* As an array of frames: a new reference, shared inside; and as text. */
json_t *frames_json(struct frames *f, uint32_t stack);
void frames_write(struct frames *f, struct json_writer *w, uint32_t stack);
/* Only the telling places, as text. */
void frames_write_telling(struct frames *f, struct json_writer *w, uint32_t stack, size_t most);

/* Counts all modules of the view as asked for. */
void frames_use_view_modules(struct frames *f);
/* Modules that were asked for so far, and what is known of them. */
size_t frames_modules(struct frames *f);
const struct code_module *frames_module(struct frames *f, size_t i, enum symbols_state *state);

#endif
