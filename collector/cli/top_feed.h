/*
 * collector/cli/top_feed.h - between `ownscope top` and the collector: documents
 * are fetched, and orders sent, by a thread of its own, so that keys are answered
 * while a collector is slow, gone or coming back.
 *
 * Signals stay with the thread that draws. What comes back is input: bounded, and a document or none.
 */
#ifndef OWNSCOPE_TOP_FEED_H
#define OWNSCOPE_TOP_FEED_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/top_model.h"

/* How it stands with the collector. */
enum top_link {
    TOP_LINK_NONE,          /* nothing came yet */
    TOP_LINK_LIVE,
    TOP_LINK_SLOW,          /* it did not answer in time, or is busy */
    TOP_LINK_GONE,          /* no collector; the program runs */
    TOP_LINK_ENDED,         /* no collector, and none of the processes runs any more */
    TOP_LINK_REFUSED        /* may not ask */
};

/* What was fetched last; NULL: not (yet). */
struct top_docs { json_t *states, *control, *screen, *sites /* now and then, for growth */; enum top_screen of; enum top_link link; char *why; };
void top_docs_end(struct top_docs *d);

struct top_feed;
struct top_feed_options { const char *socket_path; double delay_s; enum top_screen screen; };

/* NULL: no thread is to be had. */
struct top_feed *top_feed_start(const struct top_feed_options *o);
/* Does not wait for a collector that is silent: what is under way is left behind. */
void top_feed_stop(struct top_feed *f);
/* Another screen is looked at; its document is fetched at once. */
void top_feed_screen(struct top_feed *f, enum top_screen screen);
/* Fetches now. */
void top_feed_hurry(struct top_feed *f);
/* Something to do: POSTs /v1/VERB?PARAMETERS, or GETs when not `post`. The answer comes by top_feed_answer; orders are sent in turn. */
void top_feed_order(struct top_feed *f, bool post, const char *target);
/* What is new since the last call, moved into *d; false: nothing. */
bool top_feed_take(struct top_feed *f, struct top_docs *d);
/* The answer of an order, once each: true; *status: of HTTP, or -errno; *target and *doc (may be NULL) are the caller's. */
bool top_feed_answer(struct top_feed *f, char **target, json_t **doc, int *status);
/* A descriptor that can be read when one of the two has something. */
int top_feed_event(const struct top_feed *f);

/* One look by the calling thread, for pictures without a terminal. */
void top_fetch(const char *socket_path, enum top_screen screen, struct top_docs *d);

#endif
