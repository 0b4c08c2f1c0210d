/*
 * collector/serve/control_verbs.c - what each order does, and its line in the trace.
 * Ingest thread.
 *
 * An order that cannot be carried out changes nothing, and is in the trace all the same. An emergency stop has
 * happened when it is heard of here: an order that was given before it does not lift it.
 */
#include "serve/control_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"

const char *const control_verbs[CONTROL_NAMES] = {
    [CONTROL_START] = "start", [CONTROL_STOP] = "stop", [CONTROL_TRACE] = "trace", [CONTROL_UNTRACE] = "untrace",
    [CONTROL_LIMITS] = "limits", [CONTROL_RESET] = "reset", [CONTROL_EMERGENCY] = "emergency-stop",
    [CONTROL_SNAPSHOT] = "snapshot", [CONTROL_DUMP] = "dump", [CONTROL_MARK] = "mark" };

/* ---- what was refused ---- */

static int refuse(struct order *o, int error, char *text)
{
    o->error = text;
    return error;
}

static int refuse_policy(struct order *o, int error)
{
    switch (error) {
    case -EPERM: return refuse(o, error, xstrdup("an emergency stop came meanwhile; start or reset lifts it"));
    case -E2BIG: return refuse(o, error, xasprintf("there are %d rules, and no more at a time; untrace takes one away", WIRE_RULES_MAX));
    case -ENOSPC: return refuse(o, error, xstrdup("shared memory has no room for it; what was before goes on"));
    case -ESTALE: return refuse(o, -ECANCELED, xstrdup("another collector has this session now; ask again"));
    default: return refuse(o, error, xasprintf("it cannot be published: %s", strerror(-error)));
    }
}

/* ---- the verbs ---- */

static void limits_begin_again(struct control *c)
{
    struct limits_input in = control_measure(c, session_now_ns(c->host.session));
    limits_reset(c->limits, &in);
    limits_rates(c->limits, &c->sample_bytes, &c->locks_every);
    c->copies_every = c->locks_every;
    c->by_limit = false;
}

/* Lets go of an emergency stop that came before this order. */
static int emergency_lift(struct control *c, struct order *o)
{
    if (o->began_ns < c->emergency_ns)
        return refuse(o, -EPERM, xstrdup("an emergency stop came after it; give the order again to lift that"));
    session_emergency_end(c->host.session);
    return 0;
}

static int order_start(struct control *c, struct order *o)
{
    enum event_recording was = c->state;
    int e;
    if (was == EVENT_EMERGENCY && (e = emergency_lift(c, o)))
        return e;
    struct limits_input in = control_measure(c, session_now_ns(c->host.session));
    limits_started(c->limits, &in);
    c->by_limit = false;
    e = control_change_state(c, EVENT_RECORDING);
    if (e && was == EVENT_EMERGENCY)
        session_emergency(c->host.session);
    return e ? refuse_policy(o, e) : 0;
}

static int order_stop(struct control *c, struct order *o)
{
    if (c->state == EVENT_EMERGENCY)
        return refuse(o, -EPERM, xstrdup("an emergency stop holds, which is more; start or reset lifts it"));
    int e = control_change_state(c, EVENT_PAUSED);
    if (e)
        return refuse_policy(o, e);
    c->by_limit = false;
    o->waits = true;
    return 0;
}

static int order_reset(struct control *c, struct order *o)
{
    enum event_recording was = c->state, next = was;
    int e;
    if (was == EVENT_EMERGENCY && (e = emergency_lift(c, o)))
        return e;
    if (was == EVENT_EMERGENCY)
        next = c->before;
    if (next == EVENT_TRIPPED || next == EVENT_HALF_OPEN)
        next = EVENT_RECORDING;
    bool by_limit = c->by_limit;
    limits_begin_again(c);
    c->by_limit = by_limit && next == EVENT_PAUSED;
    e = next == was ? control_publish(c) : control_change_state(c, next);
    if (e && was == EVENT_EMERGENCY)
        session_emergency(c->host.session);
    return e ? refuse_policy(o, e) : 0;
}

static int order_trace(struct control *c, struct order *o)
{
    struct rule r;
    int e = rule_parse(&r, o->words, &o->error);
    if (!e && !control_rule_add(c, &r, 0))
        e = refuse_policy(o, -E2BIG);
    if (e) {
        rule_clear(&r);
        return e;
    }
    e = control_publish(c);
    if (e) {
        control_rule_remove(c, c->n_rules - 1);
        c->next_number--;
        return refuse_policy(o, e);
    }
    c->settles = false;
    o->number = c->rules[c->n_rules - 1].number;
    o->rule = rule_text(&c->rules[c->n_rules - 1]);
    o->waits = c->state != EVENT_EMERGENCY;
    return 0;
}

/* Takes rule i away, or all of them (n_rules). */
static int untrace(struct control *c, struct order *o, size_t i)
{
    struct rule *rules = c->rules, one = {0};
    size_t n = c->n_rules;
    int e;
    if (i == n) {
        c->rules = NULL;
        c->n_rules = 0;
    } else {
        one = rules[i];
        memmove(rules + i, rules + i + 1, (--c->n_rules - i) * sizeof *rules);
    }
    e = control_publish(c);
    if (e && i < n) {
        memmove(rules + i + 1, rules + i, (c->n_rules++ - i) * sizeof *rules);
        rules[i] = one;
    } else if (i < n) {
        rule_clear(&one);
    } else if (e) {
        c->rules = rules;
        c->n_rules = n;
    } else {
        for (size_t k = 0; k < n; k++)
            rule_clear(&rules[k]);
        free(rules);
    }
    return e ? refuse_policy(o, e) : 0;
}

static int order_untrace(struct control *c, struct order *o)
{
    uint64_t number = 0;
    size_t i = c->n_rules;
    bool all = !strcmp(o->words, "all");
    if (!all && parse_count(o->words, &number))
        return refuse(o, -EINVAL, xasprintf("untrace takes the number of a rule, or all, not '%.60s'", o->words));
    if (all && !c->n_rules)
        return refuse(o, -ENOENT, xstrdup("there are no rules: everything is traced"));
    for (i = 0; !all && i < c->n_rules && c->rules[i].number != number;)
        i++;
    if (!all && i == c->n_rules)
        return refuse(o, -ENOENT, xasprintf("there is no rule %" PRIu64 "; list tells their numbers", number));
    int e = untrace(c, o, all ? c->n_rules : i);
    o->waits = !e && c->state != EVENT_EMERGENCY;
    return e;
}

static int order_limits(struct control *c, struct order *o)
{
    struct limits_spec spec = *limits_spec_of(c->limits);
    if (!*o->words)
        return 0;
    int e = limits_parse(&spec, o->words, &o->error);
    if (e)
        return e;
    struct limits_input in = control_measure(c, session_now_ns(c->host.session));
    limits_set(c->limits, &spec, &in);
    return 0;
}

/* It was carried out by the thread that brought it. */
static int order_emergency(struct control *c, struct order *o)
{
    if (session_is_emergency(c->host.session))  /* else an order lifted it that was given later */
        control_emergency(c, o->began_ns);
    return 0;
}

static int order_do(struct control *c, struct order *o)
{
    switch (o->verb) {
    case CONTROL_START: return order_start(c, o);
    case CONTROL_STOP: return order_stop(c, o);
    case CONTROL_TRACE: return order_trace(c, o);
    case CONTROL_UNTRACE: return order_untrace(c, o);
    case CONTROL_LIMITS: return order_limits(c, o);
    case CONTROL_RESET: return order_reset(c, o);
    case CONTROL_EMERGENCY: return order_emergency(c, o);
    default: return 0;
    }
}

/* ---- carried out ---- */

/* "stop (uid 1000, pid 4711 bash)". */
static void audit(struct control *c, const struct order *o)
{
    char took[UNITS_TEXT], *how = NULL;
    if (o->note && o->verb == CONTROL_EMERGENCY && !o->result)
        how = o->quiet_ns == UINT64_MAX ? xstrdup(": some hook is still at its last record")
                                        : xasprintf(": all hooks quiet after %s", print_time_ns(took, o->quiet_ns / 1000 * 1000));
    char *text = xasprintf("%s%s%s (uid %u, pid %d%s%s)%s%s%s", control_verbs[o->verb], *o->words ? " " : "", o->words,
                           (unsigned)o->who.uid, (int)o->who.pid, *o->comm ? " " : "", o->comm, o->result ? ": refused: " : "",
                           o->result && o->error ? o->error : "", how ? how : "");
    control_tell(c, EVENT_CONTROL_VERB, o->was, text);
    free(text);
    free(how);
}

void control_carry_out(struct control *c, struct order *o)
{
    o->was = c->state;
    o->published_ns = control_clock_ns();
    if (!o->result)
        o->result = order_do(c, o);
    if (o->verb == CONTROL_LIMITS && !*o->words)
        return; /* a question */
    if (!o->result && o->verb < CONTROL_VERBS)
        control_save(c);
    audit(c, o);
    if (c->host.keep) /* who is answered finds it in the trace, whatever becomes of this collector */
        c->host.keep(c->host.context);
}
