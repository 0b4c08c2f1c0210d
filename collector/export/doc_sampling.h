/*
 * collector/export/doc_sampling.h - what was sampled and what was not recorded,
 * for documents. Any thread.
 */
#ifndef OWNSCOPE_DOC_SAMPLING_H
#define OWNSCOPE_DOC_SAMPLING_H

#include "export/doc_parts.h"

/* metadata.sampling: {"memory":{"bytes":[rates],"samples"}|null,"locks_every","copies_every","recorded":[…],"without_ns":{…},
 * "cover":[{"ns","recorded":[…]}…]};
 * null: every event was recorded. */
json_t *doc_sampling(const struct view *v);
/* Kinds `sampled`, `unrecorded`, `control`. */
void doc_sampling_coverage(json_t *list, const struct view *v);


#endif
