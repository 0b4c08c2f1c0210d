/*
 * collector/trace/trace_writer.h - the inside of a trace being written, for the
 * files of this room that write one: trace_writer.c, trace_next.c, trace_join.c.
 */
#ifndef OWNSCOPE_TRACE_WRITER_H
#define OWNSCOPE_TRACE_WRITER_H

#include "trace/trace.h"
#include "trace/trace_encode.h"
#include "trace/trace_output.h"
#include "trace/trace_tables.h"

struct trace_writer {
    uint64_t dropped;           /* events that did not get into a chunk */
    uint64_t group_events;      /* since the models last started afresh */
    uint64_t group_low_ns, group_high_ns;
    uint64_t events;            /* number of the last event in a chunk that was handed over */
    struct trace_tables tables;
    struct trace_output output;
    struct trace_encoder *encoder;  /* NULL: its events come from elsewhere */
};

/* Without an encoder. */
struct trace_writer *writer_new(int fd);
/* Writes what waits; the file stays open. */
void writer_free(struct trace_writer *w);
/* The first bytes of a file. 0 or -errno. */
int writer_file_head(struct trace_writer *w);
/* The definitions in `code` that the file does not have. */
void writer_tables(struct trace_writer *w, const struct code *code, bool background);
/* The models start afresh: a cut; what is in the group that ends here is told. No chunk is open. */
void writer_group_end(struct trace_writer *w, bool background);
/* End record, index, tail; nothing waits. */
void writer_end(struct trace_writer *w, uint64_t end_ns);

#endif
