/*
 * collector/export/plan_state.h - the inside of plan_rules(), for its own files: plan_rules.c (what there is, what it costs,
 * what is chosen) and plan_text.c (the file that says so).
 */
#ifndef OWNSCOPE_PLAN_STATE_H
#define OWNSCOPE_PLAN_STATE_H

#include "export/plan.h"

enum { EXACT = 0, SAMPLED, LEFT_OUT };

/* Why a function's memory is worth recording whole. */
enum { GROWS = 1, LEAKS = 2, HANDED = 4, BREAKS = 8 };

struct group {
    char *function;
    double allocations, bytes, live_blocks, live_bytes, temporary;
    unsigned why;
    unsigned chosen;
};
struct groups { struct group *list; size_t n, capacity; double allocations, bytes, live_bytes; };

struct planned {
    struct groups groups;
    struct plan_item *items;
    double watched, seconds;    /* in all; of them its own: what the trace cost is none of them */
    double budget, own_ns;      /* a second: what records may cost, what the program uses itself */
    double lock_events, copy_events, contended;  /* a second */
    double calls, event_ns, tried_ns, resized;     /* moves (of realloc), for each block made or dropped */
    double sample_bytes;
    double slowed, events;  /* how many times as fast the program is taken to be untraced; what was recorded meanwhile */
    double value, bound;
    bool fits, spared;      /* not spared: what no rule can help is over the budget already */
};

enum { EVERIES = 4, OFF = EVERIES };
static const double plan_every[EVERIES] = { 1, 10, 100, 1000 };

/* Of a block of these bytes, how likely a sample. */
double plan_drawn(double bytes, double rate);
/* A second, were all of its blocks recorded. */
double plan_events_of(const struct planned *p, const struct group *one);
/* A second: how often what is recorded next has another rate than what was before, which is an event each time. */
double plan_switches(const struct planned *p);
/* The rules file; malloc'ed. */
char *plan_text(struct planned *p, const struct plan_ask *ask);

#endif
