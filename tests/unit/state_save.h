/*
 * tests/unit/state_save.h - the state of a graph as bytes, as a checkpoint has it:
 * saved, loaded, held against another. Equal states give equal bytes, whatever
 * tables and places they have inside.
 */
#ifndef STATE_SAVE_H
#define STATE_SAVE_H

#include <check.h>
#include <string.h>

#include "event/archive.h"
#include "graph/graph.h"

/* archive_free(a) when it is not needed any more. */
static inline void state_save(struct graph *g, struct archive *a)
{
    archive_write_begin(a);
    graph_save(g, a);
    archive_write_end(a);
}

/* NULL: refused, and *flaw says why. */
static inline struct graph *state_load(const struct archive *saved, const struct code *code, const char **flaw)
{
    struct archive a;
    struct archive_replay r;
    archive_read_again(&a, &r, saved);
    struct graph *g = graph_load(code, &a);
    if (flaw)
        *flaw = a.flaw;
    archive_free(&a);
    return g;
}

static inline bool states_equal(const struct archive *a, const struct archive *b)
{
    bool same = a->n_parts == b->n_parts;
    for (size_t i = 0; i < a->n_parts && same; i++)
        same = a->parts[i].bytes == b->parts[i].bytes && !memcmp(a->parts[i].data, b->parts[i].data, a->parts[i].bytes);
    return same;
}

/* What a save gives, loaded. */
static inline struct graph *graph_twin(struct graph *g, const struct code *code)
{
    struct archive a, in;
    struct archive_replay r;
    state_save(g, &a);
    archive_read_again(&in, &r, &a);
    struct graph *loaded = graph_load(code, &in);
    if (!loaded)
        ck_abort_msg("refused: %s", in.flaw);
    if (in.at != in.end || in.left_bytes)
        ck_abort_msg("%zu bytes of the state were not read", (size_t)(in.end - in.at) + (size_t)in.left_bytes);
    archive_free(&in);
    archive_free(&a);
    return loaded;
}

/* Both save to the same bytes. */
static inline void graphs_check(struct graph *x, struct graph *y)
{
    struct archive a, b;
    state_save(x, &a);
    state_save(y, &b);
    if (!states_equal(&a, &b))
        ck_abort_msg("saves of %lu and %lu bytes differ", (unsigned long)archive_bytes_written(&a), (unsigned long)archive_bytes_written(&b));
    archive_free(&a);
    archive_free(&b);
}

#endif
