/*
 * collector/export/export_locks.h - locks and flows in a streamed document:
 * nodes of locks, edges from threads to locks and from blocks to blocks.
 */
#ifndef OWNSCOPE_EXPORT_LOCKS_H
#define OWNSCOPE_EXPORT_LOCKS_H

#include "export/json_writer.h"
#include "export/lock_names.h"

/* Writes where a lock was initialised; `stack` is the view's. */
typedef void (*export_stack)(void *context, uint32_t stack);

/* One lock, with init_stack where `stack` is given. What has no row in the view
 * is known by its id alone. */
void export_lock_node(struct json_writer *w, const struct view *v, struct lock_names *names, uint64_t id,
                      export_stack stack, void *context);
/* All of the view; those that are gone only with `all`. */
void export_lock_nodes(struct json_writer *w, const struct view *v, struct lock_names *names, bool all,
                       export_stack stack, void *context);
/* owns, borrows, waits: between threads and locks that have nodes. */
void export_lock_edges(struct json_writer *w, const struct view *v, struct lock_names *names);
/* flows: between blocks; without `all` only between those of the view. */
void export_flow_edges(struct json_writer *w, const struct view *v, bool all);

#endif
