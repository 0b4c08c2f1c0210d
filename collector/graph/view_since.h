/*
 * collector/graph/view_since.h - what happened between two moments of one
 * session: a view minus an earlier one.
 *
 * Counts (allocations, frees, bytes, acquisitions, waits, copies, times a rule
 * was broken…) become what came since. What is a state stays that of the later
 * moment: what is live, what threads own, who holds or waits for a lock, the
 * peak. Rows in which nothing happened go; threads, locks and lock classes, which others name,
 * stay and are marked `same`. Findings that were there before and happened again
 * have the count of the times since. Circles of locks that were closed before go. Blocks stay that were
 * made since, or changed hands, size or place.
 *
 * Of durations count and sum are known; the longest only if it is a new longest,
 * percentiles only if there were none before: VIEW_UNKNOWN else.
 *
 * Rows are joined by ids where there are some, else by their stacks, which are
 * compared frame by frame: the views need not share anything.
 */
#ifndef OWNSCOPE_VIEW_SINCE_H
#define OWNSCOPE_VIEW_SINCE_H

#include "graph/view.h"

void view_since(struct view *v, const struct view *before);

#endif
