/*
 * collector/cli/ctl_print.c - see ctl_print.h.
 */
#include "cli/ctl_print.h"

#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"

enum { LOG_SHOWN = 10 };

static void line_of(FILE *out, const struct table_style *s, enum line_look look, const char *text)
{
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, look);
    line_text(&l, text);
    line_end(&l);
}

/* ---- one line ---- */

/* "; no hook acts otherwise any more after 1.2 ms". */
static void print_settled(FILE *out, const json_t *doc, const char *what, const char *not_yet)
{
    if (json_is_true(json_object_get(doc, "settled")))
        fprintf(out, "; %s after %s", what, number_time(get_number(doc, "quiet_ns")).text);
    else if (json_object_get(doc, "settled"))
        fprintf(out, "; %s%s%s", not_yet, *get_text(doc, "waits_for") ? ": " : "", get_text(doc, "waits_for"));
}

/* An order that has no effect as long as nothing is recorded. */
static void print_waits(FILE *out, const json_t *doc)
{
    const char *state = get_text(doc, "state");
    if (strcmp(state, "recording") && strcmp(state, "half-open"))
        fprintf(out, "; it counts from the next start: the state is %s", state);
}

void ctl_print_order(FILE *out, const json_t *doc, const struct table_style *s)
{
    const char *state = get_text(doc, "state"), *was = get_text(doc, "was");
    fputs(!strcmp(state, "emergency") ? "emergency stop" : state, out);
    if (strcmp(state, was))
        fprintf(out, " (was %s)", was);
    else
        fputs(", as before", out);
    print_settled(out, doc, "no hook records any more", "not all hooks act on it yet");
    if (*get_text(doc, "by"))
        fprintf(out, "; by the segment, since %s", get_text(doc, "why"));
    if (!strcmp(state, "emergency"))
        fputs("; start or reset lifts it", out);
    putc('\n', out);
}

void ctl_print_trace(FILE *out, const json_t *doc, const struct table_style *s)
{
    fprintf(out, "rule %s: %s", number_plain(get_number(doc, "number")).text, get_text(doc, "rule"));
    if (!strcmp(get_text(doc, "state"), "recording"))
        print_settled(out, doc, "all hooks act on it", "not all hooks act on it yet: ctl list tells what it has hit");
    if (json_is_true(json_object_get(doc, "unmet")))
        fputs("; nothing there has such a name so far", out);
    print_waits(out, doc);
    putc('\n', out);
}

void ctl_print_untrace(FILE *out, const json_t *doc, const struct table_style *s)
{
    uint64_t left = get_number(doc, "rules");
    if (left)
        fprintf(out, "%s rule%s left", number_plain(left).text, left == 1 ? "" : "s");
    else
        fputs("no rule left: everything is traced", out);
    if (!strcmp(get_text(doc, "state"), "recording"))
        print_settled(out, doc, "all hooks act on it", "not all hooks act on it yet");
    print_waits(out, doc);
    putc('\n', out);
}

/* ---- limits ---- */

/* A limit's number in its own unit. */
static struct number limit_text(const char *key, const json_t *value)
{
    struct number percent;
    double number = json_number_value(value);
    if (!strcmp(key, "bytes") || !strcmp(key, "rss"))
        return number_bytes((uint64_t)number);
    if (!strcmp(key, "time"))
        return number_time((uint64_t)number);
    if (strcmp(key, "cpu"))
        return number_short((uint64_t)number);
    snprintf(percent.text, sizeof percent.text, "%.1f%%", number * 100);
    return percent;
}

static void limits_table(FILE *out, const json_t *limits, const struct table_style *s)
{
    const char *key, *breaker = get_text(limits, "breaker");
    const json_t *limit;
    uint64_t sample = get_number(limits, "sample_bytes"), locks = get_number(limits, "locks_every");
    bool any = false;
    struct line l;
    json_object_foreach((json_t *)limits, key, limit) {
        if (!json_is_object(limit))
            continue;
        if (!any)
            line_of(out, s, LOOK_HEAD, "limit            most         now  then");
        any = true;
        line_begin(&l, out, s);
        line_left(&l, 9, key);
        line_right(&l, 12, limit_text(key, json_object_get(limit, "limit")).text);
        line_right(&l, 12, limit_text(key, json_object_get(limit, "now")).text);
        line_text(&l, "  ");
        line_text(&l, get_text(limit, "action"));
        line_end(&l);
    }
    if (!any)
        line_of(out, s, LOOK_PLAIN, "no limits");
    if (strcmp(breaker, "closed") && *breaker)
        fprintf(out, "the breaker is %s, cool-down %s\n", breaker, number_time(get_number(limits, "cooldown_ns")).text);
    if (sample || locks > 1)
        fprintf(out, "rates now: memory by %s, locks and copies one in %s\n", number_bytes(sample).text, number_plain(locks ? locks : 1).text);
}

void ctl_print_limits(FILE *out, const json_t *doc, const struct table_style *s)
{
    limits_table(out, get(doc, "limits"), s);
}

/* ---- list ---- */

static const char *rule_note(const json_t *rule)
{
    if (json_is_true(json_object_get(rule, "spent")))
        return "spent";
    return json_is_true(json_object_get(rule, "unmet")) ? "unmet" : "";
}

static void rules_table(FILE *out, const json_t *rules, const struct table_style *s)
{
    const json_t *rule;
    struct line l;
    size_t i;
    if (!json_array_size(rules)) {
        line_of(out, s, LOOK_PLAIN, "no rules: everything is traced");
        return;
    }
    line_of(out, s, LOOK_HEAD, " rule         hits         of");
    json_array_foreach(rules, i, rule) {
        line_begin(&l, out, s);
        line_right(&l, 5, number_plain(get_number(rule, "number")).text);
        line_right(&l, 13, number_short(get_number(rule, "hits")).text);
        line_text(&l, "  ");
        line_look(&l, LOOK_WARN);
        line_left(&l, 7, rule_note(rule));
        line_look(&l, LOOK_PLAIN);
        line_text(&l, "  ");
        line_text(&l, get_text(rule, "rule"));
        line_end(&l);
    }
}

static void log_table(FILE *out, const json_t *log, const struct table_style *s)
{
    size_t n = json_array_size(log);
    struct line l;
    if (!n)
        return;
    line_heading(out, s, "latest");
    for (size_t i = n > LOG_SHOWN ? n - LOG_SHOWN : 0; i < n; i++) {
        const json_t *entry = json_array_get(log, i);
        line_begin(&l, out, s);
        line_right(&l, 11, number_time(get_number(entry, "ns")).text);
        line_text(&l, "  ");
        line_text(&l, get_text(entry, "text"));
        line_end(&l);
    }
}

static void state_line(FILE *out, const json_t *doc)
{
    fprintf(out, "%s since %s; recorded for %s\n", get_text(doc, "state"), number_time(get_number(doc, "since_ns")).text,
            number_time(get_number(doc, "recorded_ns")).text);
}

void ctl_print_list(FILE *out, const json_t *doc, const struct table_style *s)
{
    state_line(out, doc);
    rules_table(out, get(doc, "rules"), s);
    if (json_is_true(json_object_get(doc, "all_drops")))
        line_of(out, s, LOOK_WARN, "every release is recorded: there was no room to know those of the blocks that live");
    limits_table(out, get(doc, "limits"), s);
    if (*get_text(doc, "promise"))
        fprintf(out, "promised: %s\n", get_text(doc, "promise"));
    log_table(out, get(doc, "log"), s);
}

void ctl_print_rules(FILE *out, const json_t *rules, const struct table_style *s)
{
    line_heading(out, s, "Rules");
    rules_table(out, rules, s);
}

/* ---- status ---- */

void ctl_print_status(FILE *out, const json_t *doc, const struct table_style *s)
{
    static const char *const keys[] = { "session", "collector", "trace", "command", "at_ns", "events", "processes_alive",
                                        "live_blocks", "live_bytes", "state" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *v = json_object_get(doc, keys[i]);
        if (json_is_string(v))
            fprintf(out, "%-16s %s\n", keys[i], json_string_value(v));
        else if (v)
            fprintf(out, "%-16s %lld\n", keys[i], (long long)json_integer_value(v));
    }
    fprintf(out, "%-16s %zu\n", "rules", json_array_size(get(doc, "rules")));
    if (json_is_true(json_object_get(doc, "all_drops")))
        fprintf(out, "%-16s every one is recorded: there was no room to know those of the blocks that live\n", "releases");
    if (*get_text(get(doc, "limits"), "text"))
        fprintf(out, "%-16s %s\n", "limits", get_text(get(doc, "limits"), "text"));
}
