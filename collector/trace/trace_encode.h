/*
 * collector/trace/trace_encode.h - events into the columns of one chunk.
 *
 * Used by trace_writer.c. The models live on from chunk to chunk until
 * trace_encode_reset; the columns are emptied by trace_encode_clear.
 */
#ifndef OWNSCOPE_TRACE_ENCODE_H
#define OWNSCOPE_TRACE_ENCODE_H

#include "trace/trace_column.h"
#include "trace/trace_model.h"

struct trace_encoder;

struct trace_encoder *trace_encode_new(void);
void trace_encode_free(struct trace_encoder *n);

/* Forgets everything: the next chunk can be read without those before it. */
void trace_encode_reset(struct trace_encoder *n);
/* Adds one event. The caller has checked its type and stack. */
void trace_encode_event(struct trace_encoder *n, const struct event *e);
/* Hints that an event will come, so that its memory is on its way: the first
 * some ten events ahead, then the second. They change nothing. */
void trace_encode_expect(const struct trace_encoder *n, const struct event *e);
void trace_encode_expect_block(const struct trace_encoder *n, const struct event *e);
/* True when the chunk has to be closed before another event is added. */
bool trace_encode_full(const struct trace_encoder *n);
uint32_t trace_encode_count(const struct trace_encoder *n);
/* Lowest and highest stamp of the chunk's events. */
void trace_encode_span(const struct trace_encoder *n, uint64_t *low_ns, uint64_t *high_ns);
/* Completes the columns and hands them out, indexed by EVENTS_*. */
const struct trace_column *trace_encode_columns(struct trace_encoder *n);
void trace_encode_clear(struct trace_encoder *n);

#endif
