/*
 * collector/serve/heartbeat.h - keeps a session's heart beating while the
 * ingest thread is busy with one process for long: whoever holds or waits for
 * room in a ring goes on waiting.
 *
 * A thread of its own, that beats only between heartbeat_begin and _end; a
 * collector that is stopped or killed in between stops beating all the same.
 */
#ifndef OWNSCOPE_HEARTBEAT_H
#define OWNSCOPE_HEARTBEAT_H

struct session;
struct heartbeat;

struct heartbeat *heartbeat_new(struct session *s);
void heartbeat_free(struct heartbeat *h);
/* By one thread. */
void heartbeat_begin(struct heartbeat *h);
void heartbeat_end(struct heartbeat *h);

#endif
