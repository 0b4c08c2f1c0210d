/*
 * collector/sql/sql_feed.h - facts pulled out of a fold one at a time.
 *
 * The fold pushes facts at its observer; a cursor wants the next one. So some
 * events are folded, what comes of them waits in a queue, and so on. One
 * thread; each feed has a reader and a graph of its own, so that two cursors of
 * one query do not disturb each other.
 */
#ifndef OWNSCOPE_SQL_FEED_H
#define OWNSCOPE_SQL_FEED_H

#include "graph/graph.h"
#include "sql/sql_room.h"

struct feed_row {
    struct fact fact;           /* .text points into the feed */
    uint64_t event_ns;          /* of the event that made the fact */
    uint32_t nth;               /* fact of its event, from 0 */
};

/* Whether a fact is wanted at all. */
typedef bool (*feed_wanted)(void *context, const struct fact *f, uint64_t event_ns);

struct feed_options {
    uint64_t first_event;       /* facts of earlier events are not wanted */
    uint64_t last_event;        /* nothing behind this event has happened */
    uint64_t enough_event;      /* facts of later events are not wanted; they have happened. 0: as last_event */
    const struct trace_filter *filters; size_t n_filters;  /* facts come only of events that pass one; 0: of any */
    feed_wanted wanted;
    void *context;
};

/* Narrows events to those between the first and the last group that can have times like these. */
void feed_narrow(struct sql *s, const struct sql_bound *ns, uint64_t *first, uint64_t *last);

struct feed;
/* NULL: s->failed, s->error. */
struct feed *feed_open(struct sql *s, const struct feed_options *o);
void feed_close(struct feed *f);
/* The next one, valid until the next call; NULL at the end, or when stopped (*rc says so). */
const struct feed_row *feed_next(struct feed *f, int *rc);

#endif
