/*
 * collector/cli/verdict.c - see verdict.h.
 */
#include "cli/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/message.h"
#include "event/xalloc.h"

int verdict_rules_parse(uint32_t *rules, const char *text, char **error)
{
    char *copy = xstrdup(text), *save, *word = strtok_r(copy, ", ", &save);
    *error = word ? NULL : xasprintf("names no rule");
    *rules = 0;
    for (; word && !*error; word = strtok_r(NULL, ", ", &save)) {
        unsigned rule = 0;
        bool every = !strcmp(word, "any") || !strcmp(word, "all");
        while (!every && rule < RULES && strcmp(word, rule_names[rule]) != 0)
            rule++;
        if (rule == RULES)
            *error = xasprintf("has no rule '%s'; ownscope-model(7) lists them, any means all", word);
        else if (!every && rule == RULE_LEAK)
            *error = xasprintf("cannot tell leaks: this version does not look for them");
        else
            *rules |= every ? (1u << RULES) - 1 : 1u << rule;
    }
    free(copy);
    return *error ? -EINVAL : 0;
}

bool verdict_option(struct verdict *v, struct options *o, int key)
{
    static const char *const gens[] = { "no", "yes", "all", NULL };
    char *error;
    switch (key) {
    case OPTION_SUPPRESSIONS:
        if (query_add_suppressions(&v->files, o->argument))
            options_fail(o, "at most %d --suppressions", QUERY_SUPPRESSIONS_MAX);
        return true;
    case OPTION_GEN_SUPPRESSIONS: v->gen = (enum gen_suppressions)options_choice(o, gens); return true;
    case OPTION_FAIL_ON:
        if (verdict_rules_parse(&v->fail_on, o->argument, &error))
            options_fail(o, "--fail-on %s", error);
        return true;
    case OPTION_ERROR_EXITCODE: v->status = (int)options_count(o, 1, 255); return true;
    case 'v': v->verbose = true; return true;
    }
    return false;
}

/* The terminal, whatever the standard streams are. */
static FILE *terminal(void)
{
    static FILE *file;
    if (!file)
        file = fopen("/dev/tty", "r+e");
    return file;
}

void verdict_ready(struct verdict *v, const struct options *o)
{
    char *error;
    if (query_suppressions(&v->files, &v->suppressions, &error))
        message_fail(o->usage->status, "%s", error);
    if (v->gen == GEN_YES && !terminal())
        options_fail(o, "--gen-suppressions=yes asks on the terminal, and there is none; all prints them unasked");
}

/* Return, n, an end of input: no; y: yes; c: no, and never again. */
static bool ask(void)
{
    static bool never;
    char line[64];
    FILE *tty = terminal();
    while (!never && tty) {
        fputs("---- Print suppression? --- [Return/N/n/Y/y/C/c] ---- ", tty);
        fflush(tty);
        if (!fgets(line, sizeof line, tty) || strchr("Cc", *line)) {
            never = true;
            break;
        }
        fseek(tty, 0, SEEK_CUR);
        if (strchr("\nNn", *line))
            return false;
        if (strchr("Yy", *line))
            return true;
    }
    return false;
}

table_ask verdict_ask(const struct verdict *v) { return v->gen == GEN_YES ? ask : NULL; }

char *verdict_text(uint32_t rules, const struct view *all, const struct view *kept)
{
    uint64_t told[RULES] = { 0 }, times[RULES] = { 0 };
    char *text = NULL;
    for (size_t i = 0; i < kept->n_findings; i++)
        told[kept->findings[i].rule % RULES]++;
    for (size_t i = 0; i < all->n_findings; i++)
        times[all->findings[i].rule % RULES] += all->findings[i].count;
    for (unsigned i = 0; i < RULES; i++) {
        /* past the most that are kept apart nobody knows whether they would be silenced */
        bool more = all->findings_by_rule[i] > times[i];
        if (!(rules & 1u << i) || (!told[i] && !more))
            continue;
        char *longer = told[i] ? xasprintf("%s%s%llu %s", text ? text : "", text ? ", " : "", (unsigned long long)told[i], rule_names[i])
                               : xasprintf("%s%smore %s than are kept", text ? text : "", text ? ", " : "", rule_names[i]);
        free(text);
        text = longer;
    }
    return text;
}
