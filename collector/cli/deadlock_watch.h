/*
 * collector/cli/deadlock_watch.h - says once, on standard error, that threads
 * of a traced program wait for each other, while the program hangs.
 *
 * A thread of its own, with all signals blocked, sleeps until the collector has
 * found a deadlock; then it takes a view and looks names up. The ingest thread
 * only counts. Every circle of threads and locks is told once.
 */
#ifndef OWNSCOPE_DEADLOCK_WATCH_H
#define OWNSCOPE_DEADLOCK_WATCH_H

#include <jansson.h>

struct collector;
struct deadlock_watch;

/* NULL: no thread could be had; nothing is told then. */
struct deadlock_watch *deadlock_watch_start(struct collector *c);
/* After collector_finish. NULL is fine. */
void deadlock_watch_stop(struct deadlock_watch *w);

/* One deadlock of the document `locks` in one line, without "deadlock"; malloc'ed. */
char *deadlock_text(const json_t *deadlock);

#endif
