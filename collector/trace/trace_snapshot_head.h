/*
 * collector/trace/trace_snapshot_head.h - what a SNAPSHOT chunk says, for the two
 * files that read it.
 */
#ifndef OWNSCOPE_TRACE_SNAPSHOT_HEAD_H
#define OWNSCOPE_TRACE_SNAPSHOT_HEAD_H

#include "trace/trace_reader.h"

struct snapshot_head { uint64_t numbers[SNAPSHOT_NUMBERS_MAX]; };   /* by enum trace_snapshot_number */

/* Entry `entry` of the map; `texts`: refused and mark, malloc'ed or NULL. 0 or an error. */
int snapshot_head_read(struct trace *t, struct chunk_opener *o, size_t entry, struct snapshot_head *head, char *texts[2]);

#endif
