/*
 * collector/export/plan_text.c - a plan as a rules file (ownscope-rules(5)): its rules, what they are expected to cost, what will not be
 * seen, and what was assumed.
 */
#include "export/plan_state.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAMES_A_RULE = 16, RULES_OF_NAMES = 10, NAMES_MAX = NAMES_A_RULE * RULES_OF_NAMES };

static int by_number(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return (x->allocations < y->allocations) - (x->allocations > y->allocations);
}

/* Lines of rules with the functions that have been chosen so; those beyond the most become what comes after. */
static void names_write(FILE *out, struct groups *g, unsigned chosen, const char *head, const char *tail, unsigned otherwise)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->list[i].chosen != chosen)
            continue;
        if (n >= NAMES_MAX) {
            g->list[i].chosen = otherwise;
            continue;
        }
        fprintf(out, "%s%s", n % NAMES_A_RULE ? "," : n ? tail : "", n % NAMES_A_RULE ? "" : head);
        fputs(g->list[i].function, out);
        n++;
    }
    if (n)
        fputs(tail, out);
}

struct sums { double events, tries, exact, sampled, out, out_bytes; };

static void rate_sum(struct sums *s, double events, unsigned chosen)
{
    s->events += chosen == OFF ? 0 : events / plan_every[chosen];
    s->tries += chosen == OFF ? 0 : events;
}

static struct sums sum(const struct planned *p)
{
    struct sums s = { 0 };
    const struct groups *g = &p->groups;
    double named = 0, named_bytes = 0;
    s.events = plan_switches(p);
    for (size_t i = 0; i < g->n; i++) {
        const struct group *one = &g->list[i];
        double seen = one->chosen == EXACT ? 1 : one->chosen == SAMPLED ? plan_drawn(one->allocations > 0 ? one->bytes / one->allocations : 0, p->sample_bytes) : 0;
        s.events += plan_events_of(p, one) * seen;
        s.exact += one->chosen == EXACT ? one->allocations : 0;
        s.sampled += one->chosen == SAMPLED ? one->allocations : 0;
        s.out += one->chosen == LEFT_OUT ? one->allocations : 0;
        s.out_bytes += one->chosen == LEFT_OUT ? one->bytes : 0;
        named += one->allocations;
        named_bytes += one->bytes;
    }
    if (g->allocations > named) { /* functions without a name fall to the rest */
        s.sampled += g->allocations - named;
        s.events += 2 * (1 + p->resized) * (g->allocations - named) / p->seconds * plan_drawn((g->bytes - named_bytes) / (g->allocations - named), p->sample_bytes);
    }
    rate_sum(&s, p->lock_events, p->items[g->n].chosen);
    rate_sum(&s, p->copy_events, p->items[g->n + 1].chosen);
    return s;
}

static double percent(double part, double whole) { return whole > 0 ? 100 * part / whole : 0; }

static void comments_write(FILE *out, const struct planned *p, const struct plan_ask *ask, const struct sums *s)
{
    static const struct { unsigned bit; const char *word; } reasons[] = { { GROWS, "grows" }, { LEAKS, "leaks" }, { HANDED, "is handed over" }, { BREAKS, "breaks rules" } };
    const struct groups *g = &p->groups;
    size_t told = 0;
    fprintf(out, "# ownscope plan: from %s, %.1f s of it, for %.2g%% of the program's own CPU", ask->source, p->watched, 100 * ask->cpu);
    fprintf(out, ask->program_cpu > 0 ? " (it used %.4f processors)\n" : " (taken for one busy processor: a trace does not tell)\n", p->own_ns / 1e9);
    if (p->slowed > 1.005)
        fprintf(out, "# Recording it cost up to %.0f%% of that time (%.0f events): the program is taken to be %.2f times as fast without.\n",
                100 * (1 - p->seconds / p->watched), p->events, p->slowed);
    if (!p->spared)
        fprintf(out, "# It does not fit: with no event at all the collector's rounds cost %.2f%% to %.2f%%, and passing calls over %.2f%% to %.2f%%.\n"
                "# Half of the budget is spent on events all the same.\n",
                100 * ask->usual.fixed_ns / p->own_ns, 100 * ask->most.fixed_ns / p->own_ns, 100 * p->calls * ask->usual.passed_ns / p->own_ns,
                100 * p->calls * ask->most.passed_ns / p->own_ns);
    fprintf(out, "# Value %.4g; no choice within the budget has more than %.4g.\n", p->value, p->bound);
    fprintf(out, "# Recorded whole: %.1f%% of the allocations; sampled: %.1f%%; not seen at all: %.1f%%, which are %.1f%% of the bytes.\n",
            percent(s->exact, g->allocations), percent(s->sampled, g->allocations), percent(s->out, g->allocations), percent(s->out_bytes, g->bytes));
    for (size_t i = 0; i < g->n && told < 20; i++) {
        if (g->list[i].chosen != LEFT_OUT || !g->list[i].allocations)
            continue;
        fprintf(out, "# Not seen: %s: %.0f allocations, %.0f bytes, of which %.0f blocks live.\n", g->list[i].function,
                g->list[i].allocations, g->list[i].bytes, g->list[i].live_blocks);
        told++;
    }
    for (size_t i = 0; i < g->n; i++)
        for (size_t r = 0; r < sizeof reasons / sizeof *reasons; r++)
            if (g->list[i].why & reasons[r].bit && g->list[i].chosen == EXACT)
                fprintf(out, "# Kept: %s %s.\n", g->list[i].function, reasons[r].word);
            else if (g->list[i].why & reasons[r].bit)
                fprintf(out, "# %s: %s, though it %s.\n", g->list[i].chosen == SAMPLED ? "Only sampled" : "Not seen", g->list[i].function, reasons[r].word);
}

static void rate_write(FILE *out, const char *kind, double events, unsigned chosen)
{
    if (chosen == OFF) {
        fprintf(out, "# Not seen: %s events, of which there were %.0f a second.\n", kind, events);
        return;
    }
    if (events > 0 && chosen)
        fprintf(out, "trace events=%s sample=1/%.0f\n", kind, plan_every[chosen]);
    else if (events > 0 || !chosen)
        fprintf(out, "trace events=%s\n", kind);
}

/* Of the program's own CPU, what is chosen comes to. */
static double cost(const struct planned *p, const struct plan_model *m, const struct sums *s)
{
    return (s->events * (m->sparse_ns + m->collector_ns) + s->tries * m->tried_ns + p->calls * m->passed_ns + m->fixed_ns) / p->own_ns;
}

char *plan_text(struct planned *p, const struct plan_ask *ask)
{
    struct groups *g = &p->groups;
    char *rules = NULL, *file = NULL;
    size_t bytes;
    FILE *out = open_memstream(&rules, &bytes);
    qsort(g->list, g->n, sizeof *g->list, by_number);
    names_write(out, g, LEFT_OUT, "trace exclude function=", " events=memory\n", SAMPLED);
    names_write(out, g, EXACT, "trace function=", " events=memory\n", SAMPLED);
    fprintf(out, "trace events=memory sample=%.0f\n", p->sample_bytes);
    rate_write(out, "lock", p->lock_events, p->items[g->n].chosen);
    rate_write(out, "copy", p->copy_events, p->items[g->n + 1].chosen);
    fclose(out);
    struct sums s = sum(p);
    double usual = 100 * cost(p, &ask->usual, &s), most = 100 * cost(p, &ask->most, &s), trace = (s.events * ask->event_bytes + ask->fixed_bytes) * 3600;
    out = open_memstream(&file, &bytes);
    comments_write(out, p, ask, &s);
    fprintf(out, "# Expected: about %.0f events/s, %.2f%% CPU, at most %.2f%%, and %.0f bytes of trace an hour, at the pace that was watched.\n", s.events, usual, most, trace);
    fputs(rules, out);
    fprintf(out, "promise cpu=%.2f%% of=%s events/s=%.0f bytes/h=%.0f\n", most, ask->program_cpu > 0 ? "program" : "processor", s.events, trace);
    fclose(out);
    free(rules);
    return file;
}
