/*
 * collector/serve/written.h - how many events of each thread are on record, but
 * for those that no record was of: what a successor needs to know which of a ring's
 * records are in the trace already (session_resume).
 *
 * Whoever begins a trace's next file leaves them in the session's folder, beside the
 * number of events that they are of: the file alone does not tell.
 */
#ifndef OWNSCOPE_WRITTEN_H
#define OWNSCOPE_WRITTEN_H

#include "event/event.h"
#include "trace/trace.h"

/* All zero: none. */
struct written {
    uint64_t *of; size_t n, capacity;
    uint64_t in_all;
    uint32_t *stacks; size_t n_stacks, stacks_capacity; /* each thread's last one, by the file's numbers; of written_read alone */
    unsigned place;     /* of two in the folder, the one of the file that there is */
};

void written_count(struct written *w, const struct event *events, size_t count);
/* For session_resume: `written` is a struct written. */
uint64_t written_by(const void *written, uint32_t thread, uint32_t *stack);
/* The same for who goes on in another file: numbers of stacks mean nothing there. */
uint64_t written_beside(const void *written, uint32_t thread, uint32_t *stack);
/* Adds what the file holds, from its first event. 0, or trace_next's error, behind what lies before it. */
int written_read(struct written *w, struct trace *t);
void written_clear(struct written *w);

/* Leaves them in the session's folder as those of its first `event` events; those of the file that there is stay: one of
 * the two is of the file that a successor finds. 0 or -errno. */
int written_leave(const struct written *w, const char *session, uint64_t event);
/* The next file is begun: those that were left last are its own. */
void written_turn(struct written *w);
/* Adds those that were left of so many events. 0; -ENOENT: none were. */
int written_find(struct written *w, const char *session, uint64_t event);

#endif
