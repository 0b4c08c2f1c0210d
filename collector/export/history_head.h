/*
 * collector/export/history_head.h - what lived when a file of a bounded run
 * began: its birth is in an earlier file, and known from the checkpoint at the head.
 *
 * One thread, the trace's, which stands elsewhere afterwards. In a file that begins with
 * the session, or whose checkpoint is lost, nothing did.
 */
#ifndef OWNSCOPE_HISTORY_HEAD_H
#define OWNSCOPE_HISTORY_HEAD_H

#include "export/block_life.h"
#include "trace/trace.h"

/* The block as it was then; false: it was not alive. */
bool head_block(struct trace *t, uint64_t id, struct block_life *life);
/* The newest block of the process at an address then, 0: none; process 0: of any. */
uint64_t head_block_at(struct trace *t, uint32_t process, uint64_t address);
/* Time at which the file begins. */
uint64_t head_ns(const struct trace *t);

#endif
