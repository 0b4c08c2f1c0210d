/*
 * collector/trace/trace_encode.h - events into the columns of one chunk.
 *
 * Used by trace_writer.c. The models live on from chunk to chunk until
 * trace_encode_reset; the columns only until trace_encode_hand_over.
 */
#ifndef OWNSCOPE_TRACE_ENCODE_H
#define OWNSCOPE_TRACE_ENCODE_H

#include "trace/trace_column.h"
#include "trace/trace_model.h"
#include "trace/trace_summary.h"

struct trace_encoder;

struct trace_encoder *trace_encode_new(void);
void trace_encode_free(struct trace_encoder *n);

/* Forgets everything: the next chunk can be read without those before it. */
void trace_encode_reset(struct trace_encoder *n);
/* What was added since the last reset, in short. */
struct summary *trace_encode_summary(struct trace_encoder *n);
/* Adds events until the chunk is full; returns how many. The caller has checked
 * their types and stacks. */
size_t trace_encode_events(struct trace_encoder *n, const struct event *events, size_t count);
/* True when the chunk has to be closed before another event is added. */
bool trace_encode_full(const struct trace_encoder *n);
uint32_t trace_encode_count(const struct trace_encoder *n);
/* Lowest and highest stamp of the chunk's events. */
void trace_encode_span(const struct trace_encoder *n, uint64_t *low_ns, uint64_t *high_ns);
/* Completes the chunk and exchanges its columns, indexed by EVENTS_*, for the
 * ones given, whose contents are forgotten: the next chunk begins. */
void trace_encode_hand_over(struct trace_encoder *n, struct trace_column *columns);

#endif
