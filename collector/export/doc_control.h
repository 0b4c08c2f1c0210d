/*
 * collector/export/doc_control.h - what orders and limits did to the recording, from one view: the
 * `control` of report.
 */
#ifndef OWNSCOPE_DOC_CONTROL_H
#define OWNSCOPE_DOC_CONTROL_H

#include "graph/view.h"

#include <jansson.h>

/* {"state","time_ns":{STATE: ns…},"orders","trips","log":[{"ns","event","kind","state","was","text"}…],
 * "budget":{"changes","log":[{"ns","event","text"}…]}}; the logs have the newest, in order; `orders` counts all there were.
 * NULL: nobody gave any, and no limit did. */
json_t *doc_control(const struct view *v);
/* "recording", "paused", "tripped", "half-open", "emergency". */
const char *doc_recording_name(unsigned state);

#endif
