/*
 * collector/serve/triggers.h - what makes a flight recorder write its file: a
 * process that a signal ends, a broken rule, memory above a bound.
 *
 * Ingest thread. The end of a process is seen in the stream and judged by the fold;
 * resident sizes are read of /proc once a second.
 */
#ifndef OWNSCOPE_TRIGGERS_H
#define OWNSCOPE_TRIGGERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "graph/graph.h"
#include "serve/ends.h"
#include "session/session.h"

struct trigger_options {
    bool signal;
    uint32_t rules;         /* 1 << enum finding_rule */
    uint64_t rss_bytes;     /* 0: none */
};

struct triggers {
    struct trigger_options options;
    uint64_t seen;                                      /* findings */
    struct ends ends;
    bool started;                                       /* a process did, since the last look */
    struct gone { uint32_t process; uint64_t ns; } *gone; size_t n_gone, gone_capacity; /* ended, and how is not told yet */
    uint32_t *large; size_t n_large, large_capacity;    /* that have been told as above the bound */
    uint64_t rss_ns;                                    /* of the last look at sizes */
};

void triggers_begin(struct triggers *t, const struct trigger_options *o);
void triggers_end(struct triggers *t);
/* Events on their way to the fold. */
void triggers_see(struct triggers *t, const struct event *events, size_t count);
/* All of them have been folded: what happened since the last look, malloc'ed; NULL: nothing. */
char *triggers_look(struct triggers *t, const struct graph *g, const struct session *s, uint64_t now_ns);

#endif
