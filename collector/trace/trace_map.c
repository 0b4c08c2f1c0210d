/*
 * collector/trace/trace_map.c - the index of chunks: written, read, rebuilt.
 *
 * The walk stops at the first frame that is not sound. If another chunk begins
 * soon behind it, the file is damaged in the middle; if not, it is torn: the
 * end of a file whose writer died. The last chunk's payload is checked at once,
 * since a torn one may have kept its length (a crash of the machine).
 */
#include "trace/trace_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "event/xalloc.h"

enum { SEARCH_BYTES_MAX = 2 * TRACE_PAYLOAD_MAX, SEARCH_STEP_BYTES = 1 << 20 };

void map_add(struct trace_map *m, const struct trace_frame *frame)
{
    m->entries = xgrow(m->entries, &m->capacity, m->count + 1, sizeof *m->entries);
    m->entries[m->count++] = (struct map_entry){
        .offset = m->whole_bytes, .first_event = m->events, .low_ns = frame->low_ns, .high_ns = frame->high_ns,
        .span_bytes = (uint32_t)sizeof *frame + frame->payload_bytes, .count = frame->count,
        .type = frame->type, .flags = frame->flags,
    };
    m->whole_bytes += sizeof *frame + frame->payload_bytes;
    if (frame->type == TRACE_CHUNK_EVENTS)
        m->events += frame->count;
}

void map_free(struct trace_map *m)
{
    free(m->entries);
    *m = (struct trace_map){ 0 };
}

static uint64_t tail_hash(const struct trace_tail *tail)
{
    return XXH3_64bits(tail, offsetof(struct trace_tail, hash));
}

static bool tail_is_sound(const struct trace_tail *tail)
{
    return !memcmp(tail->magic, TRACE_TAIL_MAGIC, sizeof tail->magic) && tail->hash == tail_hash(tail);
}

/* ---- walking ---- */

/* True when a sound frame begins in [from, from + SEARCH_BYTES_MAX). */
static bool chunk_follows(int fd, uint64_t from, uint64_t file_bytes)
{
    uint64_t end = file_bytes - from > SEARCH_BYTES_MAX ? from + SEARCH_BYTES_MAX : file_bytes;
    const uint32_t magic = TRACE_FRAME_MAGIC;
    uint8_t *window = xmalloc(SEARCH_STEP_BYTES);
    bool found = false;
    while (!found && end - from >= sizeof(struct trace_frame)) {
        size_t bytes = end - from > SEARCH_STEP_BYTES ? SEARCH_STEP_BYTES : (size_t)(end - from);
        if (chunk_pread(fd, window, bytes, from))
            break;
        for (uint8_t *p = window; !found; p++) {
            p = memmem(p, bytes - (size_t)(p - window), &magic, sizeof magic);
            struct trace_frame frame;
            if (!p || bytes - (size_t)(p - window) < sizeof frame)
                break;
            memcpy(&frame, p, sizeof frame);
            found = !chunk_frame_flaw(&frame);
        }
        from += bytes - sizeof(struct trace_frame) + 1;
    }
    free(window);
    return found;
}

/* The frame at m->whole_bytes: NULL when the walk may take it, else the flaw. */
static const char *frame_at(struct trace_map *m, int fd, uint64_t file_bytes, struct trace_frame *frame)
{
    uint64_t left = file_bytes - m->whole_bytes;
    if (left < sizeof *frame || chunk_pread(fd, frame, sizeof *frame, m->whole_bytes))
        return "the file ends inside a frame";
    const char *flaw = chunk_frame_flaw(frame);
    if (flaw)
        return flaw;
    if (!m->count && frame->first_event <= TRACE_BEFORE_MAX)
        m->before = m->events = frame->first_event;
    m->damaged = frame->number != m->count || frame->first_event != m->events;
    if (m->damaged)
        return "chunks before this one are missing";
    if (frame->type == TRACE_CHUNK_EVENTS && frame->count > TRACE_COUNT_MAX)
        return "the chunk has more events than chunks may";
    if (frame->payload_bytes > left - sizeof *frame)
        return "the file ends inside the chunk";
    return NULL;
}

/* Drops the last chunk when its payload is not what its frame says. */
static void check_last(struct trace_map *m, int fd, struct chunk_opener *o)
{
    struct map_entry *last = &m->entries[m->count - 1];
    struct trace_frame frame;
    if (chunk_pread(fd, &frame, sizeof frame, last->offset) || chunk_read(o, fd, last->offset, &frame, &m->flaw)) {
        m->whole_bytes = last->offset;
        m->events = last->first_event;
        m->count--;
    }
}

static void take_tail(struct trace_map *m, int fd, uint64_t file_bytes)
{
    struct trace_tail tail;
    if (m->count && m->entries[m->count - 1].type == TRACE_CHUNK_INDEX && file_bytes - m->whole_bytes >= sizeof tail &&
        !chunk_pread(fd, &tail, sizeof tail, m->whole_bytes) && tail_is_sound(&tail))
        m->whole_bytes += sizeof tail;
}

static void walk(struct trace_map *m, int fd, uint64_t file_bytes, struct chunk_opener *o)
{
    struct trace_frame frame;
    m->whole_bytes = sizeof(struct trace_file_head);
    while (m->whole_bytes < file_bytes) {
        m->flaw = frame_at(m, fd, file_bytes, &frame);
        if (m->flaw)
            break;
        map_add(m, &frame);
    }
    take_tail(m, fd, file_bytes);
    if (m->whole_bytes == file_bytes)
        m->flaw = NULL;
    else if (!m->damaged)
        m->damaged = chunk_follows(fd, m->whole_bytes + 1, file_bytes);
    if (!m->damaged && m->count)
        check_last(m, fd, o);
    m->torn_bytes = file_bytes - m->whole_bytes;
}

/* ---- the index ---- */

static bool unpack_entries(struct trace_map *m, struct trace_columns *s, uint64_t index_offset)
{
    uint64_t low_ns = 0;
    m->whole_bytes = sizeof(struct trace_file_head);
    while (m->whole_bytes < index_offset) {
        struct trace_frame frame = { .type = cursor_byte(s, INDEX_TYPE), .flags = cursor_byte(s, INDEX_FLAGS) };
        uint64_t span = cursor_varint(s, INDEX_SPAN), count = cursor_varint(s, INDEX_COUNT);
        low_ns += cursor_zigzag(s, INDEX_LOW);
        frame.low_ns = low_ns;
        frame.high_ns = low_ns + cursor_zigzag(s, INDEX_HIGH);
        if (s->bad || span < sizeof frame || span - sizeof frame > TRACE_PAYLOAD_MAX || count > UINT32_MAX ||
            (frame.type == TRACE_CHUNK_EVENTS && count > TRACE_COUNT_MAX))
            return false;
        frame.payload_bytes = (uint32_t)(span - sizeof frame);
        frame.count = (uint32_t)count;
        map_add(m, &frame);
    }
    return m->whole_bytes == index_offset;
}

static bool read_index(struct trace_map *m, int fd, uint64_t file_bytes, struct chunk_opener *o)
{
    struct trace_tail tail;
    struct trace_frame frame;
    struct trace_columns columns;
    const char *flaw;
    if (file_bytes < sizeof tail || chunk_pread(fd, &tail, sizeof tail, file_bytes - sizeof tail) ||
        !tail_is_sound(&tail))
        return false;
    uint64_t end = file_bytes - sizeof tail;
    if (tail.index_offset > end || end - tail.index_offset < sizeof frame ||
        chunk_pread(fd, &frame, sizeof frame, tail.index_offset) || chunk_frame_flaw(&frame) ||
        frame.type != TRACE_CHUNK_INDEX || end - tail.index_offset - sizeof frame != frame.payload_bytes ||
        chunk_read(o, fd, tail.index_offset, &frame, &flaw) || chunk_unpack(o, &frame, &columns, &flaw))
        return false;
    struct trace_frame first;
    if (chunk_pread(fd, &first, sizeof first, sizeof(struct trace_file_head)) || chunk_frame_flaw(&first) ||
        first.first_event > TRACE_BEFORE_MAX)
        return false;
    m->before = m->events = first.first_event;
    if (!unpack_entries(m, &columns, tail.index_offset) || m->count != frame.number)
        return false;
    m->whole_bytes = file_bytes;
    return true;
}

int map_find(struct trace_map *m, int fd, uint64_t file_bytes, struct chunk_opener *o)
{
    if (!read_index(m, fd, file_bytes, o)) {
        map_free(m);
        walk(m, fd, file_bytes, o);
    }
    return 0;
}

int map_read_chunk(int fd, const struct map_entry *entry, struct chunk_opener *o, struct trace_columns *columns,
                   const char **flaw)
{
    struct trace_frame frame;
    int error = chunk_pread(fd, &frame, sizeof frame, entry->offset);
    *flaw = error ? "the chunk cannot be read" : chunk_frame_flaw(&frame);
    if (*flaw)
        return error ? error : -EBADMSG;
    if (frame.type != entry->type || frame.flags != entry->flags || frame.count != entry->count ||
        frame.first_event != entry->first_event || sizeof frame + frame.payload_bytes != entry->span_bytes) {
        *flaw = "the chunk is not what the index says";
        return -EBADMSG;
    }
    error = chunk_read(o, fd, entry->offset, &frame, flaw);
    return error ? error : chunk_unpack(o, &frame, columns, flaw);
}

void map_pack(const struct trace_map *m, struct chunk_builder *b, struct trace_frame *frame)
{
    struct trace_column columns[INDEX_HIGH + 1] = { { 0 } };
    uint64_t low_ns = 0;
    for (unsigned id = INDEX_TYPE; id <= INDEX_HIGH; id++)
        column_reserve(&columns[id], m->count * 10);
    for (size_t i = 0; i < m->count; i++) {
        const struct map_entry *e = &m->entries[i];
        column_byte(&columns[INDEX_TYPE], e->type);
        column_byte(&columns[INDEX_FLAGS], e->flags);
        column_varint(&columns[INDEX_SPAN], e->span_bytes);
        column_varint(&columns[INDEX_COUNT], e->count);
        column_zigzag(&columns[INDEX_LOW], e->low_ns - low_ns);
        column_zigzag(&columns[INDEX_HIGH], e->high_ns - e->low_ns);
        low_ns = e->low_ns;
    }
    chunk_begin(b);
    for (unsigned id = INDEX_TYPE; id <= INDEX_HIGH; id++) {
        chunk_column(b, id, columns[id].data, columns[id].bytes, CHUNK_PATTERNS);
        column_free(&columns[id]);
    }
    chunk_finish(b, frame);
    struct trace_tail tail = { .index_offset = m->whole_bytes };
    memcpy(tail.magic, TRACE_TAIL_MAGIC, sizeof tail.magic);
    tail.hash = tail_hash(&tail);
    column_reserve(&b->out, sizeof tail);
    column_bytes(&b->out, &tail, sizeof tail);
}
