/*
 * collector/trace/trace_chunk.c - frames, hashes, compression.
 *
 * Each column is compressed apart, so that each has its own statistics, and
 * stored as it is where that is not longer. A payload is therefore never
 * longer than its columns and their heads.
 */
#include "trace/trace_chunk.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>
#include <xxhash.h>
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_MINMATCH_MAX */
#include <zstd.h>

#include "event/xalloc.h"

enum { ZSTD_LEVEL = 3, COLUMN_HEAD_MAX = 2 + 10 + 10, WORTH_COMPRESSING_BYTES = 24 };

static uint64_t frame_hash(const struct trace_frame *frame)
{
    return XXH3_64bits(frame, offsetof(struct trace_frame, frame_hash));
}

void chunk_begin(struct chunk_builder *b)
{
    b->out.bytes = 0;
    b->raw_bytes = 0;
    column_reserve(&b->out, sizeof(struct trace_frame));
    b->out.bytes = sizeof(struct trace_frame);
}

/* In noise a search for what came before finds only short chances that cost
 * more than they save; long repeats (a loop that does nothing else) are worth it. */
static ZSTD_CCtx *compressor(enum chunk_content content)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    if (!z)
        return NULL;
    ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
    if (content == CHUNK_NOISE) {
        ZSTD_CCtx_setParameter(z, ZSTD_c_strategy, ZSTD_fast);
        ZSTD_CCtx_setParameter(z, ZSTD_c_minMatch, ZSTD_MINMATCH_MAX);
    }
    return z;
}

/* Compresses behind the room for the longest column head; 0: not worth it. */
static size_t compress(struct chunk_builder *b, const void *data, size_t bytes, enum chunk_content content)
{
    if (bytes < WORTH_COMPRESSING_BYTES || content == CHUNK_STORED)
        return 0;
    if (!b->zstd[content] && !(b->zstd[content] = compressor(content)))
        return 0;
    size_t bound = ZSTD_compressBound(bytes);
    column_reserve(&b->out, COLUMN_HEAD_MAX + bound);
    size_t n = ZSTD_compress2(b->zstd[content], b->out.data + b->out.bytes + COLUMN_HEAD_MAX, bound, data, bytes);
    return ZSTD_isError(n) || n >= bytes ? 0 : n;
}

void chunk_column(struct chunk_builder *b, unsigned id, const void *data, size_t bytes, enum chunk_content content)
{
    if (!bytes)
        return;
    size_t start = b->out.bytes;
    size_t packed = compress(b, data, bytes, content);
    column_reserve(&b->out, COLUMN_HEAD_MAX + bytes);
    column_byte(&b->out, (uint8_t)id);
    column_byte(&b->out, packed ? TRACE_ZSTD : TRACE_STORED);
    column_varint(&b->out, bytes);
    column_varint(&b->out, packed ? packed : bytes);
    uint8_t *at = b->out.data + b->out.bytes;
    if (packed)
        memmove(at, b->out.data + start + COLUMN_HEAD_MAX, packed);
    else
        memcpy(at, data, bytes);
    b->out.bytes += packed ? packed : bytes;
    b->raw_bytes += bytes;
}

void chunk_finish(struct chunk_builder *b, struct trace_frame *frame)
{
    const uint8_t *payload = b->out.data + sizeof *frame;
    frame->magic = TRACE_FRAME_MAGIC;
    frame->payload_bytes = (uint32_t)(b->out.bytes - sizeof *frame);
    frame->raw_bytes = (uint32_t)b->raw_bytes;
    frame->payload_hash = XXH3_64bits(payload, frame->payload_bytes);
    frame->frame_hash = frame_hash(frame);
    memcpy(b->out.data, frame, sizeof *frame);
}

void chunk_reframe(struct trace_column *chunk, struct trace_frame *frame)
{
    frame->frame_hash = frame_hash(frame);
    memcpy(chunk->data, frame, sizeof *frame);
}

uint64_t chunk_hash(const struct trace_column *chunk, const struct trace_frame *frame)
{
    return XXH3_64bits(chunk->data + sizeof *frame, frame->payload_bytes);
}

void chunk_builder_free(struct chunk_builder *b)
{
    for (unsigned i = 0; i < 2; i++)
        ZSTD_freeCCtx(b->zstd[i]);
    column_free(&b->out);
    b->zstd[0] = b->zstd[1] = NULL;
}

const char *chunk_frame_flaw(const struct trace_frame *frame)
{
    if (frame->magic != TRACE_FRAME_MAGIC)
        return "no chunk begins here";
    if (frame->frame_hash != frame_hash(frame))
        return "the frame's checksum is wrong";
    if (frame->payload_bytes > TRACE_PAYLOAD_MAX || frame->raw_bytes > TRACE_RAW_MAX)
        return "the chunk is longer than chunks may be";
    return NULL;
}

int chunk_pread(int fd, void *data, size_t bytes, uint64_t offset)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = pread(fd, (char *)data + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EBADMSG;
        done += (size_t)n;
    }
    return 0;
}

int chunk_read(struct chunk_opener *o, int fd, uint64_t offset, const struct trace_frame *frame, const char **flaw)
{
    o->payload.bytes = 0;
    column_reserve(&o->payload, (size_t)frame->payload_bytes + 1);
    int error = chunk_pread(fd, o->payload.data, frame->payload_bytes, offset + sizeof *frame);
    if (error) {
        *flaw = error == -EBADMSG ? "the file ends inside the chunk" : "the chunk cannot be read";
        return error;
    }
    o->payload.bytes = frame->payload_bytes;
    if (XXH3_64bits(o->payload.data, o->payload.bytes) != frame->payload_hash) {
        *flaw = "the chunk's checksum is wrong";
        return -EBADMSG;
    }
    return 0;
}

/* Uncompresses one column into the next `raw_bytes` of o->raw. */
static bool uncompress(struct chunk_opener *o, const uint8_t *data, size_t stored_bytes, size_t raw_bytes)
{
    if (!o->zstd && !(o->zstd = ZSTD_createDCtx()))
        return false;
    uint8_t *to = o->raw.data + o->raw.bytes;
    unsigned long long told = ZSTD_getFrameContentSize(data, stored_bytes);
    if (told == ZSTD_CONTENTSIZE_ERROR || (told != ZSTD_CONTENTSIZE_UNKNOWN && told != raw_bytes))
        return false;
    size_t n = ZSTD_decompressDCtx(o->zstd, to, raw_bytes, data, stored_bytes);
    o->raw.bytes += raw_bytes;
    return !ZSTD_isError(n) && n == raw_bytes;
}

/* One column off the payload's cursor (kept as columns->of[0] meanwhile). */
static const char *unpack_column(struct chunk_opener *o, struct trace_columns *columns, size_t *raw_left)
{
    unsigned id = cursor_byte(columns, 0), codec = cursor_byte(columns, 0);
    uint64_t raw_bytes = cursor_varint(columns, 0), stored_bytes = cursor_varint(columns, 0);
    if (columns->bad || raw_bytes > *raw_left || stored_bytes > cursor_left(columns, 0))
        return "a column is longer than its chunk";
    const uint8_t *data = cursor_bytes(columns, 0, (size_t)stored_bytes);
    *raw_left -= (size_t)raw_bytes;
    if (id == 0 || id >= TRACE_COLUMNS || o->unwanted >> id & 1)
        return NULL;
    if (columns->of[id].at != columns->of[id].end)
        return "a column comes twice";
    if (codec == TRACE_STORED && stored_bytes == raw_bytes) {
        columns->of[id] = (struct trace_cursor){ data, data + raw_bytes };
        return NULL;
    }
    const uint8_t *raw = o->raw.data + o->raw.bytes;
    if (codec != TRACE_ZSTD || !uncompress(o, data, (size_t)stored_bytes, (size_t)raw_bytes))
        return "a column cannot be uncompressed";
    columns->of[id] = (struct trace_cursor){ raw, raw + raw_bytes };
    return NULL;
}

int chunk_unpack(struct chunk_opener *o, const struct trace_frame *frame, struct trace_columns *columns,
                 const char **flaw)
{
    static const uint8_t nothing[1];
    size_t raw_left = frame->raw_bytes;
    for (unsigned i = 0; i < TRACE_COLUMNS; i++)
        columns->of[i] = (struct trace_cursor){ nothing, nothing };
    columns->bad = false;
    columns->of[0] = (struct trace_cursor){ o->payload.data, o->payload.data + o->payload.bytes };
    o->raw.bytes = 0;
    column_reserve(&o->raw, (size_t)frame->raw_bytes + 1);
    while (cursor_left(columns, 0)) {
        *flaw = unpack_column(o, columns, &raw_left);
        if (*flaw)
            return -EBADMSG;
    }
    if (raw_left) {
        *flaw = "the columns are shorter than the chunk says";
        return -EBADMSG;
    }
    columns->of[0] = (struct trace_cursor){ nothing, nothing };
    return 0;
}

void chunk_opener_free(struct chunk_opener *o)
{
    ZSTD_freeDCtx(o->zstd);
    column_free(&o->payload);
    column_free(&o->raw);
    o->zstd = NULL;
}
