/*
 * collector/trace/trace_snapshot_pack.c - a heap snapshot into the bytes of its
 * chunks: all of it but what changes while the session goes on (its modules and
 * frames, trace_pack_rest), by any thread, so that who folds events need only
 * hand the bytes on.
 *
 * The mirror of trace_snapshot_read.c, item by item in the same order.
 */
#include "trace/trace_snapshot_pack.h"

#include <stdlib.h>

#include "event/xalloc.h"
#include "trace/trace_snapshot.h"

/* Token columns of each section's numbers. */
const uint8_t snapshot_numbers[SECTIONS][SNAPSHOT_NUMBERS_OF] = {
    [SECTION_ROOTS] = { ROOTS_ADDRESS, ROOTS_BYTES, ROOTS_OFFSET, ROOTS_MODULE, ROOTS_THREAD },
    [SECTION_FRAMES] = { FRAMES_ADDRESS, FRAMES_ROOT, FRAMES_FRAME },
    [SECTION_TYPES] = { TYPES_MODULE, TYPES_OFFSET, TYPES_NAME_BYTES },
    [SECTION_BLOCKS] = { BLOCKS_STACK, BLOCKS_SIZE, BLOCKS_GAP, BLOCKS_ID, BLOCKS_THREAD, BLOCKS_OWNER, BLOCKS_TYPE, BLOCKS_RATE },
    [SECTION_BIRTHS] = { BIRTHS_TICK },
    [SECTION_LAYOUT] = { LAYOUT_STEP, LAYOUT_WORD },
    [SECTION_TARGETS] = { TARGETS_TO },
};

struct packer {
    struct chunk_builder builder;
    struct trace_column columns[TRACE_COLUMNS];
    struct number_bits bits[TRACE_COLUMNS];
    unsigned section;
    uint32_t items;             /* in the open part */
    uint64_t ns;
    struct trace_packed *to;
};

/* ---- parts -------------------------------------------------------------------- */

static void part_room(struct packer *p)
{
    for (unsigned id = 1; id < TRACE_COLUMNS; id++)
        p->columns[id].bytes = 0;
    for (unsigned i = 0; i < SNAPSHOT_NUMBERS_OF && snapshot_numbers[p->section][i]; i++) {
        unsigned id = snapshot_numbers[p->section][i];
        column_reserve(&p->columns[id], TRACE_PART_MAX);
        column_reserve(&p->columns[id + 1], (size_t)TRACE_PART_MAX * 8 + 8);
    }
    if (p->section == SECTION_ROOTS)
        column_reserve(&p->columns[ROOTS_KIND], TRACE_PART_MAX);
    if (p->section == SECTION_BLOCKS)
        column_reserve(&p->columns[BLOCKS_FAMILY], TRACE_PART_MAX);
    if (p->section == SECTION_BIRTHS)
        column_reserve(&p->columns[BIRTHS_FINE], TRACE_PART_MAX);
    p->items = 0;
}

static bool is_bits(unsigned section, unsigned id)
{
    for (unsigned i = 0; i < SNAPSHOT_NUMBERS_OF; i++)
        if (snapshot_numbers[section][i] && id == snapshot_numbers[section][i] + 1u)
            return true;
    return false;
}

/* So many zeros that the part is not smaller than a reader wants it. */
static void part_pad(struct packer *p)
{
    size_t payload = p->builder.out.bytes - sizeof(struct trace_frame);
    if (p->builder.raw_bytes <= payload * TRACE_PART_RATIO)
        return;
    size_t bytes = (p->builder.raw_bytes - payload * TRACE_PART_RATIO) / (TRACE_PART_RATIO - 1) + 1;
    uint8_t *zeros = xcalloc(bytes, 1);
    chunk_column(&p->builder, PART_PAD, zeros, bytes, CHUNK_STORED);
    free(zeros);
}

/* Takes the builder's bytes away. */
static void packed_take(struct trace_packed *to, struct chunk_builder *b)
{
    to->chunks = xgrow(to->chunks, &to->capacity, to->n + 1, sizeof *to->chunks);
    struct trace_column *chunk = &to->chunks[to->n++];
    *chunk = (struct trace_column){ .data = xmalloc(b->out.bytes), .bytes = b->out.bytes, .capacity = b->out.bytes };
    memcpy(chunk->data, b->out.data, b->out.bytes);
}

static void part_end(struct packer *p)
{
    if (!p->items)
        return;
    for (unsigned i = 0; i < SNAPSHOT_NUMBERS_OF && snapshot_numbers[p->section][i]; i++) {
        unsigned id = snapshot_numbers[p->section][i];
        number_flush(&p->columns[id], &p->bits[id]);
    }
    chunk_begin(&p->builder);
    for (unsigned id = 1; id < TRACE_COLUMNS; id++)
        chunk_column(&p->builder, id, p->columns[id].data, p->columns[id].bytes,
                     is_bits(p->section, id) ? CHUNK_NOISE : CHUNK_PATTERNS);
    part_pad(p);
    struct trace_frame frame = { .type = TRACE_CHUNK_PART, .flags = (uint8_t)p->section, .count = p->items,
                                 .low_ns = p->ns, .high_ns = p->ns };
    chunk_finish(&p->builder, &frame);
    packed_take(p->to, &p->builder);
    part_room(p);
}

static void section_begin(struct packer *p, unsigned section)
{
    p->section = section;
    part_room(p);
}

static inline void item_end(struct packer *p)
{
    if (++p->items == TRACE_PART_MAX)
        part_end(p);
}

static inline void put(struct packer *p, unsigned id, uint64_t v)
{
    number_put(&p->columns[id], &p->bits[id], v);
}

/* ---- roots, frames, types -------------------------------------------------------- */

static void pack_roots(struct packer *p, const struct snapshot *s)
{
    uint64_t after = 0;
    section_begin(p, SECTION_ROOTS);
    for (size_t i = 0; i < s->n_roots; i++) {
        const struct snapshot_root *r = &s->roots[i];
        column_byte(&p->columns[ROOTS_KIND], r->kind);
        put(p, ROOTS_ADDRESS, zigzag(r->address - after));
        put(p, ROOTS_BYTES, r->bytes);
        put(p, ROOTS_OFFSET, r->offset);
        put(p, ROOTS_MODULE, r->module);
        put(p, ROOTS_THREAD, r->thread);
        after = r->address + r->bytes;
        item_end(p);
    }
    part_end(p);
}

static void pack_frames(struct packer *p, const struct snapshot *s)
{
    uint64_t address = 0;
    uint32_t root = 0;
    section_begin(p, SECTION_FRAMES);
    for (size_t i = 0; i < s->n_frames; i++) {
        const struct snapshot_frame *f = &s->frames[i];
        put(p, FRAMES_ADDRESS, zigzag(f->address - address));
        put(p, FRAMES_ROOT, zigzag((uint64_t)f->root - root));
        put(p, FRAMES_FRAME, f->frame);
        address = f->address;
        root = f->root;
        item_end(p);
    }
    part_end(p);
}

static void pack_types(struct packer *p, const struct snapshot *s)
{
    uint64_t offset = 0;
    section_begin(p, SECTION_TYPES);
    for (size_t i = 0; i < s->n_types; i++) {
        const struct snapshot_type *t = &s->types[i];
        size_t bytes = t->name ? strlen(t->name) : 0;
        bool named = t->name && bytes <= TRACE_TYPE_NAME_MAX;
        put(p, TYPES_MODULE, t->module);
        put(p, TYPES_OFFSET, zigzag(t->offset - offset));
        put(p, TYPES_NAME_BYTES, named ? 1 + bytes : 0);
        if (named) {
            column_reserve(&p->columns[TYPES_NAME], bytes);
            column_bytes(&p->columns[TYPES_NAME], t->name, bytes);
        }
        offset = t->offset;
        item_end(p);
        if (p->columns[TYPES_NAME].bytes >= TRACE_TEXT_FLUSH_BYTES)
            part_end(p);
    }
    part_end(p);
}

/* ---- blocks ------------------------------------------------------------------------ */

static void pack_block(struct packer *p, struct snapshot_model *m, const struct snapshot *s, size_t i)
{
    uint32_t stack = s->stack[i], *next = model_next_stack(m);
    uint64_t *size = model_size_of(m, stack);
    put(p, BLOCKS_STACK, *next == stack ? 0 : 1 + (uint64_t)stack);
    put(p, BLOCKS_SIZE, zigzag(s->size[i] - *size));
    put(p, BLOCKS_GAP, turn(s->address[i] - (i ? snapshot_after(s->address[i - 1], s->size[i - 1]) : 0)));
    put(p, BLOCKS_ID, zigzag(s->id[i] - (i ? s->id[i - 1] : 0) - 1));
    put(p, BLOCKS_THREAD, zigzag((uint64_t)s->thread[i] - (i ? s->thread[i - 1] : 0)));
    put(p, BLOCKS_OWNER, zigzag((uint64_t)s->owner[i] - s->thread[i]));
    column_byte(&p->columns[BLOCKS_FAMILY], s->family[i]);
    if (s->type) {
        uint32_t *type = model_type_of(m, snapshot_kin(stack, s->size[i]));
        put(p, BLOCKS_TYPE, *type == s->type[i] ? 0 : 1 + (uint64_t)s->type[i]);
        *type = s->type[i];
    }
    if (s->rate)
        put(p, BLOCKS_RATE, s->rate[i]);
    *next = stack;
    *size = s->size[i];
    m->before = m->stack;
    m->stack = stack;
    item_end(p);
}

static void pack_births(struct packer *p, const struct snapshot *s)
{
    uint32_t *order = snapshot_birth_order(s);
    uint64_t tick = 0;
    bool fine = false;
    for (size_t i = 0; i < s->n_blocks && !fine; i++)
        fine = s->born_ns[i] & ((1 << TRACE_TICK_BITS) - 1);
    section_begin(p, SECTION_BIRTHS);
    for (size_t i = 0; i < s->n_blocks; i++) {
        uint64_t ns = s->born_ns[order[i]];
        put(p, BIRTHS_TICK, zigzag((ns >> TRACE_TICK_BITS) - tick));
        if (fine)
            column_byte(&p->columns[BIRTHS_FINE], ns & ((1 << TRACE_TICK_BITS) - 1));
        tick = ns >> TRACE_TICK_BITS;
        item_end(p);
    }
    part_end(p);
    free(order);
}

static void pack_blocks(struct packer *p, struct snapshot_model *m, const struct snapshot *s)
{
    section_begin(p, SECTION_BLOCKS);
    for (size_t i = 0; i < s->n_blocks; i++)
        pack_block(p, m, s, i);
    part_end(p);
    pack_births(p, s);
}

/* ---- edges ------------------------------------------------------------------------- */

static bool same_layout(const struct snapshot *s, size_t node, uint32_t like)
{
    uint64_t first = s->first[node], n = s->first[node + 1] - first;
    if (!like)
        return !n;
    uint64_t other = s->first[like - 1];
    if (s->first[like] - other != n)
        return false;
    for (uint64_t e = 0; e < n; e++)
        if (s->at[first + e] != s->at[other + e] || (s->to[first + e] ^ s->to[other + e]) & ~(uint32_t)EDGE_TARGET)
            return false;
    return true;
}

static void pack_node(struct packer *p, struct snapshot_model *m, const struct snapshot *s, size_t node)
{
    uint32_t *like = model_layout_of(m, snapshot_node_kin(s, node)), at = UINT32_MAX;
    bool same = same_layout(s, node, *like);
    *like = (uint32_t)node + 1;
    put(p, LAYOUT_STEP, same ? 0 : 1 + s->first[node + 1] - s->first[node]);
    item_end(p);
    for (uint64_t e = s->first[node]; !same && e < s->first[node + 1]; e++) {
        uint32_t step = s->at[e] - at - 1;
        put(p, LAYOUT_WORD, (uint64_t)step << 2 | s->to[e] >> 30);
        at = s->at[e];
        item_end(p);
    }
}

static void pack_targets(struct packer *p, struct snapshot_model *m, const struct snapshot *s, size_t node)
{
    uint64_t kin = snapshot_node_kin(s, node);
    uint32_t near = (uint32_t)(node < s->n_blocks ? node : 0);
    for (uint64_t e = s->first[node]; e < s->first[node + 1]; e++) {
        struct snapshot_target *target = model_target_of(m, kin, s->at[e]);
        uint32_t to = s->to[e] & EDGE_TARGET;
        uint64_t told = 2 + zigzag((uint64_t)to - near);
        if (to == target->last)
            told = 0;
        else if (to == (uint32_t)node + target->difference)
            told = 1;
        put(p, TARGETS_TO, told);
        *target = (struct snapshot_target){ .last = to, .difference = to - (uint32_t)node };
        near = to;
        item_end(p);
    }
}

static void pack_edges(struct packer *p, struct snapshot_model *m, const struct snapshot *s)
{
    section_begin(p, SECTION_LAYOUT);
    for (size_t node = 0; node < snapshot_nodes(s); node++)
        pack_node(p, m, s, node);
    part_end(p);
    section_begin(p, SECTION_TARGETS);
    for (size_t node = 0; node < snapshot_nodes(s); node++)
        pack_targets(p, m, s, node);
    part_end(p);
}

/* ---- the whole ---------------------------------------------------------------------- */

static void packer_free(struct packer *p)
{
    chunk_builder_free(&p->builder);
    for (unsigned id = 0; id < TRACE_COLUMNS; id++)
        column_free(&p->columns[id]);
}

struct trace_packed *trace_snapshot_pack(const struct snapshot *s)
{
    struct trace_packed *packed = xcalloc(1, sizeof *packed);
    struct snapshot_model *m = xcalloc(1, sizeof *m);
    struct packer *p = xcalloc(1, sizeof *p);
    p->to = packed;
    p->ns = s->ns;
    pack_blocks(p, m, s);
    if (s->first)
        pack_edges(p, m, s);
    packer_free(p);
    free(p);
    free(m);
    return packed;
}

void trace_packed_free(struct trace_packed *packed)
{
    if (!packed)
        return;
    for (size_t i = 0; i < packed->n; i++)
        column_free(&packed->chunks[i]);
    free(packed->chunks);
    free(packed);
}

static void pack_head(struct packer *p, const struct snapshot *s, size_t parts)
{
    const uint64_t numbers[SNAPSHOT_NUMBERS_MAX] = {
        [SNAPSHOT_N_NUMBER] = s->number, [SNAPSHOT_N_PROCESS] = s->process, [SNAPSHOT_N_PID] = s->pid,
        [SNAPSHOT_N_NS] = s->ns, [SNAPSHOT_N_EVENT] = s->event, [SNAPSHOT_N_WHY] = s->why, [SNAPSHOT_N_HOW] = s->how,
        [SNAPSHOT_N_FLAGS] = (s->stacks_unknown ? SNAPSHOT_STACKS_UNKNOWN : 0) | (s->doubtful ? SNAPSHOT_DOUBTFUL : 0) |
                             (s->first ? SNAPSHOT_HAS_EDGES : 0) | (s->type ? SNAPSHOT_HAS_TYPES : 0) | (s->rate ? SNAPSHOT_HAS_RATES : 0),
        [SNAPSHOT_N_PAUSE_NS] = s->pause_ns, [SNAPSHOT_N_READ_BYTES] = s->read_bytes, [SNAPSHOT_N_WORDS] = s->words,
        [SNAPSHOT_N_SCAN_NS] = s->scan_ns, [SNAPSHOT_N_BLOCKS] = s->n_blocks, [SNAPSHOT_N_ROOTS] = s->n_roots,
        [SNAPSHOT_N_EDGES] = s->n_edges, [SNAPSHOT_N_FRAMES] = s->n_frames, [SNAPSHOT_N_TYPES] = s->n_types };
    struct trace_column *column = &p->columns[SNAPSHOT_NUMBERS];
    column->bytes = 0;
    column_reserve(column, sizeof numbers / sizeof *numbers * 10);
    for (unsigned i = 0; i < SNAPSHOT_NUMBERS_MAX; i++)
        column_varint(column, numbers[i]);
    chunk_begin(&p->builder);
    chunk_column(&p->builder, SNAPSHOT_NUMBERS, column->data, column->bytes, CHUNK_PATTERNS);
    if (s->refused)
        chunk_column(&p->builder, SNAPSHOT_REFUSED, s->refused, strnlen(s->refused, TRACE_STRING_MAX), CHUNK_PATTERNS);
    if (s->mark)
        chunk_column(&p->builder, SNAPSHOT_MARK_NAME, s->mark, strnlen(s->mark, TRACE_STRING_MAX), CHUNK_PATTERNS);
    struct trace_frame frame = { .type = TRACE_CHUNK_SNAPSHOT, .count = (uint32_t)parts, .low_ns = s->ns, .high_ns = s->ns };
    chunk_finish(&p->builder, &frame);
    packed_take(p->to, &p->builder);
}

struct trace_packed *trace_pack_rest(const struct snapshot *s, size_t parts)
{
    struct trace_packed *packed = xcalloc(1, sizeof *packed);
    struct packer *p = xcalloc(1, sizeof *p);
    p->to = packed;
    p->ns = s->ns;
    pack_roots(p, s);
    pack_frames(p, s);
    pack_types(p, s);
    pack_head(p, s, parts + packed->n);
    struct trace_column head = packed->chunks[packed->n - 1];
    memmove(&packed->chunks[1], packed->chunks, (packed->n - 1) * sizeof head);
    packed->chunks[0] = head;
    packer_free(p);
    free(p);
    return packed;
}
