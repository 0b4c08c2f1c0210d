/*
 * collector/cli/trip_watch.h - says on standard error that a limit has ended recording,
 * when it does: who looks at a trace tomorrow should not have waited for it.
 *
 * A thread of its own, with all signals blocked, sleeps until the collector says so.
 */
#ifndef OWNSCOPE_TRIP_WATCH_H
#define OWNSCOPE_TRIP_WATCH_H

struct collector;
struct trip_watch;

/* NULL: no thread could be had; nothing is told then. */
struct trip_watch *trip_watch_start(struct collector *c);
/* After collector_finish. NULL is fine. */
void trip_watch_stop(struct trip_watch *w);

#endif
