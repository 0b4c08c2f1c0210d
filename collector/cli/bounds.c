/*
 * collector/cli/bounds.c - see bounds.h.
 */
#include "cli/bounds.h"

#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/verdict.h"
#include "event/xalloc.h"
#include "serve/series.h"

/* Rules whose findings are told as they are made: whether something leaked, or borrowed without order, is known at the end. */
#define RULES_TOLD (((1u << RULES) - 1) & ~(1u << RULE_LEAK | 1u << RULE_UNORDERED_BORROW))

static void rotate_set(struct bounds *b, const struct options *o)
{
    b->rotation.bytes = b->rotation.ns = 0;
    if ((parse_time_ns(o->argument, &b->rotation.ns) && parse_bytes(o->argument, &b->rotation.bytes)) ||
        (!b->rotation.ns && !b->rotation.bytes))
        options_fail(o, "--rotate takes a size (64M) or a time (10m), not '%s'", o->argument);
}

static void ring_set(struct bounds *b, const struct options *o)
{
    b->recorder.bytes = RECORDER_BYTES;
    if (o->argument && (parse_bytes(o->argument, &b->recorder.bytes) || b->recorder.bytes < RECORDER_LEAST_BYTES))
        options_fail(o, "--ring-only takes a size of at least 1M, not '%s'", o->argument);
}

static void rules_add(struct trigger_options *t, const struct options *o, const char *names)
{
    struct verdict_rules r;
    char *error;
    if (verdict_rules_parse(&r, names, &error))
        options_fail(o, "--trigger: finding %s", error);
    bool every = r.rules == (1u << RULES) - 1;
    if (!every && r.rules & ~RULES_TOLD)
        options_fail(o, "--trigger: whether there is a %s is known at the end only; --fail-on asks then", names);
    t->rules |= r.rules & RULES_TOLD;
}

/* "signal,finding=double-drop,overlap,rss=2G": names behind finding= are rules, until something else comes. */
static void triggers_set(struct bounds *b, const struct options *o)
{
    struct trigger_options *t = &b->recorder.triggers;
    char *copy = xstrdup(o->argument), *save, *word = strtok_r(copy, ", ", &save);
    bool rules = false;
    *t = (struct trigger_options){ 0 };
    b->triggers_given = true;
    if (!word)
        options_fail(o, "--trigger takes signal, finding, finding=RULE,... and rss=SIZE");
    for (; word; word = strtok_r(NULL, ", ", &save)) {
        bool was_rules = rules;
        rules = !strncmp(word, "finding=", 8);
        if (!strcmp(word, "signal"))
            t->signal = true;
        else if (!strcmp(word, "finding"))
            t->rules = RULES_TOLD;
        else if (rules)
            rules_add(t, o, word + 8);
        else if (!strncmp(word, "rss=", 4)) {
            if (parse_bytes(word + 4, &t->rss_bytes) || !t->rss_bytes)
                options_fail(o, "--trigger rss= takes a size (2G), not '%s'", word + 4);
        } else if (was_rules)
            rules_add(t, o, word), rules = true;
        else if (strcmp(word, "none") != 0)
            options_fail(o, "--trigger takes signal, finding, finding=RULE,... and rss=SIZE, or none, not '%s'", word);
    }
    free(copy);
}

bool bounds_option(struct bounds *b, struct options *o, int key)
{
    switch (key) {
    case OPTION_ROTATE: rotate_set(b, o); return true;
    case OPTION_RING_ONLY: ring_set(b, o); return true;
    case OPTION_TRIGGER: triggers_set(b, o); return true;
    case OPTION_KEEP: b->keep = (unsigned)options_count(o, 1, 100000); return true;
    }
    return false;
}

void bounds_ready(struct bounds *b, const struct options *o)
{
    bool rotates = b->rotation.bytes || b->rotation.ns, rings = b->recorder.bytes;
    if (rotates && rings)
        options_fail(o, "--rotate keeps files and --ring-only none; give one of them");
    if (b->keep && !rotates && !rings)
        options_fail(o, "--keep is for --rotate and --ring-only");
    if (b->triggers_given && !rings)
        options_fail(o, "--trigger is for --ring-only");
    if (!b->triggers_given)
        b->recorder.triggers = (struct trigger_options){ .signal = true, .rules = RULES_TOLD };
    b->rotation.keep = b->recorder.keep = b->keep ? b->keep : SERIES_KEEP;
}

void bounds_say(struct collector *c, bool quiet)
{
    struct collector_news n;
    while (collector_news(c, &n)) {
        switch (n.kind) {
        case NEWS_ROTATION_FAILED:
            message("the trace %s goes on, no next file can be begun: %s", n.path, strerror(-n.error));
            break;
        case NEWS_RECORDED:
            if (!quiet)
                message("trace written to %s: %s", n.path, n.why);
            break;
        case NEWS_RECORDING_FAILED:
            message("the trace cannot be written to %s: %s (%s)", n.path, strerror(-n.error), n.why);
            break;
        }
        free(n.path);
        free(n.why);
    }
}

const char *bounds_unwritten(const struct collector *c)
{
    return collector_records(c) && !collector_recorded(c) ? "nothing triggered it, so no trace was written (--ring-only)" : NULL;
}
