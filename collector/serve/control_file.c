/*
 * collector/serve/control_file.c - what is ordered, as text: rules files, and the session's own file `control`, by
 * which the next collector goes on as this one was told. Ingest thread.
 *
 * That file has the lines of a rules file, each rule's number in a line before it, and
 *
 *   state paused       (of an emergency stop: the state before it; that it holds stands in the segment)
 *   rule 3 5 1200      the number of the rule in the next line, where hooks count it, and what was counted there before it
 *   counted, held, level                how far the limits are (serve/limits_keep.c)
 *   breaker open events/s 2000000000 5  that of a limit, if it is not closed
 *   recorded 5000 9000 4000             time of recording up to a moment, that moment, and since when the state holds
 *   next 5             the number of the rule to come
 */
#include "serve/control_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"
#include "event/xalloc.h"
#include "session/directory.h"

static const char FILE_NAME[] = "control";

/* ---- reading ---- */

static int trace_read(struct control *c, const char *words, uint32_t number, char **error)
{
    struct rule r;
    int e = rule_parse(&r, words, error);
    if (!e && !control_rule_add(c, &r, number)) {
        *error = xasprintf("there are %d rules, and no more at a time", WIRE_RULES_MAX);
        e = -EINVAL;
    }
    if (e)
        rule_clear(&r);
    return e;
}

static struct limits_input measure_now(struct control *c)
{
    struct limits_input now = { 0 };
    c->host.measure(c->host.context, &now);
    now.now_ns = session_now_ns(c->host.session);
    now.recorded_ns = c->recorded_ns;
    return now;
}

static int limits_read(struct control *c, const char *words, char **error)
{
    struct limits_spec spec = *limits_spec_of(c->limits);
    struct limits_input now;
    int e = limits_parse(&spec, words, error);
    if (!e) {
        now = measure_now(c);
        limits_set(c->limits, &spec, &now);
    }
    return e;
}

static int line_read(struct control *c, const char *line, uint32_t number, char **error)
{
    char *verb, *words;
    int e = rules_line(line, &verb, &words, error);
    if (!e && verb && !strcmp(verb, "trace")) {
        e = trace_read(c, words, number, error);
    } else if (!e && verb && !strcmp(verb, "limits")) {
        e = limits_read(c, words, error);
    } else if (!e && verb) {
        free(c->promise);
        c->promise = xstrdup(words);
    }
    free(verb);
    free(words);
    return e;
}

int control_read(struct control *c, const char *text, char **error)
{
    char *copy = xstrdup(text), *rest = copy, *line, *why = NULL;
    unsigned n = 0;
    int e = 0;
    bool one = !strchr(text, '\n');
    while (!e && (line = strsep(&rest, "\n"))) {
        n++;
        e = line_read(c, line, 0, &why);
    }
    *error = e && !one ? xasprintf("line %u: %s", n, why) : why ? xstrdup(why) : NULL;
    free(why);
    free(copy);
    return e;
}

int control_check(const struct control_options *o, char **error)
{
    char *copy = xstrdup(o->rules ? o->rules : ""), *rest = copy, *line, *verb, *words, *why = NULL;
    struct limits_spec limits;
    struct rule r;
    unsigned n = 0, rules = o->sample_bytes != 0;
    int e = 0;
    limits_default(&limits);
    *error = NULL;
    while (!e && (line = strsep(&rest, "\n"))) {
        n++;
        e = rules_line(line, &verb, &words, &why);
        if (!e && verb && !strcmp(verb, "trace")) {
            e = rule_parse(&r, words, &why);
            rule_clear(&r);
            if (!e && ++rules > WIRE_RULES_MAX) {
                e = -EINVAL;
                why = xasprintf("there are more than %d rules", WIRE_RULES_MAX);
            }
        } else if (!e && verb && !strcmp(verb, "limits")) {
            e = limits_parse(&limits, words, &why);
        }
        free(verb);
        free(words);
    }
    if (e)
        *error = xasprintf("line %u: %s", n, why);
    free(why);
    free(copy);
    return e ? e : o->limits ? limits_parse(&limits, o->limits, error) : 0;
}

/* ---- the next collector ---- */

void control_save(const struct control *c)
{
    char *text, *words;
    size_t bytes;
    enum event_recording state = c->state == EVENT_EMERGENCY ? c->before : c->state;
    if (!session_is_ours(c->host.session))
        return;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    fprintf(out, "# what this session was told, for its next collector\nstate %s\nnext %" PRIu32 "\n", control_state_name(state), c->next_number);
    for (size_t i = 0; i < c->n_rules; i++) {
        words = rule_text(&c->rules[i]);
        unsigned slot = WIRE_RULES_MAX; /* none */
        uint64_t hits = 0;
        policy_rule_place(c->policy, c->rules[i].number, &slot, &hits);
        fprintf(out, "rule %" PRIu32 " %u %" PRIu64 "\ntrace %s\n", c->rules[i].number, slot, hits, words);
        free(words);
    }
    words = limits_text(limits_spec_of(c->limits));
    if (*words)
        fprintf(out, "limits %s\n", words);
    free(words);
    fprintf(out, "recorded %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", c->recorded_ns, c->looked_ns, c->since_ns);
    words = limits_counts_text(c->limits);
    fputs(words, out);
    free(words);
    words = limits_breaker_text(c->limits);
    if (*words)
        fprintf(out, "breaker %s\n", words);
    free(words);
    if (c->promise)
        fprintf(out, "promise %s\n", c->promise);
    if (fclose(out))
        abort();
    session_file_put(session_name(c->host.session), FILE_NAME, text); /* a full disk: the next one records everything */
    free(text);
}

/* A limit's breaker that was not closed goes on: what it says is the state, unless somebody paused. */
static void breaker_read(struct control *c, const char *words)
{
    struct limits_input now = measure_now(c);
    bool open;
    if (c->state == EVENT_RECORDING && limits_breaker_take(c->limits, words, &now, &open))
        control_become(c, open ? EVENT_TRIPPED : EVENT_HALF_OPEN);
}

/* Who was not there meanwhile knows what was recorded by the state that held, which nobody changes without a collector but by an
 * emergency stop. */
static void recorded_read(struct control *c, const char *words, bool records)
{
    uint64_t now_ns = session_now_ns(c->host.session), ns, at_ns, since_ns;
    bool stopped = session_is_emergency(c->host.session);
    if (sscanf(words, "%" SCNu64 " %" SCNu64 " %" SCNu64, &ns, &at_ns, &since_ns) != 3 || at_ns > now_ns || ns > at_ns || since_ns > at_ns)
        return;
    c->recorded_ns = ns + (records && !stopped ? now_ns - at_ns : 0);
    c->looked_ns = now_ns;
    if (!stopped)
        c->since_ns = since_ns;
}

/* What paused is known only to who is paused. */
static void counts_read(struct control *c, const char *line)
{
    struct limits_input now = measure_now(c);
    if (strncmp(line, "held", 4) != 0 || c->state == EVENT_PAUSED || session_is_emergency(c->host.session))
        limits_counts_take(c->limits, line, &now);
}

/* The rule that was read last is known to hooks already. */
static void place_read(struct control *c, unsigned slot, uint64_t hits)
{
    if (slot < WIRE_RULES_MAX)
        policy_rule_known(c->policy, &c->rules[c->n_rules - 1], slot, hits);
}

static bool is_state(const char *name, enum event_recording state) { return !strcmp(name, control_state_name(state)); }

/* The word behind `key` and a blank; NULL: it is another line. */
static const char *value_of(const char *line, const char *key)
{
    size_t n = strlen(key);
    return !strncmp(line, key, n) && line[n] == ' ' ? line + n + 1 : NULL;
}

bool control_restore(struct control *c)
{
    char *text = session_file_get(session_name(c->host.session), FILE_NAME), *rest = text, *line, *why;
    uint32_t number = 0;
    unsigned slot = WIRE_RULES_MAX;
    uint64_t n, hits = 0, since_ns;
    bool records = false;
    if (!text)
        return false;
    while ((line = strsep(&rest, "\n"))) {
        const char *value;
        if ((value = value_of(line, "state"))) {
            control_become(c, is_state(value, EVENT_PAUSED) ? EVENT_PAUSED : EVENT_RECORDING);
            records = is_state(value, EVENT_RECORDING) || is_state(value, EVENT_HALF_OPEN);
        } else if ((value = value_of(line, "rule"))) {
            if (sscanf(value, "%" SCNu32 " %u %" SCNu64, &number, &slot, &hits) != 3 || number == UINT32_MAX)
                number = 0;
        } else if ((value = value_of(line, "breaker"))) {
            since_ns = c->since_ns;
            breaker_read(c, value);
            c->since_ns = since_ns;
        } else if ((value = value_of(line, "recorded"))) {
            recorded_read(c, value, records);
        } else if (value_of(line, "counted") || value_of(line, "held") || value_of(line, "level")) {
            counts_read(c, line);
        } else if ((value = value_of(line, "next"))) {
            if (!parse_count(value, &n) && n < UINT32_MAX && n > c->next_number)
                c->next_number = (uint32_t)n;
        } else {
            size_t had = c->n_rules;
            line_read(c, line, number, &why);   /* what cannot be read was not written by us: left out */
            free(why);
            if (number && c->n_rules > had)
                place_read(c, slot, hits);
            number = 0;
        }
    }
    free(text);
    limits_rates(c->limits, &c->sample_bytes, &c->locks_every);
    c->copies_every = c->locks_every;
    c->by_limit = limits_held(c->limits) && c->state == EVENT_PAUSED;
    if (session_is_emergency(c->host.session)) {
        c->before = c->state;
        control_become(c, EVENT_EMERGENCY);
    }
    return true;
}
