/*
 * collector/session/listing.h - a session's segment seen from outside, without
 * mapping it: read with pread, so that one that shrinks meanwhile is a short
 * read and not a SIGBUS. Any thread.
 */
#ifndef OWNSCOPE_SESSION_LISTING_H
#define OWNSCOPE_SESSION_LISTING_H

#include "session/session.h"

struct listing_segment {
    int fd;
    struct wire_plan plan;      /* as they were at the open */
    struct wire_pulse pulse;
};

/* 0; -1: there is no such segment of ours. */
int listing_open(const char *path, struct listing_segment *seg);
void listing_close(struct listing_segment *seg);
/* A living collector holds the lock. */
bool listing_locked(const struct listing_segment *seg);
/* Since the last heartbeat. */
uint64_t listing_idle_ns(const struct listing_segment *seg);
/* Processes that hold slots and still run; to be freed. */
struct session_process *listing_processes(const struct listing_segment *seg, size_t *count);

#endif
