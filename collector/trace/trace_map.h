/*
 * collector/trace/trace_map.h - where the chunks of a trace file lie.
 *
 * Read from the index at the file's end where there is one, else by walking
 * from frame to frame. The map is a claim until a chunk is read: map_read_chunk
 * compares frame and entry.
 */
#ifndef OWNSCOPE_TRACE_MAP_H
#define OWNSCOPE_TRACE_MAP_H

#include "trace/trace_chunk.h"

struct map_entry {
    uint64_t offset;        /* of the frame */
    uint64_t first_event;
    uint64_t low_ns, high_ns;
    uint32_t span_bytes;    /* frame and payload */
    uint32_t count;
    uint8_t type, flags;
};

struct trace_map {
    struct map_entry *entries;
    size_t count, capacity;
    uint64_t before;        /* events of the session before the file */
    uint64_t events;        /* and those in it */
    uint64_t whole_bytes;   /* end of the last whole chunk (or of the tail) */
    uint64_t torn_bytes;    /* behind it, unusable */
    bool damaged;           /* at whole_bytes; chunks follow that are not in the map */
    const char *flaw;       /* what is wrong there */
};

/* Appends the entry of a chunk at m->whole_bytes. */
void map_add(struct trace_map *m, const struct trace_frame *frame);
void map_free(struct trace_map *m);

/* Fills an empty map from the file. 0 or -errno of read; damage is no error here. */
int map_find(struct trace_map *m, int fd, uint64_t file_bytes, struct chunk_opener *o);

/* Reads and unpacks the chunk of an entry. 0, -errno, -EBADMSG with *flaw. */
int map_read_chunk(int fd, const struct map_entry *entry, struct chunk_opener *o, struct trace_columns *columns,
                   const char **flaw);

/* Index and tail, to be written at m->whole_bytes; `frame` is completed. */
void map_pack(const struct trace_map *m, struct chunk_builder *b, struct trace_frame *frame);

#endif
