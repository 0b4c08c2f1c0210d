/*
 * collector/session/rules_text.c - rules printed (rules.h). Any thread.
 *
 * What is printed is read as the same rule again, and printed as the same text.
 */
#include "session/rules_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "event/units.h"

/* As it is read: quoted where it must be. */
static void name_print(FILE *out, const char *name)
{
    if (!name[strcspn(name, " \t,'\"#")]) {
        fputs(name, out);
        return;
    }
    for (const char *p = name; *p;) {   /* a quote of one kind stands in quotes of the other */
        char quote = *p == '\'' ? '"' : '\'';
        size_t n = strcspn(p, quote == '"' ? "\"" : "'");
        fprintf(out, "%c%.*s%c", quote, (int)n, p, quote);
        p += n;
    }
}

static void words_print(FILE *out, enum rule_key key, const struct rule_words *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if (i)
            putc(',', out);
        else
            fprintf(out, " %s=", rule_keys[key]);
        name_print(out, w->list[i]);
    }
}

static void size_print(FILE *out, const struct rule *r)
{
    char low[UNITS_TEXT], high[UNITS_TEXT];
    if (r->size_min == r->size_max)
        fprintf(out, " size=%s", print_bytes(low, r->size_min));
    else if (r->size_min || r->size_max != UINT64_MAX)
        fprintf(out, " size=%s..%s", r->size_min ? print_bytes(low, r->size_min) : "",
                r->size_max != UINT64_MAX ? print_bytes(high, r->size_max) : "");
}

static void events_print(FILE *out, const struct rule *r)
{
    const char *before = " events=";
    uint32_t left = r->events;
    for (size_t k = 0; k < RULE_EVENT_WORDS; k++)
        if ((left & rule_event_words[k].bits) == rule_event_words[k].bits) {
            fprintf(out, "%s%s", before, rule_event_words[k].name);
            left &= ~rule_event_words[k].bits;
            before = ",";
        }
}

static void families_print(FILE *out, const struct rule *r)
{
    const char *before = " family=";
    for (unsigned f = 0; r->families != UINT32_MAX && f < WIRE_FAMILIES; f++) {
        if (!rule_family_makes(f) || !(r->families >> f & 1))
            continue;
        fprintf(out, "%s%s", before, family_name(f));
        before = ",";
    }
}

char *rule_text(const struct rule *r)
{
    char *text, number[UNITS_TEXT];
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    fputs(r->exclude ? " exclude" : "", out);
    words_print(out, RULE_KEY_FUNCTION, &r->functions);
    words_print(out, RULE_KEY_STACK, &r->stacks);
    words_print(out, RULE_KEY_MODULE, &r->modules);
    words_print(out, RULE_KEY_THREAD, &r->threads);
    words_print(out, RULE_KEY_PROCESS, &r->processes);
    size_print(out, r);
    fflush(out);
    bool told = bytes > (r->exclude ? 8u : 0u) || r->sample_bytes || r->every || r->per_second > 0 || r->limit;
    if (!told || r->events != WIRE_RULE_EVENTS || r->families != UINT32_MAX || r->size_min || r->size_max != UINT64_MAX)
        events_print(out, r);
    families_print(out, r);
    if (r->sample_bytes)
        fprintf(out, " sample=%s", print_bytes(number, r->sample_bytes));
    if (r->every)
        fprintf(out, "%s1/%u", r->sample_bytes ? "," : " sample=", r->every);
    if (r->per_second > 0)
        fprintf(out, " rate=%s/s", print_amount(number, r->per_second));
    if (r->limit)
        fprintf(out, " limit=%s", print_amount(number, (double)r->limit));
    if (fclose(out))
        abort();
    memmove(text, text + 1, bytes); /* the first one's blank */
    return text;
}
