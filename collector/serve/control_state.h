/*
 * collector/serve/control_state.h - the inside of control.h, for its own files:
 * control.c (what holds, and what limits make of it), control_verbs.c (what each order does), control_orders.c (from
 * the threads that bring them to the one that carries them out), control_file.c (what the next collector finds).
 *
 * Rules, limits, state and log are the ingest thread's alone. The queue is under the lock; `shown` is for any thread.
 */
#ifndef OWNSCOPE_CONTROL_STATE_H
#define OWNSCOPE_CONTROL_STATE_H

#include <pthread.h>

#include "serve/control.h"

enum { CONTROL_LOG_MAX = 64, CONTROL_WORDS_MAX = 8192, CONTROL_TEXT_MAX = 1000, CONTROL_COMM = 16, CONTROL_NOTES_MAX = 64 };
#define CONTROL_SETTLE_NS 1000000000ull     /* who gave an order waits no longer until all hooks act on it */
#define CONTROL_QUIET_NS 50000000ull        /* likewise of an emergency stop */
#define CONTROL_TOLD_NS 200000000ull        /* who brought one waits so long at most until the trace has it */
#define CONTROL_TICK_NS 100000000ull        /* limits are looked at so often */
#define CONTROL_NEAR_NS 20000000ull         /* what will be reached so soon is looked for in rounds that follow each other closely */
#define CONTROL_COUNTS_NS 1000000000ull     /* what only this collector counts is left for the next one so often */

enum control_verb { CONTROL_START, CONTROL_STOP, CONTROL_TRACE, CONTROL_UNTRACE, CONTROL_LIMITS, CONTROL_RESET, CONTROL_EMERGENCY,
                    CONTROL_VERBS, CONTROL_SNAPSHOT = CONTROL_VERBS, CONTROL_DUMP, CONTROL_MARK, CONTROL_NAMES, CONTROL_LIST = CONTROL_NAMES };
extern const char *const control_verbs[CONTROL_NAMES];

/* An order on its way. Its thread waits for `done`, unless it is a note of what was done, or refused, already. */
struct order {
    struct order *next;
    enum control_verb verb;
    const char *words;
    struct control_asker who;
    char comm[CONTROL_COMM + 1];
    bool note;                  /* freed by the ingest thread, with words and error */
    bool waits, done;           /* carried out, for all hooks to act on it; answered */
    uint64_t began_ns, published_ns, until_ns;  /* CLOCK_MONOTONIC */
    enum event_recording was;
    uint32_t number; char *rule;    /* of trace */
    bool settled; const char *waits_for;    /* not settled: what for */
    uint64_t quiet_ns;          /* how long that took */
    int result;
    char *error;
    json_t *answer;
};

struct control_log { uint64_t ns; enum event_control kind; char *text; };

struct control {
    struct control_host host;
    struct policy *policy;
    struct limits *limits;
    /* What holds. */
    enum event_recording state, before;     /* before: the emergency stop */
    bool by_limit;                          /* paused by one */
    uint64_t emergency_ns;                  /* when the emergency stop came; CLOCK_MONOTONIC */
    uint64_t since_ns;                      /* of the state; since the session's start */
    struct rule *rules; size_t n_rules;
    bool settles;               /* they are those that the session began with, before there was a program */
    uint32_t next_number;
    uint64_t sample_bytes; uint32_t locks_every, copies_every;  /* the limits' floors */
    char *promise;
    struct limits_input promise_from, promise_to;   /* what tracing had cost when the start was over; and lately */
    uint64_t recorded_ns, looked_ns;        /* time of recording so far; until when */
    uint64_t tick_ns, tick_events;          /* the last look at limits; what had been recorded then */
    uint64_t saved_ns;
    bool nears;                             /* a limit on events or time is about to be reached */
    struct control_log log[CONTROL_LOG_MAX]; size_t n_log;
    struct order *settling;                 /* carried out, in their order */
    atomic_u32 shown;                       /* the state */

    pthread_mutex_t lock;
    pthread_cond_t answered;
    struct order *first, **last;
    unsigned notes;             /* in the queue */
    unsigned stopping;          /* threads that carry out an emergency stop, whose note is to come */
    uint64_t stops, stops_told; /* such notes that came; that are in the trace */
    uint64_t notes_came, notes_told; /* the same of the others */
    bool ended;
};

uint64_t control_clock_ns(void);
/* ---- control.c ---- */
/* What holds, to the hooks. 0 or -errno. */
int control_publish(struct control *c);
void control_tell(struct control *c, enum event_control kind, enum event_recording was, const char *text);
void control_become(struct control *c, enum event_recording state);
/* Another state, published. What was before stays when that fails. */
int control_change_state(struct control *c, enum event_recording state);
/* What limits are held against, now. */
struct limits_input control_measure(struct control *c, uint64_t now_ns);
/* The hooks only forward since then, by somebody. */
void control_emergency(struct control *c, uint64_t at_ns);
/* One rule more, which is taken over; its number. 0: there are too many. */
uint32_t control_rule_add(struct control *c, struct rule *r, uint32_t number);
void control_rule_remove(struct control *c, size_t i);

/* ---- control_verbs.c ---- */
void control_carry_out(struct control *c, struct order *o);

/* ---- control_orders.c ---- */
void control_orders_round(struct control *c);

/* ---- control_file.c ---- */
/* Lines of a rules file: rules and limits are added, a promise is noted. -EINVAL and *error. */
int control_read(struct control *c, const char *text, char **error);
void control_save(const struct control *c);
/* What the collector before left. False: nothing. */
bool control_restore(struct control *c);

/* From when on what was promised is held against what is. */
void control_promise_round(struct control *c, uint64_t now_ns);

#endif
