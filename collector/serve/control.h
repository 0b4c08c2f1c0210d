/*
 * collector/serve/control.h - who may give orders to a running session, and what
 * becomes of them: the one place that knows the state of recording.
 *
 * API threads bring orders (control_do); the ingest thread carries them out between two
 * rounds (control_round), in the order they came, and answers. Each is one
 * EVENT_CONTROL in the trace, refused ones too. An emergency stop is carried out by the
 * thread that brings it, at once, and told afterwards.
 *
 * What holds for the next collector (rules, limits, the state) stands in the session's
 * folder, `control`: lines of a rules file, replaced whole at each change.
 */
#ifndef OWNSCOPE_CONTROL_H
#define OWNSCOPE_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "event/event.h"
#include "serve/limits.h"
#include "serve/policy.h"

struct control;

struct control_options {
    bool paused;                 /* run --paused */
    uint64_t sample_bytes;       /* --sample: as "trace sample=BYTES" from the start; 0: none */
    const char *rules;           /* the text of --rules FILE, NULL: none */
    const char *limits;          /* the words of --limits, NULL: none */
};

/* What the collector does for it. Ingest thread. */
struct control_host {
    struct session *session;
    struct policy_host policy;
    void (*tell)(void *context, const struct event *e);                     /* into the stream */
    void (*keep)(void *context);                                            /* what was told is in the file; NULL: there is none */
    void (*measure)(void *context, struct limits_input *in);
    void (*counted)(void *context, uint64_t *events, uint64_t *trace_bytes);    /* of that, what costs nothing to know */
    void *context;
};

/* Before there is anything: 0, or -EINVAL and *error, one malloc'ed line. */
int control_check(const struct control_options *o, char **error);
/* 0, or -EINVAL and *error (a malloc'ed line): the options are wrong. */
int control_new(struct control **out, const struct control_host *host, const struct control_options *o, char **error);
void control_free(struct control *c);
void control_round(struct control *c, uint64_t now_ns);
/* Another collector goes on with the session: it finds what holds and what was counted up to now. */
void control_leave(struct control *c);
/* Somebody waits for all hooks to act on an order, or a limit is about to be reached: the next round is not to be long in coming. */
bool control_hurries(const struct control *c);
/* The rules with their hits, as control_list has them, for the last words to people. */
json_t *control_rules(const struct control *c);
/* Orders that nobody will carry out any more are answered so. */
void control_end(struct control *c);

/* Who asks: SO_PEERCRED of the connection. */
struct control_asker { uid_t uid; pid_t pid; };
/* verb: start stop trace untrace limits reset emergency-stop; `words`: the rest, may be "". Waits until it is done, and for a
 * narrowing or a stop until all hooks act on it (at most 1 s: then "settled" is false). The answer is a document: {"ownscope":1,
 * "verb","state","was","took_ns"}, with "at_ns", "settled", "quiet_ns" (how long it took), "waits_for" (what it still waits for), "number", "rule", "rules", "limits" where they say something. 0; -EINVAL (words), -ENOENT (untrace of what is not there), -EPERM (emergency stop), -E2BIG, -ENOSPC,
 * -ECANCELED: and *error, one malloc'ed line. Any thread. */
int control_do(struct control *c, const struct control_asker *who, const char *verb, const char *words, json_t **answer, char **error);
/* What was done (error 0) or refused elsewhere is in the trace like an order: verb "snapshot", "dump", "mark", or one of
 * the above. At once; any thread. */
void control_note(struct control *c, const struct control_asker *who, const char *verb, const char *words, int error, const char *why);
/* {"ownscope":1,"state","since_ns","rules":[{"number","rule","hits","spent","unmet"}…],"limits":{…},"log":[{"ns","kind","text"}…]}. Any thread. NULL: the session is ending. */
json_t *control_list(struct control *c);
enum event_recording control_state(const struct control *c);
/* "recording", "paused", "tripped", "half-open", "emergency". */
const char *control_state_name(enum event_recording state);

#endif
