/*
 * collector/serve/snapshot_scan.h - the thread that scans copies of memory, one
 * after the other, beside the ingest thread. Started with the first.
 *
 * put, done and wait are the ingest thread's. A take belongs to the scanner
 * between put and done; its image is freed (a forked one killed) as soon as it was scanned.
 */
#ifndef OWNSCOPE_SNAPSHOT_SCAN_H
#define OWNSCOPE_SNAPSHOT_SCAN_H

#include "serve/snapshot_take.h"

struct scanner;

struct scanner *scanner_new(struct session *s);
/* Lets the scan under way end; what was not fetched goes. */
void scanner_free(struct scanner *c);
void scanner_put(struct scanner *c, struct take *k);
/* The next that is scanned, NULL: none is yet. `wait`: until one is; NULL then: none is on its way. */
struct take *scanner_done(struct scanner *c, bool wait);
/* How many there are that were not fetched, and the bytes that wait for their scan. */
size_t scanner_waiting(struct scanner *c, uint64_t *bytes);

#endif
