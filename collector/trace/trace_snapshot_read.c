/*
 * collector/trace/trace_snapshot_read.c - a heap snapshot out of a trace file; the
 * mirror of trace_snapshot_pack.c, item by item in the same order.
 *
 * One thread, the trace's. Everything read is hostile. What a snapshot is to
 * have is claimed by its head and by the frames of its parts; both are held
 * against each other and against the bytes that the file really has before
 * room is made, so a file cannot ask for more than some 300 times what it is
 * long. What is wrong with a snapshot costs that snapshot and nothing else.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/xalloc.h"
#include "trace/trace_reader.h"
#include "trace/trace_snapshot.h"
#include "trace/trace_snapshot_head.h"
#include "trace/trace_snapshot_pack.h"

struct snapshot_reader {
    struct trace *t;
    struct chunk_opener opener;
    struct trace_columns columns;
    uint64_t at[TRACE_COLUMNS];     /* bits read of each column of bits */
    size_t part, end;               /* entries of the map: the next part, behind the last one */
    uint32_t left;                  /* items left in the open part */
    const char *flaw;
    uint64_t offset;                /* where the flaw is */
};

/* ---- parts ----------------------------------------------------------------------- */

static int bad(struct snapshot_reader *r, const char *flaw)
{
    if (!r->flaw) {
        r->flaw = flaw;
        r->offset = r->t->map.entries[r->part - (r->part > 0)].offset;
    }
    return -EBADMSG;
}

/* Goes on to the next part, which has to be of this section. */
static int part_next(struct snapshot_reader *r, unsigned section)
{
    const struct map_entry *e = &r->t->map.entries[r->part];
    if (r->part == r->end || e->flags != section)
        return bad(r, "a snapshot has less than it says");
    r->part++;
    int error = map_read_chunk(r->t->fd, e, &r->opener, &r->columns, &r->flaw);
    if (error) {
        r->offset = e->offset;
        return error;
    }
    memset(r->at, 0, sizeof r->at);
    r->left = e->count;
    return 0;
}

/* One item more is read. */
static inline int item(struct snapshot_reader *r, unsigned section)
{
    if (__builtin_expect(!r->left, 0)) {
        int error = part_next(r, section);
        if (error)
            return error;
        if (!r->left)
            return bad(r, "a snapshot with an empty part");
    }
    r->left--;
    return 0;
}

static inline uint64_t get(struct snapshot_reader *r, unsigned id)
{
    return number_get(&r->columns, id, &r->at[id + 1]);
}

/* A number of 32 bits; a larger one makes the part bad. */
static inline uint32_t get32(struct snapshot_reader *r, uint64_t v)
{
    if (__builtin_expect(v > UINT32_MAX, 0)) {
        r->columns.bad = true;
        return 0;
    }
    return (uint32_t)v;
}

static int section_end(struct snapshot_reader *r)
{
    if (r->columns.bad || r->left)
        return bad(r, "a part of a snapshot that makes no sense");
    return 0;
}

/* ---- what is claimed ---------------------------------------------------------------- */

/* Items of each section, as the frames say, whose parts are long enough for them. */
static int claims(struct snapshot_reader *r, uint64_t items[SECTIONS])
{
    static const uint8_t bytes_of_item[SECTIONS] = { [SECTION_ROOTS] = 6, [SECTION_FRAMES] = 3, [SECTION_TYPES] = 3,
        [SECTION_BLOCKS] = 7, [SECTION_BIRTHS] = 1, [SECTION_LAYOUT] = 1, [SECTION_TARGETS] = 1 };
    for (size_t i = r->part; i < r->end; i++) {
        const struct map_entry *e = &r->t->map.entries[i];
        struct trace_frame frame;
        int error = chunk_pread(r->t->fd, &frame, sizeof frame, e->offset);
        if (error)
            return error;
        if (chunk_frame_flaw(&frame) || frame.count != e->count || frame.flags != e->flags || !e->flags ||
            e->flags >= SECTIONS || frame.count > TRACE_PART_MAX ||
            frame.raw_bytes < (uint64_t)frame.count * bytes_of_item[e->flags] ||
            frame.raw_bytes > (uint64_t)frame.payload_bytes * TRACE_PART_RATIO)
            return bad(r, "a part of a snapshot is not what it says");
        items[e->flags] += frame.count;
    }
    return 0;
}

static void *array_of(uint64_t n, size_t bytes) { return xmalloc((size_t)(n + 1) * bytes); }

static void make_room(struct snapshot *s, const uint64_t *n)
{
    s->n_blocks = (size_t)n[SNAPSHOT_N_BLOCKS];
    s->n_roots = (size_t)n[SNAPSHOT_N_ROOTS];
    s->n_frames = (size_t)n[SNAPSHOT_N_FRAMES];
    s->n_types = (size_t)n[SNAPSHOT_N_TYPES];
    s->n_edges = (size_t)n[SNAPSHOT_N_EDGES];
    s->address = array_of(s->n_blocks, sizeof *s->address);
    s->size = array_of(s->n_blocks, sizeof *s->size);
    s->id = array_of(s->n_blocks, sizeof *s->id);
    s->born_ns = array_of(s->n_blocks, sizeof *s->born_ns);
    s->stack = array_of(s->n_blocks, sizeof *s->stack);
    s->thread = array_of(s->n_blocks, sizeof *s->thread);
    s->owner = array_of(s->n_blocks, sizeof *s->owner);
    s->family = array_of(s->n_blocks, sizeof *s->family);
    s->roots = array_of(s->n_roots, sizeof *s->roots);
    s->frames = array_of(s->n_frames, sizeof *s->frames);
    s->types = xcalloc(s->n_types + 1, sizeof *s->types);
    if (n[SNAPSHOT_N_FLAGS] & SNAPSHOT_HAS_TYPES)
        s->type = array_of(s->n_blocks, sizeof *s->type);
    if (n[SNAPSHOT_N_FLAGS] & SNAPSHOT_HAS_RATES)
        s->rate = array_of(s->n_blocks, sizeof *s->rate);
    if (!(n[SNAPSHOT_N_FLAGS] & SNAPSHOT_HAS_EDGES))
        return;
    s->first = array_of(snapshot_nodes(s) + 1, sizeof *s->first);
    s->to = array_of(s->n_edges, sizeof *s->to);
    s->at = array_of(s->n_edges, sizeof *s->at);
}

static int room(struct snapshot_reader *r, const struct snapshot_head *head, struct snapshot *s)
{
    const uint64_t *n = head->numbers;
    uint64_t items[SECTIONS] = { 0 };
    int error = claims(r, items);
    if (error)
        return error;
    bool edges = n[SNAPSHOT_N_FLAGS] & SNAPSHOT_HAS_EDGES;
    if (items[SECTION_ROOTS] != n[SNAPSHOT_N_ROOTS] || items[SECTION_FRAMES] != n[SNAPSHOT_N_FRAMES] ||
        items[SECTION_TYPES] != n[SNAPSHOT_N_TYPES] || items[SECTION_BLOCKS] != n[SNAPSHOT_N_BLOCKS] ||
        items[SECTION_BIRTHS] != n[SNAPSHOT_N_BLOCKS] || items[SECTION_TARGETS] != n[SNAPSHOT_N_EDGES] ||
        (edges && items[SECTION_LAYOUT] < items[SECTION_BLOCKS] + items[SECTION_ROOTS]) ||
        (!edges && items[SECTION_LAYOUT] + items[SECTION_TARGETS]))
        return bad(r, "a snapshot and its parts do not agree");
    make_room(s, n);
    return 0;
}

/* ---- sections -------------------------------------------------------------------------- */

static int read_roots(struct snapshot_reader *r, struct snapshot *s)
{
    uint64_t after = 0;
    int error = 0;
    for (size_t i = 0; i < s->n_roots && !(error = item(r, SECTION_ROOTS)); i++) {
        struct snapshot_root *root = &s->roots[i];
        root->kind = cursor_byte(&r->columns, ROOTS_KIND);
        root->address = after + unzigzag(get(r, ROOTS_ADDRESS));
        root->bytes = get(r, ROOTS_BYTES);
        root->offset = get(r, ROOTS_OFFSET);
        root->module = get32(r, get(r, ROOTS_MODULE));
        root->thread = get32(r, get(r, ROOTS_THREAD));
        after = root->address + root->bytes;
    }
    return error ? error : section_end(r);
}

static int read_frames(struct snapshot_reader *r, struct snapshot *s)
{
    struct snapshot_frame last = { 0 };
    int error = 0;
    for (size_t i = 0; i < s->n_frames && !(error = item(r, SECTION_FRAMES)); i++) {
        last.address += unzigzag(get(r, FRAMES_ADDRESS));
        last.root = get32(r, last.root + unzigzag(get(r, FRAMES_ROOT)));
        last.frame = get32(r, get(r, FRAMES_FRAME));
        s->frames[i] = last;
    }
    return error ? error : section_end(r);
}

static int read_types(struct snapshot_reader *r, struct snapshot *s)
{
    uint64_t offset = 0;
    int error = 0;
    for (size_t i = 0; i < s->n_types && !(error = item(r, SECTION_TYPES)); i++) {
        struct snapshot_type *type = &s->types[i];
        type->module = get32(r, get(r, TYPES_MODULE));
        type->offset = offset += unzigzag(get(r, TYPES_OFFSET));
        uint64_t bytes = get(r, TYPES_NAME_BYTES);
        if (!bytes)
            continue;
        const char *name = bytes - 1 > TRACE_TYPE_NAME_MAX ? NULL : (const char *)cursor_bytes(&r->columns, TYPES_NAME, (size_t)bytes - 1);
        if (!name)
            return bad(r, "a type's name is longer than it may be");
        type->name = xstrndup(name, (size_t)bytes - 1);
    }
    return error ? error : section_end(r);
}

static inline void read_block(struct snapshot_reader *r, struct snapshot_model *m, struct snapshot *s, size_t i)
{
    uint32_t *next = model_next_stack(m);
    uint64_t told = get(r, BLOCKS_STACK);
    uint32_t stack = told ? get32(r, told - 1) : *next;
    uint64_t *size = model_size_of(m, stack);
    s->stack[i] = stack;
    s->size[i] = *size + unzigzag(get(r, BLOCKS_SIZE));
    s->address[i] = unturn(get(r, BLOCKS_GAP)) + (i ? snapshot_after(s->address[i - 1], s->size[i - 1]) : 0);
    s->id[i] = unzigzag(get(r, BLOCKS_ID)) + (i ? s->id[i - 1] : 0) + 1;
    s->thread[i] = get32(r, unzigzag(get(r, BLOCKS_THREAD)) + (i ? s->thread[i - 1] : 0));
    s->owner[i] = get32(r, unzigzag(get(r, BLOCKS_OWNER)) + s->thread[i]);
    s->family[i] = cursor_byte(&r->columns, BLOCKS_FAMILY);
    if (s->type) {
        uint32_t *type = model_type_of(m, snapshot_kin(stack, s->size[i]));
        told = get(r, BLOCKS_TYPE);
        s->type[i] = *type = told ? get32(r, told - 1) : *type;
    }
    if (s->rate)
        s->rate[i] = get(r, BLOCKS_RATE);
    *next = stack;
    *size = s->size[i];
    m->before = m->stack;
    m->stack = stack;
}

static int read_blocks(struct snapshot_reader *r, struct snapshot_model *m, struct snapshot *s)
{
    int error = 0;
    for (size_t i = 0; i < s->n_blocks && !(error = item(r, SECTION_BLOCKS)); i++)
        read_block(r, m, s, i);
    return error ? error : section_end(r);
}

static int read_births(struct snapshot_reader *r, struct snapshot *s)
{
    uint32_t *order = snapshot_birth_order(s);
    uint64_t tick = 0;
    int error = 0;
    for (size_t i = 0; i < s->n_blocks && !(error = item(r, SECTION_BIRTHS)); i++) {
        unsigned fine = cursor_left(&r->columns, BIRTHS_FINE) ? cursor_byte(&r->columns, BIRTHS_FINE) : 0;
        tick += unzigzag(get(r, BIRTHS_TICK));
        s->born_ns[order[i]] = tick << TRACE_TICK_BITS | (fine & ((1 << TRACE_TICK_BITS) - 1));
    }
    free(order);
    return error ? error : section_end(r);
}

/* The edges of a node lie as those of another, which is before it. */
static int layout_like(struct snapshot_reader *r, struct snapshot *s, size_t node, uint32_t like)
{
    uint64_t first = s->first[node], other = like ? s->first[like - 1] : 0, n = like ? s->first[like] - other : 0;
    if (n > s->n_edges - first)
        return bad(r, "a snapshot with more edges than it says");
    memcpy(&s->at[first], &s->at[other], n * sizeof *s->at);
    memcpy(&s->to[first], &s->to[other], n * sizeof *s->to);
    s->first[node + 1] = first + n;
    return 0;
}

/* s->to gets the flags; the targets come later. */
static int read_node(struct snapshot_reader *r, struct snapshot_model *m, struct snapshot *s, size_t node)
{
    uint32_t *like = model_layout_of(m, snapshot_node_kin(s, node)), at = UINT32_MAX;
    int error = item(r, SECTION_LAYOUT);
    if (error)
        return error;
    uint64_t told = get(r, LAYOUT_STEP), first = s->first[node];
    if (!told) {
        error = layout_like(r, s, node, *like);
        *like = (uint32_t)node + 1;
        return error;
    }
    *like = (uint32_t)node + 1;
    if (told - 1 > s->n_edges - first)
        return bad(r, "a snapshot with more edges than it says");
    for (uint64_t e = first; e < first + told - 1; e++) {
        if ((error = item(r, SECTION_LAYOUT)))
            return error;
        uint64_t word = get(r, LAYOUT_WORD);
        s->at[e] = at += (uint32_t)(word >> 2) + 1;
        s->to[e] = (uint32_t)(word & 3) << 30;
    }
    s->first[node + 1] = first + told - 1;
    return 0;
}

static int read_targets(struct snapshot_reader *r, struct snapshot_model *m, struct snapshot *s, size_t node)
{
    uint64_t kin = snapshot_node_kin(s, node);
    uint32_t near = (uint32_t)(node < s->n_blocks ? node : 0);
    for (uint64_t e = s->first[node]; e < s->first[node + 1]; e++) {
        int error = item(r, SECTION_TARGETS);
        if (error)
            return error;
        struct snapshot_target *target = model_target_of(m, kin, s->at[e]);
        uint64_t told = get(r, TARGETS_TO), to = near + unzigzag(told - 2);
        if (told < 2)
            to = told ? (uint32_t)node + target->difference : target->last;
        if (to >= s->n_blocks)
            return bad(r, "a snapshot with an edge to no block");
        s->to[e] |= (uint32_t)to;
        *target = (struct snapshot_target){ .last = (uint32_t)to, .difference = (uint32_t)to - (uint32_t)node };
        near = (uint32_t)to;
    }
    return 0;
}

static int read_edges(struct snapshot_reader *r, struct snapshot_model *m, struct snapshot *s)
{
    size_t nodes = snapshot_nodes(s);
    int error = 0;
    s->first[0] = 0;
    for (size_t node = 0; node < nodes && !error; node++)
        error = read_node(r, m, s, node);
    if (!error)
        error = section_end(r);
    if (!error && s->first[nodes] != s->n_edges)
        error = bad(r, "a snapshot with fewer edges than it says");
    for (size_t node = 0; node < nodes && !error; node++)
        error = read_targets(r, m, s, node);
    return error ? error : section_end(r);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static int read_sections(struct snapshot_reader *r, struct snapshot *s)
{
    struct snapshot_model *m = xcalloc(1, sizeof *m);
    int error = read_roots(r, s);
    if (!error)
        error = read_frames(r, s);
    if (!error)
        error = read_types(r, s);
    if (!error)
        error = read_blocks(r, m, s);
    if (!error)
        error = read_births(r, s);
    if (!error && s->first)
        error = read_edges(r, m, s);
    if (!error && (r->part != r->end || !snapshot_sound(s) || !snapshot_named(s, r->t->code)))
        error = bad(r, "a snapshot that makes no sense");
    free(m);
    return error;
}

static void take_numbers(struct snapshot *s, const uint64_t *n)
{
    s->number = (uint32_t)n[SNAPSHOT_N_NUMBER];
    s->process = (uint32_t)n[SNAPSHOT_N_PROCESS];
    s->pid = (uint32_t)n[SNAPSHOT_N_PID];
    s->ns = n[SNAPSHOT_N_NS];
    s->event = n[SNAPSHOT_N_EVENT];
    s->why = (uint8_t)n[SNAPSHOT_N_WHY];
    s->how = (uint8_t)n[SNAPSHOT_N_HOW];
    s->stacks_unknown = n[SNAPSHOT_N_FLAGS] & SNAPSHOT_STACKS_UNKNOWN;
    s->doubtful = n[SNAPSHOT_N_FLAGS] & SNAPSHOT_DOUBTFUL;
    s->pause_ns = n[SNAPSHOT_N_PAUSE_NS];
    s->read_bytes = n[SNAPSHOT_N_READ_BYTES];
    s->words = n[SNAPSHOT_N_WORDS];
    s->scan_ns = n[SNAPSHOT_N_SCAN_NS];
}

int trace_snapshot_read(struct trace *t, size_t i, struct snapshot **out)
{
    *out = NULL;
    size_t entry = t->snapshot_entries[i];
    int error = trace_read_tables(t, entry);
    if (error)
        return error;
    struct snapshot_reader r = { .t = t, .part = entry + 1, .end = entry + 1 + t->map.entries[entry].count };
    struct snapshot *s = snapshot_new();
    struct snapshot_head head;
    char *texts[2] = { NULL, NULL };
    error = snapshot_head_read(t, &r.opener, entry, &head, texts);
    s->refused = texts[0];
    s->mark = texts[1];
    if (!error)
        error = room(&r, &head, s);
    if (!error) {
        take_numbers(s, head.numbers);
        error = read_sections(&r, s);
    }
    chunk_opener_free(&r.opener);
    if (!error) {
        *out = s;
        return 0;
    }
    snprintf(t->text, sizeof t->text, "damaged at byte %llu: %s", (unsigned long long)(r.flaw ? r.offset : t->map.entries[entry].offset),
             r.flaw ? r.flaw : "a snapshot that cannot be read");
    snapshot_free(s);
    return error;
}
