/*
 * collector/serve/backlog.h - events that are on record and wait to be folded:
 * while the graph is read aside (snapshot_take.h), and until the fold has
 * caught up with what came meanwhile. Ingest thread.
 */
#ifndef OWNSCOPE_BACKLOG_H
#define OWNSCOPE_BACKLOG_H

#include <stdbool.h>

#include "graph/graph.h"

/* All zero: empty. */
struct backlog {
    struct event *events;
    size_t first, n, capacity;  /* events [first, n) wait */
};

static inline bool backlog_empty(const struct backlog *b) { return b->first == b->n; }
/* Copies them, and their texts. */
void backlog_add(struct backlog *b, const struct event *events, size_t count);
/* There are so many that nothing more should be drained. */
bool backlog_full(const struct backlog *b);
/* Folds at most so many. */
void backlog_fold(struct backlog *b, struct graph *g, size_t most);
/* Empties it, folded or not. */
void backlog_clear(struct backlog *b);

#endif
