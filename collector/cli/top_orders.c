/*
 * collector/cli/top_orders.c - what `ownscope top` tells the collector, and how its
 * answers read (serve/control.h has the verbs).
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/emergency.h"
#include "cli/table_line.h"
#include "cli/top.h"
#include "event/xalloc.h"
#include "serve/client.h"

const char *top_recording(const struct top *t)
{
    return get_text(t->docs.control, "state");
}

/* A name as a rule's pattern: without its arguments; what a pattern or a list would misread matches any one character. */
static char *pattern(const char *name)
{
    char *text = xstrdup(name), *p;
    int depth = 0;
    for (p = text; *p; p++) {
        depth += (*p == '<') - (*p == '>' && depth);
        if (*p == '(' && !depth && p != text && strncmp(p, "(anonymous", 10) != 0)
            break;
        if (strchr("*?[]\\,", *p) || isspace((unsigned char)*p))
            *p = '?';
    }
    *p = 0;
    return text;
}

char *top_rule(const struct top *t)
{
    const json_t *row = t->mode == TOP_DETAIL ? t->detail_row : t->at < t->rows.n ? t->rows.rows[t->at].doc : NULL;
    const char *command;
    char *name = NULL, *rule;
    switch (t->screen) {
    case TOP_THREADS: return xasprintf("thread=%s", get_text(row, "id"));
    case TOP_PROCESSES: return xasprintf("process=%s", get_text(row, "id"));
    case TOP_SITES: name = top_function(get(row, "stack")); break;
    case TOP_LOCKS: name = top_function(get(json_array_get(get(row, "sites"), 0), "stack")); break;
    default:
        command = json_object_iter_key(json_object_iter((json_t *)get(row, "stacks")));
        name = command ? top_function(get(get(row, "stacks"), command)) : NULL;
        break;
    }
    if (!name)
        return xstrdup("");
    char *words = pattern(name);
    rule = xasprintf("function=%s", words);
    free(words);
    free(name);
    return rule;
}

void top_order(struct top *t, const char *verb, const char *words)
{
    char *escaped = client_escape(words), *target;
    if (!t->feed) {
        free(escaped);
        return;
    }
    if (!strcmp(verb, "mark"))
        target = xasprintf("/v1/mark?name=%s", escaped);
    else if (!strcmp(verb, "snapshot"))
        target = xasprintf("/v1/snapshot%s%s", *words ? "?process=" : "", escaped);
    else
        target = xasprintf("/v1/%s%s%s", verb, *words ? "?words=" : "", escaped);
    top_feed_order(t->feed, true, target);
    top_say(t, TOP_DIM, "%s%s%s ...", verb, *words ? " " : "", words);
    free(escaped);
    free(target);
}

/* ---- answers ------------------------------------------------------------------------- */

static char *verb_of(const char *target)
{
    const char *from = !strncmp(target, "/v1/", 4) ? target + 4 : target;
    return xstrndup(from, strcspn(from, "?"));
}

static void say_done(struct top *t, const char *verb, const json_t *doc)
{
    const char *state = get_text(doc, "state"), *was = get_text(doc, "was");
    uint64_t took = get_number(doc, "took_ns");
    if (!strcmp(verb, "snapshot")) {
        const char *refused = get_text(doc, "refused");
        if (*refused)
            top_say(t, TOP_WARN, "snapshot %llu: classes unknown: %.200s", (unsigned long long)get_number(doc, "snapshot"), refused);
        else
            top_say(t, TOP_GOOD, "snapshot %llu of %.20s: %s blocks, %s; it stood still for %s", (unsigned long long)get_number(doc, "snapshot"),
                    get_text(doc, "process"), top_short((double)get_number(doc, "blocks")).text, top_bytes((double)get_number(doc, "bytes")).text,
                    number_time(get_number(doc, "pause_ns")).text);
    } else if (!strcmp(verb, "mark")) {
        top_say(t, TOP_GOOD, "marked %.100s at %s", get_text(doc, "mark"), number_time(get_number(doc, "at_ns")).text);
    } else {
        const char *rule = *get_text(doc, "rule") ? get_text(doc, "rule") : get_text(get(doc, "limits"), "text");
        bool waits = get(doc, "settled") && !json_is_true(get(doc, "settled"));
        top_say(t, waits ? TOP_WARN : TOP_GOOD, "%.40s%s%.120s%s%.40s%s%.40s%s%s%s", verb, *rule ? ": " : "", rule, *was && strcmp(was, state) ? ": " : *state ? ": " : "",
                *was && strcmp(was, state) ? was : state, *was && strcmp(was, state) ? " -> " : "", *was && strcmp(was, state) ? state : "",
                took ? ", in " : "", took ? number_time(took).text : "",
                waits ? "; not all hooks follow yet" : "");
    }
}

void top_answered(struct top *t, const char *target, const json_t *doc, int status)
{
    char *verb = verb_of(target);
    const char *error = get_text(doc, "error");
    if (!strcmp(verb, "states")) {
        json_decref(t->native);
        t->native = doc ? json_incref((json_t *)doc) : json_pack("{s:s}", "error", status < 0 ? strerror(-status) : "no answer");
        if (t->mode == TOP_DETAIL)
            top_detail_make(t);
    } else if (status == 200) {
        say_done(t, verb, doc);
    } else if (status == 404 && !strncmp(error, "no such document", 16)) {
        top_say(t, TOP_WARN, "%s: this collector cannot do that", verb);
    } else {
        top_say(t, TOP_BAD, "%s: %.250s", verb, *error ? error : status < 0 ? strerror(-status) : "refused");
    }
    free(verb);
}

void top_emergency(struct top *t)
{
    char *error = NULL;
    const char *was = *top_recording(t) ? top_recording(t) : "?";
    json_t *doc = t->session ? emergency_stop(t->session, t->segment_path, t->docs.link != TOP_LINK_GONE, was, &error) : NULL;
    if (doc)
        say_done(t, "emergency-stop", doc);
    else
        top_say(t, TOP_BAD, "%s", error ? error : "no session to stop");
    json_decref(doc);
    free(error);
    if (t->feed)
        top_feed_hurry(t->feed);
}
