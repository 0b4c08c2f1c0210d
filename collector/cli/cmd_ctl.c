/*
 * collector/cli/cmd_ctl.c - `ownscope ctl`: gives an order to the collector of a
 * live process, and prints what came of it. An emergency stop that the collector
 * does not take at once is carried out past it, by the segment.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ctl_print.h"
#include "cli/emergency.h"
#include "cli/message.h"
#include "cli/reading.h"
#include "cli/table_line.h"
#include "event/xalloc.h"
#include "serve/client.h"
#include "session/directory.h"
#include "session/policy.h"

/* ---- snapshot, dump, mark ---- */

static void print_dump(FILE *out, const json_t *doc, const struct table_style *s)
{
    fprintf(out, "trace written to %s\n", get_text(doc, "dump"));
}

static void print_snapshot(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *refused = json_object_get(doc, "refused");
    fprintf(out, "snapshot %s of %s (process %s): %s blocks, %s bytes", number_plain(get_number(doc, "snapshot")).text,
            get_text(doc, "process"), number_plain(get_number(doc, "pid")).text, number_plain(get_number(doc, "blocks")).text,
            number_plain(get_number(doc, "bytes")).text);
    if (json_is_string(refused))
        fprintf(out, "\nclasses unknown: %s\n", json_string_value(refused));
    else
        fprintf(out, ", %s pointers\n%s; it stood still for %.3f ms, and reading it took %.3f ms\n", number_plain(get_number(doc, "edges")).text,
                get_text(doc, "how"), (double)get_number(doc, "pause_ns") / 1e6, (double)get_number(doc, "scan_ns") / 1e6);
    if (json_object_get(doc, "dump"))
        print_dump(out, doc, s);
}

static void print_mark(FILE *out, const json_t *doc, const struct table_style *s)
{
    fprintf(out, "marked %s\n", get_text(doc, "mark"));
}

/* ---- an emergency stop ---- */

static json_t *stop_at_once(const struct reading *r)
{
    struct origin_session session;
    char *error;
    if (!origin_session(r->pid, &session))
        message_fail(EXIT_SOURCE, "process %u is not traced by a session of this user; ownscope ps lists those that are", r->pid);
    json_t *doc = emergency_stop(session.name, session.segment, session.alive, session.recording, &error);
    if (!doc)
        message_fail(EXIT_SOURCE, "%s", error);
    return doc;
}

/* ---- words ---- */

/* Several KEY=VALUE that somebody gave as one word. */
static bool is_several(const char *word)
{
    while (*word) {
        size_t n = strcspn(word, " ");
        if (n && !memchr(word, '=', n) && strncmp(word, "include", n) && strncmp(word, "exclude", n))
            return false;
        word += n;
        word += strspn(word, " ");
    }
    return true;
}

/* One word of an order's: the shell took its quotes away, and a value with blanks needs some. */
static char *word_quoted(const char *word)
{
    const char *value = strchr(word, '=');
    if (!strpbrk(word, " \t") || strpbrk(word, "'\"") || is_several(word) || !value)
        return xstrdup(word);
    return xasprintf("%.*s='%s'", (int)(value - word), word, value + 1);
}

static char *words_join(char **words, int n)
{
    char *text = xstrdup("");
    for (int i = 0; i < n; i++) {
        char *word = word_quoted(words[i]), *longer = xasprintf("%s%s%s", text, *text ? " " : "", word);
        free(word);
        free(text);
        text = longer;
    }
    return text;
}

/* ---- verbs ---- */

enum verb_way { ASKS, TELLS, TELLS_PID, STOPS };

static const struct verb {
    const char *name, *needs;   /* what its words are; NULL: it takes none */
    int least, most;            /* of them */
    enum verb_way way;
    reading_table print;
} verbs[] = {
    { "start", NULL, 0, 0, TELLS, ctl_print_order },
    { "stop", NULL, 0, 0, TELLS, ctl_print_order },
    { "status", NULL, 0, 0, ASKS, ctl_print_status },
    { "list", NULL, 0, 0, ASKS, ctl_print_list },
    { "trace", "a rule: ownscope-rules(5)", 1, 1000, TELLS, ctl_print_trace },
    { "untrace", "the number of a rule, or all", 1, 1, TELLS, ctl_print_untrace },
    { "limits", "limits, K=V", 0, 1000, TELLS, ctl_print_limits },
    { "reset", NULL, 0, 0, TELLS, ctl_print_order },
    { "emergency-stop", NULL, 0, 0, STOPS, ctl_print_order },
    { "snapshot", NULL, 0, 0, TELLS_PID, print_snapshot },
    { "dump", NULL, 0, 0, TELLS_PID, print_dump },
    { "mark", "a name", 1, 1, TELLS, print_mark },
    { 0 }
};

static const struct verb *verb_find(const struct options *o, char **words, int n)
{
    static const char known[] = "start, stop, status, list, trace, untrace, limits, reset, emergency-stop, snapshot, dump, mark";
    const struct verb *v = verbs;
    if (!n)
        options_fail(o, "a verb is needed: %s", known);
    while (v->name && strcmp(v->name, words[0]) != 0)
        v++;
    if (!v->name)
        options_fail(o, "there is no verb '%s'; there are %s", words[0], known);
    if (n - 1 < v->least)
        options_fail(o, "%s needs %s", v->name, v->needs);
    if (n - 1 > v->most)
        options_fail(o, "%s takes no '%s'", v->name, words[1 + v->most]);
    return v;
}

int cmd_ctl(int argc, char **argv)
{
    struct reading r;
    json_t *doc;
    reading_start(&r, &usage_ctl, argc, argv);
    const struct verb *v = verb_find(&r.options, r.words, r.word_count);
    if (!r.pid)
        options_fail(&r.options, "-p PID is needed: the collector of which process; ownscope ps lists them");
    if (v->way == STOPS)
        return reading_show(&r, stop_at_once(&r), v->print);
    reading_source(&r, NULL);
    char *words = words_join(r.words + 1, r.word_count - 1);
    if (!strcmp(v->name, "mark"))
        r.query.name = r.words[1];
    else if (v->way == TELLS_PID)
        r.query.pid = r.pid;
    else if (*words)
        r.query.words = words;
    doc = v->way == ASKS ? reading_ask(&r, v->name) : reading_tell(&r, v->name);
    free(words);
    return reading_show(&r, doc, v->print);
}
