/*
 * collector/session/maps.h - the modules of a process that runs already.
 *
 * A process announces a module once. A collector that takes over has not heard
 * it, and reads it from /proc/PID/maps and the files' own headers. Best
 * effort: what cannot be read stays unknown. Ingest thread.
 */
#ifndef OWNSCOPE_SESSION_MAPS_H
#define OWNSCOPE_SESSION_MAPS_H

#include <stdint.h>

#include "event/code.h"
#include "session/image.h"

void maps_read(struct image *m, struct code *code, uint32_t pid);

#endif
