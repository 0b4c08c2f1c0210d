/*
 * collector/serve/measure.h - what tracing costs and what the program uses, read as
 * limits ask for it: about ten times a second, a few microseconds each time.
 *
 * Read from clocks: the CPU of each traced process (of one that ended, what it was at the last look: up to a tick is missed, and
 * who lived shorter than that altogether), the collector's own without what it used to answer questions
 * (measure_question_begin). Estimated: what hooks used in the program. One record in 16 is timed by the thread that makes it while
 * events are filtered (preload/record.c); what lies before the record and what the caches lose is not in it. Everything else is
 * what bench/limits.py found: record_ns for a record while all are made, passed_ns for a call that is passed over, which
 * was 1.4 ns in a small program and 6.5 in python3: so that part may be half or twice what is said.
 */
#ifndef OWNSCOPE_MEASURE_H
#define OWNSCOPE_MEASURE_H

#include "serve/limits.h"
#include "session/session.h"

/* What tracing costs, in ns; limits reckon with the usual where nothing was measured, `plan` promises the most. */
struct measure_model {
    double record_ns;       /* the program, an event, while all are recorded (bench/RESULTS.md) */
    double sparse_ns;       /* and one of a few among many that are passed over: nothing of it is in a cache, and in python3 the stack is deep */
    double passed_ns;       /* the program, a call that is passed over */
    double tried_ns;        /* the program, a lock or copy of which one in so many is recorded (wire_home.tries; the most: as it is timed) */
    double collector_ns;    /* the collector, an event with its full stack */
    double fixed_ns;        /* the collector, each second, whatever comes: about 25 rounds, each with a cold cache */
};
static const struct measure_model MEASURE_USUAL = { 60, 600, 1.0, 8, 90, 2000000 }, MEASURE_MOST = { 120, 2000, 6.5, 25, 250, 4000000 };

struct measure;
struct measure *measure_new(struct session *s);
void measure_free(struct measure *m);
/* All of *in but now_ns, recorded_ns and trace_bytes. Ingest thread. */
void measure_read(struct measure *m, struct limits_input *in);

/* Around what a thread of the collector does because a user asked. They do not nest. Any thread. */
void measure_question_begin(void);
void measure_question_end(void);

#endif
