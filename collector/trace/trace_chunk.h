/*
 * collector/trace/trace_chunk.h - a chunk: frame and columns, to and from bytes.
 *
 * Layout and limits: trace_format.h. The builder belongs to one writer, the
 * opener to one reader; each keeps its buffers from chunk to chunk.
 */
#ifndef OWNSCOPE_TRACE_CHUNK_H
#define OWNSCOPE_TRACE_CHUNK_H

#include "trace/trace_column.h"

/* ---- to bytes ---- */
enum chunk_content {
    CHUNK_PATTERNS,             /* what came before may come again */
    CHUNK_NOISE,                /* only some values come more often than others */
    CHUNK_STORED                /* as it is */
};

struct chunk_builder {
    void *zstd[2];              /* ZSTD_CCtx for each content, made when needed */
    struct trace_column out;    /* frame, payload */
    size_t raw_bytes;
};

void chunk_begin(struct chunk_builder *b);
/* Appends a column; an empty one is left out. */
void chunk_column(struct chunk_builder *b, unsigned id, const void *data, size_t bytes, enum chunk_content content);
/* Completes `frame` (magic, lengths, hashes) and puts it before the payload in b->out. */
void chunk_finish(struct chunk_builder *b, struct trace_frame *frame);
/* A chunk that was finished before gets another frame. */
void chunk_reframe(struct trace_column *chunk, struct trace_frame *frame);
/* What its frame should say of its payload. */
uint64_t chunk_hash(const struct trace_column *chunk, const struct trace_frame *frame);
void chunk_builder_free(struct chunk_builder *b);

/* ---- from bytes ---- */
struct chunk_opener {
    void *zstd;                 /* ZSTD_DCtx */
    struct trace_column payload;
    struct trace_column raw;    /* what was compressed, uncompressed */
    uint64_t unwanted;          /* 1 << id: columns that are not uncompressed, and left empty */
};

/* NULL when the frame is sound, else what is wrong with it. */
const char *chunk_frame_flaw(const struct trace_frame *frame);
/* Reads the payload of a sound frame at `offset` and checks its hash. 0, -errno of
 * read, -EBADMSG. `*flaw` says what was wrong. */
int chunk_read(struct chunk_opener *o, int fd, uint64_t offset, const struct trace_frame *frame, const char **flaw);
/* Opens the columns of the payload last read; they stay valid until the next chunk_read. */
int chunk_unpack(struct chunk_opener *o, const struct trace_frame *frame, struct trace_columns *columns,
                 const char **flaw);
void chunk_opener_free(struct chunk_opener *o);

/* All of [offset, offset + bytes): 0, -errno, -EBADMSG when the file is shorter. */
int chunk_pread(int fd, void *data, size_t bytes, uint64_t offset);

#endif
