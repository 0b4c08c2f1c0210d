/*
 * collector/export/doc_parts.h - pieces that several documents share.
 */
#ifndef OWNSCOPE_DOC_PARTS_H
#define OWNSCOPE_DOC_PARTS_H

#include "export/doc.h"
#include "export/frames.h"

/* Numbers beyond int64 (only a hostile file has them) are given as its largest. */
json_t *doc_number(uint64_t n);
/* "b12"; null for 0. */
json_t *doc_id(char kind, uint64_t id);
/* Adds what every document says of a snapshot: whose, which, when, how, at what cost, and its doubts. */
struct snapshot;
void doc_snapshot_facts(json_t *j, const struct snapshot *s);
/* The owner or taker: a thread, or (thread 0) the process itself. */
json_t *doc_party(uint32_t thread, uint32_t process);
json_t *doc_count(const struct view_count *c);
/* null for 0 */
json_t *doc_end_ns(bool ended, uint64_t ns);

/* An order: largest key first, equal keys as they stood. */
struct doc_rank { uint64_t key; uint32_t at; };
void doc_rank_sort(struct doc_rank *order, size_t n);

json_t *doc_events_counts(const struct view *v);
json_t *doc_lost(const struct view *v);
json_t *doc_moves(const struct view *v);
json_t *doc_processes(const struct view *v);
/* Why nothing is known of a process that is asked for: there is none. NULL: there is, or all are asked for (0). */
json_t *doc_process_absent(const struct view *v, uint32_t process);
/* All heap snapshots up to the view's moment, in order of their numbers. */
json_t *doc_snapshots(const struct view *v, const struct doc_context *c);
/* Made last: it reports on the modules that the document's stacks needed. */
json_t *doc_coverage(const struct view *v, const struct doc_context *c, struct frames *f);
json_t *doc_metadata(const struct view *v, const struct doc_context *c, json_t *coverage);
/* Sets since_ns, where the view is of what happened since. */
void doc_since(json_t *j, const struct view *v);
/* The largest hand-offs by blocks, at most `most`. */
json_t *doc_handoffs(const struct view *v, struct frames *f, size_t most);
/* Sets acquisitions, shared_acquisitions, contended, wait_ns, hold_ns. */
void doc_lock_sums(json_t *j, const struct view *v, uint64_t acquisitions, uint64_t shared, uint64_t contended, const struct view_times *wait,
                   const struct view_times *hold);
/* A lock in the narrow sense; false for what threads meet at or signal by: conditions, barriers, semaphores. */
bool doc_lock_excludes(unsigned family);
/* The view's locks in the narrow sense before the others, those waited for longest first, then those taken most; malloc'ed. */
struct doc_rank *doc_locks_rank(const struct view *v);
json_t *doc_locks_totals(const struct view *v);
json_t *doc_copies_totals(const struct view *v);
/* report.top: sites added up by the frames that tell most. */
json_t *doc_top(const struct view *v, struct frames *f, const struct doc_options *o);

#endif
