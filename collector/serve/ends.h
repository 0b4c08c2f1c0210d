/*
 * collector/serve/ends.h - how processes ended that are no children of ours: their
 * pidfds tell it, from Linux 6.15 on, once their parent has waited for them.
 *
 * Ingest thread.
 */
#ifndef OWNSCOPE_ENDS_H
#define OWNSCOPE_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/session.h"

/* All zero: none. */
struct ends { struct end { uint32_t process; int pidfd; } *list; size_t n, capacity; };

/* Remembers the processes that run now. */
void ends_watch(struct ends *e, const struct session *s);
/* 1 and *wait_status; 0: not known yet, ask again; -ENOENT: it will not be known. */
int ends_status(struct ends *e, uint32_t process, int *wait_status);
/* It is not asked for any more. */
void ends_forget(struct ends *e, uint32_t process);
void ends_clear(struct ends *e);

#endif
