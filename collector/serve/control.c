/*
 * collector/serve/control.c - see control.h: what holds, and what limits make of it. Ingest thread.
 *
 *   recording --stop, a limit that pauses--> paused --start--> recording
 *   recording --a limit that trips--> tripped --cooled down--> half-open --held--> recording (or tripped again)
 *   any --emergency-stop--> emergency --reset--> what was before; --start--> recording
 *
 * Each order stands in control_verbs.c.
 */
#include "serve/control_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"

static const char *const states[] = {
    [EVENT_RECORDING] = "recording", [EVENT_PAUSED] = "paused", [EVENT_TRIPPED] = "tripped", [EVENT_HALF_OPEN] = "half-open",
    [EVENT_EMERGENCY] = "emergency" };

uint64_t control_clock_ns(void) { return wire_clock_monotonic_ns(); }

const char *control_state_name(enum event_recording state) { return states[state]; }

static bool records(enum event_recording state) { return state == EVENT_RECORDING || state == EVENT_HALF_OPEN; }

/* ---- what holds ---- */

static uint32_t gate_of(const struct control *c)
{
    const struct wire_plan *plan = session_plan(c->host.session);
    uint32_t gate = WIRE_GATE_LIFE;
    if (!records(c->state))
        return gate;
    return gate | WIRE_GATE_MEMORY | (plan->locks ? WIRE_GATE_LOCKS : 0) | (plan->copies_min_bytes != UINT64_MAX ? WIRE_GATE_COPIES : 0);
}

int control_publish(struct control *c)
{
    struct policy_spec spec = { .gate = gate_of(c), .rules = c->rules, .n_rules = c->n_rules, .sample_bytes = c->sample_bytes,
                                .locks_every = c->locks_every, .copies_every = c->copies_every, .settles = c->settles };
    return c->state == EVENT_EMERGENCY ? 0 : policy_set(c->policy, &spec);
}

static void time_count(struct control *c, uint64_t now_ns)
{
    if (records(c->state) && now_ns > c->looked_ns)
        c->recorded_ns += now_ns - c->looked_ns;
    c->looked_ns = now_ns;
}

void control_become(struct control *c, enum event_recording state)
{
    uint64_t now_ns = session_now_ns(c->host.session);
    if (state == c->state)
        return;
    time_count(c, now_ns);
    c->state = state;
    c->since_ns = now_ns;
    store_relaxed(&c->shown, state);
}

int control_change_state(struct control *c, enum event_recording state)
{
    enum event_recording was = c->state;
    int e = 0;
    if (state == was)
        return 0;
    control_become(c, state);
    e = control_publish(c);
    if (e)
        control_become(c, was);
    return e;
}

void control_emergency(struct control *c, uint64_t at_ns)
{
    struct event cover = { .type = EVENT_COVER };
    c->emergency_ns = at_ns;
    if (c->state == EVENT_EMERGENCY)
        return;
    c->before = c->state;
    control_become(c, EVENT_EMERGENCY);
    c->host.tell(c->host.context, &cover);
    control_save(c);
}

static void log_add(struct control *c, enum event_control kind, const char *text)
{
    if (c->n_log == CONTROL_LOG_MAX) {
        free(c->log[0].text);
        memmove(c->log, c->log + 1, --c->n_log * sizeof *c->log);
    }
    c->log[c->n_log++] = (struct control_log){ session_now_ns(c->host.session), kind, xstrdup(text) };
}

/* No character is cut in two. */
static size_t text_bytes(const char *text)
{
    size_t n = strnlen(text, CONTROL_TEXT_MAX + 1);
    if (n <= CONTROL_TEXT_MAX)
        return n;
    for (n = CONTROL_TEXT_MAX; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

void control_tell(struct control *c, enum event_control kind, enum event_recording was, const char *text)
{
    struct event e = { .type = EVENT_CONTROL, .family = (uint8_t)kind, .address = c->state, .size = was, .text = text,
                       .text_bytes = (uint16_t)text_bytes(text) };
    c->host.tell(c->host.context, &e);
    log_add(c, kind, text);
}

uint32_t control_rule_add(struct control *c, struct rule *r, uint32_t number)
{
    if (c->n_rules == WIRE_RULES_MAX)
        return 0;
    c->rules = xrealloc(c->rules, (c->n_rules + 1) * sizeof *c->rules);
    r->number = number ? number : c->next_number;
    if (r->number >= c->next_number)
        c->next_number = r->number + 1;
    c->rules[c->n_rules++] = *r;
    return r->number;
}

void control_rule_remove(struct control *c, size_t i)
{
    rule_clear(&c->rules[i]);
    memmove(c->rules + i, c->rules + i + 1, (--c->n_rules - i) * sizeof *c->rules);
}

struct limits_input control_measure(struct control *c, uint64_t now_ns)
{
    struct limits_input in = {0};
    time_count(c, now_ns);
    c->host.measure(c->host.context, &in);
    in.now_ns = now_ns;
    in.recorded_ns = c->recorded_ns;
    return in;
}

/* ---- limits ---- */

static void verdict_state(struct control *c, enum event_recording state, const char *why)
{
    enum event_recording was = c->state;
    int e = control_change_state(c, state);
    char *text = e ? xasprintf("%s, and that failed: %s", why, strerror(-e)) : NULL;
    control_save(c);
    control_tell(c, EVENT_CONTROL_LIMIT, was, e ? text : why);
    free(text);
}

static void verdict_stop(struct control *c, const char *why)
{
    enum event_recording was = c->state;
    session_emergency(c->host.session);
    control_emergency(c, control_clock_ns());
    control_tell(c, EVENT_CONTROL_LIMIT, was, why);
}

static void verdict_rates(struct control *c, const struct limits_verdict *v)
{
    c->sample_bytes = v->sample_bytes;
    c->locks_every = v->locks_every;
    c->copies_every = v->copies_every;
    control_publish(c); /* if there is no room, the next change has more luck */
    control_save(c);
    control_tell(c, EVENT_CONTROL_BUDGET, c->state, v->why);
}

/* In a tenth of a second a program can make ten times what a limit allows. Where at the pace since the last look one on events or
 * time will be reached soon, rounds must not be long in coming either. */
static bool tick_due(struct control *c, uint64_t now_ns)
{
    uint64_t events, trace_bytes, events_most, ns_most, since_ns = now_ns - c->tick_ns;
    c->nears = false;
    if (!c->tick_ns || since_ns >= CONTROL_TICK_NS)
        return true;
    c->host.counted(c->host.context, &events, &trace_bytes);
    limits_reach(c->limits, &events_most, &ns_most);
    if (ns_most != UINT64_MAX)
        time_count(c, now_ns);
    if (limits_due(c->limits, now_ns, events, trace_bytes) || c->recorded_ns >= ns_most)
        return true;
    double pace = since_ns && events > c->tick_events ? (double)(events - c->tick_events) / (double)since_ns : 0;
    c->nears = ns_most - c->recorded_ns < CONTROL_NEAR_NS || (double)(events_most - events) < pace * (double)CONTROL_NEAR_NS;
    return false;
}

/* So that a collector that is killed leaves behind what was counted, but for the last second; where hooks count, or time, no more
 * than the state is needed. */
static void counts_save(struct control *c, uint64_t now_ns)
{
    if (now_ns - c->saved_ns < CONTROL_COUNTS_NS || !limits_spec_of(c->limits)->limit[LIMIT_BYTES].set)
        return;
    c->saved_ns = now_ns;
    control_save(c);
}

static void limits_look(struct control *c, uint64_t now_ns)
{
    struct limits_verdict v = {0};
    c->nears = c->nears && c->state != EVENT_PAUSED;
    if (c->state == EVENT_PAUSED || session_is_emergency(c->host.session) || !tick_due(c, now_ns))
        return;
    c->tick_ns = now_ns;
    struct limits_input in = control_measure(c, now_ns);
    c->tick_events = in.events;
    limits_tick(c->limits, &in, &v);
    counts_save(c, now_ns);
    switch (v.what) {
    case LIMITS_NOTHING: break;
    case LIMITS_RATES: verdict_rates(c, &v); break;
    case LIMITS_SAY: control_tell(c, EVENT_CONTROL_BUDGET, c->state, v.why); break;
    case LIMITS_DO_PAUSE:
        verdict_state(c, EVENT_PAUSED, v.why);
        c->by_limit = c->state == EVENT_PAUSED;
        break;
    case LIMITS_DO_TRIP: verdict_state(c, EVENT_TRIPPED, v.why); break;
    case LIMITS_DO_TRY: verdict_state(c, EVENT_HALF_OPEN, v.why); break;
    case LIMITS_DO_CLOSE: verdict_state(c, EVENT_RECORDING, v.why); break;
    case LIMITS_DO_STOP: verdict_stop(c, v.why); break;
    }
}

/* ---- rounds ---- */

void control_round(struct control *c, uint64_t now_ns)
{
    control_promise_round(c, now_ns);
    control_orders_round(c);
    policy_round(c->policy, now_ns);
    limits_look(c, now_ns);
}

/* ---- beginning and end ---- */

/* The options' words, as if they had been ordered. */
static int options_take(struct control *c, const struct control_options *o, char **error)
{
    char size[UNITS_TEXT], *line;
    int e = o->rules ? control_read(c, o->rules, error) : 0;
    if (!e && o->sample_bytes) {
        line = xasprintf("trace sample=%s", print_bytes(size, o->sample_bytes));
        e = control_read(c, line, error);
        free(line);
    }
    if (!e && o->limits) {
        line = xasprintf("limits %s", o->limits);
        e = control_read(c, line, error);
        free(line);
    }
    if (o->paused)
        control_become(c, EVENT_PAUSED);
    return e;
}

/* What differs from a recording of everything is in the trace from the start. */
static void beginning_tell(struct control *c, bool restored)
{
    if (c->state != EVENT_RECORDING) {
        char *text = xasprintf("%s %s", control_state_name(c->state), restored ? "as the collector before left it" : "from the start");
        control_tell(c, EVENT_CONTROL_VERB, EVENT_RECORDING, text);
        free(text);
    }
    for (size_t i = 0; i < c->n_rules; i++) {
        char *rule = rule_text(&c->rules[i]), *text = xasprintf("trace %s (rule %u)", rule, c->rules[i].number);
        control_tell(c, EVENT_CONTROL_VERB, c->state, text);
        free(rule);
        free(text);
    }
    char *limits = limits_text(limits_spec_of(c->limits));
    if (*limits) {
        char *text = xasprintf("limits %s", limits);
        control_tell(c, EVENT_CONTROL_VERB, c->state, text);
        free(text);
    }
    free(limits);
    if (c->promise)
        control_tell(c, EVENT_CONTROL_PROMISE, c->state, c->promise);
}

int control_new(struct control **out, const struct control_host *host, const struct control_options *o, char **error)
{
    struct control *c = xcalloc(1, sizeof *c);
    *error = NULL;
    c->host = *host;
    c->next_number = 1;
    c->last = &c->first;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    c->policy = policy_new(&host->policy);
    c->limits = limits_new();
    c->looked_ns = c->since_ns = session_now_ns(host->session);
    bool restored = control_restore(c) && !o->paused;
    uint64_t recorded_ns = c->recorded_ns;
    int e = options_take(c, o, error);
    uint32_t gate = session_gate(host->session) & (WIRE_GATE_SERIAL - 1);
    c->settles = !restored && records(c->state) && !session_alive(host->session);
    if (!e && (c->n_rules || gate != gate_of(c))) {
        e = control_publish(c);
        if (e == -EPERM)    /* while no collector was there */
            e = 0;
        if (e)
            *error = xasprintf("the rules cannot be published: %s", e == -E2BIG ? "there are too many" : strerror(-e));
    }
    if (e) {
        control_free(c);
        return e;
    }
    if (!records(c->state))
        c->recorded_ns = recorded_ns; /* nothing was recorded while options were read */
    policy_cover_taken(c->policy);
    beginning_tell(c, restored);
    limits_look(c, session_now_ns(host->session));  /* a budget begins coarse, before the program does */
    control_save(c);
    *out = c;
    return 0;
}

void control_leave(struct control *c)
{
    struct limits_input in = control_measure(c, session_now_ns(c->host.session));
    limits_note(c->limits, &in);
    control_save(c);
}

void control_free(struct control *c)
{
    if (!c)
        return;
    while (c->n_rules)
        control_rule_remove(c, c->n_rules - 1);
    while (c->n_log)
        free(c->log[--c->n_log].text);
    free(c->rules);
    free(c->promise);
    policy_free(c->policy);
    limits_free(c->limits);
    pthread_cond_destroy(&c->answered);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
