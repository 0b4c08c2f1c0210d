/*
 * collector/cli/emergency.h - an emergency stop of a session, for ownscope ctl and
 * ownscope top: by its collector, or past it by the segment where it does not answer at once.
 */
#ifndef OWNSCOPE_EMERGENCY_H
#define OWNSCOPE_EMERGENCY_H

#include <jansson.h>
#include <stdbool.h>

/* The answer, as control.h says of it. `was`: the state of recording as it was seen before, for a stop that no collector
 * answers. NULL and *error, one malloc'ed line: it could not be done. */
json_t *emergency_stop(const char *session, const char *segment_path, bool collector_alive, const char *was, char **error);

#endif
