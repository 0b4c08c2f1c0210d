/*
 * collector/export/frames_state.h - what frames.c and frames_write.c share.
 *
 * `pool` is a set of code tables of its own into which stacks of the view and
 * of the trace are interned: so equal stacks meet, whichever side they come
 * from. Places are kept by pool frame: many stacks share them.
 */
#ifndef OWNSCOPE_FRAMES_STATE_H
#define OWNSCOPE_FRAMES_STATE_H

#include "export/frames.h"

struct id_map {                /* somebody else's id -> ours */
    uint32_t *to;
    size_t count;
};

struct resolved {           /* places of one pool frame */
    struct frame_place *places;
    json_t **json;
    char *text;             /* as JSON, joined by commas */
    size_t text_bytes;
    uint32_t n;
    bool done;
};

struct module_seen {
    bool ours;              /* the shim's own frames are not shown */
    bool used;
};

/* A whole stack as JSON: who streams events writes the same ones over and over. */
struct stack_text { char *text; size_t bytes; };

struct label {
    uint64_t hash;
    uint32_t id;
};

struct frames {
    struct symbols *symbols;
    const struct view *view;
    const struct code *code;
    struct code *pool;
    struct id_map view_stacks, view_modules, code_stacks, code_modules;
    struct resolved *resolved;
    size_t resolved_capacity, resolved_count;
    struct module_seen *modules;
    size_t modules_capacity, modules_count;
    uint32_t *used;         /* modules in order of use */
    size_t used_capacity, used_count;
    struct label *labels;   /* open addressing */
    uint32_t label_mask, label_count;
    struct frame_place *list;
    size_t list_capacity;
    json_t **stack_json;
    size_t stack_json_capacity, stack_json_count;
    struct stack_text *texts;   /* by stack */
    size_t texts_capacity, texts_count, texts_bytes;
    struct json_writer *writer; /* for the texts of frames */
};

/* The places of a pool frame, looked up when it is first asked for. */
struct resolved *frames_resolved(struct frames *f, uint32_t frame);

#endif
