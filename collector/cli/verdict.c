/*
 * collector/cli/verdict.c - see verdict.h.
 */
#include "cli/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/message.h"
#include "event/xalloc.h"
#include "export/doc_leaks.h"

/* Behind "leak=". */
static char *leak_kind_add(struct verdict_rules *r, const char *word)
{
    unsigned kinds;
    char *wrong, *error = NULL;
    if (leak_kinds_parse(&kinds, word, &wrong) || !kinds)
        error = xasprintf("has no kind of leak '%s' (definite, possible, indirect, reachable, all)", wrong ? wrong : word);
    free(wrong);
    r->leak_kinds |= kinds;
    return error;
}

static char *rule_add(struct verdict_rules *r, const char *word)
{
    unsigned rule = 0;
    bool leak = !strncmp(word, "leak=", 5), every = !strcmp(word, "any") || !strcmp(word, "all");
    while (!leak && !every && rule < RULES && strcmp(word, rule_names[rule]) != 0)
        rule++;
    if (rule == RULES)
        return xasprintf("has no rule '%s'; ownscope-model(7) lists them, any means all", word);
    r->rules |= every ? (1u << RULES) - 1 : 1u << (leak ? RULE_LEAK : rule);
    r->leaks_named |= leak || (!every && rule == RULE_LEAK);
    return leak ? leak_kind_add(r, word + 5) : NULL;
}

int verdict_rules_parse(struct verdict_rules *rules, const char *text, char **error)
{
    char *copy = xstrdup(text), *save, *word = strtok_r(copy, ", ", &save);
    *error = word ? NULL : xasprintf("names no rule");
    *rules = (struct verdict_rules){ 0 };
    for (; word && !*error; word = strtok_r(NULL, ", ", &save))
        *error = rule_add(rules, word);
    if (rules->rules & 1u << RULE_LEAK && !rules->leak_kinds)
        rules->leak_kinds = LEAK_KINDS_ERRORS;
    free(copy);
    return *error ? -EINVAL : 0;
}

/* A second --fail-on adds to the first. */
static int fail_on_add(struct verdict_rules *all, const char *text, char **error)
{
    struct verdict_rules more;
    int e = verdict_rules_parse(&more, text, error);
    all->rules |= more.rules;
    all->leak_kinds |= more.leak_kinds;
    all->leaks_named |= more.leaks_named;
    return e;
}

bool verdict_option(struct verdict *v, struct options *o, int key)
{
    static const char *const gens[] = { "no", "yes", "all", NULL }, *const truths[] = { "yes", "no", NULL };
    char *error;
    switch (key) {
    case OPTION_SUPPRESSIONS:
        if (query_add_suppressions(&v->files, o->argument))
            options_fail(o, "at most %d --suppressions", QUERY_SUPPRESSIONS_MAX);
        return true;
    case OPTION_DEFAULT_SUPPRESSIONS: v->files.no_default_suppressions = options_choice(o, truths) == 1; return true;
    case OPTION_GEN_SUPPRESSIONS: v->gen = (enum gen_suppressions)options_choice(o, gens); return true;
    case OPTION_FAIL_ON:
        if (fail_on_add(&v->fail_on, o->argument, &error))
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

/* True when its own end does not tell already that something went wrong. */
static bool ended_by_itself(const struct view_process *p)
{
    return p->ended && !(p->exit_known && WIFSIGNALED(p->wait_status));
}

/* Who exits holds for a snapshot; of who left neither that nor a status, only a signal is known to do so. */
static bool may_be_killed(const struct leak_gap *gap, const struct doc_context *c)
{
    return !gap->snapshot && !gap->process->exit_known && doc_leaks_at_exit(c);
}

char *verdict_unanswered(const struct verdict_rules *rules, const struct view *v, const struct doc_context *c, bool *fails)
{
    size_t n, told = 0;
    const struct leak_gap *first = NULL;
    *fails = false;
    if (!(rules->rules & 1u << RULE_LEAK))
        return NULL;
    struct leak_gap *gaps = leak_gaps(v, &n);
    for (size_t i = 0; i < n; i++) {
        if (!ended_by_itself(gaps[i].process))
            continue;
        told++;
        bool sure = !may_be_killed(&gaps[i], c);
        if (!first || (sure && !*fails))
            first = &gaps[i];
        *fails |= sure;
    }
    *fails &= rules->leaks_named;
    char *text = NULL;
    if (first) {
        char *why = doc_leaks_gap(first, c), *more = told > 1 ? xasprintf("; and of %zu more process%s", told - 1, told == 2 ? "" : "es") : xstrdup("");
        text = xasprintf("the leak classes of p%u (pid %u) are unknown: %s%s", first->process->id, first->process->pid, why, more);
        free(why), free(more);
    }
    free(gaps);
    return text;
}
