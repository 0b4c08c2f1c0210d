/*
 * collector/trace/trace_tables.c - modules, frames and stacks to and from columns.
 *
 * Definitions come in the order modules, frames, stacks, so that each names
 * only what stands before it. The reader insists that every definition gets
 * exactly the next id: a second copy of an entry is damage.
 */
#include "trace/trace_tables.h"

#include <errno.h>
#include <string.h>

enum { DEFINITION_BYTES_MAX = 10 };

bool trace_tables_behind(const struct trace_tables *t, const struct code *code)
{
    return t->modules < code_modules(code) || t->frames < code_frames(code) || t->stacks < code_stacks(code);
}

static uint32_t at_most(uint32_t have, uint32_t room)
{
    return have < room ? have : room;
}

static uint32_t pack_modules(struct trace_tables *t, const struct code *code, struct trace_column *columns,
                             uint32_t room)
{
    struct trace_column *text = &columns[CODE_MODULE_TEXT];
    uint32_t n = 0, most = at_most(code_modules(code) - t->modules, room);
    column_reserve(&columns[CODE_MODULE], (size_t)most * 2 * DEFINITION_BYTES_MAX);
    for (; n < most && text->bytes < TRACE_TEXT_FLUSH_BYTES; n++) {
        const struct code_module *m = code_module(code, t->modules + n + 1);
        size_t path_bytes = strlen(m->path);
        column_varint(&columns[CODE_MODULE], path_bytes);
        column_varint(&columns[CODE_MODULE], m->build_id_bytes);
        column_reserve(text, path_bytes + m->build_id_bytes);
        column_bytes(text, m->path, path_bytes);
        column_bytes(text, m->build_id, m->build_id_bytes);
    }
    t->modules += n;
    return n;
}

static uint32_t pack_frames(struct trace_tables *t, const struct code *code, struct trace_column *columns,
                            uint32_t room)
{
    uint32_t n = at_most(code_frames(code) - t->frames, room);
    uint64_t offset = 0;
    for (unsigned id = CODE_FRAME_MODULE; id <= CODE_FRAME_FLAGS; id++)
        column_reserve(&columns[id], (size_t)n * DEFINITION_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        const struct code_frame *f = code_frame(code, t->frames + i + 1);
        column_varint(&columns[CODE_FRAME_MODULE], f->module);
        column_zigzag(&columns[CODE_FRAME_OFFSET], f->offset - offset);
        column_varint(&columns[CODE_FRAME_FLAGS], f->flags);
        offset = f->offset;
    }
    t->frames += n;
    return n;
}

static uint32_t pack_stacks(struct trace_tables *t, const struct code *code, struct trace_column *columns,
                            uint32_t room)
{
    uint32_t n = at_most(code_stacks(code) - t->stacks, room), highest = 0;
    for (unsigned id = CODE_STACK_PARENT; id <= CODE_STACK_FRAME; id++)
        column_reserve(&columns[id], (size_t)n * DEFINITION_BYTES_MAX);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t id = t->stacks + i + 1;
        const struct code_stack *s = code_stack(code, id);
        column_varint(&columns[CODE_STACK_PARENT], id - 1 - s->parent);
        column_zigzag(&columns[CODE_STACK_FRAME], (uint64_t)s->frame - ((uint64_t)highest + 1));
        if (s->frame > highest)
            highest = s->frame;
    }
    t->stacks += n;
    return n;
}

uint32_t trace_tables_pack(struct trace_tables *t, const struct code *code, struct trace_column *columns)
{
    uint32_t modules = pack_modules(t, code, columns, TRACE_COUNT_MAX), frames = 0, stacks = 0;
    if (t->modules == code_modules(code))
        frames = pack_frames(t, code, columns, TRACE_COUNT_MAX - modules);
    if (t->modules == code_modules(code) && t->frames == code_frames(code))
        stacks = pack_stacks(t, code, columns, TRACE_COUNT_MAX - modules - frames);
    column_reserve(&columns[CODE_COUNTS], 3 * DEFINITION_BYTES_MAX);
    column_varint(&columns[CODE_COUNTS], modules);
    column_varint(&columns[CODE_COUNTS], frames);
    column_varint(&columns[CODE_COUNTS], stacks);
    return modules + frames + stacks;
}

static int unpack_module(struct trace_columns *s, struct code *code)
{
    uint64_t path_bytes = cursor_varint(s, CODE_MODULE), id_bytes = cursor_varint(s, CODE_MODULE);
    if (s->bad || path_bytes > CODE_PATH_MAX || id_bytes > CODE_BUILD_ID_MAX)
        return -EBADMSG;
    const uint8_t *path = cursor_bytes(s, CODE_MODULE_TEXT, (size_t)path_bytes);
    const uint8_t *id = cursor_bytes(s, CODE_MODULE_TEXT, (size_t)id_bytes);
    uint32_t expected = code_modules(code) + 1;
    if (s->bad || code_module_id(code, (const char *)path, (size_t)path_bytes, id, (size_t)id_bytes) != expected)
        return -EBADMSG;
    return 0;
}

static int unpack_frame(struct trace_columns *s, struct code *code, uint64_t *offset)
{
    uint64_t module = cursor_varint(s, CODE_FRAME_MODULE), flags = cursor_varint(s, CODE_FRAME_FLAGS);
    *offset += cursor_zigzag(s, CODE_FRAME_OFFSET);
    uint32_t expected = code_frames(code) + 1;
    if (s->bad || module > code_modules(code) || flags > UINT32_MAX ||
        code_frame_id(code, (uint32_t)module, *offset, (uint32_t)flags) != expected)
        return -EBADMSG;
    return 0;
}

static int unpack_stack(struct trace_columns *s, struct code *code, uint64_t *highest)
{
    uint32_t expected = code_stacks(code) + 1;
    uint64_t back = cursor_varint(s, CODE_STACK_PARENT);
    uint64_t frame = *highest + 1 + cursor_zigzag(s, CODE_STACK_FRAME);
    if (s->bad || back >= expected || !frame || frame > code_frames(code) ||
        code_stack_id(code, expected - 1 - (uint32_t)back, (uint32_t)frame) != expected)
        return -EBADMSG;
    if (frame > *highest)
        *highest = frame;
    return 0;
}

int trace_tables_unpack(struct trace_columns *s, uint32_t count, struct code *code)
{
    uint64_t modules = cursor_varint(s, CODE_COUNTS), frames = cursor_varint(s, CODE_COUNTS);
    uint64_t stacks = cursor_varint(s, CODE_COUNTS), offset = 0, highest = 0;
    int error = 0;
    if (s->bad || modules > count || frames > count || stacks > count || modules + frames + stacks != count ||
        count > TRACE_COUNT_MAX)
        return -EBADMSG;
    for (uint64_t i = 0; i < modules && !error; i++)
        error = unpack_module(s, code);
    for (uint64_t i = 0; i < frames && !error; i++)
        error = unpack_frame(s, code, &offset);
    for (uint64_t i = 0; i < stacks && !error; i++)
        error = unpack_stack(s, code, &highest);
    return error;
}
