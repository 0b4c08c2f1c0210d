/*
 * collector/serve/snapshot_keep.h - the newest snapshot of each process, for
 * readers: immutable, gone with its last reader. Under the lock of whoever has it.
 *
 * A process that runs keeps its newest; of those that are gone, the newest
 * ones are kept up to KEEP_GONE_BYTES, and the last in any case: the trace
 * has them all.
 */
#ifndef OWNSCOPE_SNAPSHOT_KEEP_H
#define OWNSCOPE_SNAPSHOT_KEEP_H

#include <stdbool.h>

#include "event/snapshot.h"
#include "session/session.h"

#define KEEP_GONE_BYTES (256ull << 20)

struct kept;
struct keep { struct kept *first; };    /* all zero: none. The newest first */

/* Takes it over. */
void keep_add(struct keep *k, struct snapshot *s, const struct session *session);
/* One more reader, and one fewer. */
void keep_get(struct keep *k, const struct snapshot *s);
void keep_put(struct keep *k, const struct snapshot *s);
/* Those that are the newest of their process, at most `max`, each with a reader more. */
size_t keep_newest(struct keep *k, const struct snapshot **list, size_t max);
void keep_end(struct keep *k);

#endif
