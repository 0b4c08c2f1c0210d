/*
 * collector/export/doc_sampling.h - what was sampled and what was not recorded,
 * for documents. Any thread.
 */
#ifndef OWNSCOPE_DOC_SAMPLING_H
#define OWNSCOPE_DOC_SAMPLING_H

#include "export/doc_parts.h"

/* metadata.sampling: {"memory":{"bytes":[rates],"samples"}|null,"locks_every","copies_every","recorded":[…],"without_ns":{…}};
 * null: every event was recorded. */
json_t *doc_sampling(const struct view *v);
/* {"state","ns_by_state","orders_total","orders":[{"ns","event","kind","state","was","text"}…],"cover":[{"ns","recorded"}…]};
 * null: nobody gave an order. */
json_t *doc_control(const struct view *v);
/* Kinds `sampled`, `unrecorded`, `control`. */
void doc_sampling_coverage(json_t *list, const struct view *v);

/* "recording", "paused", "tripped", "half-open", "emergency-stop"; "verb", "limit", "budget", "promise"; "?". */
const char *doc_recording_name(unsigned state);
const char *doc_control_name(unsigned kind);
/* Of enum event_cover: ["memory","drops","locks","copies","life"]. */
json_t *doc_cover_parts(unsigned bits);

#endif
