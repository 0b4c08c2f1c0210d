/*
 * collector/event/snapshot.c - see snapshot.h.
 */
#include "event/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "event/code.h"
#include "event/xalloc.h"

static const char *const whys[SNAPSHOT_WHYS] = {"asked", "exit", "abort", "mark", "signal"};
static const char *const hows[] = {"unread", "copied", "forked"};
static const char *const kinds[ROOT_KINDS] = {"?", "data", "stack", "registers", "tls", "mapping", "unrecorded", "loose"};

const char *snapshot_why_name(unsigned why) { return why < SNAPSHOT_WHYS ? whys[why] : "?"; }
const char *snapshot_how_name(unsigned how) { return how < 3 ? hows[how] : "?"; }
const char *root_kind_name(unsigned kind) { return kind < ROOT_KINDS ? kinds[kind] : "?"; }

struct snapshot *snapshot_new(void)
{
    return xcalloc(1, sizeof(struct snapshot));
}

static void *copy_of(const void *array, size_t n, size_t element_bytes)
{
    void *copy = xmalloc((n + 1) * element_bytes);
    if (n)
        memcpy(copy, array, n * element_bytes);
    return copy;
}

struct snapshot *snapshot_share(const struct snapshot *s, void (*let_go)(void *context, const struct snapshot *s),
                                void *context)
{
    struct snapshot *share = snapshot_new();
    *share = *s;
    share->stack = copy_of(s->stack, s->n_blocks, sizeof *s->stack);
    share->roots = copy_of(s->roots, s->n_roots, sizeof *s->roots);
    share->frames = copy_of(s->frames, s->n_frames, sizeof *s->frames);
    share->types = copy_of(s->types, s->n_types, sizeof *s->types);
    share->of = s;
    share->let_go = let_go;
    share->let_go_context = context;
    return share;
}

static void share_free(struct snapshot *s)
{
    if (s->let_go)
        s->let_go(s->let_go_context, s->of);
    free(s->stack);
    free(s->roots);
    free(s->frames);
    free(s->types);
    free(s);
}

/* What was read of memory. */
static void memory_free(struct snapshot *s)
{
    for (size_t i = 0; i < s->n_types; i++)
        free(s->types[i].name);
    free(s->types);
    free(s->type);
    free(s->roots);
    free(s->first);
    free(s->to);
    free(s->at);
    free(s->frames);
}

void snapshot_refuse(struct snapshot *s, char *why)
{
    memory_free(s);
    s->types = NULL;
    s->type = s->at = s->to = NULL;
    s->roots = NULL;
    s->first = NULL;
    s->frames = NULL;
    s->n_types = s->n_roots = s->n_edges = s->n_frames = 0;
    s->words = s->read_bytes = s->scan_ns = 0;
    s->stacks_unknown = false;
    free(s->refused);
    s->refused = why;
    s->how = SNAPSHOT_UNREAD;
}

void snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    if (s->of) {
        share_free(s);
        return;
    }
    memory_free(s);
    free(s->refused);
    free(s->mark);
    free(s->address);
    free(s->size);
    free(s->id);
    free(s->born_ns);
    free(s->stack);
    free(s->thread);
    free(s->owner);
    free(s->family);
    free(s->rate);
    free(s);
}

static bool blocks_sound(const struct snapshot *s)
{
    for (size_t i = 0; i < s->n_blocks; i++) {
        if (s->size[i] > UINT64_MAX - s->address[i] || (i && s->address[i] <= s->address[i - 1]))
            return false;
        if (s->type && s->type[i] > s->n_types)
            return false;
    }
    return true;
}

static bool edges_sound(const struct snapshot *s)
{
    size_t nodes = snapshot_nodes(s);
    if (!s->first)
        return !s->n_edges;
    if (s->first[0] || s->first[nodes] != s->n_edges)
        return false;
    for (size_t i = 0; i < nodes; i++)
        if (s->first[i] > s->first[i + 1])
            return false;
    for (size_t i = 0; i < s->n_edges; i++)
        if ((s->to[i] & EDGE_TARGET) >= s->n_blocks)
            return false;
    return true;
}

bool snapshot_sound(const struct snapshot *s)
{
    if (s->n_blocks > SNAPSHOT_BLOCKS_MAX || s->n_roots > SNAPSHOT_BLOCKS_MAX || !blocks_sound(s) || !edges_sound(s))
        return false;
    for (size_t i = 0; i < s->n_roots; i++)
        if (!s->roots[i].kind || s->roots[i].kind >= ROOT_KINDS || s->roots[i].bytes > UINT64_MAX - s->roots[i].address)
            return false;
    for (size_t i = 0; i < s->n_frames; i++)
        if (s->frames[i].root >= s->n_roots)
            return false;
    return true;
}

bool snapshot_named(const struct snapshot *s, const struct code *code)
{
    for (size_t i = 0; i < s->n_blocks; i++)
        if (s->stack[i] > code_stacks(code))
            return false;
    for (size_t i = 0; i < s->n_roots; i++)
        if (s->roots[i].module > code_modules(code))
            return false;
    for (size_t i = 0; i < s->n_frames; i++)
        if (s->frames[i].frame > code_frames(code))
            return false;
    for (size_t i = 0; i < s->n_types; i++)
        if (s->types[i].module > code_modules(code))
            return false;
    return true;
}
