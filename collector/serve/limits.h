/*
 * collector/serve/limits.h - limits, the breaker, and the budget of CPU: what is to
 * be done when tracing costs more than somebody allows. Pure: it is told the time and the
 * measures, and says what to do; nothing is read, nothing published here.
 *
 *   cpu=3%[:ACTION]        tracing's CPU (hooks and collector) of the program's own. Adaptive: the rates follow it
 *   events=N  events/s=N  bytes=SIZE (of trace)  rss=SIZE (of the traced processes)  time=TIME (of recording)
 *   ACTION: pause (until `start`), coarser (the rates), stop (as emergency-stop), trip (pause, and try again after `cooldown=TIME`, 5s)
 *   Without one: events, bytes, rss, time pause; events/s trips; cpu coarser. K=off takes one away.
 *
 * What is counted (events, bytes, time) counts from when its limit was set, and anew from a reset, from a `start`
 * behind its pause, and from each new trial behind its trip. `coarser` of these, and of rss: four times as coarse when the
 * limit is reached, and again each time what was counted has doubled. Of events/s and cpu the rates follow the load both ways.
 *
 * The breaker (serve/breaker.h): closed (recording) -> open (tripped, for the cool-down, which doubles each time it trips again
 * on trial, up to 16 times) -> half-open (recording on trial, as long as the cool-down was) -> closed.
 */
#ifndef OWNSCOPE_LIMITS_H
#define OWNSCOPE_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum limit_key { LIMIT_CPU, LIMIT_EVENTS, LIMIT_EVENTS_PER_S, LIMIT_BYTES, LIMIT_RSS, LIMIT_TIME, LIMITS };
enum limit_action { LIMIT_PAUSE, LIMIT_COARSER, LIMIT_STOP, LIMIT_TRIP };

struct limits_spec {
    struct { bool set; double most; enum limit_action action; } limit[LIMITS]; /* cpu: parts of 1; time: ns */
    uint64_t cooldown_ns;
};
void limits_default(struct limits_spec *spec);
/* Changes the spec by words, between blanks or commas: "cpu=3% events/s=100k:trip". 0, or -EINVAL and *error, one malloc'ed line. */
int limits_parse(struct limits_spec *spec, const char *words, char **error);
/* As limits_parse takes it; malloc'ed; "" none. */
char *limits_text(const struct limits_spec *spec);

/* Measures, cumulative since the session's start. */
struct limits_input {
    uint64_t now_ns;
    uint64_t recorded_ns;        /* time of recording so far */
    uint64_t events, trace_bytes;
    uint64_t calls;              /* of hooks, that recorded nothing (wire_home.calls) */
    uint64_t rss_bytes;          /* of the traced processes, now */
    uint64_t program_cpu_ns;     /* user and system, of the traced processes that live and lived: what hooks used is in it */
    uint64_t hooks_cpu_ns;       /* of it, for what was recorded; an estimate, as is the next (serve/measure.h) */
    uint64_t passed_cpu_ns;      /* and for calls that were only looked at */
    uint64_t collector_cpu_ns;   /* without what it used to answer questions */
    double ring_fill;            /* of the fullest ring, 0 to 1 */
};
enum { LIMITS_WHY = 240 };
struct limits_verdict {
    enum { LIMITS_NOTHING, LIMITS_RATES, LIMITS_SAY /* the line alone, of the budget */, LIMITS_DO_PAUSE, LIMITS_DO_TRIP, LIMITS_DO_TRY /* half-open */, LIMITS_DO_CLOSE, LIMITS_DO_STOP } what;
    uint64_t sample_bytes; uint32_t locks_every, copies_every;  /* the floors from now on */
    char why[LIMITS_WHY];               /* one line for the log, the report and people: "events/s=100k: 131k in the last second: …" */
};

struct limits;
struct limits *limits_new(void);
void limits_free(struct limits *l);
void limits_set(struct limits *l, const struct limits_spec *spec, const struct limits_input *now);
const struct limits_spec *limits_spec_of(const struct limits *l);
/* What is counted as it comes has reached its limit, which ends recording: a tick is due now. Cheap, for each round. (Coarser
 * rates take a while to be seen in the counts: those wait for the next tick.) */
bool limits_due(const struct limits *l, uint64_t now_ns, uint64_t events, uint64_t trace_bytes);
/* Some ten times a second while recording or tripped, and when one is due. */
void limits_tick(struct limits *l, const struct limits_input *in, struct limits_verdict *out);
/* What it was held against last, for limits_json and limits_counts_text. */
void limits_note(struct limits *l, const struct limits_input *now);
/* `ctl reset`: closed, all counts from now, rates as at the beginning. Under a limit on CPU those that hold stay until the next tick. */
void limits_reset(struct limits *l, const struct limits_input *now);
/* What holds now, as said last. */
void limits_rates(const struct limits *l, uint64_t *sample_bytes, uint32_t *every);
/* Somebody said `start`: closed; what had paused it is counted from now. */
void limits_started(struct limits *l, const struct limits_input *now);
/* For the next collector: "open events/s 2000000000 812000000", which of it tripped, how long that lasts and since when; malloc'ed;
 * "": closed. */
char *limits_breaker_text(const struct limits *l);
/* It goes on so. False: the text is no such, or the limit does not trip. */
bool limits_breaker_take(struct limits *l, const char *text, const struct limits_input *now, bool *open);
/* Likewise what was counted, what paused, and the rates that hold, a line each (limits_keep.c); malloc'ed. And one such line, when
 * the limits are set again: false: it is none, or of a limit that is not set. */
char *limits_counts_text(const struct limits *l);
bool limits_counts_take(struct limits *l, const char *text, const struct limits_input *now);
/* Paused or stopped by a limit, until somebody says start. */
bool limits_held(const struct limits *l);
/* Limits on events and time are reached, and pause, trip or stop, when so many are recorded, or so long was; UINT64_MAX: none. */
void limits_reach(const struct limits *l, uint64_t *events, uint64_t *recorded_ns);
/* {"cpu":{"limit","now","action","mean","hooks","collector"},"events":{"limit","now","action"},…,"breaker":"closed","cooldown_ns",
 * "sample_bytes","locks_every","copies_every"}: of status, list and top. Limits that are not set are not there. */
json_t *limits_json(const struct limits *l);

#endif
