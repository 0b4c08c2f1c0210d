/*
 * collector/export/finding_text.h - a broken rule in one sentence.
 */
#ifndef OWNSCOPE_FINDING_TEXT_H
#define OWNSCOPE_FINDING_TEXT_H

#include "export/lock_names.h"
#include "graph/view.h"

/* "memcpy wrote 24 bytes from offset 8 of a 16-byte block: 16 past its end".
 * Only what the finding's fields say; malloc'ed. */
char *finding_text(const struct view *v, const struct view_finding *f, struct lock_names *names);
/* "operator delete[]", "free": a family as a person would name it. */
const char *finding_family_text(unsigned family);

#endif
