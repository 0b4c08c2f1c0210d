/*
 * collector/cli/table_findings.c - `ownscope findings`: each broken rule with
 * its sentence and its stacks, and what could not be seen.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/table_line.h"
#include "event/xalloc.h"

enum { STACK_COLUMN = 20, FRAMES = 10 };

/* The word of a stack's key: "held_2" is "held". */
static bool is_word(const char *key, const char *word)
{
    size_t n = strlen(word);
    return !strncmp(key, word, n) && (!key[n] || key[n] == '_');
}

/* What a stack shows, before it: "used in t2". */
static char *stack_label(const json_t *evidence)
{
    static const char *const labels[][2] = { { "used", "used in" }, { "made", "made in" }, { "dropped", "dropped in" }, { "other", "and used in" },
                                             { "held", "taken in" }, { "taken", "taken in" }, { "waited", "waits in" }, { "init", "set up in" } };
    const char *key = get_text(evidence, "stack"), *thread = get_text(evidence, "thread"), *label = "in";
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (is_word(key, labels[i][0]))
            label = labels[i][1];
    return xasprintf("%s %s", label, *thread ? thread : "?");
}

/* Of locks a line of its own: who has which, or wants it. */
static char *lock_line(const json_t *evidence)
{
    const char *key = get_text(evidence, "stack"), *thread = get_text(evidence, "thread"), *where = get_text(evidence, "where");
    if (!*where)
        return NULL;
    if (is_word(key, "held"))
        return xasprintf("%s held %s, taken at", thread, where);
    if (is_word(key, "taken"))
        return xasprintf("%s then took %s at", thread, where);
    if (is_word(key, "waited"))
        return xasprintf("%s waited for %s at", thread, where);
    return NULL;
}

static void one_stack(FILE *out, const json_t *finding, const json_t *evidence, const struct table_style *s)
{
    const json_t *stack = get(get(finding, "stacks"), get_text(evidence, "stack"));
    struct shown shown = shown_plain(stack, FRAMES);
    char *whole = lock_line(evidence), *label = whole ? NULL : stack_label(evidence);
    struct line l;
    line_begin(&l, out, s);
    line_look(&l, LOOK_DIM);
    line_to(&l, 4);
    line_text(&l, whole ? whole : label);
    if (whole)
        line_end(&l);
    line_look(&l, LOOK_PLAIN);
    line_to(&l, STACK_COLUMN);
    line_stack(&l, stack, &shown);
    free(whole);
    free(label);
}

static void doubts(FILE *out, const json_t *finding, const struct table_style *s)
{
    const json_t *list = get(finding, "doubt");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        char *text = NULL;
        if (word && !strcmp(word, "lost-events"))
            text = xstrdup("in doubt: events of this process were lost before, so it may not be so");
        else if (word && !strcmp(word, "by-class"))
            text = xstrdup("in doubt: no two locks were seen in both orders, only locks of the same origin");
        else if (word && !strcmp(word, "unseen-sync"))
            text = xstrdup("in doubt: threads may synchronise by what is not seen (atomics, pipes, futexes)");
        else if (word && !strcmp(word, "unknown-stacks"))
            text = xstrdup("in doubt: the stacks and registers of some threads could not be read; what only they hold counts as lost");
        else if (word && !strcmp(word, "unseen-drops"))
            text = xstrdup("in doubt: blocks are released where nobody sees it, so some of these may be gone");
        if (text)
            line_wrapped(out, s, LOOK_WARN, 4, 6, text);
        free(text);
    }
}

/* To be cut out and put into a file: from the first column, nothing cut. */
static void suppression(FILE *out, const json_t *f, const struct table_style *s)
{
    const char *text = get_text(f, "suppression");
    if (!*text || (s->ask && (fflush(out) || !s->ask())))
        return;
    for (; *text; text++)
        putc((unsigned char)*text < ' ' && *text != '\n' ? '?' : *text, out);
}

static void finding(FILE *out, const json_t *f, const struct table_style *s)
{
    uint64_t count = get_number(f, "count");
    struct line l;
    line_begin(&l, out, s);
    line_end(&l);
    line_look(&l, LOOK_HEAD);
    line_text(&l, get_text(f, "rule"));
    line_look(&l, LOOK_PLAIN);
    if (count > 1)
        line_format(&l, ", %s times, first at %s", number_count(count).text, number_time(get_number(f, "ns")).text);
    else
        line_format(&l, " at %s", number_time(get_number(f, "ns")).text);
    if (*get_text(f, "node"))
        line_format(&l, ", %s", get_text(f, "node"));
    if (*get_text(f, "where"))
        line_format(&l, " (%s)", get_text(f, "where"));
    line_format(&l, ", %s", get_text(f, "process"));
    line_look(&l, LOOK_DIM);
    line_format(&l, "  [%s]", get_text(f, "fingerprint"));
    line_end(&l);
    line_wrapped(out, s, LOOK_WARN, 2, 4, get_text(f, "message"));
    const json_t *evidence = get(f, "evidence");
    for (size_t i = 0; i < json_array_size(evidence); i++)
        one_stack(out, f, json_array_get(evidence, i), s);
    doubts(out, f, s);
    suppression(out, f, s);
}

/* Only what a finding may be missed for. */
static const char *const missed_for[] = { "lost", "locks", "order", "drops", "classes", "process", "file", "nothing", NULL };

static const char *plural(uint64_t n) { return n == 1 ? "" : "s"; }

/* "; 2 suppressed" */
static char *suppressed_text(char *text, const json_t *doc)
{
    uint64_t n = get_number(doc, "suppressed");
    char *more = n ? xasprintf("%s; %s suppressed", text, number_count(n).text) : text;
    if (n)
        free(text);
    return more;
}

void table_suppressions(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "suppressions");
    if (json_array_size(list))
        line_heading(out, s, "Suppressions used");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *used = json_array_get(list, i);
        uint64_t n = get_number(used, "findings"), times = get_number(used, "count");
        char *text = xasprintf("%s finding%s, %s time%s: %s (%s:%llu)", number_count(n).text, plural(n), number_count(times).text, plural(times),
                               get_text(used, "name"), get_text(used, "file"), (unsigned long long)get_number(used, "line"));
        line_wrapped(out, s, LOOK_PLAIN, 2, 4, text);
        free(text);
    }
}

void table_findings(FILE *out, const json_t *doc, const struct table_style *s)
{
    const json_t *list = get(doc, "findings");
    size_t n = json_array_size(list);
    uint64_t all = get_number(doc, "findings_total");
    char *text = n ? xasprintf("%s finding%s:", number_count(all).text, plural(all)) : xstrdup("no findings: no rule was seen broken");
    const char *rule;
    json_t *count;
    bool first = true;
    json_object_foreach((json_t *)get(doc, "rules"), rule, count) {
        char *more = xasprintf("%s%s %s %s", text, first ? "" : ",", number_count((uint64_t)json_integer_value(count)).text, rule);
        free(text);
        text = more;
        first = false;
    }
    text = suppressed_text(text, doc);
    line_wrapped(out, s, LOOK_PLAIN, 0, 2, text);
    free(text);
    for (size_t i = 0; i < n; i++)
        finding(out, json_array_get(list, i), s);
    if (all > n) {
        text = xasprintf("and %s more: -n 0 shows all", number_count(all - n).text);
        line_heading(out, s, text);
        free(text);
    }
    if (s->verbose)
        table_suppressions(out, doc, s);
    table_not_covered(out, doc, s, missed_for);
}
