/*
 * collector/export/plan.h - which of a program's sites a recording keeps, so that it costs no more than
 * a budget: a choice of one option for each site (multiple-choice knapsack). Pure.
 *
 * Solved on the hull: of each item only those options count that no mix of two others beats; their steps are taken by
 * value for cost until the budget is used up. That is the optimum of the relaxed problem but for one step, so what is lost
 * against the best choice is at most `bound` - value, which is told.
 */
#ifndef OWNSCOPE_PLAN_H
#define OWNSCOPE_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/doc.h"

enum { PLAN_OPTIONS = 5 };
struct plan_option { double cost, value; };
struct plan_item {
    struct plan_option options[PLAN_OPTIONS];
    unsigned n;             /* 1 to PLAN_OPTIONS */
    unsigned chosen;
};
/* Sets `chosen` of each. False: not even the cheapest of all fit, and those are chosen. *bound: no choice within the budget has
 * more value. */
bool plan_solve(struct plan_item *items, size_t n, double budget, double *value, double *bound);

/* What tracing costs, in ns (serve/measure.h): the program an event while all are recorded, one of a few, a call passed over, and a lock
 * or copy looked at; the collector an event, and each second. */
struct plan_model { double record_ns, sparse_ns, passed_ns, tried_ns, collector_ns, fixed_ns; };

struct plan_ask {
    double cpu;                 /* parts of the program's own */
    double program_cpu;         /* that it used while all was recorded, in processors: 1.0 one busy all the time; 0: not known */
    struct plan_model usual, most;  /* the budget holds for the most */
    double event_bytes, fixed_bytes;    /* of trace, an event and each second */
    const char *source;         /* for a comment */
};
/* A rules file (ownscope-rules(5)) made of a report: malloc'ed; NULL: nothing was recorded in it. */
char *plan_rules(const json_t *report, const struct plan_ask *ask);

/* {"promised":{"cpu","events_per_s","bytes_per_h"},"real":{…}}: of a recording that was planned; NULL: it was not. */
json_t *doc_plan(const struct view *v);

#endif
